"""Laws of losses, kinetics and temperature against their limits, without a cell; and a whole cell at temperature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array
from scipy.integrate import quad

from jaxcell import (
    Cell,
    Current,
    LithiumElectrode,
    MarcusHushChidseyKinetics,
    Pores,
    Protocol,
    Step,
    Storage,
    Trap,
    Until,
    assemble,
    lithium_ledger,
    plate,
    rest,
    simulate,
    strip,
)
from jaxcell.model.temperature import at_temperature
from jaxcell.physics.arrhenius import arrhenius_factor
from jaxcell.physics.contact import contact_resistance, contact_share, contact_wear_rate
from jaxcell.physics.dead_lithium import dying_current
from jaxcell.physics.interphase import interphase_current
from jaxcell.physics.kinetics import butler_volmer, marcus_hush_chidsey
from jaxcell.physics.soft_short import short_conductance
from jaxcell.physics.storage import storage_current, trapping_current

F, R, T = sample_cells.F, sample_cells.R, sample_cells.T
f = jnp.asarray(F / (R * T))
ONE = jnp.asarray(1.0)
HALF = jnp.asarray(0.5)


def number(value: float) -> Array:
    return jnp.asarray(value, dtype=jnp.float64)


class TestMarcusHushChidsey:
    @staticmethod
    def integral(overpotential: float, reorganisation: float) -> float:
        """Reduction rate by quadrature over the electrons' energies [arbitrary unit]; h and l in RT/F and RT."""

        def integrand(x: float) -> float:
            marcus = np.exp(-((x - reorganisation + overpotential) ** 2) / (4 * reorganisation))
            return float(marcus / (1 + np.exp(x)))

        return quad(integrand, -60.0, 60.0, limit=400)[0]

    @pytest.mark.parametrize("reorganisation", [2.0, 10.0, 40.0])
    def test_against_the_integral(self, reorganisation: float) -> None:
        h = np.array([-8.0, -3.0, -1.0, 1.0, 3.0, 8.0, 15.0])
        net = np.array([self.integral(x, reorganisation) - self.integral(-x, reorganisation) for x in h])
        small = (self.integral(1e-3, reorganisation) - self.integral(-1e-3, reorganisation)) / 1e-3
        law = marcus_hush_chidsey(jnp.asarray(h) / f, ONE, ONE, ONE, number(reorganisation), f)
        np.testing.assert_allclose(law, net / small, rtol=5e-6)  # 1e-6 of the sum, as much of the quotient

    def test_slope_at_equilibrium(self) -> None:
        slope = jax.grad(lambda w: marcus_hush_chidsey(w, ONE, ONE, number(7.0), number(12.0), f))(number(0.0))
        assert float(slope) == pytest.approx(7.0 * float(f), rel=1e-12)

    def test_becomes_butler_volmer_for_a_large_reorganisation_energy(self) -> None:
        w = jnp.linspace(-0.1, 0.1, 9)
        law = marcus_hush_chidsey(w, number(0.7), ONE, ONE, number(3e3), f)
        np.testing.assert_allclose(law, butler_volmer(w, number(0.7), ONE, ONE, HALF, HALF, f), rtol=2e-3)

    def test_levels_off(self) -> None:
        w = jnp.asarray([0.6, 8.0])
        low, high = np.asarray(marcus_hush_chidsey(w, ONE, ONE, ONE, number(10.0), f))
        assert high == pytest.approx(low, rel=0.01)

    def test_in_a_cell(self) -> None:
        own = sample_cells.collector_alone(0.0)
        kinetics = MarcusHushChidseyKinetics(10.0, 0.25 * F)
        model = assemble(sample_cells.with_kinetics(own, kinetics))
        u = 0.15
        (rate,) = model.node((jnp.full(3, u),), (jnp.full(3, 1.0),), jnp.zeros(3))
        expected = marcus_hush_chidsey(number(u), ONE, ONE, number(10.0), number(0.25 * F / (R * T)), f)
        assert float(rate[0]) * F == pytest.approx(float(expected), rel=1e-6)
        # The counter electrode keeps its own.
        plain = assemble(own).node((jnp.full(3, u),), (jnp.full(3, 1.0),), jnp.zeros(3))[0]
        assert float(rate[-1]) == pytest.approx(float(plain[-1]), rel=1e-12)
        assert float(plain[0]) > 1.2 * float(rate[0])


class TestStorage:
    def test_equilibrium_is_a_langmuir_hosts(self) -> None:
        filling = jnp.asarray([0.05, 0.3, 0.5, 0.9])
        potential = 0.25 - jnp.log(filling / (1 - filling)) / f
        current = storage_current(-potential, filling, exchange_current_density=ONE, potential=number(0.25), f=f)
        np.testing.assert_allclose(current, 0.0, atol=1e-12)
        slope = jax.vmap(
            jax.grad(lambda u, x: storage_current(u, x, exchange_current_density=ONE, potential=number(0.25), f=f))
        )(-potential, filling)
        np.testing.assert_allclose(slope, f * jnp.sqrt(filling * (1 - filling)), rtol=1e-9)

    def test_trap_only_fills(self) -> None:
        u = jnp.linspace(-3.0, 1.0, 9)
        current = trapping_current(u, HALF, exchange_current_density=ONE, potential=number(0.25), f=f)
        assert np.all(np.asarray(current) > 0.0)
        assert float(current[0]) < 1e-20
        full = trapping_current(u, ONE, exchange_current_density=ONE, potential=number(0.25), f=f)
        np.testing.assert_array_equal(full, 0.0)

    def test_far_from_equilibrium_it_levels_off(self) -> None:
        numbers = {"exchange_current_density": number(2.0), "potential": number(4.0), "f": f}
        for law in (storage_current, trapping_current):
            assert float(law(number(0.0), number(0.0), **numbers)) == pytest.approx(2e5, rel=1e-6)
            slow = float(law(number(-3.9), number(0.0), **numbers))  # 0.1 V away
            assert slow == pytest.approx(2.0 * float(jnp.exp(0.05 * f)), rel=1e-4)

    @pytest.mark.parametrize("pores", [None, sample_cells.pores()])
    def test_an_empty_host_far_above_lithium_starts_and_fills(self, pores: Pores | None) -> None:
        hosts = {"storage": Storage(potential=2.5), "trap": Trap(potential=1.8)}
        own = sample_cells.half(pores=pores, **hosts)
        foil = Cell(LithiumElectrode(50e-6, own.working.interface, own.working.layer), own.separator, own.counter)
        solution = simulate(foil, Protocol.of(rest(600.0, points=2)), points=3)
        rows = solution.model.rows
        filled = np.sum(np.asarray(solution.state.node), axis=2)[-1] * F / 36000.0
        for name in ("stored", "trapped"):
            assert filled[rows.index(name)] == pytest.approx(75.0 * 5e-4, rel=1e-4)  # mAh cm-2
        assert np.all(np.abs(np.asarray(lithium_ledger(solution).imbalance)) < 1e-10)

    def test_first_cycle_fills_both_and_the_second_only_the_store(self, stored_cycles) -> None:
        trapped, stored = stored_cycles
        capacity = 75.0 * 5e-4  # mAh cm-2 in 5 um
        assert trapped[0] == pytest.approx(capacity, rel=2e-3)
        assert trapped[1] == pytest.approx(trapped[0], rel=1e-6)  # stripping gives nothing back
        assert stored[0] == pytest.approx(capacity, rel=2e-3)
        assert stored[1] < 0.2 * capacity


@pytest.fixture(scope="module")
def stored_cycles() -> tuple[np.ndarray, np.ndarray]:
    """Trapped and stored lithium [mAh cm-2] after plating 0.3 mAh cm-2 on a layer with a store, and after stripping."""
    own = sample_cells.half(storage=Storage(), trap=Trap())
    protocol = Protocol.of(plate(0.5, 0.3, points=1), strip(0.5, 0.3, points=1, until=Until(voltage_above=1.0)))
    solution = simulate(own, protocol, points=3)
    rows = solution.model.rows
    amounts = np.sum(np.asarray(solution.state.node), axis=2) * F / 36000.0
    return amounts[:, rows.index("trapped")], amounts[:, rows.index("stored")]


def test_interphase_current_is_never_negative_and_ends_above_the_reduction_potential() -> None:
    u = jnp.linspace(-6.0, 0.5, 40)
    numbers = {"ambipolar_conductivity": number(1e-10), "reaction_resistance": number(3.0), "f": f}
    current = interphase_current(u, number(2e-9), reduction_potential=number(1.7), **numbers)
    assert np.all(np.asarray(current) >= 0.0)
    assert float(current[0]) < 1e-60
    assert float(current[-1]) == pytest.approx(2.2 / (20.0 + 3.0), rel=1e-9)


def test_dying_current() -> None:
    current = jnp.asarray([-10.0, -1.0, 1.0, 10.0])
    # The corner takes (w/i)^2, 1e-6 at 1 A m-2.
    dying = dying_current(current, ONE, number(0.01), ONE)
    np.testing.assert_allclose(dying, [0.1, 0.01, 0.0, 0.0], rtol=2e-6, atol=1e-300)
    assert float(dying_current(number(-10.0), number(0.0), number(0.01), ONE)) == 0.0


def test_no_lithium_dies_at_rest() -> None:
    def law(current: Array) -> Array:
        return dying_current(current, ONE, number(0.05), ONE)

    assert float(law(number(0.0))) == 0.0
    assert float(jax.grad(law)(number(0.0))) == 0.0
    current = -jnp.logspace(-9, 3, 200)
    dying, slope = law(current), jax.vmap(jax.grad(law))(current)
    assert np.all(np.asarray(dying) > 0.0)
    assert np.all(np.asarray(slope) <= 0.0)
    # ... and nearly none of what leaves a tenth of the corner's width at a time.
    assert float(law(number(-1e-4))) < 0.011 * 0.05 * 1e-4


def test_dying_does_not_depend_on_how_a_site_is_cut() -> None:
    whole = dying_current(number(-2e-3), ONE, number(0.05), ONE)
    shares = jnp.asarray([0.1, 0.2, 0.7])
    parts = dying_current(-2e-3 * shares, ONE, number(0.05), shares)
    assert float(jnp.sum(parts)) == pytest.approx(float(whole), rel=1e-12)


def test_contact_resistance_follows_pressure_and_area() -> None:
    numbers = {"resistance": number(1e-4), "pressure_exponent": HALF}
    half = number(np.log(2.0))  # y = -ln(chi)
    assert float(contact_share(half)) == pytest.approx(0.5)
    assert float(contact_resistance(half, relative_pressure=number(4.0), **numbers)) == pytest.approx(1e-4)


def test_contact_wears_and_heals_as_its_share_does() -> None:
    numbers = {"loss_per_charge": number(2e-5), "healing_rate": number(3e-5), "relative_pressure": number(2.0)}
    for current, chi in [(60.0, 0.7), (60.0, 1e-3), (0.0, 0.2), (60.0, 1.0)]:
        worn = number(-np.log(chi))
        rate = contact_wear_rate(number(current), worn, critical_current_density=number(10.0), **numbers)
        falls = 2e-5 * max(current - 20.0, 0.0) * chi - 3e-5 * 2.0 * (1.0 - chi)
        # Far below the critical current the corner lets e^-20 of its width through.
        assert chi * float(rate) == pytest.approx(falls, rel=1e-9, abs=1e-13)


def test_short_conductance() -> None:
    numbers = {"conductance": number(3.0), "half_capacity": number(0.1)}
    found = short_conductance(jnp.asarray([-1.0, 0.0, 0.1, 100.0]), **numbers)
    np.testing.assert_allclose(found, [0.0, 0.0, 1.5, 3.0], rtol=2e-6)
    slope = jax.vmap(jax.grad(lambda q: short_conductance(q, **numbers)))(jnp.asarray([-1.0, 0.0, 1e-6]))
    np.testing.assert_allclose(slope, [0.0, 0.0, 3.0 * 2e-6 / 0.1**2], rtol=1e-6)


def test_arrhenius_factor() -> None:
    factor = arrhenius_factor(number(0.5 * F), number(333.15), number(298.15))
    assert float(factor) == pytest.approx(np.exp(0.5 * F / R * (1 / 298.15 - 1 / 333.15)))
    assert float(factor) == pytest.approx(7.7, rel=0.01)  # 0.5 eV between 25 and 60 degC


def test_a_cell_at_temperature_has_its_numbers_there() -> None:
    own = sample_cells.activated(sample_cells.half(), energy=0.4, temperature=330.0)
    factor = float(arrhenius_factor(number(0.4 * F), number(330.0), number(298.15)))
    warm = at_temperature(own, own.temperature)
    layer, start = warm.working.layer, own.working.layer
    assert layer is not None
    assert start is not None
    assert float(layer.ionic_conductivity) == pytest.approx(factor * float(start.ionic_conductivity))
    assert float(layer.top.film_resistance) == pytest.approx(float(start.top.film_resistance) / factor)
    assert float(layer.electronic_conductivity) == float(start.electronic_conductivity)
    again = at_temperature(warm, warm.temperature)
    assert float(again.separator.ionic_conductivity) == float(warm.separator.ionic_conductivity)
    # The model takes them: the same voltage as with the numbers put in by hand.
    protocol = Protocol.of(Step(Current(-10.0), 1.0, points=1))
    voltages = [float(simulate(one, protocol).voltage[-1]) for one in (own, warm)]
    assert voltages[0] == pytest.approx(voltages[1], rel=1e-12)
