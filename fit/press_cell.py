"""The cell of fit/ncm_lpscl_press_cell.py, the numbers fitted in it, and what of them the data can tell.

No geometry is known: 1 cm2, a separator of 500 um, a cathode of 100 um, particles of 2 um and the potential of NMC811
are nominal, and `told` gives what does not depend on them.
"""

import jaxcell as jc
from jaxcell.inference import LogNormal, Normal, Parameter, ParameterSet

AREA = 1e-4  # m2
HOST = (jc.NMC811(), jc.IntercalationKinetics(0.05), jc.CathodeTransport(0.01, 10.0))
CATHODE = jc.CompositeCathode(1e-4, 0.5, 2e-6, 5e4, 0.9, 1e-16, *HOST, double_layer_exponent=0.7)
SEPARATOR = jc.Separator(5e-4, 0.08, grain_boundary=jc.GrainBoundary(3e-3, 1e-4, 0.5), relative_permittivity=30.0)
CELL = jc.Cell(jc.AlloyElectrode(jc.LithiumKinetics(1.0), double_layer_exponent=0.7), SEPARATOR, CATHODE)
TIMED = {  # path, unit, median of the prior (a factor of 100 either way at 95 %): for pulses and for the spectrum
    "separator": ("separator.ionic_conductivity", "S/m", 0.08),
    "indium_i0": ("working.kinetics.exchange_current_density", "A/m2", 1.0),
    "indium_c": ("working.double_layer_capacitance", "F/m2", 0.2),
    "cathode_kappa": ("counter.transport.ionic_conductivity", "S/m", 0.01),
    "cathode_i0": ("counter.kinetics.exchange_current_density", "A/m2", 0.05),
    "cathode_c": ("counter.double_layer_capacitance", "F/m2", 0.1),
    "diffusivity": ("counter.particle_diffusivity", "m2/s", 1e-16),
    "sites": ("counter.maximum_concentration", "mol/m3", 5e4),
}
ALL = TIMED | {  # for the spectrum alone; exponents have no unit
    "permittivity": ("separator.relative_permittivity", "1", 30.0),
    "boundary": ("separator.grain_boundary.resistance", "Ohm m2", 3e-3),
    "boundary_c": ("separator.grain_boundary.capacitance", "F/m2", 1e-4),
    "inductance": ("rig.inductance", "H m2", 1e-11),
    "boundary_alpha": ("separator.grain_boundary.exponent", "", 0.5),
    "indium_alpha": ("working.double_layer_exponent", "", 0.7),
    "cathode_alpha": ("counter.double_layer_exponent", "", 0.7),
}
EXPONENT = ((0.2, 0.999), "logit", Normal(0.7, 0.2))


def parameters(names, **starts):
    """The set of these numbers; it starts at the medians of their priors or at `starts`."""

    def one(name, path, unit, middle):
        log = ((1e-4 * middle, 1e4 * middle), "log", LogNormal((middle / 100.0, middle * 100.0)))
        return Parameter(name, path, unit or "1", *(log if unit else EXPONENT), starts.get(name, middle))

    return ParameterSet([one(name, *ALL[name]) for name in names])


def told(cell):
    """Ohms, and microfarads at 1 kHz, of the whole by name."""
    cathode, x, thermal = cell.counter, cell.counter.initial_stoichiometry, 8.314462618 * 298.15 / 96485.33
    surface = cathode.specific_surface_area * cathode.thickness * AREA
    current = cathode.kinetics.exchange_current_density * 2.0 * (x * (1.0 - x)) ** 0.5 * surface
    return {
        "separator": cell.separator.resistance / AREA,
        "In-Li": thermal / cell.working.kinetics.exchange_current_density / AREA,
        "cathode, ions": cathode.thickness / cathode.transport.ionic_conductivity / AREA,
        "cathode, charge transfer": thermal / current,
        "In-Li, uF": cell.working.double_layer_capacitance * AREA * 1e6,
        "cathode, uF": cathode.double_layer_capacitance * surface * 1e6,
    }
