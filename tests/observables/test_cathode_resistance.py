"""The small-signal resistance of a cell with a composite cathode."""

import jax.numpy as jnp
import pytest
from sample_cells import THERMAL

from jaxcell import Cell, assemble, at_voltage, small_signal, total_area_specific_resistance, xu2019_half_cell


def test_of_a_single_particle_in_closed_form() -> None:
    cathode, separator, lithium, *_ = xu2019_half_cell(1.0, single_particle=True)
    cell = at_voltage(Cell(lithium, separator, cathode), 3.9)
    x = float(cell.counter.initial_stoichiometry)
    i0 = float(cathode.kinetics.exchange_current_density) * 2.0 * (x * (1.0 - x)) ** 0.5
    area = float(cathode.specific_surface_area * cathode.thickness)
    foil = THERMAL / float(lithium.interface.kinetics.exchange_current_density)
    expected = float(separator.resistance) + foil + THERMAL / (i0 * area)
    assert float(total_area_specific_resistance(cell)) == pytest.approx(expected, rel=1e-6)


def test_of_a_porous_cathode_in_closed_form() -> None:
    """Newman's linear electrode: L/(kappa + sigma) [1 + (2 + (r + 1/r) cosh nu)/(nu sinh nu)]."""
    cathode, separator, lithium, *_ = xu2019_half_cell(1.0)
    cell = at_voltage(Cell(lithium, separator, cathode), 3.9)
    assert cathode.transport is not None
    kappa, sigma = (float(v) for v in (cathode.transport.ionic_conductivity, cathode.transport.electronic_conductivity))
    x, L = float(cell.counter.initial_stoichiometry), float(cathode.thickness)
    i0 = float(cathode.kinetics.exchange_current_density) * 2.0 * (x * (1.0 - x)) ** 0.5
    nu = L * (float(cathode.specific_surface_area) * i0 / THERMAL * (1 / kappa + 1 / sigma)) ** 0.5
    ratio = kappa / sigma + sigma / kappa
    through = L / (kappa + sigma) * (1.0 + (2.0 + ratio * float(jnp.cosh(nu))) / (nu * float(jnp.sinh(nu))))
    foil = THERMAL / float(lithium.interface.kinetics.exchange_current_density)
    # 0.2 %: 20 volumes.
    assert float(total_area_specific_resistance(cell)) == pytest.approx(
        float(separator.resistance) + foil + through, rel=2e-3
    )
    assert float(jnp.sum(small_signal(assemble(cell)).share)) == pytest.approx(-1.0 + 1.0, abs=1e-9)
