"""Half-cycles: the stretches between two reversals of the current."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jaxcell.io._arrays import FloatArray, IntArray
from jaxcell.io.kinds import REST_FRACTION, Kind


@dataclass(frozen=True)
class HalfCycle:
    """A stretch of cycling in one direction; rests and spectra inside do not end it.

    Attributes:
        index: number of the half-cycle, from 0.
        cycle: cycle of its first row.
        rows: number of its cycling rows.
        start: time of its first row [s].
        end: time of its last row [s].
        current: median current [A], positive charges.
        charge: charge passed [C], trapezoidal over neighbouring cycling rows, positive charges; across a
            gap in the record the current counts as if it had gone on.
        voltage_first: voltage of its first row [V].
        voltage_last: voltage of its last row [V].
    """

    index: int
    cycle: int
    rows: int
    start: float
    end: float
    current: float
    charge: float
    voltage_first: float
    voltage_last: float


def find_half_cycles(
    time: FloatArray, current: FloatArray, voltage: FloatArray, cycle: IntArray, kind: NDArray[np.int8]
) -> tuple[HalfCycle, ...]:
    """The half-cycles of a measurement; every array (rows,), units as in `Measurement`.

    Cycling rows whose current is below 0.1 % of the largest do not decide the direction.
    """
    cycling = np.flatnonzero(kind == Kind.CYCLING)
    if not cycling.size:
        return ()
    floor = REST_FRACTION * float(np.abs(current[cycling]).max())
    moving = cycling[np.abs(current[cycling]) > floor]
    if not moving.size:
        return ()
    direction = np.sign(current[moving])
    borders = np.flatnonzero(np.diff(direction) != 0) + 1
    found: list[HalfCycle] = []
    for index, rows in enumerate(np.split(moving, borders)):
        pairs = rows[:-1][np.diff(rows) == 1]
        charge = 0.5 * (current[pairs] + current[pairs + 1]) @ (time[pairs + 1] - time[pairs])
        found.append(
            HalfCycle(
                index=index,
                cycle=int(cycle[rows[0]]),
                rows=len(rows),
                start=float(time[rows[0]]),
                end=float(time[rows[-1]]),
                current=float(np.median(current[rows])),
                charge=float(charge),
                voltage_first=float(voltage[rows[0]]),
                voltage_last=float(voltage[rows[-1]]),
            )
        )
    return tuple(found)
