"""Stripping until the lithium is gone, at constant current and without a stop."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array

from jaxcell import (
    RESULTS,
    Cell,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    Settings,
    SimulationError,
    Solution,
    replay,
    simulate,
)
from jaxcell.units import FARADAY, LITHIUM_MOLAR_VOLUME

THICKNESS = 1e-6
CURRENT = 20.0
I0 = 10.0
DEPLETION = 1e-5
LIFE = THICKNESS / LITHIUM_MOLAR_VOLUME * FARADAY / CURRENT
"""[s] until all lithium is stripped."""
# Ever closer to the end, then beyond it.
TIMES = np.concatenate(
    [np.linspace(0.0, 0.95, 10), 1.0 - np.logspace(-1.4, -5, 20), 1.0 + np.array([0.0, 1e-5, 1e-4, 1e-3, 1e-2])]
)
SETTINGS = Settings(rtol=1e-6, atol=1e-7, max_steps=2048, newton=sample_cells.SHARP)


def build(thickness: Array, capacitance: Array) -> Cell:
    interface = Interface(LithiumKinetics(I0), Nucleation(0.0, 50 * DEPLETION, DEPLETION), capacitance)
    counter = LithiumElectrode(100e-6, Interface(LithiumKinetics(100.0), double_layer_capacitance=0.0))
    return Cell(LithiumElectrode(thickness, interface), sample_cells.separator(), counter)


@eqx.filter_jit
def strip(thickness: Array, capacitance: Array) -> Solution:
    protocol = replay(LIFE * TIMES, np.full(TIMES.size, CURRENT))
    return simulate(build(thickness, capacitance), protocol, settings=SETTINGS, throw=False)


@pytest.fixture(scope="module")
def stripped() -> Solution:
    return strip(jnp.asarray(THICKNESS), jnp.asarray(0.2))


def test_the_run_ends_at_the_guard_with_everything_before_kept(stripped: Solution) -> None:
    assert stripped.result is RESULTS.voltage_guard
    reached = stripped.reached
    assert np.all(np.isfinite(stripped.voltage[:reached]))
    assert np.all(np.isnan(stripped.voltage[reached:]))
    assert np.all(np.isfinite(stripped.state.node[:reached]))
    assert reached >= TIMES.size - 6
    assert LIFE < float(stripped.trajectory.final_time) < LIFE * 1.001
    # The guard is 20 V, overshot by no more than 1 %.
    assert 20.0 < abs(float(stripped.trajectory.final_voltage)) <= 20.2


def test_simulate_raises_a_readable_error_that_carries_the_run() -> None:
    protocol = replay(LIFE * TIMES, np.full(TIMES.size, CURRENT))
    with pytest.raises(SimulationError, match=r"ran out of lithium.*ended at 371\.\d+ s of 374\.\d+ s, with 20\.") as e:
        simulate(build(jnp.asarray(THICKNESS), jnp.asarray(0.2)), protocol, settings=SETTINGS)
    assert e.value.solution.result is RESULTS.voltage_guard


def test_lithium_stays_positive_and_the_voltage_rises_smoothly(stripped: Solution) -> None:
    reached = stripped.reached
    lithium = stripped.model.nodes.initial_lithium[0] + stripped.state.node[:reached, 0, 0]
    # Amounts are counted from the start of the run: rounding is 1e-16 of the foil, 1e-11 of q*.
    assert np.all(np.asarray(lithium) >= -1e-10 * DEPLETION)
    assert float(stripped.model.lithium(stripped.trajectory.final)[0]) >= -1e-10 * DEPLETION
    voltage = np.asarray(stripped.voltage[:reached])
    # Far from the end the voltage is constant to within the Newton residual.
    assert np.all(np.diff(voltage) > -1e-9)
    slope = np.diff(voltage[9:]) / np.diff(TIMES[10 : reached + 1])
    # Convex: no dip, no plateau, no ripple, beyond the rounding of the voltage over the smallest interval.
    assert np.all(np.diff(slope) >= -1e-6 * slope[1:] - 1e-9)


def test_delivered_charge(stripped: Solution) -> None:
    model, final = stripped.model, stripped.trajectory.final
    delivered = CURRENT * float(stripped.trajectory.final_time)
    # Stripping is a negative plating current: C du flows out as u falls.
    double_layer = float(model.nodes.capacitance[0] * (model.initial_state.field[0] - final.field[0]))
    live = FARADAY * float(model.nodes.initial_lithium[0] - model.lithium(final)[0])
    assert double_layer > 1.0  # 20 V at 0.2 F m-2
    assert delivered == pytest.approx(live + double_layer, rel=1e-10)


def exact(thickness: Array) -> Array:
    """Voltage without double layers at TIMES before the end: I = i0 [a exp(-fu/2) - exp(fu/2)], a = tanh(q/q*)."""
    q = thickness / LITHIUM_MOLAR_VOLUME - CURRENT / FARADAY * LIFE * jnp.asarray(TIMES[1:30])
    a = jnp.tanh(q / DEPLETION)
    k = CURRENT / I0
    y = (k + jnp.sqrt(k**2 + 4.0 * a)) / (2.0 * a)  # exp(-fu/2)
    counter = 2.0 * sample_cells.THERMAL * jnp.arcsinh(jnp.asarray(CURRENT / 200.0))
    return 2.0 * sample_cells.THERMAL * jnp.log(y) + counter + CURRENT * 50e-6 / 0.24


def test_voltage_without_double_layers_is_exact_to_the_end() -> None:
    solution = strip(jnp.asarray(THICKNESS), jnp.asarray(0.0))
    # The last row has q = 0.07 q*: there the voltage is 70 mV up and rounding of the clock still does not show.
    np.testing.assert_allclose(solution.voltage[:29], exact(jnp.asarray(THICKNESS)), rtol=1e-8)
    assert float(solution.voltage[28] - solution.voltage[0]) > 0.05
    assert solution.result is not RESULTS.successful


def test_gradient_with_respect_to_the_lithium_is_exact_to_the_end() -> None:
    thickness = jnp.asarray(THICKNESS)
    weights = jnp.asarray(np.random.default_rng(2).normal(size=29))
    found = eqx.filter_jit(jax.grad(lambda d: jnp.sum(weights * strip(d, jnp.asarray(0.0)).voltage[:29])))(thickness)
    expected = jax.grad(lambda d: jnp.sum(weights * exact(d)))(thickness)
    assert float(found) == pytest.approx(float(expected), rel=1e-7)


def test_status_survives_differentiation() -> None:
    def ended(thickness: Array) -> tuple[Array, Array]:
        solution = strip(thickness, jnp.asarray(0.2))
        return solution.trajectory.final_time, solution.status

    _, _, status = jax.jvp(ended, (jnp.asarray(THICKNESS),), (jnp.asarray(1.0),), has_aux=True)
    assert int(status) == RESULTS.voltage_guard


def test_time_to_the_guard_is_not_silently_constant() -> None:
    _, slope = jax.jvp(
        lambda d: strip(d, jnp.asarray(0.2)).trajectory.final_time, (jnp.asarray(THICKNESS),), (jnp.asarray(1.0),)
    )
    # All lithium is delivered: dt/dd = F/(V_Li I). Without a derivative of the stop it must be NaN, not zero.
    expected = FARADAY / (LITHIUM_MOLAR_VOLUME * CURRENT)
    assert np.isnan(float(slope)) or float(slope) == pytest.approx(expected, rel=1e-3)


def test_a_plan_that_ended_early_does_not_replay_as_a_success(stripped: Solution) -> None:
    protocol = replay(LIFE * TIMES, np.full(TIMES.size, CURRENT))
    cell = build(jnp.asarray(THICKNESS), jnp.asarray(0.2))
    again = simulate(cell, protocol, plan=stripped.plan, settings=SETTINGS, throw=False)
    assert again.result is not RESULTS.successful
    np.testing.assert_allclose(again.voltage, stripped.voltage, rtol=1e-9)
