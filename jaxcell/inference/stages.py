"""After the first optimum: the problem prepared anew there, and its measurements weighed by the noise they turn out to
have."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .analysis import FitSettings
from .evaluation import Evaluation, Weighting, plain_weighting, row_count
from .least_squares import Box
from .member_noise import inflated, member_noise
from .multistart import FROM_KEYBOARD, Outcome, Progress, prepare, run_starts
from .problem import Problem

REWEIGHINGS = 4
"""Most times that measurements are weighed anew."""
SAME_NOISE = 1.2
"""Noise variances within this factor of those used are the same: 10 % of a standard deviation."""


class Stage(NamedTuple):
    """Where every start ended, of which problem and under which weighting."""

    problem: Problem
    outcome: Outcome
    weighting: Weighting

    @property
    def costs(self) -> Float[np.ndarray, " starts"]:
        """Cost of every start, infinite where the model failed."""
        costs = np.asarray(self.outcome.evaluation.cost)
        return np.where(np.isfinite(costs), costs, np.inf)

    @property
    def best(self) -> int:
        """Number of the best start."""
        return int(np.argmin(self.costs))

    @property
    def at(self) -> Evaluation:
        """The evaluation at the best point."""
        return Evaluation(*(leaf[self.best] for leaf in self.outcome.evaluation))

    @property
    def found(self) -> bool:
        """Whether any start has finite residuals."""
        return bool(np.any(np.isfinite(self.costs)))


def settle(stage: Stage, boxes: Box, settings: FitSettings, progress: Progress | None) -> Stage:
    """The stage with its problem renewed at the best point and, where it joins several measurements or has priors to be
    weighed against, each measurement weighed by its noise, s2 tau times the stated variance (see `Noise`); the estimate
    is then the mode of the posterior that the intervals describe.

    What comes after the first stage only improves on it: a stage that is interrupted, or whose model fails everywhere,
    is left out.
    """
    if stage.outcome.stopped or not stage.found:
        return stage
    try:
        renewed = stage.problem.renewed_at(stage.at.theta, stage.at.jacobian)
    except KeyboardInterrupt:
        return _interrupted(stage)
    if renewed is not stage.problem:
        stage = _again(stage, renewed, plain_weighting(renewed), boxes, settings, progress)
    if len(stage.problem.members) == 1 and row_count(stage.problem) == stage.problem.segments.shape[0]:
        return stage  # one noise scales everything
    for _ in range(REWEIGHINGS):
        if stage.outcome.stopped:
            return stage
        weighting = inflated(stage.problem, member_noise(stage.problem, stage.at), stage.weighting)
        change = np.asarray(weighting.data / stage.weighting.data) ** 2
        if np.max(np.abs(np.log(change))) <= np.log(SAME_NOISE):
            return stage
        stage = _again(stage, stage.problem, weighting, boxes, settings, progress)
    return stage


def _again(
    stage: Stage, problem: Problem, weighting: Weighting, boxes: Box, settings: FitSettings, progress: Progress | None
) -> Stage:
    """Every start settles again."""
    thetas: Float[Array, "starts parameters"] = jnp.asarray(stage.outcome.evaluation.theta)
    try:
        state = prepare(problem, thetas, boxes)
        outcome = run_starts(problem, state, boxes, weighting, settings.multistart, progress)
    except KeyboardInterrupt:
        return _interrupted(stage)
    after = Stage(problem, outcome._replace(steps=outcome.steps + stage.outcome.steps), weighting)
    return after if after.found else stage


def _interrupted(stage: Stage) -> Stage:
    return stage._replace(outcome=stage.outcome._replace(stopped=FROM_KEYBOARD))
