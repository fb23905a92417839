"""Butler-Volmer: Tafel slope and galvanostatic overpotential."""

import closed_forms
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array

from jaxcell import Current, Protocol, Settings, Step, simulate
from jaxcell.physics.kinetics import butler_volmer
from jaxcell.units import inverse_thermal_voltage

ONE = jnp.asarray(1.0)
SETTINGS = Settings(1e-4, 1e-5, max_steps=128, newton=sample_cells.SHARP)


def test_tafel_slope() -> None:
    f = inverse_thermal_voltage(jnp.asarray(298.15))
    half = jnp.asarray(0.5)

    def decades(u: Array) -> Array:
        return jnp.log10(butler_volmer(u, ONE, ONE, jnp.asarray(10.0), half, half, f))

    slope = 1e3 / float(jax.grad(decades)(jnp.asarray(0.5)))
    assert slope == pytest.approx(118.3, abs=0.05)  # the figure is quoted to four digits
    assert slope == pytest.approx(1e3 * 2.0 * np.log(10.0) * sample_cells.THERMAL, rel=1e-6)  # 1 - exp(-20) away


def test_slope_at_equilibrium() -> None:
    f = inverse_thermal_voltage(jnp.asarray(310.0))
    half = jnp.asarray(0.5)
    slope = jax.grad(lambda u: butler_volmer(u, ONE, ONE, jnp.asarray(7.0), half, half, f))(jnp.asarray(0.0))
    # The exponentials saturate at e^30, which takes e^-30 = 1e-13 from them here.
    assert float(slope) == pytest.approx(7.0 * float(f), rel=1e-12)


P0 = {"i0": 10.0, "film": 5e-4, "contact": 1e-4, "kappa_s": 0.24, "temperature": 298.15}


def exact(p: dict[str, Array], current: Array) -> Array:
    """Terminal voltage: both foils, the separator; negative while the working electrode plates."""
    foil = 2.0 * closed_forms.GAS * p["temperature"] / closed_forms.FARADAY * jnp.arcsinh(0.5 * current / p["i0"])
    foil = foil + current * (p["film"] + p["contact"])
    return -(2.0 * foil + current * 50e-6 / p["kappa_s"])


def simulated(p: dict[str, Array], current: Array) -> Array:
    changes = {
        f"{side}__interface__{name}": p[key]
        for side in ("working", "counter")
        for name, key in {
            "kinetics__exchange_current_density": "i0",
            "film_resistance": "film",
            "contact_resistance": "contact",
        }.items()
    }
    unactivated = sample_cells.activated(sample_cells.bare(), energy=0.0)  # temperature in RT/F only
    cell = sample_cells.replace(
        unactivated, **changes, separator__ionic_conductivity=p["kappa_s"], temperature=p["temperature"]
    )
    protocol = Protocol.of(Step(Current(-current), 10.0, points=1))
    return simulate(cell, protocol, settings=SETTINGS, throw=False).voltage[-1]


@eqx.filter_jit
def found(p: dict[str, Array], current: Array) -> tuple[Array, tuple[dict[str, Array], Array]]:
    return jax.value_and_grad(simulated, argnums=(0, 1))(p, current)


@pytest.mark.parametrize("current", [-100.0, -1.0, 0.01, 10.0, 300.0])
def test_galvanostatic_voltage_and_gradients(current: float) -> None:
    p = {name: jnp.asarray(value) for name, value in P0.items()}
    i = jnp.asarray(current)
    value, gradient = found(p, i)
    expected, expected_gradient = jax.value_and_grad(exact, argnums=(0, 1))(p, i)
    assert float(value) == pytest.approx(float(expected), rel=1e-10)
    for name in P0:
        assert float(gradient[0][name]) == pytest.approx(float(expected_gradient[0][name]), rel=1e-8), name
    assert float(gradient[1]) == pytest.approx(float(expected_gradient[1]), rel=1e-8)
