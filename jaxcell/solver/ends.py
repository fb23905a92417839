"""How the steps of a protocol end, and whether an end is certain enough to have a derivative.

The duration t* of a step that ends on a stop is where the stop's excess e(t; p) is zero, so dt*/dp = -(de/dp)/(de/dt).
It does not exist where the voltage only grazes the stop, de/dt = 0, and it has two sides where two ends are reached at
once.  Neither is ever met exactly; what counts is whether the tolerance decides.  So the integrator looks past each
stop by a step that is not kept, of the length in which the excess should grow to `CERTAIN` absolute tolerances, and
longer ones while it grows to less: an end is grazed if half of that is not reached before the interval is over, and a
tie if another end lies within the look.
"""

from enum import IntEnum
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.solver.control import excesses
from jaxcell.solver.schedule import Stops
from jaxcell.solver.stopping import StepView
from jaxcell.solver.system import ChainSystem
from jaxcell.solver.tableau import Tableau
from jaxcell.units import Counter, Flag, Scalar

CERTAIN = 10.0
"""Absolute tolerances by which an end must be certain."""
MOST_LOOKS = 20
"""Looks past a stop; one is usual."""


class StepEnd(IntEnum):
    """How a step of the protocol ended."""

    not_reached = 0
    on_time = 1
    on_stop = 2
    tie = 3
    grazed = 4
    skipped = 5

    @property
    def sentence(self) -> str:
        """What happened, and what it means for derivatives."""
        return _SENTENCES[self]


_SENTENCES = {
    StepEnd.not_reached: "The run did not get to the end of this step.",
    StepEnd.on_time: "The step lasted as long as it may.",
    StepEnd.on_stop: "The step ended on a stop.",
    StepEnd.tie: (
        "Two ends of the step were reached at once, within ten tolerances; which came first is chance, and derivatives "
        "are those of the one that was met: with the other they would be different."
    ),
    StepEnd.grazed: (
        "The voltage (or current) barely reached the stop, within ten tolerances of turning before it; the step's "
        "duration has no derivative, so derivatives of this end and of everything after it are NaN."
    ),
    StepEnd.skipped: "The step took no time: its stop was passed as it began.",
}


class Reach(NamedTuple):
    """Excesses of the stops at the last but one stage of a step, at its end, and the share of the step between."""

    inside: Float[Array, " stops"]
    end: Float[Array, " stops"]
    share: float


def reach(stops: Stops, system: ChainSystem, view: StepView, tableau: Tableau) -> Reach:
    """How a step comes up to its stops."""
    result = view.result
    before = jax.tree.map(lambda rows: rows[-2], result.stages)
    share = 1.0 - tableau.nodes[-2]
    charge = view.charge - share * (view.charge - view.began_charge)
    inside = excesses(stops, system.voltage(before, result.currents[-2]), result.currents[-2], charge)
    return Reach(inside, excesses(stops, view.voltage, result.current, view.charge), share)


def look_ahead(found: Reach, which: Counter, step: Scalar, *, smallest: Scalar, longest: Scalar, atol: float) -> Scalar:
    """Length [s] to look past a stop on which a step ended, from how fast it came up to it."""
    rate = (found.end[which] - found.inside[which]) / (found.share * step)
    return jnp.clip(CERTAIN * atol / jnp.maximum(rate, CERTAIN * atol / longest), smallest, longest)


def look_again(
    found: Reach, which: Counter, sound: Flag, looks: Counter, step: Scalar, *, longest: Scalar, atol: float
) -> Scalar:
    """Length [s] of the next look: shorter where one failed, longer where the stop is barely passed; else zero."""
    after = jnp.where(sound, 4.0, 0.1) * step
    short = (found.end[which] > 0.0) & (found.end[which] < 0.5 * CERTAIN * atol)
    again = (~sound | (short & (step < longest))) & (looks < MOST_LOOKS)
    return jnp.where(again, jnp.minimum(after, longest), 0.0)


def judged(ahead: Reach, which: Counter, sound: Flag, left: Scalar, atol: float) -> Counter:
    """Code of an end on a stop, from the last look past it; `left`: the remaining time in lengths of the look."""
    passes = sound & (jnp.maximum(ahead.inside[which], ahead.end[which]) >= 0.5 * CERTAIN * atol)
    others = jnp.where(jnp.arange(ahead.end.shape[0]) == which, -jnp.inf, ahead.end)
    tie = (jnp.max(others) >= 0.0) | (left <= 1.0)
    return jnp.where(passes, jnp.where(tie, int(StepEnd.tie), int(StepEnd.on_stop)), int(StepEnd.grazed))


def judged_on_time(excesses: Float[Array, " stops"], ends_step: Flag, atol: float) -> Counter:
    """Code of an end on time: a tie if a stop is about to be reached as well."""
    tie = ends_step & (jnp.max(excesses) >= -CERTAIN * atol)
    return jnp.where(tie, int(StepEnd.tie), int(StepEnd.on_time))
