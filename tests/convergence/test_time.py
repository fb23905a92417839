"""Measured order of the time stepping, and what error control makes of it."""

import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array

from jaxcell import (
    Cell,
    Current,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    Plan,
    Protocol,
    Settings,
    Solution,
    Step,
    plate,
    rest,
    simulate,
    strip,
)
from jaxcell.solver.schedule import uniform_plan
from jaxcell.solver.tableau import BACKWARD_EULER, SDIRK2, SDIRK3, Tableau

PLAN_SIZE = 4096
"""Every plan padded to one shape: one compiled program for each scheme."""


def _relaxing_cell() -> Cell:
    """Strongly nonlinear kinetics beside double layers and films that take seconds to charge."""
    slow = Interface(
        LithiumKinetics(5.0), double_layer_capacitance=400.0, film_resistance=1e-3, film_capacitance=1500.0
    )
    return Cell(LithiumElectrode(50e-6, slow), sample_cells.separator(), LithiumElectrode(50e-6, slow))


RELAXING = _relaxing_cell()
SMOOTH = Protocol.of(Step(Current(-60.0), 4.0, points=4))


def _voltages(cell: Cell, protocol: Protocol, plan: Plan, tableau: Tableau) -> Array:
    settings = Settings(rtol=1.0, atol=1.0, tableau=tableau, newton=sample_cells.SHARP)
    return simulate(cell, protocol, plan=plan.trimmed(PLAN_SIZE), settings=settings).voltage


def _orders(cell: Cell, protocol: Protocol, plans: list[Plan], tableau: Tableau, reference: Array) -> np.ndarray:
    """Orders between successive plans, each with half the steps of the one before."""
    errors = [float(jnp.max(jnp.abs(_voltages(cell, protocol, plan, tableau) - reference))) for plan in plans]
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


@pytest.fixture(scope="module")
def smooth_reference() -> Array:
    return _voltages(RELAXING, SMOOTH, uniform_plan(4, 256), SDIRK3)


@pytest.mark.parametrize(
    ("tableau", "order"), [(SDIRK3, 2.9), (SDIRK2, 1.95), (BACKWARD_EULER, 0.95)], ids=["SDIRK3", "SDIRK2", "Euler"]
)
def test_order_on_a_smooth_problem(tableau: Tableau, order: float, smooth_reference: Array) -> None:
    coarsest = 8 if tableau is SDIRK3 else 16
    plans = [uniform_plan(4, coarsest).refined(parts) for parts in (1, 2, 4, 8)]
    assert np.all(_orders(RELAXING, SMOOTH, plans, tableau, smooth_reference) > order)


HALF = sample_cells.collector_alone()


def _events(stripped: float) -> Protocol:
    """Nucleation behind a barrier, rest, and stripping [mAh cm-2] of the 0.06 mAh cm-2 that were plated."""
    return Protocol.of(plate(2.0, 0.06, points=6), rest(60.0, points=2), strip(2.0, stripped, points=6))


NUCLEATION = _events(0.05)
EXHAUSTION = _events(0.0599)
"""Half of a depletion capacity of 0.2 uAh cm-2 is left: the voltage is 35 mV up and rises by 70 mV/s."""


def test_order_through_nucleation_and_exhaustion() -> None:
    found = simulate(HALF, EXHAUSTION, settings=Settings(1e-6, 1e-6))
    plans = [found.plan.refined(parts) for parts in (1, 2, 4)]
    reference = _voltages(HALF, EXHAUSTION, found.plan.refined(8), SDIRK3)
    orders = _orders(HALF, EXHAUSTION, plans, SDIRK3, reference)
    # Corners of the barrier and tanh(q/q*) within single steps: 1.9 and 2.4 on the way to 3.
    assert np.all(orders > 1.7), orders
    assert orders[-1] > 2.1, orders


TOLERANCES = (1e-3, 1e-5)


def _run(cell: Cell, protocol: Protocol, tolerance: float) -> Solution:
    settings = Settings(tolerance, tolerance, max_steps=16384, newton=sample_cells.SHARP)
    return simulate(cell, protocol, settings=settings)


def _errors(cell: Cell, protocol: Protocol) -> np.ndarray:
    """Largest error of the voltage [V] for each of TOLERANCES."""
    exact = _run(cell, protocol, 1e-8).voltage
    return np.array([float(jnp.max(jnp.abs(_run(cell, protocol, t).voltage - exact))) for t in TOLERANCES])


# A rise that fits into the end of one long step is followed without the lag of the double layer behind it, and no
# estimate made of the step's three stages sees that: RC dV/dt = some 1 ms x 70 mV/s at the end of EXHAUSTION.
LAG = 1.2e-4


@pytest.mark.parametrize(("protocol", "lag"), [(NUCLEATION, 0.0), (EXHAUSTION, LAG)], ids=["nucleation", "exhaustion"])
def test_error_stays_within_the_tolerance(protocol: Protocol, lag: float) -> None:
    errors = _errors(HALF, protocol)
    # Local errors of some hundred steps add up; where the solution settles they are forgotten.
    assert np.all(errors < 5.0 * np.array(TOLERANCES) + lag), errors


def test_error_falls_in_proportion_to_the_tolerance() -> None:
    errors = _errors(RELAXING, SMOOTH)
    assert np.all(errors < 5.0 * np.array(TOLERANCES)), errors
    # A factor of 100 in tolerance is 4.6 times the steps: of third order, 100 less error.
    assert errors[0] / errors[1] > 20.0, errors


def test_reported_error_is_of_the_size_of_the_real_one() -> None:
    coarse, exact = _run(HALF, NUCLEATION, 1e-3), _run(HALF, NUCLEATION, 1e-8)
    real = float(jnp.max(jnp.abs(coarse.voltage - exact.voltage)))
    assert np.all(np.isfinite(coarse.trajectory.voltage_error))
    assert real < float(jnp.max(coarse.trajectory.voltage_error)) < 5e-3
