"""Lithium balances and stays positive for cells and protocols drawn at random."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import sample_cells
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array

from jaxcell import (
    RESULTS,
    Cell,
    Collector,
    Current,
    Film,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    Pores,
    ProtectionLayer,
    Protocol,
    Settings,
    Solution,
    Step,
    lithium_ledger,
    simulate,
)

STEPS = 6


def decades(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(np.log10(low), np.log10(high)).map(lambda x: float(10**x))


def or_zero(strategy: st.SearchStrategy[float]) -> st.SearchStrategy[float]:
    return st.one_of(st.just(0.0), strategy)


@st.composite
def interfaces(draw: st.DrawFn) -> Interface:
    capacity = draw(decades(1e-4, 1e-2))
    return Interface(
        LithiumKinetics(draw(decades(0.1, 200.0)), draw(st.floats(0.3, 0.7)), draw(st.floats(0.3, 0.7))),
        Nucleation(draw(or_zero(decades(1e-3, 0.15))), capacity, capacity / draw(st.floats(50.0, 500.0))),
        double_layer_capacitance=draw(or_zero(decades(1e-3, 1.0))),
        film_resistance=draw(or_zero(decades(1e-5, 1e-2))),
        film_capacitance=draw(or_zero(decades(1e-4, 1.0))),
        contact_resistance=draw(or_zero(decades(1e-6, 1e-3))),
    )


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    inside = draw(interfaces())
    pores = Pores(
        draw(decades(1e4, 1e7)),
        draw(st.floats(0.05, 0.9)),
        inside.kinetics,
        inside.nucleation,
        inside.double_layer_capacitance,
    )
    layer = ProtectionLayer(
        draw(decades(1e-6, 2e-5)),
        draw(decades(1e-3, 1.0)),
        draw(decades(0.1, 1000.0)),
        top=draw(interfaces()),
        pores=pores,
        separator_film=Film(draw(or_zero(decades(1e-5, 1e-2))), draw(or_zero(decades(1e-4, 1.0)))),
        electronic_contact_resistance=draw(or_zero(decades(1e-6, 1e-3))),
    )
    working = Collector(draw(interfaces()), layer)
    counter = LithiumElectrode(draw(decades(2e-5, 5e-4)), draw(interfaces()))
    return Cell(working, sample_cells.separator(), counter, draw(st.floats(250.0, 350.0)))


@st.composite
def protocols(draw: st.DrawFn) -> Protocol:
    steps = []
    for k in range(STEPS):
        current = draw(or_zero(decades(0.01, 100.0)))
        # The first plates, or there would be nothing to strip.
        sign = -1.0 if k == 0 else draw(st.sampled_from([-1.0, 1.0]))
        steps.append(Step(Current(sign * current), draw(decades(1e-5, 1e4)), points=2))
    return Protocol.of(*steps)


@eqx.filter_jit
def _run(cell: Cell, protocol: Protocol) -> tuple[Solution, Array]:
    solution = simulate(cell, protocol, points=5, settings=Settings(1e-3, 1e-3, max_steps=1024), throw=False)
    return solution, lithium_ledger(solution).imbalance


@settings(max_examples=15)
@given(cells(), protocols())
def test_lithium_balances_and_stays_positive(cell: Cell, protocol: Protocol) -> None:
    solution, imbalance = _run(cell, protocol)
    # Stripping more than is there ends at the guard, or without double layers where the clock ends; so does a rest
    # of nothing but bare collectors, which have no potential.
    assert solution.result in (RESULTS.successful, RESULTS.voltage_guard, RESULTS.step_too_small)
    reached = solution.reached
    # Where next to nothing moves (a rest without double layers), rounding is all there is to balance.
    moves = np.max(np.abs(np.asarray(solution.state.node[:reached, 0, :])), axis=1, initial=0.0) > 1e-12
    assert np.all(np.abs(np.asarray(imbalance[:reached]))[moves] < 1e-10)
    nodes = solution.model.nodes
    lithium = nodes.initial_lithium[None] + solution.state.node[:reached, 0, :]
    last = solution.model.lithium(solution.trajectory.final)
    # Newton's method leaves 4e-5 of the depletion capacity at every stage.
    slack = 5e-4 * nodes.depletion_capacity
    assert np.all(np.asarray(jnp.minimum(jnp.min(lithium, axis=0, initial=jnp.inf), last) >= -slack))
