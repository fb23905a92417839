"""What the integrator is asked to do, and the step grid it found."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxcell.solver.results import RESULTS
from jaxcell.units import Counter, Scalar

CURRENT, VOLTAGE, POWER = 0, 1, 2
"""Modes of control."""
NO_STOP = -1


class Control(NamedTuple):
    """What is held during an interval."""

    mode: Int[Array, "..."]
    """CURRENT, VOLTAGE or POWER."""
    target: Float[Array, "..."]
    """I [A m-2], positive plates the working electrode; E [V]; or E I [W m-2]."""


class Stops(NamedTuple):
    """Where a step ends before its time; thresholds, infinite (for `current_below`: zero) where there is none."""

    voltage_above: Float[Array, "..."]
    """E [V] reached from below."""
    voltage_below: Float[Array, "..."]
    """... from above."""
    current_below: Float[Array, "..."]
    """|I| [A m-2] reached from above."""
    charge: Float[Array, "..."]
    """|charge| [C m-2] passed since the step began."""


class Schedule(eqx.Module):
    """Intervals of constant control; the state is wanted at the end of each."""

    duration: Float[Array, " intervals"]
    """[s], above zero."""
    control: Control
    jump: Bool[Array, " intervals"]
    """Whether the control changes at the interval's start by more than noise."""
    stops: Stops
    next_step: Int[Array, " intervals"]
    """First interval of the step after the one that the interval belongs to."""
    controlled: bool = eqx.field(static=True)
    """Whether voltage or power is held anywhere: then the current is an unknown."""
    stopped: bool = eqx.field(static=True)
    """Whether any step can end before its time."""

    def at(self, interval: Counter) -> "Interval":
        """One interval."""
        return Interval(*jax.tree.map(lambda rows: rows[interval], (self.duration, self.control, self.stops)))


class Interval(NamedTuple):
    """One interval of a schedule."""

    duration: Scalar
    control: Control
    stops: Stops


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
    stop: Int[Array, " steps"] | None = None
    """Index among `Stops` of what ends each step, `NO_STOP` where its time does; None if no step has a stop."""
    end: Int[Array, " intervals"] | None = None
    """How each interval ended (`StepEnd` codes); None if no step has a stop."""

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
        stop = None
        if self.stop is not None:
            stop = np.full(size, NO_STOP)
            stop[:count] = np.asarray(self.stop)[:count]
            stop = jnp.asarray(stop)
        return self._replace(fraction=jnp.asarray(fraction), interval=jnp.asarray(interval), stop=stop)

    def refined(self, parts: int) -> "Plan":
        """Every step split into `parts` equal ones; needs concrete values. For convergence studies."""
        count = int(self.used)
        fraction = np.repeat(np.asarray(self.fraction)[:count] / parts, parts)
        interval = np.repeat(np.asarray(self.interval)[:count], parts)
        last = np.asarray(self.last_step)
        last = np.where(last >= 0, last * parts + parts - 1, -1)
        stop = None
        if self.stop is not None:
            stop = np.full(count * parts, NO_STOP)
            stop[parts - 1 :: parts] = np.asarray(self.stop)[:count]
            stop = jnp.asarray(stop)
        return self._replace(
            fraction=jnp.asarray(fraction),
            interval=jnp.asarray(interval),
            used=jnp.asarray(count * parts),
            last_step=jnp.asarray(last),
            stop=stop,
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
