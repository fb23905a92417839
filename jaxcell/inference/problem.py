"""What a fit needs to know: parameters, standardised residuals, and the physical combinations to report."""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .parameters import ParameterSet

Physical = dict[str, Float[Array, ""]]


class Member(NamedTuple):
    """A measurement in a problem: the residuals that are its own, and the noise that they share.

    - `name`: "" where a problem is one measurement.
    - `rows`: its residuals among all; `noise_estimated`, `noise_stated`, `data_scale`, `data_unit` as in `Problem`.
    """

    name: str
    rows: slice
    noise_estimated: bool
    noise_stated: bool
    data_scale: Float[Array, " residuals"] | None
    data_unit: str


class Problem(eqx.Module):
    """A fit to be solved; subclasses are final, and every method is pure (jit, grad, vmap, jacfwd).

    - `segments`, shape (residuals,): label of the contiguous stretch each residual belongs to;
      autocorrelation is counted inside a stretch only. A negative label marks padding, whose residual must be
      exactly zero, whichever rows are labelled so.
    - `data_scale`, shape (residuals,) or None: noise sd [data_unit] each residual was divided by, for the
      rmse.
    - `data_unit`: unit of the data ("" when there is none or several).
    """

    parameters: eqx.AbstractVar[ParameterSet]
    segments: eqx.AbstractVar[Int[Array, " residuals"]]
    data_scale: eqx.AbstractVar[Float[Array, " residuals"] | None]
    data_unit: eqx.AbstractVar[str]

    @abc.abstractmethod
    def residuals(self, theta: Float[Array, " parameters"]) -> Float[Array, " residuals"]:
        """(model - data) / noise sd, data part only, shape (residuals,) [1]."""

    @abc.abstractmethod
    def combinations(self, theta: Float[Array, " parameters"]) -> Physical:
        """Named physical combinations to report beside the parameters, such as a total resistance."""

    @abc.abstractmethod
    def combination_units(self) -> dict[str, str]:
        """Unit of each combination, under the same names."""

    @property
    def rests_on(self) -> dict[str, tuple[str, ...]]:
        """Parameters, by combination, that the data must tell before they tell the combination, although its slope
        in them may vanish where they are."""
        return {}

    @property
    def noise_estimated(self) -> bool:
        """Whether `data_scale` was estimated from the data: then chi2/dof corrects it in both directions; a stated
        noise is only ever inflated."""
        return False

    @property
    def noise_stated(self) -> bool:
        """Whether the noise is known from elsewhere: then intervals rest on it as long as the residuals do not refute
        it. Neither stated nor estimated is a noise that `renewed` takes from the residuals."""
        return not self.noise_estimated

    @property
    def noise_segments(self) -> Int[Array, " residuals"]:
        """`segments` with a negative label also where a residual says nothing about the noise."""
        return self.segments

    @property
    def noise_scale(self) -> Float[Array, " residuals"]:
        """Noise of each residual over what it was before any `renewed` [1]."""
        return jnp.ones(self.segments.shape, dtype=jnp.float64)

    @property
    def members(self) -> tuple[Member, ...]:
        """The measurements, each with a noise of its own: one, unless problems are joined."""
        rows = slice(0, self.segments.shape[0])
        return (Member("", rows, self.noise_estimated, self.noise_stated, self.data_scale, self.data_unit),)

    def renewed(self, theta: Float[Array, " parameters"]) -> "Problem":
        """The same problem with what was prepared in advance (a step grid, say) prepared anew at theta.

        Called between stages of a fit with concrete values, never inside one, so that every stage minimises one smooth
        function. Shapes should stay what they were, or the fit compiles again.
        """
        del theta
        return self

    def renewed_at(
        self, theta: Float[Array, " parameters"], jacobian: Float[Array, "residuals parameters"]
    ) -> "Problem":
        """As `renewed`, where the unweighted Jacobian of the residuals at theta is known."""
        del jacobian
        return self.renewed(theta)

    def prior_residuals(self, theta: Float[Array, " parameters"]) -> Float[Array, " rows"]:
        """Standardised rows of the Gaussian priors."""
        return self.parameters.prior_residuals(theta)

    def loss(self, theta: Float[Array, " parameters"]) -> Float[Array, ""]:
        """0.5 |residuals|^2 + 0.5 |prior residuals|^2 [1]: minus the log posterior up to a constant."""
        data, prior = self.residuals(theta), self.prior_residuals(theta)
        return 0.5 * jnp.sum(data**2) + 0.5 * jnp.sum(prior**2)


def without_padding(residuals: Float[Array, " n"], segments: Int[Array, " labels"]) -> Float[Array, " n"]:
    """The residuals, zero where a negative label marks padding.

    **Raises** `ValueError` at trace time when there are not as many as labels.
    """
    if residuals.shape != segments.shape:
        raise ValueError(
            f"The residuals have shape {residuals.shape}, but 'segments' has shape {segments.shape}; they must agree."
        )
    return jnp.where(segments >= 0, residuals, 0.0)


class FunctionProblem(Problem):
    """A problem from plain functions of the physical values.

    - `function(values, data) -> residuals`: `values` by parameter name, `data` any pytree of arrays.
    - `combine(values, data) -> dict`: combinations to report, with `units` by name.
    - `segments` defaults to one stretch; `data_scale`, `data_unit` as in `Problem`.

    The functions are compared by identity: pass the same ones to reuse a compiled fit with other data.
    """

    parameters: ParameterSet
    segments: Int[Array, " residuals"]
    data_scale: Float[Array, " residuals"] | None
    data_unit: str = eqx.field(static=True)
    data: Any
    function: Callable[[Physical, Any], Float[Array, " residuals"]] = eqx.field(static=True)
    combine: Callable[[Physical, Any], Physical] | None = eqx.field(static=True)
    units: tuple[tuple[str, str], ...] = eqx.field(static=True)

    def __init__(
        self,
        parameters: ParameterSet,
        function: Callable[[Physical, Any], Float[Array, " residuals"]],
        data: Any = None,
        *,
        segments: Int[Array, " residuals"] | None = None,
        data_scale: Float[Array, " residuals"] | None = None,
        data_unit: str = "",
        combine: Callable[[Physical, Any], Physical] | None = None,
        units: dict[str, str] | None = None,
    ) -> None:
        self.parameters = parameters
        self.function = function
        self.data = jax.tree.map(jnp.asarray, data)
        self.combine = combine
        self.units = tuple((units or {}).items())
        self.data_scale = data_scale
        self.data_unit = data_unit
        if segments is None:
            shape = jax.eval_shape(lambda t: function(parameters.to_physical(t), data), parameters.initial).shape
            segments = jnp.zeros(shape, dtype=jnp.int32)
        self.segments = segments

    def residuals(self, theta: Float[Array, " parameters"]) -> Float[Array, " residuals"]:
        return without_padding(self.function(self.parameters.to_physical(theta), self.data), self.segments)

    def combinations(self, theta: Float[Array, " parameters"]) -> Physical:
        return {} if self.combine is None else self.combine(self.parameters.to_physical(theta), self.data)

    def combination_units(self) -> dict[str, str]:
        return dict(self.units)
