"""Published materials and cells, one cited function each: parts to build a cell from."""

from jaxcell.library.half_cell import HalfCellParts as HalfCellParts
from jaxcell.library.xu2019 import xu2019_half_cell as xu2019_half_cell
