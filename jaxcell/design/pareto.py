"""What one objective costs in terms of another."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from jaxcell.design.design import Design, Limit, Objective
from jaxcell.design.optimum import Optimum, Progress, run_programme
from jaxcell.design.programme import DesignError, Programme
from jaxcell.design.solvers import Method

LOOSE = 1e300
"""Of a limit that is not there yet."""


@dataclass(frozen=True)
class ParetoFront:
    """Designs none of which is better in both objectives than another.

    - `points`: by increasing second objective; `first`, `second`: their objectives.
    - `dropped`: designs along the way that failed or that another one beats.
    - `interrupted`: whether it holds only what was done by then.
    """

    objectives: tuple[Objective, Objective]
    units: tuple[str, str]
    points: tuple[Optimum, ...]
    first: np.ndarray
    second: np.ndarray
    exchange: np.ndarray
    """d(first)/d(second) along the front: the multiplier of the limit on the second objective; NaN at the optima of
    either objective alone, where the front ends."""
    dropped: int
    interrupted: bool

    def to_dataframe(self) -> pd.DataFrame:
        """One row a design: both objectives, their exchange rate and the variables, SI."""
        names = [one.quantity for one in self.objectives]
        columns = {names[0]: self.first, names[1]: self.second, "exchange": self.exchange}
        for name in self.points[0].values if self.points else ():
            columns[name] = np.array([point.values[name] for point in self.points])
        return pd.DataFrame(columns)


def pareto_front(
    design: Design,
    second: Objective,
    *,
    points: int = 7,
    starts: int = 3,
    seed: int = 0,
    method: Method = "slsqp",
    max_steps: int = 100,
    tolerance: float = 1e-8,
    progress: Progress | None = None,
) -> ParetoFront:
    """The front of the design's objective and a second one, by the epsilon-constraint method: the first is optimised
    with the second kept at each of `points` values between those at the two single optima, each from the design before
    (Y. Y. Haimes, L. S. Lasdon, D. A. Wismer, IEEE Trans. Syst. Man Cybern. SMC-1 (1971) 296).  One compiled program.

    Raises ValueError for fewer than 3 points or equal objectives, `DesignError` as `optimise` or where
    no design holds the limits.
    """
    if points < 3:
        raise ValueError(f"points must be a whole number of at least 3, but is {points!r}.")
    if second.quantity == design.objective.quantity:
        raise ValueError(f"The second objective must be another quantity than '{second.quantity}'.")
    if second.quantile is not None:
        raise ValueError("The second objective must be the mean: its quantile is a Limit with a probability.")
    if method == "augmented":
        raise ValueError("method must be slsqp or trust-constr for a front, but is 'augmented'.")
    options = (seed, method, max_steps, tolerance)
    tell = (lambda done: progress(done, points)) if progress is not None else (lambda done: None)
    own = [limit.bound for limit in design.limits]
    bounded = design.with_limit(_keeping(second, 0.0))
    loose = -LOOSE if second.maximise else LOOSE
    tell(0)
    end = run_programme(Programme(bounded, [*own, loose], len(own) + 1, second.maximise), starts, *options)
    tell(1)
    begin = run_programme(Programme(bounded, [*own, loose]), starts, *options)
    found, interrupted = [begin], begin.interrupted or end.interrupted
    for k, least in enumerate(np.linspace(begin.limits[-1].value, end.objective, points)[1:]):
        if interrupted:
            break
        tell(k + 2)
        limited = design.with_limit(_keeping(second, float(least)))
        at = end.point.z if k == points - 2 else found[-1].point.z
        found.append(run_programme(Programme(limited, [*own, float(least)]), 1, *options, at=at))
        interrupted = found[-1].interrupted
    if not any(one.feasible for one in found):
        raise DesignError(f"There is no front: {found[0].verdict}")
    ends = (found[0], found[-1] if len(found) == points else found[0])
    return _front(bounded, second, found, ends, interrupted)


def _keeping(second: Objective, value: float) -> Limit:
    side = "at_least" if second.maximise else "at_most"
    return Limit(second.quantity, probability=None, **{side: value})


def _front(
    design: Design, second: Objective, found: list[Optimum], ends: tuple[Optimum, Optimum], interrupted: bool
) -> ParetoFront:
    """The points that none beats; `ends` are the optima of either objective alone."""
    usable = [one for one in found if one.feasible]
    first = np.array([one.objective for one in usable])
    other = np.array([one.limits[-1].value for one in usable])
    signs = [1.0 if one.maximise else -1.0 for one in (design.objective, second)]
    gains = np.stack([signs[0] * first, signs[1] * other], axis=1) if usable else np.zeros((0, 2))
    size = np.maximum(np.max(np.abs(gains), axis=0, initial=0.0), 1e-300)
    keep = [k for k in range(len(usable)) if not _beaten(gains / size, k)]
    order = sorted(keep, key=lambda k: other[k])
    chosen = tuple(usable[k] for k in order)
    inside = [one.limits[-1].active and all(one is not end for end in ends) for one in chosen]
    rates = [one.limits[-1].multiplier if priced else np.nan for one, priced in zip(chosen, inside, strict=True)]
    return ParetoFront(
        (design.objective, second),
        (design.unit(design.objective.quantity), design.unit(second.quantity)),
        chosen,
        first[order],
        other[order],
        np.array(rates),
        len(found) - len(chosen),
        interrupted,
    )


def _beaten(gains: np.ndarray, k: int) -> bool:
    """Whether another point is better in one and no worse in the other, beyond rounding."""
    ahead = gains - gains[k]
    return bool(np.any(np.all(ahead >= -1e-9, axis=1) & np.any(ahead > 1e-6, axis=1)))
