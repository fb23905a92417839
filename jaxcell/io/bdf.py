"""The Battery Data Format as CSV: read, and written for virtual experiments.

Columns are known by label (`Test Time / s`) and by machine name (`test_time_second`). Required are test
time, voltage and current; cycle count, step count (or step index), frequency and the impedance are used
when there. Other columns are ignored, and named in a notice.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from jaxcell.io._arrays import (
    FloatArray,
    IntArray,
    check_lengths,
    count,
    frozen_floats,
    frozen_integers,
    shown,
)
from jaxcell.io.assemble import Columns, assemble
from jaxcell.io.bdf_columns import Found, bare_twins, find_columns, header_of
from jaxcell.io.biologic import separator_of
from jaxcell.io.errors import MeasurementError
from jaxcell.io.kinds import Control
from jaxcell.io.measurement import Measurement
from jaxcell.io.options import ReadOptions
from jaxcell.io.provenance import Provenance
from jaxcell.io.source_file import SourceFile
from jaxcell.io.table import Table, parse_table

READER = "1"

_CHARGE_TOLERANCE = 0.02
"""Relative difference between the integral of the current and the capacity from which on to tell."""


def read_bdf_csv(file: SourceFile, options: ReadOptions) -> Measurement:
    """Read Battery Data Format CSV, separated by commas, semicolons or tabs.

    A file that carries a vendor's columns beside those of the format is read from the latter, which state
    their units; columns with bare names (`Current`, `Voltage`, `Test_Time`) are compared with them, and a
    file in which Arbin's columns, which are in A, V and s, contradict them by a factor is refused.

    Raises:
        MeasurementError: a column is missing or doubled, a unit is unknown or contradicted, a cell is
            not a number, or time does not increase.
    """
    text = file.text
    header = text.split("\n", 1)[0]
    table, commas = parse_table(text, source=file.given, header_line=1, separator=separator_of(header), wanted=bool)
    notices = ["numbers are written with decimal commas."] if commas else []
    origin = Provenance(name=file.name, format="bdf-csv", reader=READER, sha256=file.sha256, size=file.size)
    return _measurement(table, options, origin.with_notices(*notices))


def measurement_from_frame(frame: pd.DataFrame, options: ReadOptions, name: str) -> Measurement:
    """The work of `Measurement.from_dataframe`.

    Raises:
        MeasurementError: not a DataFrame, or as `read_bdf_csv`.
    """
    if not isinstance(frame, pd.DataFrame):
        raise MeasurementError(f"Argument `frame` must be a pandas DataFrame, but is a {type(frame).__name__}.")
    names = tuple(str(column) for column in frame.columns)
    copy = frame.copy()
    copy.columns = pd.RangeIndex(len(names))
    table = Table(name, names, copy, np.arange(1, len(frame) + 1, dtype=np.int64))
    return _measurement(table, options, Provenance(name=name, format="dataframe", reader=READER))


def _measurement(table: Table, options: ReadOptions, origin: Provenance) -> Measurement:
    found, ignored = find_columns(table)
    notices: list[str] = []
    for quantity in ("test time", "voltage", "current"):
        if quantity not in found:
            raise table.missing_column(f"{quantity}, such as `{header_of(quantity)}`")
    if not len(table.rows):
        raise MeasurementError(f"{table.source} has no rows, at least 2 were expected.")
    time, voltage, current = (_values(table, found[quantity]) for quantity in ("test time", "voltage", "current"))
    rows = len(time)
    frequency, real, imaginary = _impedance(table, found, rows, notices)
    columns = Columns(
        source=table.source,
        rows=table.rows,
        row_word=table.row_word,
        time=time,
        current=current,
        voltage=voltage,
        cycle=_counts(table, found, ("cycle count",), "cycle", notices),
        step=_counts(table, found, ("step count", "step index"), "step", notices),
        control=np.full(rows, Control.UNKNOWN, dtype=np.int8),
        frequency=frequency,
        real=real,
        imaginary=imaginary,
    )
    notices += _charge_notices(table, found, time, current)
    notices += bare_twins(table, ignored, {"time": time, "voltage": voltage, "current": current})
    if ignored:
        notices.append(f"{count(len(ignored), 'column')} not used: {shown(ignored)}.")
    return assemble(columns, options, origin.with_notices(*notices))


def _values(table: Table, found: Found, *, missing: bool = False) -> FloatArray:
    values = table.numbers(found.column, found.unit, missing=missing)
    return values if found.factor == 1 else values * found.factor


def _counts(
    table: Table, found: dict[str, Found], quantities: tuple[str, ...], what: str, notices: list[str]
) -> IntArray:
    for quantity in quantities:
        if quantity in found:
            if quantity != quantities[0]:
                notices.append(f"{what} is `{found[quantity].column}`, there is no {quantities[0]}.")
            return table.whole_numbers(found[quantity].column)
    notices.append(f"no column with {what} numbers: every row is {what} 0.")
    return np.zeros(len(table.rows), dtype=np.int64)


def _impedance(
    table: Table, found: dict[str, Found], rows: int, notices: list[str]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    nothing = np.zeros(rows)
    if "frequency" not in found:
        return nothing, nothing, nothing
    frequency = np.nan_to_num(_values(table, found["frequency"], missing=True))
    if not (frequency > 0).any():
        return frequency, nothing, nothing
    parts = ("real impedance", "imaginary impedance")
    if not any(part in found for part in parts) and {"absolute impedance", "phase"} <= set(found):
        size, angle = (_values(table, found[q], missing=True) for q in ("absolute impedance", "phase"))
        notices.append("sign: impedance is from modulus and phase; a capacitive response has a negative phase.")
        return frequency, size * np.cos(np.deg2rad(angle)), size * np.sin(np.deg2rad(angle))
    for quantity in parts:
        if quantity not in found:
            raise table.missing_column(f"{quantity}, such as `{header_of(quantity)}`")
    notices.append("sign: the imaginary impedance is taken as Im(Z), negative for a capacitive response.")
    real = _values(table, found["real impedance"], missing=True)
    return frequency, real, _values(table, found["imaginary impedance"], missing=True)


def _charge_notices(table: Table, found: dict[str, Found], time: FloatArray, current: FloatArray) -> list[str]:
    """Compare the current's sign and charge with the column of charging capacity, where there is one."""
    if "charging capacity" not in found:
        return []
    capacity = _values(table, found["charging capacity"], missing=True)
    gain = np.diff(capacity, prepend=capacity[:1])
    gain = np.where(np.isfinite(gain) & (gain > 0), gain, 0.0)
    with_positive, with_negative = gain[current > 0].sum(), gain[current < 0].sum()
    if with_positive == with_negative == 0:
        return []
    if with_positive >= with_negative:
        passed = np.clip(current[1:], 0, None) @ np.clip(np.diff(time), 0, None)
        excess = float(passed / gain.sum() - 1)
        agrees = ["sign: positive current charges, as the format says; the charging capacity agrees."]
        if abs(excess) <= _CHARGE_TOLERANCE:
            return agrees
        size = f"{abs(excess):.1%} {'more' if excess > 0 else 'less'}"
        return [
            *agrees,
            f"the current carries {size} charge than the column of charging capacity says: the current is "
            "rounded, rows are missing, or a unit is wrong.",
        ]
    return [
        "sign: the charging capacity GROWS UNDER NEGATIVE CURRENT, against the format: check it and give "
        "`positive_current='discharge'`."
    ]


def write_bdf_csv(
    path: str | os.PathLike[str],
    *,
    time: ArrayLike,
    voltage: ArrayLike,
    current: ArrayLike,
    cycle: ArrayLike | None = None,
    step: ArrayLike | None = None,
) -> Path:
    """Write a virtual experiment as Battery Data Format CSV; every number is written in full.

    The columns are `Test Time / s`, `Voltage / V`, `Current / A` and, if given, `Cycle Count / 1` and
    `Step Count / 1`. A file that is there is replaced.

    Args:
        path: ends in .csv, .csv.gz or .csv.zip; by convention in .bdf.csv.
        time: test time [s], increasing; shape (rows,).
        voltage: voltage [V]; shape (rows,).
        current: current [A], positive charges; shape (rows,).
        cycle: cycle of each row; shape (rows,).
        step: step of each row; shape (rows,).

    Returns:
        The path written.

    Raises:
        MeasurementError: a wrong ending, lengths that differ, fewer than 2 rows, a number that is not
            finite, times that do not increase, or a folder that cannot be written to.
    """
    place = Path(path)
    if not place.name.lower().endswith((".csv", ".csv.gz", ".csv.zip")):
        raise MeasurementError(f"Argument `path` must end in .csv, .csv.gz or .csv.zip, but is {str(path)!r}.")
    columns: dict[str, FloatArray | IntArray] = {
        "time": frozen_floats(time, "time", "s"),
        "voltage": frozen_floats(voltage, "voltage", "V"),
        "current": frozen_floats(current, "current", "A"),
    }
    for name, values in (("cycle", cycle), ("step", step)):
        if values is not None:
            columns[name] = frozen_integers(values, name)
    seconds = columns["time"]
    if len(seconds) < 2:
        raise MeasurementError(f"Argument `time` must have at least 2 elements, but has {len(seconds)}.")
    check_lengths(columns, len(seconds))
    back = np.flatnonzero(np.diff(seconds) <= 0)
    if back.size:
        row = int(back[0])
        raise MeasurementError(
            f"Argument `time` must increase, but element {row + 1} is {seconds[row + 1]} s after {seconds[row]} s."
        )
    headers = {"time": "test time", "cycle": "cycle count", "step": "step count"}
    frame = pd.DataFrame({header_of(headers.get(name, name)): v for name, v in columns.items()})
    ending = place.suffix.lower()
    compression = {".gz": {"method": "gzip", "mtime": 0}, ".zip": {"method": "zip"}}.get(ending)
    try:
        frame.to_csv(place, index=False, lineterminator="\n", compression=compression)  # pyright: ignore[reportArgumentType, reportCallIssue]
    except OSError as error:
        raise MeasurementError(f"{path} could not be written: {error.strerror or error}.") from error
    return place
