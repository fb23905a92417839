"""Battery Data Format signs: against lithium, plating the working electrode is its discharge."""

import equinox as eqx
import numpy as np
import pytest
import sample_cells

from jaxcell import Cell, Protocol, plate, simulate, strip
from jaxcell.model import COUNTER, WORKING
from jaxcell.solver.schedule import uniform_plan

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
    solution = simulate(cell, protocol, points=4, plan=uniform_plan(4, 8))
    assert cell.plating_sign == -1.0
    plating, stripping = slice(0, 2), slice(2, 4)
    assert np.all(np.asarray(solution.current_density)[plating] < 0.0)
    assert np.all(np.asarray(solution.voltage)[plating] < 0.0)
    assert np.all(np.asarray(solution.current_density)[stripping] > 0.0)
    assert np.all(np.asarray(solution.voltage)[stripping] > 0.0)
    gained, sides = np.asarray(solution.state.node)[:, 0, :], np.array(solution.model.sides)
    working, counter = (np.sum(gained[:, sides == side], axis=1) for side in (WORKING, COUNTER))
    assert np.all(np.diff(working[plating]) > 0.0)
    assert np.all(np.diff(counter[plating]) < 0.0)
    assert np.all(np.diff(working[1:]) < 0.0)
    assert np.all(np.diff(counter[1:]) > 0.0)


def test_a_symmetric_cell_answers_both_directions_alike() -> None:
    cell = CELLS["bare"]
    forward = simulate(cell, Protocol.of(plate(2.0, 0.02, points=4)))
    backward = simulate(cell, Protocol.of(strip(2.0, 0.02, points=4)))
    np.testing.assert_allclose(forward.voltage, -backward.voltage, rtol=1e-9)


def test_no_film_is_a_film_without_resistance() -> None:
    protocol = Protocol.of(plate(2.0, 0.02, points=4))
    parts = ("working__interface__film", "working__layer__top__film", "counter__interface__film")
    changes = {f"{part}_resistance": 0.0 for part in parts} | {"working__layer__separator_film__resistance": 0.0}
    without = eqx.tree_at(
        lambda c: (
            c.working.interface.film_resistance,
            c.working.layer.top.film_resistance,
            c.working.layer.separator_film,
            c.counter.interface.film_resistance,
        ),
        CELLS["half"],
        (None, None, None, None),
    )
    plan = uniform_plan(4, 8)
    bare, zero = (simulate(c, protocol, plan=plan) for c in (without, sample_cells.replace(CELLS["half"], **changes)))
    np.testing.assert_allclose(bare.voltage, zero.voltage, rtol=1e-8)
    np.testing.assert_allclose(bare.state.node, zero.state.node, rtol=1e-8, atol=1e-12)


def test_the_voltage_includes_the_separator() -> None:
    cell = CELLS["bare"]
    thicker = sample_cells.replace(cell, separator__thickness=2 * cell.separator.thickness)
    protocol = Protocol.of(plate(2.0, 0.02, points=4))
    change = simulate(thicker, protocol).voltage - simulate(cell, protocol).voltage
    np.testing.assert_allclose(change, -20.0 * 50e-6 / 0.24, rtol=1e-6)  # 1 uV: Newton's tolerance
