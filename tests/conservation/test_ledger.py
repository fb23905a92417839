"""Every lithium atom is somewhere: at every saved time, for every kind of cell, controlled or replayed."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells

from jaxcell import (
    Cell,
    Collector,
    Current,
    LithiumElectrode,
    Protocol,
    Settings,
    Solution,
    Step,
    assemble,
    lithium_ledger,
    plate,
    rest,
    simulate,
    strip,
)
from jaxcell.drive import schedule_of
from jaxcell.model import WORKING, ChainModel
from jaxcell.solver.integrate import solve
from jaxcell.solver.system import Capacities

LIMIT = 1e-10
COARSE = Settings(1e-3, 1e-3)

CELLS = {
    "bare": sample_cells.bare(),
    "symmetric, layers with barriers": sample_cells.symmetric(),
    "half cell": sample_cells.half(),
    "half cell, pores": sample_cells.porous(),
    "pores, no top, no films": sample_cells.porous(top=None, separator_film=None),
    "no films, no double layers": sample_cells.replace(
        sample_cells.half(),
        **{
            f"{place}__{name}": 0.0
            for place in ("working__interface", "working__layer__top", "counter__interface")
            for name in ("film_resistance", "film_capacitance", "double_layer_capacitance")
        },
        working__layer__separator_film__resistance=0.0,
        working__layer__separator_film__capacitance=0.0,
    ),
}
# Through nucleation at the bottom and at the top, rest, stripping of nearly everything.
PROTOCOL = Protocol.of(plate(4.0, 0.3, points=4), rest(30.0, points=2), strip(4.0, 0.29, points=4))


_imbalance = eqx.filter_jit(lambda solution: lithium_ledger(solution).imbalance)


def imbalance(solution: Solution) -> np.ndarray:
    return np.abs(np.asarray(_imbalance(solution)))


@pytest.mark.parametrize("name", CELLS)
def test_lithium_balances(name: str) -> None:
    controlled = simulate(CELLS[name], PROTOCOL, points=6, settings=COARSE)
    assert np.all(imbalance(controlled) < LIMIT)
    replayed = simulate(CELLS[name], PROTOCOL, points=6, settings=COARSE, plan=controlled.plan)
    assert np.all(imbalance(replayed) < LIMIT)


def test_lithium_balances_through_exhaustion() -> None:
    cell = CELLS["half cell, pores"]
    # As long as the run above: one compiled program; half as much again is stripped as was plated.
    protocol = Protocol.of(plate(4.0, 0.3, points=4), rest(30.0, points=2), strip(4.0, 0.45, points=4))
    solution = simulate(cell, protocol, points=6, settings=COARSE, throw=False)
    assert 7 <= solution.reached < 10
    assert np.all(imbalance(solution)[: solution.reached] < LIMIT)
    final = solution.trajectory.final
    model = solution.model
    gained = jnp.sum(final.node) + jnp.sum(model.nodes.capacitance * final.field) / sample_cells.F
    assert abs(float(gained)) < LIMIT * 0.3 * 36000 / sample_cells.F


@pytest.fixture(scope="module")
def pulses() -> Solution:
    """Microsecond pulses on thick foils: what moves is 1e-9 of what is there."""
    foil = LithiumElectrode(500e-6, sample_cells.interface())
    cell = Cell(foil, sample_cells.separator(), foil)
    pulse = (
        Step(Current(-1000.0), 1e-6, points=2),
        rest(5e-6, 2),
        Step(Current(1000.0), 1e-6, points=2),
        rest(1e-3, 2),
    )
    return simulate(cell, Protocol.of(*pulse, repeat=3))


def test_lithium_balances_for_microsecond_pulses_on_thick_foils(pulses: Solution) -> None:
    assert np.all(imbalance(pulses) < LIMIT)
    moved = np.max(np.abs(np.asarray(pulses.state.node)))
    assert 0.0 < moved < 1e-8 * float(pulses.model.nodes.initial_lithium[0])


@pytest.fixture(scope="module")
def cycles() -> Solution:
    protocol = Protocol.of(plate(1.0, 0.2, points=2), strip(1.0, 0.199, points=2), repeat=50)
    return simulate(sample_cells.half(), protocol, settings=COARSE)


def test_lithium_balances_over_a_hundred_half_cycles(cycles: Solution) -> None:
    assert np.all(imbalance(cycles) < LIMIT)
    # What stays is what was not stripped: 50 times 1 uAh cm-2, on the working electrode.
    ledger = lithium_ledger(cycles)
    kept = sum(float(change[-1]) for name, change in ledger.change.items() if name.startswith("working"))
    assert kept * sample_cells.F / 36000.0 == pytest.approx(0.05, rel=0.02)  # 2 %: charge of the double layers


def test_gross_charge_counts_both_directions(cycles: Solution) -> None:
    gross = np.asarray(lithium_ledger(cycles).gross_charge) * sample_cells.F / 36000.0
    assert gross[-1] == pytest.approx(50 * (0.2 + 0.199), rel=1e-12)


class Leaking(ChainModel):
    """The working electrode's lithium is counted 1e-6 too low (on both sides it would cancel)."""

    @property
    def capacities(self) -> Capacities:
        own = super().capacities
        return own._replace(node_charge=own.node_charge * jnp.where(self.on(WORKING), 1.0 + 1e-6, 1.0)[None])


@pytest.mark.parametrize("kind", [ChainModel, Leaking])
def test_the_ledger_can_fail(kind: type[ChainModel]) -> None:
    sound = assemble(sample_cells.half())
    model = kind(**{f.name: getattr(sound, f.name) for f in dataclasses.fields(sound)})
    protocol = Protocol.of(Step(Current(-10.0), 100.0, points=1))  # plates at 10 A m-2
    schedule = schedule_of(protocol, sample_cells.half())
    trajectory = jax.jit(lambda m: solve(m, m.initial_state, schedule, COARSE))(model)
    solution = Solution(
        time=jnp.asarray([100.0]),
        voltage=-trajectory.voltage,
        current_density=jnp.asarray([-10.0]),
        charge=-trajectory.charge,
        step=jnp.asarray([0]),
        state=trajectory.state,
        model=model,
        trajectory=trajectory,
    )
    error = imbalance(solution)[0]
    if kind is Leaking:
        assert error == pytest.approx(1e-6, rel=0.1)
    else:
        assert error < LIMIT


def test_ledger_as_a_table() -> None:
    assert isinstance(CELLS["half cell, pores"].working, Collector)
    solution = simulate(CELLS["half cell, pores"], PROTOCOL, points=6, settings=COARSE)
    table = lithium_ledger(solution).to_dataframe()
    assert list(table.columns) == [
        "working, live bottom / mAh cm-2",
        "working, live inside / mAh cm-2",
        "working, live top / mAh cm-2",
        "counter, live bottom / mAh cm-2",
        "double layers / mAh cm-2",
        "imbalance / 1",
    ]
    assert table.index.name == "time / s"
    total = table.iloc[:, :-1].sum(axis=1).to_numpy()
    np.testing.assert_allclose(total, total[0], rtol=1e-12)
    foil = 50e-6 / 13e-6 * sample_cells.F / 36000.0
    assert table["counter, live bottom / mAh cm-2"].iloc[0] == pytest.approx(foil - 0.075, rel=1e-3)
