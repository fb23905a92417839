"""What a full cell weighs and how thick it is, per cell area, and so what its energy is per kg and per litre."""

from typing import Any

from jaxcell.cell.cathode import AlloyElectrode, CompositeCathode
from jaxcell.cell.cell import Cell
from jaxcell.cell.state_of_charge import capacity_balance
from jaxcell.component import Component, quantity
from jaxcell.units import HOUR, LITHIUM_MOLAR_VOLUME, Quantity, Scalar

LITHIUM_MOLAR_MASS = 6.94e-3
"""[kg mol-1]; with 13.0 cm3 mol-1 534 kg m-3."""


class StackMasses(Component):
    """Densities of a cell's layers, pores and what fills them included, and its collectors.

    Thicknesses of cathode, separator and protection layer are the cell's own. Casing, tabs and excess electrolyte are
    not in it: numbers are those of the stack. Densities without a source are priors, to be replaced by your own.
    """

    cathode_density: Quantity = quantity("kg m-3", above=0.0)
    """Of the whole cathode, discharged [kg m-3]: no default, as it follows from its recipe."""
    separator_density: Quantity = quantity("kg m-3", above=0.0)
    """[kg m-3]; dense Li6PS5Cl has some 1640 (prior, from its crystal)."""
    layer_density: Quantity = quantity("kg m-3", above=0.0, default=1300.0)
    """Of a protection layer of polymer and carbon [kg m-3]. Prior: 1100 to 1600."""
    positive_collector: Quantity = quantity("kg m-2", at_least=0.0, default=0.5 * 15e-6 * 2700.0)
    """Mass per cell area [kg m-2]. Default: half of a 15 um aluminium foil that carries cathode on both sides; density
    2700 kg m-3; the thickness is a prior."""
    negative_collector: Quantity = quantity("kg m-2", at_least=0.0, default=0.5 * 10e-6 * 8960.0)
    """Mass per cell area [kg m-2]. Default: half of a 10 um copper foil; density 8960 kg m-3; thickness a prior."""
    collector_thickness: Quantity = quantity("m", at_least=0.0, default=0.5 * (15e-6 + 10e-6))
    """Of both collectors per cell [m]; default as above."""

    def mass(self, cell: Cell) -> Scalar:
        """Of the cell [kg m-2], with the lithium that it is built with.

        Raises ValueError unless lithium or a collector faces a `CompositeCathode`.
        """
        balance, cathode = capacity_balance(cell), _cathode(cell)
        # A cathode that is built charged lacks lithium: what it takes up from the anode weighs the same there.
        missing = cell.working.initial_lithium - balance.excess
        layer = cell.working.layer
        return (
            self.cathode_density * cathode.thickness
            - LITHIUM_MOLAR_MASS * missing
            + self.separator_density * cell.separator.thickness
            + (0.0 if layer is None else self.layer_density * layer.thickness)
            + LITHIUM_MOLAR_MASS * cell.working.initial_lithium
            + self.positive_collector
            + self.negative_collector
        )

    def thickness(self, cell: Cell) -> Scalar:
        """Of the charged cell [m], its lithium as a dense film of 13.0 cm3 mol-1.

        Raises ValueError unless lithium or a collector faces a `CompositeCathode`.
        """
        balance, cathode, layer = capacity_balance(cell), _cathode(cell), cell.working.layer
        return (
            cathode.thickness
            + cell.separator.thickness
            + (0.0 if layer is None else layer.thickness)
            + LITHIUM_MOLAR_VOLUME * balance.charged
            + self.collector_thickness
        )


def specific_energy_wh_kg(cell: Cell, masses: StackMasses, energy: Any) -> Scalar:
    """Wh kg-1 of the stack that gives `energy` [J m-2 of cell area]."""
    return energy / HOUR / masses.mass(cell)


def energy_density_wh_l(cell: Cell, masses: StackMasses, energy: Any) -> Scalar:
    """Wh l-1 of the charged stack that gives `energy` [J m-2 of cell area]."""
    return energy / HOUR / (1000.0 * masses.thickness(cell))


def _cathode(cell: Cell) -> CompositeCathode:
    if isinstance(cell.working, AlloyElectrode):
        raise ValueError("StackMasses needs lithium or a collector as working electrode, but it is an AlloyElectrode.")
    assert isinstance(cell.counter, CompositeCathode), "capacity_balance refuses all else"
    return cell.counter
