"""The profile likelihood of one parameter, and the interval where it stays within its 95 % contour.

PL(x) = min over the other parameters of loss(x, others), by the bounded Levenberg-Marquardt of the fit with the noise
as found; the interval is {x: PL(x) - min PL <= q^2/2} (Raue et al., Bioinformatics 25, 1923, 2009), q the half-width of
the 95 % interval in standard errors. q^2/2 is 1.92 for a known noise: half the 95 % quantile of chi-squared with one
degree of freedom.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .multistart import whole_boxes
from .report import FitResult
from .ridge import Profile, Profiler, along_trade_off, merged, optima, physical, profile

_LEAST_POINTS = 12
_ROUNDS = 12
_CLOSE = 1e-4
"""Ends are found to this part of the half-width: sqrt(2 rise) against q."""
_NARROW = 1e-6
"""Brackets this narrow, against the half-width, hold a jump of the profile rather than a root."""
_LOWER = 1e-6
"""A loss this much lower is another optimum."""
_BASINS = 3
"""Lowest points from which the optimum is sought."""
_OFFSETS = (0.0, 0.003, -0.003, 0.03, -0.03, 0.15, -0.15, 0.3, -0.3)


@dataclass(frozen=True)
class ProfileEnd:
    """One end of the interval.

    - `value` in the parameter's unit; of an open end the bound.
    - `kind`: "contour" (the profile crosses it there), "bound" (open: still inside at the parameter's bound), "model"
      (it cannot be run or optimised beyond), "unresolved".
    """

    value: float
    kind: str

    @property
    def closed(self) -> bool:
        """Whether the data end the interval here."""
        return self.kind == "contour"


@dataclass(frozen=True)
class ProfileLikelihood:
    """A profile, its points ordered by the parameter.

    - `estimate`: where the profile is lowest; `values`, `rise` [1], shape (points,); `theta`, (points, parameters).
    - `contour` [1]: q^2/2; `lower`, `upper`: ends of the 95 % interval.
    - `priors`: whether the priors of all parameters are part of it, or the data stand alone.
    - `improved` [1]: by how much the lowest loss lies below the fit's, above 0 where the fit missed it or, without
      priors, left it for them.
    """

    name: str
    unit: str
    estimate: float
    values: Float[np.ndarray, " points"]
    rise: Float[np.ndarray, " points"]
    theta: Float[np.ndarray, "points parameters"]
    contour: float
    lower: ProfileEnd
    upper: ProfileEnd
    priors: bool
    improved: float

    @property
    def interval95(self) -> tuple[float | None, float | None]:
        """Ends of the interval; None where it is open."""
        low, high = (end.value if end.closed else None for end in (self.lower, self.upper))
        return low, high

    @property
    def sentence(self) -> str:
        """The interval, or what is open about it."""
        low, high = self.lower, self.upper
        if low.closed and high.closed:
            return f"{self.name} lies between {low.value:.4g} and {high.value:.4g} {self.unit} (95 %)."
        if low.closed or high.closed:
            side, end, other = ("above", low, high) if low.closed else ("below", high, low)
            return f"{self.name} lies {side} {end.value:.4g} {self.unit} (95 %); {_why(other, self.unit)}."
        return f"{self.name} is not bounded: {_why(low, self.unit)}, and {_why(high, self.unit)}."


def _why(end: ProfileEnd, unit: str) -> str:
    at = f"{end.value:.4g} {unit}"
    return {
        "bound": f"its bound {at} fits as well",
        "model": f"the model cannot be run beyond {at}",
        "unresolved": f"no end was found up to {at}",
    }[end.kind]


def profile_likelihood(result: FitResult, name: str, *, priors: bool = False) -> ProfileLikelihood:
    """Profile of one parameter of a finished fit, through the fit's own compiled program.

    Rounds of points held at once and started from the points already known: outward until the contour or the bound is
    passed, then closing in on each crossing, between whose last two points sqrt(rise) is taken for straight.

    Raises ValueError for a parameter that was not fitted.
    """
    problem = result.problem
    if name not in problem.parameters.names:
        raise ValueError(f"There is no fitted parameter '{name}'; there are {', '.join(problem.parameters.names)}.")
    k = problem.parameters.names.index(name)
    weighting = result.weighting._replace(prior=jnp.asarray(float(priors), dtype=jnp.float64))
    found = result.identifiability
    q = float(found.told.quantiles(found.covariance)[k])
    points = max(len(result.starts), _LEAST_POINTS)
    profiler = Profiler(problem, weighting, result.settings.multistart, points, 0.5 * q**2)
    bounds = (float(problem.parameters.lower[k]), float(problem.parameters.upper[k]))
    reach = q * float(np.sqrt(found.covariance[k, k]))
    known = _first(profiler, k, result.theta, reach, found.covariance, bounds)
    began, reference = _loss(profiler, result.theta), np.inf
    for _ in range(_ROUNDS):
        if np.min(known.costs) < reference - _LOWER:
            known = _polished(profiler, k, known)
            reference = float(np.min(known.costs))
        sides = [_wanted(known, k, sign, bounds, q, points // 2) for sign in (-1, 1)]
        grid = np.concatenate(sides)
        if grid.size == 0:
            break
        grid = np.resize(grid, points)
        known = profile(profiler, k, grid, _guesses(known, k, grid), known)
    ends = [_end(known, k, sign, bounds, q) for sign in (-1, 1)]
    lowest = int(np.argmin(known.costs))
    values = physical(problem, k, np.array([e[0] for e in ends] + [known.thetas[lowest, k]]))
    finite = np.isfinite(known.costs)
    return ProfileLikelihood(
        name=name,
        unit=problem.parameters.units[k],
        estimate=float(values[2]),
        values=physical(problem, k, known.thetas[finite, k]),
        rise=known.costs[finite] - known.costs[lowest],
        theta=known.thetas[finite],
        contour=0.5 * q**2,
        lower=ProfileEnd(float(values[0]), ends[0][1]),
        upper=ProfileEnd(float(values[1]), ends[1][1]),
        priors=priors,
        improved=max(began - float(known.costs[lowest]), 0.0),
    )


def _first(
    profiler: Profiler,
    k: int,
    theta: Float[np.ndarray, " parameters"],
    reach: float,
    covariance: Float[np.ndarray, "parameters parameters"],
    bounds: tuple[float, float],
) -> Profile:
    """A first grid over twice the linear interval, with the optimum in it, along the linear trade-off."""
    low, high = np.clip(theta[k] + reach * np.array([-2.0, 2.0]), *bounds)
    grid = np.linspace(low, high, profiler.points)
    grid[np.argmin(np.abs(grid - theta[k]))] = theta[k]
    guess = along_trade_off(theta, covariance, k, grid)
    empty = Profile(np.zeros((0, theta.size)), np.zeros(0))
    return _distinct(profile(profiler, k, grid, guess, empty), k)


def _polished(profiler: Profiler, k: int, known: Profile) -> Profile:
    """The optimum beside the lowest points known, with nothing held."""
    lowest = np.resize(np.argsort(known.costs, kind="stable")[:_BASINS], profiler.points)
    boxes = whole_boxes(profiler.problem.parameters, profiler.points)
    return merged(optima(profiler, known.thetas[lowest], boxes), known, k)


def _loss(profiler: Profiler, theta: Float[np.ndarray, " parameters"]) -> float:
    """Weighted loss at the fit's own point."""
    residuals = np.asarray(profiler.problem.residuals(jnp.asarray(theta)))
    believed = np.asarray(profiler.problem.prior_residuals(jnp.asarray(theta)))
    w = profiler.weighting
    return 0.5 * float(np.sum((np.asarray(w.data) * residuals) ** 2) + np.sum((float(w.prior) * believed) ** 2))


def _distinct(known: Profile, k: int) -> Profile:
    """One point, the best, for each value of the parameter."""
    order = np.lexsort((known.costs, known.thetas[:, k]))
    _, kept = np.unique(known.thetas[order, k], return_index=True)
    return Profile(known.thetas[order[kept]], known.costs[order[kept]])


def _side(known: Profile, k: int, sign: int) -> Profile:
    """From the lowest point outward to one side."""
    known = _distinct(known, k)
    lowest = int(np.argmin(known.costs))
    picked = np.arange(lowest, known.costs.size) if sign > 0 else np.arange(lowest, -1, -1)
    return Profile(known.thetas[picked], known.costs[picked])


def _crossing(side: Profile, q: float) -> tuple[int | None, Float[np.ndarray, " points"]]:
    """First point outside the contour, if any, and sqrt(2 rise) of all."""
    z = np.sqrt(2.0 * np.maximum(side.costs - side.costs[0], 0.0))
    outside = np.flatnonzero(~(z <= q))
    return (int(outside[0]) if outside.size else None), z


def _wanted(
    known: Profile, k: int, sign: int, bounds: tuple[float, float], q: float, count: int
) -> Float[np.ndarray, " wanted"]:
    """Values at which one side is to be known next; none when its end is found."""
    side = _side(known, k, sign)
    x, bound = side.thetas[:, k], bounds[0] if sign < 0 else bounds[1]
    first, z = _crossing(side, q)
    if first is None:
        if x[-1] == bound:
            return np.zeros(0)
        span = max(abs(x[-1] - x[0]), 1e-3 * (bounds[1] - bounds[0]))
        return np.clip(x[-1] + sign * span * 2.0 ** np.arange(count), *bounds)
    a, b = x[first - 1], x[first]
    if _closed(z, first, q) or abs(b - a) <= _NARROW * abs(b - x[0]):
        return np.zeros(0)
    if not np.isfinite(z[first]):
        return a + (b - a) * np.linspace(0.0, 1.0, count + 2)[1:-1]
    share = (q - z[first - 1]) / (z[first] - z[first - 1])
    near = np.clip(share + np.array(_OFFSETS[:count]), 1e-3, 1.0 - 1e-3)
    return a + (b - a) * near


def _closed(z: Float[np.ndarray, " points"], first: int, q: float) -> bool:
    """Whether the two points about the crossing are so close that the straight line between them is the profile."""
    return bool(min(q - z[first - 1], z[first] - q) <= _CLOSE * q and np.isfinite(z[first]))


def _end(known: Profile, k: int, sign: int, bounds: tuple[float, float], q: float) -> tuple[float, str]:
    """Theta and kind of one end."""
    side = _side(known, k, sign)
    x, bound = side.thetas[:, k], bounds[0] if sign < 0 else bounds[1]
    first, z = _crossing(side, q)
    if first is None:
        return (float(bound), "bound") if x[-1] == bound else (float(x[-1]), "unresolved")
    if not np.isfinite(z[first]):
        return float(x[first - 1]), "model"
    share = (q - z[first - 1]) / (z[first] - z[first - 1])
    value = float(x[first - 1] + share * (x[first] - x[first - 1]))
    narrow = abs(x[first] - x[first - 1]) <= _NARROW * abs(x[first] - x[0])
    return value, "contour" if _closed(z, first, q) or narrow else "unresolved"


def _guesses(known: Profile, k: int, grid: Float[np.ndarray, " points"]) -> Float[np.ndarray, "points parameters"]:
    """Between known points on the straight line, beyond them on that through the last two."""
    usable = np.isfinite(known.costs)
    known = _distinct(Profile(known.thetas[usable], known.costs[usable]), k)
    x = known.thetas[:, k]
    guess = np.stack([np.interp(grid, x, column) for column in known.thetas.T], axis=1)
    if x.size > 1:
        for beyond, last, before in ((grid < x[0], 0, 1), (grid > x[-1], -1, -2)):
            slope = (known.thetas[last] - known.thetas[before]) / (x[last] - x[before])
            guess[beyond] = known.thetas[last] + np.outer(grid[beyond] - x[last], slope)
    return guess
