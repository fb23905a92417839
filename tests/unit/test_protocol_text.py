"""Sentences and the steps they stand for."""

import re

import equinox as eqx
import numpy as np
import pytest

from jaxcell import Step, Until, charge, discharge, hold, parse_step, plate, rest, strip

MAH = 36000.0
"""C m-2 in one mAh cm-2."""


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("Plate at 1 mA/cm2 for 1 h", plate(1.0, duration=3600.0)),
        ("Strip at 1 mA/cm2 until 1 V", strip(1.0, until=Until(voltage_above=1.0))),
        ("Plate 1 mAh/cm2 at 0.5 mA/cm2", plate(0.5, 1.0)),
        ("Plate at 1 mA/cm2 until 1 mAh/cm2", plate(1.0, 1.0)),
        ("Plate at 1 mA/cm2 for 1 mAh/cm2 or until -0.5 V", plate(1.0, 1.0, until=Until(voltage_below=-0.5))),
        ("Rest for 10 min", rest(600.0)),
        ("rest 10 minutes", rest(600.0)),
        ("Charge at C/3 until 4.2 V", charge(c_rate=1 / 3, until=Until(voltage_above=4.2))),
        ("Charge at 0.5C until 4.2 V", charge(c_rate=0.5, until=Until(voltage_above=4.2))),
        ("Charge at 2.5 C until 4200 mV", charge(c_rate=2.5, until=Until(voltage_above=4.2))),
        (
            "Discharge at 1C for 30 min or until 2.5 V",
            discharge(c_rate=1.0, duration=1800.0, until=Until(voltage_below=2.5)),
        ),
        (
            "Discharge at 1C until 2.5 V or 30 min or 1 mAh/cm2",
            discharge(c_rate=1.0, duration=1800.0, until=Until(voltage_below=2.5, charge=MAH)),
        ),
        ("Hold at 4.2 V until C/20", hold(4.2, until=Until(rate_below=0.05))),
        (
            "Hold at 4.2 V for 1 hour or until 0.05 mA/cm2",
            hold(4.2, duration=3600.0, until=Until(current_below=0.5)),
        ),
        ("Hold at 4.2 V until C/20 and for 2 h", hold(4.2, duration=7200.0, until=Until(rate_below=0.05))),
        ("Hold at -50 mV for 1e3 s", hold(-0.05, duration=1000.0)),
        ("Charge at 5 mW/cm2 until 4.2 V", charge(power_density_mw_cm2=5.0, until=Until(voltage_above=4.2))),
        (
            "Discharge at 50 W/m2 until 2.5 V or 0.1 A/m2",
            discharge(power_density_mw_cm2=5.0, until=Until(voltage_below=2.5, current_below=0.1)),
        ),
        ("Strip at 10 A/m2 until 500 uAh/cm2", strip(1.0, 0.5)),
        ("  STRIP   at 1000µA/cm²   for 1hour ", strip(1.0, duration=3600.0)),
        ("strip at 1 mA cm-2 until 0.5 mAh cm^-2", strip(1.0, 0.5)),
        ("Plate at 1 mA/cm2 for 1 h (1 minute period)", plate(1.0, duration=3600.0, points=60)),
        ("Plate 1 mAh/cm2 at 1 mA/cm2 (7 min)", plate(1.0, 1.0, points=9)),
        ("Rest for 5 s (1 h period)", rest(5.0, points=1)),
        ("Strip at 1 mA/cm2 until 1 V (1 h period)", strip(1.0, until=Until(voltage_above=1.0), points=24)),
    ],
)
def test_sentences(text: str, step: Step) -> None:
    capitals = re.sub(r"\bM(?=[AVW])", "m", text.upper()).replace("Μ", "µ")
    for spelling in (text, capitals, text.lower()):
        assert eqx.tree_equal(parse_step(spelling), step, rtol=1e-14, typematch=True), spelling


def test_the_spacing_is_at_most_the_period() -> None:
    step = parse_step("Plate 1 mAh/cm2 at 0.7 mA/cm2 (100 s period)")
    assert step.points == 52
    assert 98.0 < float(np.asarray(step.duration)) / step.points <= 100.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"Step '' must have one of the verbs charge, .* where it ends, as in 'Plate at 1 mA/cm2 for 1 h'"),
        ("Plait at 1 mA/cm2", r"one of the verbs .* where it has 'Plait at'"),
        ("Plates at 1 mA/cm2", r"one of the verbs .* where it has 'Plates at'"),
        ("Plate at 1 mA/cm3 for 1 h", r"a unit of a current per area \(mA/cm2\) where it has 'mA/cm3 for'"),
        ("Plate at 1 mA for 1 h", r"a unit of a current per area \(mA/cm2\) where it has 'mA for'"),
        ("Plate at C/3 for 1 h", r"a current per area \(mA/cm2\) where it has 'C/3 for'"),
        ("Strip at 5 mW/cm2 for 1 h", r"a current per area .* where it has '5 mW/cm2'"),
        ("Plate at for 1 h", r"a current per area .* where it has 'for 1'"),
        ("Plate at 1 mA/cm2", r"plate must have an end"),
        ("Charge until 4.2 V", r"'at' and a current per area .* where it ends, as in 'Charge at C/3 until 4.2 V'"),
        ("Charge at 1C at 2C until 4 V", r"'for', 'until' or 'or' where it has 'at 2C'"),
        ("Charge at C/0 until 4 V", r"a number above 0 where it has '0 until'"),
        ("Charge at -1 mA/cm2 until 4 V", r"cannot be built. current_density_ma_cm2 must be .*above 0"),
        ("Charge at 1C until 4 V until 5 V", r"only one end that is a voltage \(V\) where it has '5 V'"),
        ("Charge at 1C until 30 min", r"a voltage \(V\) or .* where it has '30 min'"),
        ("Charge at 1C for 4.2 V", r"a time \(min\) or .* where it has '4.2 V'"),
        ("Charge at 1C until 4.2 V and C/20", r"'for', 'until' or 'or' where it has 'and C/20'"),
        ("Charge at 1C until C/20", r"cannot be built. Step.until must have no current stop"),
        ("Hold at 4.2 V until 4.3 V", r"a current per area .* where it has '4.3 V'"),
        ("Hold at 4.2 V", r"hold must have an end"),
        ("Rest", r"rest must have an end"),
        ("Rest until 3 V", r"a time \(min\) where it has '3 V'"),
        ("Rest at 3 V", r"'for' where it has 'at 3'"),
        ("Rest for -5 min", r"Step.duration must be .*above 0 \[s\], but is -300 s"),
        ("Rest for 5 min (1 V period)", r"a time \(min\) where it has '1 V'"),
        ("Rest for 5 min (0 s period)", r"a time above 0 where it has '0 s'"),
        ("Rest for 5 min (1 s", r"'period' and a closing bracket where it ends"),
        ("Charge at 1C for 1 h (1e-9 s period)", r"at most 1000000 rows, but 1e-09 s in 3600 s give 3.6e\+12"),
        ("Plate at 1 MA/cm2 for 1 h", r"mA/cm2 with a small m \(M is mega, not milli\) where it has 'MA/cm2 for'"),
        ("Plate 1 MAh cm-2 at 1 mA/cm2", r"mAh cm-2 with a small m .* where it has 'MAh cm-2'"),
        ("Charge at 5 MW/cm2 until 4 V", r"mW/cm2 with a small m"),
        ("Charge at 1C until 4200 MV", r"mV with a small m"),
        ("Rest for 5 min (1 s period) please", r"nothing after the period where it has 'please'"),
    ],
)
def test_what_is_not_understood(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        parse_step(text)
    assert repr(text) in str(error.value)
