"""Films with an exponent in time: the closed form of the step, and the alternating response of a run."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jax import jacfwd
from scipy.special import erfcx

from jaxcell import (
    Cell,
    Film,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    ProtectionLayer,
    Protocol,
    Separator,
    impedance,
    plate,
    simulate,
)
from jaxcell.physics.constant_phase import ELEMENTS, film_ladder

R, TAU = 3e-3, 200.0


@pytest.mark.parametrize("exponent", [0.2, 0.3, 0.5, 0.8, 0.97, 1.0])
def test_ladder_has_the_impedance_of_the_law(exponent: float) -> None:
    share, ratio = (np.asarray(one) for one in film_ladder(jnp.asarray([exponent]), ELEMENTS))
    assert share.sum() == pytest.approx(1.0, abs=1e-12)
    s = 1j * np.geomspace(1e-6, 1e6, 60)
    found = np.sum(share / (1.0 + s[None] * ratio), axis=0)
    # Worst where times are spread most, over 22 decades at 0.2.
    assert np.abs(found - 1.0 / (1.0 + s**exponent)).max() < 0.015


def test_ladder_without_an_exponent_is_one_element() -> None:
    share, ratio = film_ladder(jnp.asarray([1.0, 1.0]), 1)
    np.testing.assert_array_equal(share, 1.0)
    np.testing.assert_array_equal(ratio, 1.0)


def cell(exponent: Any) -> Cell:
    """A film on the working electrode, below a layer with a film that is R || C."""
    own = Interface(LithiumKinetics(100.0), film_resistance=R, film_capacitance=TAU / R, film_exponent=exponent)
    layer = ProtectionLayer(1e-6, 1e-2, top=None, separator_film=Film(1e-3, 1e-3))
    working = LithiumElectrode(50e-6, own, layer)
    return Cell(working, Separator(50e-6, 0.24), LithiumElectrode(50e-6, Interface(LithiumKinetics(100.0))))


def rise(exponent: Any) -> tuple[Any, Any]:
    """Time [s] and voltage [V] of a step of 1 A m-2."""
    solution = simulate(cell(exponent), Protocol.of(plate(0.1, 0.05)), points=3)
    return solution.time, -solution.voltage


def test_step_response_at_one_half() -> None:
    """w = R I [1 - exp(t/tau) erfc(sqrt(t/tau))]: the function of Mittag-Leffler at 1/2."""
    time, voltage = rise(0.5)
    (_, plain) = rise(None)
    expected = R * (np.exp(-np.asarray(time) / TAU) - erfcx(np.sqrt(np.asarray(time) / TAU)))
    assert np.abs(expected).max() > 0.1 * R
    # The ladder to 0.25 % of R, the step control to as much.
    np.testing.assert_allclose(voltage - plain, expected, atol=5e-3 * R)


def test_derivative_by_the_exponent() -> None:
    found = jacfwd(lambda a: rise(a)[1][20])(jnp.asarray(0.5))
    central = (rise(jnp.asarray(0.501))[1][20] - rise(jnp.asarray(0.499))[1][20]) / 2e-3
    assert float(found) == pytest.approx(float(central), rel=1e-3)
    assert abs(float(found)) > 0.05 * R


def test_impedance_after_a_run_is_that_of_the_law() -> None:
    solution = simulate(cell(0.5), Protocol.of(plate(0.1, 0.05)), points=3)
    frequencies = np.geomspace(1e3, 1e-4, 8)
    after, before = (impedance(cell(0.5), frequencies, at, points=3) for at in (solution.state_at(), None))
    # Kinetics are straight to 1e-5 at 1 % of i0.
    np.testing.assert_allclose(after.impedance, before.impedance, rtol=1e-4)
    film = R / (1.0 + (2j * np.pi * frequencies * TAU) ** 0.5)
    slow = impedance(cell(1.0), frequencies, points=3).impedance - R / (1.0 + 2j * np.pi * frequencies * TAU)
    np.testing.assert_allclose(before.impedance - slow, film, rtol=1e-9)
