"""Which column of an impedance table is which, from names as people write them."""

import re
from dataclasses import dataclass

from jaxcell.io.errors import MeasurementError
from jaxcell.io.impedance_units import Unit, find_unit, read_unit, tidy

# fmt: off
_KEYS = {
    "frequency": {"f", "freq", "frequency", "frequenz", "hz"},
    "real": {"z'", "re", "real", "rez", "zre", "zreal", "realz", "realpart", "realimpedance", "rez'", "impedancereal",
             "re(z)", "zr"},
    "imaginary": {"z''", "im", "imag", "imz", "zim", "zimg", "zimag", "imagz", "imaginary", "imaginarypart", "zi",
                  "imaginaryimpedance", "imz''", "impedanceimaginary", "im(z)", "imaginaryz", "zimaginary", 'z"'},
    "modulus": {"|z|", "zmod", "modz", "absz", "modulus", "magnitude", "absoluteimpedance", "z"},
    "phase": {"phase", "phasez", "zphz", "theta", "phi", "phaseangle", "φ", "θ", "angle"},
    "time": {"t", "time", "elapsedtime", "testtime"},
    "current": {"i", "<i>", "idc", "current", "dccurrent"},
    "voltage": {"e", "v", "vdc", "edc", "voltage", "potential", "dcvoltage", "dcpotential", "ewe", "<ewe>"},
    "cycle": {"cycle", "cyclenumber", "cyclecount"},
    "sweep": {"spectrum", "sweep", "loop", "spectrumnumber", "sweepnumber", "step", "stepcount"},
}
# fmt: on
_QUANTITY = {key: quantity for quantity, keys in _KEYS.items() for key in keys}
_COUNTS = ("cycle", "sweep")
_OPTIONAL = ("time", "current", "voltage")
_MINUS = re.compile(r"^(?:-|minus\b|neg(?:ative)?\b)[\s_]*", re.IGNORECASE)
_BRACKET = re.compile(r"^(.*\S)\s*[\[(]\s*([^()\[\]]+?)\s*[\])]$")
_ARGUMENT = re.compile(r"^[zZab]$")  # Re(Z); Z'(a), as ZView names its columns


@dataclass(frozen=True)
class Named:
    """What a header cell says.

    Attributes:
        column: the cell as written.
        quantity: "frequency", "real", "imaginary", "modulus", "phase", "time", "current", "voltage", "cycle", "sweep".
        unit: as written, or None where the name has none.
        minus: whether the name says that the negative is stored, as `-Im(Z)` does.
    """

    column: str
    quantity: str
    unit: str | None
    minus: bool


def read_name(column: str) -> Named | None:
    """Quantity, unit and sign of a header cell, or None if it is no impedance table's.

    Units stand in brackets (`Z' (Ohm)`, `Re(Z) [Ohm]`), after a slash (`-Im(Z)/Ohm`) or last (`f_Hz`, `Zre ohm`).
    """
    text = tidy(column.strip().strip('"').lstrip("#%")).strip()
    minus = _MINUS.match(text)
    body = text[minus.end() :] if minus else text
    for name, unit in _splits(body):
        quantity = _QUANTITY.get(_key(name))
        if quantity is not None:
            own = _key(name)
            return Named(column, quantity, "Hz" if own == "hz" else unit, minus is not None)
    return None


def _splits(body: str) -> list[tuple[str, str | None]]:
    """Ways to divide a name from its unit, the likelier first."""
    ways: list[tuple[str, str | None]] = []
    if "/" in body:
        name, unit = body.split("/", 1)
        ways.append((name, unit.strip()))
    bracket = _BRACKET.match(body)
    if bracket:
        argument = _ARGUMENT.match(bracket.group(2))
        ways.append((bracket.group(1), None if argument else bracket.group(2)))
    ways.append((body, None))
    for separator in ("_", " "):
        if separator in body:
            name, unit = body.rsplit(separator, 1)
            if any(find_unit(q, unit) for q in ("frequency", "real", "time", "current", "voltage", "phase")):
                ways.append((name, unit))
    return ways


def _key(name: str) -> str:
    bare = re.sub(r"[\s_(){}\[\].:]", "", name).lower()
    return bare.replace('"', "''")


@dataclass(frozen=True)
class Header:
    """The columns of an impedance table by quantity.

    Attributes:
        found: what each column used says.
        units: its unit; counts have the factor 1.
        unused: names of the other columns.
        notices: sentences on units that were assumed.
    """

    found: dict[str, Named]
    units: dict[str, Unit]
    unused: tuple[str, ...]
    notices: tuple[str, ...]


def names_impedance(columns: list[str]) -> bool:
    """Whether the names hold a frequency and both parts of an impedance."""
    known = {named.quantity for named in map(read_name, columns) if named}
    return "frequency" in known and ({"real", "imaginary"} <= known or {"modulus", "phase"} <= known)


def read_header(columns: list[str], source: str) -> Header:
    """The header of a table for which `names_impedance` is true.

    Frequencies without a unit are taken as Hz, resistances as ohm, phases as deg, each with a notice. Times, currents
    and voltages without a unit are not used.

    Raises:
        MeasurementError: two columns for one quantity, or a unit that is unknown.
    """
    found: dict[str, Named] = {}
    units: dict[str, Unit] = {}
    unused: list[str] = []
    notices: list[str] = []
    polar = {"modulus", "phase"}
    cartesian = {"real", "imaginary"} <= {n.quantity for n in map(read_name, columns) if n}
    for column in columns:
        named = read_name(column)
        if named is None or (cartesian and named.quantity in polar):
            unused.append(column)
            continue
        quantity = named.quantity
        if quantity in _OPTIONAL and named.unit is None:
            unused.append(column)
            continue
        if quantity in found:
            raise MeasurementError(
                f"{source} has two columns for the {quantity} part or value, `{found[quantity].column}` and "
                f"`{column}`, but one was expected."
            )
        found[quantity] = named
        if quantity in _COUNTS:
            units[quantity] = Unit(1.0)
        elif named.unit is None:
            assumed = {"frequency": "Hz", "phase": "deg"}.get(quantity, "ohm")
            units[quantity] = Unit(1.0)
            notices.append(f"column `{column}` has no unit: {assumed} is assumed.")
        else:
            units[quantity] = read_unit(quantity, named.unit, column, source)
    return Header(found, units, tuple(unused), tuple(notices))
