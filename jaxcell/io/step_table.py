"""Tables of steps: one row a step, with what it delivered, how long it took and its voltages at shares of it."""

import difflib
import os
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jaxcell.io._arrays import shown
from jaxcell.io.errors import MeasurementError
from jaxcell.io.provenance import Provenance
from jaxcell.io.source_file import load
from jaxcell.io.table import Table, parse_table

READER = "step-table"
HALVES = ("plate", "strip", "charge", "discharge")
VALUES = {"duration_s": "s", "capacity_mah_cm2": "mAh/cm2", "efficiency": "1"}
_PLACES = ("step", "cycle", "half")
_VOLTAGE = re.compile(r"voltage_v_at_(\d*\.?\d+)")


@dataclass(frozen=True)
class StepTable:
    """What was measured of some steps, one entry a row.

    Attributes:
        step: number of the step counted from 1 through all repeats, or None where the rows say cycle and half.
        cycle: number of the cycle, from 1, or None.
        half: one of `HALVES`, or None.
        values: by column of `VALUES`, in its unit; NaN where empty.
        shares: of the step's duration at which voltages were read [1]; shape (shares,).
        voltage: [V], NaN where empty; shape (rows, shares).
        rows: 1-based line of each row in the file.
        given: the path as the user gave it, for messages.
        provenance: where the table comes from.
    """

    step: NDArray[np.int64] | None
    cycle: NDArray[np.int64] | None
    half: tuple[str, ...] | None
    values: dict[str, NDArray[np.float64]]
    shares: NDArray[np.float64]
    voltage: NDArray[np.float64]
    rows: NDArray[np.int64]
    given: str
    provenance: Provenance


def read_step_table(path: str | os.PathLike[str]) -> StepTable:
    """Read a comma-separated table of steps.

    Columns: `step`, or `cycle` and `half` (plate, strip, charge or discharge); at least one of `duration_s`,
    `capacity_mah_cm2`, `efficiency` and `voltage_v_at_SHARE` with a share of the step's duration such as 0.5. Empty
    cells were not measured.

    Raises:
        MeasurementError: the file is missing; a column is missing, doubled or unknown; a cell is not a number, not
            above 0 (voltages may be anything) or names no half.
    """
    file = load(path)
    head = [name.strip().strip('"') for name in file.text.split("\n", 1)[0].split(",")]
    voltages = {name: float(found[1]) for name in head if (found := _VOLTAGE.fullmatch(name)) is not None}
    _check_columns(head, voltages, file.given)
    table, _ = parse_table(file.text, source=file.given, header_line=1, separator=",", wanted=bool)
    order = sorted(voltages, key=voltages.__getitem__)
    columns = [_finite(table, name, "V") for name in order]
    values = {name: _finite(table, name, unit) for name, unit in VALUES.items() if name in head}
    for name, column in values.items():
        _above_zero(table, name, column)
    numbers = {name: _counted(table, name) for name in ("step", "cycle") if name in head}
    return StepTable(
        step=numbers.get("step"),
        cycle=numbers.get("cycle"),
        half=_halves(table) if "half" in head else None,
        values=values,
        shares=np.array([voltages[name] for name in order]),
        voltage=np.stack(columns, axis=1) if columns else np.zeros((len(table.rows), 0)),
        rows=table.rows,
        given=file.given,
        provenance=Provenance(file.name, READER, "1", file.sha256, file.size),
    )


def _check_columns(head: list[str], voltages: dict[str, float], given: str) -> None:
    known = [*_PLACES, *VALUES, "voltage_v_at_0.5"]
    for name in head:
        if name in known or name in voltages:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.55)
        hint = f"did you mean `{near[0]}`?" if near else f"known are {shown(known)}."
        raise MeasurementError(f"{given} has the column `{name}`, which is not known in a table of steps; {hint}")
    if ("step" in head) == ("cycle" in head and "half" in head) or ("cycle" in head) != ("half" in head):
        raise MeasurementError(
            f"{given} must have either a column `step` or the columns `cycle` and `half`, but has {shown(head)}."
        )
    if not voltages and not set(head) & set(VALUES):
        raise MeasurementError(
            f"{given} must have at least one of the columns {shown([*VALUES, 'voltage_v_at_0.5'])}, but has "
            f"{shown(head)}."
        )
    outside = [name for name, share in voltages.items() if not 0.0 < share <= 0.99]
    if outside:
        raise MeasurementError(f"{given}: column `{outside[0]}` must have a share above 0 and up to 0.99 in its name.")


def _finite(table: Table, name: str, unit: str) -> NDArray[np.float64]:
    return table.numbers(name, unit, missing=True)


def _above_zero(table: Table, name: str, column: NDArray[np.float64]) -> None:
    bad = np.flatnonzero(column <= 0.0)
    if bad.size:
        raise MeasurementError(
            f"{table.source}, row {table.rows[bad[0]]}: column `{name}` is {column[bad[0]]:g}, but a number above 0 "
            f"[{VALUES[name]}] was expected; leave a cell empty that was not measured."
        )


def _counted(table: Table, name: str) -> NDArray[np.int64]:
    numbers = table.whole_numbers(name)
    bad = np.flatnonzero(numbers < 1)
    if bad.size:
        raise MeasurementError(
            f"{table.source}, row {table.rows[bad[0]]}: column `{name}` is {numbers[bad[0]]}, but a number counted "
            "from 1 was expected."
        )
    return numbers


def _halves(table: Table) -> tuple[str, ...]:
    cells = [str(cell).strip().lower() for cell in table.frame[table.columns.index("half")]]
    for row, cell in zip(table.rows, cells, strict=True):
        if cell not in HALVES:
            raise MeasurementError(
                f"{table.source}, row {row}: column `half` is {cell!r}, but one of {', '.join(HALVES)} was expected."
            )
    return tuple(cells)
