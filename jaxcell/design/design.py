"""A design problem: which numbers may be chosen, what is wanted of them, and what must hold."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.design.case import DesignCase
from jaxcell.design.quantities import case_quantities, check_case, quantity_units
from jaxcell.design.statistics import Statistic, quantile_weights
from jaxcell.design.uncertain import Uncertain
from jaxcell.inference.evaluation import value_and_jacobian
from jaxcell.inference.parameters import ParameterSet
from jaxcell.inference.paths import check_path

FEWEST_IN_TAIL = 0.8
"""Least number of samples expected beyond a quantile, below which they say too little of where it lies."""

Quantities: TypeAlias = Callable[[Any, tuple[str, ...]], dict[str, Any]]


@dataclass(frozen=True)
class Objective:
    """What is made as large as it can be, or as small.

    - `quantile` [1]: of the objective over the uncertain samples, the mean where None; no part where nothing is
      uncertain.
    """

    quantity: str
    maximise: bool = True
    quantile: float | None = None

    def __post_init__(self) -> None:
        _check_share("Objective.quantile", self.quantile)

    @property
    def statistic(self) -> Statistic:
        """Of the samples."""
        return Statistic(self.quantity, self.quantile)


@dataclass(frozen=True)
class Limit:
    """What must hold: quantity <= at_most or quantity >= at_least, one of both, in the quantity's SI unit.

    - `probability` [1] with which it must hold where something is uncertain; None where its mean must.

    The probability is held on average over the sampling, not by every set of samples.  With independent draws of a
    normal quantity, a limit of 95 % has a true probability of 92.6 % on average with 16 samples (above 81 % for 19 of
    20 sets), 94.7 % with 32 (88 %), 95.0 % with 128 (92 %); evenly spread samples of one number, as in
    `Uncertain.of_priors`, are on the safe side from 16 on (95.4 %, 19 of 20 above 92.7 %).  `Design` refuses fewer than
    16, and in general samples (1 - probability) < 0.8.
    """

    quantity: str
    at_most: float | None = None
    at_least: float | None = None
    probability: float | None = 0.95

    def __post_init__(self) -> None:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError(f"Limit '{self.quantity}' must have one of at_most and at_least.")
        if not math.isfinite(self.bound):
            raise ValueError(f"Limit '{self.quantity}' must be a finite number, but is {self.bound!r}.")
        _check_share("Limit.probability", self.probability)

    @property
    def bound(self) -> float:
        """The number not to be passed."""
        return float(self.at_most if self.at_most is not None else self.at_least)  # pyright: ignore[reportArgumentType]

    @property
    def upper(self) -> bool:
        """Whether it is an upper limit."""
        return self.at_most is not None

    @property
    def statistic(self) -> Statistic:
        """Of the samples: the quantile that the limit must hold."""
        p = self.probability
        return Statistic(self.quantity, p if p is None or self.upper else 1.0 - p)

    @property
    def words(self) -> str:
        """Such as "top_fraction <= 0.01"."""
        return f"{self.quantity} {'<=' if self.upper else '>='} {self.bound:.6g}"


@dataclass(frozen=True)
class Design:
    """A design problem.

    - `case`: a `DesignCase`, or any pytree of numbers with `quantities` of your own.
    - `variables`: what is chosen, with bounds and coordinate; starts where the case is unless `initial` is given.
    - `objective`, `limits`: see `Objective`, `Limit`.
    - `watched`: quantities that are reported with the optimum, without a limit.
    - `uncertain`: samples over which statistics are taken; None where all is known.
    - `quantities(case, names)`: the numbers that objective and limits name, pure and smooth; `units` by name.

    Raises ValueError for a quantity that is not known or for which the case lacks something, a path that leads to no
    number, a number that is both chosen and uncertain, and fewer samples than a probability or quantile needs.
    """

    case: Any
    variables: ParameterSet
    objective: Objective
    limits: tuple[Limit, ...] = ()
    uncertain: Uncertain | None = None
    quantities: Quantities = case_quantities
    units: dict[str, str] = field(default_factory=dict)
    watched: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.variables, ParameterSet):
            raise ValueError(f"Design.variables must be a ParameterSet, but is {type(self.variables).__name__}.")
        if self.quantities is case_quantities:
            if not isinstance(self.case, DesignCase):
                raise ValueError(f"Design.case must be a DesignCase, but is {type(self.case).__name__}.")
            check_case(self.case, self.names)
            object.__setattr__(self, "units", quantity_units(self.names))
        if self.uncertain is not None:
            for parameter in self.uncertain.parameters.parameters:
                for path in parameter.paths:
                    check_path(self.case, path, parameter.name)
            chosen = {path for p in self.variables.parameters for path in p.paths}
            both = chosen & {path for p in self.uncertain.parameters.parameters for path in p.paths}
            if both:
                raise ValueError(f"Design.uncertain must not hold what is chosen, but both have '{min(both)}'.")
            _check_samples(self.uncertain.theta.shape[0], self.objective.statistic)
            for limit in self.limits:
                _check_samples(self.uncertain.theta.shape[0], limit.statistic)

    @property
    def names(self) -> tuple[str, ...]:
        """Quantities that are asked for, each once."""
        limited = (limit.quantity for limit in self.limits)
        return tuple(dict.fromkeys([self.objective.quantity, *limited, *self.watched]))

    def unit(self, quantity: str) -> str:
        """Unit of a quantity; "" where none was given."""
        return self.units.get(quantity, "")

    def with_limit(self, limit: Limit) -> "Design":
        """The same with one limit more, its quantity no longer merely watched."""
        watched = tuple(name for name in self.watched if name != limit.quantity)
        return replace(self, limits=(*self.limits, limit), watched=watched)

    def entries(self) -> "Entries":
        """The compiled part: objective first, then the limits, then what is watched."""
        wanted = (self.objective.statistic, *(limit.statistic for limit in self.limits))
        wanted += tuple(Statistic(name, None) for name in self.watched)
        return Entries(self.case, self.variables, self.uncertain, wanted, self.quantities)

    def values(self, variables: dict[str, float] | None = None) -> dict[str, np.ndarray]:
        """Every quantity that is asked for at values of the variables by name (SI), by sample where uncertain."""
        theta = self.variables.from_physical(variables or {})
        return {name: np.asarray(value) for name, value in _sampled(self.entries(), theta).items()}


class Entries(eqx.Module):
    """Objective and limits as one function of theta; limits' numbers are not in it, so that changing them compiles
    nothing."""

    case: Any
    variables: ParameterSet
    uncertain: Uncertain | None
    wanted: tuple[Statistic, ...] = eqx.field(static=True)
    quantities: Quantities = eqx.field(static=True)

    def sampled(self, theta: Float[Array, " parameters"]) -> dict[str, Any]:
        """Quantities by name; leading axis: samples, where something is uncertain."""
        names = tuple(dict.fromkeys(one.quantity for one in self.wanted))
        case = self.variables.apply(self.case, theta)
        if self.uncertain is None:
            return self.quantities(case, names)
        known = self.uncertain.parameters
        return jax.vmap(lambda sample: self.quantities(known.apply(case, sample), names))(self.uncertain.theta)

    def __call__(self, theta: Float[Array, " parameters"]) -> Float[Array, " entries"]:
        found = self.sampled(theta)
        if self.uncertain is None:
            return jnp.stack([found[one.quantity] for one in self.wanted])
        return jnp.stack([self._statistic(found[one.quantity], one) for one in self.wanted])

    def _statistic(self, samples: Float[Array, " samples"], wanted: Statistic) -> Float[Array, ""]:
        if wanted.quantile is None:
            return jnp.mean(samples)
        return jnp.sort(samples) @ jnp.asarray(quantile_weights(samples.shape[0], wanted.quantile))


@eqx.filter_jit
def _sampled(entries: Entries, theta: Float[Array, " parameters"]) -> dict[str, Any]:
    return entries.sampled(theta)


@eqx.filter_jit
def entries_and_jacobian(entries: Entries, theta: Float[Array, " parameters"]) -> tuple[Array, Array]:
    """Values, shape (entries,), and their derivatives by theta, shape (entries, parameters)."""
    return value_and_jacobian(entries, theta)


def _check_share(name: str, value: float | None) -> None:
    if value is not None and not 0.0 < value < 1.0:
        raise ValueError(f"{name} must lie between 0 and 1 [1], but is {value!r}.")


def _check_samples(samples: int, wanted: Statistic) -> None:
    """Refuse a quantile beyond which too few samples lie."""
    if wanted.quantile is None:
        return
    least = math.ceil(FEWEST_IN_TAIL / min(wanted.quantile, 1.0 - wanted.quantile) - 1e-9)
    if samples < least:
        raise ValueError(
            f"Design.uncertain must have at least {least} samples to tell the {100.0 * wanted.quantile:.4g} % quantile "
            f"of {wanted.quantity}, but has {samples}."
        )
