"""Published sets: the numbers as printed, and what follows from them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcell.library import xu2019_half_cell
from jaxcell.physics.lipf6 import lipf6_conductivity, lipf6_diffusivity
from jaxcell.units import FARADAY


def test_electrolyte() -> None:
    # The law's shape: a maximum of conductivity near 1 mol/l at 25 degC.
    warm = jnp.asarray(298.15)
    c = jnp.linspace(100.0, 3000.0, 59)
    kappa = np.asarray(lipf6_conductivity(c, warm))
    assert float(c[np.argmax(kappa)]) == pytest.approx(1000.0, abs=150.0)
    assert kappa.max() == pytest.approx(1.2, abs=0.1)
    assert 2e-10 < float(lipf6_diffusivity(jnp.asarray(1000.0), warm)) < 4e-10
    for law in (lipf6_conductivity, lipf6_diffusivity):
        slope = float(jax.grad(law)(jnp.asarray(700.0), warm))
        central = float(law(jnp.asarray(701.0), warm) - law(jnp.asarray(699.0), warm)) / 2.0
        assert slope == pytest.approx(central, rel=1e-4)


def test_half_cell_of_xu_2019() -> None:
    parts = xu2019_half_cell()
    cathode = parts.cathode
    assert float(cathode.capacity) / 36000.0 == pytest.approx(2.812, abs=1e-3)
    assert float(cathode.initial_potential) == pytest.approx(-4.2, abs=5e-3)
    rate = 5.76e-11 * FARADAY * np.sqrt(1000.0 * 4631.0 * (48230.0 - 4631.0))
    x = 4631.0 / 48230.0
    assert float(cathode.kinetics.exchange_current_density) * 2 * np.sqrt(x * (1 - x)) == pytest.approx(rate, rel=1e-9)
    exchange = 3.5e-8 * FARADAY * (1 / 13e-6) ** 0.7 * 1000.0**0.3
    assert float(parts.lithium.interface.kinetics.exchange_current_density) == pytest.approx(exchange, rel=1e-9)
    assert parts.separator.salt is not None
    assert float(parts.separator.salt.porosity) == 0.39
    assert float(parts.lithium.interface.kinetics.concentration_exponent) == 0.3


def test_single_ion_and_single_particle() -> None:
    parts = xu2019_half_cell(1.0)
    assert parts.separator.salt is None
    assert parts.cathode.transport is not None
    assert parts.cathode.transport.salt is None
    assert xu2019_half_cell(1.0, single_particle=True).cathode.transport is None
