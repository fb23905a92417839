"""The inventory's ledger closes to rounding with every channel on, and notices any flux that is left out."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcell import Cycles, LithiumInventory, cycle_inventory, inventory

ROWS = [field.name for field in dataclasses.fields(inventory.Amounts)]
EVERYTHING = LithiumInventory(1.0, 0.1, 0.03, 1e-3, 1e-2, 0.05)
SCATTER = jnp.asarray([0.0, 0.01, -0.02, 0.01, 0.0, -0.01])
AMOUNT = st.floats(0.0, 3.0)


@settings(max_examples=60)
@given(AMOUNT, AMOUNT, st.floats(0.0, 100.0), AMOUNT, AMOUNT, st.integers(0, 2**31))
def test_random_cells_keep_their_lithium(excess, dead, growth, trap, depth, seed):
    rng = np.random.default_rng(seed)
    cycles = Cycles(jnp.asarray(rng.uniform(0.0, 3.0, 40)), jnp.full(40, depth + 1e-3))
    measured = jnp.asarray(np.where(rng.random(40) < 0.3, rng.random(40), np.nan))
    cell = LithiumInventory(1.0, excess, dead, growth, 1e-3, trap)
    run = cycle_inventory(cell, cycles, measured=measured, scatter=jnp.asarray(rng.normal(0.0, 0.1, 40)))
    assert float(jnp.max(jnp.abs(run.imbalance))) < 1e-13
    for name in ("dead", "interphase", "trapped"):
        assert np.all(np.diff(np.asarray(getattr(run.after, name))) >= 0.0)
    assert np.all(np.asarray(run.after.live) > -1e-12)


def test_ledger_closes_over_many_cycles():
    cell = LithiumInventory(1.0, 0.2, 1e-4, 1e-8, 1e-3, 0.05)
    run = cycle_inventory(cell, Cycles.of(5000))
    assert float(jnp.max(jnp.abs(run.imbalance))) < 1e-12


@pytest.mark.parametrize("row", ROWS)
def test_a_row_that_misses_its_flux_is_noticed(row: str, monkeypatch: pytest.MonkeyPatch):
    moved = inventory._moved

    def without(before: inventory.Amounts, flux: inventory.Fluxes) -> inventory.Amounts:
        return eqx.tree_at(lambda a: getattr(a, row), moved(before, flux), getattr(before, row))

    whole = cycle_inventory(EVERYTHING, Cycles.of(6), scatter=SCATTER)
    assert float(jnp.max(jnp.abs(whole.imbalance))) < 1e-14
    monkeypatch.setattr(inventory, "_moved", without)
    with jax.disable_jit():
        broken = cycle_inventory(EVERYTHING, Cycles.of(6), scatter=SCATTER)
    assert float(jnp.max(jnp.abs(broken.imbalance))) > 1e-3
