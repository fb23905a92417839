"""A first guess at the relative noise of charges, durations and efficiencies, to be replaced by their residuals."""

from collections.abc import Mapping

import numpy as np

from jaxcell.study.planned_steps import PlannedStep

_UNKNOWN = 0.01
"""Guess where too few steps are alike [1]."""
_LEAST = 1e-4
"""No cycler counts charge better than this [1]."""
_NORMAL_MEDIAN = 0.6744897501960817


def guessed_noise(ends: Mapping[int, float], planned: list[PlannedStep]) -> float:
    """Standard deviation [1], relative, from second differences of steps with one sentence: d = x0 - 2 x1 + x2 has
    variance 6 sigma^2 and is blind to a trend; its median absolute value to the bend where a reservoir ends."""
    alike: dict[str, list[float]] = {}
    for number, value in ends.items():
        plan = planned[number - 1]
        if plan.own_end:
            alike.setdefault(plan.sentence, []).append(float(np.log(value)))
    bends = [np.diff(values, 2) for values in alike.values() if len(values) >= 4]
    if not bends:
        return _UNKNOWN
    return max(float(np.median(np.abs(np.concatenate(bends))) / _NORMAL_MEDIAN / np.sqrt(6.0)), _LEAST)
