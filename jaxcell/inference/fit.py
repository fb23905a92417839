"""From a problem to an answer: many starts, the best optimum, its noise level, its intervals and its
verdicts."""

import numpy as np
from jaxtyping import Array, Float, Int

from .analysis import FitSettings, Identifiability, analyse, interval95
from .combinations import estimate_combinations
from .covariance import Noise
from .evaluation import plain_weighting
from .member_noise import inflated, member_noise, pooled, slope, told
from .multistart import FROM_KEYBOARD, Progress, prepare, run_starts, start_points, whole_boxes
from .prior_summary import prior_summaries
from .problem import Problem
from .report import SAME_OPTIMUM, FitResult, MemberFit, ParameterEstimate, StartRecord
from .results import Status
from .ridge import physical
from .stages import Stage, settle

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
    `Noise`), each measurement's by its own; of several measurements, and beside priors, the estimate weighs each by
    that (see `stages.settle`). Intervals are Student-t in theta, with the reach of the traced ridges, of the
    posterior between the bounds, and mapped to physical values.

    - `starts`: start points, the first at `problem.parameters.initial`, the others drawn from the priors by
      `seed`.
    - `progress(done, total)`: called between chunks of iterations; an exception in it, or a keyboard
      interrupt, ends the fit with the best point so far (`FitResult.interrupted`), without ridges.

    **Raises** `ValueError` for starts or a seed that are no whole numbers of at least 1 and 0, and when no start has
    finite residuals. A fit that did not converge is returned, with
    `converged` False and its reason in `sentence`.
    """
    settings = FitSettings() if settings is None else settings
    parameters = problem.parameters
    thetas = start_points(parameters, starts, seed)
    boxes = whole_boxes(parameters, starts)
    weighting = plain_weighting(problem)
    state = prepare(problem, thetas, boxes)
    outcome = run_starts(problem, state, boxes, weighting, settings.multistart, progress)
    stage = settle(Stage(problem, outcome, weighting), boxes, settings, progress)
    if not stage.found:
        raise ValueError(
            f"None of the {starts} starts has finite residuals; choose a start where the model can be run."
        )
    noises = member_noise(stage.problem, stage.at)
    stage, found = _analysed(stage, noises, max(starts, _LEAST_POINTS), settings)
    return _result(stage, noises, found, settings)


def _analysed(
    stage: Stage, noises: tuple[Noise, ...], points: int, settings: FitSettings
) -> tuple[Stage, Identifiability]:
    """What the data tell at the best point; without ridges where the fit, or their tracing, was cut short."""
    problem, at = stage.problem, stage.at
    known = told(problem, at, stage.weighting, noises)
    push = slope(problem, at, stage.weighting, noises)
    traced = None if stage.outcome.stopped else inflated(problem, noises, stage.weighting)
    try:
        return stage, analyse(problem, at, known, push, traced, points, settings)
    except KeyboardInterrupt:
        if traced is None:
            raise
        stopped = stage.outcome._replace(stopped=FROM_KEYBOARD)
        return stage._replace(outcome=stopped), analyse(problem, at, known, push, None, points, settings)


def _result(stage: Stage, noises: tuple[Noise, ...], found: Identifiability, settings: FitSettings) -> FitResult:
    problem, outcome, at = stage.problem, stage.outcome, stage.at
    costs, theta = np.asarray(outcome.evaluation.cost), np.asarray(at.theta)
    codes, steps = np.asarray(outcome.status), np.asarray(outcome.steps)
    points = np.asarray(outcome.evaluation.theta)
    residuals, segments = np.asarray(at.residuals), np.asarray(problem.segments)
    combined = estimate_combinations(problem, at.theta, found, settings.thresholds)
    members = {}
    for member, noise in zip(problem.members, noises, strict=True):
        own, labels = residuals[member.rows], segments[member.rows]
        rmse = _rmse(own, labels, member.data_scale)
        members[member.name] = MemberFit(member.name, own, labels, noise, rmse, member.data_unit)
    return FitResult(
        theta=theta,
        parameters={p.name: p for p in _estimates(problem, theta, found)},
        combinations={c.name: c for c in combined},
        identifiability=found,
        noise=pooled(noises),
        loss=float(costs[stage.best]),
        rmse=_rmse(residuals, segments, problem.data_scale),
        data_unit=problem.data_unit,
        status=Status(int(codes[stage.best])),
        starts=tuple(
            StartRecord(float(c), Status(int(code)), int(n), point)
            for c, code, n, point in zip(costs, codes, steps, points, strict=True)
        ),
        share_at_optimum=float(np.mean(costs <= costs[stage.best] + SAME_OPTIMUM)),
        stopped=outcome.stopped,
        members=members,
        problem=problem,
        settings=settings,
    )


def _rmse(
    residuals: Float[np.ndarray, " n"], segments: Int[np.ndarray, " n"], scale: Float[Array, " n"] | None
) -> float | None:
    """In the unit of the data, where the problem gives a scale."""
    if scale is None:
        return None
    return float(np.sqrt(np.mean((residuals * np.asarray(scale))[segments >= 0] ** 2)))


def _estimates(
    problem: Problem, theta: Float[np.ndarray, " parameters"], found: Identifiability
) -> list[ParameterEstimate]:
    parameters = problem.parameters
    lower, upper = np.asarray(parameters.lower), np.asarray(parameters.upper)
    se = np.sqrt(np.diag(found.covariance))
    low, high = interval95(theta, found)
    believed = prior_summaries(parameters)
    margin = _ON_BOUND * (upper - lower)
    estimates = []
    for k, p in enumerate(parameters.parameters):
        value, first, last = physical(problem, k, np.array([theta[k], low[k], high[k]])).tolist()
        on_bound = (
            "lower" if theta[k] <= lower[k] + margin[k] else "upper" if theta[k] >= upper[k] - margin[k] else None
        )
        estimates.append(
            ParameterEstimate(
                p.name,
                p.unit,
                value,
                (first, last),
                float(se[k]),
                p.transform.name,
                on_bound,
                believed[p.name],
                found.verdicts[k],
            )
        )
    return estimates
