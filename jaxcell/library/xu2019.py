"""NMC532 against lithium, with a liquid electrolyte."""

from jaxcell.cell import (
    NMC532,
    BinarySalt,
    CathodeTransport,
    CompositeCathode,
    IntercalationKinetics,
    Interface,
    LiPF6Conductivity,
    LiPF6Diffusivity,
    LithiumElectrode,
    LithiumKinetics,
    Separator,
)
from jaxcell.library.half_cell import HalfCellParts
from jaxcell.physics.lipf6 import lipf6_conductivity, lipf6_diffusivity
from jaxcell.units import FARADAY, LITHIUM_MOLAR_VOLUME, strong_float64

SALT = 1000.0
"""c_e0 [mol m-3]."""
NOMINAL_CAPACITY = 0.0024 * 3600.0 / (0.01 * 0.0154)
"""[C m-2]: 2.4 mAh on 1 cm by 1.54 cm. The particles hold 2.81 mAh cm-2 from x = 0 to 1."""
VOLTAGES = (3.5, 4.2)
"""Lower and upper cut-off [V]."""
LITHIUM_ORDER = 0.3
"""m in i0 ~ c_e^m of lithium."""


def xu2019_half_cell(
    transference_number: float = 0.38, *, single_particle: bool = False, temperature: float = 298.15
) -> HalfCellParts:
    """NMC532 | Celgard 2325 in LiPF6 | 700 um of lithium, charged (x = 0.096, 4.2 V).

    Cathode 42 um, eps = 0.518 in particles of R = 5.3 um, c_max = 48 230 mol m-3, D = 1e-14 m2 s-1, porosity 0.331,
    sigma = 100 S m-1, k = F 5.76e-11 A m-2 (m3/mol)^1.5.  Separator 25 um, porosity 0.39.  Lithium: i0 = F 3.5e-8
    c_Li^0.7 c_e^0.3 A m-2 with concentrations in mol m-3.  Bruggeman's exponent 3/2 everywhere; electrons cross
    all that is not pore.  Electrolyte: `jaxcell.physics.lipf6` from 1 mol/l on.  Open-circuit potential: Mohtat et al.
    2020.

    With `transference_number` 1 the electrolyte is a single-ion conductor of the same conductivity, and no part holds a
    salt.  `single_particle` leaves out transport in the cathode (and in PyBaMM's model of that name the resistance of
    the separator too, which is kept here).  No activation energies: numbers hold at `temperature` [K].

    Source: Xu et al., J. Electrochem. Soc. 166 (2019) A3456, as published with PyBaMM as the set "Xu2019"; Valoen and
    Reimers 2005.
    """
    salt, warm = strong_float64(SALT), strong_float64(temperature)
    conductivity, diffusivity = lipf6_conductivity(salt, warm), lipf6_diffusivity(salt, warm)

    def electrolyte(porosity: float) -> BinarySalt | None:
        if transference_number == 1.0:
            return None
        return BinarySalt(
            concentration=SALT,
            transference_number=transference_number,
            diffusivity=diffusivity * porosity**1.5,
            porosity=porosity,
            conductivity_law=LiPF6Conductivity(temperature),
            diffusivity_law=LiPF6Diffusivity(temperature),
        )

    pores, between = 0.331, 0.39
    transport = CathodeTransport(
        ionic_conductivity=conductivity * pores**1.5,
        electronic_conductivity=100.0 * (1.0 - pores) ** 1.5,
        salt=electrolyte(pores),
    )
    cathode = CompositeCathode(
        thickness=42e-6,
        active_fraction=0.518,
        particle_radius=5.3e-6,
        maximum_concentration=48230.0,
        initial_stoichiometry=4631.0 / 48230.0,
        particle_diffusivity=1e-14,
        open_circuit=NMC532(),
        kinetics=IntercalationKinetics.from_rate_constant(5.76e-11 * FARADAY, SALT, 48230.0),
        transport=None if single_particle else transport,
    )
    separator = Separator(25e-6, conductivity * between**1.5, salt=electrolyte(between))
    exchange = 3.5e-8 * FARADAY * LITHIUM_MOLAR_VOLUME**-0.7 * SALT**LITHIUM_ORDER
    lithium = LithiumElectrode(700e-6, Interface(LithiumKinetics(exchange, concentration_exponent=LITHIUM_ORDER)))
    return HalfCellParts(cathode, separator, lithium)
