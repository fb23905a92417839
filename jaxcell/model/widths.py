"""Finite volumes of a cell's parts."""

from jaxtyping import Array, Float

from jaxcell.cell import CompositeCathode, ProtectionLayer, Separator
from jaxcell.grid import graded_widths


def layer_widths(layer: ProtectionLayer, points: int) -> Float[Array, " points"]:
    """[m], from the collector; a single one where nothing happens inside, for then it is exact."""
    idle = layer.pores is None and layer.storage is None and layer.trap is None and layer.salt is None
    return graded_widths(layer.thickness, 1 if idle else points)


def separator_widths(separator: Separator, points: int) -> Float[Array, " points"]:
    """[m], from the working electrode's face; a single one without a salt."""
    return graded_widths(separator.thickness, points if separator.salt is not None else 1)


def cathode_widths(cathode: CompositeCathode, points: int) -> Float[Array, " points"]:
    """[m], from the collector; a single one for a single particle."""
    return graded_widths(cathode.thickness, points if cathode.transport is not None else 1)
