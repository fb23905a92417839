"""Quantities of a design case against the reports of the same run, and their derivatives."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcell import (
    Cell,
    CRate,
    Cycles,
    DeadLithium,
    Filler,
    Interface,
    LithiumElectrode,
    LithiumInventory,
    LithiumKinetics,
    Nucleation,
    ProtectionLayer,
    Separator,
    StackMasses,
    Until,
    at_voltage,
    bottom_fraction,
    charge,
    composite_layer,
    cycle_energy,
    cycle_inventory,
    cycle_ledger,
    discharge,
    rest,
    specific_energy_wh_kg,
    step_energy,
    with_voltage_window,
    xu2019_half_cell,
)
from jaxcell.design import DesignCase, LayerRecipe, case_quantities, cycle_life
from jaxcell.design.quantities import CYCLED, last_cycle
from jaxcell.inference import Parameter, ParameterSet
from jaxcell.inference.evaluation import value_and_jacobian
from jaxcell.solver.settings import Settings

NAMES = ("specific_energy", "charge_time", "top_margin", "bottom_fraction", "loss_per_cycle", "cycle_life", "capacity")


@pytest.fixture(scope="module")
def case() -> DesignCase:
    """A full cell of a single particle, charged and discharged twice."""
    below = Interface(LithiumKinetics(100.0), Nucleation(0.0), dead_lithium=DeadLithium(0.003))
    top = Interface(LithiumKinetics(10.0), Nucleation(0.04), dead_lithium=DeadLithium(0.03))
    working = LithiumElectrode(5e-6, below, ProtectionLayer(5e-6, 2e-3, top=top))
    cathode = xu2019_half_cell(1.0, single_particle=True).cathode
    cell = at_voltage(with_voltage_window(Cell(working, Separator(30e-6, 0.24), cathode), 3.0, 4.2), 3.5)
    up = charge(c_rate=0.5, until=Until(voltage_above=4.2))
    down = discharge(c_rate=1 / 3, until=Until(voltage_below=3.0))
    # 1e-7: differences of runs below are to show derivatives, not steps.
    settings = Settings(rtol=1e-7, atol=1e-7)
    return DesignCase(cell, [up, down], masses=StackMasses(3000.0, 1640.0), rows=8, shells=4, settings=settings)


VARIABLES = [
    Parameter("rate", "drive[0]", "1/h", (0.1, 3.0)),
    Parameter("thickness", "cell.working.layer.thickness", "m", (1e-6, 2e-5)),
    Parameter("lithium", "cell.working.lithium_thickness", "m", (1e-6, 2e-5)),
]


@pytest.fixture(scope="module")
def evaluated(case: DesignCase):
    """Function of theta, theta, values and Jacobian."""
    variables = ParameterSet(VARIABLES, case)

    @jax.jit
    def both(theta):
        def values(theta):
            found = case_quantities(variables.apply(case, theta), NAMES)
            return jnp.stack([found[name] for name in NAMES])

        return value_and_jacobian(values, theta)

    return both, variables.initial, *both(variables.initial)


def test_quantities_are_those_of_the_reports(case: DesignCase, evaluated) -> None:
    # Two programs, each with steps of 1e-7 of its own choice.
    found = dict(zip(NAMES, np.asarray(evaluated[2]), strict=True))
    run = case.run()
    ledger, energy = cycle_ledger(run), cycle_energy(run)
    assert case.masses is not None
    per_mass = specific_energy_wh_kg(case.cell, case.masses, energy.discharged[-1])
    assert found["specific_energy"] == pytest.approx(float(per_mass), rel=1e-6)
    assert found["capacity"] == pytest.approx(ledger.stripped[-1] * 96485.33212, rel=1e-6)
    lost = sum(rows[-1] for rows in ledger.loss_in_cycle.values())
    assert found["loss_per_cycle"] == pytest.approx(lost, rel=1e-6)
    assert found["bottom_fraction"] == pytest.approx(ledger.bottom_fraction[-1], rel=1e-6)
    plating = np.flatnonzero(np.asarray(run.step) == 2)
    rows = run.taken[np.isin(run.taken, plating)]
    before = run.taken[run.taken < plating[0]][-1]
    assert found["charge_time"] == pytest.approx(float(run.time[rows[-1]] - run.time[before]), rel=1e-6)
    # The top stays closed while some of the 40 mV are left.
    assert 0.0 < found["top_margin"] < 0.04
    assert float(bottom_fraction(run)[rows[-1]]) > 0.99


def test_derivatives(evaluated) -> None:
    both, theta, _, jacobian = evaluated
    for i, step in enumerate(np.eye(theta.shape[0]) * 2e-3):
        difference = (both(theta + step)[0] - both(theta - step)[0]) / 4e-3
        sizes = np.max(np.abs(jacobian), axis=1)
        # Voltages of 1e-7 and capacities that end on them, over a step of 2e-3.
        assert np.asarray((difference - jacobian[:, i]) / sizes) == pytest.approx(0.0, abs=2e-3)


def test_life_is_that_of_the_inventory() -> None:
    # 1 % of what is stripped dies: capacity holds until the excess is gone, then falls to 80 %.
    xi, initial, excess = 0.01, 3.0, 0.5
    run = cycle_inventory(LithiumInventory(initial, excess, xi), Cycles.of(120))
    capacity = np.asarray(run.capacity)
    ends = np.flatnonzero(capacity < 0.8 * capacity[0])[0]
    loss = float(run.lost[0])
    left = excess - loss
    predicted = float(cycle_life(*map(jnp.asarray, (capacity[0], left, loss)), 1))
    assert predicted == pytest.approx(ends, abs=1.5)


def test_recipe_is_the_composite_layer(case: DesignCase) -> None:
    mixed = DesignCase(case.cell, recipe=LayerRecipe(0.2, 1e-3, Filler(), medium="maxwell", stores=False))
    own = case.cell.working.layer
    expected = composite_layer(5e-6, 0.2, 1e-3, medium="maxwell", stores=False, top=own.top)
    assert eqx.tree_equal(mixed.built.working.layer, expected)
    assert case.built is case.cell


def test_steps_keep_their_charge(case: DesignCase) -> None:
    half = DesignCase(case.cell, ["Plate at 2 mA/cm2 for 1 h", rest(60.0)], rows=2, repeat=1)
    faster = ParameterSet([Parameter("i", "drive[0]", "A/m2", (1.0, 100.0), initial=40.0)]).apply(
        half, jnp.log(jnp.asarray([40.0]))
    )
    protocol = faster.protocol
    assert np.asarray(protocol.value) == pytest.approx([-40.0, -40.0, 0.0, 0.0])
    # Half of the hour, and no more than 1.1 times what the cathode's capacity takes.
    longest = min(1800.0, 1.1 * float(case.cell.counter.capacity) / 40.0)
    assert float(protocol.duration[:2].sum()) == pytest.approx(longest)
    assert float(protocol.duration[2:].sum()) == pytest.approx(60.0)
    assert isinstance(case.steps[0].control, CRate)


def test_a_power_is_resolved_by_few_rows(case: DesignCase) -> None:
    """Steps that only a voltage ends last a day at most, these an hour: with rows over the day each had one or two."""
    up = charge(power_density_mw_cm2=3.0, until=Until(voltage_above=4.2))
    down = discharge(power_density_mw_cm2=8.0, until=Until(voltage_below=3.0))

    def found(rows: int) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
        one = DesignCase(case.cell, [up, down], rows=rows, repeat=1, shells=4, settings=case.settings)
        run = one.run()
        end = np.asarray(run.time)[[run.taken[run.taken < n * rows][-1] for n in (1, 2)]]
        margin = float(CYCLED["top_margin"][1](last_cycle(one, run)))
        return step_energy(run), np.diff(end, prepend=0.0), margin, run.taken

    energy, duration, margin, taken = found(8)
    fine_energy, fine_duration, fine_margin, _ = found(160)
    # The rows that the cathode's capacity at 4.2 and 5 V leaves.
    assert np.bincount(taken // 8).min() >= 4
    np.testing.assert_allclose(energy, np.array([30.0, -80.0]) * duration, rtol=1e-12)
    np.testing.assert_allclose(energy, fine_energy, rtol=1e-5)
    np.testing.assert_allclose(duration, fine_duration, rtol=1e-5)
    assert margin == pytest.approx(fine_margin, abs=5e-4)
