"""Places where lithium plates: kinetics, nucleation, interfaces and pores."""

import equinox as eqx

from jaxcell.cell.dispersion import phase_exponent
from jaxcell.cell.losses import ContactLoss, DeadLithium, Interphase
from jaxcell.component import Component, check_when_concrete, energy_of_activation, quantity
from jaxcell.units import FARADAY, GAS, Quantity, Scalar, from_ev, from_mah_cm2


class LithiumKinetics(Component):
    """Butler-Volmer kinetics of Li+ + e- <-> Li on lithium.

    i = i0 [exp(alpha_c F eta/RT) - exp(-alpha_a F eta/RT)], eta > 0 plating.
    """

    exchange_current_density: Quantity = quantity("A m-2", above=0.0, default=10.0, activation="activation_energy")
    """i0 [A m-2]. Prior, with 0.5 to 200 A m-2 as its 95 % range."""
    cathodic_transfer_coefficient: Quantity = quantity("1", above=0.0, at_most=2.0, default=0.5)
    """alpha_c [1], of plating."""
    anodic_transfer_coefficient: Quantity = quantity("1", above=0.0, at_most=2.0, default=0.5)
    """alpha_a [1], of stripping."""
    activation_energy: Quantity = energy_of_activation(0.5)
    """Of i0. Prior: 0.5 eV."""
    concentration_exponent: Quantity = quantity("1", at_least=0.0, at_most=2.0, default=0.5)
    """m in i0 ~ (c/c0)^m [1] where the electrolyte at the site has a salt. Default: alpha_a of the usual law."""

    @property
    def slope(self) -> Scalar:
        """d(i/i0)/d(F eta/RT) at equilibrium [1]: alpha_a + alpha_c."""
        return self.anodic_transfer_coefficient + self.cathodic_transfer_coefficient


class MarcusHushChidseyKinetics(Component):
    """Marcus-Hush-Chidsey kinetics of Li+ + e- <-> Li: the current levels off once eta exceeds lambda.

    Equation and source: `jaxcell.physics.kinetics.marcus_hush_chidsey`.  At small overpotentials i = i0 F eta/RT, as
    for Butler-Volmer kinetics with coefficients that add up to one.
    """

    exchange_current_density: Quantity = quantity("A m-2", above=0.0, default=10.0, activation="activation_energy")
    """i0 [A m-2], defined by the slope at equilibrium."""
    reorganisation_energy: Quantity = quantity("J mol-1", at_least=4e3, at_most=1e6, default=from_ev(0.3))
    """lambda [J mol-1]; 1 eV is 96485 J mol-1. At least 1.5 RT, below which the law's sum is no integral. Default
    0.3 eV: a prior."""
    activation_energy: Quantity = energy_of_activation(0.5)
    """Of i0. Prior: 0.5 eV."""
    concentration_exponent: Quantity = quantity("1", at_least=0.0, at_most=2.0, default=0.5)
    """m in i0 ~ (c/c0)^m [1] where the electrolyte at the site has a salt. Default: alpha_a of the usual law."""

    @property
    def slope(self) -> Scalar:
        """d(i/i0)/d(F eta/RT) at equilibrium [1]."""
        return self.exchange_current_density * 0.0 + 1.0


class Nucleation(Component):
    """Barrier against the first lithium on a site, and exhaustion of the last.

    eta_n = overpotential exp[-(q/nucleation_capacity)^2];  activity a = tanh(q/depletion_capacity), with q
    the live lithium of the site per cell area. Deposits below two or three nucleation capacities dissolve
    again. `depletion_capacity` must stay at or below 1/50 of `nucleation_capacity`, or a site that has not
    nucleated collects lithium anyway.
    """

    overpotential: Quantity = quantity("V", at_least=0.0, at_most=2.0, default=0.0)
    """Barrier before the first lithium [V]. Zero where lithium is already there or the collector dissolves in
    it (Ag, Au, Mg, Zn); some 40 mV on Cu, Ni or steel, and at a layer's top: priors."""
    nucleation_capacity: Quantity = quantity("mol m-2", above=0.0, default=from_mah_cm2(10e-3))
    """q_n [mol m-2]: deposit at which the barrier has fallen by e. Default 10 uAh cm-2: a prior."""
    depletion_capacity: Quantity = quantity("mol m-2", above=0.0, default=from_mah_cm2(0.2e-3))
    """q* [mol m-2]: deposit below which stripping slows down. Default 0.2 uAh cm-2: a numerical choice."""

    def __check_init__(self) -> None:
        check_when_concrete(
            lambda: float(self.depletion_capacity) * 50.0 <= float(self.nucleation_capacity) * (1 + 1e-9),
            lambda: (
                f"Nucleation.depletion_capacity must be at most 1/50 of nucleation_capacity "
                f"({float(self.nucleation_capacity):g} mol m-2), but is "
                f"{float(self.depletion_capacity):g} mol m-2."
            ),
        )


class Interface(Component):
    """A lithium interface: contact resistance + (film: R || C) + (reaction || double layer), in series.

    The interfacial resistance that a small signal sees is R_film + RT/(F i0); see `resistance`. All of its
    parts carry the ionic current into the site.
    """

    kinetics: LithiumKinetics | MarcusHushChidseyKinetics = eqx.field(default_factory=LithiumKinetics)
    nucleation: Nucleation = eqx.field(default_factory=Nucleation)
    double_layer_capacitance: Quantity = quantity("F m-2", at_least=0.0, default=0.2)
    """C_dl [F m-2], parallel to the reaction. Default as in PyBaMM's lithium-metal parameter sets."""
    film_resistance: Quantity | None = quantity(
        "Ohm m2", at_least=0.0, optional=True, default=None, activation="film_activation_energy", falls=True
    )
    """R_film [Ohm m2], ionic; None for an interface without a film."""
    film_capacitance: Quantity = quantity("F m-2", at_least=0.0, default=0.0)
    """C_film [F m-2], parallel to the film."""
    contact_resistance: Quantity = quantity("Ohm m2", at_least=0.0, default=0.0)
    """Pure series resistance [Ohm m2], ionic; no electrical measurement of one cell tells it from L/kappa."""
    interphase: Interphase | None = None
    """Growth of an interphase here; None for a stable interface."""
    dead_lithium: DeadLithium | None = None
    """Loss of contact of the deposit itself; None where all of it stays live."""
    contact_loss: ContactLoss | None = None
    """Voids and healing under stack pressure; None where contact is always perfect."""
    film_activation_energy: Quantity = energy_of_activation()
    """Of the film's conductance."""
    double_layer_exponent: Quantity | None = phase_exponent()
    """alpha [1] of a constant-phase element in place of C_dl, in impedance only:
    Y = j omega C (j omega/omega_0)^(alpha-1), in size that of C, which time sees, at omega_0 = 2 pi 1 kHz.
    None: a capacitor."""
    film_exponent: Quantity | None = phase_exponent()
    """alpha [1] of the film, R/(1 + (j omega R C)^alpha), in time as a row of R || C with distributed times
    (`jaxcell.physics.constant_phase`); None: R || C."""

    def __check_init__(self) -> None:
        check_when_concrete(
            lambda: self.film_resistance is not None or float(self.film_capacitance) == 0.0,
            lambda: "Interface.film_capacitance needs a film: give film_resistance [Ohm m2] as well.",
        )
        check_when_concrete(
            lambda: self.film_resistance is not None or self.film_exponent is None,
            lambda: "Interface.film_exponent needs a film: give film_resistance [Ohm m2] as well.",
        )

    def charge_transfer_resistance(self, temperature: Scalar) -> Scalar:
        """R_ct = RT/[F i0 (alpha_a + alpha_c)] [Ohm m2] at `temperature` [K], with i0 as given."""
        return GAS * temperature / (FARADAY * self.kinetics.exchange_current_density * self.kinetics.slope)

    def resistance(self, temperature: Scalar) -> Scalar:
        """R_film + R_ct + contact [Ohm m2]: what a slow small signal across the interface sees."""
        rest = self.contact_resistance + self.charge_transfer_resistance(temperature)
        return rest if self.film_resistance is None else rest + self.film_resistance


class Film(Component):
    """An ionic interface without a deposit, such as layer|separator: R || C in series with the layer."""

    resistance: Quantity = quantity("Ohm m2", at_least=0.0, default=0.0, activation="activation_energy", falls=True)
    capacitance: Quantity = quantity("F m-2", at_least=0.0, default=0.0)
    activation_energy: Quantity = energy_of_activation()
    """Of the film's conductance."""
    exponent: Quantity | None = phase_exponent()
    """alpha [1], as `Interface.film_exponent`."""


class Pores(Component):
    """Lithium sites on the electron-conducting filler inside a protection layer."""

    specific_surface_area: Quantity = quantity("m-1", above=0.0)
    """Filler surface per layer volume a_v [m2 m-3]."""
    porosity: Quantity = quantity("1", above=0.0, at_most=1.0, default=0.3)
    """Volume fraction that lithium may fill; plating inside stops as it is used up."""
    kinetics: LithiumKinetics | MarcusHushChidseyKinetics = eqx.field(default_factory=LithiumKinetics)
    nucleation: Nucleation = eqx.field(default_factory=Nucleation)
    """Capacities per cell area, for the layer's whole thickness."""
    double_layer_capacitance: Quantity = quantity("F m-2", at_least=0.0, default=0.2)
    """C_dl [F m-2] of filler surface."""
    interphase: Interphase | None = None
    """Growth of an interphase on the filler; None for a stable filler."""
    dead_lithium: DeadLithium | None = None
    double_layer_exponent: Quantity | None = phase_exponent()
    """As `Interface.double_layer_exponent`."""
