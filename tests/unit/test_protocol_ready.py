"""Protocols that laboratories use by name: their charges, times and stops."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, TypeCheckError

from jaxcell import (
    Protocol,
    Until,
    anode_free_cycling,
    aurbach_coulombic_efficiency,
    calendar_rest,
    critical_current_ramp,
    rest,
    symmetric_cycling,
)
from jaxcell.protocol import Mode

HOUR, MAH = 3600.0, 36000.0
"""Seconds, and C m-2 in one mAh cm-2."""


def _charges(protocol: Protocol) -> np.ndarray:
    """Nominal charge of each step [mAh cm-2], positive charging."""
    charge = np.asarray(protocol.current_density * protocol.duration) / MAH
    return np.bincount(np.asarray(protocol.step), weights=charge)


def test_symmetric_cycling() -> None:
    protocol = symmetric_cycling(2.0, 1.0, 500, rest_s=60.0, points=10)
    np.testing.assert_allclose(_charges(protocol), [-1.0, 0.0, 1.0, 0.0] * 500, atol=1e-12)
    assert protocol.duration.shape == (500 * (10 + 20 + 10 + 20),)
    assert float(protocol.time[-1]) == pytest.approx(500 * (HOUR + 120.0))
    assert not protocol.stopped
    other = symmetric_cycling(2.0, 1.0, 3, first="strip")
    np.testing.assert_allclose(_charges(other), [1.0, -1.0] * 3)


def test_critical_current_ramp_at_constant_capacity() -> None:
    protocol = critical_current_ramp(0.1, 1.0, 9, capacity_mah_cm2=0.5, cycles_per_current=2, rest_s=1.0, points=4)
    np.testing.assert_allclose(_charges(protocol), [-0.5, 0.0, 0.5, 0.0] * 20, atol=1e-12)
    currents = np.unique(np.abs(np.round(np.asarray(protocol.value), 9)))
    np.testing.assert_allclose(currents, np.arange(0, 11), atol=1e-9)


def test_critical_current_ramp_at_constant_time() -> None:
    protocol = critical_current_ramp(1.0, 3.0, 2, half_cycle_s=HOUR, voltage_limit=0.5, first="strip")
    np.testing.assert_allclose(_charges(protocol), [1.0, -1.0, 2.0, -2.0, 3.0, -3.0])
    stripping = np.asarray(protocol.value) > 0.0
    np.testing.assert_array_equal(protocol.voltage_above, np.where(stripping, 0.5, np.inf))
    np.testing.assert_array_equal(protocol.voltage_below, np.where(stripping, -np.inf, -0.5))
    assert protocol.stopped


def test_aurbach_with_conditioning() -> None:
    protocol = aurbach_coulombic_efficiency(0.5)
    # Strips to the cut-off have time for 1.5 times what is there.
    expected = [-5.0, 7.5, -5.0, *[1.0, -1.0] * 10, 7.5]
    np.testing.assert_allclose(_charges(protocol), expected, rtol=1e-12)
    cut = np.isfinite(np.asarray(protocol.voltage_above))
    assert set(np.asarray(protocol.step)[cut].tolist()) == {1, 23}
    np.testing.assert_array_equal(np.asarray(protocol.voltage_above)[cut], 1.0)


def test_aurbach_without_conditioning() -> None:
    protocol = aurbach_coulombic_efficiency(1.0, 2.0, 0.5, 3, 0.5, conditioning=False, rest_s=60.0)
    expected = [-2.0, 0.0, *[0.5, 0.0, -0.5, 0.0] * 3, 3.0]
    np.testing.assert_allclose(_charges(protocol), expected, rtol=1e-12)


def test_anode_free_cycling() -> None:
    protocol = anode_free_cycling(4.2, 3.0, 200, c_rate=0.2, hold_until=Until(rate_below=0.05), rest_s=600.0, points=30)
    first = np.unique(np.asarray(protocol.step), return_index=True)[1]
    assert first.size == 5 * 200
    one = first[:5]
    current, voltage = Mode.CURRENT, Mode.VOLTAGE
    np.testing.assert_array_equal(protocol.mode[one], [current, voltage, current, current, current])
    np.testing.assert_array_equal(protocol.value[one], [0.2, 4.2, 0.0, -0.2, 0.0])
    np.testing.assert_array_equal(protocol.value_is_rate[one], [True, False, False, True, False])
    np.testing.assert_array_equal(protocol.voltage_above[one], [4.2, np.inf, np.inf, np.inf, np.inf])
    np.testing.assert_array_equal(protocol.voltage_below[one], [-np.inf, -np.inf, -np.inf, 3.0, -np.inf])
    np.testing.assert_array_equal(protocol.current_below[one], [0.0, 0.05, 0.0, 0.0, 0.0])
    assert protocol.controlled
    assert not anode_free_cycling(4.2, 3.0, 1, current_density_ma_cm2=1.0).controlled


def test_calendar_rest() -> None:
    month = 30 * 24 * HOUR
    assert eqx.tree_equal(calendar_rest(month), Protocol.of(rest(month, 50)))
    after = calendar_rest(month, after="Charge at C/3 until 4.2 V")
    np.testing.assert_array_equal(np.unique(np.asarray(after.step)), [0, 1])
    assert float(after.time[-1]) > month


def test_derivatives_reach_the_numbers_of_a_ready_made_protocol() -> None:
    def total(current: Array, capacity: Array, cut: Array) -> Array:
        protocol = aurbach_coulombic_efficiency(current, 5.0, capacity, 10, cut, rest_s=60.0, points=5)
        stops = jnp.where(jnp.isfinite(protocol.voltage_above), protocol.voltage_above, 0.0)
        return jnp.sum(protocol.duration) + jnp.sum(stops)

    slopes = jax.jit(jax.grad(total, argnums=(0, 1, 2)))(*jnp.asarray([0.5, 1.0, 1.0]))
    # 2 fillings, 2 emptyings of 1.5 reservoirs and 20 half cycles of 1 mAh cm-2: 45 mAh cm-2 at 0.5 mA cm-2.
    np.testing.assert_allclose(slopes, [-45.0 * HOUR / 0.25, 20.0 * HOUR / 0.5, 10.0], rtol=1e-12)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: symmetric_cycling(1.0, 1.0, 0), r"cycles must be a whole number of at least 1, but is 0"),
        (lambda: symmetric_cycling(1.0, 1.0, 1, rest_s=-1.0), r"Step.duration must be .*above 0 \[s\], but is -1 s"),
        (lambda: critical_current_ramp(0.1, 1.0, 9), r"one of capacity_mah_cm2 \[mAh cm-2\] and half_cycle_s \[s\]"),
        (lambda: critical_current_ramp(0.0, 1.0, 9, half_cycle_s=1.0), r"start_ma_cm2 must be .*above 0 \[mA cm-2\]"),
        (
            lambda: critical_current_ramp(0.1, 1.0, 9, half_cycle_s=1.0, voltage_limit=-1.0),
            r"voltage_limit must be a finite number above 0 \[V\], but is -1.0",
        ),
        (
            lambda: aurbach_coulombic_efficiency(1.0, 1.0, 2.0),
            r"cycled_mah_cm2 must be at most reservoir_mah_cm2 \(1 mAh cm-2\), but is 2 mAh cm-2",
        ),
        (lambda: aurbach_coulombic_efficiency(0.0), r"current_density_ma_cm2 must be .*above 0"),
        (lambda: anode_free_cycling(3.0, 4.2, 5, c_rate=1.0), r"voltage_below must be below voltage_above"),
        (lambda: anode_free_cycling(4.2, 3.0, 5), r"charge must have exactly one of"),
        (lambda: calendar_rest(0.0), r"Step.duration must be .*above 0 \[s\]"),
    ],
)
def test_refusals(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_the_first_half_cycle_has_a_name() -> None:
    with pytest.raises((ValueError, TypeCheckError), match=r"first"):
        symmetric_cycling(1.0, 1.0, 1, first="charge")  # pyright: ignore[reportArgumentType]
