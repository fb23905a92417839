"""Energy through the terminals and per mass, against numbers worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcell import (
    AlloyElectrode,
    Cell,
    Collector,
    CompositeCathode,
    ConstantPotential,
    IntercalationKinetics,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    ProtectionLayer,
    Protocol,
    Separator,
    StackMasses,
    at_state_of_charge,
    charge,
    cycle_energy,
    discharge,
    energy_density_wh_l,
    energy_passed,
    rest,
    simulate,
    specific_energy_wh_kg,
    step_energy,
)
from jaxcell.energy import energy_of_rows

FLAT, SERIES = 3.4, 1e-2
"""V and Ohm m2."""


def full(working: LithiumElectrode | Collector | AlloyElectrode | None = None) -> Cell:
    """A cathode with a plateau, and 100 Ohm cm2 in series beside which nothing else resists."""
    cathode = CompositeCathode(50e-6, 0.5, 1e-6, 5e4, 0.5, 1e-12, ConstantPotential(FLAT), IntercalationKinetics(1e3))
    foil = LithiumElectrode(20e-6, Interface(LithiumKinetics(1e5)))
    return Cell(foil if working is None else working, Separator(1e-6, 10.0, SERIES), cathode)


def test_energy_of_a_plateau_and_a_resistance() -> None:
    protocol = Protocol.of(charge(1.0, 0.1, 3), rest(60.0, 2), discharge(1.0, 0.1, 3), rest(60.0, 2), repeat=2)
    solution = simulate(full(), protocol)
    found, charged = cycle_energy(solution), 0.1 * 36000.0
    drop = 10.0 * SERIES
    # 1e-4 of 3.4 V: kinetics, separator and the double layers' first moment.
    np.testing.assert_allclose(found.charged, charged * (FLAT + drop), rtol=1e-4)
    np.testing.assert_allclose(found.discharged, charged * (FLAT - drop), rtol=1e-4)
    np.testing.assert_allclose(found.efficiency, (FLAT - drop) / (FLAT + drop), rtol=2e-4)
    steps = step_energy(solution)
    np.testing.assert_allclose(steps[[0, 2]], [found.charged[0], -found.discharged[0]], rtol=1e-9)
    np.testing.assert_allclose(steps[1::2], 0.0, atol=1e-9)
    table = found.to_dataframe()
    assert table["charged / Wh m-2"].iloc[0] == pytest.approx(3.5, rel=1e-4)
    assert table["discharged / mWh cm-2"].iloc[0] == pytest.approx(0.33, rel=1e-4)
    assert float(jnp.sum(energy_passed(solution))) == pytest.approx(steps.sum(), rel=1e-12)


def test_a_sloping_voltage_is_integrated_exactly() -> None:
    """Two steps of constant current, V linear in charge in each with a jump between; the second ends on a stop."""
    charges = jnp.array([2.0, 2.0, 2.0, -1.0, -1.0, -0.5, jnp.nan])
    voltage = jnp.array([3.1, 3.2, 3.3, 3.1, 3.0, 2.95, jnp.nan])
    steps = jnp.array([0, 0, 0, 1, 1, 1, 1])
    found = energy_of_rows(voltage, charges, steps)
    np.testing.assert_allclose(found[:6], [2 * 3.05, 2 * 3.15, 2 * 3.25, -3.15, -3.05, -0.5 * 2.975], rtol=1e-12)
    assert np.isnan(found[6])
    # What follows a step that a stop ended starts afresh; one row alone counts at its own voltage.
    again = energy_of_rows(jnp.append(voltage, 3.0), jnp.append(charges, 1.0), jnp.append(steps, 2))
    assert float(again[7]) == 3.0
    slope = jax.grad(lambda v: jnp.nansum(energy_of_rows(v, charges, steps)[:6]))(voltage)
    # Each row's voltage by hand: d/dV of the trapezoids and of the line through the first two rows.
    np.testing.assert_allclose(slope[:3], [2 * 0.5 * 3 + 1.0, -1.0 + 1.0 + 1.0, 1.0], rtol=1e-12)


def masses() -> StackMasses:
    return StackMasses(cathode_density=3000.0, separator_density=1640.0)


def test_a_stack_by_hand() -> None:
    layer = ProtectionLayer(5e-6, 1e-2)
    cell = at_state_of_charge(full(LithiumElectrode(10e-6, layer=layer)), 0.0)
    weight = 3000.0 * 50e-6 + 1640.0 * 1e-6 + 1300.0 * 5e-6 + 534.0 * 10e-6 + 0.5 * (15e-6 * 2700 + 10e-6 * 8960)
    assert float(masses().mass(cell)) == pytest.approx(weight, rel=1e-4)
    # Charged, 0.5 x 50 um x 5e4 mol m-3 of lithium are 16.25 um of metal beside the 10 um.
    height = 50e-6 + 1e-6 + 5e-6 + 10e-6 + 16.25e-6 + 12.5e-6
    assert float(masses().thickness(cell)) == pytest.approx(height, rel=1e-9)
    energy = 3.4 * 1.25 * 96485.0
    assert float(specific_energy_wh_kg(cell, masses(), energy)) == pytest.approx(energy / 3600 / weight, rel=1e-4)
    assert float(energy_density_wh_l(cell, masses(), energy)) == pytest.approx(energy / 3.6e6 / height, rel=1e-9)


def test_a_cell_weighs_the_same_charged_and_discharged() -> None:
    """Built charged, its cathode lacks the lithium that its foil has more."""
    taken = 1.25 * 13e-6
    empty = at_state_of_charge(full(LithiumElectrode(10e-6)), 0.0)
    charged = at_state_of_charge(full(LithiumElectrode(10e-6 + taken)), 1.0)
    assert float(masses().mass(empty)) == pytest.approx(float(masses().mass(charged)), rel=1e-12)
    assert float(masses().thickness(empty)) == pytest.approx(float(masses().thickness(charged)), rel=1e-12)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"StackMasses.cathode_density must be a finite number above 0 \[kg m-3\]"):
        StackMasses(-1.0, 1640.0)
    with pytest.raises(ValueError, match=r"needs a cell whose counter electrode is a CompositeCathode"):
        masses().mass(Cell.symmetric(LithiumElectrode(1e-5), full().separator))
    with pytest.raises(ValueError, match=r"but it is an AlloyElectrode"):
        masses().thickness(full(AlloyElectrode()))
