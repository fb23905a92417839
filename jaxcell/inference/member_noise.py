"""The noise of each measurement of a problem, and what each of them tells of the parameters."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .covariance import Noise, noise_level, student_95
from .evaluation import Evaluation, Weighting
from .problem import Problem


def member_noise(problem: Problem, at: Evaluation) -> tuple[Noise, ...]:
    """Noise of each member's residuals at an evaluated point, in the order of `problem.members`."""
    parts = _weighted_parts(problem, at)
    precision = np.asarray(problem.parameters.prior_precision(at.theta))
    residuals, segments = np.asarray(at.residuals), np.asarray(problem.noise_segments)
    return tuple(
        noise_level(
            residuals[member.rows],
            segments[member.rows],
            part,
            precision,
            estimated=member.noise_estimated,
            stated=member.noise_stated,
            others=np.sum(parts, axis=0) - part,
        )
        for member, part in zip(problem.members, parts, strict=True)
    )


def pooled(noises: Sequence[Noise]) -> Noise:
    """All members as one: sums, and tau so that n/tau points are worth one each in all."""
    if len(noises) == 1:
        return noises[0]
    n, p, chi2, dof, t_dof = (
        sum(getattr(noise, name) for noise in noises)
        for name in ("n_points", "effective_parameters", "chi2", "dof", "t_dof")
    )
    tau = n / sum(noise.n_points / noise.autocorrelation_time for noise in noises)
    scale = sum(noise.scale * noise.dof for noise in noises) / dof
    return Noise(n, p, chi2, tau, scale, dof, t_dof)


def inflated(problem: Problem, noises: Sequence[Noise], weighting: Weighting) -> Weighting:
    """The weighting under which each member counts by its noise as found."""
    weights = np.ones(problem.segments.shape[0])
    for member, noise in zip(problem.members, noises, strict=True):
        weights[member.rows] = noise.inflation**-0.5
    return weighting._replace(data=jnp.asarray(weights))


@dataclass(frozen=True)
class Told:
    """What the members tell.

    - `parts`, shape (members, parameters, parameters): Fisher's information of each at its noise, in theta.
    - `t_dof`, shape (members,): degrees of freedom of each noise; infinite where the noise is known.
    """

    parts: Float[np.ndarray, "members parameters parameters"]
    t_dof: Float[np.ndarray, " members"]

    @property
    def information(self) -> Float[np.ndarray, "parameters parameters"]:
        """Of all members."""
        return np.sum(self.parts, axis=0)

    def quantile(
        self,
        direction: Float[np.ndarray, " parameters"],
        covariance: Float[np.ndarray, "parameters parameters"],
    ) -> float:
        """Half-width of the 95 % interval of direction . theta in standard errors (Student's t).

        Member m brings c_m = g^T C F_m C g of the variance; nu = (sum c_m)^2 / sum(c_m^2/nu_m) (Welch 1947,
        Satterthwaite 1946). A direction that no member sees takes the degrees of freedom of all together.
        """
        along = covariance @ direction
        brought = np.maximum(np.einsum("i,mij,j->m", along, self.parts, along), 0.0)
        whole = float(np.sum(brought))
        if not whole > 0.0:
            return student_95(float(np.sum(self.t_dof)))
        lost = float(np.sum((brought / whole) ** 2 / self.t_dof))
        return student_95(1.0 / lost if lost > 0.0 else np.inf)

    def quantiles(self, covariance: Float[np.ndarray, "parameters parameters"]) -> Float[np.ndarray, " parameters"]:
        """The same of each parameter."""
        return np.array([self.quantile(row, covariance) for row in np.eye(len(covariance))])


def told(problem: Problem, at: Evaluation, weighting: Weighting, noises: Sequence[Noise] | None = None) -> Told:
    """What each member tells at an evaluated point, at its noise as found; at the stated noise, known, without any."""
    parts = _weighted_parts(problem, at)
    used = np.array([float(weighting.data[member.rows.start]) for member in problem.members])
    inflation = np.ones(len(parts)) if noises is None else np.array([noise.inflation for noise in noises])
    dof = np.full(len(parts), np.inf) if noises is None else np.array([noise.t_dof for noise in noises])
    return Told(parts / (used**2 * inflation)[:, None, None], dof)


def slope(problem: Problem, at: Evaluation, weighting: Weighting, noises: Sequence[Noise]) -> Float[np.ndarray, " p"]:
    """Gradient of the loss in theta at an evaluated point, each member at its noise as found."""
    rows, jacobian, n = np.asarray(at.rows), np.asarray(at.jacobian), at.residuals.shape[0]
    found = jacobian[n:].T @ rows[n:]
    for member, noise in zip(problem.members, noises, strict=True):
        used = float(weighting.data[member.rows.start])
        found = found + jacobian[member.rows].T @ rows[member.rows] / (used**2 * noise.inflation)
    return found


def _weighted_parts(problem: Problem, at: Evaluation) -> Float[np.ndarray, "members parameters parameters"]:
    """J^T J of each member's rows, weighted as they were evaluated."""
    jacobian = np.asarray(at.jacobian)
    return np.stack([jacobian[member.rows].T @ jacobian[member.rows] for member in problem.members])
