"""Laws of a cathode that a study file names, or whose tables it points at."""

import os
from pathlib import Path
from typing import TypeVar

from jaxcell.cell import LFP, NMC532, NMC811, OpenCircuitPotential, TabulatedDiffusivity, TabulatedPotential

Law = TypeVar("Law", TabulatedPotential, TabulatedDiffusivity)
LAWS: dict[str, type[OpenCircuitPotential]] = {"nmc532": NMC532, "nmc811": NMC811, "lfp": LFP}


def open_circuit_law(written: str, folder: Path) -> OpenCircuitPotential:
    """The law of that name, or a table of stoichiometry [1] and potential [V] from a CSV file.

    Raises:
        ValueError: no such name or file, or a table that no curve passes through.
    """
    if written.lower() in LAWS:
        return LAWS[written.lower()]()
    names = ", ".join(repr(name) for name in LAWS)
    return _table(TabulatedPotential, "cathode.open_circuit", written, folder, f"{names} or a CSV file")


def diffusivity_table(written: str, folder: Path) -> TabulatedDiffusivity:
    """A table of stoichiometry [1] and factor on the diffusivity [1] from a CSV file; raises as `open_circuit_law`."""
    return _table(TabulatedDiffusivity, "cathode.diffusivity_law", written, folder, "a CSV file")


def portable_law(written: str) -> str:
    """What a study says of a law, without the folders of one machine."""
    local = written.startswith("~") or Path(written).is_absolute()
    return Path(written).name if local else written


def _table(kind: type[Law], key: str, written: str, folder: Path, expected: str) -> Law:
    columns = _columns(key, written, folder, expected)
    try:
        return kind(*columns)
    except ValueError as error:
        raise ValueError(f"{key} = {written!r} cannot be used: {error}") from error


def _columns(key: str, written: str, folder: Path, expected: str) -> tuple[list[float], list[float]]:
    place = folder / os.path.expanduser(os.path.expandvars(written))
    try:
        lines = place.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{key} must be {expected}, but is {written!r}, and there is no such text file.") from error
    rows: list[tuple[float, float]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells = line.replace(";", ",").split(",")
        try:
            first, second = (float(cell) for cell in cells)
        except ValueError:
            if not rows and len(cells) == 2:  # names of the columns
                continue
            raise ValueError(
                f"{key} = {written!r} must have two numbers, joined by a comma, in each line, but line {number} is "
                f"{line.strip()[:40]!r}."
            ) from None
        rows.append((first, second))
    return [row[0] for row in rows], [row[1] for row in rows]
