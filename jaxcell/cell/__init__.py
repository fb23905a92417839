"""What a cell is made of.

Sources of the defaults are given field by field; "prior" marks a choice without a citation.
"""

from jaxcell.cell.cathode import AlloyElectrode as AlloyElectrode
from jaxcell.cell.cathode import CathodeTransport as CathodeTransport
from jaxcell.cell.cathode import CompositeCathode as CompositeCathode
from jaxcell.cell.cathode import IntercalationKinetics as IntercalationKinetics
from jaxcell.cell.cell import Cell as Cell
from jaxcell.cell.cell import Collector as Collector
from jaxcell.cell.cell import LithiumElectrode as LithiumElectrode
from jaxcell.cell.cell import ProtectionLayer as ProtectionLayer
from jaxcell.cell.cell import Separator as Separator
from jaxcell.cell.composite import Filler as Filler
from jaxcell.cell.composite import composite_layer as composite_layer
from jaxcell.cell.losses import ContactLoss as ContactLoss
from jaxcell.cell.losses import DeadLithium as DeadLithium
from jaxcell.cell.losses import HeatBalance as HeatBalance
from jaxcell.cell.losses import Interphase as Interphase
from jaxcell.cell.losses import SoftShort as SoftShort
from jaxcell.cell.losses import Storage as Storage
from jaxcell.cell.losses import Trap as Trap
from jaxcell.cell.open_circuit import LFP as LFP
from jaxcell.cell.open_circuit import NMC532 as NMC532
from jaxcell.cell.open_circuit import NMC811 as NMC811
from jaxcell.cell.open_circuit import ConstantPotential as ConstantPotential
from jaxcell.cell.open_circuit import DiffusivityLaw as DiffusivityLaw
from jaxcell.cell.open_circuit import OpenCircuitPotential as OpenCircuitPotential
from jaxcell.cell.open_circuit import TabulatedDiffusivity as TabulatedDiffusivity
from jaxcell.cell.open_circuit import TabulatedPotential as TabulatedPotential
from jaxcell.cell.salt import BinarySalt as BinarySalt
from jaxcell.cell.sites import Film as Film
from jaxcell.cell.sites import Interface as Interface
from jaxcell.cell.sites import LithiumKinetics as LithiumKinetics
from jaxcell.cell.sites import MarcusHushChidseyKinetics as MarcusHushChidseyKinetics
from jaxcell.cell.sites import Nucleation as Nucleation
from jaxcell.cell.sites import Pores as Pores
from jaxcell.cell.stack import StackMasses as StackMasses
from jaxcell.cell.stack import energy_density_wh_l as energy_density_wh_l
from jaxcell.cell.stack import specific_energy_wh_kg as specific_energy_wh_kg
from jaxcell.cell.state_of_charge import CapacityBalance as CapacityBalance
from jaxcell.cell.state_of_charge import at_state_of_charge as at_state_of_charge
from jaxcell.cell.state_of_charge import at_voltage as at_voltage
from jaxcell.cell.state_of_charge import capacity_balance as capacity_balance
from jaxcell.cell.state_of_charge import open_circuit_voltage as open_circuit_voltage
from jaxcell.cell.state_of_charge import with_voltage_window as with_voltage_window
