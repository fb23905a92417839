"""Steps that cannot be meant say so: the argument, its value, its unit and what was expected."""

import jax.numpy as jnp
import pytest
from jaxtyping import TypeCheckError

from jaxcell import CRate, Current, Power, Protocol, Step, Until, Voltage, charge, discharge, hold, plate, rest, strip

NAN = float("nan")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CRate(NAN), r"CRate.rate must be a finite number \[1/h\], but is nan"),
        (lambda: Voltage("4.2"), r"Voltage.voltage must be a finite number \[V\], but is '4.2'"),
        (lambda: Power(None), r"Power.power_density must be a finite number \[W m-2\], but is None"),
        (lambda: Until(voltage_above=NAN), r"Until.voltage_above must be a finite number \[V\], but is nan"),
        (lambda: Until(current_below=0.0), r"Until.current_below must be .*above 0 \[A m-2\], but is 0 A m-2"),
        (lambda: Until(rate_below=-1.0), r"Until.rate_below must be .*above 0 \[1/h\]"),
        (lambda: Until(charge=0.0), r"Until.charge must be .*above 0 \[C m-2\]"),
        (lambda: Until(current_below=1.0, rate_below=1.0), r"at most one of current_below and rate_below"),
        (
            lambda: Until(voltage_above=1.0, voltage_below=2.0),
            r"Until.voltage_below must be below voltage_above \(1 V\), but is 2 V",
        ),
        (lambda: rest(), r"rest must have an end, but has neither a duration \[s\] nor a stop"),
        (lambda: rest(until=Until()), r"rest must have an end"),
        (lambda: plate(1.0), r"plate must have an end"),
        (lambda: hold(4.2), r"hold must have an end"),
        (lambda: charge(c_rate=1.0), r"charge must have an end"),
        (lambda: plate(1.0, duration=0.0), r"Step.duration must be .*above 0 \[s\], but is 0 s"),
        (lambda: plate(1.0, 1.0, duration=NAN), r"plate: duration must be a finite number above 0 \[s\], but is nan"),
        (lambda: plate(1.0, [1.0, 2.0]), r"capacity_mah_cm2 must be a finite number above 0 \[mAh cm-2\]"),
        (lambda: plate("fast", 1.0), r"current_density_ma_cm2 must be .*, but is 'fast'"),
        (lambda: charge(duration=1.0), r"charge must have exactly one of .*, but has 0"),
        (lambda: discharge(1.0, 1.0, c_rate=1.0), r"discharge must have exactly one of .*, but has 2"),
        (lambda: charge(c_rate=0.0, duration=1.0), r"c_rate must be a finite number above 0 \[1/h\], but is 0.0"),
        (
            lambda: discharge(power_density_mw_cm2=-1.0, duration=1.0),
            r"power_density_mw_cm2 must be a finite number above 0 \[mW cm-2\], but is -1.0",
        ),
        (lambda: strip(1.0, 1.0, until=Until(charge=1.0)), r"at most one of capacity_mah_cm2 and until.charge"),
        (lambda: hold(4.2, until=Until(voltage_above=4.3)), r"no voltage stop while the voltage is held"),
        (lambda: charge(1.0, until=Until(current_below=1.0)), r"no current stop while the current is held"),
        (lambda: Step(CRate(1.0), 1.0, Until(rate_below=0.5)), r"no current stop .*, but has rate_below"),
        (lambda: rest(60.0, until=Until(charge=1.0)), r"no charge stop at rest"),
        (lambda: rest(60.0, points=0), r"Step.points must be a whole number of at least 1, but is 0"),
        (lambda: Protocol.of(1.0), r"Protocol.of takes steps, sentences or sequences of them, but got float"),
        (lambda: Protocol.of([[]]), r"Protocol.of needs at least one step"),
    ],
)
def test_refusals(build, message: str) -> None:
    # Where types are checked at run time a wrong type is caught first, without these words.
    with pytest.raises(ValueError, match=message):
        build()


def test_a_control_is_not_a_number() -> None:
    with pytest.raises((ValueError, TypeCheckError), match=r"control"):
        Step(-10.0, 60.0)


def test_stops_of_a_power_step_may_be_currents() -> None:
    step = charge(power_density_mw_cm2=5.0, until=Until(voltage_above=4.2, current_below=0.5))
    assert step.until is not None
    assert step.until.given == ("voltage_above", "current_below")


def test_any_number_will_do() -> None:
    for value in (1, 1.0, jnp.asarray(1.0)):
        assert float(Current(value).current_density) == 1.0
        assert float(plate(value, value).duration) == pytest.approx(3600.0)


def test_a_step_that_only_stops_end_has_rows_five_minutes_apart() -> None:
    protocol = Protocol.of("Strip at 1 mA/cm2 until 1 V", strip(1.0, until=Until(voltage_above=1.0), points=10))
    assert protocol.duration[0] == 300.0
    assert protocol.duration[-1] == 8640.0
    assert protocol.duration.shape == (288 + 10,)
