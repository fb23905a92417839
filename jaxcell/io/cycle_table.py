"""Tables of capacities per cycle: one row a cell, one column a cycle."""

import os
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jaxcell.io._arrays import shown
from jaxcell.io.errors import MeasurementError
from jaxcell.io.provenance import Provenance
from jaxcell.io.source_file import load
from jaxcell.io.table import parse_table

READER = "cycle-table"
_NUMBERED = re.compile(r"^(.*?)(\d+)$")


@dataclass(frozen=True)
class CycleTable:
    """Capacities of many cells by cycle.

    Attributes:
        capacity: in the unit of the file, NaN where not recorded; shape (cells, cycles).
        rows: 1-based line of each cell in the file; shape (cells,).
        prefix: name of the capacity columns without the number of the cycle.
        provenance: where the table comes from.
    """

    capacity: NDArray[np.float64]
    rows: NDArray[np.int64]
    prefix: str
    provenance: Provenance

    @property
    def recorded(self) -> NDArray[np.int64]:
        """Number of recorded cycles of each cell; shape (cells,)."""
        return np.isfinite(self.capacity).sum(axis=1)

    def cell(self, number: int) -> NDArray[np.float64]:
        """Recorded capacities of a cell, counted from 1; shape (recorded cycles,).

        Raises:
            MeasurementError: there is no such cell.
        """
        count = len(self.capacity)
        if not 1 <= number <= count:
            raise MeasurementError(f"{self.provenance.name} has cells 1 to {count}, but cell {number} was asked for.")
        return self.capacity[number - 1, : self.recorded[number - 1]]


def read_cycle_table(path: str | os.PathLike[str], *, prefix: str | None = None) -> CycleTable:
    """Read a comma-separated table with one row a cell and columns `prefix`1, `prefix`2, ... for its cycles.

    Empty cells and zeros after a cell's last capacity are cycles that were not recorded.  The unit is the file's.

    Args:
        path: the file.
        prefix: name of the capacity columns without the number; by default that of the longest series of them.

    Raises:
        MeasurementError: the file is missing, or not such a table; or a capacity is not a number, negative, or zero or
            empty before a later one.
    """
    file = load(path)
    head = file.text.split("\n", 1)[0]
    names = [name.strip().strip('"') for name in head.split(",")]
    chosen, columns = _series(names, prefix, file.given)
    table, _ = parse_table(
        file.text, source=file.given, header_line=1, separator=",", wanted=lambda name: name in columns
    )
    values = np.stack([table.numbers(column, "the unit of the table", missing=True) for column in columns], axis=1)
    _refuse_negative(values, columns, table.rows, file.given)
    recorded = np.nan_to_num(values) > 0.0
    lengths = np.where(recorded.any(axis=1), values.shape[1] - np.argmax(recorded[:, ::-1], axis=1), 0)
    past = np.arange(values.shape[1])[None, :] >= lengths[:, None]
    _refuse_gaps(values, past | recorded, columns, table.rows, file.given)
    short = int(np.sum(lengths < values.shape[1]))
    notice = f"{short} of {len(values)} cells end before cycle {values.shape[1]}: what follows counts as not recorded."
    provenance = Provenance(file.name, READER, "1", file.sha256, file.size, notices=(notice,) if short else ())
    return CycleTable(np.where(past, np.nan, values), table.rows, chosen, provenance)


def _series(names: list[str], prefix: str | None, given: str) -> tuple[str, list[str]]:
    """Prefix and columns, in the order of their cycles 1, 2, ..."""
    found: dict[str, dict[int, str]] = {}
    for name in names:
        match = _NUMBERED.match(name)
        if match is not None:
            found.setdefault(match[1], {})[int(match[2])] = name
    if prefix is None:
        if not found:
            raise MeasurementError(
                f"{given} has no columns that end in the number of a cycle, such as `capacity_1`, `capacity_2`; its "
                f"columns are {shown(names)}."
            )
        prefix = max(found, key=lambda one: len(found[one]))
    series = found.get(prefix, {})
    for cycle in range(1, max(len(series), 2) + 1):
        if cycle not in series:
            raise MeasurementError(
                f"{given} has no column `{prefix}{cycle}` for cycle {cycle}; its columns are {shown(names)}."
            )
    return prefix, [series[cycle] for cycle in sorted(series)]


def _refuse_negative(values: NDArray[np.float64], columns: list[str], rows: NDArray[np.int64], given: str) -> None:
    bad = np.argwhere(values < 0.0)
    if bad.size:
        row, column = bad[0]
        raise MeasurementError(
            f"{given}, row {rows[row]}: column `{columns[column]}` is {values[row, column]:g}, but a capacity of at "
            "least 0 was expected."
        )


def _refuse_gaps(
    values: NDArray[np.float64], fine: NDArray[np.bool_], columns: list[str], rows: NDArray[np.int64], given: str
) -> None:
    bad = np.argwhere(~fine)
    if bad.size:
        row, column = bad[0]
        says = "is empty" if np.isnan(values[row, column]) else "is 0"
        raise MeasurementError(
            f"{given}, row {rows[row]}: column `{columns[column]}` {says}, but later cycles have capacities; only "
            "cycles after the last one may be left out."
        )
