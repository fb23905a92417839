"""BioLogic EC-Lab text exports (.mpt), and bare tables of EC-Lab columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxcell.io._arrays import count
from jaxcell.io.assemble import Columns, assemble
from jaxcell.io.eclab_columns import eclab_columns, is_eclab_column, split_name
from jaxcell.io.errors import MeasurementError
from jaxcell.io.geometry import area_notice
from jaxcell.io.measurement import Measurement
from jaxcell.io.options import ReadOptions
from jaxcell.io.provenance import Provenance
from jaxcell.io.source_file import SourceFile
from jaxcell.io.table import parse_table

MAGIC = ("EC-Lab ASCII FILE", "BT-Lab ASCII FILE")
READER = "1"

_HEADER_LINES = re.compile(r"Nb header lines\s*:\s*(\d+)")
_AREA = re.compile(r"Electrode surface area\s*:\s*([-+\d.,eE]+)\s*(cm²|mm²|m²)")
_AREA_UNITS = {"cm²": 1e-4, "mm²": 1e-6, "m²": 1.0}
_LOOP = re.compile(r"Loop \d+ from point number (\d+) to (\d+)")
_FIELD_WIDTH = 20  # of the table of settings in the header
_POTENTIAL_HELD = "Potentio Electrochemical Impedance Spectroscopy"


@dataclass(frozen=True)
class MptHeader:
    """What is used of an EC-Lab header; names of people, computers, folders and samples are not.

    Attributes:
        lines: number of lines up to and with the names of the columns.
        technique: e.g. "Modulo Bat".
        step_techniques: "0: Rest", "1: PEIS", ... for composed techniques.
        area: electrode surface area [m2], or None if not stated.
        loop_starts: first row of each loop, from 0; empty if the technique ran once.
        points: number of rows that the header announces, or None.
    """

    lines: int
    technique: str
    step_techniques: tuple[str, ...]
    area: float | None
    loop_starts: tuple[int, ...]
    points: int | None


def parse_header(text: str, source: str) -> MptHeader:
    """The header of an EC-Lab text file.

    Raises:
        MeasurementError: the file does not begin like one, or ends inside its header.
    """
    lines = text.split("\n")
    if not lines[0].strip().startswith(MAGIC):
        raise MeasurementError(f"{source}, row 1 is not `{MAGIC[0]}`, but an EC-Lab text export was expected.")
    found = _HEADER_LINES.match(lines[1].strip()) if len(lines) > 1 else None
    if found is None:
        raise MeasurementError(f"{source}, row 2 must say `Nb header lines : <number>`, but does not.")
    number = int(found.group(1))
    if not 3 <= number <= len(lines):
        raise MeasurementError(
            f"{source}, row 2 announces {number} header lines, but the file ends at row {len(lines)}."
        )
    header = lines[: number - 1]
    area = None
    for line in header:
        stated = _AREA.search(line)
        if stated:
            area = float(stated.group(1).replace(",", ".")) * _AREA_UNITS[stated.group(2)]
    loops = [hit.groups() for line in header if (hit := _LOOP.match(line.strip()))]
    starts = tuple(int(first) for first, _ in loops)
    points = int(loops[-1][1]) + 1 if loops else None
    technique = header[3].strip() if len(header) > 3 and ":" not in header[3] else ""
    return MptHeader(number, technique, _step_techniques(header), area, starts, points)


def _step_techniques(header: list[str]) -> tuple[str, ...]:
    rows = {line[:_FIELD_WIDTH].strip(): line[_FIELD_WIDTH:] for line in header}
    if "Ns" not in rows or "ctrl_type" not in rows:
        return ()
    fields = [
        [row[i : i + _FIELD_WIDTH].strip() for i in range(0, len(row.rstrip()), _FIELD_WIDTH)]
        for row in (rows["Ns"], rows["ctrl_type"])
    ]
    return tuple(f"{number}: {name}" for number, name in zip(*fields, strict=False) if number)


def loop_notice(starts: Sequence[int], columns: Columns) -> str | None:
    """What to say about a technique that ran in loops, with unrecorded time in between; None if nothing.

    Args:
        starts: first row of each loop, from 0.
        columns: the rows.
    """
    inner = np.array([row for row in starts if 0 < row < len(columns.time)], dtype=np.int64)
    if not inner.size:
        return None
    longest = float((columns.time[inner] - columns.time[inner - 1]).max())
    return (
        f"the technique ran {len(inner) + 1} times with others in between that this file does not hold: "
        f"{count(len(inner), 'gap')} of up to {longest:.4g} s."
    )


def read_mpt(file: SourceFile, options: ReadOptions) -> Measurement:
    """Read an EC-Lab text export; see `eclab_columns` for the choice of the columns.

    Latin-1, tab-separated, with decimal points or commas. Times are those of the file: seconds since the
    start of the acquisition, which need not begin at 0.

    Raises:
        MeasurementError: the header or the table is damaged, see the message.
    """
    text = file.text
    header = parse_header(text, file.given)
    table, commas = parse_table(
        text, source=file.given, header_line=header.lines, separator="\t", wanted=is_eclab_column
    )
    if header.points is not None and len(table.rows) < header.points:
        raise MeasurementError(
            f"{file.given} is cut at row {table.rows[-1]}: it holds {len(table.rows)} rows of data, "
            f"but its header announces {header.points}."
        )
    columns, notices = eclab_columns(
        table, holds_potential=header.technique == _POTENTIAL_HELD, electrode=options.electrode
    )
    gap = loop_notice(header.loop_starts, columns)
    notices += [gap] if gap else []
    if commas:
        notices.append("numbers are written with decimal commas.")
    area = area_notice(header.area, options.area)
    origin = Provenance(
        name=file.name,
        format="biologic-mpt",
        reader=READER,
        sha256=file.sha256,
        size=file.size,
        technique=header.technique,
        step_techniques=header.step_techniques,
        notices=tuple([area] if area else []) + tuple(notices),
    )
    return assemble(columns, options, origin)


def separator_of(line: str) -> str:
    """The separator of a header line: tab, semicolon or comma."""
    return next((s for s in ("\t", ";") if s in line), ",")


def has_eclab_columns(first_line: str) -> bool:
    """Whether a line names the columns of an EC-Lab table: a time, and a working-electrode potential."""
    names = {split_name(n.strip().strip('"')) for n in first_line.split(separator_of(first_line))}
    bases = {base for base, unit in names if unit}
    return "time" in bases and bool(bases & {"Ewe", "<Ewe>", "Ecell", "<Ecell>"})


def read_eclab_table(file: SourceFile, options: ReadOptions) -> Measurement:
    """Read a table without header lines whose first row names EC-Lab columns (`time/s`, `Ewe/V`, ...).

    Separated by tabs, commas or semicolons: what people write when they cut or convert an export.

    Raises:
        MeasurementError: the table is damaged, see the message.
    """
    text = file.text
    first = text.split("\n", 1)[0]
    table, _ = parse_table(
        text, source=file.given, header_line=1, separator=separator_of(first), wanted=is_eclab_column
    )
    columns, notices = eclab_columns(table, electrode=options.electrode)
    origin = Provenance(
        name=file.name,
        format="eclab-table",
        reader=READER,
        sha256=file.sha256,
        size=file.size,
        notices=tuple(notices),
    )
    return assemble(columns, options, origin)
