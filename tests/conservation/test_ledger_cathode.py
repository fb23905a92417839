"""The ledger of full cells and alloys: closed with every option, red when any flux of a cathode is missing."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from leaking import COARSE, LIMIT, Leaking, largest_imbalance

from jaxcell import (
    AlloyElectrode,
    BinarySalt,
    Cell,
    Collector,
    DeadLithium,
    HeatBalance,
    LithiumElectrode,
    Protocol,
    Separator,
    SoftShort,
    Until,
    charge,
    discharge,
    hold,
    lithium_ledger,
    plate,
    rest,
    simulate,
    strip,
)
from jaxcell.model import COUNTER
from jaxcell.model.cathode import Shells
from jaxcell.model.loss_coefficients import LIVE
from jaxcell.model.node_laws import CHARGE
from jaxcell.solver.system import Rows
from jaxcell.units import Nodes, from_mah_cm2

CYCLE = Protocol.of(
    discharge(1.0, 0.5, points=3),
    rest(600.0, points=1),
    charge(1.5, until=Until(voltage_above=4.1), duration=7200.0, points=4),
    hold(4.1, duration=600.0, points=1),
)


def lossy(**changes: Any) -> Cell:
    """Interphases, dead lithium, a short, and salt in layer, separator and cathode."""
    site = {"interphase": sample_cells.growing(), "dead_lithium": DeadLithium(0.02, 1e-7)}
    own = sample_cells.layer(
        top=sample_cells.interface(15.0, 0.06, **site), salt=BinarySalt(1000.0, 0.3, 2e-11, porosity=0.4)
    )
    cell = sample_cells.full(salted=True, working=LithiumElectrode(50e-6, sample_cells.interface(**site), own))
    short = SoftShort(20.0, from_mah_cm2(0.2))
    separator = Separator(30e-6, 0.5, short=short, salt=cell.separator.salt)
    return dataclasses.replace(cell, **({"separator": separator} | changes))


CELLS = {
    "single ion": sample_cells.full,
    "single particle behind a bare collector": lambda: sample_cells.full(
        working=Collector(sample_cells.interface(10.0, 0.02), initial_potential=-0.5), transport=None
    ),
    "losses, short and salt": lossy,
    "interphase inside the layer": lambda: sample_cells.full(
        working=LithiumElectrode(
            20e-6,
            sample_cells.interface(),
            sample_cells.layer(pores=sample_cells.pores(interphase=sample_cells.growing())),
        ),
        transport=None,
    ),
    "losses, short, salt and heat": lambda: lossy(heat_balance=HeatBalance(200.0, 0.1)),
}
# Programs of cells with a heat balance compile for minutes; tests/analytic/test_heat.py has one without losses.
SLOW = "losses, short, salt and heat"


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == SLOW else n for n in CELLS])
def test_lithium_balances(name: str) -> None:
    anode_free = "collector" in name
    protocol = Protocol.of(charge(1.0, 0.5, points=3), rest(600.0, points=1)) if anode_free else CYCLE
    solution = simulate(CELLS[name](), protocol, points=4, settings=COARSE)
    ledger = lithium_ledger(solution)
    taken = solution.taken
    assert np.all(np.abs(np.asarray(ledger.imbalance))[taken] < LIMIT)
    row = np.asarray(ledger.change["counter, intercalated"])[taken]
    assert row[2] * sample_cells.F / 36000.0 == pytest.approx(-0.5 if anode_free else 0.5, rel=0.1)
    if "losses" in name:
        for form in ("interphase", "dead"):
            lost = sum(float(v[taken[-1]]) for key, v in ledger.change.items() if f", {form} " in key)
            assert lost > 1e-4 * float(ledger.gross_charge[taken[-1]]), form


def test_alloys_balance_on_either_side() -> None:
    protocol = Protocol.of(plate(1.0, 0.3, points=2), strip(1.0, 0.5, points=2))
    assert np.all(np.abs(lithium_ledger(simulate(sample_cells.alloyed(), protocol, settings=COARSE)).imbalance) < LIMIT)
    working = AlloyElectrode(capacity=from_mah_cm2(8.0))
    cell = sample_cells.full(working=working)
    solution = simulate(cell, Protocol.of(discharge(1.0, 0.5, points=2), charge(1.0, 0.4, points=2)), points=4)
    assert np.all(np.abs(np.asarray(lithium_ledger(solution).imbalance)) < LIMIT)


FLUXES = ("from the ions", "between shells")


class LeakingCathode(Leaking):
    """A chain whose cathode takes from the ions what it should, times a weight, and passes it on, times another."""

    def node(self, fields: Rows, states: Rows, outermost: Nodes) -> Rows:
        rates = super().node(fields, states, outermost)
        weight = jnp.where(self.on(COUNTER), self.weights[0], 1.0)
        counted = CHARGE if self.losses else LIVE
        return tuple(weight * rate if name == counted else rate for name, rate in zip(self.rows, rates, strict=True))

    def particle(self, inside: Shells, outside: Shells) -> Shells:
        return self.weights[1] * super().particle(inside, outside)


@pytest.fixture(scope="module")
def leaking_run():
    """Largest imbalance of a run with these weights; one compiled program."""
    protocol = Protocol.of(discharge(1.0, 0.3, points=1), charge(1.0, 0.1, points=1))
    return largest_imbalance(LeakingCathode, sample_cells.full(), protocol, 3)


def test_the_ledger_closes_while_no_flux_is_missing(leaking_run) -> None:
    assert float(leaking_run(jnp.ones(len(FLUXES)))) < LIMIT


@pytest.mark.parametrize("flux", FLUXES)
def test_a_missing_flux_turns_the_ledger_red(leaking_run, flux: str) -> None:
    weights = jnp.ones(len(FLUXES)).at[FLUXES.index(flux)].set(1.0 - 1e-3)
    assert float(leaking_run(weights)) > 1e3 * LIMIT
