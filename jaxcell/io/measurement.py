"""What was measured on a cell: an immutable table in SI units."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jaxcell.io._arrays import FloatArray, IntArray, check_lengths, frozen_floats, frozen_integers
from jaxcell.io.errors import MeasurementError
from jaxcell.io.geometry import check_length
from jaxcell.io.half_cycles import HalfCycle, find_half_cycles
from jaxcell.io.kinds import Kind
from jaxcell.io.provenance import Provenance
from jaxcell.io.spectrum import Spectrum
from jaxcell.io.summary import describe


@dataclass(frozen=True, eq=False, repr=False)
class Measurement:
    """A cycler's record in SI units with the sign of the Battery Data Format: positive current charges.

    Attributes:
        time: time as in the file, not rebased [s], strictly increasing; shape (rows,).
        current: current [A], positive charges the test object; shape (rows,). Of a file that holds impedance alone and
            no current, NaN throughout.
        voltage: voltage [V]; shape (rows,). NaN throughout as the current.
        cycle: cycle number as in the file; shape (rows,).
        step: step number as in the file; shape (rows,).
        kind: codes of `Kind`, int8; shape (rows,).
        spectra: the impedance spectra, in order of time.
        area: geometric area of the electrode given by the user [m2], or None.
        thickness: thickness of the layer under test given by the user [m], or None.
        provenance: where the numbers come from, with the reader's notices.

    Raises:
        MeasurementError: fewer than 2 rows, lengths differ, a number is not finite, time does not
            increase, an unknown kind, or an area or thickness that is not positive.
    """

    time: FloatArray
    current: FloatArray
    voltage: FloatArray
    cycle: IntArray
    step: IntArray
    kind: NDArray[np.int8]
    spectra: tuple[Spectrum, ...] = ()
    area: float | None = None
    thickness: float | None = None
    provenance: Provenance = field(default_factory=Provenance)

    def __post_init__(self) -> None:
        for name, unit in {"time": "s", "current": "A", "voltage": "V"}.items():
            only = name != "time" and bool((np.asarray(self.kind) == Kind.IMPEDANCE).all())
            object.__setattr__(self, name, frozen_floats(getattr(self, name), name, unit, missing=only))
        for name in ("cycle", "step", "kind"):
            object.__setattr__(self, name, frozen_integers(getattr(self, name), name))
        columns = ("current", "voltage", "cycle", "step", "kind")
        check_lengths({name: getattr(self, name) for name in columns}, len(self.time))
        if len(self.time) < 2:
            raise MeasurementError(f"A measurement must have at least 2 rows, but has {len(self.time)}.")
        back = np.flatnonzero(np.diff(self.time) <= 0)
        if back.size:
            row = int(back[0])
            raise MeasurementError(
                f"Argument `time` must increase, but element {row + 1} is {self.time[row + 1]} s after "
                f"{self.time[row]} s."
            )
        unknown = set(np.unique(self.kind).tolist()) - {int(k) for k in Kind}
        if unknown:
            raise MeasurementError(
                f"Argument `kind` must hold 0 (cycling), 1 (rest) or 2 (impedance), but holds {min(unknown)}."
            )
        kind = self.kind.astype(np.int8)
        kind.setflags(write=False)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "spectra", tuple(self.spectra))
        object.__setattr__(self, "area", check_length(self.area, "area", "m2"))
        object.__setattr__(self, "thickness", check_length(self.thickness, "thickness", "m"))

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        name = self.provenance.name
        return f"Measurement({name!r}, {len(self)} rows, {len(self.spectra)} spectra)"

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences of the reader about decisions and disagreements."""
        return self.provenance.notices

    @property
    def current_density(self) -> FloatArray:
        """Current over the geometric area [A/m2]; shape (rows,).

        Raises:
            MeasurementError: the measurement has no area.
        """
        if self.area is None:
            raise MeasurementError("A current density needs the argument `area` in m2, but none was given.")
        return self.current / self.area

    def half_cycles(self) -> tuple[HalfCycle, ...]:
        """The stretches of cycling between reversals of the current, in order of time."""
        return find_half_cycles(self.time, self.current, self.voltage, self.cycle, self.kind)

    def select(
        self,
        *,
        cycles: int | Iterable[int] | None = None,
        steps: int | Iterable[int] | None = None,
        kind: Kind | str | Iterable[Kind | str] | None = None,
        time: tuple[float, float] | None = None,
    ) -> "Measurement":
        """The rows that meet every condition given; times are not rebased.

        A spectrum stays when all its points do, and is dropped with a notice when only some do.

        Args:
            cycles: cycle numbers to keep.
            steps: step numbers to keep.
            kind: kinds to keep: "cycling", "rest", "impedance", or members of `Kind`.
            time: first and last time to keep [s], both included.

        Raises:
            MeasurementError: an unknown kind, a time window that is not one, or fewer than 2 rows left.
        """
        keep = np.ones(len(self), dtype=bool)
        if cycles is not None:
            keep &= np.isin(self.cycle, _numbers(cycles, "cycles"))
        if steps is not None:
            keep &= np.isin(self.step, _numbers(steps, "steps"))
        if kind is not None:
            keep &= np.isin(self.kind, _kinds(kind))
        if time is not None:
            first, last = _window(time)
            keep &= (self.time >= first) & (self.time <= last)
        if keep.sum() < 2:
            raise MeasurementError(
                f"A selection must keep at least 2 rows, but keeps {keep.sum()}: {self.provenance.name} has "
                f"cycles {_span(self.cycle)}, steps {_span(self.step)} and times "
                f"from {self.time[0]:.6g} s to {self.time[-1]:.6g} s."
            )
        kept = self.time[keep]
        inside = [np.isin(s.time, kept) for s in self.spectra]
        whole = tuple(s for s, points in zip(self.spectra, inside, strict=True) if points.all())
        cut = sum(bool(points.any() and not points.all()) for points in inside)
        provenance = self.provenance
        if cut:
            notice = f"spectra dropped because only a part of them was selected: {cut}."
            provenance = provenance.with_notices(notice)
        return replace(
            self,
            time=kept,
            current=self.current[keep],
            voltage=self.voltage[keep],
            cycle=self.cycle[keep],
            step=self.step[keep],
            kind=self.kind[keep],
            spectra=whole,
            provenance=provenance,
        )

    def to_dataframe(self) -> pd.DataFrame:
        """The table under Battery Data Format labels, with a column `Kind` of words.

        `Test Time / s`, `Voltage / V`, `Current / A`, `Cycle Count / 1`, `Step Count / 1`, `Kind`, and,
        when there are spectra, `Frequency / Hz`, `Real Impedance / ohm` and `Imaginary Impedance / ohm`
        (Im(Z), negative for a capacitive response), which are NaN outside the spectra.
        """
        frame = pd.DataFrame(
            {
                "Test Time / s": self.time,
                "Voltage / V": self.voltage,
                "Current / A": self.current,
                "Cycle Count / 1": self.cycle,
                "Step Count / 1": self.step,
                "Kind": [Kind(int(code)).name.lower() for code in self.kind],
            }
        )
        if self.spectra:
            rows = np.searchsorted(self.time, np.concatenate([s.time for s in self.spectra]))
            for label, field in (
                ("Frequency / Hz", "frequency"),
                ("Real Impedance / ohm", "real"),
                ("Imaginary Impedance / ohm", "imaginary"),
            ):
                column = np.full(len(self), np.nan)
                column[rows] = np.concatenate([getattr(s, field) for s in self.spectra])
                frame[label] = column
        return frame

    def summary(self) -> str:
        """Several lines for a reader: rows, times, voltages, currents, half-cycles, spectra, notices."""
        return describe(self)

    @classmethod
    def from_dataframe(
        cls,
        frame: pd.DataFrame,
        *,
        area: float | None = None,
        thickness: float | None = None,
        positive_current: Literal["charge", "discharge"] = "charge",
        rest_below: float | None = None,
        name: str = "DataFrame",
    ) -> "Measurement":
        """A measurement from a DataFrame whose columns have Battery Data Format names.

        Labels (`Test Time / s`) and machine names (`test_time_second`) are both understood; see `io.bdf`
        for the columns and units. Rows are counted from 1 in messages.

        Args:
            frame: the table; it is copied.
            area: geometric area [m2].
            thickness: thickness of the layer under test [m].
            positive_current: what a positive current does in this table; "discharge" turns the sign.
            rest_below: largest current of a rest [A]; None decides from the data.
            name: what to call the table in messages.

        Raises:
            MeasurementError: a column is missing or doubled, a unit is unknown, a cell is not a number,
                time does not increase, or an argument is not valid.
        """
        from jaxcell.io.bdf import measurement_from_frame  # bdf builds measurements, so it imports this file
        from jaxcell.io.options import ReadOptions

        options = ReadOptions(area, thickness, positive_current, rest_below)
        return measurement_from_frame(frame, options, name)


def _numbers(value: int | Iterable[int], name: str) -> IntArray:
    try:
        values = [value] if isinstance(value, int | np.integer) else list(value)
    except TypeError as error:
        raise MeasurementError(f"Argument `{name}` must be whole numbers, but is {value!r}.") from error
    return frozen_integers(values, name)


def _kinds(value: Kind | str | Iterable[Kind | str]) -> list[int]:
    values = [value] if isinstance(value, Kind | str) else list(value)
    codes: list[int] = []
    for one in values:
        known = {k.name.lower(): int(k) for k in Kind}
        word = one.name.lower() if isinstance(one, Kind) else str(one).lower()
        if word not in known:
            raise MeasurementError(f"Argument `kind` must be cycling, rest or impedance, but is {one!r}.")
        codes.append(known[word])
    return codes


def _window(value: tuple[float, float]) -> tuple[float, float]:
    message = f"Argument `time` must be (first, last) in s with first < last, but is {value!r}."
    try:
        first, last = (float(v) for v in value)
    except (TypeError, ValueError) as error:
        raise MeasurementError(message) from error
    if not first < last:
        raise MeasurementError(message)
    return first, last


def _span(values: IntArray) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"
