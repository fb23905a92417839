"""Which numbers of a model are fitted, in which coordinate, between which bounds and with what prior
belief."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .paths import check_path, format_path, parse_path, replace
from .priors import Prior, Uniform
from .transforms import TRANSFORM_NAMES, Transform, named_transform

Tree = TypeVar("Tree")
_NODES = 4001
_ZOOMS = 4
_NEGLIGIBLE = 1e-14
"""Density, in units of the highest, beyond which a prior is taken to be nothing."""


class Parameter(eqx.Module):
    """One fitted number: a leaf of the model, or several leaves tied to the same value.

    - `paths`: dotted attribute path(s) of the leaf or tied leaves ("working.layer.ionic_conductivity").
    - `unit`: unit of the physical value, for messages and reports; the model sees SI.
    - `bounds`: (low, high) of the physical value, both finite.
    - `transform`: "log", "linear", "logit" or a `Transform`: the coordinate the optimiser sees.
    - `prior`: `LogNormal`, `Normal` or `Uniform` (the default).
    - `initial`: physical value of the first start; None takes it from the cell given to `ParameterSet`.

    **Raises** `ValueError` naming the parameter when bounds are reversed or exclude the start, or the
    transform is unknown or does not suit the bounds.
    """

    name: str = eqx.field(static=True)
    paths: tuple[str, ...] = eqx.field(static=True)
    unit: str = eqx.field(static=True)
    bounds: tuple[Float[Array, ""], Float[Array, ""]]
    transform: Transform
    prior: Prior
    initial: Float[Array, ""] | None

    def __init__(
        self,
        name: str,
        paths: str | Sequence[str],
        unit: str,
        bounds: tuple[float, float],
        transform: str | Transform = "log",
        prior: Prior | None = None,
        initial: float | None = None,
    ) -> None:
        low, high = float(bounds[0]), float(bounds[1])
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(
                f"Parameter '{name}' needs finite bounds with low < high, but they are ({low:g}, {high:g}) {unit}."
            )
        chosen = named_transform(transform, low, high) if isinstance(transform, str) else transform
        if chosen is None:
            raise ValueError(
                f"Parameter '{name}' has the unknown transform '{transform}'; choose one of {TRANSFORM_NAMES}."
            )
        refusal = chosen.refusal(low, high)
        if refusal is not None:
            raise ValueError(f"Parameter '{name}': {refusal}, but they are ({low:g}, {high:g}) {unit}.")
        self.name = name
        self.paths = (paths,) if isinstance(paths, str) else tuple(paths)
        if not self.paths:
            raise ValueError(f"Parameter '{name}' needs at least one path.")
        self.unit = unit
        self.bounds = (jnp.asarray(low, dtype=jnp.float64), jnp.asarray(high, dtype=jnp.float64))
        self.transform = chosen
        self.prior = Uniform() if prior is None else prior
        self.initial = None if initial is None else _checked_start(name, float(initial), low, high, unit)


class ParameterSet(eqx.Module):
    """All fitted numbers together; theta is the vector of their transformed values, shape (parameters,).

    `cell` may be given to read missing initial values from it and to check every path at once; the paths are
    also checked whenever `apply` meets a model.

    **Raises** `ValueError` in one sentence when a name or a leaf is claimed twice, a start is missing, or
    (with a cell) a path does not lead to one float number.
    """

    parameters: tuple[Parameter, ...]

    def __init__(self, parameters: Sequence[Parameter], cell: Any = None) -> None:
        if not parameters:
            raise ValueError("A parameter set needs at least one parameter.")
        for name, count in Counter(p.name for p in parameters).items():
            if count > 1:
                raise ValueError(f"The name '{name}' is given to {count} parameters; names must be unique.")
        claimed: dict[str, str] = {}
        for p in parameters:
            for path in p.paths:
                place = format_path(parse_path(path))
                if place in claimed:
                    raise ValueError(
                        f"The leaf '{place}' is claimed by both '{claimed[place]}' and '{p.name}'; "
                        "a leaf can belong to one parameter only."
                    )
                claimed[place] = p.name
        self.parameters = tuple(_with_start(p, cell) for p in parameters)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the order of theta."""
        return tuple(p.name for p in self.parameters)

    @property
    def units(self) -> tuple[str, ...]:
        """Units of the physical values in the order of theta."""
        return tuple(p.unit for p in self.parameters)

    @property
    def initial(self) -> Float[Array, " parameters"]:
        """Theta of the first start."""
        return jnp.stack([p.transform.forward(_start(p)) for p in self.parameters])

    @property
    def lower(self) -> Float[Array, " parameters"]:
        """Lower bounds of theta."""
        return jnp.stack([p.transform.forward(p.bounds[0]) for p in self.parameters])

    @property
    def upper(self) -> Float[Array, " parameters"]:
        """Upper bounds of theta."""
        return jnp.stack([p.transform.forward(p.bounds[1]) for p in self.parameters])

    def to_physical(self, theta: Float[Array, " parameters"]) -> dict[str, Float[Array, ""]]:
        """Physical value of every parameter, by name."""
        return {p.name: p.transform.inverse(theta[i]) for i, p in enumerate(self.parameters)}

    def from_physical(self, values: dict[str, Any]) -> Float[Array, " parameters"]:
        """Theta of physical values given by name; a name left out takes its initial value."""
        unknown = sorted(set(values) - set(self.names))
        if unknown:
            raise ValueError(f"There is no parameter '{unknown[0]}'; the parameters are {self.names}.")
        physical = [jnp.asarray(values.get(p.name, _start(p)), dtype=jnp.float64) for p in self.parameters]
        return jnp.stack([p.transform.forward(v) for p, v in zip(self.parameters, physical, strict=True)])

    def apply(self, cell: Tree, theta: Float[Array, " parameters"]) -> Tree:
        """The model with every fitted leaf replaced by its physical value; pure, for jit, grad and vmap."""
        for p in self.parameters:
            for path in p.paths:
                check_path(cell, path, p.name)
        values = self.to_physical(theta)
        return replace(cell, [(path, values[p.name]) for p in self.parameters for path in p.paths])

    def prior_residuals(self, theta: Float[Array, " parameters"]) -> Float[Array, " rows"]:
        """Gaussian priors as standardised rows; a uniform prior adds none."""
        values = self.to_physical(theta)
        return jnp.concatenate([p.prior.residuals(values[p.name]) for p in self.parameters])

    def log_prior(self, theta: Float[Array, " parameters"]) -> Float[Array, ""]:
        """ln prior density in theta up to a constant, with the transforms' Jacobians; -inf outside the
        bounds."""
        terms = [p.prior.log_density(p.transform, theta[i]) for i, p in enumerate(self.parameters)]
        inside = jnp.all((theta >= self.lower) & (theta <= self.upper))
        return jnp.where(inside, jnp.sum(jnp.stack(terms)), -jnp.inf)

    @property
    def flat(self) -> tuple[bool, ...]:
        """Which priors are uniform: all that they say is the bounds."""
        return tuple(isinstance(p.prior, Uniform) for p in self.parameters)

    def prior_precision(self, theta: Float[Array, " parameters"]) -> Float[Array, " parameters"]:
        """Prior information in theta, shape (parameters,): (dr/dtheta)^2, or 12/width^2 of a uniform
        prior."""
        rows = jax.jacfwd(self.prior_residuals)(theta)
        gaussian = jnp.sum(rows**2, axis=0)
        return jnp.where(jnp.asarray(self.flat), 12.0 / (self.upper - self.lower) ** 2, gaussian)

    def prior_quantiles(
        self, fractions: Float[np.ndarray, "parameters draws"]
    ) -> Float[np.ndarray, "parameters draws"]:
        """Theta at the given cumulative prior probability of each parameter, bounds included (by
        quadrature)."""
        rows = []
        for i, (nodes, cumulative) in enumerate(self._prior_tables()):
            rows.append(np.interp(fractions[i], cumulative, nodes))
        return np.stack(rows)

    def prior_sd(self) -> Float[np.ndarray, " parameters"]:
        """Standard deviation of each prior in theta, bounds included (by quadrature)."""
        sds = []
        for nodes, cumulative in self._prior_tables():
            mass, middle = np.diff(cumulative), 0.5 * (nodes[1:] + nodes[:-1])
            mean = np.sum(mass * middle)
            sds.append(np.sqrt(np.sum(mass * (middle - mean) ** 2)))
        return np.asarray(sds)

    def _prior_tables(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Nodes and cumulative probability of each prior between its bounds, the nodes where the probability is."""
        tables = []
        for p, low, high in zip(self.parameters, np.asarray(self.lower), np.asarray(self.upper), strict=True):
            nodes = np.linspace(low, high, _NODES)
            density = _density_on(p, nodes)
            for _ in range(_ZOOMS):
                seen = np.flatnonzero(density > _NEGLIGIBLE)
                first, last = max(seen[0] - 1, 0), min(seen[-1] + 1, nodes.size - 1)
                if last - first > _NODES // 4:
                    break
                nodes = np.linspace(nodes[first], nodes[last], _NODES)
                density = _density_on(p, nodes)
            mass = 0.5 * (density[1:] + density[:-1]) * np.diff(nodes)
            cumulative = np.concatenate([[0.0], np.cumsum(mass)])
            tables.append((nodes, cumulative / cumulative[-1]))
        return tables


def _density_on(parameter: Parameter, nodes: Float[np.ndarray, " nodes"]) -> Float[np.ndarray, " nodes"]:
    """Of its prior in theta, in units of the highest."""
    log_density = np.asarray(_log_density_on(parameter.prior, parameter.transform, jnp.asarray(nodes)))
    return np.exp(log_density - np.max(log_density))


@eqx.filter_jit
def _log_density_on(prior: Prior, transform: Transform, nodes: Float[Array, " nodes"]) -> Float[Array, " nodes"]:
    return jax.vmap(lambda theta: prior.log_density(transform, theta))(nodes)


def _start(parameter: Parameter) -> Float[Array, ""]:
    assert parameter.initial is not None, "ParameterSet fills in every start"
    return parameter.initial


def _with_start(parameter: Parameter, cell: Any) -> Parameter:
    if cell is not None:
        leads = [path for path in parameter.paths if path.startswith("rig.") and not hasattr(cell, "rig")]
        if leads:
            raise ValueError(
                f"Parameter '{parameter.name}' points at '{leads[0]}', which is of the leads of a spectrum and not of "
                "a cell: give the ParameterSet no cell, every parameter an `initial`, and SpectrumProblem a `rig`."
            )
        found = [check_path(cell, path, parameter.name) for path in parameter.paths]
        if parameter.initial is None:
            low, high = (float(b) for b in parameter.bounds)
            start = _checked_start(parameter.name, float(found[0]), low, high, parameter.unit)
            return eqx.tree_at(lambda p: p.initial, parameter, start, is_leaf=lambda x: x is None)
    elif parameter.initial is None:
        raise ValueError(f"Parameter '{parameter.name}' has no initial value, and no cell to read it from was given.")
    return parameter


def _checked_start(name: str, value: float, low: float, high: float, unit: str) -> Float[Array, ""]:
    if not low <= value <= high:
        raise ValueError(
            f"Parameter '{name}' starts at {value:g} {unit}, outside its bounds ({low:g}, {high:g}) {unit}."
        )
    return jnp.asarray(value, dtype=jnp.float64)
