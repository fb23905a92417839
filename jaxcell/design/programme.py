"""A design problem as optimisers see it: coordinates from 0 to 1, numbers of order one, failures survived."""

from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxcell.design.design import Design, Entries, Limit, entries_and_jacobian

FEASIBLE = 1e-5
"""Violation, in units of each limit, up to which a limit counts as held."""
WORSE = 1.0
"""By how much a failed evaluation counts as worse than the last that worked, in units of the objective."""
_LEAST = 1e-12


@dataclass(frozen=True)
class Point:
    """An evaluation: z in the unit box, values and Jacobian by z in the entries' own units."""

    z: Float[np.ndarray, " variables"]
    values: Float[np.ndarray, " entries"]
    jacobian: Float[np.ndarray, "entries variables"]

    @property
    def sound(self) -> bool:
        """Whether all is finite."""
        return bool(np.all(np.isfinite(self.values)) and np.all(np.isfinite(self.jacobian)))


@dataclass
class Programme:
    """min f(z), c(z) >= 0, 0 <= z <= 1, with theta = lower + z (upper - lower).

    f = -+objective/scale; c = (limit - value)/scale or the reverse.  Scales: the size of the objective at the first
    point that could be evaluated, the size of each limit (of its value there where the limit is 0).
    """

    design: Design
    bounds: list[float]
    """The limits' numbers, in place of the design's."""
    goal: int = 0
    """Entry that is optimised: the objective, or a limit's quantity in its place."""
    maximise: bool | None = None
    """Whether the goal is; None as the design says."""
    entries: Entries = field(init=False)
    lower: np.ndarray = field(init=False)
    width: np.ndarray = field(init=False)
    scales: np.ndarray | None = None
    evaluations: int = 0
    failures: int = 0
    best: Point | None = None
    _cache: dict[bytes, Point] = field(default_factory=dict)
    _last: Point | None = None

    def __post_init__(self) -> None:
        variables = self.design.variables
        self.entries = self.design.entries()
        self.lower = np.asarray(variables.lower)
        self.width = np.asarray(variables.upper) - self.lower

    @classmethod
    def of(cls, design: Design) -> "Programme":
        """The programme of a design, at its own limits."""
        return cls(design, [limit.bound for limit in design.limits])

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Of the design; their numbers are `bounds`."""
        return self.design.limits

    @property
    def sign(self) -> float:
        """-1 where the goal is maximised."""
        return -1.0 if (self.design.objective.maximise if self.maximise is None else self.maximise) else 1.0

    @property
    def start(self) -> Float[np.ndarray, " variables"]:
        """z of the first start."""
        return np.clip((np.asarray(self.design.variables.initial) - self.lower) / self.width, 0.0, 1.0)

    def theta(self, z: Any) -> Float[np.ndarray, " variables"]:
        """Coordinates of the variables."""
        return self.lower + np.asarray(z) * self.width

    def physical(self, z: Any) -> dict[str, float]:
        """Values of the variables, SI; on a bound exactly it."""
        parameters = self.design.variables.parameters
        values = self.design.variables.to_physical(jnp.asarray(self.theta(z)))
        return {p.name: float(np.clip(values[p.name], float(p.bounds[0]), float(p.bounds[1]))) for p in parameters}

    def point(self, z: Any) -> Point:
        """The evaluation at z, remembered."""
        z = np.clip(np.asarray(z, dtype=np.float64), 0.0, 1.0)
        key = z.tobytes()
        if key not in self._cache:
            values, jacobian = entries_and_jacobian(self.entries, jnp.asarray(self.theta(z)))
            point = Point(z, np.asarray(values), np.asarray(jacobian) * self.width)
            self.evaluations += 1
            self._cache[key] = point
            if point.sound:
                self._settle_scales(point)
                self._last = point
                if self.best is None or self.better(point, self.best):
                    self.best = point
            else:
                self.failures += 1
        return self._cache[key]

    def merit(self, point: Point) -> tuple[bool, float]:
        """Sorts points: those that hold the limits by f, the others behind them by their largest violation."""
        violation = self.violation(point)
        return (violation > FEASIBLE, violation if violation > FEASIBLE else self.objective(point)[0])

    def better(self, one: Point, other: Point) -> bool:
        """Whether one point is to be preferred."""
        return bool(self.merit(one) < self.merit(other))

    def violation(self, point: Point) -> float:
        """Largest violation of a limit, in units of its scale [1]."""
        return max(0.0, float(np.max(-self.constraints(point)[0], initial=0.0)))

    def objective(self, point: Point) -> tuple[float, Float[np.ndarray, " variables"]]:
        """f and its gradient."""
        factor = self.sign / self._scales()[self.goal]
        return factor * float(point.values[self.goal]), factor * point.jacobian[self.goal]

    def constraints(self, point: Point) -> tuple[np.ndarray, np.ndarray]:
        """c, shape (limits,), and its Jacobian."""
        signs = np.array([-1.0 if limit.upper else 1.0 for limit in self.limits])
        rows = slice(1, 1 + signs.size)
        factors = signs / self._scales()[rows]
        return factors * (point.values[rows] - np.array(self.bounds)), factors[:, None] * point.jacobian[rows]

    def survived(self, z: Any) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """f, its gradient, c and its Jacobian; where the evaluation failed, those of the last that worked with f worse,
        so that a line search turns back."""
        point = self.point(z)
        if point.sound:
            return *self.objective(point), *self.constraints(point)
        if self._last is None:
            raise DesignError(
                f"The design cannot be evaluated at its start, {self.physical(z)}: a run failed, or a quantity is not "
                f"finite there."
            )
        f, gradient = self.objective(self._last)
        c, jacobian = self.constraints(self._last)
        return f + WORSE, gradient, c, jacobian

    @property
    def goal_scale(self) -> float:
        """Of f, in the goal's unit."""
        return float(self._scales()[self.goal])

    def _scales(self) -> np.ndarray:
        assert self.scales is not None, "a point is evaluated before it is scaled"
        return self.scales

    def _settle_scales(self, point: Point) -> None:
        if self.scales is None:
            scales = np.abs(point.values)
            bounds = np.abs(np.array(self.bounds))
            limits = slice(1, 1 + bounds.size)
            scales[limits] = np.where(bounds > 0.0, bounds, scales[limits])
            scales[self.goal] = abs(point.values[self.goal])
            self.scales = np.where(scales > _LEAST, scales, 1.0)


class DesignError(RuntimeError):
    """A design that could not be evaluated at any start."""
