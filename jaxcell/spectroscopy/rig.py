"""What a measurement adds to a cell's impedance."""

import jax
from jaxtyping import Array, Complex

from jaxcell.component import Component, quantity
from jaxcell.units import Quantity, Scalar


class Rig(Component):
    """Leads and fixture in series with the cell: Z = R + j omega L."""

    inductance: Quantity = quantity("H m2", at_least=0.0, default=0.0)
    """L times the electrode area [H m2]; 1 uH at 1 cm2 is 1e-10 H m2."""
    resistance: Quantity = quantity("Ohm m2", default=0.0)
    """R [Ohm m2], beside `Separator.series_resistance`; below zero where an instrument corrected too much."""

    def impedance(self, omega: Scalar) -> Complex[Array, ""]:
        """[Ohm m2] at an angular frequency [s-1]."""
        return jax.lax.complex(self.resistance, omega * self.inductance)
