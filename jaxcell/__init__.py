"""jaxcell: a differentiable model of lithium-metal cells with a protection layer on the anode.

The public names are loaded when first used, so that `jaxcell --help` need not wait for JAX.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxcell.cell import LFP as LFP
    from jaxcell.cell import NMC532 as NMC532
    from jaxcell.cell import NMC811 as NMC811
    from jaxcell.cell import AlloyElectrode as AlloyElectrode
    from jaxcell.cell import BinarySalt as BinarySalt
    from jaxcell.cell import CapacityBalance as CapacityBalance
    from jaxcell.cell import CathodeTransport as CathodeTransport
    from jaxcell.cell import Cell as Cell
    from jaxcell.cell import Collector as Collector
    from jaxcell.cell import CompositeCathode as CompositeCathode
    from jaxcell.cell import ConcentrationLaw as ConcentrationLaw
    from jaxcell.cell import ConstantPotential as ConstantPotential
    from jaxcell.cell import ContactLoss as ContactLoss
    from jaxcell.cell import DeadLithium as DeadLithium
    from jaxcell.cell import DiffusivityLaw as DiffusivityLaw
    from jaxcell.cell import Filler as Filler
    from jaxcell.cell import Film as Film
    from jaxcell.cell import GrainBoundary as GrainBoundary
    from jaxcell.cell import HeatBalance as HeatBalance
    from jaxcell.cell import IntercalationKinetics as IntercalationKinetics
    from jaxcell.cell import Interface as Interface
    from jaxcell.cell import Interphase as Interphase
    from jaxcell.cell import LiPF6Conductivity as LiPF6Conductivity
    from jaxcell.cell import LiPF6Diffusivity as LiPF6Diffusivity
    from jaxcell.cell import LithiumElectrode as LithiumElectrode
    from jaxcell.cell import LithiumKinetics as LithiumKinetics
    from jaxcell.cell import MarcusHushChidseyKinetics as MarcusHushChidseyKinetics
    from jaxcell.cell import Nucleation as Nucleation
    from jaxcell.cell import OpenCircuitPotential as OpenCircuitPotential
    from jaxcell.cell import Pores as Pores
    from jaxcell.cell import ProtectionLayer as ProtectionLayer
    from jaxcell.cell import Separator as Separator
    from jaxcell.cell import SoftShort as SoftShort
    from jaxcell.cell import StackMasses as StackMasses
    from jaxcell.cell import Storage as Storage
    from jaxcell.cell import TabulatedConcentration as TabulatedConcentration
    from jaxcell.cell import TabulatedDiffusivity as TabulatedDiffusivity
    from jaxcell.cell import TabulatedPotential as TabulatedPotential
    from jaxcell.cell import Trap as Trap
    from jaxcell.cell import at_state_of_charge as at_state_of_charge
    from jaxcell.cell import at_voltage as at_voltage
    from jaxcell.cell import capacity_balance as capacity_balance
    from jaxcell.cell import composite_layer as composite_layer
    from jaxcell.cell import energy_density_wh_l as energy_density_wh_l
    from jaxcell.cell import open_circuit_voltage as open_circuit_voltage
    from jaxcell.cell import specific_energy_wh_kg as specific_energy_wh_kg
    from jaxcell.cell import with_voltage_window as with_voltage_window
    from jaxcell.comparison import LayerComparison as LayerComparison
    from jaxcell.comparison import compare_layers as compare_layers
    from jaxcell.cycles import CycleLedger as CycleLedger
    from jaxcell.cycles import cycle_ledger as cycle_ledger
    from jaxcell.energy import CycleEnergy as CycleEnergy
    from jaxcell.energy import cycle_energy as cycle_energy
    from jaxcell.energy import energy_passed as energy_passed
    from jaxcell.energy import step_energy as step_energy
    from jaxcell.figures import comparison_figure as comparison_figure
    from jaxcell.figures import coulombic_efficiency_figure as coulombic_efficiency_figure
    from jaxcell.figures import lithium_by_form_figure as lithium_by_form_figure
    from jaxcell.figures import plating_map_figure as plating_map_figure
    from jaxcell.full_cell_plots import full_cell_figure as full_cell_figure
    from jaxcell.impedance_plots import kramers_kronig_figure as kramers_kronig_figure
    from jaxcell.impedance_validity import KramersKronig as KramersKronig
    from jaxcell.impedance_validity import kramers_kronig as kramers_kronig
    from jaxcell.inventory import Cycles as Cycles
    from jaxcell.inventory import InventoryRun as InventoryRun
    from jaxcell.inventory import LithiumInventory as LithiumInventory
    from jaxcell.inventory import cycle_inventory as cycle_inventory
    from jaxcell.io.bpx import cathode_from_bpx as cathode_from_bpx
    from jaxcell.io.pybamm import from_pybamm as from_pybamm
    from jaxcell.ledger import Ledger as Ledger
    from jaxcell.ledger import lithium_ledger as lithium_ledger
    from jaxcell.ledger import lithium_losses as lithium_losses
    from jaxcell.library import HalfCellParts as HalfCellParts
    from jaxcell.library import xu2019_half_cell as xu2019_half_cell
    from jaxcell.model import ChainModel as ChainModel
    from jaxcell.model import assemble as assemble
    from jaxcell.observables import bottom_fraction as bottom_fraction
    from jaxcell.observables import deposit_thickness as deposit_thickness
    from jaxcell.observables import small_signal as small_signal
    from jaxcell.observables import total_area_specific_resistance as total_area_specific_resistance
    from jaxcell.onset import top_onset_current as top_onset_current
    from jaxcell.operating_point import OperatingPoint as OperatingPoint
    from jaxcell.plating_map import PlatingMap as PlatingMap
    from jaxcell.plating_map import map_plating as map_plating
    from jaxcell.protocol import CRate as CRate
    from jaxcell.protocol import Current as Current
    from jaxcell.protocol import Power as Power
    from jaxcell.protocol import Protocol as Protocol
    from jaxcell.protocol import Step as Step
    from jaxcell.protocol import Until as Until
    from jaxcell.protocol import Voltage as Voltage
    from jaxcell.protocol import anode_free_cycling as anode_free_cycling
    from jaxcell.protocol import aurbach_coulombic_efficiency as aurbach_coulombic_efficiency
    from jaxcell.protocol import calendar_rest as calendar_rest
    from jaxcell.protocol import charge as charge
    from jaxcell.protocol import critical_current_ramp as critical_current_ramp
    from jaxcell.protocol import discharge as discharge
    from jaxcell.protocol import hold as hold
    from jaxcell.protocol import parse_step as parse_step
    from jaxcell.protocol import plate as plate
    from jaxcell.protocol import replay as replay
    from jaxcell.protocol import rest as rest
    from jaxcell.protocol import strip as strip
    from jaxcell.protocol import symmetric_cycling as symmetric_cycling
    from jaxcell.pulse_response import linear_response as linear_response
    from jaxcell.resolution import ResolutionWarning as ResolutionWarning
    from jaxcell.simulation import SimulationError as SimulationError
    from jaxcell.simulation import Solution as Solution
    from jaxcell.simulation import simulate as simulate
    from jaxcell.solver.ends import StepEnd as StepEnd
    from jaxcell.solver.results import RESULTS as RESULTS
    from jaxcell.solver.schedule import Plan as Plan
    from jaxcell.solver.settings import Settings as Settings
    from jaxcell.spectroscopy import ImpedanceSpectrum as ImpedanceSpectrum
    from jaxcell.spectroscopy import Rig as Rig
    from jaxcell.spectroscopy import impedance as impedance

_HOME = {
    "jaxcell.energy": ["step_energy", "energy_passed", "cycle_energy", "CycleEnergy"],
    "jaxcell.full_cell_plots": ["full_cell_figure"],
    "jaxcell.cell": [
        "ConcentrationLaw",
        "LiPF6Conductivity",
        "LiPF6Diffusivity",
        "TabulatedConcentration",
        "AlloyElectrode",
        "BinarySalt",
        "CapacityBalance",
        "CathodeTransport",
        "Cell",
        "Collector",
        "CompositeCathode",
        "ConstantPotential",
        "ContactLoss",
        "DeadLithium",
        "DiffusivityLaw",
        "Filler",
        "Film",
        "GrainBoundary",
        "HeatBalance",
        "IntercalationKinetics",
        "Interface",
        "Interphase",
        "LFP",
        "LithiumElectrode",
        "LithiumKinetics",
        "MarcusHushChidseyKinetics",
        "NMC532",
        "NMC811",
        "Nucleation",
        "OpenCircuitPotential",
        "Pores",
        "ProtectionLayer",
        "Separator",
        "SoftShort",
        "StackMasses",
        "Storage",
        "TabulatedDiffusivity",
        "TabulatedPotential",
        "Trap",
        "at_state_of_charge",
        "at_voltage",
        "capacity_balance",
        "composite_layer",
        "energy_density_wh_l",
        "open_circuit_voltage",
        "specific_energy_wh_kg",
        "with_voltage_window",
    ],
    "jaxcell.inventory": ["Cycles", "InventoryRun", "LithiumInventory", "cycle_inventory"],
    "jaxcell.comparison": ["LayerComparison", "compare_layers"],
    "jaxcell.cycles": ["CycleLedger", "cycle_ledger"],
    "jaxcell.figures": [
        "comparison_figure",
        "coulombic_efficiency_figure",
        "lithium_by_form_figure",
        "plating_map_figure",
    ],
    "jaxcell.impedance_plots": ["kramers_kronig_figure"],
    "jaxcell.io.bpx": ["cathode_from_bpx"],
    "jaxcell.io.pybamm": ["from_pybamm"],
    "jaxcell.impedance_validity": ["KramersKronig", "kramers_kronig"],
    "jaxcell.pulse_response": ["linear_response"],
    "jaxcell.library": ["HalfCellParts", "xu2019_half_cell"],
    "jaxcell.ledger": ["Ledger", "lithium_ledger", "lithium_losses"],
    "jaxcell.model": ["ChainModel", "assemble"],
    "jaxcell.observables": [
        "bottom_fraction",
        "deposit_thickness",
        "small_signal",
        "total_area_specific_resistance",
    ],
    "jaxcell.onset": ["top_onset_current"],
    "jaxcell.operating_point": ["OperatingPoint"],
    "jaxcell.plating_map": ["PlatingMap", "map_plating"],
    "jaxcell.protocol": [
        "CRate",
        "Current",
        "Power",
        "Protocol",
        "Step",
        "Until",
        "Voltage",
        "anode_free_cycling",
        "aurbach_coulombic_efficiency",
        "calendar_rest",
        "charge",
        "critical_current_ramp",
        "discharge",
        "hold",
        "parse_step",
        "plate",
        "replay",
        "rest",
        "strip",
        "symmetric_cycling",
    ],
    "jaxcell.resolution": ["ResolutionWarning"],
    "jaxcell.simulation": ["SimulationError", "Solution", "simulate"],
    "jaxcell.solver.integrate": ["Settings"],
    "jaxcell.solver.ends": ["StepEnd"],
    "jaxcell.solver.results": ["RESULTS"],
    "jaxcell.solver.schedule": ["Plan"],
    "jaxcell.spectroscopy": ["ImpedanceSpectrum", "Rig", "impedance"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
__version__ = "0.1.0"
__all__ = [
    "LFP",
    "NMC532",
    "NMC811",
    "RESULTS",
    "AlloyElectrode",
    "BinarySalt",
    "CRate",
    "CapacityBalance",
    "CathodeTransport",
    "Cell",
    "ChainModel",
    "Collector",
    "CompositeCathode",
    "ConcentrationLaw",
    "ConstantPotential",
    "ContactLoss",
    "Current",
    "CycleEnergy",
    "CycleLedger",
    "Cycles",
    "DeadLithium",
    "DiffusivityLaw",
    "Filler",
    "Film",
    "GrainBoundary",
    "HalfCellParts",
    "HeatBalance",
    "ImpedanceSpectrum",
    "IntercalationKinetics",
    "Interface",
    "Interphase",
    "InventoryRun",
    "KramersKronig",
    "LayerComparison",
    "Ledger",
    "LiPF6Conductivity",
    "LiPF6Diffusivity",
    "LithiumElectrode",
    "LithiumInventory",
    "LithiumKinetics",
    "MarcusHushChidseyKinetics",
    "Nucleation",
    "OpenCircuitPotential",
    "OperatingPoint",
    "Plan",
    "PlatingMap",
    "Pores",
    "Power",
    "ProtectionLayer",
    "Protocol",
    "ResolutionWarning",
    "Rig",
    "Separator",
    "Settings",
    "SimulationError",
    "SoftShort",
    "Solution",
    "StackMasses",
    "Step",
    "StepEnd",
    "Storage",
    "TabulatedConcentration",
    "TabulatedDiffusivity",
    "TabulatedPotential",
    "Trap",
    "Until",
    "Voltage",
    "anode_free_cycling",
    "assemble",
    "at_state_of_charge",
    "at_voltage",
    "aurbach_coulombic_efficiency",
    "bottom_fraction",
    "calendar_rest",
    "capacity_balance",
    "cathode_from_bpx",
    "charge",
    "compare_layers",
    "comparison_figure",
    "composite_layer",
    "coulombic_efficiency_figure",
    "critical_current_ramp",
    "cycle_energy",
    "cycle_inventory",
    "cycle_ledger",
    "deposit_thickness",
    "discharge",
    "energy_density_wh_l",
    "energy_passed",
    "from_pybamm",
    "full_cell_figure",
    "hold",
    "impedance",
    "kramers_kronig",
    "kramers_kronig_figure",
    "linear_response",
    "lithium_by_form_figure",
    "lithium_ledger",
    "lithium_losses",
    "map_plating",
    "open_circuit_voltage",
    "parse_step",
    "plate",
    "plating_map_figure",
    "replay",
    "rest",
    "simulate",
    "small_signal",
    "specific_energy_wh_kg",
    "step_energy",
    "strip",
    "symmetric_cycling",
    "top_onset_current",
    "total_area_specific_resistance",
    "with_voltage_window",
    "xu2019_half_cell",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'jaxcell' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*_MODULE_OF, "__version__"])
