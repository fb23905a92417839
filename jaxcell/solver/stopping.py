"""The moment within a step at which a stop is reached."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxcell.solver.control import excesses
from jaxcell.solver.schedule import Stops
from jaxcell.solver.step import StepResult
from jaxcell.solver.system import ChainSystem
from jaxcell.solver.tableau import Tableau
from jaxcell.units import Counter, Flag, Scalar

STOP_SHARE = 0.01
"""A stop counts as reached within this part of the absolute tolerance."""
LOOKS = np.linspace(0.0, 1.0, 10)[1:-1]
"""Where a step is searched for a stop that is passed and left again [1]."""


class Search(NamedTuple):
    """Bracket of the step length at which the largest excess is zero."""

    active: Flag
    trial: Scalar
    """Next length to try [s]."""
    low: Scalar
    low_excess: Scalar
    high: Scalar
    """Infinite while the step is only looked into."""
    high_excess: Scalar


class StepView(NamedTuple):
    """A step as the search sees it: charge, voltage and current where it begins, and where it ends."""

    began_charge: Scalar
    began_voltage: Scalar
    began_current: Scalar
    step: Scalar
    charge: Scalar
    voltage: Scalar
    result: StepResult


class Verdict(NamedTuple):
    stopped: Flag
    """The step ends on a stop."""
    at_once: Flag
    """The stop is reached before any time that the clock resolves."""
    which: Counter
    """Of the stops, the one that is reached."""
    search: Search
    """Active if the step must be tried again with another length."""


def no_search() -> Search:
    zero = jnp.asarray(0.0)
    return Search(jnp.asarray(False), zero, zero, zero, jnp.asarray(jnp.inf), zero)


def look_for_stop(
    search: Search,
    stops: Stops,
    system: ChainSystem,
    view: StepView,
    tableau: Tableau,
    *,
    smallest: Scalar,
    tolerance: float,
) -> Verdict:
    """Judge an accurate step.

    Its end beyond a stop starts a search by the Illinois variant of the secant rule between a length that stays short
    of every stop and one that passes one; the first stop to be reached is where the largest excess is zero.  Its inside
    beyond a stop, by a polynomial through its stages, has the step tried again with that length.
    """
    step = view.step
    every = excesses(stops, view.voltage, view.result.current, view.charge)
    largest = jnp.max(every)
    landed = jnp.abs(largest) <= tolerance
    over = largest > tolerance
    began = jnp.max(excesses(stops, view.began_voltage, view.began_current, view.began_charge))
    low = jnp.where(search.active, search.low, 0.0)
    low_excess = jnp.where(search.active, search.low_excess, jnp.minimum(began, -tolerance))
    high = jnp.where(over, step, jnp.where(search.active, search.high, jnp.inf))
    high_excess = jnp.where(over, largest, jnp.where(search.active, search.high_excess, 0.0))
    bracketed = jnp.isfinite(high)
    # Illinois: an end that stays twice has its excess halved, so that the other is drawn to the root.
    low_excess = jnp.where(search.active & over & bracketed, 0.5 * low_excess, low_excess)
    high_excess = jnp.where(search.active & ~over & bracketed, 0.5 * high_excess, high_excess)
    low, low_excess = jnp.where(over, low, step), jnp.where(over, low_excess, largest)
    finite_high = jnp.where(bracketed, high, step)
    width = finite_high - low
    secant = finite_high - high_excess * width / (high_excess - low_excess)
    inside = (secant > low + 1e-3 * width) & (secant < finite_high - 1e-3 * width)
    trial = jnp.where(inside, secant, low + 0.5 * width)
    pinched = bracketed & (width < smallest)
    at_once = pinched & (finite_high < 2.0 * smallest)
    stopped = landed | pinched

    glance, where = _inside(stops, system, view, tableau)
    dips = (largest < -tolerance) & (glance > tolerance) & ~search.active & (where * step > smallest)
    again = bracketed & ~stopped & ~at_once
    next_search = Search(
        active=again | dips,
        trial=jnp.where(dips, where * step, trial),
        low=jnp.where(dips, 0.0, low),
        low_excess=jnp.where(dips, jnp.minimum(began, -tolerance), low_excess),
        high=jnp.where(dips, jnp.inf, high),
        high_excess=jnp.where(dips, 0.0, high_excess),
    )
    return Verdict(stopped, at_once, jnp.argmax(every), next_search)


def _inside(stops: Stops, system: ChainSystem, view: StepView, tableau: Tableau) -> tuple[Scalar, Scalar]:
    """Largest excess inside the step, and where [share of the step]."""
    result = view.result
    voltages = jnp.concatenate([view.began_voltage[None], jax.vmap(system.voltage)(result.stages, result.currents)])
    currents = jnp.concatenate([view.began_current[None], result.currents])
    weights = jnp.asarray(_interpolation(tableau))
    voltage = jnp.sum(weights * voltages[None], axis=1)
    current = jnp.sum(weights * currents[None], axis=1)
    charge = view.began_charge + jnp.asarray(LOOKS) * (view.charge - view.began_charge)
    every = jax.vmap(lambda v, i, q: jnp.max(excesses(stops, v, i, q)))(voltage, current, charge)
    first = jnp.argmax(every > 0.0)
    return every[first], jnp.asarray(LOOKS)[first]


def _interpolation(tableau: Tableau) -> Float[np.ndarray, "looks knots"]:
    """Values at LOOKS of the polynomials that are one at a knot (start, stages) and zero at the others."""
    knots = np.array([0.0, *tableau.nodes])
    return np.array([[np.prod([(x - o) / (k - o) for o in knots if o != k]) for k in knots] for x in LOOKS])
