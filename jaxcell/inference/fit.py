"""From a problem to an answer: many starts, the best optimum, its noise level, its intervals and its
verdicts."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .analysis import FitSettings, Identifiability, analyse, interval95
from .combinations import estimate_combinations
from .covariance import Noise, noise_level
from .evaluation import Evaluation, Weighting, plain_weighting
from .least_squares import Box
from .multistart import Outcome, Progress, polish_only, prepare, run_starts, start_points
from .problem import Problem
from .report import FitResult, ParameterEstimate, PriorSummary, StartRecord
from .results import Status
from .ridge import physical

SAME_OPTIMUM = 0.01
"""Two losses this close [1] are the same optimum: likelihoods that differ by one per cent."""
_ON_BOUND = 1e-9
_LEAST_POINTS = 12
"""Fewest points of a traced ridge; with as many starts or more, the ridge runs the fit's own compiled
program."""


def fit(
    problem: Problem,
    *,
    starts: int = 16,
    seed: int = 0,
    settings: FitSettings | None = None,
    progress: Progress | None = None,
) -> FitResult:
    """Minimise `problem.loss` within the bounds from many starts, and say what the optimum is worth.

    The estimate is the mode of the posterior in theta. Intervals inflate the stated noise by s2 tau (see
    `Noise`); they are Student-t in theta, with the reach of the traced ridges, cut at the bounds and mapped
    to physical values.

    - `starts`: start points, the first at `problem.parameters.initial`, the others drawn from the priors by
      `seed`.
    - `progress(done, total)`: called between chunks of iterations; an exception in it, or a keyboard
      interrupt, ends the fit with the best point so far (`FitResult.interrupted`), without ridges.

    **Raises** `ValueError` when no start has finite residuals. A fit that did not converge is returned, with
    `converged` False and its reason in `sentence`.
    """
    settings = FitSettings() if settings is None else settings
    parameters = problem.parameters
    thetas = start_points(parameters, starts, seed)
    boxes = Box(*(jnp.tile(bound[None, :], (starts, 1)) for bound in (parameters.lower, parameters.upper)))
    weighting = plain_weighting(problem)
    state = prepare(problem, thetas, boxes, settings.multistart)
    outcome = run_starts(problem, state, boxes, weighting, settings.multistart, progress)
    if not outcome.stopped and np.any(np.isfinite(np.asarray(outcome.evaluation.cost))):
        problem, outcome = _renew(problem, outcome, boxes, settings, progress)

    costs = np.asarray(outcome.evaluation.cost)
    if not np.any(np.isfinite(costs)):
        raise ValueError(
            f"None of the {starts} starts has finite residuals; choose a start where the model can be run."
        )
    best = int(np.argmin(np.where(np.isfinite(costs), costs, np.inf)))
    at = Evaluation(*(leaf[best] for leaf in outcome.evaluation))
    noise = noise_level(
        np.asarray(at.residuals),
        np.asarray(problem.segments),
        np.asarray(at.data_information),
        np.asarray(parameters.prior_precision(at.theta)),
        estimated=problem.noise_estimated,
    )
    inflated = Weighting(jnp.asarray(noise.inflation**-0.5, dtype=jnp.float64), weighting.offset)
    found = analyse(
        problem,
        at,
        noise.inflation,
        noise.quantile,
        None if outcome.stopped else inflated,
        max(starts, _LEAST_POINTS),
        settings,
    )
    return _result(problem, outcome, best, at, noise, found, settings)


def _renew(
    problem: Problem, outcome: Outcome, boxes: Box, settings: FitSettings, progress: Progress | None
) -> tuple[Problem, Outcome]:
    """Prepare the problem anew at the best point and let every start settle again, without the Adam stage."""
    costs = np.asarray(outcome.evaluation.cost)
    best = outcome.evaluation.theta[int(np.nanargmin(costs))]
    renewed = problem.renewed(best)
    if renewed is problem:
        return problem, outcome
    state = prepare(renewed, outcome.evaluation.theta, boxes, settings.multistart)
    state = polish_only(state, settings.multistart)
    settled = run_starts(renewed, state, boxes, plain_weighting(renewed), settings.multistart, progress)
    return renewed, settled._replace(steps=settled.steps + outcome.steps)


def _result(
    problem: Problem,
    outcome: Outcome,
    best: int,
    at: Evaluation,
    noise: Noise,
    found: Identifiability,
    settings: FitSettings,
) -> FitResult:
    costs, theta = np.asarray(outcome.evaluation.cost), np.asarray(at.theta)
    codes, steps = np.asarray(outcome.status), np.asarray(outcome.steps)
    points = np.asarray(outcome.evaluation.theta)
    rmse = None
    if problem.data_scale is not None:
        real = np.asarray(problem.segments) >= 0
        rmse = float(np.sqrt(np.mean((np.asarray(at.residuals) * np.asarray(problem.data_scale))[real] ** 2)))
    combined = estimate_combinations(problem, at.theta, found, settings.thresholds)
    return FitResult(
        theta=theta,
        parameters={p.name: p for p in _estimates(problem, theta, found)},
        combinations={c.name: c for c in combined},
        identifiability=found,
        noise=noise,
        loss=float(costs[best]),
        rmse=rmse,
        data_unit=problem.data_unit,
        status=Status(int(codes[best])),
        starts=tuple(
            StartRecord(float(c), Status(int(code)), int(n), point)
            for c, code, n, point in zip(costs, codes, steps, points, strict=True)
        ),
        share_at_optimum=float(np.mean(costs <= costs[best] + SAME_OPTIMUM)),
        stopped=outcome.stopped,
    )


def _estimates(
    problem: Problem, theta: Float[np.ndarray, " parameters"], found: Identifiability
) -> list[ParameterEstimate]:
    parameters = problem.parameters
    lower, upper = np.asarray(parameters.lower), np.asarray(parameters.upper)
    se = np.sqrt(np.diag(found.covariance))
    low, high = interval95(theta, found)
    low, high = np.maximum(low, lower), np.minimum(high, upper)
    believed = parameters.prior_quantiles(np.tile([0.025, 0.5, 0.975], (theta.size, 1)))
    margin = _ON_BOUND * (upper - lower)
    estimates = []
    for k, p in enumerate(parameters.parameters):
        value, first, last, *prior = physical(problem, k, np.array([theta[k], low[k], high[k], *believed[k]])).tolist()
        on_bound = (
            "lower" if theta[k] <= lower[k] + margin[k] else "upper" if theta[k] >= upper[k] - margin[k] else None
        )
        bounds = (float(p.bounds[0]), float(p.bounds[1]))
        summary = PriorSummary(p.prior.name, prior[1], (prior[0], prior[2]), bounds)
        estimates.append(
            ParameterEstimate(
                p.name,
                p.unit,
                value,
                (first, last),
                float(se[k]),
                p.transform.name,
                on_bound,
                summary,
                found.verdicts[k],
            )
        )
    return estimates
