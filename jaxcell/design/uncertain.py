"""Samples of what is not known: from priors, or from the posterior of a fit."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.design.statistics import latin_hypercube
from jaxcell.inference.parameters import Parameter, ParameterSet


class Uncertain(eqx.Module):
    """Samples of numbers of the case that are not known: equally likely, one row a sample.

    `Uncertain.of_priors` draws them from priors, `Uncertain.of_draws` takes them from a posterior; `beside` puts two
    of them together.
    """

    parameters: ParameterSet
    theta: Float[Array, "samples parameters"]
    """In the parameters' coordinates."""

    def __check_init__(self) -> None:
        shape = self.theta.shape
        if len(shape) != 2 or shape[0] < 2 or shape[1] != len(self.parameters.names):
            raise ValueError(
                f"Uncertain.theta must have a row for each of at least 2 samples and a column for each of the "
                f"{len(self.parameters.names)} parameters, but has shape {shape}."
            )

    @classmethod
    def of_priors(cls, parameters: Sequence[Parameter], samples: int = 32, seed: int = 0) -> "Uncertain":
        """Latin hypercube of the priors; each parameter's `initial` may be left out."""
        middle = [_with_middle(p) for p in parameters]
        own = ParameterSet(middle)
        shares = latin_hypercube(np.random.default_rng(seed), samples, len(middle))
        return cls(own, jnp.asarray(own.prior_quantiles(shares).T))

    @classmethod
    def of_draws(
        cls,
        draws: Mapping[str, Any],
        places: Mapping[str, str | Sequence[str]],
        samples: int = 32,
        units: Mapping[str, str] | None = None,
    ) -> "Uncertain":
        """Evenly spaced draws of a posterior, what they have to do with each other kept.

        - `draws`: SI values by name, all of one shape, such as `Posterior.values` or the variables of `posterior.nc`.
        - `places`: which of them are uncertain here, and the path or paths of each in the case.
        - `samples`: how many are taken, all chains alike; a limit's probability is counted over them.

        Raises ValueError for a name that the draws lack, draws that are not finite numbers of one shape, that do not
        vary, or fewer than `samples`.
        """
        if not places:
            raise ValueError("places must name at least one of the draws, but is empty.")
        columns = {name: _column(draws, name) for name in places}
        sizes = {name: column.size for name, column in columns.items()}
        if len(set(sizes.values())) > 1:
            told = ", ".join(f"{size} of '{name}'" for name, size in sizes.items())
            raise ValueError(f"Draws of all names must belong together, but there are {told}.")
        available = min(sizes.values())
        if not 2 <= samples <= available:
            raise ValueError(f"samples must be from 2 to {available}, the number of draws, but is {samples!r}.")
        taken = np.linspace(0, available - 1, samples).round().astype(int)
        given = {} if units is None else units
        parameters = ParameterSet(
            [
                Parameter(name, places[name], given.get(name, "SI"), _span(name, column), "linear", None, column[0])
                for name, column in columns.items()
            ]
        )
        rows = [parameters.from_physical({name: column[k] for name, column in columns.items()}) for k in taken]
        return cls(parameters, jnp.stack(rows))

    def beside(self, other: "Uncertain") -> "Uncertain":
        """The numbers of both, which have nothing to do with each other; as many samples of each.

        Raises ValueError for different numbers of samples, or a name or place that both have.
        """
        mine, others = self.theta.shape[0], other.theta.shape[0]
        if mine != others:
            raise ValueError(f"Both must have as many samples, but they have {mine} and {others}.")
        parameters = ParameterSet([*self.parameters.parameters, *other.parameters.parameters])
        return Uncertain(parameters, jnp.concatenate([self.theta, other.theta], axis=1))


def _with_middle(parameter: Parameter) -> Parameter:
    if parameter.initial is not None:
        return parameter
    low, high = (float(parameter.transform.forward(bound)) for bound in parameter.bounds)
    middle = parameter.transform.inverse(jnp.asarray(0.5 * (low + high)))
    return eqx.tree_at(lambda p: p.initial, parameter, middle, is_leaf=lambda x: x is None)


def _column(draws: Mapping[str, Any], name: str) -> Float[np.ndarray, " draws"]:
    """All draws of a number, chain after chain."""
    if name not in draws:
        raise ValueError(f"There are no draws of '{name}'; there are draws of {', '.join(draws)}.")
    column = np.asarray(draws[name], dtype=float).ravel()
    bad = int(np.sum(~np.isfinite(column)))
    if bad:
        raise ValueError(f"Draws of '{name}' must be finite numbers, but {bad} of {column.size} are not.")
    return column


def _span(name: str, column: Float[np.ndarray, " draws"]) -> tuple[float, float]:
    """Lowest and highest draw."""
    low, high = float(column.min()), float(column.max())
    if not low < high:
        raise ValueError(f"Draws of '{name}' must vary, but all are {low:g}.")
    return low, high
