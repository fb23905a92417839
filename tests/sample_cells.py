"""Cells that stand for the kinds there are, with every resistance, capacitance and film different from zero."""

from operator import attrgetter
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from jaxcell import (
    NMC811,
    AlloyElectrode,
    BinarySalt,
    CathodeTransport,
    Cell,
    Collector,
    CompositeCathode,
    ContactLoss,
    DeadLithium,
    Film,
    HeatBalance,
    IntercalationKinetics,
    Interface,
    Interphase,
    LiPF6Conductivity,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    Pores,
    ProtectionLayer,
    Separator,
    SoftShort,
    Solution,
    Storage,
    TabulatedConcentration,
    TabulatedDiffusivity,
    TabulatedPotential,
    Trap,
)
from jaxcell.solver.newton import NewtonSettings
from jaxcell.units import from_ev, from_mah_cm2, from_ohm_cm2, from_s_cm

F = 96485.33212
R = 8.314462618
T = 298.15
THERMAL = R * T / F
"""RT/F [V]."""

SHARP = NewtonSettings(tolerance=1e-10, differentiable_tolerance=1e-12)
"""Newton's error out of the way, where a run is held against an exact solution."""


def interface(i0: float = 10.0, barrier: float = 0.0, **changes: Any) -> Interface:
    """A lithium interface with a film: 5 Ohm cm2, 0.01 F m-2."""
    values = {"film_resistance": from_ohm_cm2(5.0), "film_capacitance": 0.01, "contact_resistance": from_ohm_cm2(1.0)}
    return Interface(LithiumKinetics(i0), Nucleation(barrier), **(values | changes))


def separator(thickness: float = 50e-6) -> Separator:
    """A sulfide: 2.4 mS cm-1."""
    return Separator(thickness, from_s_cm(2.4e-3))


def layer(**changes: Any) -> ProtectionLayer:
    """5 um at 5e-5 S cm-1, with 60 mV of barrier at the top."""
    values: dict[str, Any] = {
        "thickness": 5e-6,
        "ionic_conductivity": 5e-3,
        "electronic_conductivity": 10.0,
        "top": interface(15.0, 0.06, film_resistance=from_ohm_cm2(3.0), film_capacitance=0.02),
        "separator_film": Film(from_ohm_cm2(2.0), 0.005),
        "electronic_contact_resistance": from_ohm_cm2(0.5),
    }
    return ProtectionLayer(**(values | changes))


def pores(**changes: Any) -> Pores:
    """1 m2 of filler per cm3 of layer, behind a low barrier."""
    values: dict[str, Any] = {
        "specific_surface_area": 1e6,
        "kinetics": LithiumKinetics(5.0),
        "nucleation": Nucleation(0.01, from_mah_cm2(5e-3), from_mah_cm2(0.1e-3)),
        "double_layer_capacitance": 0.1,
    }
    return Pores(**(values | changes))


def bare() -> Cell:
    return Cell.symmetric(LithiumElectrode(50e-6, interface()), separator())


def llzo() -> Cell:
    """1 mm of garnet at 0.5 mS cm-1 between 200 um foils, 20 Ohm cm2 of film at each."""
    electrode = LithiumElectrode(
        200e-6, Interface(LithiumKinetics(30.0), film_resistance=from_ohm_cm2(20.0), film_capacitance=1e-3)
    )
    return Cell.symmetric(electrode, Separator(1e-3, from_s_cm(0.5e-3), from_ohm_cm2(1.0)), T)


def symmetric() -> Cell:
    return Cell.symmetric(LithiumElectrode(50e-6, interface(), layer()), separator())


def half(**layer_changes: Any) -> Cell:
    """Collector with 20 mV of barrier below a layer: lithium goes below it up to some 1.5 mA cm-2."""
    collector = Collector(interface(10.0, 0.02), layer(**layer_changes))
    return Cell(collector, separator(), LithiumElectrode(50e-6, interface(20.0)))


def collector_alone(barrier: float = 0.04) -> Cell:
    """Half cell without a layer: nucleation and exhaustion with nothing else in the way."""
    foil = LithiumElectrode(50e-6, Interface(LithiumKinetics(100.0)))
    return Cell(Collector(Interface(LithiumKinetics(10.0), Nucleation(barrier))), separator(), foil)


def porous(**layer_changes: Any) -> Cell:
    return half(**({"pores": pores()} | layer_changes))


def salted() -> Cell:
    """Pores, a top and a salt in the layer and in the separator, with numbers of their own."""
    inside = BinarySalt(1000.0, 0.3, 2e-11, porosity=0.4, conductivity_exponent=0.7, thermodynamic_factor=1.3)
    between = BinarySalt(1000.0, 0.45, 1e-10, porosity=0.5)
    cell = porous(salt=inside)
    return Cell(cell.working, Separator(30e-6, from_s_cm(5e-3), salt=between), cell.counter)


def cathode(*, salted: bool = False, **changes: Any) -> CompositeCathode:
    """NMC811, 3.0 mAh cm-2 from x = 0 to 1, partly discharged; D falls with x, and every resistance is there."""
    salt = BinarySalt(
        1000.0,
        0.4,
        1e-10,
        porosity=0.3,
        conductivity_law=LiPF6Conductivity(),
        diffusivity_law=TabulatedConcentration([100.0, 1000.0, 3000.0], [1.6, 1.0, 0.4]),
    )
    values: dict[str, Any] = {
        "thickness": 40e-6,
        "active_fraction": 0.55,
        "particle_radius": 4e-6,
        "maximum_concentration": 51000.0,
        "initial_stoichiometry": 0.6,
        "particle_diffusivity": 4e-15,
        "open_circuit": NMC811(),
        "kinetics": IntercalationKinetics(3.0, transfer_coefficient=0.45),
        "transport": CathodeTransport(0.08, 20.0, salt if salted else None),
        "diffusivity_law": TabulatedDiffusivity([0.2, 0.6, 1.0], [1.5, 1.0, 0.3]),
        "contact_resistance": from_ohm_cm2(3.0),
    }
    return CompositeCathode(**(values | changes))


def full(*, salted: bool = False, working: Any = None, separator: Any = None, **changes: Any) -> Cell:
    """Lithium below a layer against a cathode."""
    own = LithiumElectrode(50e-6, interface(), layer()) if working is None else working
    between = Separator(30e-6, from_s_cm(5e-3), salt=BinarySalt(1000.0, 0.4, 2e-10, porosity=0.5) if salted else None)
    return Cell(own, between if separator is None else separator, cathode(salted=salted, **changes))


def alloyed(**changes: Any) -> Cell:
    """Lithium against an alloy of 5 mAh cm-2 whose potential falls as it fills."""
    potential = TabulatedPotential([0.0, 0.3, 0.7, 1.0], [0.9, 0.64, 0.6, 0.3])
    values: dict[str, Any] = {"open_circuit": potential, "capacity": from_mah_cm2(5.0)}
    return Cell(LithiumElectrode(50e-6, interface()), separator(), AlloyElectrode(**(values | changes)))


def growing(**changes: Any) -> Interphase:
    """An interphase that consumes 1 uAh cm-2 within the hour."""
    values = {"ambipolar_conductivity": 1e-9, "initial_thickness": 5e-9, "reaction_resistance": 1.0}
    return Interphase(**(values | changes))


def lossy(**changes: Any) -> Cell:
    """Every loss at once, everywhere, with numbers large enough to be seen within an hour."""
    dead = DeadLithium(0.02, 1e-7)
    contact = ContactLoss(critical_current_density=15.0, loss_per_charge=1e-4, healing_rate=1e-4)
    site = {"interphase": growing(), "dead_lithium": dead, "contact_loss": contact}
    protected = layer(
        top=interface(15.0, 0.06, film_resistance=from_ohm_cm2(3.0), film_capacitance=0.02, **site),
        pores=pores(interphase=growing(), dead_lithium=dead),
        storage=Storage(),
        trap=Trap(),
    )
    separator = Separator(50e-6, from_s_cm(2.4e-3), short=SoftShort(20.0, from_mah_cm2(0.2)))
    values: dict[str, Any] = {
        "working": Collector(interface(10.0, 0.02, **site), protected),
        "separator": separator,
        "counter": LithiumElectrode(50e-6, interface(20.0, **site)),
        "heat_balance": HeatBalance(200.0, 0.1),
        "stack_pressure": 7e6,
    }
    return Cell(**(values | changes))


def activated(cell: Cell, energy: float = 0.3, temperature: float = 310.0) -> Cell:
    """Everything thermally activated, away from the reference temperature."""

    def change(path: Any, leaf: Array) -> Array:
        return jnp.asarray(from_ev(energy)) if path[-1].name.endswith("activation_energy") else leaf

    return replace(jax.tree_util.tree_map_with_path(change, cell), temperature=temperature)


def with_kinetics(cell: Cell, kinetics: Any) -> Cell:
    """The working electrode's bottom site with other kinetics."""
    return eqx.tree_at(lambda c: c.working.interface.kinetics, cell, kinetics)


def replace(cell: Any, **changes: Any) -> Any:
    """A copy with leaves changed; names are paths with `__` for a dot."""
    for path, value in changes.items():
        # attrgetter takes dotted paths.
        cell = eqx.tree_at(attrgetter(path.replace("__", ".")), cell, jnp.asarray(value, dtype=jnp.float64))
    return cell


def site_currents(solution: Solution) -> Array:
    """Plating current density [A m-2 of cell area] of every node at the end of a run."""
    final = solution.trajectory.final
    outermost = solution.model.particles.outermost(final.particle)
    return F * solution.model.node(final.fields, tuple(final.node), outermost)[0]
