"""Forecasts of capacities: what they start from, and how often their intervals hold."""

import numpy as np
import pytest
from inventory_cases import LENGTH, QUICK, WHOLE, believed_cells, held, record

from jaxcell import Cycles, LithiumInventory
from jaxcell.inference import InventoryProblem, cycle_data, fit, forecast, loss_parameters

CELL = LithiumInventory(1.0, dead_fraction=0.08, trap=0.1)


@pytest.fixture(autouse=True)
def quick_compilation():
    """One program runs many times here, so that its optimisation pays."""


def ahead(capacity, channels=("dead", "trapped"), **options):
    data = cycle_data(capacity, cycles=Cycles.of(LENGTH), **options)
    problem = InventoryProblem(WHOLE, data, loss_parameters(WHOLE, channels))
    return forecast(problem, fit(problem, starts=4, settings=QUICK))


def test_a_quiet_record_goes_on_as_it_did():
    truth = record(CELL, np.zeros(LENGTH))
    found = ahead(truth[:10], noise=1e-4)
    assert np.all(np.isnan(found.median[:10]))
    np.testing.assert_allclose(found.median[10:], truth[10:], rtol=2e-3)
    assert np.all(found.covers(truth)[10:])
    assert not np.any(found.covers(truth)[:10])


def test_intervals_widen_with_scatter_and_with_lead():
    truth = record(CELL, np.zeros(LENGTH))
    narrow, wide = (ahead(truth[:10], noise=noise) for noise in (0.003, 0.03))
    width = lambda found: (found.high - found.low)[10:] / truth[10:]  # noqa: E731
    assert np.all(width(wide) > 4.0 * width(narrow))
    assert np.all(np.diff(width(narrow)) > 0.0)


def test_a_forecast_is_the_same_every_time():
    capacity = record(CELL, 0.01 * np.random.default_rng(0).normal(size=LENGTH))[:9]
    np.testing.assert_array_equal(ahead(capacity).high, ahead(capacity).high)


@pytest.mark.slow
def test_intervals_hold_at_their_rate_over_cells_drawn_from_the_priors():
    """Cells that still work after 12 cycles; credible intervals hold at 95 % on average over the belief."""
    rng, found = np.random.default_rng(3), []
    for cell in believed_cells(800, seed=4):
        capacity = record(cell, 0.01 * rng.normal(size=LENGTH))
        if capacity[11] >= 0.05 and len(found) < 200:
            found.append(held(cell, capacity, 12))
    assert len(found) == 200
    assert np.mean([h.loss for h in found]) >= 0.92
    assert 0.92 <= np.mean([h.ahead for h in found]) <= 0.99
    for name in ("dead", "interphase", "trapped"):
        assert np.mean([h.channels[name] for h in found]) >= 0.89, name
    told = [h.channels[name] for h in found for name in h.told if h.told[name]]
    assert np.mean(told) >= 0.9
