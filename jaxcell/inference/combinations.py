"""Physical combinations of parameters: often what the data do tell when the parameters themselves stay
open."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .analysis import Identifiability
from .evaluation import value_and_jacobian
from .identifiability import IDENTIFIED, PRIOR_ONLY, Thresholds
from .problem import Physical, Problem

_BATCH = 64
_LARGEST_LOG = 700.0
"""ln of about the largest number there is: intervals of what nothing bounds end there."""


@dataclass(frozen=True)
class CombinationEstimate:
    """A physical combination, and whether the data or the prior settle it.

    - `estimate`, `interval95` in `unit`.
    - `standard_error`: posterior sd of ln(value) when it is positive, else in `unit`.
    - `prior_error`: the same if the priors alone were known; 0 when no fitted parameter enters.
    - `remaining` [1]: the one over the other, at most 1; 1 when no fitted parameter enters.
    """

    name: str
    unit: str
    estimate: float
    interval95: tuple[float, float]
    standard_error: float
    prior_error: float
    remaining: float
    identifiable: bool

    @property
    def verdict(self) -> str:
        """'identified' or 'prior only'."""
        return IDENTIFIED if self.identifiable else PRIOR_ONLY


def estimate_combinations(
    problem: Problem,
    theta: Float[Array, " parameters"],
    found: Identifiability,
    thresholds: Thresholds,
) -> tuple[CombinationEstimate, ...]:
    """`problem.combinations` with intervals by the delta method, and by evaluation on the traced ridges.

    sd^2 = g C g^T with g the gradient of ln(value) in theta (of the value where it is not positive) and C the
    posterior covariance across the ridges, `found.quantile(g)` of them either way, in quadrature with the reach
    along the ridges. Identified when the data leave at most `thresholds.marginal` of what the priors alone
    would give, and no parameter that it rests on (`problem.rests_on`) is told by its prior only.
    """
    values, slopes = _values_and_slopes(problem, theta)
    on_ridges = _on_ridges(problem, theta, found)
    units = problem.combination_units()
    untold = {one.name for one in found.verdicts if one.kind == PRIOR_ONLY}
    estimates = []
    for name, raw in values.items():
        value, slope = float(raw), np.asarray(slopes[name])
        along = on_ridges.get(name, np.zeros(0))
        along = np.append(along[np.isfinite(along)], value)
        logarithmic = value > 0.0 and bool(np.all(along > 0.0))
        g = slope / value if logarithmic else slope
        centre, along = (np.log(value), np.log(along)) if logarithmic else (value, along)
        q = found.quantile(g)
        across = max(float(g @ found.covariance_across @ g), 0.0)  # projected: zero may come out negative
        before = float(np.sqrt(g**2 @ found.prior_sd**2))
        down, up = centre - np.min(along), np.max(along) - centre
        ends = [centre + sign * np.hypot(q * np.sqrt(across), reach) for sign, reach in ((-1.0, down), (1.0, up))]
        sd = np.hypot(np.sqrt(across), 0.5 * (down + up) / q)
        remaining = float(min(sd / before, 1.0)) if before > 0.0 else 1.0
        low, high = (float(np.exp(min(e, _LARGEST_LOG))) if logarithmic else float(e) for e in ends)
        estimates.append(
            CombinationEstimate(
                name,
                units.get(name, ""),
                value,
                (low, high),
                float(sd),
                before,
                remaining,
                remaining <= thresholds.marginal and untold.isdisjoint(problem.rests_on.get(name, ())),
            )
        )
    return tuple(estimates)


def _on_ridges(
    problem: Problem, theta: Float[Array, " parameters"], found: Identifiability
) -> dict[str, Float[np.ndarray, " points"]]:
    """Every combination at every ridge point and at theta, nothing without ridges; the number of points padded to
    reuse the compilation."""
    if not found.ridges:
        return {}
    points = np.concatenate([np.asarray(theta)[None, :], *(ridge.theta for ridge in found.ridges)])
    padding = -len(points) % _BATCH
    padded = np.concatenate([points, np.tile(points[:1], (padding, 1))])
    return {name: np.asarray(v) for name, v in _many_values(problem, jnp.asarray(padded)).items()}


@eqx.filter_jit
def _values_and_slopes(
    problem: Problem, theta: Float[Array, " parameters"]
) -> tuple[Physical, dict[str, Float[Array, " parameters"]]]:
    return value_and_jacobian(problem.combinations, theta)


@eqx.filter_jit
def _many_values(problem: Problem, thetas: Float[Array, "points parameters"]) -> dict[str, Float[Array, " points"]]:
    return jax.vmap(problem.combinations)(thetas)
