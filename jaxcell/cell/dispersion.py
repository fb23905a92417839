"""Constant-phase elements, and grain boundaries, of which only alternating currents see more than a resistance."""

from typing import Any

from jaxcell.component import Component, energy_of_activation, quantity
from jaxcell.units import Quantity

REFERENCE_FREQUENCY = 1000.0
"""[Hz] at which a double layer with an exponent has the capacitance that it has in time."""


def phase_exponent() -> Any:
    """A field holding alpha [1] of a constant-phase element; None, as 1, is a capacitor."""
    return quantity("1", above=0.0, at_most=1.0, optional=True, default=None)


class GrainBoundary(Component):
    """Grain boundaries of a ceramic separator, in series with its grains: Z = R/(1 + (j omega R C)^alpha).

    C is the effective capacitance at the top of the arc, omega = 1/(R C); Q = (R C)^alpha/R is that of the
    constant-phase element (Hsu and Mansfeld, Corrosion 57 (2001) 747).  In time only R is there, an ohmic resistance:
    R C of some us is far below a time step.
    """

    resistance: Quantity = quantity("Ohm m2", at_least=0.0, activation="activation_energy", falls=True)
    """R [Ohm m2]."""
    capacitance: Quantity = quantity("F m-2", at_least=0.0)
    """C [F m-2]; 1e-11 to 1e-8 F between faces of 1 cm2 1 cm apart, so 1e-6 to 1e-3 F m-2 for 1 mm: Irvine,
    Sinclair and West, Adv. Mater. 2 (1990) 132."""
    exponent: Quantity = quantity("1", above=0.0, at_most=1.0, default=1.0)
    """alpha [1]."""
    activation_energy: Quantity = energy_of_activation()
    """Of the boundaries' conductance."""
