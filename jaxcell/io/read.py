"""One function that reads any supported file."""

import gzip
import io
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from jaxcell.io import biologic, biologic_binary, gamry, zplot
from jaxcell.io._arrays import shown
from jaxcell.io.bdf import read_bdf_csv
from jaxcell.io.bdf_columns import looks_like_bdf
from jaxcell.io.errors import ArgumentError, MeasurementError
from jaxcell.io.impedance_names import read_name
from jaxcell.io.impedance_table import find_layout, read_impedance_table
from jaxcell.io.measurement import Measurement
from jaxcell.io.options import ReadOptions
from jaxcell.io.source_file import SourceFile, load
from jaxcell.io.vendors import describe_foreign, zip_members

_READERS: dict[str, Callable[[SourceFile, ReadOptions], Measurement]] = {
    "biologic-mpt": biologic.read_mpt,
    "biologic-mpr": biologic_binary.read_mpr,
    "eclab-table": biologic.read_eclab_table,
    "bdf-csv": read_bdf_csv,
    "gamry-dta": gamry.read_gamry,
    "zplot-z": zplot.read_zplot,
    "impedance-table": read_impedance_table,
}
_THREE_ELECTRODES = ("biologic-mpt", "biologic-mpr", "eclab-table")

SUPPORTED = (
    "supported are BioLogic EC-Lab text (.mpt) and binary (.mpr) files, tables of EC-Lab columns "
    "(.csv, .txt), Battery Data Format CSV (.bdf.csv, also as .gz or .zip), and impedance in Gamry (.DTA), ZPlot (.z) "
    "and plain CSV or text tables"
)


def read_measurement(
    path: str | os.PathLike[str],
    *,
    area: float | None = None,
    thickness: float | None = None,
    format: str = "auto",
    positive_current: Literal["charge", "discharge"] = "charge",
    rest_below: float | None = None,
    electrode: Literal["working", "counter", "full"] = "working",
) -> Measurement:
    """Read a cycler's file into SI units; what it is, is decided from its contents.

    Formats: "biologic-mpt", "biologic-mpr" (needs `pip install "jaxcell[biologic]"`), "eclab-table" (a
    table whose first row names EC-Lab columns), "bdf-csv" (Battery Data Format), and for impedance alone "gamry-dta",
    "zplot-z" and "impedance-table" (see `read_impedance_table`).

    Geometry is the user's: an area in a file's header is only compared with it, and a notice tells when
    they differ by more than 1 %.

    Args:
        path: the file.
        area: geometric area of the electrode [m2].
        thickness: thickness of the layer under test [m].
        format: one of the formats above, or "auto".
        positive_current: what a positive current does in the file; "discharge" turns the sign. The default
            is what EC-Lab (oxidation at the working electrode) and the Battery Data Format say.
        rest_below: largest current of a rest [A], where the instrument does not mark rests itself; by
            default 0.1 % of the largest current, or half the rounding step of the file if that is larger.
        electrode: whose impedance and voltage to read from a BioLogic file of three electrodes: the working electrode
            against the reference, the counter electrode's part, or the full cell, which is the sum of both.

    Returns:
        The measurement; `print(measurement.summary())` shows what was understood.

    Raises:
        MeasurementError: the file is missing, empty, damaged, of another program, lacks a column, has a
            cell that is not a number or a time that runs backwards, or an argument is not valid.
    """
    if format != "auto" and format not in _READERS:
        raise MeasurementError(f"Argument `format` must be auto, {', '.join(_READERS)}, but is {format!r}.")
    options = ReadOptions(area, thickness, positive_current, rest_below, electrode)
    file = _unpacked(load(path))
    chosen = _sniff(file) if format == "auto" else format
    if electrode != "working" and chosen not in _THREE_ELECTRODES:
        told = (
            f" is {electrode!r}, but {file.given} is of the format {chosen}, which is read for one impedance only: "
            "leave it at 'working'."
        )
        raise ArgumentError("electrode", "", "Argument `electrode`", told)
    return _READERS[chosen](file, options)


def _unpacked(file: SourceFile) -> SourceFile:
    """The file, decompressed if it is a .gz, or a .zip with one CSV or text file."""
    if file.data.startswith(b"\x1f\x8b"):
        try:
            return replace(file, data=gzip.decompress(file.data))
        except (OSError, EOFError, zlib.error) as error:
            raise MeasurementError(f"{file.given} is a damaged or cut .gz file.") from error
    members = zip_members(file.data) if file.data.startswith(b"PK\x03\x04") else None
    if members is not None and len(members) == 1 and members[0].lower().endswith((".csv", ".txt", ".mpt")):
        try:
            with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
                return replace(file, data=archive.read(members[0]))
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error) as error:
            raise MeasurementError(f"{file.given} is a damaged or encrypted .zip file.") from error
    return file


def _sniff(file: SourceFile) -> str:
    """The format of a file, from its contents.

    Raises:
        MeasurementError: no reader takes it; the message says what it looks like.
    """
    if file.data.startswith(biologic_binary.MAGIC):
        return "biologic-mpr"
    if file.data.lstrip(b"\xef\xbb\xbf").startswith(tuple(m.encode() for m in biologic.MAGIC)):
        return "biologic-mpt"
    foreign = describe_foreign(file.name, file.data)
    sorry = f"which is not supported: {SUPPORTED}."
    if file.is_binary or file.data.startswith(b"PK\x03\x04"):
        raise MeasurementError(f"{file.given} looks like {foreign or 'unknown binary data'}, {sorry}")
    first = file.text.split("\n", 1)[0]
    if biologic.has_eclab_columns(first):
        return "eclab-table"
    names = [name.strip().strip('"') for name in first.split(biologic.separator_of(first))]
    if looks_like_bdf(names):
        return "bdf-csv"
    if gamry.is_gamry(file.text):
        return "gamry-dta"
    if file.text.startswith(zplot.MAGIC):
        return "zplot-z"
    if foreign:
        raise MeasurementError(f"{file.given} looks like {foreign}, {sorry}")
    if find_layout(file.text) is not None:
        return "impedance-table"
    head = [name[:40] for name in names]
    if any(named and named.quantity == "frequency" for named in map(read_name, names)):
        raise MeasurementError(
            f"{file.given} names a frequency, but not both parts of an impedance, such as `Re(Z)/Ohm` and "
            f"`-Im(Z)/Ohm` or `|Z|/Ohm` and `Phase/deg`; its columns are {shown(head, 8)}."
        )
    raise MeasurementError(f"{file.given} is text whose first row names no known columns ({shown(head, 8)}), {sorry}")
