"""What a cell IS: its parts, immutable, in SI, validated when built.

    collector | lithium deposit | protection layer | separator | other electrode
              ^ bottom site       ^ pore sites     ^ top site

A cell has a working electrode, a separator and a counter electrode.  An electrode is a `LithiumElectrode`
(lithium foil) or a bare `Collector` (anode-free); either may carry a `ProtectionLayer`.  A symmetric cell is
the same electrode twice; a half cell pairs the electrode under study with a plain lithium counter electrode.

Sources of the defaults are given field by field; "prior" marks a choice without a citation.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx

from jaxcell.component import Component, quantity
from jaxcell.units import (
    FARADAY,
    GAS,
    LITHIUM_MOLAR_VOLUME,
    Quantity,
    Scalar,
    from_mah_cm2,
)


class LithiumKinetics(Component):
    """Butler-Volmer kinetics of Li+ + e- <-> Li on lithium.

    i = i0 [exp(alpha_c F eta/RT) - exp(-alpha_a F eta/RT)], eta > 0 plating.
    """

    exchange_current_density: Quantity = quantity("A m-2", above=0.0, default=10.0)
    """i0 [A m-2]. Prior, with 0.5 to 200 A m-2 as its 95 % range."""
    cathodic_transfer_coefficient: Quantity = quantity("1", above=0.0, at_most=2.0, default=0.5)
    """alpha_c [1], of plating."""
    anodic_transfer_coefficient: Quantity = quantity("1", above=0.0, at_most=2.0, default=0.5)
    """alpha_a [1], of stripping."""


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
        _check_when_concrete(
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

    kinetics: LithiumKinetics = eqx.field(default_factory=LithiumKinetics)
    nucleation: Nucleation = eqx.field(default_factory=Nucleation)
    double_layer_capacitance: Quantity = quantity("F m-2", at_least=0.0, default=0.2)
    """C_dl [F m-2], parallel to the reaction. Default as in PyBaMM's lithium-metal parameter sets."""
    film_resistance: Quantity | None = quantity("Ohm m2", at_least=0.0, optional=True, default=None)
    """R_film [Ohm m2], ionic; None for an interface without a film."""
    film_capacitance: Quantity = quantity("F m-2", at_least=0.0, default=0.0)
    """C_film [F m-2], parallel to the film."""
    contact_resistance: Quantity = quantity("Ohm m2", at_least=0.0, default=0.0)
    """Pure series resistance [Ohm m2], ionic; no electrical measurement of one cell tells it from L/kappa."""

    def __check_init__(self) -> None:
        _check_when_concrete(
            lambda: self.film_resistance is not None or float(self.film_capacitance) == 0.0,
            lambda: "Interface.film_capacitance needs a film: give film_resistance [Ohm m2] as well.",
        )

    def charge_transfer_resistance(self, temperature: Scalar) -> Scalar:
        """R_ct = RT/[F i0 (alpha_a + alpha_c)] [Ohm m2] at `temperature` [K]."""
        slope = self.kinetics.anodic_transfer_coefficient + self.kinetics.cathodic_transfer_coefficient
        return GAS * temperature / (FARADAY * self.kinetics.exchange_current_density * slope)

    def resistance(self, temperature: Scalar) -> Scalar:
        """R_film + R_ct + contact [Ohm m2]: what a slow small signal across the interface sees."""
        rest = self.contact_resistance + self.charge_transfer_resistance(temperature)
        return rest if self.film_resistance is None else rest + self.film_resistance


class Film(Component):
    """An ionic interface without a deposit, such as layer|separator: R || C in series with the layer."""

    resistance: Quantity = quantity("Ohm m2", at_least=0.0, default=0.0)
    capacitance: Quantity = quantity("F m-2", at_least=0.0, default=0.0)


class Pores(Component):
    """Lithium sites on the electron-conducting filler inside a protection layer."""

    specific_surface_area: Quantity = quantity("m-1", above=0.0)
    """Filler surface per layer volume a_v [m2 m-3]."""
    porosity: Quantity = quantity("1", above=0.0, at_most=1.0, default=0.3)
    """Volume fraction that lithium may fill; plating inside stops as it is used up."""
    kinetics: LithiumKinetics = eqx.field(default_factory=LithiumKinetics)
    nucleation: Nucleation = eqx.field(default_factory=Nucleation)
    """Capacities per cell area, for the layer's whole thickness."""
    double_layer_capacitance: Quantity = quantity("F m-2", at_least=0.0, default=0.2)
    """C_dl [F m-2] of filler surface."""


class ProtectionLayer(Component):
    """A mixed ionic-electronic conductor between collector and separator (polymer and carbon, say)."""

    thickness: Quantity = quantity("m", above=0.0, at_most=0.05)
    ionic_conductivity: Quantity = quantity("S m-1", above=0.0)
    """kappa [S m-1]: a lumped number for every way lithium crosses the layer."""
    electronic_conductivity: Quantity = quantity("S m-1", above=0.0, default=100.0)
    """sigma [S m-1]. Default: a prior for a percolating carbon-black composite."""
    top: Interface | None = eqx.field(default_factory=Interface)
    """The plating site between layer and separator; None where lithium cannot plate there."""
    pores: Pores | None = None
    """Plating sites inside; None for a layer that stays free of lithium."""
    separator_film: Film | None = None
    """Ionic resistance between layer and separator (R_sl)."""
    electronic_contact_resistance: Quantity = quantity("Ohm m2", at_least=0.0, default=0.0)
    """Collector|layer contact [Ohm m2]: carries the electrons that enter the layer, in the sigma branch."""


class LithiumElectrode(Component):
    """Lithium foil, bare or below a protection layer."""

    lithium_thickness: Quantity = quantity("m", above=0.0, at_most=0.05)
    interface: Interface = eqx.field(default_factory=Interface)
    """Of the foil against layer or separator (the bottom site)."""
    layer: ProtectionLayer | None = None

    @property
    def initial_lithium(self) -> Scalar:
        """Live lithium of the foil [mol m-2]."""
        return self.lithium_thickness / LITHIUM_MOLAR_VOLUME

    @property
    def initial_potential(self) -> Scalar:
        """u = phi_ion - phi_electron at the start [V]: lithium at equilibrium."""
        return self.lithium_thickness * 0.0


class Collector(Component):
    """A bare current collector on which lithium will plate (anode-free), with or without a layer."""

    interface: Interface
    """Of the collector against layer or separator (the bottom site); its nucleation barrier is the metal's."""
    layer: ProtectionLayer | None = None
    initial_potential: Quantity = quantity("V", at_most=0.5, default=0.0)
    """u = phi_ion - phi_electron at the start [V]. Without lithium there is no rest potential, so it is an
    input: minus the open-circuit voltage read against lithium."""

    @property
    def initial_lithium(self) -> Scalar:
        """Live lithium at the start [mol m-2]: none."""
        return self.initial_potential * 0.0


class Separator(Component):
    """A single-ion conductor between the electrodes."""

    thickness: Quantity = quantity("m", above=0.0, at_most=0.05)
    ionic_conductivity: Quantity = quantity("S m-1", above=0.0)
    series_resistance: Quantity = quantity("Ohm m2", at_least=0.0, default=0.0)
    """Leads, contacts and reference offsets of the rig [Ohm m2]."""

    @property
    def resistance(self) -> Scalar:
        """Area-specific resistance [Ohm m2]."""
        return self.thickness / self.ionic_conductivity + self.series_resistance


class Cell(Component):
    """Working electrode | separator | counter electrode, at one temperature."""

    working: LithiumElectrode | Collector
    separator: Separator
    counter: LithiumElectrode
    temperature: Quantity = quantity("K", at_least=150.0, at_most=600.0, default=298.15)
    nominal_capacity: Quantity | None = quantity("C m-2", above=0.0, optional=True, default=None)
    """What C-rates refer to; 1 mAh cm-2 is 36000 C m-2."""

    @classmethod
    def symmetric(cls, electrode: LithiumElectrode, separator: Separator, temperature: Any = 298.15) -> "Cell":
        """The same electrode on both sides."""
        return cls(electrode, separator, electrode, temperature)

    @property
    def plating_sign(self) -> float:
        """s in I = s I_term and V = s E, with I > 0 plating the working electrode.

        The terminal follows the Battery Data Format: positive current charges the test object. Against
        lithium the working electrode is the positive one, and plating it is its discharge: s = -1.
        """
        return -1.0


def _check_when_concrete(holds: Callable[[], bool], message: Callable[[], str]) -> None:
    """Raise ValueError(message()) unless holds(); silent while values are traced or of the wrong type."""
    try:
        fine = holds()
    except (TypeError, ValueError):  # a tracer, or a field that its own check refuses with a better message
        return
    if not fine:
        raise ValueError(message())
