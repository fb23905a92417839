"""A table of text cells that knows the line of each row, and its columns as checked numbers."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jaxcell.io._arrays import FloatArray, IntArray, shown
from jaxcell.io.errors import MeasurementError

_NEW = tuple(int(n) for n in pd.__version__.split(".")[:2]) >= (3, 1)
_EXACT: Any = {} if _NEW else {"float_precision": "round_trip"}
"""Before pandas 3.1 numbers are not read to the last bit unless asked; since then asking is deprecated."""


@dataclass(frozen=True)
class Table:
    """Columns as they were read, with the place of each row for messages.

    Attributes:
        source: what to call the table in messages: the path as the user gave it.
        columns: the names of all columns of the file, also those that were not read.
        frame: the columns that were read, by position in `columns`.
        rows: 1-based line of each row in a text file, record in a binary file; shape (rows,).
        row_word: "row" or "record".
    """

    source: str
    columns: tuple[str, ...]
    frame: pd.DataFrame
    rows: IntArray
    row_word: str = "row"

    def numbers(self, column: str, unit: str, *, missing: bool = False) -> FloatArray:
        """A column as float64; shape (rows,).

        Args:
            column: its name.
            unit: its unit, for messages.
            missing: whether empty cells are allowed; they become NaN.

        Raises:
            MeasurementError: a cell is not a finite number.
        """
        cells = pd.Series(self.frame[self.columns.index(column)])
        if cells.dtype.kind not in "iufOTUSb" or cells.dtype == bool:
            raise MeasurementError(
                f"{self.source}: column `{column}` holds {cells.dtype} values, but numbers in {unit} were expected."
            )
        numeric = pd.Series(pd.to_numeric(cells, errors="coerce"))
        values = numeric.to_numpy(dtype=np.float64, na_value=np.nan)
        bad = ~np.isfinite(values)
        if missing:
            bad &= ~cells.isna().to_numpy(dtype=bool)
        if bad.any():
            first = int(np.flatnonzero(bad)[0])
            cell = cells.iloc[first]
            says = "is empty or NaN" if pd.isna(cell) else f"is {str(cell)!r}"
            raise MeasurementError(
                f"{self.source}, {self.row_word} {self.rows[first]}: column `{column}` {says}, "
                f"but a finite number in {unit} was expected."
            )
        return values

    def whole_numbers(self, column: str) -> IntArray:
        """A column of counts as int64; shape (rows,).

        Raises:
            MeasurementError: a cell is not a whole number.
        """
        values = self.numbers(column, "1")
        bad = np.flatnonzero((values != np.rint(values)) | (np.abs(values) > 2**53))
        if bad.size:
            place = f"{self.source}, {self.row_word} {self.rows[bad[0]]}"
            raise MeasurementError(
                f"{place}: column `{column}` is {values[bad[0]]:g}, but a whole number was expected."
            )
        return values.astype(np.int64)

    def missing_column(self, wanted: str) -> MeasurementError:
        """The error for a table without a column; `wanted` says in words which."""
        return MeasurementError(f"{self.source} has no column for {wanted}; its columns are {shown(self.columns)}.")


def parse_table(
    text: str, *, source: str, header_line: int, separator: str, wanted: Callable[[str], bool]
) -> tuple[Table, bool]:
    """Cut text into a table.

    Decimal commas are recognised by the first row when the separator is not a comma.

    Args:
        text: the whole file, lines ended by newlines.
        source: the path as the user gave it.
        header_line: 1-based line with the names of the columns; the rows follow it.
        separator: the character between cells.
        wanted: whether to read a column, by its name.

    Returns:
        The table, and whether it was written with decimal commas.

    Raises:
        MeasurementError: no rows, a doubled name, or a row with too few or too many cells.
    """
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if len(lines) < header_line:
        raise MeasurementError(f"{source} ends at row {len(lines)}, before its table at row {header_line}.")
    names = [name.strip().strip('"') for name in lines[header_line - 1].split(separator)]
    while names and not names[-1]:
        names.pop()
    body = lines[header_line:]
    if not body:
        raise MeasurementError(f"{source} has a header but no rows, at least 2 were expected.")
    used = [i for i, name in enumerate(names) if wanted(name)]
    doubled = [names[i] for i in used if names.count(names[i]) > 1]
    if doubled:
        raise MeasurementError(f"{source} has more than one column `{doubled[0]}`, one was expected.")
    _check_cells(body, names, separator, source, header_line)
    commas = separator != "," and "," in body[0]
    block = "\n".join(body)
    try:
        frame = pd.read_csv(
            io.StringIO(block.replace(",", ".") if commas else block),
            sep=separator,
            header=None,
            usecols=used,
            names=range(max(len(names), body[0].count(separator) + 1)),
            index_col=False,
            skip_blank_lines=False,
            low_memory=False,
            **_EXACT,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise MeasurementError(f"{source} is not a regular table of {len(names)} columns.") from error
    rows = np.arange(len(frame), dtype=np.int64) + header_line + 1
    return Table(source, tuple(names), frame, rows), commas


def _check_cells(body: list[str], names: list[str], separator: str, source: str, header_line: int) -> None:
    if any('"' in line for line in body):  # a quoted cell may hold separators: left to the parser
        return
    counts = np.array([line.count(separator) for line in body]) + 1
    short = np.flatnonzero(counts < len(names))
    if short.size:
        row = int(short[0])
        cut = ": the file is cut there" if row == len(body) - 1 else ""
        raise MeasurementError(
            f"{source}, row {header_line + 1 + row} has {counts[row] if body[row].strip() else 0} cells, "
            f"but {len(names)} columns were expected{cut}."
        )
    for row in np.flatnonzero(counts > len(names)):
        if any(cell.strip() for cell in body[row].split(separator)[len(names) :]):
            raise MeasurementError(
                f"{source}, row {header_line + 1 + row} has {counts[row]} cells, "
                f"but {len(names)} columns were expected."
            )
