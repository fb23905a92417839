"""The columns of BioLogic's EC-Lab, mapped once for its text, its binary files and tables of its columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jaxcell.io._arrays import FloatArray, count
from jaxcell.io.assemble import Columns
from jaxcell.io.errors import MeasurementError
from jaxcell.io.kinds import Control
from jaxcell.io.table import Table

_TIME = {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0, "d": 86400.0}
_VOLTAGE = {"V": 1.0, "mV": 1e-3, "µV": 1e-6, "uV": 1e-6}
_CURRENT = {"A": 1.0, "mA": 1e-3, "µA": 1e-6, "uA": 1e-6, "nA": 1e-9}
_CHARGE = {"C": 1.0, "A.h": 3600.0, "mA.h": 3.6, "Ah": 3600.0, "mAh": 3.6, "µA.h": 3.6e-3}
_FREQUENCY = {"Hz": 1.0, "kHz": 1e3}
_RESISTANCE = {"Ohm": 1.0, "ohm": 1.0, "Ω": 1.0, "kOhm": 1e3, "mOhm": 1e-3, "MOhm": 1e6}
_ANGLE = {"deg": np.pi / 180, "rad": 1.0}
_COUNT = {"": 1.0}
_MODE_CONTROL = {1: Control.CURRENT, 2: Control.VOLTAGE, 3: Control.OPEN_CIRCUIT}

_WORKING = ("Ewe", "<Ewe>", "Ecell", "<Ecell>")
_COUNTER = ("Ece", "<Ece>")
_SUFFIX = {"working": "", "counter": "ce", "full": "we-ce"}
_WHOSE = {
    "working": "the working against the reference electrode",
    "counter": "the counter against the reference electrode",
    "full": "the working against the counter electrode",
}

# fmt: off
_BASES = {
    "time", "Ewe", "<Ewe>", "Ecell", "<Ecell>", "Ece", "<Ece>", "I", "<I>", "control", "dq", "dQ",
    "freq", "Re(Z)", "-Im(Z)", "|Z|", "Phase(Z)",
    "Re(Zce)", "-Im(Zce)", "|Zce|", "Phase(Zce)", "Re(Zwe-ce)", "-Im(Zwe-ce)", "|Zwe-ce|", "Phase(Zwe-ce)",
    "mode", "ox/red", "error", "Ns", "cycle number", "half cycle",
}
# fmt: on


def split_name(column: str) -> tuple[str, str]:
    """Name and unit of an EC-Lab column: `Ewe/V` -> ("Ewe", "V"), `Ns` -> ("Ns", "").

    `<Ewe/V>`, which some versions write, is `<Ewe>/V`; `control/V/mA` has the unit "V/mA".
    """
    if column == "ox/red":
        return column, ""
    if column.startswith("<") and column.endswith(">") and "/" in column:
        base, unit = column[1:-1].split("/", 1)
        return f"<{base}>", unit
    base, _, unit = column.partition("/")
    return base, unit.replace("\N{GREEK SMALL LETTER MU}", "µ")


def is_eclab_column(column: str) -> bool:
    """Whether this file maps the column; others are not read."""
    return split_name(column)[0] in _BASES


@dataclass(frozen=True)
class _Finder:
    """Looks columns up by name without unit and converts them to SI."""

    table: Table

    def has(self, base: str) -> bool:
        return any(split_name(c)[0] == base for c in self.table.columns)

    def find(self, base: str, units: dict[str, float]) -> FloatArray | None:
        """The column in SI units, or None if the table has none; shape (rows,)."""
        for column in self.table.columns:
            name, unit = split_name(column)
            if name != base or (unit == "V/mA" and base == "control"):
                continue
            if unit not in units:
                if base == "control":
                    continue
                raise MeasurementError(
                    f"{self.table.source}: column `{column}` has the unit {unit or 'none'!r}, but one of "
                    f"{', '.join(u or 'none' for u in units)} was expected."
                )
            return self.table.numbers(column, unit or "1") * units[unit]
        return None

    def first(self, bases: tuple[str, ...], units: dict[str, float], wanted: str) -> tuple[FloatArray, str]:
        for base in bases:
            values = self.find(base, units)
            if values is not None:
                return values, base
        raise self.table.missing_column(wanted)


def eclab_columns(
    table: Table, *, holds_potential: bool = False, electrode: str = "working"
) -> tuple[Columns, list[str]]:
    """The rows of an EC-Lab table in SI units, with notices on the choices made.

    Voltage is `Ewe` (or its mean `<Ewe>`, or `Ecell`). Current is the first of:

    1. `I`, the current measured at the record;
    2. `<I>`, the mean over the interval that ends with the record;
    3. charge over time, dq/dt, from `dq` or `dQ`: what EC-Lab itself exports as `<I>`; the first row has
       no interval and takes the set current;
    4. `control` in a unit of current, the set value, where nothing was measured;
    5. zero, when every row is open circuit.

    A table with impedance in every row need not have time, voltage or current: rows then count as 1 s apart, and the
    others are NaN.

    The set value never replaces a measured one: in `control/V/mA` the unit changes with the mode, and in
    rests it holds residues of other steps.

    Args:
        table: columns as in the file.
        holds_potential: whether the whole file is a technique that holds a potential.
        electrode: "working", "counter" or "full": whose voltage and impedance.

    Raises:
        MeasurementError: a column is missing, a unit unknown, or a cell is not a number.
    """
    finder = _Finder(table)
    notices: list[str] = []
    time, voltage, bare = _time_and_voltage(finder, electrode, notices)
    mode = finder.find("mode", _COUNT)
    control = _control(mode, len(time), holds_potential)
    current = _current(finder, time, control, notices, bare)
    control = _zero_set_current(finder, control)
    frequency, real, imaginary = _impedance(finder, len(time), electrode)
    notices += _sign_notices(finder, (control == Control.CURRENT) & (frequency <= 0), current)
    errors = finder.find("error", _COUNT)
    if errors is not None and errors.any():
        notices.append(f"the instrument flagged an error in {count(int((errors != 0).sum()), 'row')}.")
    step = table.whole_numbers("Ns") if "Ns" in table.columns else np.zeros(len(time), dtype=np.int64)
    if "cycle number" in table.columns:
        cycle = table.whole_numbers("cycle number")
    elif "half cycle" in table.columns:
        cycle = table.whole_numbers("half cycle") // 2
        notices.append("cycle is half of `half cycle`, the file has no `cycle number`.")
    else:
        cycle = np.zeros(len(time), dtype=np.int64)
        notices.append("no column with cycle numbers: every row is cycle 0.")
    return (
        Columns(
            source=table.source,
            rows=table.rows,
            row_word=table.row_word,
            time=time,
            current=current,
            voltage=voltage,
            cycle=cycle,
            step=step,
            control=control,
            frequency=frequency,
            real=real,
            imaginary=imaginary,
        ),
        notices,
    )


def _time_and_voltage(finder: _Finder, electrode: str, notices: list[str]) -> tuple[FloatArray, FloatArray, bool]:
    """Time [s], voltage [V] of the electrode, and whether the table is one of impedances alone."""
    frequency = finder.find("freq", _FREQUENCY)
    bare = frequency is not None and bool((frequency > 0).all())
    if bare and not finder.has("time"):
        assert frequency is not None, "a table of frequencies"
        time = np.arange(len(frequency), dtype=np.float64)
        notices.append("no time was recorded: rows count as 1 s apart.")
    else:
        time, _ = finder.first(("time",), _TIME, "time, such as `time/s`")
    three = any(finder.has(base) for base in _COUNTER)
    if bare and not three and not any(finder.has(base) for base in _WORKING):
        notices.append("no voltage recorded.")
        return time, np.full(len(time), np.nan), bare
    working, name = finder.first(_WORKING, _VOLTAGE, "voltage, such as `Ewe/V`")
    if electrode != "working":
        counter, other = finder.first(_COUNTER, _VOLTAGE, f"the voltage of the {electrode} electrode, such as `Ece/V`")
        working, name = (counter, other) if electrode == "counter" else (working - counter, f"{name} - {other}")
    if three:
        notices.append(f"three electrodes: voltage is `{name}`, {_WHOSE[electrode]}.")
        held = [who for who, suffix in _SUFFIX.items() if finder.has(f"Re(Z{suffix})") or finder.has(f"|Z{suffix}|")]
        if len(held) > 1:
            sums = "; working and counter add up to full" if len(held) == 3 else ""
            notices.append(f"impedance is that of the {electrode} electrode, of {', '.join(held)}{sums}.")
    return time, working, bare


def _control(mode: FloatArray | None, rows: int, holds_potential: bool) -> NDArray[np.int8]:
    control = np.full(rows, Control.VOLTAGE if holds_potential else Control.UNKNOWN, dtype=np.int8)
    if mode is not None:
        for code, meaning in _MODE_CONTROL.items():
            control[mode == code] = meaning
    return control


def _set_current(finder: _Finder, control: NDArray[np.int8]) -> FloatArray | None:
    """The set current [A], NaN where the rows were not controlled by current; None if not recorded."""
    plain = finder.find("control", _CURRENT)
    known = (control != Control.UNKNOWN).any()
    if plain is None:
        mixed = "control/V/mA"
        if mixed not in finder.table.columns or not known:
            return None
        plain = finder.table.numbers(mixed, "V or mA") * 1e-3
    if not known:
        return plain
    return np.where(control == Control.CURRENT, plain, np.where(control == Control.OPEN_CIRCUIT, 0.0, np.nan))


def _current(
    finder: _Finder, time: FloatArray, control: NDArray[np.int8], notices: list[str], bare: bool
) -> FloatArray:
    for base in ("I", "<I>"):
        measured = finder.find(base, _CURRENT)
        if measured is not None:
            if base == "<I>":
                notices.append("current is `<I>`, the mean over the interval that ends with each row.")
            return measured
    setpoint = _set_current(finder, control)
    for base in ("dq", "dQ"):
        charge = finder.find(base, _CHARGE)
        interval = np.diff(time)
        if charge is not None and len(time) > 1 and (interval > 0).all():
            start = 0.0 if setpoint is None or np.isnan(setpoint[0]) else setpoint[0]
            notices.append(f"no current was recorded: it is `{base}` over the time since the row before.")
            return np.concatenate([[start], charge[1:] / interval])
    if setpoint is not None and np.isfinite(setpoint).all():
        notices.append("no measured current: it is the set current in the column `control`.")
        return setpoint
    if (control == Control.OPEN_CIRCUIT).all():
        notices.append("no current was recorded and every row is open circuit: the current is 0.")
        return np.zeros(len(time))
    if bare:
        notices.append("no current recorded.")
        return np.full(len(time), np.nan)
    raise finder.table.missing_column("current, such as `I/mA` or `<I>/mA`")


def _zero_set_current(finder: _Finder, control: NDArray[np.int8]) -> NDArray[np.int8]:
    """Control of current at the value 0 is open circuit."""
    setpoint = _set_current(finder, control)
    if setpoint is None:
        return control
    return np.where((control == Control.CURRENT) & (setpoint == 0), Control.OPEN_CIRCUIT, control).astype(np.int8)


def _sign_notices(finder: _Finder, driven: NDArray[np.bool_], current: FloatArray) -> list[str]:
    """Compare the sign of the current with the flag `ox/red` in the rows driven by a current."""
    sign = "sign: EC-Lab counts oxidation at the working electrode positive, which is taken as charging"
    oxidation = finder.find("ox/red", _COUNT)
    rows = driven & (current != 0)
    if oxidation is None or not rows.any():
        return [f"{sign}."]
    agree = (oxidation[rows] != 0) == (current[rows] > 0)
    if agree.mean() > 0.95:
        return [f"{sign}; the column `ox/red` agrees."]
    against = f"{(~agree).sum()} of {count(int(rows.sum()), 'row')}"
    return [f"{sign}; BUT the column `ox/red` disagrees in {against}: check it."]


def _impedance(finder: _Finder, rows: int, electrode: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    frequency = finder.find("freq", _FREQUENCY)
    nothing = np.zeros(rows)
    if frequency is None or not (frequency > 0).any():
        return nothing if frequency is None else frequency, nothing, nothing
    z = f"Z{_SUFFIX[electrode]}"
    real, minus = finder.find(f"Re({z})", _RESISTANCE), finder.find(f"-Im({z})", _RESISTANCE)
    if real is not None and minus is not None:
        return frequency, real, -minus
    size, angle = finder.find(f"|{z}|", _RESISTANCE), finder.find(f"Phase({z})", _ANGLE)
    if size is None or angle is None:
        raise finder.table.missing_column(f"impedance, such as `Re({z})/Ohm` and `-Im({z})/Ohm`")
    return frequency, size * np.cos(angle), size * np.sin(angle)
