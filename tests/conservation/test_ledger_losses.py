"""The ledger with losses: it closes for every combination of them, and goes red when any flux is missing."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from hypothesis import given, settings
from hypothesis import strategies as st
from leaking import COARSE, LIMIT, Leaking, largest_imbalance

from jaxcell import (
    RESULTS,
    BinarySalt,
    Cell,
    Collector,
    ContactLoss,
    DeadLithium,
    HeatBalance,
    LithiumElectrode,
    MarcusHushChidseyKinetics,
    Protocol,
    Separator,
    SoftShort,
    Storage,
    Trap,
    Until,
    assemble,
    hold,
    lithium_ledger,
    plate,
    rest,
    simulate,
    strip,
)
from jaxcell.ledger import FORMS
from jaxcell.model import WORKING
from jaxcell.solver.system import Rows
from jaxcell.units import Nodes, from_mah_cm2

LOSSES = (
    "interphase",
    "dead_lithium",
    "contact_loss",
    "storage",
    "trap",
    "short",
    "heat_balance",
    "salt",
    "layer_salt",
)


def cell(options: frozenset[str], *, pores: bool = True, layer: bool = True, marcus: bool = False) -> Cell:
    """A collector with those losses everywhere that they can be."""
    parts: dict[str, Any] = {
        "interphase": sample_cells.growing(),
        "dead_lithium": DeadLithium(0.02, 1e-7),
        "contact_loss": ContactLoss(critical_current_density=5.0, loss_per_charge=1e-4, healing_rate=1e-4),
    }
    site = {name: part for name, part in parts.items() if name in options}
    kinetics = {"kinetics": MarcusHushChidseyKinetics(12.0)} if marcus else {}

    def interface(i0: float, barrier: float) -> Any:
        own = sample_cells.interface(i0, barrier, **site)
        return dataclasses.replace(own, **kinetics) if kinetics else own

    inside = {name: part for name, part in site.items() if name != "contact_loss"}
    protected = sample_cells.layer(
        top=interface(15.0, 0.03),
        pores=sample_cells.pores(**inside) if pores else None,
        storage=Storage() if "storage" in options else None,
        trap=Trap() if "trap" in options else None,
        salt=BinarySalt(diffusivity=2e-11, porosity=0.4) if "layer_salt" in options else None,
    )
    return Cell(
        Collector(interface(10.0, 0.02), protected if layer else None),
        Separator(
            50e-6,
            0.24,
            short=SoftShort(20.0, from_mah_cm2(0.2)) if "short" in options else None,
            salt=BinarySalt() if "salt" in options else None,
        ),
        LithiumElectrode(50e-6, interface(20.0, 0.0)),
        heat_balance=HeatBalance(200.0, 0.1) if "heat_balance" in options else None,
    )


PROTOCOL = Protocol.of(plate(3.0, 0.3, points=3), rest(600.0, points=1), strip(3.0, 0.1, points=3))


# With heat the program of all of them together compiles for minutes.
@pytest.mark.parametrize("options", [*LOSSES, pytest.param("all", marks=pytest.mark.slow)])
def test_lithium_balances(options: str) -> None:
    chosen = frozenset(LOSSES if options == "all" else [options])
    solution = simulate(cell(chosen), PROTOCOL, points=2, settings=COARSE)
    ledger = lithium_ledger(solution)
    assert np.all(np.abs(np.asarray(ledger.imbalance)) < LIMIT)
    names = {"interphase": "interphase", "dead_lithium": "dead", "storage": "stored", "trap": "trapped"}
    for option in chosen & names.keys():
        amounts = [change for name, change in ledger.change.items() if f", {names[option]} " in name]
        assert sum(float(change[-1]) for change in amounts) > 1e-6 * float(ledger.gross_charge[-1]), option


class LeakingRows(Leaking):
    """A chain whose rows gain what they should, times a weight."""

    def node(self, fields: Rows, states: Rows, outermost: Nodes) -> Rows:
        rates = super().node(fields, states, outermost)
        working = self.on(WORKING)  # what is missing on both sides could cancel
        return tuple(jnp.where(working, self.weights[i], 1.0) * rate for i, rate in enumerate(rates))


@pytest.fixture(scope="module")
def leaking_run():
    """Largest imbalance of a run whose rows have these weights; one compiled program for all."""
    own = cell(frozenset(LOSSES) - {"heat_balance", "short", "salt", "layer_salt"})
    return assemble(own, 2).rows, largest_imbalance(
        LeakingRows, own, Protocol.of(plate(3.0, 0.3, points=1), strip(3.0, 0.1, points=1)), 2
    )


def test_the_ledger_closes_while_no_flux_is_missing(leaking_run) -> None:
    rows, run = leaking_run
    assert set(FORMS) <= set(rows)
    assert float(run(jnp.ones(len(rows)))) < LIMIT


@pytest.mark.parametrize("form", [*FORMS, "charge"])
def test_a_missing_flux_turns_the_ledger_red(leaking_run, form: str) -> None:
    rows, run = leaking_run
    weights = jnp.ones(len(rows)).at[rows.index(form)].set(1.0 - 1e-3)
    assert float(run(weights)) > 1e3 * LIMIT


SIZES, CHARGES = st.floats(0.2, 6.0), st.floats(0.05, 0.5)
DRAWS = {
    "options": st.frozensets(st.sampled_from(LOSSES)),
    "layer": st.booleans(),
    "pores": st.booleans(),
    "marcus": st.booleans(),
    "plated": st.tuples(SIZES, CHARGES),
    "stripped": st.tuples(SIZES, CHARGES),
    "rests": st.floats(1.0, 1e5),
    "held": st.floats(-0.05, 0.05),
    "end": st.sampled_from(["charge", "stop", "hold"]),
}


def _check(options, layer, pores, marcus, plated, stripped, rests, held, end) -> None:
    """Any set of losses, with or without layer and pores, either kinetics; currents, a held voltage, a stop."""
    own = cell(options, pores=pores, layer=layer, marcus=marcus)
    last = {
        "charge": lambda: strip(*stripped, points=2),
        "stop": lambda: strip(*stripped, points=2, until=Until(voltage_above=0.5)),
        "hold": lambda: hold(held, duration=600.0, points=2),
    }[end]()
    protocol = Protocol.of(plate(*plated, points=2), rest(rests, points=1), last)
    solution = simulate(own, protocol, points=2, settings=COARSE, throw=False)
    # Stripping more than is there ends at the guard.
    assert solution.result in (RESULTS.successful, RESULTS.voltage_guard)
    taken = solution.taken
    assert taken.size > 0
    assert np.all(np.abs(np.asarray(lithium_ledger(solution).imbalance))[taken] < LIMIT)


@settings(max_examples=3)
@given(**DRAWS)
def test_lithium_balances_for_any_combination(**drawn: Any) -> None:
    _check(**drawn)


@pytest.mark.slow
@settings(max_examples=150)
@given(**DRAWS)
def test_lithium_balances_for_many_combinations(**drawn: Any) -> None:
    _check(**drawn)
