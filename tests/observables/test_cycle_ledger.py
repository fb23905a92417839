"""The ledger by cycle, deposits by site and losses by channel, on a cell that loses lithium in every way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells

from jaxcell import (
    Cell,
    Collector,
    DeadLithium,
    Protocol,
    Settings,
    Solution,
    Until,
    coulombic_efficiency_figure,
    cycle_ledger,
    deposit_thickness,
    lithium_by_form_figure,
    lithium_ledger,
    lithium_losses,
    plate,
    replay,
    rest,
    simulate,
    strip,
)
from jaxcell.units import FARADAY

COARSE = Settings(1e-3, 1e-3)
MAH = FARADAY / 36000.0
UM_PER_MAH = 4.8505
CUT = Until(voltage_above=0.3)


def protocol(cycles: int = 3, lead: list | None = None) -> Protocol:
    """0.2 mAh cm-2 plated, in two steps; rests; all of it stripped."""
    half = [plate(2.0, 0.1, 2), plate(2.0, 0.1, 2), rest(30.0, 2), strip(2.0, points=6, until=CUT, duration=540.0)]
    return Protocol.of(lead or [], [*half, rest(30.0, 2)] * cycles)


@pytest.fixture(scope="module")
def cycled() -> Solution:
    return simulate(sample_cells.lossy(), protocol(), points=4, settings=COARSE)


def test_a_cycle_ends_where_the_next_plating_starts(cycled: Solution) -> None:
    cycles = cycle_ledger(cycled)
    assert list(cycles.number) == [1, 2, 3]
    np.testing.assert_allclose(cycles.plated * MAH, 0.2, rtol=1e-9)
    # Each ends at its rest: the last row of the protocol's steps 4, 9, 14.
    step, taken = np.asarray(cycled.step), cycled.taken
    rows = [taken[step[taken] == s][-1] for s in (4, 9, 14)]
    ledger = lithium_ledger(cycled)
    for name, found in cycles.lithium.items():
        expected = ledger.initial[f"working, {name}"] + ledger.change[f"working, {name}"][np.array(rows)]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    charge = np.asarray(cycled.charge)
    stripped = [np.nansum(charge[step == s]) for s in (3, 8, 13)]
    np.testing.assert_allclose(cycles.coulombic_efficiency, np.array(stripped) / 7200.0, rtol=1e-9)
    assert np.all((cycles.coulombic_efficiency > 0.3) & (cycles.coulombic_efficiency < 1.0))


def test_losses_of_the_cycles_add_up(cycled: Solution) -> None:
    cycles = cycle_ledger(cycled)
    assert {"interphase bottom", "interphase inside", "interphase top", "dead bottom", "trapped inside"} <= set(
        cycles.loss_in_all
    )
    assert not any(name.startswith(("stored", "live")) for name in cycles.loss_in_all)
    for name, in_all in cycles.loss_in_all.items():
        np.testing.assert_allclose(np.cumsum(cycles.loss_in_cycle[name]), in_all, rtol=1e-9, atol=1e-15)
        assert np.all(np.diff(in_all) > 0.0)
    assert np.all(np.abs(cycles.imbalance) < 1e-10)


def test_as_a_table(cycled: Solution) -> None:
    table = cycle_ledger(cycled).to_dataframe()
    assert table.index.name == "cycle"
    assert {"plated / mAh cm-2", "coulombic efficiency / 1", "live bottom / mAh cm-2", "imbalance / 1"} <= set(table)
    dead = table["dead bottom, in all / mAh cm-2"]
    np.testing.assert_allclose(table["dead bottom, in all / um"], UM_PER_MAH * dead, rtol=1e-4)
    assert table.columns.is_unique


def test_what_is_stripped_first_is_cycle_zero() -> None:
    lead = [strip(1.0, 0.1, 2), rest(10.0, 2)]
    cycles = cycle_ledger(simulate(sample_cells.symmetric(), protocol(2, lead), settings=COARSE))
    assert list(cycles.number) == [0, 1, 2]
    assert cycles.stripped[0] * MAH == pytest.approx(0.1, rel=1e-9)
    assert cycles.plated[0] == 0.0
    assert np.isnan(cycles.coulombic_efficiency[0])
    assert np.isnan(cycles.bottom_fraction[0])
    assert np.all((cycles.bottom_fraction[1:] > 0.0) & (cycles.bottom_fraction[1:] < 1.0))


def test_a_replayed_measurement_has_cycles() -> None:
    flow = np.array([0.0, *([-20.0] * 2), 0.0, *([20.0] * 2), *([-20.0] * 2), 0.0, *([10.0] * 2)])
    solution = simulate(sample_cells.symmetric(), replay(60.0 * np.arange(flow.size), flow), settings=COARSE)
    cycles = cycle_ledger(solution)
    assert list(cycles.number) == [1, 2]
    np.testing.assert_allclose(cycles.coulombic_efficiency, [1.0, 0.5], rtol=1e-9)


def test_dead_lithium_alone_sets_the_efficiency() -> None:
    """All of a deposit is stripped: xi of what is stripped dies beside it, CE = 1/(1 + xi)."""
    xi = 0.05
    collector = Collector(sample_cells.interface(10.0, 0.02, dead_lithium=DeadLithium(xi)))
    cell = Cell(collector, sample_cells.separator(), sample_cells.bare().working)
    table = cycle_ledger(simulate(cell, protocol(), settings=COARSE)).to_dataframe()
    # 1 %: what is left at the voltage stop, and the double layers' charge.
    np.testing.assert_allclose(table["coulombic efficiency / 1"], 1.0 / (1.0 + xi), rtol=0.01)
    dead = table["dead bottom, in cycle / mAh cm-2"]
    np.testing.assert_allclose(dead, xi * table["stripped / mAh cm-2"], rtol=0.01)


def test_deposits_by_site(cycled: Solution) -> None:
    found = deposit_thickness(cycled)
    assert list(found) == ["working, bottom", "working, inside", "working, top", "counter, bottom"]
    ledger = lithium_ledger(cycled)
    for place, name in (("working, inside", "working, live inside"), ("counter, bottom", "counter, live bottom")):
        amount = (ledger.initial[name] + ledger.change[name]) * MAH
        np.testing.assert_allclose(found[place] * 1e6, UM_PER_MAH * amount, rtol=1e-4)


def test_losses_by_channel_have_derivatives() -> None:
    foil = sample_cells.interface(dead_lithium=DeadLithium(0.02), interphase=sample_cells.growing())
    cell = sample_cells.replace(sample_cells.bare())
    cell = Cell.symmetric(type(cell.working)(50e-6, foil), cell.separator)
    plan = simulate(cell, protocol(1), settings=COARSE).plan

    @jax.jit
    def lost(xi):
        varied = sample_cells.replace(cell) if xi is None else _with_xi(cell, xi)
        losses = lithium_losses(lithium_ledger(simulate(varied, protocol(1), settings=COARSE, plan=plan, throw=False)))
        return losses["dead bottom"][jnp.asarray(5)]

    value, slope = jax.value_and_grad(lost)(jnp.asarray(0.02))
    # Dead lithium is in proportion to xi, but for its effect on the stop.
    assert float(slope) == pytest.approx(float(value) / 0.02, rel=1e-3)
    counter = lithium_losses(lithium_ledger(simulate(cell, protocol(1), settings=COARSE)), "counter")
    assert set(counter) == {"interphase bottom", "dead bottom"}


def _with_xi(cell: Cell, xi):
    import equinox as eqx

    return eqx.tree_at(lambda c: c.working.interface.dead_lithium.per_stripped, cell, xi)


def test_figures_show_every_form_and_close_to_one(cycled: Solution) -> None:
    cycles = cycle_ledger(cycled)
    figure = lithium_by_form_figure(cycles)
    (axes,) = figure.axes
    heights = [sum(bar.get_height() for bar in group.patches[:1]) for group in axes.containers]
    total = sum(float(v[0]) for v in cycles.lithium.values()) * MAH
    assert sum(heights) == pytest.approx(total, rel=1e-9)
    assert [group.get_label() for group in axes.containers] == list(cycles.lithium)
    low, high = coulombic_efficiency_figure(cycles).axes[0].get_ylim()
    assert low < 100.0 * np.nanmin(cycles.coulombic_efficiency)
    assert 100.0 < high < 115.0
