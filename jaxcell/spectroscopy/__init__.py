"""The model's impedance: the equations that are integrated in time, linearised at a state."""

from jaxcell.spectroscopy.impedance import impedance as impedance
from jaxcell.spectroscopy.rig import Rig as Rig
from jaxcell.spectroscopy.spectrum import ImpedanceSpectrum as ImpedanceSpectrum
