"""Impedance tables as programs and people write them: CSV or TXT, columns known by name, or three bare columns."""

from dataclasses import dataclass

import numpy as np

from jaxcell.io._arrays import FloatArray, IntArray, count, shown
from jaxcell.io.errors import MeasurementError
from jaxcell.io.impedance_names import Header, names_impedance, read_header
from jaxcell.io.impedance_rows import in_ohm, measured_sweeps
from jaxcell.io.impedance_sign import settle_sign
from jaxcell.io.measurement import Measurement
from jaxcell.io.options import ReadOptions
from jaxcell.io.provenance import Provenance
from jaxcell.io.source_file import SourceFile
from jaxcell.io.table import Table
from jaxcell.io.text_rows import cut_rows, split_cells

READER = "1"
_SEARCHED = 300
_BARE = ("frequency", "real", "imaginary")


@dataclass(frozen=True)
class Layout:
    """Where a table is in its text.

    Attributes:
        header: line with the names, from 1; 0 where there is none.
        names: names of the columns.
        separator: between cells of a row; None for white space.
    """

    header: int
    names: tuple[str, ...]
    separator: str | None


def find_layout(text: str) -> Layout | None:
    """The table of impedances in a text, or None.

    Either one of the first 300 lines names a frequency and both parts of an impedance, or every line is three numbers
    with a positive first one.
    """
    lines = text.split("\n")
    for number, line in enumerate(lines[:_SEARCHED], start=1):
        for separator in ("\t", ";", ",", "  ", None):
            if separator is not None and separator not in line:
                continue
            names = (
                [n for n in split_cells(line, separator) if n] if separator == "  " else split_cells(line, separator)
            )
            while names and not names[-1]:
                names.pop()
            if names_impedance(names):
                return Layout(number, tuple(names), None if separator == "  " else separator)
    rows = _numbered(lines, 0)
    for separator in ("\t", ";", ",", None):
        if rows and all(_three_numbers(line, separator) for _, line in rows):
            return Layout(0, _BARE, separator)
    return None


def read_impedance_table(file: SourceFile, options: ReadOptions) -> Measurement:
    """Read a table of impedances.

    Columns are known by name: `f`, `freq/Hz`, `Frequency (Hz)`; `Z'`, `Re(Z)/Ohm`, `Zreal`; `Z''`, `-Im(Z)`, `Zimag`;
    or `|Z|` and `Phase`. Time, current, voltage, cycle and sweep are used where they are there with a unit. Lines
    before the names are skipped. Without names, three columns are taken as frequency [Hz], Re(Z) [ohm] and the
    imaginary part [ohm]. Whether an imaginary part is Im(Z) or -Im(Z) is told by a minus in its name, else by the
    data; a notice says which.

    Raises:
        MeasurementError: no such table, a unit that is unknown or needs an area, or a cell that is not a number.
    """
    text = file.text
    layout = find_layout(text)
    if layout is None:
        raise MeasurementError(
            f"{file.given} has no row that names a frequency and an impedance, such as "
            "`freq/Hz, Re(Z)/Ohm, -Im(Z)/Ohm`, and is not three columns of numbers."
        )
    table, commas = cut_rows(_numbered(text.split("\n"), layout.header), layout.names, layout.separator, file.given)
    notices = ["numbers are written with decimal commas."] if commas else []
    header = read_header(list(layout.names), file.given)
    if layout.header:
        notices += header.notices
    else:
        notices.append("no names of columns: the three are taken as frequency [Hz], Re(Z) [ohm], imaginary part [ohm].")
    if header.unused:
        notices.append(f"{count(len(header.unused), 'column')} not used: {shown(header.unused)}.")
    frequency = _values(table, header, "frequency")
    assert frequency is not None, "a header has a frequency"
    real, imaginary, said = _impedance(table, header, frequency, options)
    origin = Provenance(
        name=file.name,
        format="impedance-table",
        reader=READER,
        sha256=file.sha256,
        size=file.size,
        notices=(*notices, said),
    )
    return measured_sweeps(
        file.given,
        table.rows,
        frequency,
        real,
        imaginary,
        options=options,
        origin=origin,
        time=_values(table, header, "time"),
        current=_values(table, header, "current"),
        voltage=_values(table, header, "voltage"),
        cycle=_counts(table, header, "cycle"),
        sweep=_counts(table, header, "sweep"),
    )


def _numbered(lines: list[str], after: int) -> list[tuple[int, str]]:
    """The lines after a line, without blank ones and comments, each with its number."""
    kept = ((number, line) for number, line in enumerate(lines, start=1) if number > after)
    return [(number, line) for number, line in kept if line.strip() and not line.lstrip().startswith(("#", "%"))]


def _three_numbers(line: str, separator: str | None) -> bool:
    cells = split_cells(line, separator)
    if len(cells) != 3:
        return False
    try:
        first, _, _ = (float(cell.replace(",", ".") if separator != "," else cell) for cell in cells)
    except ValueError:
        return False
    return 0 < first < np.inf


def _values(table: Table, header: Header, quantity: str) -> FloatArray | None:
    if quantity not in header.found:
        return None
    named = header.found[quantity]
    return table.numbers(named.column, named.unit or quantity) * header.units[quantity].factor


def _counts(table: Table, header: Header, quantity: str) -> IntArray | None:
    return table.whole_numbers(header.found[quantity].column) if quantity in header.found else None


def _impedance(
    table: Table, header: Header, frequency: FloatArray, options: ReadOptions
) -> tuple[FloatArray, FloatArray, str]:
    """Re(Z) and Im(Z) [ohm], and how the sign was found."""
    sweep = frequency > 0

    def ohms(quantity: str) -> FloatArray:
        named = header.found[quantity]
        values = table.numbers(named.column, named.unit or "ohm")
        return in_ohm(values, header.units[quantity], named.column, table.source, options)

    if "real" in header.found and "imaginary" in header.found:
        real, stored = ohms("real"), ohms("imaginary")
        if header.found["real"].minus:
            raise MeasurementError(
                f"{table.source}: column `{header.found['real'].column}` is -Re(Z), but Re(Z) was expected."
            )
        named = header.found["imaginary"]
    else:
        named = header.found["phase"]
        size, angle = ohms("modulus"), _values(table, header, "phase")
        assert angle is not None, "a header without parts has modulus and phase"
        real, stored = size * np.cos(np.deg2rad(angle)), size * np.sin(np.deg2rad(angle))
    turned, said = settle_sign(frequency[sweep], real[sweep], stored[sweep], named.column, minus=named.minus)
    imaginary = stored.copy()
    imaginary[sweep] = turned
    return real, imaginary, said
