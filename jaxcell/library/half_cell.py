"""What a half cell is made of."""

from typing import NamedTuple

from jaxcell.cell import CompositeCathode, LithiumElectrode, Separator


class HalfCellParts(NamedTuple):
    """A composite cathode, a separator and lithium."""

    cathode: CompositeCathode
    separator: Separator
    lithium: LithiumElectrode
    lithium_concentration_exponent: float
    """n in i0 ~ (c_e/c_e0)^n of lithium; without effect in a single-ion conductor."""
    left_out: tuple[str, ...] = ()
    """What a parameter set says and these parts cannot, a sentence each."""
