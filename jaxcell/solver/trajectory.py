"""What a run returns."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.solver.schedule import Plan
from jaxcell.solver.system import State
from jaxcell.units import Counter, Scalar


class Trajectory(NamedTuple):
    """States at the ends of the intervals, and how the run went."""

    state: State
    """Leading axis: intervals. NaN where the run did not get."""
    voltage: Float[Array, " intervals"]
    """E [V] at the ends of the intervals."""
    voltage_error: Float[Array, " intervals"]
    """Largest estimated local error of E [V] among the steps of the interval; NaN in a replay, which has none."""
    final: State
    """Last accepted state."""
    final_time: Scalar
    """Its time [s] since the start."""
    final_voltage: Scalar
    final_current: Scalar
    status: Counter
    """A `RESULTS` code."""
    plan: Plan
    rejected: Counter
    newton_iterations: Counter


def reached_only(reached: Array, rows: Array) -> Array:
    """The rows that were reached, NaN for the others."""
    mask = reached.reshape(reached.shape + (1,) * (rows.ndim - 1))
    return jnp.where(mask, rows, jnp.nan)
