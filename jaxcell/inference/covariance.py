"""From the information at the optimum to standard errors and intervals that hold when the noise is not
ideal."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
from jaxtyping import Array, Float, Int

from .autocorrelation import credible_time
from .evaluation import value_and_jacobian
from .problem import Problem

_ROUNDING = 1e-12
"""Mean square of standardised residuals that are nothing but rounding."""
REFUTED = 0.05
"""A stated noise is taken for too small when residuals as large as these have at most this probability."""


def fisher_information(problem: Problem, theta: Float[Array, " parameters"]) -> Float[Array, "parameters parameters"]:
    """F = J^T J of the data at theta [1], in transformed coordinates: Fisher's information at the stated
    noise."""
    _, J = value_and_jacobian(problem.residuals, theta)
    return J.T @ J


def posterior_covariance(
    information: Float[Array, "parameters parameters"],
    prior_precision: Float[Array, " parameters"],
    inflation: float | Float[Array, ""] = 1.0,
) -> Float[Array, "parameters parameters"]:
    """C = (F / inflation + P)^-1 in transformed coordinates; positive precisions keep it finite however poor
    F is."""
    # In units of the prior sd the matrix is I + F~: its inverse is accurate however the coordinates scale.
    sd = jax.lax.rsqrt(jnp.asarray(prior_precision))
    scaled = jnp.asarray(information) * sd[:, None] * sd[None, :] / inflation
    identity = jnp.eye(sd.shape[0], dtype=jnp.float64)
    inverse = jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(identity + scaled), identity)
    return inverse * sd[:, None] * sd[None, :]


@dataclass(frozen=True)
class Noise:
    """How far the residuals are from independent unit noise.

    - `n_points`: residuals counted; `effective_parameters`: trace(F (F + F_others + P)^-1), parameters that these
      data determine.
    - `chi2` = sum of squared standardised residuals.
    - `autocorrelation_time` tau >= 1: neighbouring residuals worth one; 1 unless white noise is refuted
      (`credible_time`).
    - `scale` s2: chi2/dof where the noise was itself estimated, never below 1 where it was renewed from residuals
      already; of a stated noise 1, unless chi2 is refuted (`REFUTED`): then it was too small, and chi2/dof.
    - `dof` = n - p tau (at least n/2): mean of chi2 at unit noise when p parameters absorb correlated
      residuals.
    - `t_dof` = n/tau - p (at least 1): degrees of freedom of Student's t; infinite for a stated noise that holds.
    """

    n_points: int
    effective_parameters: float
    chi2: float
    autocorrelation_time: float
    scale: float
    dof: float
    t_dof: float

    @property
    def inflation(self) -> float:
        """s2 tau: by how much the variance exceeds that of independent unit noise."""
        return self.scale * self.autocorrelation_time

    @property
    def quantile(self) -> float:
        """Half-width of the 95 % interval in standard errors (Student's t)."""
        return student_95(self.t_dof)


def student_95(dof: float) -> float:
    """Half-width of the central 95 % interval of Student's t, 1.96 for infinitely many degrees of freedom."""
    return float(scipy.stats.norm.ppf(0.975) if np.isinf(dof) else scipy.stats.t.ppf(0.975, dof))


def noise_level(
    residuals: Float[np.ndarray, " n"],
    segments: Int[np.ndarray, " n"],
    information: Float[np.ndarray, "parameters parameters"],
    prior_precision: Float[np.ndarray, " parameters"],
    *,
    estimated: bool = False,
    stated: bool = True,
    others: Float[np.ndarray, "parameters parameters"] | None = None,
) -> Noise:
    """Noise scale and autocorrelation of standardised residuals at the optimum; negative segments are
    padding. `estimated`, `stated` as in `Problem`, `estimated` first. `others`: information of other measurements,
    which determine parameters as well."""
    n = int(np.sum(segments >= 0))
    sizes = np.sqrt(np.outer(prior_precision, prior_precision))
    scaled = information / sizes
    known = np.eye(len(scaled)) if others is None else np.eye(len(scaled)) + others / sizes
    p = float(np.trace(np.linalg.solve(known + scaled, scaled)))
    chi2 = float(np.sum(residuals[segments >= 0] ** 2))
    # Residuals of rounding follow one another; data without noise are not told from their model by that.
    tau = credible_time(residuals, segments) if chi2 > _ROUNDING * n else 1.0
    dof = max(n - p * tau, 0.5 * n, 1.0)
    t_dof = max(n / tau - p, 1.0)
    if estimated:
        return Noise(n, p, chi2, tau, chi2 / dof, dof, t_dof)
    holds = stated and float(scipy.stats.chi2.sf(chi2 / tau, dof / tau)) > REFUTED
    scale = 1.0 if holds else max(1.0, chi2 / dof)
    return Noise(n, p, chi2, tau, scale, dof, np.inf if holds and tau == 1.0 else t_dof)
