"""Protocols as arrays: what steps, stops and repeats become, and what derivatives see of them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from jaxcell import (
    CRate,
    Current,
    Power,
    Protocol,
    Step,
    Until,
    Voltage,
    charge,
    discharge,
    hold,
    plate,
    replay,
    rest,
    strip,
)
from jaxcell.protocol import Mode
from jaxcell.protocol.steps import LONGEST

INF = np.inf
HOUR = 3600.0


def test_a_charge_with_a_hold_and_a_rest() -> None:
    protocol = Protocol.of(
        charge(c_rate=0.5, until=Until(voltage_above=4.2), duration=4 * HOUR, points=2),
        hold(4.2, until=Until(rate_below=0.05), duration=HOUR, points=1),
        rest(600.0, points=1),
        repeat=2,
    )
    expected = {
        "duration": [2 * HOUR, 2 * HOUR, HOUR, 600.0],
        "mode": [Mode.CURRENT, Mode.CURRENT, Mode.VOLTAGE, Mode.CURRENT],
        "value": [0.5, 0.5, 4.2, 0.0],
        "value_is_rate": [True, True, False, False],
        "jump": [True, False, True, True],
        "voltage_above": [4.2, 4.2, INF, INF],
        "voltage_below": [-INF] * 4,
        "current_below": [0.0, 0.0, 0.05, 0.0],
        "current_below_is_rate": [False, False, True, False],
        "charge": [INF] * 4,
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(getattr(protocol, name), values * 2, err_msg=name)
    np.testing.assert_array_equal(protocol.step, [0, 0, 1, 2, 3, 3, 4, 5])
    assert protocol.controlled
    assert protocol.stopped
    np.testing.assert_array_equal(protocol.current_density, [np.nan, np.nan, np.nan, 0.0] * 2)


def test_types_of_the_arrays() -> None:
    protocols = (
        Protocol.of(discharge(power_density_mw_cm2=5.0, duration=60.0)),
        replay([0.0, 1.0, 2.0], [0.0, 1.0, 2.0]),
    )
    integers, flags = {"mode", "step"}, {"value_is_rate", "jump", "current_below_is_rate"}
    for protocol in protocols:
        for name, leaf in vars(protocol).items():
            if name in ("controlled", "stopped", "rated"):
                assert isinstance(leaf, bool)
                continue
            expected = jnp.int64 if name in integers else jnp.bool_ if name in flags else jnp.float64
            assert leaf.dtype == expected, name
            assert not leaf.weak_type, name
            assert leaf.shape == protocol.duration.shape, name


@pytest.mark.parametrize(
    ("step", "mode", "value"),
    [
        (plate(1.0, 1.0), Mode.CURRENT, -10.0),
        (strip(1.0, 1.0), Mode.CURRENT, 10.0),
        (charge(2.0, 1.0), Mode.CURRENT, 20.0),
        (discharge(2.0, 1.0), Mode.CURRENT, -20.0),
        (charge(c_rate=0.5, duration=1.0), Mode.CURRENT, 0.5),
        (discharge(c_rate=0.5, duration=1.0), Mode.CURRENT, -0.5),
        (charge(power_density_mw_cm2=5.0, duration=1.0), Mode.POWER, 50.0),
        (discharge(power_density_mw_cm2=5.0, duration=1.0), Mode.POWER, -50.0),
        (hold(-0.1, duration=1.0), Mode.VOLTAGE, -0.1),
        (rest(1.0), Mode.CURRENT, 0.0),
    ],
)
def test_signs_and_units(step: Step, mode: Mode, value: float) -> None:
    protocol = Protocol.of(step)
    assert np.all(np.asarray(protocol.mode) == mode)
    np.testing.assert_allclose(protocol.value, value, rtol=1e-15)
    assert protocol.controlled == (mode is not Mode.CURRENT)
    assert not protocol.stopped


@pytest.mark.parametrize(
    ("step", "duration"),
    [
        (plate(1.0, 2.0), 2 * HOUR),
        (plate(1.0, until=Until(charge=36000.0)), HOUR),
        (plate(1.0, 2.0, duration=HOUR), HOUR),
        (plate(1.0, 0.5, duration=HOUR), 0.5 * HOUR),
        (plate(0.01, 1.0), 100 * HOUR),
        (Step(Current(-10.0), HOUR, Until(charge=18000.0)), 0.5 * HOUR),
        (charge(1.0, 2.0, until=Until(voltage_above=4.2)), 2 * HOUR),
    ],
)
def test_the_charge_of_a_constant_current_is_a_time(step: Step, duration: float) -> None:
    protocol = Protocol.of(step)
    assert float(protocol.time[-1]) == pytest.approx(duration, rel=1e-12)
    assert np.all(np.isposinf(protocol.charge))
    assert protocol.stopped == bool(np.any(np.isfinite(protocol.voltage_above)))


@pytest.mark.parametrize(
    "step",
    [
        charge(c_rate=0.5, capacity_mah_cm2=1.0),
        charge(power_density_mw_cm2=5.0, capacity_mah_cm2=1.0),
        hold(4.2, until=Until(charge=36000.0)),
    ],
)
def test_other_charge_limits_are_stops(step: Step) -> None:
    protocol = Protocol.of(step)
    np.testing.assert_allclose(protocol.charge, 36000.0, rtol=1e-14)
    assert protocol.stopped


@pytest.mark.parametrize(
    ("step", "duration"),
    [
        (plate(1.0, until=Until(voltage_below=-0.5)), LONGEST),
        (hold(4.2, until=Until(rate_below=0.05)), LONGEST),
        (rest(until=Until(voltage_below=0.01)), LONGEST),
        (charge(c_rate=1 / 3, until=Until(voltage_above=4.2)), LONGEST),
        # Two capacities at C/50: no cell is cut off before its voltage is.
        (charge(c_rate=0.02, until=Until(voltage_above=4.2)), 100 * HOUR),
    ],
)
def test_longest_duration_of_steps_that_stops_end(step: Step, duration: float) -> None:
    assert float(step.duration) == pytest.approx(duration)
    assert Protocol.of(step).stopped


def test_an_empty_set_of_stops_is_none() -> None:
    assert not Protocol.of(Step(CRate(1.0), 60.0, Until())).stopped
    assert not Protocol.of(plate(1.0, 1.0, until=Until())).stopped


def test_nested_sequences_and_sentences() -> None:
    pair = [plate(1.0, 1.0, points=1), "Strip at 1 mA/cm2 until 1 V (30 h period)"]
    nested = Protocol.of([pair * 2, (rest(60.0, points=1),)], pair[0])
    flat = Protocol.of(*pair, *pair, rest(60.0, points=1), pair[0])
    assert eqx.tree_equal(nested, flat)
    np.testing.assert_array_equal(nested.step, np.arange(6))
    np.testing.assert_array_equal(nested.voltage_above, [INF, 1.0, INF, 1.0, INF, INF])


def test_many_cycles_are_a_few_arrays() -> None:
    cycle = [plate(1.0, 1.0, points=50), strip(1.0, until=Until(voltage_above=1.0), points=50)]
    looped, repeated = Protocol.of(cycle * 500), Protocol.of(cycle, repeat=500)
    assert eqx.tree_equal(looped, repeated)
    assert len(jax.tree.leaves(looped)) == 11
    assert looped.duration.shape == (50_000,)
    assert int(looped.step[-1]) == 999
    assert int(jnp.sum(looped.jump)) == 1000


def _sum(protocol: Protocol) -> Array:
    numbers = (protocol.duration, protocol.value, protocol.voltage_above, protocol.voltage_below)
    numbers += (protocol.current_below, protocol.charge)
    return sum((jnp.sum(jnp.where(jnp.isfinite(x), x, 0.0)) for x in numbers), jnp.zeros(()))


@pytest.mark.parametrize(
    ("build", "at", "slope"),
    [
        (lambda x: charge(c_rate=1.0, until=Until(voltage_above=x), points=3), 4.2, 3.0),
        (lambda x: discharge(c_rate=1.0, until=Until(voltage_below=x), points=3), 2.5, 3.0),
        (lambda x: hold(x, until=Until(rate_below=0.05), points=3), 4.2, 3.0),
        (lambda x: hold(4.2, until=Until(current_below=x), points=3), 0.5, 3.0),
        (lambda x: hold(4.2, until=Until(rate_below=x), points=3), 0.05, 3.0),
        (lambda x: hold(4.2, until=Until(charge=x), points=3), 100.0, 3.0),
        (lambda x: Step(Current(x), 60.0, points=3), 2.0, 3.0),
        (lambda x: Step(Power(x), 60.0, points=3), 2.0, 3.0),
        (lambda x: Step(Voltage(4.2), x, points=3), 60.0, 1.0),
        (lambda x: rest(x, points=3), 60.0, 1.0),
        # Q/I of 1 mAh cm-2 at 2 mA cm-2: -Q/I^2 [s per mA cm-2], beside -10 A m-2 for each interval.
        (lambda x: plate(x, 1.0, points=3), 2.0, -HOUR / 4.0 - 30.0),
        (lambda x: plate(1.0, x, points=3), 2.0, HOUR),
        (lambda x: plate(1.0, x, points=3, until=Until(voltage_below=-0.5), duration=9 * HOUR), 2.0, HOUR),
    ],
)
def test_derivatives_reach_every_number(build, at: float, slope: float) -> None:
    def total(x: Array) -> Array:
        return _sum(Protocol.of(rest(1.0), [build(x)] * 2, rest(2.0), repeat=2))

    assert float(jax.jit(jax.grad(total))(jnp.asarray(at))) == pytest.approx(4 * slope, rel=1e-12)


def test_protocols_under_vmap() -> None:
    def limits(x: Array) -> Protocol:
        return Protocol.of(charge(c_rate=x, until=Until(voltage_above=4.0 + x), points=2), rest(x, points=1))

    batch = eqx.filter_vmap(limits)(jnp.asarray([0.1, 0.2]))
    np.testing.assert_allclose(batch.value, [[0.1, 0.1, 0.0], [0.2, 0.2, 0.0]])
    np.testing.assert_allclose(batch.voltage_above, [[4.1, 4.1, INF], [4.2, 4.2, INF]])
    assert batch.stopped
    assert not batch.controlled


def test_a_measured_current_is_one_step_without_stops() -> None:
    protocol = replay([0.0, 1.0, 3.0], [0.0, -5.0, 2.0])
    np.testing.assert_array_equal(protocol.step, [0, 0])
    np.testing.assert_array_equal(protocol.value, [-5.0, 2.0])
    np.testing.assert_array_equal(protocol.current_density, protocol.value)
    assert not protocol.stopped
    assert not protocol.controlled
    assert eqx.tree_equal(jax.tree.structure(protocol), jax.tree.structure(Protocol.of(rest(1.0, points=2))))
