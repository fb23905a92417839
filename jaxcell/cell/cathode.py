"""Electrodes with a potential of their own: a composite cathode, and an alloy as counter electrode.

separator | cathode: active particles in an ion conductor | collector
"""

from typing import Any, ClassVar

import equinox as eqx

from jaxcell.cell.dispersion import phase_exponent
from jaxcell.cell.open_circuit import ConstantPotential, DiffusivityLaw, OpenCircuitPotential
from jaxcell.cell.salt import BinarySalt
from jaxcell.cell.sites import Interface, LithiumKinetics, MarcusHushChidseyKinetics
from jaxcell.component import Component, check_when_concrete, energy_of_activation, part, quantity
from jaxcell.units import FARADAY, Quantity, Scalar

RESERVOIR = 1e4
"""Lithium [mol m-2] of an alloy that never runs empty: 27 Ah cm-2."""


class IntercalationKinetics(Component):
    """Butler-Volmer kinetics of Li+ + e- + host <-> Li in the host; see `jaxcell.physics.intercalation`.

    i0(x, c_e) = i0 (c_e/c_e0)^n sqrt[x (1 - x)]/0.5.  A rate constant k in i0 = k sqrt[c_e c_s (c_max - c_s)]
    [A m-2 (m3/mol)^1.5] is the same law with i0 = k sqrt(c_e0) c_max/2; see `from_rate_constant`.
    """

    exchange_current_density: Quantity = quantity("A m-2", above=0.0, activation="activation_energy")
    """i0 [A m-2 of particle surface] at x = 1/2 and the salt's initial concentration c_e0."""
    transfer_coefficient: Quantity = quantity("1", above=0.0, at_most=1.0, default=0.5)
    """alpha [1] of intercalation; 1 - alpha of its reverse."""
    concentration_exponent: Quantity = quantity("1", at_least=0.0, at_most=1.0, default=0.5)
    """n [1] on the salt's concentration; without effect in a single-ion conductor."""
    activation_energy: Quantity = energy_of_activation()
    """Of i0."""

    @classmethod
    def from_rate_constant(
        cls, rate: Any, concentration: Any, maximum_concentration: Any, **kwargs: Any
    ) -> "IntercalationKinetics":
        """From k [A m-2 (m3/mol)^1.5], c_e0 [mol m-3] of the electrolyte and c_max [mol m-3] of the host."""
        return cls(rate * concentration**0.5 * maximum_concentration * 0.5, **kwargs)


class CathodeTransport(Component):
    """Ions and electrons through the thickness of a composite cathode; conductivities are effective ones, per
    electrode area."""

    ionic_conductivity: Quantity = quantity("S m-1", above=0.0, activation="activation_energy")
    """kappa [S m-1] of the ion conductor between the particles."""
    electronic_conductivity: Quantity = quantity("S m-1", above=0.0)
    """sigma [S m-1] of particles and conductive additive."""
    salt: BinarySalt | None = None
    """The ion conductor's salt, with its effective diffusivity and its share of the cathode's volume (`porosity`);
    None for a single-ion conductor (t+ = 1)."""
    activation_energy: Quantity = energy_of_activation()
    """Of kappa."""


class CompositeCathode(Component):
    """Spherical particles of one size that take up lithium, in an ion conductor.

    At each point of the thickness dx/dt = (1/r2) d(r2 D(x) dx/dr)/dr with D dx/dr = i/(F c_max) at r = R, i from
    `jaxcell.physics.intercalation`.  Source: Doyle, Fuller and Newman, J. Electrochem. Soc. 140 (1993) 1526.
    """

    thickness: Quantity = quantity("m", above=0.0, at_most=0.05)
    active_fraction: Quantity = quantity("1", above=0.0, at_most=1.0)
    """eps [1]: the particles' share of the cathode's volume."""
    particle_radius: Quantity = quantity("m", above=0.0, at_most=1e-3)
    """R [m]."""
    maximum_concentration: Quantity = quantity("mol m-3", above=0.0)
    """c_max [mol m-3]: lithium in a particle at x = 1."""
    initial_stoichiometry: Quantity = quantity("1", above=0.0, at_most=1.0)
    """x0 [1], everywhere."""
    particle_diffusivity: Quantity = quantity("m2 s-1", above=0.0, activation="diffusivity_activation_energy")
    """D [m2 s-1] of lithium in a particle."""
    open_circuit: OpenCircuitPotential = part()
    kinetics: IntercalationKinetics = part()
    transport: CathodeTransport | None = None
    """None for a single particle: no gradient of potential or salt through the thickness."""
    diffusivity_law: DiffusivityLaw | None = None
    """Factor on D as a function of stoichiometry; None for a constant D."""
    double_layer_capacitance: Quantity = quantity("F m-2", at_least=0.0, default=0.2)
    """C_dl [F m-2 of particle surface]. Default as in PyBaMM's parameter sets."""
    contact_resistance: Quantity = quantity("Ohm m2", at_least=0.0, default=0.0)
    """Of the collector [Ohm m2 of electrode], in series: carries the whole current, as electrons."""
    lowest_stoichiometry: Quantity | None = quantity("1", at_least=0.0, at_most=1.0, optional=True, default=None)
    """x [1] of a full charge, from which capacity counts; None for 0."""
    highest_stoichiometry: Quantity | None = quantity("1", at_least=0.0, at_most=1.0, optional=True, default=None)
    """x [1] of a full discharge; None for 1."""
    diffusivity_activation_energy: Quantity = energy_of_activation()
    """Of D."""
    double_layer_exponent: Quantity | None = phase_exponent()
    """As `Interface.double_layer_exponent`."""

    def __check_init__(self) -> None:
        low, high = self.lowest_stoichiometry, self.highest_stoichiometry
        check_when_concrete(
            lambda: (0.0 if low is None else float(low)) < (1.0 if high is None else float(high)),
            lambda: "CompositeCathode.lowest_stoichiometry [1] must be below highest_stoichiometry.",
        )

    @property
    def specific_surface_area(self) -> Scalar:
        """a = 3 eps/R [m2 of particle surface per m3 of cathode]."""
        return 3.0 * self.active_fraction / self.particle_radius

    @property
    def lithium_sites(self) -> Scalar:
        """eps L c_max [mol m-2]: lithium of the cathode at x = 1."""
        return self.active_fraction * self.thickness * self.maximum_concentration

    @property
    def initial_lithium(self) -> Scalar:
        """Lithium in the particles at the start [mol m-2]."""
        return self.lithium_sites * self.initial_stoichiometry

    @property
    def capacity(self) -> Scalar:
        """F eps L c_max (x_high - x_low) [C m-2]; 1 mAh cm-2 is 36000 C m-2."""
        high = 1.0 if self.highest_stoichiometry is None else self.highest_stoichiometry
        low = 0.0 if self.lowest_stoichiometry is None else self.lowest_stoichiometry
        return FARADAY * self.lithium_sites * (high - low)

    @property
    def initial_potential(self) -> Scalar:
        """u = phi_i - phi_s at the start [V]: equilibrium, minus the open-circuit potential."""
        return -self.open_circuit(self.initial_stoichiometry)


class AlloyElectrode(Component):
    """A counter electrode of an alloy such as In-Li, whose potential is not lithium's.

    Kinetics are those of lithium driven by u + U, u = phi_i - phi_s and U the alloy's potential.
    """

    kinetics: LithiumKinetics | MarcusHushChidseyKinetics = eqx.field(default_factory=LithiumKinetics)
    """Of the alloy's own exchange current density."""
    open_circuit: OpenCircuitPotential = eqx.field(default_factory=ConstantPotential)
    """U [V] of the alloy as a function of its filling."""
    capacity: Quantity | None = quantity("mol m-2", above=0.0, optional=True, default=None)
    """Lithium between an empty and a full alloy [mol m-2]; None for one that never fills or runs empty."""
    initial_filling: Quantity = quantity("1", above=0.0, at_most=1.0, default=0.5)
    """Share of `capacity` that holds lithium at the start [1]."""
    double_layer_capacitance: Quantity = quantity("F m-2", at_least=0.0, default=0.2)
    """C_dl [F m-2]."""
    contact_resistance: Quantity = quantity("Ohm m2", at_least=0.0, default=0.0)
    """In series, ionic [Ohm m2]."""
    double_layer_exponent: Quantity | None = phase_exponent()
    """As `Interface.double_layer_exponent`."""

    layer: ClassVar[None] = None
    """No protection layer on an alloy."""

    @property
    def interface(self) -> Interface:
        """Its interface with the separator."""
        return Interface(
            self.kinetics,
            double_layer_capacitance=self.double_layer_capacitance,
            contact_resistance=self.contact_resistance,
            double_layer_exponent=self.double_layer_exponent,
        )

    @property
    def initial_lithium(self) -> Scalar:
        """Lithium of the alloy at the start [mol m-2]; without a capacity, more than anything takes from it."""
        return self.initial_filling * (RESERVOIR if self.capacity is None else self.capacity)

    @property
    def initial_potential(self) -> Scalar:
        """u = phi_i - phi_s at the start [V]: equilibrium."""
        return -self.open_circuit(self.initial_filling)
