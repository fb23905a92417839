"""The trade-off between parameters, shown honestly: the loss profile along a direction the data hardly see.

The pivot parameter of a weak direction is held at points across its plausible range while the same bounded
Levenberg-Marquardt re-optimises all others; the points whose nonlinear loss stays within the 95 % contour,
loss - lowest loss <= q^2/2 with q the half-width of the 95 % interval in standard errors (1.92 for Gaussian
noise, half the 95 % quantile of chi-squared with one degree of freedom), form the ridge.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .evaluation import Weighting
from .identifiability import Direction
from .least_squares import Box
from .multistart import MultistartSettings, evaluate_starts, prepare, run_starts
from .problem import Problem

_UNSEEN = 0.05
"""Scaled information of a pivot below which it is looked for elsewhere (see `trades_off`)."""
_MOVES = 0.1
"""Least component, against the largest, of a parameter said to move along a ridge."""


@dataclass(frozen=True)
class Ridge:
    """Profile points within the 95 % contour, ordered by the pivot.

    - `names`: the parameters that move along it, the pivot first; `words`: the weak direction.
    - `theta`, shape (points, parameters); `values`: physical value of every parameter at each point, by name.
    - `rise`, shape (points,): loss above its lowest [1], at most q^2/2.
    - `extent`, shape (2, parameters): lowest and highest theta on it, interpolated to the contour.
    - `loadings`, shape (parameters,): the weak direction as a unit vector in prior standard deviations.
    """

    names: tuple[str, ...]
    words: str
    loadings: Float[np.ndarray, " parameters"]
    theta: Float[np.ndarray, "points parameters"]
    values: dict[str, Float[np.ndarray, " points"]]
    rise: Float[np.ndarray, " points"]
    extent: Float[np.ndarray, "2 parameters"]


class Profiler(NamedTuple):
    """What every profile of one problem shares.

    - `weighting`: of the objective; `contour` [1]: its rise on the edge of a ridge.
    - `points`: profile points per pass, run as one batch (the compiled fit's own when it has as many starts).
    """

    problem: Problem
    weighting: Weighting
    settings: MultistartSettings
    points: int
    contour: float


def trace_ridge(
    profiler: Profiler,
    direction: Direction,
    theta: Float[np.ndarray, " parameters"],
    cost: float,
    covariance: Float[np.ndarray, "parameters parameters"],
    half_width: Float[np.ndarray, " parameters"],
) -> Ridge:
    """The ridge through the optimum `theta` along one weak direction; `cost` is the weighted loss there.

    Two passes: the pivot is held across theta +- `half_width`, then the parameter most correlated with it
    across all that the first pass left open. Each is best resolved by its own grid, since one end of a
    trade-off squeezes one of the two.
    """
    parameters = profiler.problem.parameters
    pivot = pivot_of(direction)
    grid = _across(
        theta, half_width, pivot, np.asarray(parameters.lower), np.asarray(parameters.upper), profiler.points
    )
    guess = along_trade_off(theta, covariance, pivot, grid)
    start = Profile(theta[None, :], np.array([cost]))
    first = profile(profiler, pivot, grid, guess, start)

    partner = _partner(covariance, pivot)
    inside = first.costs - np.min(first.costs) <= profiler.contour
    inside[:-1] |= inside[1:]
    inside[1:] |= inside[:-1]
    known = first.thetas[inside][np.argsort(first.thetas[inside, partner], kind="stable")]
    grid = np.linspace(known[0, partner], known[-1, partner], profiler.points)
    guess = np.stack([np.interp(grid, known[:, partner], column) for column in known.T], axis=1)
    second = profile(profiler, partner, grid, guess, start)
    return _ridge(profiler, direction, first, second)


class Profile(NamedTuple):
    """Points with all but one parameter optimal, and their weighted loss, ordered by that parameter."""

    thetas: Float[np.ndarray, "points parameters"]
    costs: Float[np.ndarray, " points"]


def pivot_of(direction: Direction) -> int:
    """Index of the parameter that moves most, in prior standard deviations, along a direction."""
    return int(np.argmax(np.abs(direction.loadings)))


def _partner(covariance: Float[np.ndarray, "parameters parameters"], pivot: int) -> int:
    """Index of the parameter most correlated with the pivot."""
    strength = np.abs(covariance[pivot]) / np.sqrt(np.diag(covariance))
    strength[pivot] = -1.0
    return int(np.argmax(strength))


def profile(
    profiler: Profiler,
    pivot: int,
    grid: Float[np.ndarray, " points"],
    guess: Float[np.ndarray, "points parameters"],
    known: Profile,
) -> Profile:
    """Optima of all other parameters with the pivot held on the grid (as many values as the program has starts)
    and begun at the guesses, merged with the known points."""
    lows = np.tile(np.asarray(profiler.problem.parameters.lower), (grid.size, 1))
    highs = np.tile(np.asarray(profiler.problem.parameters.upper), (grid.size, 1))
    guess[:, pivot] = lows[:, pivot] = highs[:, pivot] = grid
    return merged(optima(profiler, guess, Box(jnp.asarray(lows), jnp.asarray(highs))), known, pivot)


def optima(profiler: Profiler, guess: Float[np.ndarray, "points parameters"], boxes: Box) -> Profile:
    """Where each guess settles inside its box, through the program of the fit."""
    problem, settings = profiler.problem, profiler.settings
    state = prepare(problem, jnp.asarray(guess), boxes)
    outcome = run_starts(problem, state, boxes, profiler.weighting, settings)
    return Profile(np.asarray(outcome.evaluation.theta), np.asarray(outcome.evaluation.cost))


def merged(new: Profile, known: Profile, pivot: int) -> Profile:
    """All points, ordered by the pivot."""
    thetas, costs = np.concatenate([new.thetas, known.thetas]), np.concatenate([new.costs, known.costs])
    order = np.argsort(thetas[:, pivot], kind="stable")
    return Profile(thetas[order], costs[order])


def trade_offs(found: tuple[Direction, ...], remaining: float) -> tuple[Direction, ...]:
    """The directions that may be worth a ridge: at least `remaining` of the prior left, no pivot twice."""
    chosen, pivots = [], set()
    for direction in found:
        k = pivot_of(direction)
        if direction.remaining >= remaining and k not in pivots and len(found) > 1:
            pivots.add(k)
            chosen.append(direction)
    return tuple(chosen)


def trades_off(
    profiler: Profiler,
    direction: Direction,
    theta: Float[np.ndarray, " parameters"],
    cost: float,
    information: Float[np.ndarray, "parameters parameters"],
    prior_sd: Float[np.ndarray, " parameters"],
    half_width: Float[np.ndarray, " parameters"],
) -> bool:
    """Whether the data see a direction's pivot: at the optimum, or where it goes from there with all others kept.

    A conductivity that shorts out everything is not seen where it is high, and trades off with what it was in series
    with where it is low. What is seen nowhere has its prior as its profile.
    """
    k = pivot_of(direction)
    if information[k, k] * prior_sd[k] ** 2 >= _UNSEEN:
        return True
    parameters, count = profiler.problem.parameters, profiler.points
    bounds = (np.asarray(parameters.lower), np.asarray(parameters.upper))
    guess = np.tile(theta, (count, 1))
    guess[:, k] = _across(theta, half_width, k, *bounds, count)
    boxes = Box(*(jnp.tile(jnp.asarray(bound)[None, :], (count, 1)) for bound in bounds))
    state = prepare(profiler.problem, jnp.asarray(guess), boxes)
    there = evaluate_starts(profiler.problem, state, boxes, profiler.weighting, profiler.settings)
    costs = np.asarray(there.cost)
    return bool(np.any(np.isfinite(costs) & (costs > cost + profiler.contour)))


def _across(
    theta: Float[np.ndarray, " parameters"],
    half_width: Float[np.ndarray, " parameters"],
    k: int,
    lower: Float[np.ndarray, " parameters"],
    upper: Float[np.ndarray, " parameters"],
    points: int,
) -> Float[np.ndarray, " points"]:
    """Values of a parameter across its plausible range."""
    low, high = max(float(lower[k]), theta[k] - half_width[k]), min(float(upper[k]), theta[k] + half_width[k])
    return np.linspace(low, high, points)


def _extent(profile: Profile, lowest: float, contour: float) -> Float[np.ndarray, "2 parameters"]:
    """Lowest and highest theta within the contour; its edge between two points where sqrt(rise) is linear."""
    thetas, rise = profile.thetas, profile.costs - lowest
    inside = rise <= contour
    reached = list(thetas[inside])
    for i in np.flatnonzero(inside[1:] != inside[:-1]):
        a, b = (i, i + 1) if inside[i] else (i + 1, i)
        if np.isfinite(rise[b]):
            part = (np.sqrt(contour) - np.sqrt(rise[a])) / (np.sqrt(rise[b]) - np.sqrt(rise[a]))
            reached.append(thetas[a] + part * (thetas[b] - thetas[a]))
    return np.stack([np.min(reached, axis=0), np.max(reached, axis=0)])


def _ridge(profiler: Profiler, direction: Direction, first: Profile, second: Profile) -> Ridge:
    names = profiler.problem.parameters.names
    lowest = float(min(np.min(first.costs), np.min(second.costs)))
    thetas, costs = np.concatenate([first.thetas, second.thetas]), np.concatenate([first.costs, second.costs])
    order = np.argsort(thetas[:, pivot_of(direction)], kind="stable")
    inside = order[costs[order] - lowest <= profiler.contour]
    extents = [_extent(profile, lowest, profiler.contour) for profile in (first, second)]
    size = np.abs(direction.loadings)
    moving = [int(k) for k in np.argsort(-size) if size[k] >= _MOVES * np.max(size)]
    return Ridge(
        names=tuple(names[k] for k in moving),
        words=direction.words,
        loadings=direction.loadings,
        theta=thetas[inside],
        values={name: physical(profiler.problem, k, thetas[inside, k]) for k, name in enumerate(names)},
        rise=costs[inside] - lowest,
        extent=np.stack([np.min([e[0] for e in extents], axis=0), np.max([e[1] for e in extents], axis=0)]),
    )


def along_trade_off(
    theta: Float[np.ndarray, " parameters"],
    covariance: Float[np.ndarray, "parameters parameters"],
    index: int,
    grid: Float[np.ndarray, " points"],
) -> Float[np.ndarray, "points parameters"]:
    """Where the others go, to first order, while one parameter moves over `grid`."""
    return theta[None, :] + np.outer(grid - theta[index], covariance[:, index] / covariance[index, index])


def physical(problem: Problem, index: int, theta: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Physical values of one parameter at many theta, clipped to its bounds against round-off."""
    parameter = problem.parameters.parameters[index]
    low, high = (float(b) for b in parameter.bounds)
    return np.clip(np.asarray(jax.vmap(parameter.transform.inverse)(jnp.asarray(theta))), low, high)
