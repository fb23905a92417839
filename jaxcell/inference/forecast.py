"""Capacities of cycles that were not recorded, from those that were, with predictive intervals."""

from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.inference.inventory_problem import InventoryProblem
from jaxcell.inference.joint_problem import JointProblem
from jaxcell.inference.lithium_loss import CycleFit, cycle_fit, posterior_draws
from jaxcell.inference.report import FitResult


@dataclass(frozen=True)
class Forecast:
    """Quantiles of the capacity [Q], shape (cycles,), over every cycle of the problem; NaN up to the last recorded. Of
    `trend_forecast` and `law_forecast` those of their series."""

    low: Float[np.ndarray, " cycles"]
    median: Float[np.ndarray, " cycles"]
    high: Float[np.ndarray, " cycles"]

    def covers(self, capacity: Float[np.ndarray, " cycles"]) -> np.ndarray:
        """Whether each capacity lies in its 95 % interval; False where either is NaN."""
        return (self.low <= capacity) & (capacity <= self.high)


def forecast(
    problem: InventoryProblem | JointProblem, result: FitResult, *, member: str = "", seed: int = 0
) -> Forecast:
    """95 % predictive intervals of the problem's cycles after the last recorded one, from a finished fit; see
    `capacity_draws`. `member` names the cycles among the measurements of a joint problem.

    Raises ValueError for a member that is not there or has no cycles.
    """
    own = cycle_fit(problem, result, member)
    capacity = capacity_draws(own.problem, _draws(own, seed), seed=seed)
    low, median, high = np.quantile(capacity, [0.025, 0.5, 0.975], axis=0)
    data = own.problem.data
    recorded = np.flatnonzero(np.isfinite(np.asarray(data.capacity)) | (np.asarray(own.problem.segments) >= 0))
    past = np.arange(capacity.shape[1]) <= recorded[-1]
    return Forecast(*(np.where(past, np.nan, curve) for curve in (low, median, high)))


class PredictiveDraws(NamedTuple):
    """Draws of the posterior of a finished fit: theta, the noise [1] of an efficiency that goes with each, and the
    correlation of neighbouring residuals, phi = (tau - 1)/(tau + 1)."""

    theta: Float[np.ndarray, "draws parameters"]
    noise: Float[np.ndarray, " draws"]
    phi: float


def predictive_draws(problem: InventoryProblem, result: FitResult, *, seed: int = 0) -> PredictiveDraws:
    """What predictions are made of."""
    return _draws(cycle_fit(problem, result), seed)


def _draws(own: CycleFit, seed: int) -> PredictiveDraws:
    return PredictiveDraws(*posterior_draws(own, seed=seed), (own.wandering - 1.0) / (own.wandering + 1.0))


def capacity_draws(
    problem: InventoryProblem, drawn: PredictiveDraws, *, seed: int = 0
) -> Float[np.ndarray, "draws cycles"]:
    """Predictive draws of the capacity [Q] of every cycle; of recorded ones, what the model makes of the one before.

    Every draw of the posterior is cycled on from the last recorded capacity, with scatter of its own noise in every
    cycle's efficiency.  The scatter is a first-order autoregression with the residuals' autocorrelation time
    tau = (1 + phi)/(1 - phi), so that losses that wander keep wandering.
    """
    shape = (len(drawn.theta), problem.segments.shape[0])
    scatter = drawn.noise[:, None] * _wandering(np.random.default_rng(seed), drawn.phi, shape)
    return np.asarray(_capacities(problem, jnp.asarray(drawn.theta), jnp.asarray(scatter)))


def _wandering(rng: np.random.Generator, phi: float, shape: tuple[int, int]) -> np.ndarray:
    """Unit-variance first-order autoregressions, one a row."""
    kicks = rng.standard_normal(shape)
    rows = kicks.copy()
    for k in range(1, shape[1]):
        rows[:, k] = phi * rows[:, k - 1] + np.sqrt(1.0 - phi**2) * kicks[:, k]
    return rows


@eqx.filter_jit
def _capacities(
    problem: InventoryProblem, thetas: Float[Array, "draws parameters"], scatter: Float[Array, "draws cycles"]
) -> Float[Array, "draws cycles"]:
    def capacity(theta: Float[Array, " parameters"], scatter: Float[Array, " cycles"]) -> Float[Array, " cycles"]:
        flux = problem.run(theta, scatter).flux
        return flux.stripped - flux.unexplained

    return jax.vmap(capacity)(thetas, scatter)
