"""From a measurement to a dataset: which rows are fitted, and the current that flows in between."""

from dataclasses import dataclass

import numpy as np

from jaxcell.inference.dataset import Dataset, merge_rows
from jaxcell.io._arrays import FloatArray, IntArray
from jaxcell.io.errors import MeasurementError
from jaxcell.io.kinds import Kind
from jaxcell.io.measurement import Measurement

STEP = 0.01
"""A change of the current by more than this fraction of the largest is a step of the current."""


@dataclass(frozen=True)
class Selection:
    """Rows whose voltage is fitted. The current of every row is replayed, fitted or not.

    Attributes:
        cycles: cycle numbers to fit; None fits all.
        steps: step numbers to fit; None fits all.
        time: first and last time to fit [s], both included; None fits all.
        skip_after_step: rows within this time after a step of the current are not fitted [s].
        rests: whether the voltage at rest is fitted, too.
        spacing: shortest time between two fitted rows [s]; the first of each such time is fitted.
        per_decade: most fitted rows in a decade of the time since the last step of the current, the first of each equal
            share of its logarithm; 0 fits all.
    """

    cycles: tuple[int, ...] | None = None
    steps: tuple[int, ...] | None = None
    time: tuple[float, float] | None = None
    skip_after_step: float = 0.0
    rests: bool = False
    spacing: float = 0.0
    per_decade: int = 0


@dataclass(frozen=True)
class FittedRows:
    """A dataset, and where its intervals end in the measurement.

    Attributes:
        dataset: what is fitted.
        rows: row of the measurement at the end of each interval; shape (intervals,).
        since_step: time since the last step of the current at the end of each interval [s]; shape (intervals,).
        skipped: number of rows left out by `skip_after_step`.
    """

    dataset: Dataset
    rows: IntArray
    since_step: FloatArray
    skipped: int


def fitted_rows(measurement: Measurement, selection: Selection, noise: float | None = None) -> FittedRows:
    """The dataset of a measurement whose area is known.

    Rows between two fitted ones are one interval for each level of their current, with their charge kept; the current
    of a row flowed since the row before. `noise` is the standard deviation of a sample [V], estimated when None.

    Raises:
        MeasurementError: the area is not known, fewer than 2 rows are left to fit, or the noise cannot be estimated.
    """
    m = measurement
    current = m.current_density
    step = _steps(current, m.kind)
    begun = np.maximum.accumulate(np.where(step, np.arange(len(m)), 0))
    since = m.time - m.time[np.maximum(begun - 1, 0)]
    wanted = _wanted(m, selection)
    early = wanted & (since < selection.skip_after_step)
    use = wanted & ~early
    use[0] = False
    every = use
    use = _spaced(_logarithmic(every, begun, since, selection.per_decade), m.time, selection.spacing)
    if use.sum() < 2:
        raise MeasurementError(
            f"{m.provenance.name}: at least 2 rows must be left to fit, but {int(use.sum())} of {len(m)} are; "
            f"it has cycles {_span(m.cycle)}, steps {_span(m.step)} and times from {m.time[0]:.6g} s to "
            f"{m.time[-1]:.6g} s."
        )
    # A row between two of a thinned stretch is none of its borders.
    keep = _kept(every, m.kind, step) & (use | ~_between(every, use, m.kind, step))
    try:
        data = merge_rows(m.time, current, m.voltage, use, keep, noise)
    except ValueError as error:
        raise MeasurementError(f"{m.provenance.name}: {error}") from error
    rows = np.flatnonzero(keep)[1:]
    return FittedRows(data, rows, since[rows], int(early.sum()))


def _steps(current: FloatArray, kind: np.ndarray) -> np.ndarray:
    """Rows at whose beginning the current steps; impedance and rest count as no current."""
    level = np.where(kind == Kind.CYCLING, current, 0.0)
    change = np.abs(np.diff(level, prepend=0.0))
    step = change > STEP * np.abs(level).max(initial=0.0)
    step[0] = True
    return step


def _wanted(m: Measurement, selection: Selection) -> np.ndarray:
    use = m.kind == Kind.CYCLING
    if selection.rests:
        use |= m.kind == Kind.REST
    if selection.cycles is not None:
        use &= np.isin(m.cycle, selection.cycles)
    if selection.steps is not None:
        use &= np.isin(m.step, selection.steps)
    if selection.time is not None:
        use &= (m.time >= selection.time[0]) & (m.time <= selection.time[1])
    return use


def _spaced(use: np.ndarray, time: FloatArray, spacing: float) -> np.ndarray:
    """The rows in use, each at least `spacing` [s] after the one before."""
    if spacing <= 0.0:
        return use
    chosen, last = np.zeros_like(use), -np.inf
    for row in np.flatnonzero(use):
        if time[row] - last >= spacing:
            chosen[row], last = True, time[row]
    return chosen


def _logarithmic(use: np.ndarray, begun: np.ndarray, since: FloatArray, per_decade: int) -> np.ndarray:
    """The rows in use, of each 1/per_decade of a decade of the time since a step [s] the first."""
    if per_decade <= 0:
        return use
    rows = np.flatnonzero(use)
    # A thousandth of a bin: stamps that rounding puts just below an edge belong above it.
    bins = np.floor(per_decade * np.log10(since[rows]) + 1e-3)
    new = (np.diff(begun[rows], prepend=-1) != 0) | (np.diff(bins, prepend=np.inf) != 0)
    chosen = np.zeros_like(use)
    chosen[rows[new]] = True
    return chosen


def _between(every: np.ndarray, use: np.ndarray, kind: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Rows that thinning left out and that are neither the first or last row nor at a border of a stretch."""
    border = _kept(np.zeros_like(every), kind, step)
    return every & ~use & ~border


def _kept(use: np.ndarray, kind: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The first and last row, every fitted one, the one before it, and the one before each step of the current."""
    cycling = kind == Kind.CYCLING
    border = step[1:] | (cycling[1:] != cycling[:-1])
    keep = use | np.append(use[1:], True) | np.append(border, True)
    keep[0] = True
    return keep


def _span(values: IntArray) -> str:
    return f"{values.min()} to {values.max()}"
