"""What a half cell is made of."""

from typing import NamedTuple

from jaxcell.cell import CompositeCathode, LithiumElectrode, Separator


class HalfCellParts(NamedTuple):
    """A composite cathode, a separator and lithium."""

    cathode: CompositeCathode
    separator: Separator
    lithium: LithiumElectrode
    left_out: tuple[str, ...] = ()
    """What a parameter set says and these parts cannot, a sentence each."""
