"""Pulses from the measurement model of a spectrum, against closed forms."""

import numpy as np
import pytest

from jaxcell import (
    Cell,
    Film,
    LithiumElectrode,
    ProtectionLayer,
    Separator,
    Settings,
    impedance,
    kramers_kronig,
    linear_response,
    replay,
    simulate,
)
from jaxcell.io import Spectrum

FREQUENCY = np.geomspace(1e5, 1e-3, 81)
S = 2j * np.pi * FREQUENCY


def test_a_pulse_on_resistance_and_arcs() -> None:
    """R0 + R1 || C1 + R2 || C2: v(t) = I (R0 + sum R (1 - exp(-t/tau))), then the same falling after the pulse."""
    z = 20.0 + 50.0 / (1.0 + S * 1e-3) + 80.0 / (1.0 + S * 0.3)
    model = kramers_kronig(Spectrum.of(FREQUENCY, z))
    assert model.consistent
    time = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 60), 1.0 + np.geomspace(1e-4, 1.0, 60)])
    current = np.where(time <= 1.0, 2e-6, 0.0)

    def on(t: np.ndarray) -> np.ndarray:
        return 50.0 * -np.expm1(-t / 1e-3) + 80.0 * -np.expm1(-t / 0.3)

    rise = 20.0 + on(time)
    exact = 2e-6 * np.where(time <= 1.0, rise, on(time) - on(np.maximum(time - 1.0, 0.0)))
    exact[0] = 0.0
    np.testing.assert_allclose(linear_response(model, time, current), exact, atol=2e-6 * 150.0 * 5e-3)


def test_a_capacitor_and_the_steps_of_the_grid_do_not_matter() -> None:
    """The state is exact between rows: a coarse grid has the values of a fine one, and 1/C integrates the charge."""
    model = kramers_kronig(Spectrum.of(FREQUENCY, 5.0 + 30.0 / (1.0 + S * 1e-2) + 1.0 / (S * 2.0)))
    fine = np.linspace(0.0, 1.0, 1001)
    current = np.full(1001, 1e-3)
    there = linear_response(model, fine, current)
    np.testing.assert_allclose(linear_response(model, fine[::100], current[::100]), there[::100], rtol=1e-10)
    assert there[-1] == pytest.approx(1e-3 * (35.0 + 1.0 / 2.0), rel=5e-3)


@pytest.mark.parametrize(
    ("time", "current", "words"),
    [
        ([0.0, 1.0], [0.0], "two equal rows"),
        ([0.0], [0.0], "2 numbers or more"),
        ([0.0, 0.0], [0.0, 1.0], "time must increase"),
        ([0.0, 1.0], [0.0, np.nan], "must be finite"),
    ],
)
def test_refusals(time: list[float], current: list[float], words: str) -> None:
    model = kramers_kronig(Spectrum.of(FREQUENCY, 5.0 + 30.0 / (1.0 + S * 1e-2)))
    with pytest.raises(ValueError, match=words):
        linear_response(model, time, current)


def test_the_impedance_of_a_cell_foretells_its_steps_in_time() -> None:
    """From a tenth of the interfaces' relaxation to steady, of the same model linearised and integrated."""
    layer = ProtectionLayer(5e-6, 5e-3, top=None, separator_film=Film(2e-3, 5.0))
    cell = Cell(LithiumElectrode(20e-6, layer=layer), Separator(30e-6, 0.24), LithiumElectrode(50e-6))
    f = np.geomspace(1e-3, 1e6, 91)
    spectrum = Spectrum.of(f, np.asarray(impedance(cell, f).impedance))
    time = np.concatenate([[0.0], np.geomspace(5e-5, 1.0, 30)])
    current = np.full(time.size, -1e-3)  # a hundredth of a mV
    foretold = linear_response(kramers_kronig(spectrum, elements=60), time, current)
    settings = Settings(1e-9, 1e-9)
    run = simulate(cell, replay(time, current), settings=settings)
    steady = abs(float(run.voltage[-1]))
    # Elements lie six to a decade, evenly, and not where the cell's own arcs are.
    np.testing.assert_allclose(foretold[1:], run.voltage, atol=2e-3 * steady)
    assert abs(float(run.voltage[0])) < 0.8 * steady
