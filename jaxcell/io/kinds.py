"""What each row of a measurement is: cycling, rest or impedance."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from jaxcell.io._arrays import FloatArray, IntArray


class Kind(IntEnum):
    """Code of a row; stored as int8."""

    CYCLING = 0
    REST = 1
    IMPEDANCE = 2


class Control(IntEnum):
    """What the instrument says it controlled in a row."""

    UNKNOWN = -1
    OPEN_CIRCUIT = 0
    CURRENT = 1
    VOLTAGE = 2


REST_FRACTION = 1e-3
"""Without word from the instrument, a current below this fraction of the largest one is a rest."""


def current_resolution(current: FloatArray) -> float | None:
    """The decimal step to which a current was rounded [A], or None if it was not rounded visibly.

    The step is 10^-n A with the smallest n that represents every value; it counts as rounding only
    when the largest current is fewer than 10 000 such steps and more than one size of current occurs.
    """
    if len(np.unique(np.abs(current[current != 0]))) < 2:
        return None
    for digits in range(-6, 16):
        scaled = current * 10.0**digits
        if np.abs(scaled).max() >= 1e4:
            return None
        if np.abs(scaled).max() > 0.5 and (np.abs(scaled - np.rint(scaled)) < 1e-6).all():
            return 10.0**-digits
    return None


def rest_threshold(current: FloatArray) -> float:
    """Current at and below which a row counts as rest where the instrument does not say [A].

    The larger of half the visible rounding step and `REST_FRACTION` of the largest current.
    """
    largest = float(np.abs(current).max(initial=0.0))
    return max(REST_FRACTION * largest, 0.5 * (current_resolution(current) or 0.0))


def classify(
    current: FloatArray,
    frequency: FloatArray,
    control: NDArray[np.int8],
    step: IntArray,
    threshold: float,
) -> NDArray[np.int8]:
    """Kind of each row.

    - frequency > 0 is impedance, whatever else the row says;
    - a row at frequency 0 that an impedance step recorded while holding a potential is impedance too;
    - open circuit is rest, controlled potential is cycling (the tail of a constant-voltage charge
      stays cycling however small its current), controlled current is taken as the instrument says;
    - otherwise |current| <= threshold is rest.

    Args:
        current: current [A]; shape (rows,).
        frequency: frequency [Hz], 0 where none; shape (rows,).
        control: codes of `Control`; shape (rows,).
        step: step of each row; shape (rows,).
        threshold: largest current of a rest [A].

    Returns:
        Codes of `Kind`, int8; shape (rows,).
    """
    kind = np.where(np.abs(current) <= threshold, Kind.REST, Kind.CYCLING).astype(np.int8)
    kind[control == Control.OPEN_CIRCUIT] = Kind.REST
    kind[(control == Control.CURRENT) | (control == Control.VOLTAGE)] = Kind.CYCLING
    kind[frequency > 0] = Kind.IMPEDANCE
    changes = np.diff(step, prepend=step[:1]) != 0
    block = np.cumsum(changes)
    with_sweep = np.isin(block, np.unique(block[frequency > 0]))
    kind[with_sweep & (control == Control.VOLTAGE)] = Kind.IMPEDANCE
    return kind
