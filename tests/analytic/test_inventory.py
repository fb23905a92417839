"""Capacities by cycle against closed forms: constant efficiency, a reservoir, a growing film, a trap."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcell import Cycles, LithiumInventory, cycle_inventory

XI = 0.02
CE = 1.0 / (1.0 + XI)


def test_anode_free_capacity_falls_by_the_efficiency_each_cycle():
    """Q_N = Q_0 CE^N."""
    run = cycle_inventory(LithiumInventory(3.0, dead_fraction=XI), Cycles.of(200))
    np.testing.assert_allclose(run.capacity, 3.0 * CE ** np.arange(1, 201), rtol=1e-12)
    np.testing.assert_allclose(run.efficiency, CE, rtol=1e-12)


@pytest.mark.parametrize("excess", [0.5, 2.0])
def test_excess_lithium_hides_the_loss_until_it_is_gone(excess: float):
    """Full capacity for N = Q_x/(xi Q) cycles, then the anode-free law; efficiency is 1 meanwhile."""
    run = cycle_inventory(LithiumInventory(1.0, excess=excess, dead_fraction=XI), Cycles.of(130))
    full = int(excess / XI + 1e-9)
    np.testing.assert_allclose(run.efficiency[:full], 1.0, rtol=1e-12)
    np.testing.assert_allclose(run.lost[:full], XI, rtol=1e-12)
    np.testing.assert_allclose(run.capacity[full:], CE ** np.arange(1, 131 - full), rtol=1e-9)


def test_failure_comes_when_excess_over_loss_per_cycle_has_passed():
    """N_fail = Q_x/(Q (1 - CE)) to first order in 1 - CE."""
    run = cycle_inventory(LithiumInventory(1.0, excess=1.0, dead_fraction=1e-3), Cycles.of(1200))
    failed = int(np.argmax(np.asarray(run.efficiency) < 1.0 - 1e-6))
    assert failed == pytest.approx(1.0 / (1.0 - 1.0 / 1.001), rel=2e-3)


def test_interphase_follows_the_root_of_time_however_it_is_cut_into_cycles():
    """S = sqrt(s^2 + k t) - s; slope 1/2 in the logarithms for s -> 0, linear at k/(2 s) while S << s."""
    cell = LithiumInventory(1.0, interphase_growth=1e-6, interphase_start=1e-3)
    for cycles in (Cycles.of(50, duration=2.0), Cycles(jnp.linspace(0.0, 10.0, 30), jnp.full(30, jnp.inf))):
        time = np.cumsum(np.asarray(cycles.duration))
        grown = cycle_inventory(cell, cycles).after.interphase
        np.testing.assert_allclose(grown, np.sqrt(1e-6 + 1e-6 * time) - 1e-3, rtol=1e-10)
    thin = LithiumInventory(1.0, interphase_growth=1e-6, interphase_start=1e-9)
    grown = np.asarray(cycle_inventory(thin, Cycles.of(100)).after.interphase)
    assert np.log(grown[99] / grown[24]) / np.log(4.0) == pytest.approx(0.5, abs=1e-4)
    thick = LithiumInventory(1.0, interphase_growth=1e-3, interphase_start=10.0)
    np.testing.assert_allclose(cycle_inventory(thick, Cycles.of(20)).flux.interphase, 5e-5, rtol=1e-3)


def test_trap_takes_from_the_first_cycle_only():
    run = cycle_inventory(LithiumInventory(1.0, trap=0.15), Cycles.of(5))
    np.testing.assert_allclose(run.flux.trapped, [0.15, 0.0, 0.0, 0.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(run.capacity, 0.85, rtol=1e-12)


def test_large_trap_is_filled_over_several_cycles():
    run = cycle_inventory(LithiumInventory(100.0, trap=2.5), Cycles.of(4, depth=1.0))
    np.testing.assert_allclose(run.flux.trapped, [1.0, 1.0, 0.5, 0.0], atol=1e-12)
    np.testing.assert_allclose(run.capacity, [0.0, 0.0, 0.5, 1.0], atol=1e-12)


def test_plating_of_one_depth_against_lithium_shows_the_efficiency():
    """Li | Cu: the counter electrode is a reservoir, every cycle plates the same charge and strips what is left."""
    run = cycle_inventory(LithiumInventory(100.0, dead_fraction=XI), Cycles.of(20, depth=1.0))
    np.testing.assert_allclose(run.flux.plated, 1.0, rtol=1e-12)
    np.testing.assert_allclose(run.efficiency, CE, rtol=1e-12)


def test_a_dead_cell_stays_dead_without_an_error():
    run = cycle_inventory(LithiumInventory(1.0, interphase_growth=10.0), Cycles.of(5))
    np.testing.assert_array_equal(run.capacity, 0.0)
    np.testing.assert_array_equal(run.efficiency, 0.0)
    assert float(run.after.interphase[-1]) == 1.0


def test_result_does_not_depend_on_the_units_of_charge_and_time():
    first = LithiumInventory(1.0, 0.1, 0.02, 1e-3, 1e-2, 0.05)
    scaled = LithiumInventory(3.0, 0.3, 0.02, 9e-3 / 3600.0, 3e-2, 0.15)
    one = cycle_inventory(first, Cycles.of(30))
    other = cycle_inventory(scaled, Cycles.of(30, duration=3600.0))
    np.testing.assert_allclose(other.capacity, 3.0 * one.capacity, rtol=1e-12)


def test_measured_capacities_carry_the_inventory():
    """Each cycle starts from what was measured before it; a cycle not recorded from the model's own."""
    measured = jnp.asarray([0.9, 0.8, jnp.nan, 0.5])
    run = cycle_inventory(LithiumInventory(1.0, dead_fraction=0.25), Cycles.of(4), measured=measured)
    np.testing.assert_allclose(run.flux.plated, [1.0, 0.9, 0.8, 0.64], rtol=1e-12)
    np.testing.assert_allclose(run.capacity, [0.8, 0.72, 0.64, 0.512], rtol=1e-12)
    np.testing.assert_allclose(run.flux.unexplained, [-0.1, -0.08, 0.0, 0.012], atol=1e-12)


def test_scatter_shifts_the_efficiency_within_what_is_possible():
    scatter = jnp.asarray([-0.1, 0.3, -2.0, 0.0])
    run = cycle_inventory(LithiumInventory(1.0, dead_fraction=0.25), Cycles.of(4), scatter=scatter)
    np.testing.assert_allclose(run.capacity - run.flux.unexplained, [0.7, 0.77, 0.0, 0.0], atol=1e-12)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"initial": 0.0}, r"LithiumInventory.initial must be a finite number above 0 \[Q\], but is 0"),
        ({"initial": 1.0, "dead_fraction": -0.1}, r"dead_fraction must be .* at least 0 \[1\], but is -0.1"),
        ({"initial": 1.0, "interphase_start": 0.0}, r"interphase_start must be .* above 0 \[Q\], but is 0"),
    ],
)
def test_impossible_cells_are_refused(values: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        LithiumInventory(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, "count must be a whole number of at least 1, but is 0"),
        ({"count": 3, "duration": -1.0}, "duration must be a finite time of at least 0, but is -1"),
        ({"count": 3, "depth": 0.0}, "depth must be a capacity above 0, but is 0"),
    ],
)
def test_impossible_cycles_are_refused(values: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        Cycles.of(**values)
