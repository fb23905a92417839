"""From the columns of any reader to a checked measurement."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jaxcell.io._arrays import FloatArray, IntArray, count
from jaxcell.io.errors import MeasurementError
from jaxcell.io.kinds import Control, Kind, classify, current_resolution, rest_threshold
from jaxcell.io.measurement import Measurement
from jaxcell.io.options import ReadOptions
from jaxcell.io.provenance import Provenance
from jaxcell.io.spectrum import cut_spectra


@dataclass(frozen=True)
class Columns:
    """What a reader found, in SI units with the file's sign of current; every array (rows,).

    Attributes:
        source: what to call the table in messages.
        rows: line or record of each row in the file.
        row_word: "row" or "record".
        time: [s].
        current: [A].
        voltage: [V].
        cycle: cycle numbers.
        step: step numbers.
        control: codes of `Control`.
        frequency: [Hz], 0 where the row is no impedance.
        real: Re(Z) [ohm].
        imaginary: Im(Z) [ohm], negative for a capacitive response.
    """

    source: str
    rows: IntArray
    row_word: str
    time: FloatArray
    current: FloatArray
    voltage: FloatArray
    cycle: IntArray
    step: IntArray
    control: NDArray[np.int8]
    frequency: FloatArray
    real: FloatArray
    imaginary: FloatArray

    def take(self, keep: NDArray[np.bool_]) -> "Columns":
        """The rows where `keep` is true."""
        arrays = {k: v[keep] for k, v in vars(self).items() if isinstance(v, np.ndarray)}
        return replace(self, **arrays)


def assemble(columns: Columns, options: ReadOptions, provenance: Provenance) -> Measurement:
    """Check the order of times, classify the rows, cut the spectra, apply the user's options.

    A row that repeats time, current, voltage and impedance of the row before is dropped with a notice;
    a repeated time with other values is an error, since nothing says which row is right.

    Raises:
        MeasurementError: fewer than 2 rows, a time that runs backwards or repeats, an impedance that is
            not finite.
    """
    columns, notices = _without_repeats(columns)
    if len(columns.time) < 2:
        held = count(len(columns.time), columns.row_word)
        raise MeasurementError(f"{columns.source} has {held}, but a measurement needs at least 2.")
    _check_order(columns)
    _check_impedance(columns)
    turned = options.positive_current == "discharge"
    current = -columns.current if turned else columns.current
    if turned:
        notices.append("sign: the user says that positive current discharges in this file: it was turned.")
    direct = current[columns.frequency <= 0]
    threshold = rest_threshold(direct) if options.rest_below is None else options.rest_below
    kind = classify(current, columns.frequency, columns.control, columns.step, threshold)
    notices += _current_notices(columns, kind, direct, threshold)
    spectra = cut_spectra(
        time=columns.time,
        current=current,
        voltage=columns.voltage,
        cycle=columns.cycle,
        step=columns.step,
        frequency=columns.frequency,
        real=columns.real,
        imaginary=columns.imaginary,
    )
    return Measurement(
        time=columns.time,
        current=current,
        voltage=columns.voltage,
        cycle=columns.cycle,
        step=columns.step,
        kind=kind,
        spectra=spectra,
        area=options.area,
        thickness=options.thickness,
        provenance=provenance.with_notices(*notices),
    )


def _without_repeats(columns: Columns) -> tuple[Columns, list[str]]:
    same = np.zeros(len(columns.time), dtype=bool)
    if len(same) > 1:
        fields = (columns.time, columns.current, columns.voltage, columns.frequency)
        for field in (*fields, columns.real, columns.imaginary):
            equal = (field[1:] == field[:-1]) | (np.isnan(field[1:]) & np.isnan(field[:-1]))
            same[1:] = equal if field is columns.time else same[1:] & equal
    if not same.any():
        return columns, []
    first = columns.rows[same][0]
    notice = (
        f"dropped {count(int(same.sum()), columns.row_word)} repeating time, current, voltage and impedance "
        f"of the one before, the first is {columns.row_word} {first}."
    )
    return columns.take(~same), [notice]


def _check_order(columns: Columns) -> None:
    bad = np.flatnonzero(np.diff(columns.time) <= 0)
    if not bad.size:
        return
    row = int(bad[0]) + 1
    place = f"{columns.source}, {columns.row_word} {columns.rows[row]}"
    previous = f"{columns.row_word} {columns.rows[row - 1]}"
    before, after = float(columns.time[row - 1]), float(columns.time[row])
    if after < before:
        raise MeasurementError(
            f"{place}: time runs backwards, from {before!r} s in {previous} to {after!r} s, "
            "but increasing times were expected."
        )
    raise MeasurementError(
        f"{place}: the time {after!r} s is that of {previous} with other values, "
        "but increasing times were expected; remove the row that is wrong."
    )


def _check_impedance(columns: Columns) -> None:
    sweep = columns.frequency > 0
    finite = np.isfinite(columns.real) & np.isfinite(columns.imaginary)
    for bad, what in ((columns.frequency < 0, "frequency"), (sweep & ~finite, "impedance")):
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            if what == "frequency":
                says = f"{columns.frequency[row]:g} Hz, but a positive number, or 0 for none, was expected"
            else:
                says = "not a finite number of ohm, but one was expected where there is a frequency"
            raise MeasurementError(f"{columns.source}, {columns.row_word} {columns.rows[row]}: the {what} is {says}.")


def _current_notices(columns: Columns, kind: NDArray[np.int8], direct: FloatArray, threshold: float) -> list[str]:
    notices: list[str] = []
    largest = float(np.abs(direct).max(initial=0.0))
    step = current_resolution(direct)
    if step is not None and step >= 1e-3 * largest:
        notices.append(
            f"current has only multiples of {step:g} A, {100 * step / largest:.2g} % of its largest value: "
            "it is probably rounded."
        )
    guessed = (columns.control == Control.UNKNOWN) & (columns.frequency <= 0)
    if guessed.any() and largest:
        notices.append(
            f"rest was decided from the current in {count(int(guessed.sum()), 'row')}: |current| <= {threshold:.3g} A."
        )
    rest = (kind == Kind.REST) & (np.abs(columns.current) > max(threshold, 0.01 * largest))
    if rest.any():
        notices.append(
            f"{count(int(rest.sum()), 'row')} marked as open circuit carry up to "
            f"{np.abs(columns.current[rest]).max():.3g} A and count as rest."
        )
    still = (kind == Kind.CYCLING) & (columns.frequency == 0) & bool((columns.frequency > 0).any())
    if still.any() and not (columns.control != Control.UNKNOWN).any():
        notices.append(f"{count(int(still.sum()), 'row')} with frequency 0 carry a current and count as cycling.")
    return notices
