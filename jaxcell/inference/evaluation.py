"""One evaluation of a problem for Gauss-Newton methods: value and whole Jacobian in a single forward pass."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .problem import Problem, without_padding


class Weighting(NamedTuple):
    """How rows enter the objective: data rows times `data`, prior rows times `prior`, all rows less `offset`; (1, 0, 1)
    is `Problem.loss`.

    - `data` [1], shape (residuals,): 1/sqrt(noise inflation) of each residual's measurement where the likelihood
      is an inflated one.
    - `offset`, shape (residuals + prior rows,): rows at a reference point, which makes that point the optimum
      of noise-free data (what a measurement *could* tell).
    - `prior` [1]: 1, or 0 for the likelihood alone.
    """

    data: Float[Array, " residuals"]
    offset: Float[Array, " rows"]
    prior: Float[Array, ""]


class Evaluation(NamedTuple):
    """Rows and their quadratic summary at theta.

    - `rows` r, shape (rows,), and `jacobian` J, shape (rows, parameters): data and prior, weighted.
    - `cost` = 0.5 |r|^2, `gradient` = J^T r, `information` = J^T J, of all weighted rows.
    - `residuals`, shape (residuals,): the data part, neither weighted nor offset.
    """

    theta: Float[Array, " parameters"]
    rows: Float[Array, " rows"]
    jacobian: Float[Array, "rows parameters"]
    cost: Float[Array, ""]
    gradient: Float[Array, " parameters"]
    information: Float[Array, "parameters parameters"]
    residuals: Float[Array, " residuals"]


def row_count(problem: Problem) -> int:
    """Residuals and prior rows together."""
    prior = jax.eval_shape(problem.prior_residuals, problem.parameters.initial)
    return problem.segments.shape[0] + prior.shape[0]


def blank(problem: Problem, theta: Float[Array, " parameters"]) -> Evaluation:
    """The evaluation at theta before it is made: infinite cost, zeros elsewhere."""
    n, rows, p = problem.segments.shape[0], row_count(problem), theta.shape[0]
    zeros = lambda *shape: jnp.zeros(shape, dtype=jnp.float64)  # noqa: E731
    infinite = jnp.asarray(jnp.inf, dtype=jnp.float64)
    return Evaluation(theta, zeros(rows), zeros(rows, p), infinite, zeros(p), zeros(p, p), zeros(n))


def all_finite(tried: Evaluation) -> Bool[Array, ""]:
    """Whether a step can be made from there: cost, gradient and information are numbers."""
    return jnp.isfinite(tried.cost) & jnp.all(jnp.isfinite(tried.gradient)) & jnp.all(jnp.isfinite(tried.information))


def plain_weighting(problem: Problem) -> Weighting:
    """The weighting under which the cost is `Problem.loss`."""
    ones = jnp.ones((problem.segments.shape[0],), dtype=jnp.float64)
    offset = jnp.zeros((row_count(problem),), dtype=jnp.float64)
    return Weighting(ones, offset, jnp.ones((), dtype=jnp.float64))


def evaluate(problem: Problem, theta: Float[Array, " parameters"], weighting: Weighting) -> Evaluation:
    """Rows, cost, gradient and information at theta; the Jacobian by one forward-mode pass per parameter.

    **Raises** `ValueError` at trace time when the residuals do not match `problem.segments`.
    """
    n = problem.segments.shape[0]
    counted = lambda at: without_padding(problem.residuals(at), problem.segments)  # noqa: E731
    data, data_jacobian = value_and_jacobian(counted, theta)
    prior, prior_jacobian = value_and_jacobian(problem.prior_residuals, theta)
    believed = weighting.prior * (prior - weighting.offset[n:])
    rows = jnp.concatenate([weighting.data * (data - weighting.offset[:n]), believed])
    jacobian = jnp.concatenate([weighting.data[:, None] * data_jacobian, weighting.prior * prior_jacobian])
    return Evaluation(
        theta=theta,
        rows=rows,
        jacobian=jacobian,
        cost=0.5 * (rows @ rows),
        gradient=jacobian.T @ rows,
        information=jacobian.T @ jacobian,
        residuals=data,
    )


def value_and_jacobian(function, theta: Float[Array, " parameters"]):
    """f(theta), shape (rows,), and df/dtheta, shape (rows, parameters), sharing one forward sweep."""
    basis = jnp.eye(theta.shape[0], dtype=theta.dtype)
    push = lambda tangent: jax.jvp(function, (theta,), (tangent,))  # noqa: E731
    return jax.vmap(push, out_axes=(None, -1))(basis)
