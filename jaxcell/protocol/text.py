"""Steps written as sentences: "Charge at C/3 until 4.2 V", "Rest for 10 min".

    verb [amount] [at value] [for time] [until end [or end ...]] [(time period)]

Letters may be upper or lower case, but for the m of milli: M is mega. Spaces are free. The first end that is reached
wins.
"""

import dataclasses
import math
import re
from collections.abc import Iterable
from typing import Any, NamedTuple, NoReturn

from jaxcell.protocol.steps import MOST_POINTS, Step, Until, charge, discharge, hold, plate, rest, strip
from jaxcell.units import FARADAY, from_ma_cm2, from_mah_cm2

_UNITS: dict[str, tuple[str, float]] = {
    "mA/cm2": ("current", 1.0),
    "uA/cm2": ("current", 1e-3),
    "A/m2": ("current", 0.1),
    "mAh/cm2": ("charge", 1.0),
    "uAh/cm2": ("charge", 1e-3),
    "mW/cm2": ("power", 1.0),
    "W/m2": ("power", 0.1),
    "V": ("voltage", 1.0),
    "mV": ("voltage", 1e-3),
    "C": ("C-rate", 1.0),
    **dict.fromkeys(("s", "sec", "second", "seconds"), ("time", 1.0)),
    **dict.fromkeys(("min", "minute", "minutes"), ("time", 60.0)),
    **dict.fromkeys(("h", "hour", "hours"), ("time", 3600.0)),
}
"""Unit: what it measures, and its factor to mA/cm2, mAh/cm2, mW/cm2, V, 1/h or s."""
_UNITS |= {name.replace("/cm2", " cm-2").replace("/m2", " m-2"): meaning for name, meaning in _UNITS.items()}
_MILLI = ("mA", "mW", "mV")
_IN_WORDS = {
    "current": "a current per area (mA/cm2)",
    "C-rate": "a C-rate (C/3)",
    "power": "a power per area (mW/cm2)",
    "voltage": "a voltage (V)",
    "charge": "a charge per area (mAh/cm2)",
    "time": "a time (min)",
}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_OVER = re.compile(r"c ?/ ?", re.IGNORECASE)


class _Verb(NamedTuple):
    at: tuple[str, ...]
    """What it may hold constant."""
    ends: tuple[str, ...]
    """What may end it."""
    voltage_stop: str
    """The side from which it reaches a voltage, as a field of `Until`."""
    example: str


_DRIVEN = ("current", "C-rate", "power")
_VERBS = {
    "charge": _Verb(
        _DRIVEN, ("time", "voltage", "charge", "current", "C-rate"), "voltage_above", "Charge at C/3 until 4.2 V"
    ),
    "discharge": _Verb(
        _DRIVEN, ("time", "voltage", "charge", "current", "C-rate"), "voltage_below", "Discharge at 1C until 2.5 V"
    ),
    "plate": _Verb(("current",), ("time", "voltage", "charge"), "voltage_below", "Plate at 1 mA/cm2 until 1 mAh/cm2"),
    "strip": _Verb(("current",), ("time", "voltage", "charge"), "voltage_above", "Strip at 1 mA/cm2 until 1 V"),
    "hold": _Verb(("voltage",), ("time", "current", "C-rate", "charge"), "", "Hold at 4.2 V until C/20"),
    "rest": _Verb((), ("time",), "", "Rest for 10 min"),
}
_AFTER = {
    "for": ("time", "charge"),
    "until": ("voltage", "current", "C-rate", "charge"),
    "or": tuple(_IN_WORDS),
}
_JOINTS = {"for": "for", "or for": "for", "and for": "for", "until": "until", "or until": "until", "or": "or"}
"""Words before an end, and which of `_AFTER` they ask for."""


def parse_step(text: str) -> Step:
    """The step that a sentence describes.

    Verbs: charge, discharge (current per area, C-rate or power per area), plate, strip (current per area; against
    lithium plating is discharge), hold (voltage), rest. Ends: a time; a charge per area; a voltage, which charging and
    stripping reach from below, discharging and plating from above; for a held voltage or power a current per area or
    C-rate that the current falls to. Units: mA/cm2, uA/cm2, A/m2, mAh/cm2, uAh/cm2, mW/cm2, W/m2, V, mV, s, min, h, and
    C-rates as C/3, 1C or 2.5 C. A closing "(1 minute period)" is the largest spacing of the times at which the solution
    is wanted.

    Raises ValueError naming the text, the part that is not understood and what was expected.
    """
    scan = _Scanner(text)
    name = scan.word(_VERBS)
    if name is None:
        scan.refuse(f"one of the verbs {', '.join(_VERBS)}")
    verb = _VERBS[name]
    scan.example = verb.example
    held: dict[str, float] = {}
    ends: dict[str, float] = {}
    period = None
    if scan.meets(_NUMBER):
        scan.quantity(verb.ends, ("time", "charge"), ends)
    while not scan.done and period is None:
        if (joint := scan.word(_JOINTS)) is not None:
            scan.quantity(verb.ends, _AFTER[_JOINTS[joint]], ends)
        elif not held and verb.at and scan.word(["at"]) is not None:
            scan.quantity(verb.at, verb.at, held)
        elif scan.word(["("]) is not None:
            period = scan.period()
        else:
            scan.refuse("'for', 'until' or 'or'" if held else "'at', 'for', 'until' or 'or'" if verb.at else "'for'")
    if not scan.done:
        scan.refuse("nothing after the period")
    if verb.at and not held:
        scan.refuse("'at' and " + _choice(verb.at))
    try:
        step = _step(name, held, ends)
    except ValueError as error:
        raise ValueError(f"Step {text!r} cannot be built. {error}") from error
    if period is None:
        return step
    rows = _rows(float(step.duration), period)
    if rows > MOST_POINTS:
        raise ValueError(
            f"Step {text!r} must have a period that gives at most {MOST_POINTS} rows, but {period:g} s in "
            f"{float(step.duration):g} s give {rows:.3g}."
        )
    return dataclasses.replace(step, points=rows)


def _step(name: str, held: dict[str, float], ends: dict[str, float]) -> Step:
    stops: dict[str, Any] = {
        "current_below": from_ma_cm2(ends["current"]) if "current" in ends else None,
        "rate_below": ends.get("C-rate"),
        "charge": from_mah_cm2(ends["charge"]) * FARADAY if "charge" in ends else None,
    }
    if "voltage" in ends:
        stops[_VERBS[name].voltage_stop] = ends["voltage"]
    options: dict[str, Any] = {"until": Until(**stops), "duration": ends.get("time")}
    if name == "rest":
        return rest(options["duration"])
    if name == "hold":
        return hold(held["voltage"], **options)
    if name in ("plate", "strip"):
        return {"plate": plate, "strip": strip}[name](held["current"], **options)
    drive = {"charge": charge, "discharge": discharge}[name]
    return drive(held.get("current"), c_rate=held.get("C-rate"), power_density_mw_cm2=held.get("power"), **options)


def _rows(duration: float, period: float) -> int:
    """Equal intervals of at most `period`; a duration that is a multiple of it but for rounding counts as one."""
    return max(1, math.ceil(duration / period * (1.0 - 1e-9)))


def _choice(kinds: Iterable[str]) -> str:
    return " or ".join(_IN_WORDS[kind] for kind in kinds)


class _Scanner:
    """Reads a sentence from left to right."""

    def __init__(self, text: str):
        self.given = text
        for written, plain in (("µ", "u"), ("μ", "u"), ("²", "2"), ("^", ""), ("·", " "), (",", " ")):
            text = text.replace(written, plain)
        self.text = " ".join(text.split())
        self.place = 0
        self.example = "Plate at 1 mA/cm2 for 1 h"

    @property
    def done(self) -> bool:
        return not self.text[self.place :].strip()

    def meets(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The pattern at this place."""
        self.place += self.text[self.place : self.place + 1] == " "
        return pattern.match(self.text, self.place)

    def word(self, known: Iterable[str]) -> str | None:
        """The longest known word that stands here, which is then passed."""
        for name in sorted(known, key=len, reverse=True):
            ending = r"(?![\w/-])" if name[-1].isalnum() else ""
            found = self.meets(re.compile(re.escape(name) + ending, re.IGNORECASE))
            if found:
                self.place = found.end()
                return name
        return None

    def quantity(self, possible: tuple[str, ...], asked: tuple[str, ...], found: dict[str, float]) -> None:
        """Read a number with a unit into `found`, by what it measures: one of those both `possible` and `asked`."""
        kinds = [kind for kind in possible if kind in asked] or possible
        over, start = self.meets(_OVER), self.place
        if over:
            self.place = over.end()
        number = self.meets(_NUMBER)
        if number is None or (over and float(number[0]) <= 0.0):
            self.refuse("a number above 0" if over else _choice(kinds))
        self.place = number.end()
        unit = "C" if over else self.word(_UNITS)
        if unit is None:
            self.refuse(f"a unit of {_choice(kinds)}")
        if unit[:2] in _MILLI and self.text[self.place - len(unit)] == "M":
            self.place -= len(unit)
            self.refuse(f"{unit} with a small m (M is mega, not milli)")
        kind, factor = _UNITS[unit]
        if kind not in kinds or kind in found:
            self.place = start
            self.refuse(_choice(kinds) if kind not in kinds else f"only one end that is {_IN_WORDS[kind]}")
        found[kind] = 1.0 / float(number[0]) if over else float(number[0]) * factor

    def period(self) -> float:
        """What stands in "(1 minute period)" after the bracket [s]."""
        time: dict[str, float] = {}
        start = self.place
        self.quantity(("time",), ("time",), time)
        if time["time"] <= 0.0:
            self.place = start
            self.refuse("a time above 0")
        self.word(["period"])
        if self.word([")"]) is None:
            self.refuse("'period' and a closing bracket")
        return time["time"]

    def refuse(self, expected: str) -> NoReturn:
        ahead = " ".join(self.text[self.place :].split()[:2])
        where = f"where it has {ahead!r}" if ahead else "where it ends"
        raise ValueError(f"Step {self.given!r} must have {expected} {where}, as in {self.example!r}.")
