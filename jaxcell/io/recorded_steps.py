"""The steps of a record: stretches of one step number or, without numbers, of one direction of the current."""

from dataclasses import dataclass

import numpy as np

from jaxcell.io._arrays import FloatArray
from jaxcell.io.errors import MeasurementError
from jaxcell.io.kinds import REST_FRACTION, Kind
from jaxcell.io.measurement import Measurement


@dataclass(frozen=True)
class RecordedStep:
    """One step of a record; its first entries are those of the row before, where it begins.

    Attributes:
        number: counted from 1 in the order of the record.
        time: [s]; shape (rows + 1,).
        current_density: since the row before [A m-2], positive charges; shape (rows + 1,).
        voltage: [V]; shape (rows + 1,).
        direction: +1 where it charges, -1 where it discharges, 0 at rest.
    """

    number: int
    time: FloatArray
    current_density: FloatArray
    voltage: FloatArray
    direction: int

    @property
    def duration(self) -> float:
        """[s]"""
        return float(self.time[-1] - self.time[0])

    @property
    def charge(self) -> float:
        """Passed in either direction [C m-2]; the current of a row flowed since the row before."""
        return float(np.abs(self.current_density[1:]) @ np.diff(self.time))


@dataclass(frozen=True)
class RecordedSteps:
    """The steps of a record, and whether it numbers them itself."""

    name: str
    steps: tuple[RecordedStep, ...]
    numbered: bool


def recorded_steps(measurement: Measurement) -> RecordedSteps:
    """Cut a record whose area is known where its step number changes; if it never does, where the current turns.

    The first row sets the clock where it stands alone before the first step.

    Raises:
        MeasurementError: the area is not known, or the record holds impedance.
    """
    m = measurement
    if np.any(m.kind == Kind.IMPEDANCE):
        raise MeasurementError(f"{m.provenance.name} holds impedance, but a record of steps has none; select its rows.")
    current = m.current_density
    moving = np.abs(current) > REST_FRACTION * np.abs(current).max()
    direction = np.where(moving & (m.kind != Kind.REST), np.sign(current), 0.0).astype(np.int64)
    numbered = len(np.unique(m.step[1:])) > 1
    label = m.step if numbered else direction
    border = np.flatnonzero(np.diff(label) != 0) + 1
    starts = np.concatenate([[0], border])
    ends = np.append(border, len(m))
    steps = []
    for first, last in zip(starts, ends, strict=True):
        if last == 1:
            continue
        rows = np.arange(max(first - 1, 0), last)
        inside = rows[1:]
        median = float(np.median(direction[inside]))
        flows = np.concatenate([[0.0], current[inside]])
        steps.append(RecordedStep(len(steps) + 1, m.time[rows], flows, m.voltage[rows], int(np.sign(median))))
    return RecordedSteps(m.provenance.name, tuple(steps), numbered)
