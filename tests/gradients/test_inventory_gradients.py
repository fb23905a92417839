"""Derivatives of capacities and ledger by the inventory's numbers, against central differences, in both modes."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcell import Cycles, LithiumInventory, cycle_inventory

NAMES = [field.name for field in dataclasses.fields(LithiumInventory)]
CELLS = {
    "anode-free": ([1.0, 0.0, 0.03, 1e-3, 1e-2, 0.05], jnp.inf),
    "reservoir runs dry": ([1.0, 0.13, 0.03, 1e-3, 1e-2, 0.05], jnp.inf),
    "one depth": ([50.0, 0.0, 0.03, 1e-3, 1e-2, 0.05], 1.0),
}


def outcome(values, depth):
    run = cycle_inventory(LithiumInventory(*values), Cycles.of(12, depth=depth))
    return jnp.concatenate([run.capacity, run.after.interphase, run.after.dead])


@pytest.mark.parametrize("case", CELLS)
def test_derivatives_match_differences(case: str):
    values, depth = np.array(CELLS[case][0]), float(CELLS[case][1])
    function = lambda v: outcome(v, depth)  # noqa: E731
    forward = np.asarray(jax.jacfwd(function)(jnp.asarray(values)))
    backward = np.asarray(jax.jacrev(function)(jnp.asarray(values)))
    np.testing.assert_allclose(backward, forward, rtol=1e-10, atol=1e-13)
    for k in range(values.size):
        if values[k] == 0.0:
            continue
        step = 1e-6 * values[k] * np.eye(values.size)[k]
        difference = (np.asarray(function(values + step)) - np.asarray(function(values - step))) / (2.0 * step[k])
        np.testing.assert_allclose(forward[:, k], difference, rtol=1e-6, atol=2e-8, err_msg=NAMES[k])


def test_derivatives_of_a_lossless_cell_are_those_of_a_first_loss():
    """At zero loss both electrodes end the strip at once; the loss must be felt in full, not by half."""
    last = lambda xi: cycle_inventory(LithiumInventory(1.0, dead_fraction=xi), Cycles.of(10)).capacity[-1]  # noqa: E731
    assert float(jax.grad(last)(jnp.asarray(0.0))) == pytest.approx(-10.0, rel=1e-12)


def test_many_cells_at_once():
    fractions = jnp.linspace(0.0, 0.1, 7)
    batch = eqx.filter_vmap(lambda xi: cycle_inventory(LithiumInventory(1.0, dead_fraction=xi), Cycles.of(9)))(
        fractions
    )
    assert batch.capacity.shape == (7, 9)
    np.testing.assert_allclose(batch.capacity[:, -1], (1.0 + fractions) ** -9, rtol=1e-12)
