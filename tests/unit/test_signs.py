"""Battery Data Format signs: against lithium, plating the working electrode is its discharge."""

import numpy as np
import pytest
import sample_cells

from jaxcell import Cell, Protocol, lithium_ledger, plate, simulate, strip

CELLS = {
    "bare": sample_cells.bare(),
    "symmetric": sample_cells.symmetric(),
    "half": sample_cells.half(),
    "pores": sample_cells.porous(),
}


@pytest.mark.parametrize("name", CELLS)
def test_plating_discharges(name: str) -> None:
    cell: Cell = CELLS[name]
    protocol = Protocol.of(plate(1.0, 0.1, points=2), strip(1.0, 0.05, points=2))
    solution = simulate(cell, protocol, points=4)
    assert cell.plating_sign == -1.0
    plating, stripping = slice(0, 2), slice(2, 4)
    assert np.all(np.asarray(solution.current_density)[plating] < 0.0)
    assert np.all(np.asarray(solution.voltage)[plating] < 0.0)
    assert np.all(np.asarray(solution.current_density)[stripping] > 0.0)
    assert np.all(np.asarray(solution.voltage)[stripping] > 0.0)
    ledger = lithium_ledger(solution)
    working = sum(np.asarray(change) for row, change in ledger.change.items() if row.startswith("working"))
    counter = sum(np.asarray(change) for row, change in ledger.change.items() if row.startswith("counter"))
    assert np.all(np.diff(working[plating]) > 0.0)
    assert np.all(np.diff(counter[plating]) < 0.0)
    assert np.all(np.diff(working[1:]) < 0.0)
    assert np.all(np.diff(counter[1:]) > 0.0)


def test_a_symmetric_cell_answers_both_directions_alike() -> None:
    cell = CELLS["bare"]
    forward = simulate(cell, Protocol.of(plate(2.0, 0.02, points=4)))
    backward = simulate(cell, Protocol.of(strip(2.0, 0.02, points=4)))
    np.testing.assert_allclose(forward.voltage, -backward.voltage, rtol=1e-9)


def test_the_voltage_includes_the_separator() -> None:
    cell = CELLS["bare"]
    thicker = sample_cells.replace(cell, separator__thickness=2 * cell.separator.thickness)
    protocol = Protocol.of(plate(2.0, 0.02, points=4))
    change = simulate(thicker, protocol).voltage - simulate(cell, protocol).voltage
    np.testing.assert_allclose(change, -20.0 * 50e-6 / 0.24, rtol=1e-6)  # 1 uV: Newton's tolerance
