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
from jaxtyping import Bool, Float

from .evaluation import Evaluation, Weighting
from .identifiability import Direction
from .least_squares import Box
from .multistart import MultistartSettings, evaluate_starts, prepare, run_starts, whole_boxes
from .problem import Problem

_UNSEEN = 0.05
"""Scaled information of a pivot below which it is looked for elsewhere (see `trades_off`)."""
_SINGULAR = 1e-10
_MOVES = 0.1
"""Least component, against the largest, of a parameter said to move along a ridge."""


@dataclass(frozen=True)
class Ridge:
    """Profile points within the 95 % contour, ordered by the pivot.

    - `names`: the parameters that move along it, the pivot first; `words`: the weak direction.
    - `theta`, shape (points, parameters); `values`: physical value of every parameter at each point, by name.
    - `rise`, shape (points,): loss above its lowest [1], at most q^2/2.
    - `extent`, shape (2, parameters): lowest and highest theta within the contour, on the ridge and beside it.
    - `loadings`, shape (parameters,): the weak direction as a unit vector in prior standard deviations.
    """

    names: tuple[str, ...]
    words: str
    loadings: Float[np.ndarray, " parameters"]
    theta: Float[np.ndarray, "points parameters"]
    values: dict[str, Float[np.ndarray, " points"]]
    rise: Float[np.ndarray, " points"]
    extent: Float[np.ndarray, "2 parameters"]

    @property
    def reach(self) -> Float[np.ndarray, " parameters"]:
        """From the lowest to the highest theta on the ridge."""
        return np.ptp(self.theta, axis=0)


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
    aside: Float[np.ndarray, "others parameters"],
) -> Ridge:
    """The ridge through the optimum `theta` along one weak direction; `cost` is the weighted loss there.

    Two passes: the pivot is held across theta +- `half_width`, then the parameter most correlated with it
    across all that the first pass left open. Each is best resolved by its own grid, since one end of a
    trade-off squeezes one of the two.  `aside`: unit vectors in theta of other ridges, not followed beside this one.
    """
    pivot = pivot_of(direction)
    grid = _across(profiler, theta, half_width, pivot)
    first = _Pass.of(profiler, pivot, grid, along_trade_off(theta, covariance, pivot, grid), aside)

    partner = _partner(covariance, pivot)
    near = merged(first.profile, Profile(theta[None, :], np.array([cost])), pivot)
    inside = near.costs - np.min(near.costs) <= profiler.contour
    inside[:-1] |= inside[1:]
    inside[1:] |= inside[:-1]
    known = near.thetas[inside][np.argsort(near.thetas[inside, partner], kind="stable")]
    grid = np.linspace(known[0, partner], known[-1, partner], profiler.points)
    guess = np.stack([np.interp(grid, known[:, partner], column) for column in known.T], axis=1)
    second = _Pass.of(profiler, partner, grid, guess, aside)
    return _ridge(profiler, direction, Profile(theta[None, :], np.array([cost])), first, second)


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
    return merged(optima(profiler, *_held(profiler, pivot, grid, guess)), known, pivot)


def optima(profiler: Profiler, guess: Float[np.ndarray, "points parameters"], boxes: Box) -> Profile:
    """Where each guess settles inside its box, through the program of the fit."""
    settled = _settled(profiler, guess, boxes)
    return Profile(np.asarray(settled.theta), np.asarray(settled.cost))


def _settled(profiler: Profiler, guess: Float[np.ndarray, "points parameters"], boxes: Box) -> Evaluation:
    problem, settings = profiler.problem, profiler.settings
    state = prepare(problem, jnp.asarray(guess), boxes)
    return run_starts(problem, state, boxes, profiler.weighting, settings).evaluation


def _held(
    profiler: Profiler, pivot: int, grid: Float[np.ndarray, " points"], guess: Float[np.ndarray, "points parameters"]
) -> tuple[Float[np.ndarray, "points parameters"], Box]:
    """Guesses and boxes with the pivot on the grid."""
    lows = np.tile(np.asarray(profiler.problem.parameters.lower), (grid.size, 1))
    highs = np.tile(np.asarray(profiler.problem.parameters.upper), (grid.size, 1))
    guess[:, pivot] = lows[:, pivot] = highs[:, pivot] = grid
    return guess, Box(jnp.asarray(lows), jnp.asarray(highs))


class _Pass(NamedTuple):
    """Points with a pivot held, and the standard error of each other parameter beside the ridge there, 0 where it lies
    on a bound."""

    profile: Profile
    beside: Float[np.ndarray, "points parameters"]

    @classmethod
    def of(
        cls,
        profiler: Profiler,
        pivot: int,
        grid: Float[np.ndarray, " points"],
        guess: Float[np.ndarray, "points parameters"],
        aside: Float[np.ndarray, "others parameters"],
    ) -> "_Pass":
        guess, boxes = _held(profiler, pivot, grid, guess)
        settled = _settled(profiler, guess, boxes)
        thetas, lower, upper = (np.asarray(leaf) for leaf in (settled.theta, boxes.lower, boxes.upper))
        free = (thetas > lower) & (thetas < upper) & np.isfinite(np.asarray(settled.cost))[:, None]
        beside = [_beside(*one, aside) for one in zip(np.asarray(settled.information), free, strict=True)]
        order = np.argsort(thetas[:, pivot], kind="stable")
        return cls(Profile(thetas[order], np.asarray(settled.cost)[order]), np.stack(beside)[order])

    def extent(self, lowest: float, contour: float) -> Float[np.ndarray, "2 parameters"]:
        """Lowest and highest theta within the contour: on the ridge, its edge between two points where sqrt(rise) is
        linear, and beside each point, where the loss rises as a parabola."""
        thetas, rise = self.profile.thetas, self.profile.costs - lowest
        inside = rise <= contour
        off = self.beside[inside] * np.sqrt(2.0 * np.maximum(contour - rise[inside], 0.0))[:, None]
        reached = [*(thetas[inside] - off), *(thetas[inside] + off)]
        for i in np.flatnonzero(inside[1:] != inside[:-1]):
            a, b = (i, i + 1) if inside[i] else (i + 1, i)
            if np.isfinite(rise[b]):
                part = (np.sqrt(contour) - np.sqrt(max(rise[a], 0.0))) / (np.sqrt(rise[b]) - np.sqrt(max(rise[a], 0.0)))
                reached.append(thetas[a] + part * (thetas[b] - thetas[a]))
        if not reached:
            return np.stack([np.full(thetas.shape[1], np.inf), np.full(thetas.shape[1], -np.inf)])
        return np.stack([np.min(reached, axis=0), np.max(reached, axis=0)])


def _beside(
    information: Float[np.ndarray, "parameters parameters"],
    free: Bool[np.ndarray, " parameters"],
    aside: Float[np.ndarray, "others parameters"],
) -> Float[np.ndarray, " parameters"]:
    """Standard errors of the free parameters, the others held, without what other ridges follow."""
    found = np.zeros(free.size)
    if np.any(free):
        own = information[np.ix_(free, free)]
        size = np.sqrt(np.maximum(np.diag(own), np.finfo(np.float64).tiny))
        covariance = np.linalg.pinv(own / np.outer(size, size), rcond=_SINGULAR, hermitian=True) / np.outer(size, size)
        for other in aside[:, free]:
            whole = float(other @ other)
            if whole > 0.0:
                keep = np.eye(other.size) - np.outer(other, other) / whole
                covariance = keep @ covariance @ keep
        found[free] = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return found


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
    guess = np.tile(theta, (profiler.points, 1))
    guess[:, k] = _across(profiler, theta, half_width, k)
    boxes = whole_boxes(profiler.problem.parameters, profiler.points)
    state = prepare(profiler.problem, jnp.asarray(guess), boxes)
    likelihood = profiler.weighting._replace(prior=jnp.zeros((), dtype=jnp.float64))
    there = evaluate_starts(profiler.problem, state, boxes, likelihood, profiler.settings)
    costs = np.asarray(there.cost)
    run = costs[np.isfinite(costs)]
    return bool(run.size > 0 and np.ptp(run) > profiler.contour)


def _across(
    profiler: Profiler, theta: Float[np.ndarray, " parameters"], half_width: Float[np.ndarray, " parameters"], k: int
) -> Float[np.ndarray, " points"]:
    """Values of a parameter across its plausible range."""
    lower, upper = profiler.problem.parameters.lower, profiler.problem.parameters.upper
    low, high = max(float(lower[k]), theta[k] - half_width[k]), min(float(upper[k]), theta[k] + half_width[k])
    return np.linspace(low, high, profiler.points)


def _ridge(profiler: Profiler, direction: Direction, start: Profile, first: _Pass, second: _Pass) -> Ridge:
    names = profiler.problem.parameters.names
    pivot = pivot_of(direction)
    whole = merged(merged(first.profile, second.profile, pivot), start, pivot)
    lowest = float(np.min(whole.costs))
    inside = whole.costs - lowest <= profiler.contour
    extents = np.stack([one.extent(lowest, profiler.contour) for one in (first, second)])
    size = np.abs(direction.loadings)
    moving = [int(k) for k in np.argsort(-size) if size[k] >= _MOVES * np.max(size)]
    thetas = whole.thetas[inside]
    return Ridge(
        names=tuple(names[k] for k in moving),
        words=direction.words,
        loadings=direction.loadings,
        theta=thetas,
        values={name: physical(profiler.problem, k, thetas[:, k]) for k, name in enumerate(names)},
        rise=whole.costs[inside] - lowest,
        extent=np.stack([np.min([*extents[:, 0], *thetas], axis=0), np.max([*extents[:, 1], *thetas], axis=0)]),
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
