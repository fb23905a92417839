"""Verdicts of the linear analysis at the truth: one Jacobian, and no fit."""

import equinox as eqx
import numpy as np

from jaxcell.inference import CombinationEstimate, FitSettings, LogNormal, Parameter, Thresholds
from jaxcell.inference.analysis import Identifiability, analyse
from jaxcell.inference.combinations import estimate_combinations
from jaxcell.inference.evaluation import evaluate, plain_weighting
from jaxcell.inference.member_noise import told


def analysed(problem) -> Identifiability:
    """At the start, which is the truth."""
    weighting = plain_weighting(problem)
    at = eqx.filter_jit(evaluate)(problem, problem.parameters.initial, weighting)
    assert np.isfinite(float(at.cost))
    return analyse(problem, at, told(problem, at, weighting), np.zeros(at.theta.size), None, 0, FitSettings(ridges=0))


def told_of(problem) -> dict[str, str]:
    """Kind of the verdict by parameter."""
    return {verdict.name: verdict.kind for verdict in analysed(problem).verdicts}


def combined(problem, found: Identifiability, most: float | None = None) -> dict[str, CombinationEstimate]:
    """Combinations by name; told where the data leave at most this part of the prior."""
    thresholds = FitSettings().thresholds if most is None else Thresholds(marginal=most)
    estimates = estimate_combinations(problem, problem.parameters.initial, found, thresholds)
    return {one.name: one for one in estimates}


def unknown(name, path, truth, unit="1", decades=1.0) -> Parameter:
    """A parameter that is believed within a factor of 10^decades about its truth."""
    factor = 10.0**decades
    belief = LogNormal((truth / factor, truth * factor))
    return Parameter(name, path, unit, (truth / factor**2, truth * factor**2), "log", belief, truth)


def together(first: str, second: str) -> dict[str, str]:
    """The verdicts on two that are seen only together."""
    return {first: f"only in combination with {second}", second: f"only in combination with {first}"}


def apart(*names: str) -> dict[str, str]:
    """The verdicts on what is seen alone."""
    return dict.fromkeys(names, "identified")
