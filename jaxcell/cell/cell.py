"""What a cell IS: its parts, immutable, in SI, validated when built.

    collector | lithium deposit | protection layer | separator | other electrode
              ^ bottom site       ^ pore sites     ^ top site

A cell has a working electrode, a separator and a counter electrode.  An electrode is a `LithiumElectrode`
(lithium foil) or a bare `Collector` (anode-free); either may carry a `ProtectionLayer`.  A symmetric cell is
the same electrode twice; a half cell pairs the electrode under study with a plain lithium counter electrode; in a full
cell the counter electrode is a `CompositeCathode`.  An `AlloyElectrode` may stand on either side.
"""

import math
from typing import Any

import equinox as eqx

from jaxcell.cell.cathode import AlloyElectrode, CompositeCathode
from jaxcell.cell.dispersion import GrainBoundary
from jaxcell.cell.losses import HeatBalance, SoftShort, Storage, Trap
from jaxcell.cell.salt import BinarySalt
from jaxcell.cell.sites import Film, Interface, Nucleation, Pores
from jaxcell.component import Component, check_when_concrete, energy_of_activation, quantity
from jaxcell.units import LITHIUM_MOLAR_VOLUME, Quantity, Scalar


class ProtectionLayer(Component):
    """A mixed ionic-electronic conductor between collector and separator (polymer and carbon, say)."""

    thickness: Quantity = quantity("m", above=0.0, at_most=0.05)
    ionic_conductivity: Quantity = quantity("S m-1", above=0.0, activation="activation_energy")
    """kappa [S m-1]: a lumped number for every way lithium crosses the layer."""
    electronic_conductivity: Quantity = quantity("S m-1", above=0.0, default=100.0)
    """sigma [S m-1]. Default: a prior for a percolating carbon-black composite."""
    top: Interface | None = eqx.field(default_factory=lambda: Interface(nucleation=Nucleation(0.04)))
    """The plating site between layer and separator; None where lithium cannot plate there. By default 40 mV keep the
    first lithium away from it (a prior: 0 to 150 mV); an interface that is given has the barrier that it names."""
    pores: Pores | None = None
    """Plating sites inside; None for a layer that stays free of lithium."""
    separator_film: Film | None = None
    """Ionic resistance between layer and separator (R_sl)."""
    electronic_contact_resistance: Quantity = quantity("Ohm m2", at_least=0.0, default=0.0)
    """Collector|layer contact [Ohm m2]: carries the electrons that enter the layer, in the sigma branch."""
    activation_energy: Quantity = energy_of_activation(0.5)
    """Of kappa. Prior: 0.5 eV (0.3 to 0.9)."""
    storage: Storage | None = None
    """Lithium that the filler takes up and gives back."""
    trap: Trap | None = None
    """Lithium that the filler keeps (its first lithiation)."""
    salt: BinarySalt | None = None
    """None for a single-ion conductor (t+ = 1)."""


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
    """An ion conductor between the electrodes: single-ion, or with a salt of two ions."""

    thickness: Quantity = quantity("m", above=0.0, at_most=0.05)
    ionic_conductivity: Quantity = quantity("S m-1", above=0.0, activation="activation_energy")
    series_resistance: Quantity = quantity("Ohm m2", at_least=0.0, default=0.0)
    """Leads, contacts and reference offsets of the rig [Ohm m2]. Carries I_ion, the ions' current, as the separator
    does: not what leaks through a short."""
    activation_energy: Quantity = energy_of_activation(0.35)
    """Of the ionic conductivity. Prior for argyrodites: 0.35 eV (0.28 to 0.42)."""
    short: SoftShort | None = None
    """Electronic leakage along lithium that has grown into the separator."""
    salt: BinarySalt | None = None
    """None for a single-ion conductor (t+ = 1), whose ions never run short."""
    grain_boundary: GrainBoundary | None = None
    """Of a ceramic; in time its resistance only."""
    relative_permittivity: Quantity | None = quantity("1", above=0.0, optional=True, default=None)
    """eps_r [1] of a ceramic's grains, in impedance only: eps_0 eps_r/L_s is parallel to L_s/kappa_s. None: no
    capacitance."""

    def __check_init__(self) -> None:
        if self.salt is not None and self.relative_permittivity is not None:
            raise ValueError(
                "Separator.relative_permittivity [1] must be None where the separator has a salt, whose conduction "
                "answers faster than any frequency measured here."
            )

    @property
    def lumped_resistance(self) -> Scalar:
        """Grain boundaries and rig [Ohm m2]: all but the electrolyte."""
        boundary = self.grain_boundary
        return self.series_resistance if boundary is None else self.series_resistance + boundary.resistance

    @property
    def resistance(self) -> Scalar:
        """Area-specific resistance [Ohm m2] while its salt, if it has one, is evenly spread."""
        return self.thickness / self.ionic_conductivity + self.lumped_resistance


class Cell(Component):
    """Working electrode | separator | counter electrode, at one temperature."""

    working: LithiumElectrode | Collector | AlloyElectrode
    separator: Separator
    counter: LithiumElectrode | CompositeCathode | AlloyElectrode
    temperature: Quantity = quantity("K", at_least=150.0, at_most=600.0, default=298.15)
    nominal_capacity: Quantity | None = quantity("C m-2", above=0.0, optional=True, default=None)
    """What C-rates refer to; 1 mAh cm-2 is 36000 C m-2. None for the capacity of a composite cathode."""
    stack_pressure: Quantity = quantity("Pa", above=0.0, at_most=1e10, default=5e6)
    """P [Pa]. Default as in Doux et al., Adv. Energy Mater. 2020, doi 10.1002/aenm.201903253."""
    reference_temperature: Quantity = quantity("K", at_least=150.0, at_most=600.0, default=298.15)
    """At which the numbers of thermally activated quantities hold [K]."""
    heat_balance: HeatBalance | None = None
    """Self-heating; None for a cell that stays at `temperature`."""

    def __check_init__(self) -> None:
        heat = self.heat_balance
        check_when_concrete(
            lambda: heat is None or float(heat.highest_temperature) > float(self.temperature),
            lambda: (
                f"Cell.temperature must be below heat_balance.highest_temperature "
                f"({float(heat.highest_temperature) if heat else 0.0:g} K), but is {float(self.temperature):g} K."
            ),
        )
        for side in ("working", "counter"):
            self._check_salts(side)

    def _check_salts(self, side: str) -> None:
        """Refuse a liquid junction between separator and electrode: the model starts from rest."""
        electrode = getattr(self, side)
        inner = "transport" if isinstance(electrode, CompositeCathode) else "layer"
        medium = getattr(electrode, inner, None)
        own, facing = getattr(medium, "salt", None), getattr(self.separator, "salt", None)
        if own is None or facing is None:
            return
        check_when_concrete(
            lambda: math.isclose(float(own.concentration), float(facing.concentration), rel_tol=1e-9),
            lambda: (
                f"Cell.{side}.{inner}.salt.concentration must be that of Cell.separator.salt, "
                f"{float(facing.concentration):g} mol m-3, but is {float(own.concentration):g} mol m-3: it is one "
                f"salt where both have one, and starts at rest, evenly spread."
            ),
        )

    @classmethod
    def symmetric(cls, electrode: LithiumElectrode, separator: Separator, temperature: Any = 298.15) -> "Cell":
        """The same electrode on both sides."""
        return cls(electrode, separator, electrode, temperature)

    @property
    def rated_capacity(self) -> Scalar | None:
        """What C-rates refer to [C m-2]: `nominal_capacity` or, if it is None, that of a composite cathode."""
        if self.nominal_capacity is None and isinstance(self.counter, CompositeCathode):
            return self.counter.capacity
        return self.nominal_capacity

    @property
    def plating_sign(self) -> float:
        """s in I = s I_term and V = s E, with I > 0 plating the working electrode.

        The terminal follows the Battery Data Format: positive current charges the test object. Against lithium or an
        alloy the working electrode is the positive one, and plating it is its discharge: s = -1. Against a composite
        cathode, which is then the positive one, plating charges the cell: s = +1.
        """
        return 1.0 if isinstance(self.counter, CompositeCathode) else -1.0
