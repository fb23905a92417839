"""Measurements in and out: cyclers' files, the Battery Data Format, tables in memory.

Parameter sets of other programs are read by `jaxcell.io.bpx` and `jaxcell.io.pybamm`, which unlike the rest need JAX.
"""

from jaxcell.io.bdf import write_bdf_csv as write_bdf_csv
from jaxcell.io.cycle_table import CycleTable as CycleTable
from jaxcell.io.cycle_table import read_cycle_table as read_cycle_table
from jaxcell.io.errors import ArgumentError as ArgumentError
from jaxcell.io.errors import MeasurementError as MeasurementError
from jaxcell.io.errors import ParameterSetError as ParameterSetError
from jaxcell.io.half_cycles import HalfCycle as HalfCycle
from jaxcell.io.kinds import Kind as Kind
from jaxcell.io.measurement import Measurement as Measurement
from jaxcell.io.provenance import Provenance as Provenance
from jaxcell.io.read import read_measurement as read_measurement
from jaxcell.io.recorded_steps import RecordedStep as RecordedStep
from jaxcell.io.recorded_steps import RecordedSteps as RecordedSteps
from jaxcell.io.recorded_steps import recorded_steps as recorded_steps
from jaxcell.io.spectrum import Spectrum as Spectrum
from jaxcell.io.step_table import StepTable as StepTable
from jaxcell.io.step_table import read_step_table as read_step_table
