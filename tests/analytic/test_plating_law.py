"""What the plating law must do: wait behind its barrier, have one equilibrium, not ripen, run out smoothly."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array

from jaxcell import Collector, Protocol, Settings, plate, rest, simulate
from jaxcell.model import TOP
from jaxcell.physics.plating import plating_current
from jaxcell.units import inverse_thermal_voltage, to_ma_cm2, to_mah_cm2

BARRIER = 0.04
CAPACITY = 3.7e-3
DEPLETION = CAPACITY / 50
I0 = 10.0
F_RT = inverse_thermal_voltage(jnp.asarray(298.15))


def law(u: Array, lithium: Array, filled: float = 0.0) -> Array:
    """The law with scalar arguments, vectorised over whatever shape u and q share."""
    return plating_current(
        u,
        lithium,
        exchange_current_density=jnp.asarray(I0),
        cathodic_transfer_coefficient=jnp.asarray(0.5),
        anodic_transfer_coefficient=jnp.asarray(0.5),
        nucleation_overpotential=jnp.asarray(BARRIER),
        nucleation_capacity=jnp.asarray(CAPACITY),
        depletion_capacity=jnp.asarray(DEPLETION),
        filled=jnp.asarray(filled),
        f=F_RT,
    )


map_law = jax.jit(jax.vmap(jax.vmap(law, in_axes=(0, None)), in_axes=(None, 0)))


def test_no_current_below_the_barrier() -> None:
    # Beyond the sub-critical deposit of some q*, up to 10 widths of the rounded corners from either end.
    u = jnp.linspace(0.005, BARRIER - 0.005, 50)
    current = map_law(u, DEPLETION * jnp.asarray([8.0, 9.0, 10.0]) * 0.4)
    assert np.all(np.abs(np.asarray(current)[1:]) < 2e-3 * I0)
    current = map_law(u - 0.005, jnp.asarray([8.0 * DEPLETION]))
    # 8 q* have lowered the barrier by 1 mV; the activity is 1 - 2e-7.
    assert np.all(np.abs(np.asarray(current)[:, 10:40]) < 2e-3 * I0)


def test_without_lithium_the_barrier_lets_only_the_first_depletion_capacities_through() -> None:
    u = jnp.linspace(0.005, BARRIER - 0.005, 50)
    current = np.asarray(map_law(u, jnp.asarray([0.0, DEPLETION, 3 * DEPLETION])))
    # i = i0 (1 - tanh(q/q*)): it plates at i0 with q = 0 and dies out within some q*.
    np.testing.assert_allclose(current[0], I0, rtol=2e-3)
    np.testing.assert_allclose(current[1], I0 * (1 - np.tanh(1.0)), rtol=1e-2)
    np.testing.assert_allclose(current[2], I0 * (1 - np.tanh(3.0)), atol=2e-3 * I0)


@pytest.mark.parametrize("filled", [0.0, 0.5, 0.99])
def test_one_equilibrium_once_nucleated(filled: float) -> None:
    lithium = 6 * CAPACITY
    u = jnp.asarray([-0.3, -0.1, -1e-2, -1e-4, 1e-4, 1e-2, 0.1, 0.3])
    current = np.asarray(map_law_pores(u, jnp.asarray(lithium), jnp.asarray(filled)))
    assert np.all(np.sign(current) == np.sign(u))
    assert np.all(np.diff(current) > 0.0)
    slope = float(jax.grad(lambda x: law(x, jnp.asarray(lithium)))(jnp.asarray(0.0)))
    assert slope == pytest.approx(I0 * float(F_RT), rel=1e-9)


map_law_pores = jax.jit(jax.vmap(law, in_axes=(0, None, None)))


def test_the_last_lithium_strips_ever_more_slowly_and_a_negative_amount_heals() -> None:
    lithium = DEPLETION * jnp.asarray([1.0, 1e-1, 1e-3, 0.0, -1e-3])
    current = np.asarray(map_law(jnp.asarray([-0.1]), lithium))[:, 0]
    assert np.all(np.diff(current) > 0.0)
    assert current[0] < -I0
    assert current[3] > 0.0  # nothing to strip
    assert current[4] > current[3]


def test_gradient_is_finite_and_nowhere_cut_off() -> None:
    u, q = jnp.meshgrid(jnp.linspace(-0.5, 0.5, 41), jnp.asarray([0.0, 1e-3, 0.5, 5.0, 50.0, 500.0]) * DEPLETION)
    du = jax.vmap(jax.grad(law))(u.ravel(), q.ravel())
    assert np.all(np.isfinite(du))
    assert np.all(np.asarray(du)[np.asarray(u.ravel()) > BARRIER + 0.01] > 0.0)


def _dip(current: Array) -> tuple[Array, Array]:
    """Voltage over the first 60 uAh cm-2 on a collector, and the run's status."""
    protocol = Protocol.of(plate(to_ma_cm2(current), 0.06, points=300))
    solution = simulate(sample_cells.collector_alone(BARRIER), protocol, throw=False, settings=Settings(1e-4, 1e-5))
    return solution.voltage, solution.status


@pytest.fixture(scope="module")
def dips() -> Array:
    voltage, status = eqx.filter_jit(jax.vmap(_dip))(jnp.asarray([0.5, 5.0, 20.0, 60.0, 100.0]))
    assert np.all(np.asarray(status) == 0)
    return voltage


def test_nucleation_dip(dips: Array) -> None:
    depth = np.max(-np.asarray(dips), axis=1) + np.asarray(dips)[:, -1]
    assert np.all(depth > 0.0395), depth
    assert np.all(depth < 0.040), depth


@pytest.mark.parametrize("cell", [sample_cells.half(), sample_cells.porous(pores=sample_cells.pores(porosity=0.6))])
def test_nothing_moves_at_rest(cell) -> None:
    """1 mAh cm-2 plated above the onset, so that every site has lithium; then 24 h of rest."""
    assert isinstance(cell.working, Collector)
    protocol = Protocol.of(plate(3.0, 1.0, points=1), rest(600.0, points=1), rest(24 * 3600.0, points=1))
    solution = simulate(cell, protocol, points=8)
    gained = np.asarray(to_mah_cm2(solution.state.node))[:, 0, :]
    assert gained[0, solution.model.kinds.index(TOP)] > 0.1
    # Within the first 10 minutes double layers settle; from then on 10 nAh cm-2 is nothing.
    np.testing.assert_allclose(gained[2], gained[1], rtol=0.0, atol=1e-5)


def test_a_site_behind_its_barrier_stays_bare_at_rest() -> None:
    protocol = Protocol.of(plate(0.5, 1.0, points=1), rest(24 * 3600.0, points=1))
    solution = simulate(sample_cells.half(), protocol)
    top = np.asarray(to_mah_cm2(solution.state.node))[:, 0, solution.model.kinds.index(TOP)]
    # Two hours at i0 = 15 let 5.5 depletion capacities of 0.2 uAh cm-2 through, and a day of rest no more.
    assert 0.0 < top[1] <= top[0] < 1.15e-3
