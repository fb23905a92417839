"""BioLogic binary files (.mpr), decoded by the optional package galvani."""

import io
import math
import re
import struct
import warnings
from typing import Any

import numpy as np
import pandas as pd

from jaxcell.io.assemble import assemble
from jaxcell.io.biologic import loop_notice
from jaxcell.io.eclab_columns import eclab_columns
from jaxcell.io.errors import MeasurementError
from jaxcell.io.geometry import area_notice
from jaxcell.io.measurement import Measurement
from jaxcell.io.options import ReadOptions
from jaxcell.io.provenance import Provenance
from jaxcell.io.source_file import SourceFile
from jaxcell.io.table import Table

MAGIC = b"BIO-LOGIC MODULAR FILE"
READER = "1"

# Found by comparing 11 files with the headers of their text exports.
_AREA_OFFSET = 0x211  # float32 [cm2] in the settings
_TECHNIQUES = {0x04: "GCPL", 0x0B: "OCV", 0x19: "CP", 0x1D: "PEIS", 0x1E: "GEIS", 0x7F: "Modulo Bat"}
_POTENTIAL_HELD = 0x1D
_EXPORT = "export it from EC-Lab as text (.mpt)"


def read_mpr(file: SourceFile, options: ReadOptions) -> Measurement:
    """Read a BioLogic binary file, to the same numbers as its text export.

    Needs galvani (GPL-3), which `pip install "jaxcell[biologic]"` adds.

    Raises:
        MeasurementError: galvani is not installed or does not know a column of the file, the file is
            damaged, or its contents are not a measurement.
    """
    if not file.data.startswith(MAGIC):
        raise MeasurementError(f"{file.given} does not begin like a BioLogic .mpr file, but one was expected.")
    decoded = _decode(file)
    table = _table(decoded, file.given)
    code, header_area = _settings(decoded)
    columns, notices = eclab_columns(table, holds_potential=code == _POTENTIAL_HELD, electrode=options.electrode)
    loops = decoded.loop_index
    gap = loop_notice([] if loops is None else [int(row) for row in loops], columns)
    notices += [gap] if gap else []
    area = area_notice(header_area, options.area)
    origin = Provenance(
        name=file.name,
        format="biologic-mpr",
        reader=READER,
        sha256=file.sha256,
        size=file.size,
        technique=_TECHNIQUES.get(code, ""),
        notices=tuple([area] if area else []) + tuple(notices),
    )
    return assemble(columns, options, origin)


def _decode(file: SourceFile) -> Any:
    try:
        from galvani import BioLogic
    except ImportError as error:
        raise MeasurementError(
            f"{file.given} is a BioLogic binary file, which needs the package galvani: "
            f'pip install "jaxcell[biologic]", or {_EXPORT}.'
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return BioLogic.MPRfile(io.BytesIO(file.data))
    except NotImplementedError as error:
        number = re.search(r"\d+", str(error))
        which = f"column number {number.group()}" if number else "a column"
        raise MeasurementError(
            f"{file.given} holds {which} of a kind that galvani does not know, so its rows cannot be "
            f"decoded: {_EXPORT}."
        ) from error
    except Exception as error:  # a damaged file breaks the decoder in many ways
        raise MeasurementError(
            f"{file.given} is cut, damaged or of an unknown version, a complete .mpr file was expected: "
            f"copy it again, or {_EXPORT}."
        ) from error


def _table(decoded: Any, source: str) -> Table:
    data = decoded.data
    series: dict[str, np.ndarray] = {name: np.asarray(data[name]) for name in data.dtype.names}
    flags = series.pop("flags", None)
    if flags is not None:
        known = decoded.flags_dict
        for name in ("mode", "ox/red", "error"):
            if name in known:
                mask, kind = known[name]
                series[name] = np.asarray(flags & mask).astype(kind).astype(np.int64)
    frame = pd.DataFrame(dict(enumerate(series.values())))
    rows = np.arange(1, len(frame) + 1, dtype=np.int64)
    return Table(source, tuple(series), frame, rows, "record")


def _settings(decoded: Any) -> tuple[int, float | None]:
    """Technique code and electrode area [m2] from the settings; the area is None if it is implausible."""
    for module in decoded.modules:
        if bytes(module["shortname"]).strip() == b"VMP Set":
            data = bytes(module["data"])
            if len(data) < _AREA_OFFSET + 4:
                return -1, None
            area = struct.unpack_from("<f", data, _AREA_OFFSET)[0]
            plausible = math.isfinite(area) and (area == 0 or 1e-9 < area < 1e9)
            return data[0], area * 1e-4 if plausible else None
    return -1, None
