"""The log posterior density of a finished fit in unbounded coordinates, as one pure function for any sampler."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .evaluation import value_and_jacobian
from .likelihood import Likelihood
from .problem import Problem
from .report import FitResult

_MARGIN = 1e-3
"""Starts are kept this part of the width of the bounds away from them."""
_WIDEST = 2.0
"""Largest standard deviation of a start in z: about that of a logistic distribution, flat between the bounds."""


class LogPosterior(eqx.Module):
    """ln p(z | data) up to a constant, z of shape (parameters + unknowns,).

    theta = lower + (upper - lower) sigmoid(z): bounds are respected by construction, and the Jacobian is counted. The
    unknowns of each measurement's likelihood follow, measurement after measurement. Derivatives of the residuals are
    taken in forward mode, one pass for each parameter, whatever mode the sampler uses.

    - `inflation`, `tau`, shape (measurements,): of each as the fit found them.
    """

    problem: Problem
    likelihood: Likelihood
    inflation: Float[Array, " measurements"]
    tau: Float[Array, " measurements"]

    @property
    def size(self) -> int:
        """Number of parameters, without the unknowns."""
        return len(self.problem.parameters.names)

    def theta(self, z: Float[Array, " unbounded"]) -> Float[Array, " parameters"]:
        """The fitted coordinates of z."""
        lower, upper = self.problem.parameters.lower, self.problem.parameters.upper
        return lower + (upper - lower) * jax.nn.sigmoid(z[: self.size])

    def unknowns(self, z: Float[Array, " unbounded"]) -> Float[Array, "measurements unknowns"]:
        """The unknowns of the likelihood in z."""
        return z[self.size :].reshape(len(self.problem.members), len(self.likelihood.unknowns))

    def __call__(self, z: Float[Array, " unbounded"]) -> Float[Array, ""]:
        """ln p; -inf where the model fails."""
        theta, unknowns = self.theta(z), self.unknowns(z)
        inner = z[: self.size]
        bending = -jnp.sum(jax.nn.softplus(inner) + jax.nn.softplus(-inner))
        total = self.problem.parameters.log_prior(theta) + bending
        residuals = forward_mode(self.problem.residuals)(theta)
        for k, member in enumerate(self.problem.members):
            rows, segments = residuals[member.rows], self.problem.segments[member.rows]
            data = self.likelihood.log_likelihood(rows, segments, unknowns[k], self.inflation[k], self.tau[k])
            total = total + data + self.likelihood.log_prior(unknowns[k])
        return jnp.where(jnp.isfinite(total), total, -jnp.inf)


def log_posterior(result: FitResult, likelihood: Likelihood) -> LogPosterior:
    """Of a finished fit, on the step grid that it ended with."""
    noises = [one.noise for one in result.members.values()]
    numbers = [[noise.inflation for noise in noises], [noise.autocorrelation_time for noise in noises]]
    inflation, tau = (jnp.asarray(row, dtype=jnp.float64) for row in numbers)
    return LogPosterior(result.problem, likelihood, inflation, tau)


def forward_mode(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """The same function, whose derivative in reverse mode comes from a Jacobian made in forward mode."""

    @jax.custom_vjp
    def wrapped(theta: Array) -> Array:
        return function(theta)

    def forward(theta: Array) -> tuple[Array, Array]:
        return value_and_jacobian(function, theta)

    def backward(jacobian: Array, cotangent: Array) -> tuple[Array]:
        return (cotangent @ jacobian,)

    wrapped.defvjp(forward, backward)
    return wrapped


def centre_and_covariance(
    density: LogPosterior, result: FitResult
) -> tuple[Float[np.ndarray, " unbounded"], Float[np.ndarray, "unbounded unbounded"]]:
    """The optimum in z, moved off the bounds, and the Laplace covariance there; where to begin and how far to step."""
    lower, upper = (np.asarray(b) for b in (result.problem.parameters.lower, result.problem.parameters.upper))
    share = np.clip((result.theta - lower) / (upper - lower), _MARGIN, 1.0 - _MARGIN)
    slope = (upper - lower) * share * (1.0 - share)
    inner = result.covariance / np.outer(slope, slope)
    sd = np.sqrt(np.diag(inner))
    shrink = np.minimum(1.0, _WIDEST / sd)
    inner = inner * np.outer(shrink, shrink)
    starts, variances = [], []
    for one in result.members.values():
        starts.append(density.likelihood.start(float(np.sqrt(one.noise.scale))))
        known = 0.5 * one.noise.autocorrelation_time / max(one.noise.n_points, 1)
        own = [min(known, 1.0) if name == "log_noise_scale" else 0.25 for name in density.likelihood.unknowns]
        variances += own
    centre = np.concatenate([np.log(share / (1.0 - share)), *starts])
    covariance = np.diag(np.concatenate([np.zeros(inner.shape[0]), np.asarray(variances, dtype=float)]))
    covariance[: inner.shape[0], : inner.shape[0]] = inner
    return centre, covariance
