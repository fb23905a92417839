"""Mixtures: limits, the threshold, and derivatives to the share of filler."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from jaxcell import Filler, ProtectionLayer, composite_layer
from jaxcell.physics.effective_medium import bruggeman_factor, maxwell_factor, percolation_conductivity
from jaxcell.units import FARADAY


def number(value: float) -> Array:
    return jnp.asarray(value, dtype=jnp.float64)


def sigma(filler: Array, width: float = 0.01, matrix: float = 1e-8) -> Array:
    return percolation_conductivity(
        filler,
        filler_conductivity=number(1000.0),
        matrix_conductivity=number(matrix),
        threshold=number(0.16),
        exponent=number(2.0),
        width=number(width),
    )


def test_polymer_without_and_with_little_filler() -> None:
    for law in (lambda x: bruggeman_factor(x, number(1.5)), maxwell_factor):
        assert float(law(number(0.0))) == 1.0
        assert float(law(number(1.0))) == 0.0
        assert float(jax.grad(law)(number(0.0))) == pytest.approx(-1.5)  # both are exact for few grains
    x = jnp.linspace(0.01, 0.99, 30)
    assert np.all(np.asarray(bruggeman_factor(x, number(1.5))) < np.asarray(maxwell_factor(x)))  # the upper bound


def test_percolation_is_the_power_law_above_and_the_matrix_below() -> None:
    x = jnp.asarray([0.3, 0.5, 1.0])
    np.testing.assert_allclose(sigma(x), 1000.0 * ((x - 0.16) / 0.84) ** 2, rtol=1e-4)
    assert float(sigma(number(0.0))) == pytest.approx(1e-8, rel=1e-3)
    sharp = np.asarray(sigma(jnp.asarray([0.15, 0.17]), width=1e-4))
    np.testing.assert_allclose(sharp, [1e-8, 1000.0 * (0.01 / 0.84) ** 2], rtol=1e-6)
    values = np.asarray(sigma(jnp.linspace(0.0, 1.0, 200)))
    assert np.all(np.diff(values) > 0.0)


@pytest.mark.parametrize("at", [0.12, 0.16, 0.2, 0.6])
def test_slope_through_the_threshold(at: float) -> None:
    step = 1e-6
    central = float(sigma(number(at + step)) - sigma(number(at - step))) / (2.0 * step)
    slope = float(jax.grad(sigma)(number(at)))
    assert slope == pytest.approx(central, rel=1e-6)
    assert slope > 0.0


def test_layer() -> None:
    filler = Filler()
    layer = composite_layer(5e-6, 0.3, 0.01, filler, activation_energy=5e4, top=None)
    assert isinstance(layer, ProtectionLayer)
    assert float(layer.ionic_conductivity) == pytest.approx(0.01 * 0.7**1.5)
    assert float(layer.electronic_conductivity) == pytest.approx(float(sigma(number(0.3))))
    assert float(layer.activation_energy) == 5e4
    assert layer.top is None
    assert layer.storage is not None
    assert layer.trap is not None
    assert float(layer.storage.capacity) == pytest.approx(0.3 * 1850.0 * 75.0 * 3600.0 / FARADAY)
    twice = composite_layer(5e-6, 0.6, 0.01, filler).storage
    assert twice is not None
    assert float(twice.capacity) == pytest.approx(2.0 * float(layer.storage.capacity))
    assert composite_layer(5e-6, 0.3, 0.01, stores=False).storage is None
    assert composite_layer(5e-6, 0.3, 0.01, Filler(trapped_capacity=0.0)).trap is None
    assert float(composite_layer(5e-6, 0.3, 0.01, medium="maxwell").ionic_conductivity) == pytest.approx(
        0.01 * 1.4 / 2.3
    )


def test_derivatives_reach_the_mixture() -> None:
    def worth(phi: Array) -> Array:
        layer = composite_layer(5e-6, phi, 0.01)
        assert layer.storage is not None
        return (
            jnp.log(layer.ionic_conductivity) + jnp.log(layer.electronic_conductivity) + layer.storage.capacity * 1e-3
        )

    for at in (0.1, 0.16, 0.4):
        central = float(worth(number(at + 1e-6)) - worth(number(at - 1e-6))) / 2e-6
        assert float(jax.jit(jax.grad(worth))(number(at))) == pytest.approx(central, rel=1e-6)


def test_refusals() -> None:
    for phi in (0.0, 1.0, -0.1, float("nan")):
        with pytest.raises(ValueError, match=r"filler_fraction must be above 0 and below 1"):
            composite_layer(5e-6, phi, 0.01)
    with pytest.raises(ValueError, match=r"Filler.percolation_threshold"):
        Filler(percolation_threshold=0.0)
