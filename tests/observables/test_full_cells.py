"""Cycled full cells: capacity, coulombic efficiency and comparison say what the ledger says."""

import dataclasses
import importlib.util
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcell import (
    NMC532,
    NMC811,
    RESULTS,
    Cell,
    CycleLedger,
    LithiumElectrode,
    Protocol,
    Solution,
    Until,
    at_voltage,
    capacity_balance,
    charge,
    compare_layers,
    comparison_figure,
    cycle_ledger,
    discharge,
    full_cell_figure,
    hold,
    lithium_by_form_figure,
    lithium_ledger,
    rest,
    simulate,
)
from jaxcell.units import FARADAY

MAH = FARADAY / 36000.0
_spec = importlib.util.spec_from_file_location("full_cell", Path(__file__).parents[2] / "fit" / "full_cell.py")
assert _spec is not None
assert _spec.loader is not None
study = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(study)
CYCLES = 40
PROTOCOL = Protocol.of(
    dataclasses.replace(study.UP, points=4), dataclasses.replace(study.DOWN, points=4), repeat=CYCLES
)


@pytest.fixture(scope="module")
def foil() -> Solution:
    """5 um of lithium: gone after some 25 cycles."""
    return simulate(study.cell(5e-6), PROTOCOL)


@pytest.fixture(scope="module")
def cycles(foil: Solution) -> CycleLedger:
    return cycle_ledger(foil)


def lost_in_cycle(cycles: CycleLedger) -> np.ndarray:
    return sum(cycles.loss_in_cycle.values())


def test_a_cycle_is_a_charge_and_its_discharge(foil: Solution, cycles: CycleLedger) -> None:
    assert foil.result is RESULTS.successful
    assert list(cycles.number) == list(range(1, CYCLES + 1))
    step, passed = np.asarray(foil.step), np.asarray(foil.charge)
    for k in (0, 7, CYCLES - 1):
        up, down = np.nansum(passed[step == 2 * k]), np.nansum(passed[step == 2 * k + 1])
        assert up > 0.0 > down
        assert cycles.plated[k] * FARADAY == pytest.approx(up, rel=1e-12)
        assert cycles.coulombic_efficiency[k] == pytest.approx(-down / up, rel=1e-12)
    assert np.all(np.abs(cycles.imbalance) < 1e-10)


def test_capacity_fades_by_what_the_ledger_lost(cycles: CycleLedger) -> None:
    gone = int(np.flatnonzero(cycles.exhausted)[0])
    assert 15 < gone < CYCLES - 5
    assert np.all(cycles.exhausted[gone:])
    lost = lost_in_cycle(cycles)
    # Empty at both ends, an anode gives back what it got but for what is lost (0.1 %: live residue, double layers).
    after = slice(gone + 1, None)
    np.testing.assert_allclose((cycles.plated - cycles.stripped)[after], lost[after], rtol=1e-3)
    # Capacity lost from one discharge to the next. 3 %: the cathode ends its charge a little earlier as the resistance
    # of the interphase grows.
    np.testing.assert_allclose(-np.diff(cycles.stripped)[gone + 1 :], lost[gone + 2 :], rtol=0.03)
    # Before, no loss shows: capacity falls by less than a tenth of it.
    assert abs(cycles.stripped[gone - 1] - cycles.stripped[2]) < 0.1 * np.sum(lost[2:gone])


def test_the_knee_is_where_the_ledger_says(cycles: CycleLedger) -> None:
    gone = int(np.flatnonzero(cycles.exhausted)[0])
    reservoir = 5e-6 / 13e-6  # lithium of the foil, mol m-2
    # What the first charge brings beyond a full discharge at this rate belongs to it.
    reservoir += cycles.plated[0] - cycles.stripped[gone - 1]
    assert cycles.lost[gone - 1] < reservoir * 1.01
    assert cycles.lost[gone + 1] > reservoir
    np.testing.assert_allclose(cycles.at_hand[gone + 1 :], cycles.stripped[gone + 1 :], rtol=1e-3)
    assert np.all(cycles.at_hand[: gone - 1] > 1.01 * cycles.stripped[: gone - 1])


def test_lithium_of_the_cell_adds_up(foil: Solution, cycles: CycleLedger) -> None:
    assert cycles.cathode is not None
    whole = cycles.cathode + sum(cycles.lithium.values())
    # 1e-4: what the double layers hold.
    start = float(capacity_balance(study.cell(5e-6)).excess + capacity_balance(study.cell(5e-6)).cathode)
    low = study.cell(5e-6).counter
    held = start + float(low.lithium_sites * low.lowest_stoichiometry)
    np.testing.assert_allclose(whole, held, rtol=1e-4)
    table = cycles.to_dataframe()
    np.testing.assert_allclose(table["cathode / mAh cm-2"], cycles.cathode * MAH, rtol=1e-12)
    (axes,) = lithium_by_form_figure(cycles).axes
    assert [bars.get_label() for bars in axes.containers] == [*cycles.lithium, "cathode"]
    assert axes.get_ylabel().startswith("lithium of the cell")
    assert "counter, intercalated" in lithium_ledger(foil).change


def test_the_figure_of_full_cells(foil: Solution, cycles: CycleLedger) -> None:
    voltage, capacity, bottom, lithium = full_cell_figure(foil, names=("5 um",)).axes
    first, last = voltage.lines[:2]
    assert first.get_xdata()[-1] == pytest.approx(cycles.stripped[0] * MAH, rel=1e-9)
    assert last.get_xdata()[-1] == pytest.approx(cycles.stripped[-1] * MAH, rel=1e-9)
    assert first.get_ydata()[-1] == pytest.approx(3.0, abs=1e-6)
    np.testing.assert_allclose(capacity.lines[1].get_ydata(), cycles.at_hand * MAH, rtol=1e-12)
    np.testing.assert_allclose(bottom.lines[0].get_ydata(), 100.0 * cycles.bottom_fraction, rtol=1e-12)
    assert lithium.get_title().startswith("5 um")
    with pytest.raises(ValueError, match=r"one name for each of its solutions, but got 0 for 1"):
        full_cell_figure(foil, names=())


def test_a_charged_cell_is_discharged_in_cycle_zero() -> None:
    cell = at_voltage(study.cell(5e-6), 4.0)
    lead = [discharge(c_rate=0.5, points=2, duration=600.0)]
    rated = {"c_rate": 0.5, "points": 2}
    cycle = [
        charge(until=Until(voltage_above=4.1), duration=7200.0, **rated),
        hold(4.1, until=Until(rate_below=0.1), duration=3600.0, points=2),
        rest(60.0, 1),
        discharge(duration=1200.0, **rated),
    ]
    found = cycle_ledger(simulate(cell, Protocol.of(lead, cycle * 2)))
    assert list(found.number) == [0, 1, 2]
    assert found.plated[0] == 0.0
    assert np.isnan(found.coulombic_efficiency[0])
    # The hold belongs to the charge before it: 10 min out, and in again with what brings 4.0 V to 4.1 V.
    assert found.plated[1] > found.stripped[0] > 0.0
    assert found.stripped[1] == pytest.approx(found.stripped[0] * 2.0, rel=1e-9)


def test_layers_in_full_cells_are_compared() -> None:
    protected = study.cell(5e-6)
    bare = Cell(LithiumElectrode(5e-6, study.TOP), protected.separator, protected.counter)
    short = Protocol.of(dataclasses.replace(study.UP, points=4), dataclasses.replace(study.DOWN, points=4), repeat=3)
    found = compare_layers(bare, protected, short, names=("bare", "layer"))
    for which in (0, 1):
        balance = found.balance(which)
        assert abs(balance["residual"]) < 1e-9
        assert "from the cathode" in balance
        assert "from the counter electrode" not in balance
    table = found.table
    assert table.loc["cathode / mAh cm-2", "bare"] == pytest.approx(found.cycles[0].cathode[-1] * MAH, rel=1e-12)
    last = table.loc["discharge capacity, last / mAh cm-2"]
    assert last["layer"] == pytest.approx(found.cycles[1].stripped[-1] * MAH, rel=1e-12)
    assert np.isnan(table.loc["first cycle without reservoir / 1", "layer"])
    assert len(comparison_figure(found).axes) == 4
    assert table.loc["lost in all / mAh cm-2", "bare"] > table.loc["lost in all / mAh cm-2", "layer"]


def test_cells_that_differ_in_the_cathodes_law_are_refused() -> None:
    cell = study.cell(5e-6)
    assert isinstance(cell.counter.open_circuit, NMC532)
    other = eqx.tree_at(lambda c: c.counter.open_circuit, cell, NMC811())
    with pytest.raises(ValueError, match=r"but counter is of another kind, or has other laws, in 'a' than in 'b'"):
        compare_layers(cell, other, PROTOCOL)
    thicker = eqx.tree_at(lambda c: c.counter.thickness, cell, jnp.asarray(50e-6))
    with pytest.raises(ValueError, match=r"counter.thickness is 4.2e-05 in 'a' and 5e-05 in 'b'"):
        compare_layers(cell, thicker, PROTOCOL)
