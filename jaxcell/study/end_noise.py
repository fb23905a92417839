"""A first guess at the relative noise of charges, durations and efficiencies, to be replaced by their residuals."""

from collections.abc import Mapping

import numpy as np

from jaxcell.study.planned_steps import PlannedStep

_UNKNOWN = 3e-3
"""Guess where too few steps are alike [1]."""
_CLOCK = 1e-3
"""Ends this close [1] to what the protocol's clock allows were set by it and do not scatter."""
_LEAST = 1e-4
"""No cycler counts charge better than this [1]."""
_NORMAL_MEDIAN = 0.6744897501960817


def guessed_noise(ends: Mapping[int, tuple[float, float]], planned: list[PlannedStep]) -> float:
    """Standard deviation [1], relative, from second differences of steps alike, which come after steps alike.

    `ends` by number of the step: value, and the most that the protocol's clock allows. d = x0 - 2 x1 + x2 of ln(value)
    has variance 6 sigma^2 and is blind to a trend.
    """
    alike: dict[tuple[str, ...], list[float]] = {}
    for number, (value, most) in ends.items():
        if planned[number - 1].own_end and value < (1.0 - _CLOCK) * most:
            before = tuple(plan.sentence for plan in planned[max(number - 3, 0) : number])
            alike.setdefault(before, []).append(float(np.log(value)))
    bends = np.concatenate([np.zeros(0), *(np.abs(np.diff(values, 2)) for values in alike.values())])
    if bends.size < 2:
        return _UNKNOWN
    return max(float(np.median(bends) / _NORMAL_MEDIAN / np.sqrt(6.0)), _LEAST)
