"""Draws from the Gaussian approximation of a posterior at its mode."""

from time import perf_counter

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .draws import Posterior, physical_draws
from .evaluation import Weighting, evaluate
from .likelihood import Likelihood
from .problem import Problem
from .report import FitResult

_LEAST_SHARE = 1e-3
_TRIES = 20_000


def laplace(result: FitResult, *, draws: int = 1000, seed: int = 0) -> Posterior:
    """Independent draws of theta ~ N(mode, C) inside the bounds, C the covariance of the fit (noise as found, s2 tau).

    Where the mode lies on a bound the density still falls off from it: then the Gaussian's centre is theta - C g, g the
    gradient of the loss there, beyond the bound.

    **Raises** `ValueError` for `draws` below 2, and where less than a thousandth of the Gaussian lies inside the
    bounds.
    """
    if draws < 2:
        raise ValueError(f"Argument 'draws' must be at least 2, but is {draws}.")
    begun = perf_counter()
    problem, centre = result.problem, np.asarray(result.theta)
    lower, upper = np.asarray(problem.parameters.lower), np.asarray(problem.parameters.upper)
    if any(p.on_bound for p in result.parameters.values()):
        gradient = np.asarray(_gradient(problem, jnp.asarray(centre), result.weighting))
        held = np.array([p.on_bound is not None for p in result.parameters.values()])
        centre = centre - result.covariance @ np.where(held, gradient, 0.0)
    rng = np.random.default_rng(seed)
    tried = rng.multivariate_normal(centre, result.covariance, max(_TRIES, 20 * draws), method="eigh")
    inside = tried[np.all((tried >= lower) & (tried <= upper), axis=1)]
    while inside.shape[0] < draws and inside.shape[0] >= _LEAST_SHARE * tried.shape[0]:
        more = rng.multivariate_normal(centre, result.covariance, tried.shape[0], method="eigh")
        inside = np.concatenate([inside, more[np.all((more >= lower) & (more <= upper), axis=1)]])
    if inside.shape[0] < draws:
        raise ValueError(
            f"Of the Gaussian at the optimum only {inside.shape[0] / tried.shape[0]:.2g} lies inside the bounds, so "
            "that it says little; sample the posterior itself."
        )
    theta = inside[None, :draws]
    values, combinations = physical_draws(problem, theta)
    likelihood = Likelihood(noise="fitted")
    return Posterior(
        "laplace", result, likelihood, theta, values, combinations, {}, {}, None, 0, perf_counter() - begun
    )


@eqx.filter_jit
def _gradient(
    problem: Problem, theta: Float[Array, " parameters"], weighting: Weighting
) -> Float[Array, " parameters"]:
    return evaluate(problem, theta, weighting).gradient
