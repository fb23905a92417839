"""What the integrator is asked to do, and the step grid it found."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxcell.solver.results import RESULTS
from jaxcell.units import Counter


class Schedule(NamedTuple):
    """Intervals of constant current; the state is wanted at the end of each."""

    duration: Float[Array, " intervals"]
    """[s], above zero."""
    current: Float[Array, " intervals"]
    """I [A m-2], positive plates the working electrode."""
    jump: Bool[Array, " intervals"]
    """Whether the current changes at the interval's start by more than noise."""


class Plan(NamedTuple):
    """A step grid: step j covers `fraction[j]` of interval `interval[j]`; entries from `used` on are slack."""

    fraction: Float[Array, " steps"]
    interval: Int[Array, " steps"]
    used: Counter
    outcome: Counter
    """`RESULTS` code of the run that made the plan: a run that ended early stays one when it is replayed."""
    last_step: Int[Array, " intervals"]
    """Index of the step that ends each interval; -1 for intervals that were not reached."""
    duration: Float[Array, " intervals"] | None = None
    """Durations of the intervals it was made for [s]."""

    def trimmed(self, multiple: int = 32) -> "Plan":
        """The same grid with as little slack as a multiple of `multiple` steps allows; needs concrete values.

        The multiple bounds how many shapes, hence compilations, a family of similar plans can have.
        """
        count = int(self.used)
        size = max(multiple, -(-count // multiple) * multiple)
        fraction = np.zeros(size)
        interval = np.zeros(size, dtype=np.int64)
        fraction[:count] = np.asarray(self.fraction)[:count]
        interval[:count] = np.asarray(self.interval)[:count]
        return Plan(
            jnp.asarray(fraction), jnp.asarray(interval), self.used, self.outcome, self.last_step, self.duration
        )

    def refined(self, parts: int) -> "Plan":
        """Every step split into `parts` equal ones; needs concrete values. For convergence studies."""
        count = int(self.used)
        fraction = np.repeat(np.asarray(self.fraction)[:count] / parts, parts)
        interval = np.repeat(np.asarray(self.interval)[:count], parts)
        last = np.asarray(self.last_step)
        last = np.where(last >= 0, last * parts + parts - 1, -1)
        steps = jnp.asarray(count * parts)
        return Plan(
            jnp.asarray(fraction), jnp.asarray(interval), steps, self.outcome, jnp.asarray(last), self.duration
        ).trimmed()


def uniform_plan(intervals: int, steps_per_interval: int) -> Plan:
    """The same number of equal steps in every interval."""
    count = intervals * steps_per_interval
    return Plan(
        jnp.full(count, 1.0 / steps_per_interval),
        jnp.repeat(jnp.arange(intervals), steps_per_interval),
        jnp.asarray(count),
        jnp.asarray(int(RESULTS.successful)),
        jnp.arange(1, intervals + 1) * steps_per_interval - 1,
    )
