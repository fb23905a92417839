"""Names and units of the Battery Data Format, as labels and as machine names."""

import re
from dataclasses import dataclass

import numpy as np

from jaxcell.io._arrays import FloatArray
from jaxcell.io.errors import MeasurementError
from jaxcell.io.table import Table

_TIME = {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0, "d": 86400.0}
_VOLTAGE = {"V": 1.0, "mV": 1e-3, "µV": 1e-6, "uV": 1e-6}
_CURRENT = {"A": 1.0, "mA": 1e-3, "µA": 1e-6, "uA": 1e-6, "nA": 1e-9}
_COUNT = {"1": 1.0}
_FREQUENCY = {"Hz": 1.0, "kHz": 1e3}
_RESISTANCE = {"ohm": 1.0, "Ohm": 1.0, "Ω": 1.0, "mohm": 1e-3, "kohm": 1e3}
_CHARGE = {"Ah": 3600.0, "mAh": 3.6, "C": 1.0}

_UNITS: dict[str, dict[str, float]] = {
    "test time": _TIME,
    "voltage": _VOLTAGE,
    "current": _CURRENT,
    "cycle count": _COUNT,
    "step count": _COUNT,
    "step index": _COUNT,
    "frequency": _FREQUENCY,
    "real impedance": _RESISTANCE,
    "imaginary impedance": _RESISTANCE,
    "absolute impedance": _RESISTANCE,
    "phase": {"deg": 1.0, "rad": 180.0 / np.pi},
    "charging capacity": _CHARGE,
}

# fmt: off
_WORDS = {
    "second": "s", "millisecond": "ms", "minute": "min", "hour": "h", "day": "d",
    "volt": "V", "millivolt": "mV", "microvolt": "µV",
    "ampere": "A", "milliampere": "mA", "microampere": "µA", "nanoampere": "nA",
    "hertz": "Hz", "kilohertz": "kHz", "ohm": "ohm", "milliohm": "mohm", "kiloohm": "kohm",
    "degree": "deg", "radian": "rad",
    "ah": "Ah", "mah": "mAh", "ampere_hour": "Ah", "milliampere_hour": "mAh", "coulomb": "C",
}
# fmt: on

_LABEL = re.compile(r"^(.+?)\s*/\s*(\S+)$")
_ALIASES = {"real": "real impedance", "imaginary": "imaginary impedance"}
_ARBIN = {"Is_FC_Data", "Step_Index", "Test_Time"}
_BARE = {"test_time": "time", "current": "current", "voltage": "voltage"}


@dataclass(frozen=True)
class Found:
    """A column of a table: its name, its unit as written, and the factor to SI."""

    column: str
    unit: str
    factor: float


def header_of(quantity: str) -> str:
    """The label of a quantity in its standard unit: "test time" -> `Test Time / s`."""
    return f"{quantity.title()} / {next(iter(_UNITS[quantity]))}"


def parse_name(column: str) -> tuple[str, str] | None:
    """Quantity and unit of a column, or None if the name is none of the format's that is used here.

    The unit is as written; it need not be known.
    """
    text = column.strip()
    label = _LABEL.match(text)
    if label:
        name = label.group(1).lower()
        name = _ALIASES.get(name, name)
        unit = label.group(2).replace("\N{GREEK SMALL LETTER MU}", "µ").replace("\N{OHM SIGN}", "Ω")
        return (name, unit) if name in _UNITS else None
    for quantity, units in _UNITS.items():
        prefix = quantity.replace(" ", "_")
        if units is _COUNT:
            if text in (prefix, f"{prefix}_dimensionless"):
                return quantity, "1"
        elif text.startswith(f"{prefix}_"):
            word = text[len(prefix) + 1 :]
            return quantity, _WORDS.get(word, word)
    return None


def looks_like_bdf(columns: list[str]) -> bool:
    """Whether the names hold test time, voltage and current with units of the format."""
    parsed = [parse_name(c) for c in columns]
    known = {q for q, unit in filter(None, parsed) if unit in _UNITS[q]}
    return len(known & {"test time", "voltage", "current"}) >= 2


def find_columns(table: Table) -> tuple[dict[str, Found], tuple[str, ...]]:
    """The columns of the format by quantity, and the names of the others.

    Raises:
        MeasurementError: two columns for one quantity, or only one whose unit is unknown.
    """
    found: dict[str, Found] = {}
    strange: dict[str, tuple[str, str]] = {}
    ignored: list[str] = []
    for column in table.columns:
        parsed = parse_name(column)
        if parsed is None:
            ignored.append(column)
            continue
        quantity, unit = parsed
        if unit not in _UNITS[quantity]:
            strange.setdefault(quantity, (column, unit))
            ignored.append(column)
        elif quantity in found:
            raise MeasurementError(
                f"{table.source} has two columns for {quantity}, `{found[quantity].column}` and `{column}`, "
                f"but one was expected."
            )
        else:
            found[quantity] = Found(column, unit, _UNITS[quantity][unit])
    for quantity, (column, unit) in strange.items():
        if quantity not in found:
            raise MeasurementError(
                f"{table.source}: column `{column}` has the unit {unit!r}, but one of "
                f"{', '.join(_UNITS[quantity])} was expected, as in `{header_of(quantity)}`."
            )
    return found, tuple(name for name in ignored if name != "Kind")


def bare_twins(table: Table, ignored: tuple[str, ...], used: dict[str, FloatArray]) -> list[str]:
    """Notices on columns without a unit (`Current`, `Voltage`, `Test_Time`) beside those of the format.

    Raises:
        MeasurementError: the columns are Arbin's, whose units are known, and differ by a constant factor.
    """
    arbin = set(ignored) >= _ARBIN
    notices: list[str] = []
    for column in ignored:
        quantity = _BARE.get(column.lower())
        if quantity is None:
            continue
        mine = used[quantity]
        values = table.numbers(column, "an unknown unit", missing=True)
        if np.allclose(values, mine, rtol=1e-6, atol=1e-9 * float(np.abs(mine).max())):
            notices.append(f"the column `{column}` without a unit agrees with the {quantity} used.")
            continue
        factor = float(values @ mine / (values @ values)) if (values != 0).any() else 0.0
        if arbin and factor and np.allclose(mine, factor * values, atol=1e-3 * float(np.abs(mine).max())):
            raise MeasurementError(
                f"{table.source}: the {quantity} with a unit is {factor:.4g} times Arbin's "
                f"column `{column}`, so one of the two has a wrong unit: drop the wrong one with pandas and "
                "use `Measurement.from_dataframe`."
            )
        notices.append(f"the column `{column}` without a unit HOLDS OTHER NUMBERS than the {quantity} used.")
    return notices
