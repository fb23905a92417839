"""Rows of numbers in text that is not one rectangular table: with text before, blank lines between, units below."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from jaxcell.io.errors import MeasurementError
from jaxcell.io.table import Table


def split_cells(line: str, separator: str | None) -> list[str]:
    """The cells of a line without quotes; None separates at white space."""
    cells = line.split() if separator is None else line.split(separator)
    return [cell.strip().strip('"').strip() for cell in cells]


def cut_rows(
    lines: Sequence[tuple[int, str]], columns: Sequence[str], separator: str | None, source: str
) -> tuple[Table, bool]:
    """A table of the lines given.

    Args:
        lines: line number in the file, from 1, and text; none is blank.
        columns: names of all columns.
        separator: between cells; None for white space.
        source: the path as the user gave it.

    Returns:
        The table, and whether it was written with decimal commas.

    Raises:
        MeasurementError: no rows, or a row with too few or too many cells.
    """
    if not lines:
        raise MeasurementError(f"{source} has a header but no rows, at least 2 were expected.")
    commas = separator != "," and "," in lines[0][1]
    cells: list[list[str | None]] = []
    for number, line in lines:
        row = split_cells(line, separator)
        while len(row) > len(columns) and not row[-1]:
            row.pop()
        if len(row) != len(columns):
            cut = ": the file is cut there" if len(row) < len(columns) and number == lines[-1][0] else ""
            raise MeasurementError(
                f"{source}, row {number} has {len(row)} cells, but {len(columns)} columns were expected{cut}."
            )
        cells.append([(c.replace(",", ".") if commas else c) or None for c in row])
    frame = pd.DataFrame(cells, columns=pd.RangeIndex(len(columns)), dtype=object)
    rows = np.array([number for number, _ in lines], dtype=np.int64)
    return Table(source, tuple(columns), frame, rows), commas
