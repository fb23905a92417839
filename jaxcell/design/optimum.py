"""The optimum of a design, what holds it there, and how far it can be trusted."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxcell.design.design import Design, Limit
from jaxcell.design.multipliers import ACTIVE, multipliers, per_bound, per_limit, slopes
from jaxcell.design.programme import FEASIBLE, DesignError, Point, Programme
from jaxcell.design.solvers import METHODS, Method, slsqp, solve
from jaxcell.design.statistics import latin_hypercube

STATIONARY = 1e-2
"""Residual of the first-order conditions, in units of the objective's gradient, up to which a point is an optimum."""
FLAT = 1e-4
"""Change of the objective over a variable's whole range, in units of its size, below which it is stationary anyway."""
RIGHT_GRADIENT = 1e-2
"""Difference of derivatives from central differences, relative, up to which they count as checked."""
CHECK_STEPS = (1e-3, 1e-2)
"""Of the central differences, in widths of the bounds."""
NEARLY = 1e-3
"""Violation, in units of each limit, up to which a moved design is priced all the same."""
SAME = 1e-3
"""Difference of two starts' objectives, relative, up to which they found the same optimum."""
Progress = Callable[[int, int], Any]


@dataclass(frozen=True)
class LimitAtOptimum:
    """A limit and what it costs: `value` of its quantity (or of the quantile that must hold it), `multiplier`
    d(best objective)/d(limit's number), 0 where not `active`."""

    limit: Limit
    value: float
    active: bool
    multiplier: float


@dataclass(frozen=True)
class VariableAtOptimum:
    """A chosen number: `at_bound` "low", "high" or None; `multiplier` d(best objective)/d(bound), 0 between bounds;
    `slope` d(objective)/d(value) with all other variables kept."""

    name: str
    unit: str
    value: float
    bounds: tuple[float, float]
    at_bound: str | None
    multiplier: float
    slope: float


@dataclass(frozen=True)
class Start:
    """Where a start ended: its objective, whether limits were held there, and what the solver said."""

    objective: float
    feasible: bool
    success: bool
    message: str


@dataclass(frozen=True)
class Optimum:
    """The best design found, in SI.

    - `converged`: limits held, first-order conditions met, derivatives right; `verdict` says what is not.
    - `optimality` [1]: residual of the first-order conditions; `gradient_error` [1]: largest difference of derivatives
      from central differences; `violation` [1] of the limits, in units of each.
    - `failures`: evaluations that failed (a run that ended early), of `evaluations`.
    """

    design: Design
    objective: float
    variables: tuple[VariableAtOptimum, ...]
    limits: tuple[LimitAtOptimum, ...]
    starts: tuple[Start, ...]
    optimality: float
    gradient_error: float
    violation: float
    evaluations: int
    failures: int
    seconds: float
    interrupted: bool
    programme: Programme
    point: Point

    @property
    def values(self) -> dict[str, float]:
        """Of the variables, by name."""
        return {one.name: one.value for one in self.variables}

    @property
    def watched(self) -> dict[str, float]:
        """Quantities without a limit, by name; means where something is uncertain."""
        values = self.point.values[1 + len(self.limits) :]
        return {name: float(value) for name, value in zip(self.design.watched, values, strict=True)}

    @property
    def feasible(self) -> bool:
        """Whether every limit is held."""
        return self.violation <= FEASIBLE

    @property
    def stationary(self) -> bool:
        """Whether the first-order conditions are met."""
        gradient = self.programme.objective(self.point)[1]
        return self.optimality <= STATIONARY or self.optimality * float(np.linalg.norm(gradient)) <= FLAT

    @property
    def converged(self) -> bool:
        """Whether this is an optimum, as far as derivatives tell."""
        return self.feasible and self.stationary and self.gradient_error <= RIGHT_GRADIENT and not self.interrupted

    @property
    def verdict(self) -> str:
        """In a sentence, what the answer is worth."""
        if self.interrupted:
            return "Interrupted: the best point so far."
        if not self.feasible:
            worst = max(self.limits, key=lambda one: -_room(one))
            return f"No design within the bounds was found that holds the limits; {worst.limit.words} is missed most."
        if not self.stationary:
            return f"Not converged: {self.optimality:.2g} of the objective's gradient is left (limit {STATIONARY:g})."
        if not self.gradient_error <= RIGHT_GRADIENT:
            return f"In doubt: derivatives differ from central differences by {self.gradient_error:.2g}."
        same = sum(one.feasible and _close(one.objective, self.objective) for one in self.starts)
        return f"Converged; {same} of {len(self.starts)} starts ended here."

    def held(self) -> tuple[float, ...]:
        """Share [1] of the samples in which each limit holds, counted one by one, where something is uncertain.

        A limit weighs the samples near its quantile, so that the count may differ from its probability by some.
        """
        if self.design.uncertain is None or not self.limits:
            return ()
        values = self.design.values(self.values)
        return tuple(_share(one.limit, values[one.limit.quantity]) for one in self.limits)

    def cost_of(self, variable: str, change: float) -> float:
        """Change of the best objective if a variable is moved by `change` [its SI unit] and all others are chosen anew;
        NaN where no choice was found that holds the limits.

        Raises ValueError for a variable that there is not or a change that leads out of its bounds.
        """
        names = [one.name for one in self.variables]
        if variable not in names:
            raise ValueError(f"There is no variable '{variable}'; there are {', '.join(names)}.")
        place = names.index(variable)
        parameter = self.design.variables.parameters[place]
        moved = self.variables[place].value + change
        low, high = (float(bound) for bound in parameter.bounds)
        if not low <= moved <= high:
            raise ValueError(f"{variable} must stay within ({low:g}, {high:g}) {parameter.unit}, but is {moved:g}.")
        theta = float(parameter.transform.forward(jnp.asarray(moved)))
        return _pinned(self.programme, self.point, place, theta) - self.objective

    def summary(self) -> str:
        """The answer in sentences, SI units."""
        name, unit = self.design.objective.quantity, self.design.unit(self.design.objective.quantity)
        lines = [self.verdict, f"{name} = {self.objective:.6g} {unit}"]
        for one in self.variables:
            place = f", at its {one.at_bound} bound: {one.multiplier:.3g} {unit} per {one.unit}" if one.at_bound else ""
            lines.append(f"{one.name} = {one.value:.6g} {one.unit}{place}")
        for one in self.limits:
            active = f"active: {one.multiplier:.3g} {unit} per {self.design.unit(one.limit.quantity)}"
            lines.append(f"{one.limit.words}: {one.value:.6g}, {active if one.active else 'not active'}")
        lines += [f"{name} = {value:.6g} {self.design.unit(name)}" for name, value in self.watched.items()]
        return "\n".join(lines)


def optimise(
    design: Design,
    *,
    starts: int = 3,
    seed: int = 0,
    method: Method = "slsqp",
    max_steps: int = 100,
    tolerance: float = 1e-8,
    progress: Progress | None = None,
) -> Optimum:
    """The best design within bounds and limits, by exact derivatives, from several starts.

    `method`: "slsqp" (sequential quadratic programming: D. Kraft, DFVLR-FB 88-28, 1988), "trust-constr" (interior
    point), both of scipy, or "augmented" (augmented Lagrangian around optax, compiled as one).  The first start is the
    case as it is, the others a Latin hypercube of the bounds in the variables' coordinates.  Evaluations that fail are
    survived; interrupted from the keyboard it returns the best point so far.

    Raises ValueError for an unknown method or no starts, `DesignError` where no start can be evaluated.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, but is {method!r}.")
    if starts < 1:
        raise ValueError(f"starts must be a whole number of at least 1, but is {starts!r}.")
    return run_programme(Programme.of(design), starts, seed, method, max_steps, tolerance, progress)


def run_programme(
    programme: Programme,
    starts: int,
    seed: int,
    method: Method,
    max_steps: int,
    tolerance: float,
    progress: Progress | None = None,
    at: np.ndarray | None = None,
) -> Optimum:
    """`optimise` of a programme, the first start at `at` where given."""
    begun, interrupted, seen = perf_counter(), False, []
    first = programme.start if at is None else at
    try:
        for k, z in enumerate(_starts(first, starts, seed)):
            if progress is not None:
                progress(k, starts)
            try:
                ended = solve(programme, z, method, max_steps, tolerance)
            except DesignError as error:
                seen.append(Start(math.nan, False, False, str(error)))
                continue
            point = programme.point(ended.z)
            feasible = point.sound and programme.violation(point) <= FEASIBLE
            seen.append(Start(float(point.values[programme.goal]), feasible, ended.success, ended.message))
    except KeyboardInterrupt:
        interrupted = True
        if programme.best is None:
            raise
    if programme.best is None:
        raise DesignError(seen[0].message)
    return _optimum(programme, programme.best, tuple(seen), perf_counter() - begun, interrupted)


def _optimum(
    programme: Programme, point: Point, starts: tuple[Start, ...], seconds: float, interrupted: bool
) -> Optimum:
    design, held = programme.design, multipliers(programme, point)
    of_limits, of_bounds = per_limit(programme, held), per_bound(programme, point, held)
    direct = point.jacobian[programme.goal] * slopes(programme, point)
    c, _ = programme.constraints(point)
    physical = programme.physical(point.z)
    variables = tuple(
        VariableAtOptimum(
            p.name,
            p.unit,
            physical[p.name],
            (float(p.bounds[0]), float(p.bounds[1])),
            "low" if point.z[i] < ACTIVE else "high" if point.z[i] > 1.0 - ACTIVE else None,
            float(of_bounds[i]),
            float(direct[i]),
        )
        for i, p in enumerate(design.variables.parameters)
    )
    limits = tuple(
        LimitAtOptimum(limit, float(point.values[1 + i]), bool(c[i] < ACTIVE), float(of_limits[i]))
        for i, limit in enumerate(programme.limits)
    )
    error = math.nan if interrupted else gradient_error(programme, point)
    return Optimum(
        design=replace(design, limits=programme.limits),
        objective=float(point.values[programme.goal]),
        variables=variables,
        limits=limits,
        starts=starts,
        optimality=held.residual,
        gradient_error=error,
        violation=programme.violation(point),
        evaluations=programme.evaluations,
        failures=programme.failures,
        seconds=seconds,
        interrupted=interrupted,
        programme=programme,
        point=point,
    )


def gradient_error(programme: Programme, point: Point) -> float:
    """Largest difference of the derivatives of the goal and of active limits from central differences about the point
    (moved off the bounds by the step), relative to the largest derivative of the same entry or to 1e-3 of its size,
    whichever is more.

    Of the steps `CHECK_STEPS` each derivative takes the one that agrees better: the tolerance of a run spoils the
    smaller, curvature the larger.  Infinite where an evaluation beside the point failed.
    """
    active = np.zeros(point.values.size, dtype=bool)
    active[1 : 1 + len(programme.limits)] = programme.constraints(point)[0] < ACTIVE
    active[programme.goal] = True
    differences = [_differences(programme, point, step)[active] for step in CHECK_STEPS]
    return float(np.max(np.min(differences, axis=0)))


def _differences(programme: Programme, point: Point, step: float) -> np.ndarray:
    """Of each derivative, shape (entries, variables)."""
    assert programme.scales is not None, "the point was evaluated"
    middle = np.clip(point.z, step, 1.0 - step)
    moves = step * np.eye(middle.size)
    around = [programme.point(middle)]
    around += [programme.point(middle + sign * move) for move in moves for sign in (1.0, -1.0)]
    shape = around[0].jacobian.shape
    if not all(one.sound for one in around):
        return np.full(shape, math.inf)
    jacobian = around[0].jacobian / programme.scales[:, None]
    values = np.stack([one.values for one in around[1:]]) / programme.scales
    difference = ((values[::2] - values[1::2]) / (2.0 * step)).T
    return np.abs(difference - jacobian) / np.maximum(np.max(np.abs(jacobian), axis=1), 1e-3)[:, None]


def _pinned(programme: Programme, point: Point, place: int, theta: float) -> float:
    """Best objective with one variable held; NaN where that breaks a limit."""
    own = programme
    z = point.z.copy()
    z[place] = (theta - own.lower[place]) / own.width[place]
    held = _Held(own, place, float(z[place]))
    others = np.delete(z, place)
    if others.size:
        others = slsqp(held, others, 100, 1e-8).z
    found = own.point(held.whole(others))
    holds = found.sound and own.violation(found) <= NEARLY
    return float(found.values[own.goal]) if holds else math.nan


class _Held:
    """A programme with one coordinate fixed."""

    def __init__(self, programme: Programme, place: int, value: float) -> None:
        self.programme, self.place, self.value = programme, place, value
        self.limits = programme.limits

    def whole(self, z: Float[np.ndarray, " others"]) -> Float[np.ndarray, " variables"]:
        """All coordinates."""
        return np.insert(z, self.place, self.value)

    def survived(self, z: Any) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """As the programme's, by the other coordinates."""
        f, gradient, c, jacobian = self.programme.survived(self.whole(np.asarray(z)))
        return f, np.delete(gradient, self.place), c, np.delete(jacobian, self.place, axis=1)


def _starts(first: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """The first start and a Latin hypercube."""
    others = count - 1
    return [first, *latin_hypercube(np.random.default_rng(seed), others, first.size).T] if others else [first]


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= SAME * abs(other)


def _share(limit: Limit, values: np.ndarray) -> float:
    size = FEASIBLE * (abs(limit.bound) or 1.0)
    holds = values <= limit.bound + size if limit.upper else values >= limit.bound - size
    return float(np.mean(holds))


def _room(one: LimitAtOptimum) -> float:
    room = (one.limit.bound - one.value) if one.limit.upper else (one.value - one.limit.bound)
    return room / (abs(one.limit.bound) or 1.0)
