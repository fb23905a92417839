"""The stored curves of PyBaMM against the laws here, with what is known in closed form between them."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

from jaxcell.library import HalfCellParts, xu2019_half_cell
from jaxcell.physics.intercalation import occupancy_factor
from jaxcell.physics.lipf6 import lipf6_conductivity, lipf6_diffusivity
from jaxcell.units import FARADAY, GAS

HERE = Path(__file__).parent
f = FARADAY / (GAS * 298.15)


@pytest.fixture(scope="module")
def note() -> dict:
    return json.loads((HERE / "pybamm_curves.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def curves() -> dict[str, np.ndarray]:
    with np.load(HERE / "pybamm_curves.npz") as stored:
        return dict(stored)


def test_electrolyte(note: dict) -> None:
    stored, warm = note["electrolyte"], jnp.asarray(298.15)
    for c in (100.0, 500.0, 1500.0, 2500.0):
        assert float(lipf6_conductivity(jnp.asarray(c), warm)) == pytest.approx(stored[f"kappa_{c:g}"], rel=1e-12)
        assert float(lipf6_diffusivity(jnp.asarray(c), warm)) == pytest.approx(stored[f"D_{c:g}"], rel=1e-12)
    salt = xu2019_half_cell().separator.salt
    assert salt is not None
    assert float(salt.diffusivity) == pytest.approx(stored["D"] * 0.39**1.5, rel=1e-12)


def surface_stoichiometry(parts: HalfCellParts, current: float, t: np.ndarray) -> np.ndarray:
    """Of a particle under the constant flux of a discharge at `current` [A m-2]: x0 + (J R/D)[3 s + 1/5 - 2 sum]."""
    own = parts.cathode
    R, D = float(own.particle_radius), float(own.particle_diffusivity)
    flux = current / (float(own.specific_surface_area * own.thickness) * FARADAY * float(own.maximum_concentration))
    s = D * t / R**2
    roots = np.array([brentq(lambda z: np.sin(z) - z * np.cos(z), n * np.pi, (n + 0.5) * np.pi) for n in range(1, 801)])
    decay = np.exp(-np.outer(s, roots**2)) / roots**2
    return float(own.initial_stoichiometry) + flux * R / D * (3 * s + 0.2 - 2 * decay.sum(axis=1))


@pytest.mark.parametrize(("protocol", "rate"), [("C/5", 0.2), ("1C", 1.0), ("2C", 2.0)])
def test_single_particle_in_closed_form(curves: dict, protocol: str, rate: float) -> None:
    """Every law of the set at once: particle, open-circuit potential and both kinetics; PyBaMM's mesh is the error."""
    parts = xu2019_half_cell(single_particle=True)
    own, lithium = parts.cathode, parts.lithium.interface.kinetics
    current = rate * 0.0024 / (0.01 * 0.0154)
    name = f"single_particle/{protocol}/0"
    time, voltage = curves[f"{name}/time"], curves[f"{name}/voltage"]
    np.testing.assert_allclose(curves[f"{name}/current"], -current, rtol=1e-9)
    later = time > 20.0  # before, diffusion has not reached PyBaMM's second shell
    x = jnp.asarray(surface_stoichiometry(parts, current, time[later]))
    exchange = np.asarray(own.kinetics.exchange_current_density * occupancy_factor(x))
    here = current / float(own.specific_surface_area * own.thickness)
    expected = np.asarray(own.open_circuit(x)) - 2 / f * np.arcsinh(here / (2 * exchange))
    expected -= 2 / f * np.arcsinh(current / (2 * float(lithium.exchange_current_density)))
    np.testing.assert_allclose(voltage[later], expected, rtol=0.0, atol=1e-4)


def test_ends(note: dict, curves: dict) -> None:
    """A discharge ends at 3.5 V, delivers current times time, and less the faster it is."""
    for case in ("single_ion", "binary", "binary_power_law", "single_particle"):
        delivered = []
        for protocol, rate in (("C/5", 0.2), ("1C", 1.0), ("2C", 2.0)):
            name = f"{case}/{protocol}/0"
            current = rate * 0.0024 / (0.01 * 0.0154)
            assert curves[f"{name}/voltage"][-1] == pytest.approx(3.5, abs=1e-6)
            assert curves[f"{name}/charge"][-1] == pytest.approx(-current * curves[f"{name}/time"][-1], rel=1e-6)
            delivered.append(-note["curves"][f"{case}/{protocol}"]["delivered_C_m2"][0])
            assert note["curves"][f"{case}/{protocol}"]["half_minus_refined"]["late_mV"] < 0.05
        assert delivered == sorted(delivered, reverse=True)
    assert all(not one["failed"] for name, one in note["curves"].items() if "without" not in name)


def test_a_single_ion_conductor_keeps_its_salt_even(curves: dict) -> None:
    # PyBaMM takes what charges double layers from the salt: 7e-4 of it over a discharge; without them the rest is 1e-9.
    np.testing.assert_allclose(curves["single_ion/1C/profile/salt_x_t"], 1000.0, rtol=1e-3)
    np.testing.assert_allclose(curves["single_ion_without_double_layers/1C/profile/salt_x_t"], 1000.0, rtol=1e-9)
    assert np.ptp(curves["binary/1C/profile/salt_x_t"]) > 10.0
