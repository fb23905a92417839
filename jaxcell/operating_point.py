"""Where a cell is: its state, and the current that flows."""

import equinox as eqx

from jaxcell.solver.system import State
from jaxcell.units import Scalar


class OperatingPoint(eqx.Module):
    """State of a cell's chain and its current; from `Solution.state_at`.

    It belongs to cells of the same structure, with the same points and shells.
    """

    state: State
    current_density: Scalar
    """Terminal current density [A m-2], positive charges the working electrode."""
