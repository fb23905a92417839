"""A first guess at the relative noise of charges, durations and efficiencies, to be replaced by their residuals."""

from collections.abc import Mapping

import numpy as np

from jaxcell.study.planned_steps import PlannedStep

_UNKNOWN = 0.01
"""Guess where too few steps are alike [1]."""
_SET = 1e-5
"""Bends below this [1] are those of ends that the protocol's clock set."""
_LEAST = 1e-4
"""No cycler counts charge better than this [1]."""
_NORMAL_MEDIAN = 0.6744897501960817


def guessed_noise(ends: Mapping[int, float], planned: list[PlannedStep]) -> float:
    """Standard deviation [1], relative, from second differences of steps alike, which come after steps alike.

    d = x0 - 2 x1 + x2 has variance 6 sigma^2 and is blind to a trend; the median of |d| to the bend where a reservoir
    ends.
    """
    alike: dict[tuple[str, ...], list[float]] = {}
    for number, value in ends.items():
        if planned[number - 1].own_end:
            before = tuple(plan.sentence for plan in planned[max(number - 3, 0) : number])
            alike.setdefault(before, []).append(float(np.log(value)))
    bends = [np.diff(values, 2) for values in alike.values() if len(values) >= 4]
    bends = np.abs(np.concatenate([np.zeros(0), *bends]))
    bends = bends[bends > _SET]
    if not bends.size:
        return _UNKNOWN
    return max(float(np.median(bends) / _NORMAL_MEDIAN / np.sqrt(6.0)), _LEAST)
