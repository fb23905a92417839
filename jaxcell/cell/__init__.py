"""What a cell is made of.

Sources of the defaults are given field by field; "prior" marks a choice without a citation.
"""

from jaxcell.cell.cell import BinarySalt as BinarySalt
from jaxcell.cell.cell import Cell as Cell
from jaxcell.cell.cell import Collector as Collector
from jaxcell.cell.cell import LithiumElectrode as LithiumElectrode
from jaxcell.cell.cell import ProtectionLayer as ProtectionLayer
from jaxcell.cell.cell import Separator as Separator
from jaxcell.cell.losses import ContactLoss as ContactLoss
from jaxcell.cell.losses import DeadLithium as DeadLithium
from jaxcell.cell.losses import HeatBalance as HeatBalance
from jaxcell.cell.losses import Interphase as Interphase
from jaxcell.cell.losses import SoftShort as SoftShort
from jaxcell.cell.losses import Storage as Storage
from jaxcell.cell.losses import Trap as Trap
from jaxcell.cell.sites import Film as Film
from jaxcell.cell.sites import Interface as Interface
from jaxcell.cell.sites import LithiumKinetics as LithiumKinetics
from jaxcell.cell.sites import MarcusHushChidseyKinetics as MarcusHushChidseyKinetics
from jaxcell.cell.sites import Nucleation as Nucleation
from jaxcell.cell.sites import Pores as Pores
