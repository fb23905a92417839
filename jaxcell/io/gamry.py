"""Gamry text files (.DTA): the tables ZCURVE of impedance experiments."""

import re
from itertools import pairwise

import numpy as np

from jaxcell.io.errors import MeasurementError
from jaxcell.io.geometry import area_notice
from jaxcell.io.impedance_rows import in_ohm, measured_sweeps
from jaxcell.io.impedance_sign import contradiction
from jaxcell.io.impedance_units import read_unit
from jaxcell.io.measurement import Measurement
from jaxcell.io.options import ReadOptions
from jaxcell.io.provenance import Provenance
from jaxcell.io.source_file import SourceFile
from jaxcell.io.table import Table
from jaxcell.io.text_rows import cut_rows, split_cells

MAGIC = "EXPLAIN"
READER = "1"

_TABLE = re.compile(r"^(\w+)\tTABLE(?:\t(\d+))?")
_AREA = re.compile(r"^AREA\tQUANT\t([-+\d.,eE]+)\t.*\(cm(?:\^2|²|2)\)")
_TAG = re.compile(r"^TAG\t(\w+)")
_COLUMNS = {"Freq": "frequency", "Zreal": "real", "Zimag": "imaginary"}
_OTHERS = {"Time": "time", "Idc": "current", "Vdc": "voltage"}


def is_gamry(text: str) -> bool:
    """Whether a text begins as Gamry's do."""
    first, _, rest = text.partition("\n")
    return first.strip() == MAGIC and rest.startswith("TAG\t")


def read_gamry(file: SourceFile, options: ReadOptions) -> Measurement:
    """Read the impedance of a Gamry file; Zimag is Im(Z), and a positive current is anodic, taken as charging.

    Several tables ZCURVE are sweeps of their own; where their times start again, each follows the one before it.

    Raises:
        MeasurementError: no table ZCURVE, one that is cut, lacks a column or has an unknown unit.
    """
    lines = file.text.split("\n")
    if not is_gamry(file.text):
        raise MeasurementError(f"{file.given}, row 1 is not `{MAGIC}` above a `TAG`, but a Gamry file was expected.")
    places = [(n, found) for n, line in enumerate(lines) if (found := _TABLE.match(line))]
    curves = [(n, found) for n, found in places if found.group(1).startswith("ZCURVE")]
    if not curves:
        others = ", ".join(found.group(1) for _, found in places) or "none"
        raise MeasurementError(
            f"{file.given} has no table ZCURVE, but impedance was expected; its tables are {others}."
        )
    tables = [_table(lines, n, found.group(2), file.given) for n, found in curves]
    commas = any(c for _, _, c in tables)
    blocks = [_block(table, units, options) for table, units, _ in tables]
    names = [name for name in ("frequency", "real", "imaginary", "time", "current", "voltage") if name in blocks[0]]
    uneven = [name for block in blocks for name in set(names) ^ set(block)]
    if uneven:
        raise MeasurementError(f"{file.given}: only some of its tables ZCURVE have a column for {uneven[0]}.")
    notices = ["numbers are written with decimal commas."] if commas else []
    if "time" in names:
        notices += _follow_on(blocks)
    arrays = {name: np.concatenate([block[name] for block in blocks]) for name in names}
    header = next((found for line in lines if (found := _AREA.match(line))), None)
    area = area_notice(float(header.group(1).replace(",", ".")) * 1e-4 if header else None, options.area)
    against = contradiction(arrays["frequency"], arrays["real"], arrays["imaginary"]) if len(blocks) == 1 else ""
    notices.append(f"sign: Gamry's Zimag is Im(Z), negative where capacitive{against}; a positive current is anodic.")
    tag = next((found.group(1) for line in lines[:5] if (found := _TAG.match(line))), "")
    origin = Provenance(
        name=file.name,
        format="gamry-dta",
        reader=READER,
        sha256=file.sha256,
        size=file.size,
        technique=tag,
        notices=tuple([area] if area else []) + tuple(notices),
    )
    return measured_sweeps(
        file.given,
        np.concatenate([table.rows for table, _, _ in tables]),
        arrays["frequency"],
        arrays["real"],
        arrays["imaginary"],
        options=options,
        origin=origin,
        time=arrays.get("time"),
        current=arrays.get("current"),
        voltage=arrays.get("voltage"),
        sweep=np.repeat(np.arange(len(blocks)), [len(table.rows) for table, _, _ in tables]).astype(np.int64),
    )


def _table(lines: list[str], start: int, announced: str | None, source: str) -> tuple[Table, dict[str, str], bool]:
    """The table whose line `X TABLE` has the index `start`: its cells, and the unit of each column."""
    if len(lines) < start + 3 or not lines[start + 1].startswith("\t") or not lines[start + 2].startswith("\t"):
        raise MeasurementError(f"{source}, row {start + 1}: the table ZCURVE has no rows of names and units.")
    names, units = (split_cells(lines[start + k][1:], "\t") for k in (1, 2))
    end = start + 3
    while end < len(lines) and lines[end].startswith("\t"):
        end += 1
    rows = [(n + 1, lines[n][1:]) for n in range(start + 3, end) if lines[n].strip()]
    if announced is not None and len(rows) < int(announced):
        raise MeasurementError(
            f"{source} is cut at row {end}: its table ZCURVE holds {len(rows)} rows, but announces {announced}."
        )
    table, commas = cut_rows(rows, names, "\t", source)
    return table, dict(zip(names, units, strict=False)), commas


def _block(table: Table, units: dict[str, str], options: ReadOptions) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for column, quantity in (_COLUMNS | _OTHERS).items():
        if column not in table.columns:
            if column in _COLUMNS:
                raise table.missing_column(f"`{column}`")
            continue
        unit = read_unit(quantity, units.get(column, ""), column, table.source)
        values = table.numbers(column, units[column])
        if quantity in ("real", "imaginary"):
            arrays[quantity] = in_ohm(values, unit, column, table.source, options)
        else:
            arrays[quantity] = values * unit.factor
    return arrays


def _follow_on(blocks: list[dict[str, np.ndarray]]) -> list[str]:
    """Shift the times of a table that starts again to after the one before; say so."""
    shifted = False
    for before, after in pairwise(blocks):
        if after["time"][0] <= before["time"][-1]:
            after["time"] = after["time"] + (before["time"][-1] - min(0.0, after["time"][0]))
            shifted = True
    return ["times start again in each table: each table follows the one before it."] if shifted else []
