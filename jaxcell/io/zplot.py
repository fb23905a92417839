"""ZPlot and ZView text files (.z), and the older form that Autolab and others export (`Z60W Data File`)."""

import re

import numpy as np

from jaxcell.io.errors import MeasurementError
from jaxcell.io.geometry import area_notice
from jaxcell.io.impedance_rows import measured_sweeps
from jaxcell.io.impedance_sign import contradiction
from jaxcell.io.measurement import Measurement
from jaxcell.io.options import ReadOptions
from jaxcell.io.provenance import Provenance
from jaxcell.io.source_file import SourceFile
from jaxcell.io.text_rows import cut_rows

MAGIC = ("ZPLOT2 ASCII", '"Z60W Data File', "Z60W Data File")
READER = "1"

_NAMES = ("Freq", "Ampl", "Bias", "Time", "Z'", "Z''", "GD", "Err", "Range")
_POINTS = re.compile(r"^\s*Data Points:\s*(\d+)")
_AREA = re.compile(r"^\s*Surface Area:\s*([-+\d.,eE]+)")
_TYPE = re.compile(r"^\s*Experiment Type:\s*(.+)")


def read_zplot(file: SourceFile, options: ReadOptions) -> Measurement:
    """Read a ZPlot file: frequency [Hz], time [s], Z' and Z'' [ohm]; Z'' is Im(Z). Current and voltage are not in it.

    Raises:
        MeasurementError: no line of names, or a cell that is not a number.
    """
    lines = file.text.split("\n")
    if not lines[0].startswith(MAGIC):
        raise MeasurementError(f"{file.given}, row 1 is not `{MAGIC[0]}`, but a ZPlot file was expected.")
    names = next((n for n, line in enumerate(lines) if line.strip(' "').startswith("Freq") and "Z''" in line), None)
    if names is None:
        raise MeasurementError(f"{file.given} has no row that names `Freq(Hz)` and `Z''(b)`, but one was expected.")
    head = lines[:names]
    body = [(n + 1, lines[n]) for n in range(names + 1, len(lines)) if lines[n].strip()]
    if body and body[0][1].strip() == "End Comments":
        body = body[1:]
    separator = "," if body and body[0][1].count(",") == len(_NAMES) - 1 and "\t" not in body[0][1] else None
    table, commas = cut_rows(body, _NAMES, separator, file.given)
    announced = next((int(found.group(1)) for line in head if (found := _POINTS.match(line))), None)
    if announced is None and re.fullmatch(r"\d+", lines[max(names - 1, 0)].strip()):
        announced = int(lines[names - 1])
    frequency, time = table.numbers("Freq", "Hz"), table.numbers("Time", "s")
    real, imaginary = table.numbers("Z'", "ohm"), table.numbers("Z''", "ohm")
    errors = table.numbers("Err", "1")
    notices = ["numbers are written with decimal commas."] if commas else []
    if announced is not None and len(table.rows) < announced:
        notices.append(
            f"THE HEADER ANNOUNCES {announced} POINTS, the file holds {len(table.rows)}: the sweep was stopped or the "
            "file is cut."
        )
    if errors.any():
        bad = int(np.flatnonzero(errors)[0])
        notices.append(f"the analyser flagged {int((errors != 0).sum())} rows, the first is row {table.rows[bad]}.")
    against = contradiction(frequency, real, imaginary)
    notices.append(f"sign: ZPlot's Z'' is Im(Z), negative where capacitive{against}.")
    header = next((float(f.group(1).replace(",", ".")) * 1e-4 for line in head if (f := _AREA.match(line))), None)
    area = area_notice(header, options.area)
    origin = Provenance(
        name=file.name,
        format="zplot-z",
        reader=READER,
        sha256=file.sha256,
        size=file.size,
        technique=next((f.group(1).strip() for line in head if (f := _TYPE.match(line))), ""),
        notices=tuple([area] if area else []) + tuple(notices),
    )
    return measured_sweeps(
        file.given, table.rows, frequency, real, imaginary, options=options, origin=origin, time=time
    )
