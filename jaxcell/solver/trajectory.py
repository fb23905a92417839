"""What a run returns."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.solver.schedule import Plan, Schedule
from jaxcell.solver.system import State, per_row
from jaxcell.units import Counter, Scalar


class Trajectory(NamedTuple):
    """States at the ends of the intervals, and how the run went.

    Rows are NaN where the run did not get, and for the intervals that a stop skipped.
    """

    time: Float[Array, " intervals"]
    """[s] since the start."""
    state: State
    """Leading axis: intervals."""
    voltage: Float[Array, " intervals"]
    """E [V] at the ends of the intervals."""
    current: Float[Array, " intervals"]
    """I [A m-2] there, positive plates the working electrode."""
    charge: Float[Array, " intervals"]
    """Charge [C m-2] passed in the interval."""
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
    return jnp.where(per_row(reached, rows), rows, jnp.nan)


def charge_by_interval(charge: Float[Array, " intervals"], schedule: Schedule) -> Float[Array, " intervals"]:
    """Charge of each interval from the charge since its protocol's step began; NaN stays NaN."""
    begins = jnp.concatenate([jnp.ones(1, dtype=bool), schedule.next_step[1:] != schedule.next_step[:-1]])
    before = jnp.concatenate([jnp.zeros(1), charge[:-1]])
    return charge - jnp.where(begins, 0.0, before)
