"""Ways in which lithium or contact is lost, each present in a cell or not.

Equations are in the modules of `jaxcell.physics` that each part names.  Numbers without a source are priors; parts
without a source for most of them are left out of a cell unless they are asked for.
"""

from jaxcell.component import Component, energy_of_activation, quantity
from jaxcell.units import FARADAY, Quantity, from_mah_cm2


class Interphase(Component):
    """Interphase that grows on a site from electrons and lithium ions; see `jaxcell.physics.interphase`.

    Defaults describe an argyrodite (Li6PS5Cl + 8 Li -> 5 Li2S + Li3P + LiCl) against lithium, hence a top site;
    polymers at the bottom have their own.  k_p = 2 V_int sigma_amb E_red/F [m2 s-1] is the parabolic growth constant.
    """

    ambipolar_conductivity: Quantity = quantity("S m-1", above=0.0, default=1.2e-10, activation="activation_energy")
    """sigma_amb [S m-1] of electrons and ions together. Prior: k_p = 1e-19 m2 s-1, 1e-21 to 1e-18."""
    ionic_conductivity: Quantity = quantity("S m-1", above=0.0, default=2e-5, activation="ionic_activation_energy")
    """sigma_ion [S m-1]: the interphase adds delta/sigma_ion to the ionic path. Prior: 1e-6 to 1e-3."""
    reduction_potential: Quantity = quantity("V", at_least=0.0, at_most=5.0, default=1.7)
    """E_red against Li/Li+ [V] below which the electrolyte is reduced. Prior."""
    molar_volume: Quantity = quantity("m3 mol-1", above=0.0, default=24.4e-6)
    """V_int of interphase per mol of lithium consumed [m3 mol-1]; from the reaction above, to 15 %."""
    initial_thickness: Quantity = quantity("m", above=0.0, default=1e-9)
    """delta0 [m]."""
    reaction_resistance: Quantity = quantity(
        "Ohm m2", at_least=0.0, default=0.0, activation="activation_energy", falls=True
    )
    """R_k [Ohm m2]: limits growth while the interphase is thin (the linear part)."""
    activation_energy: Quantity = energy_of_activation(0.5)
    """Of growth. Prior: 0.5 eV (0.3 to 0.9)."""
    ionic_activation_energy: Quantity = energy_of_activation()
    """Of sigma_ion."""


class DeadLithium(Component):
    """Live lithium that loses contact while it is stripped, and in time; see `jaxcell.physics.dead_lithium`."""

    per_stripped: Quantity = quantity("1", at_least=0.0, at_most=1.0, default=0.003)
    """xi [1]: dead per stripped lithium. Prior: 1e-4 to 0.05."""
    rate: Quantity = quantity("s-1", at_least=0.0, default=0.0, activation="activation_energy")
    """gamma [s-1]: dying in time. Prior: 0, or 1e-11 to 1e-8."""
    activation_energy: Quantity = energy_of_activation()
    """Of gamma."""


class Storage(Component):
    """Reversible storage in the layer's filler (carbon black); see `jaxcell.physics.storage`."""

    capacity: Quantity = quantity("mol m-3", above=0.0, default=75.0 * 3.6e6 / FARADAY)
    """Per volume of layer [mol m-3]. Default 75 mAh cm-3, half of 150 mAh g-1 at 1 g of carbon per cm3: a prior, to a
    factor of 3."""
    potential: Quantity = quantity("V", at_least=-1.0, at_most=5.0, default=0.3)
    """U0 against Li/Li+ [V] at half filling. Prior."""
    exchange_current_density: Quantity = quantity("A m-2", above=0.0, default=1e-3, activation="activation_energy")
    """i0_C [A m-2 of filler surface]. Prior."""
    specific_surface_area: Quantity = quantity("m-1", above=0.0, default=1e7)
    """a_C [m2 m-3] of the layer. Prior."""
    activation_energy: Quantity = energy_of_activation()


class Trap(Component):
    """Storage that never gives its lithium back; the same numbers as `Storage`."""

    capacity: Quantity = quantity("mol m-3", above=0.0, default=75.0 * 3.6e6 / FARADAY)
    """Per volume of layer [mol m-3]. Default 75 mAh cm-3. Prior, x/3 to x3."""
    potential: Quantity = quantity("V", at_least=-1.0, at_most=5.0, default=0.3)
    """U0 against Li/Li+ [V], above which little is trapped. Prior."""
    exchange_current_density: Quantity = quantity("A m-2", above=0.0, default=1e-3, activation="activation_energy")
    """i0_C [A m-2 of filler surface]. Prior."""
    specific_surface_area: Quantity = quantity("m-1", above=0.0, default=1e7)
    """a_C [m2 m-3] of the layer. Prior."""
    activation_energy: Quantity = energy_of_activation()


class ContactLoss(Component):
    """Voids below a stripping deposit, healed by stack pressure; see `jaxcell.physics.contact`. All numbers: priors."""

    resistance: Quantity = quantity("Ohm m2", at_least=0.0, default=1e-4)
    """R_c0 [Ohm m2] at the reference pressure with full contact."""
    pressure_exponent: Quantity = quantity("1", at_least=0.0, at_most=2.0, default=0.5)
    """m in R_c ~ P^-m [1]; 0.3 to 1, arXiv 2501.00600."""
    reference_pressure: Quantity = quantity("Pa", above=0.0, default=5e6)
    """P0 [Pa], at which the other numbers hold."""
    loss_per_charge: Quantity = quantity("m2 C-1", at_least=0.0, default=3e-5)
    """k_v [m2 C-1]: share of contact lost per charge stripped above the critical current."""
    critical_current_density: Quantity = quantity("A m-2", above=0.0, default=10.0, activation="activation_energy")
    """i_crit [A m-2] of stripping, proportional to pressure."""
    healing_rate: Quantity = quantity("s-1", at_least=0.0, default=1e-5, activation="activation_energy")
    """k_h [s-1], proportional to pressure."""
    activation_energy: Quantity = energy_of_activation()
    """Of creep: i_crit and k_h."""


class SoftShort(Component):
    """Electronic conductance through the separator that grows with the lithium at its face; see
    `jaxcell.physics.soft_short`. Both numbers: priors to be chosen."""

    conductance: Quantity = quantity("S m-2", at_least=0.0)
    """g [S m-2] per cell area once fully grown."""
    half_capacity: Quantity = quantity("mol m-2", above=0.0, default=from_mah_cm2(1.0))
    """Lithium at the separator's face at which half of it conducts [mol m-2]; default 1 mAh cm-2."""


class HeatBalance(Component):
    """One temperature for the whole cell; see `jaxcell.physics.heat`.

    C dT/dt = E I + what reactions release - h (T - T_ambient), with T_ambient the cell's temperature.
    """

    heat_capacity: Quantity = quantity("J m-2 K-1", above=0.0)
    """C per cell area [J m-2 K-1]."""
    heat_transfer: Quantity = quantity("W m-2 K-1", at_least=0.0)
    """h to the surroundings [W m-2 K-1]."""
    highest_temperature: Quantity = quantity("K", at_least=150.0, at_most=1000.0, default=600.0)
    """Where a run ends [K]: the laws hold for solid lithium, which melts at 453.7 K, and none holds far beyond."""
