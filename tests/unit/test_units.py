"""Constants and lab units."""

import math

import jax
import jax.numpy as jnp
import pytest

from jaxcell import units


def test_one_mah_cm2_is_this_much_lithium() -> None:
    amount = units.from_mah_cm2(1.0)
    assert 1e6 * units.lithium_thickness(amount) == pytest.approx(4.8505, abs=5e-5)
    assert amount == pytest.approx(36000.0 / 96485.33212, rel=1e-15)


def test_volumetric_capacity_of_lithium() -> None:
    # 1 cm of lithium below 1 cm2 is 1 cm3: mAh cm-3.
    assert units.to_mah_cm2(0.01 / units.LITHIUM_MOLAR_VOLUME) == pytest.approx(2061.7, abs=0.05)


def test_faraday_and_gas_constants() -> None:
    # Exact in the 2019 SI: e N_A and k N_A.
    assert pytest.approx(1.602176634e-19 * 6.02214076e23, rel=1e-9) == units.FARADAY
    assert pytest.approx(1.380649e-23 * 6.02214076e23, rel=1e-9) == units.GAS
    assert float(units.inverse_thermal_voltage(jnp.asarray(298.15))) == pytest.approx(38.92, abs=5e-3)


@pytest.mark.parametrize(
    ("convert", "value", "expected"),
    [
        (units.from_ma_cm2, 6.0, 60.0),
        (units.to_ma_cm2, 60.0, 6.0),
        (units.from_ohm_cm2, 10.0, 1e-3),
        (units.to_ohm_cm2, 1e-3, 10.0),
        (units.from_um, 5.0, 5e-6),
        (units.to_um, 5e-6, 5.0),
        (units.from_s_cm, 5e-5, 5e-3),
        (units.from_cm2, 0.785, 0.785e-4),
    ],
)
def test_lab_units(convert, value: float, expected: float) -> None:
    assert convert(value) == pytest.approx(expected, rel=1e-15)
    assert convert(jnp.asarray([value]))[0] == pytest.approx(expected, rel=1e-15)


def test_conversions_back_and_forth() -> None:
    assert units.to_mah_cm2(units.from_mah_cm2(math.pi)) == pytest.approx(math.pi, rel=1e-15)


@pytest.mark.parametrize("value", [1, 1.0, True, jnp.float32(1.0), jnp.asarray(1)])
def test_numbers_become_strong_float64(value) -> None:
    number = units.strong_float64(value)
    assert number.dtype == jnp.float64
    assert not number.weak_type


def test_traced_values_are_told_apart() -> None:
    assert not units.is_traced(jnp.asarray(1.0))
    seen = []
    jax.jit(lambda x: seen.append(units.is_traced(x)) or x)(1.0)
    assert seen == [True]
