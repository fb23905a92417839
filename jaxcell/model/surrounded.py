"""A cell that warms itself."""

import equinox as eqx

from jaxcell.cell import Cell
from jaxcell.model.coefficients import coefficients_of
from jaxcell.model.tables import Coefficients
from jaxcell.model.temperature import at_temperature
from jaxcell.units import Scalar


class Surrounded(eqx.Module):
    """A cell whose temperature is a state: its laws' numbers follow it."""

    cell: Cell
    points: int = eqx.field(static=True)
    shells: int = eqx.field(static=True)
    film_elements: int = eqx.field(static=True)

    def at(self, rise: Scalar) -> Coefficients:
        """The numbers at a temperature `rise` [K] above the cell's."""
        warmer = at_temperature(self.cell, self.cell.temperature + rise)
        return coefficients_of(warmer, self.points, self.shells, self.film_elements)[0]
