"""What is held constant during a step: current, C-rate, voltage or power, each at the terminal.

Signs follow the Battery Data Format: positive current and positive power charge the working electrode.
"""

from typing import TypeAlias

from jaxcell.component import Component, quantity
from jaxcell.units import Quantity


class Current(Component):
    """Constant current density; zero is a rest."""

    current_density: Quantity = quantity("A m-2")
    """At the terminal [A m-2]; positive charges the working electrode."""


class CRate(Component):
    """Constant current as a multiple of the cell's capacity per hour."""

    rate: Quantity = quantity("1/h")
    """[1/h]; positive charges. C/3 is 1/3."""


class Voltage(Component):
    """Constant terminal voltage."""

    voltage: Quantity = quantity("V")


class Power(Component):
    """Constant power density V I at the terminal.

    Against lithium V and I change sign together, so that power does not tell plating from stripping there.
    """

    power_density: Quantity = quantity("W m-2")
    """[W m-2]; positive charges the working electrode."""


Control: TypeAlias = Current | CRate | Voltage | Power
