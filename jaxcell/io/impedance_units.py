"""Units of impedance tables as people write them."""

import re
from dataclasses import dataclass

from jaxcell.io.errors import MeasurementError

_PREFIX = {"": 1.0, "u": 1e-6, "µ": 1e-6, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_AREAS = {"m2": 1.0, "cm2": 1e-4, "mm2": 1e-6}
_RESISTANCE = re.compile(r"^([uµmkKMG]?)(ohms?|Ohms?|OHMS?|Ω)(?:[*·.⋅ -]?(mm2|cm2|m2))?$")
_SHOUTED = re.compile(r"^(M|G|K)OHMS?\b")
_PLAIN = {
    "frequency": {"Hz": 1.0, "hz": 1.0, "HZ": 1.0, "mHz": 1e-3, "kHz": 1e3, "MHz": 1e6},
    "time": {"s": 1.0, "sec": 1.0, "Sec": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0},
    "current": {"A": 1.0, "mA": 1e-3, "µA": 1e-6, "uA": 1e-6, "nA": 1e-9},
    "voltage": {"V": 1.0, "mV": 1e-3, "µV": 1e-6, "uV": 1e-6, "V vs. Ref.": 1.0},
    "phase": {"deg": 1.0, "°": 1.0, "degree": 1.0, "degrees": 1.0, "Deg": 1.0, "rad": 57.29577951308232},
}
EXPECTED = {
    "frequency": "Hz, mHz, kHz or MHz",
    "time": "s, ms, min or h",
    "current": "A, mA, µA or nA",
    "voltage": "V, mV or µV",
    "phase": "deg or rad",
}
_RESISTANCES = "ohm, mOhm, kOhm, MOhm or one of these times cm2 or m2"


@dataclass(frozen=True)
class Unit:
    """A unit: its factor to Hz, s, A, V, deg or ohm, and whether it is an area-specific resistance [ohm m2]."""

    factor: float
    per_area: bool = False


def tidy(text: str) -> str:
    """One spelling of primes, minus signs, Greek letters and powers."""
    for old, new in (
        ("\N{OHM SIGN}", "Ω"),
        ("\N{GREEK SMALL LETTER MU}", "µ"),
        ("²", "2"),
        ("^2", "2"),
        ("″", "''"),
        ("”", "''"),
        ("‘", "'"),
        ("’", "'"),
        ("′", "'"),
        ("`", "'"),
        ("−", "-"),
        ("–", "-"),
        ("\N{DEGREE SIGN}", "°"),
        ("�", "°"),
    ):
        text = text.replace(old, new)
    return text.strip()


def find_unit(quantity: str, written: str) -> Unit | None:
    """The unit of a quantity, or None where the text is none that it can have.

    Args:
        quantity: "frequency", "real", "imaginary", "modulus", "phase", "time", "current" or "voltage".
        written: as in the file; `mOhm` is milli, `MOhm` mega, and `MOHM`, which may be either, is no unit.
    """
    text = tidy(written)
    if quantity in _PLAIN:
        factor = _PLAIN[quantity].get(text)
        return None if factor is None else Unit(factor)
    if _SHOUTED.match(text):
        return None
    found = _RESISTANCE.match(text)
    if found is None:
        return None
    prefix, _, area = found.groups()
    return Unit(_PREFIX[prefix] * _AREAS.get(area or "", 1.0), area is not None)


def read_unit(quantity: str, written: str, column: str, source: str) -> Unit:
    """As `find_unit`.

    Raises:
        MeasurementError: the unit is none of the quantity's.
    """
    unit = find_unit(quantity, written)
    if unit is None:
        raise MeasurementError(
            f"{source}: column `{column}` has the unit {written!r}, but {EXPECTED.get(quantity, _RESISTANCES)} "
            "was expected."
        )
    return unit
