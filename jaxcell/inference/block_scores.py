"""The scores of one block of cycles that a fit has left out: its predictive density, and CRPS and PIT of each."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
from jaxtyping import Array, Float, Int
from scipy.special import logsumexp

from jaxcell.inference.analysis import FitSettings
from jaxcell.inference.evaluation import plain_weighting
from jaxcell.inference.fit import fit
from jaxcell.inference.forecast import capacity_draws, predictive_draws
from jaxcell.inference.inventory_problem import InventoryProblem
from jaxcell.inference.left_out import Fold, cycle_of_rows, fitted_only
from jaxcell.inference.multistart import evaluate_starts, prepare, whole_boxes
from jaxcell.inference.problem import Problem
from jaxcell.inference.report import FitResult
from jaxcell.inference.scores import FEWEST_DOF, crps_of_draws, crps_student, pit_of_draws


@dataclass(frozen=True)
class BlockScore:
    """What a fit said of the cycles of a fold before it saw them.

    - `cycles`: left out; `log_score`: ln of their joint predictive density.
    - `crps`, `pit` of each value alone, shape (values,): of capacities [Q]; of other problems in units of the noise,
      stated or estimated from what was fitted.
    - `converged`: whether the fit did.
    """

    fold: Fold
    cycles: int
    log_score: float
    crps: Float[np.ndarray, " values"]
    pit: Float[np.ndarray, " values"]
    converged: bool


def block_score(problem: Problem, fold: Fold, *, starts: int, seed: int, settings: FitSettings) -> BlockScore:
    """Fit what comes before the fold and score what it predicts.

    **Capacities and efficiencies per cycle.**  The joint density of a block's efficiencies is the product of that of
    each cycle given the ones before, begun from their measured capacities, averaged over the posterior's draws, each
    with its noise; noise that was estimated makes this a Student predictive.  A change from efficiency to capacity
    divides it by what each cycle plated, the same for every model.  Residuals that wander predict the next one, as a
    first-order autoregression.  CRPS and PIT are those of `capacity_draws`, capacities foretold with none of the block
    known.

    **All other problems.**  The model is linear in theta about the optimum, theta Gaussian with the fit's covariance C:
    residuals of the block are Student's t about zero with J C J^T + s2 K, K the correlation phi^|i-j| within a segment,
    and the degrees of freedom of the fit's noise.  Where the data leave a parameter open over decades that is rough.

    Raises ValueError where no start of the fit can be run.
    """
    part = fitted_only(problem, fold)
    result = fit(part, starts=starts, seed=seed, settings=settings)
    place = cycle_of_rows(problem)
    rows = np.flatnonzero((place >= fold.fitted) & (place < fold.until))
    if isinstance(problem, InventoryProblem):
        assert isinstance(part, InventoryProblem)
        scored = _of_inventory(problem, part, result, rows, seed)
    else:
        scored = _of_residuals(problem, result, rows, starts, settings)
    return BlockScore(fold, fold.until - fold.fitted, *scored, result.converged)


Scored = tuple[float, Float[np.ndarray, " values"], Float[np.ndarray, " values"]]


def _of_inventory(
    whole: InventoryProblem, part: InventoryProblem, result: FitResult, rows: Int[np.ndarray, " rows"], seed: int
) -> Scored:
    drawn = predictive_draws(part, result, seed=seed)
    off = np.asarray(_efficiency_off(whole, jnp.asarray(drawn.theta)))
    fitted = np.asarray(whole.segments) >= 0
    sd = np.broadcast_to(drawn.noise[:, None], (len(drawn.noise), rows.size))
    follows = (rows > 0) & fitted[rows - 1]
    expected = np.where(follows, drawn.phi * off[:, rows - 1], 0.0)
    sd = np.where(follows, np.sqrt(1.0 - drawn.phi**2), 1.0) * sd
    each = scipy.stats.norm.logpdf(off[:, rows], expected, sd)
    log_score = float(logsumexp(each.sum(axis=1)) - np.log(len(each)))
    capacity = capacity_draws(part, drawn, seed=seed)[:, rows]
    measured = np.asarray(whole.data.capacity)[rows]
    known = np.isfinite(measured)
    capacity, measured = capacity[:, known], measured[known]
    return log_score, crps_of_draws(capacity, measured), pit_of_draws(capacity, measured)


@eqx.filter_jit
def _efficiency_off(
    problem: InventoryProblem, thetas: Float[Array, "draws parameters"]
) -> Float[Array, "draws cycles"]:
    """Model less measured efficiency [1], every cycle begun from the capacity measured before it."""
    return jax.vmap(problem.residuals)(thetas) * problem.noise


def _of_residuals(
    whole: Problem, result: FitResult, rows: Int[np.ndarray, " rows"], starts: int, settings: FitSettings
) -> Scored:
    seen = eqx.tree_at(lambda p: p.segments, result.problem, whole.segments)
    boxes = whole_boxes(whole.parameters, starts)
    state = prepare(seen, jnp.tile(jnp.asarray(result.theta)[None, :], (starts, 1)), boxes)
    at = evaluate_starts(seen, state, boxes, plain_weighting(seen), settings.multistart)
    scale = np.asarray(seen.noise_scale)[rows]
    residuals, jacobian = (np.asarray(leaf)[0][rows] for leaf in (at.residuals, at.jacobian))
    tau = result.noise.autocorrelation_time
    segments = np.asarray(whole.segments)[rows]
    together = segments[:, None] == segments[None, :]
    noise = np.where(together, ((tau - 1.0) / (tau + 1.0)) ** np.abs(rows[:, None] - rows[None, :]), 0.0)
    covariance = jacobian @ result.covariance @ jacobian.T + result.noise.scale * noise
    dof = max(result.noise.t_dof, FEWEST_DOF)
    density = scipy.stats.multivariate_t(np.zeros(rows.size), covariance, df=dof, allow_singular=True)  # pyright: ignore[reportArgumentType]
    log_score = float(density.logpdf(residuals)) - float(np.sum(np.log(scale)))
    sd = np.sqrt(np.diag(covariance))
    return log_score, crps_student(residuals * scale, sd * scale, dof), scipy.stats.t.cdf(-residuals / sd, dof)
