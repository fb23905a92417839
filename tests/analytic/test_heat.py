"""Heat of a cell against what its reactions release."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from scipy.integrate import simpson

from jaxcell import (
    RESULTS,
    Cell,
    Collector,
    Current,
    HeatBalance,
    Interface,
    Interphase,
    LithiumElectrode,
    LithiumKinetics,
    OpenCircuitPotential,
    ProtectionLayer,
    Protocol,
    Separator,
    Settings,
    SimulationError,
    Solution,
    Step,
    Storage,
    Trap,
    plate,
    rest,
    simulate,
)
from jaxcell.physics.heat import heating
from jaxcell.units import from_mah_cm2

F, R, T = sample_cells.F, sample_cells.R, sample_cells.T
CAPACITY = 500.0
"""Heat capacity [J m-2 K-1]."""
FINE = Settings(1e-6, 1e-6)


def cell(interface: Interface | None = None, **hosts: Any) -> Cell:
    """Nothing leaves: an adiabatic cell of foils, the working one below a layer where there are hosts."""
    own = Interface(LithiumKinetics(100.0)) if interface is None else interface
    layer = ProtectionLayer(5e-6, 5e-3, top=None, **hosts) if hosts else None
    working = LithiumElectrode(50e-6, own, layer)
    counter = LithiumElectrode(50e-6, own)
    return Cell(working, Separator(50e-6, 0.24), counter, heat_balance=HeatBalance(CAPACITY, 0.0))


def gained(solution: Solution, name: str) -> np.ndarray:
    """Charge that went into a form of lithium [C m-2]."""
    return F * np.asarray(solution.state.node)[:, solution.model.rows.index(name)].sum(axis=1)


def warmed(solution: Solution) -> np.ndarray:
    """Heat taken up [J m-2]."""
    return CAPACITY * np.asarray(solution.state.shared[:, -1])


def test_law() -> None:
    numbers = (jnp.asarray(value) for value in (6.0, 1.5, 2.0, 0.25))
    assert float(heating(*numbers)) == pytest.approx(6.0 + 1.5 - 0.5)


@pytest.mark.parametrize(("name", "host"), [("stored", Storage(potential=0.4)), ("trapped", Trap(potential=0.4))])
def test_a_host_that_fills_at_rest_warms_the_cell(name: str, host: Storage | Trap) -> None:
    own = cell(**{{"stored": "storage", "trapped": "trap"}[name]: host})
    solution = simulate(own, Protocol.of(rest(36000.0, points=5)), points=2, settings=FINE)
    filled = gained(solution, name)
    assert filled[-1] > 0.9 * 75.0 * 5e-4 * 36000.0  # C m-2
    np.testing.assert_allclose(warmed(solution), 0.4 * filled, rtol=1e-5)
    assert warmed(solution)[-1] / CAPACITY > 1.0  # K


def test_an_interphase_that_grows_at_rest_warms_the_cell() -> None:
    interface = Interface(
        LithiumKinetics(100.0), interphase=Interphase(ambipolar_conductivity=1e-9, reduction_potential=1.5)
    )
    solution = simulate(cell(interface), Protocol.of(rest(10 * 86400.0, points=5)), settings=FINE)
    np.testing.assert_allclose(warmed(solution), 1.5 * gained(solution, "interphase"), rtol=1e-5)
    assert warmed(solution)[-1] > 1e-2 * CAPACITY


def test_a_store_filled_slowly_to_the_half_cools_the_cell_by_its_entropy() -> None:
    store = Storage(potential=0.4, exchange_current_density=1.0)
    layer = ProtectionLayer(5e-6, 5e-3, top=None, storage=store)
    collector = Collector(Interface(LithiumKinetics(100.0)), layer, initial_potential=-0.6)
    foil = LithiumElectrode(50e-6, Interface(LithiumKinetics(100.0)))
    own = Cell(collector, Separator(50e-6, 0.24), foil, heat_balance=HeatBalance(CAPACITY, 0.0))
    full = 75.0 * 5e-4  # mAh cm-2
    solution = simulate(own, Protocol.of(plate(0.005, 0.5 * full, points=5)), points=2, settings=FINE)
    x = gained(solution, "stored") / (36000.0 * full)
    assert x[-1] == pytest.approx(0.5, rel=1e-3)
    entropy = -x * np.log(x) - (1.0 - x) * np.log(1.0 - x)
    # T dS, and 1 % of dissipation at this rate.
    np.testing.assert_allclose(warmed(solution), -36000.0 * full * R * T / F * entropy, rtol=0.02)


ROWS = 161


def stored_energy(law: OpenCircuitPotential, start: float, end: np.ndarray) -> np.ndarray:
    """Integral of U over x from `start` to each `end` [V], by Simpson's rule on 2000 intervals."""
    share = np.linspace(0.0, 1.0, 2001)
    x = start + (end[..., None] - start) * share
    return simpson(np.asarray(law(jnp.asarray(x))), share, axis=-1) * (end - start)


def work(solution: Solution) -> np.ndarray:
    """Electrical work done on the cell until the end of each step [J m-2], by Simpson's rule over its rows."""
    voltage, current = np.asarray(solution.voltage), np.asarray(solution.current_density)
    time, step = np.asarray(solution.time), np.asarray(solution.step)
    total, sums = 0.0, []
    for one in range(step[-1] + 1):
        rows = np.flatnonzero(step == one)[4:]  # the first rows, in all 1e-6 of the step, are added as one
        before = voltage[rows[0]] * current[rows[0]] * (time[rows[0]] - (time[rows[0] - 5] if one else 0.0))
        power = voltage[rows] * current[rows]
        at = np.log(time[rows] - time[rows[0]] + 1.0)
        total += before + simpson(power * np.exp(at), at)
        sums.append(total)
    return np.array(sums)


def stretched(steps: list[Step], longest: float, points: int) -> Protocol:
    """Rows that crowd towards the start of each step."""
    ends = np.concatenate([[0.25, 0.5, 0.75, 1.0], np.exp(np.linspace(0.0, np.log(longest), points - 3))[1:]])
    protocol = Protocol.of(*steps)
    return eqx.tree_at(lambda p: p.duration, protocol, jnp.asarray(np.tile(np.diff(ends, prepend=0.0), len(steps))))


@pytest.mark.parametrize("kind", ["cathode", "alloy"])
def test_what_is_not_stored_is_heat(kind: str) -> None:
    """An adiabatic cell warms by the work done on it, less what its lithium stores: -F times the integral of U dx."""
    foil = LithiumElectrode(500e-6, Interface(LithiumKinetics(20.0), double_layer_capacitance=0.0))
    if kind == "cathode":
        counter = sample_cells.cathode(transport=None, double_layer_capacitance=0.0)
    else:
        counter = sample_cells.alloyed(double_layer_capacitance=0.0, contact_resistance=1e-3).counter
    own = Cell(foil, Separator(50e-6, 0.24), counter, heat_balance=HeatBalance(1e4, 0.0))
    steps = [Step(Current(density), 1.0, points=ROWS) for density in (-20.0, 15.0)]
    solution = simulate(own, stretched(steps, 1500.0, ROWS), points=4, settings=FINE)
    last = [ROWS - 1, 2 * ROWS - 1]
    if kind == "cathode":
        particles = solution.model.coefficients.particles
        x = float(particles.start) + np.asarray(solution.state.particle)[last]
        weights = F * np.asarray(particles.sites)[None] * np.asarray(particles.volumes)
        start = float(particles.start)
    else:
        x = 0.5 + np.asarray(solution.state.node)[last, 0, -1:, None] / from_mah_cm2(5.0)
        weights, start = np.full((1, 1), F * from_mah_cm2(5.0)), 0.5
    released = np.sum(weights * stored_energy(own.counter.open_circuit, start, x), axis=(1, 2))
    expected = work(solution) + released
    heat = 1e4 * np.asarray(solution.state.shared)[last, -1]
    assert np.all(np.diff(heat, prepend=0.0) > 500.0)  # J m-2 of dissipation in either direction
    assert np.abs(released).max() > 3.0 * heat.max()
    np.testing.assert_allclose(heat, expected, rtol=3e-4)  # Simpson on the rows: 7e-4 with half of them


class TestHighestTemperature:
    """A foil that heats itself with nowhere for the heat to go."""

    PROTOCOL = Protocol.of(plate(50.0, 20.0, points=20))

    @staticmethod
    def cell(capacity: Any, highest: float = 500.0) -> Cell:
        # Not activated: a cell that conducts better as it warms does not get there.
        foil = LithiumElectrode(500e-6, Interface(LithiumKinetics(1e3, activation_energy=0.0)))
        balance = HeatBalance(100.0, 0.0, highest_temperature=highest)
        own = Cell(foil, Separator(50e-6, 0.24, activation_energy=0.0), foil, heat_balance=balance)
        return sample_cells.replace(own, heat_balance__heat_capacity=capacity)

    def test_ends_the_run(self) -> None:
        own = self.cell(100.0)
        with pytest.raises(SimulationError, match=r"highest temperature of its heat balance") as error:
            simulate(own, self.PROTOCOL)
        solution = error.value.solution
        assert solution.result is RESULTS.too_hot
        rise = float(solution.trajectory.final.shared[-1])
        # The last step is shortened until it is within 1 % of the rise allowed.
        assert 500.0 - T < rise < 1.01 * (500.0 - T)
        again = simulate(own, self.PROTOCOL, plan=solution.plan, throw=False)
        assert again.result is RESULTS.too_hot
        # With ten times the heat capacity the same steps end far below.
        assert simulate(self.cell(1000.0), self.PROTOCOL, plan=solution.plan, throw=False).result is (
            RESULTS.plan_outdated
        )

    def test_below_it_the_run_goes_on(self) -> None:
        assert simulate(self.cell(2000.0), self.PROTOCOL).result is RESULTS.successful

    def test_a_cell_that_starts_above_it_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"Cell.temperature must be below .* \(280 K\), but is 298.15 K"):
            self.cell(100.0, highest=280.0)

    @pytest.mark.slow  # its derivative compiles for two minutes
    def test_derivative_of_the_time_at_which_it_is_reached(self) -> None:
        def ends(capacity: Any) -> Any:
            return simulate(self.cell(capacity), self.PROTOCOL, settings=FINE, throw=False).trajectory.final_time

        time, slope = jax.value_and_grad(ends)(jnp.asarray(100.0))
        # Adiabatic: everything takes as many times longer as there is more to warm.
        assert float(slope) == pytest.approx(float(time) / 100.0, rel=1e-3)
