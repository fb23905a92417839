"""Numbers of the loss laws along a chain; neutral ones at the nodes that have no such loss."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.cell import AlloyElectrode, Collector, Interface, LithiumElectrode, Pores, ProtectionLayer, Storage, Trap
from jaxcell.units import Nodes, Scalar, strong_float64

LIVE = "live"
"""Lithium that can be stripped."""
INTERPHASE, STORED, TRAPPED, CONTACT, DEAD = "interphase", "stored", "trapped", "contact", "dead"
"""Losses, and the names of their rows among the node states."""
DROP = "drop"
"""Row of the voltage that ions lose in the interphase on the filler [V]; on plane sites it lies in the edges."""


class InterphaseCoefficients(NamedTuple):
    area: Nodes
    """Surface on which it grows, per cell area [1]."""
    ambipolar_conductivity: Nodes
    reaction_resistance: Nodes
    reduction_potential: Nodes
    initial_thickness: Nodes
    thickness_per_lithium: Nodes
    """V_int/area [m per mol m-2]."""
    resistivity: Nodes
    """Of ions, on plane sites, whose resistance lies in the chain's edges [Ohm m]; zero inside the layer."""
    resistivity_inside: Nodes
    """Of ions, inside the layer, per cell area [Ohm m]; zero on plane sites."""

    def thickness(self, grown: Nodes) -> Nodes:
        """delta [m] of an interphase that has taken up `grown` [mol m-2 of cell area]."""
        return self.initial_thickness + self.thickness_per_lithium * grown

    def volume(self, grown: Nodes) -> Nodes:
        """V_int times `grown` [m3 per m2 of cell area]: what has been added since the start."""
        return self.thickness_per_lithium * self.area * grown


class HostCoefficients(NamedTuple):
    """Storage in the filler, per cell area."""

    capacity: Nodes
    """[mol m-2]."""
    exchange_current_density: Nodes
    """[A m-2 of cell area]; zero where there is no host."""
    potential: Nodes


class ContactCoefficients(NamedTuple):
    resistance: Nodes
    pressure_exponent: Nodes
    relative_pressure: Nodes
    loss_per_charge: Nodes
    critical_current_density: Nodes
    healing_rate: Nodes


class DeadCoefficients(NamedTuple):
    per_stripped: Nodes
    rate: Nodes


class LossCoefficients(NamedTuple):
    """None for the losses that no part of the cell has."""

    interphase: InterphaseCoefficients | None
    stored: HostCoefficients | None
    trapped: HostCoefficients | None
    contact: ContactCoefficients | None
    dead: DeadCoefficients | None


class Surroundings(NamedTuple):
    """What the losses of a site depend on beside the site."""

    pressure: Scalar
    """[Pa]."""
    present: frozenset[str]
    """Losses that any part of the cell has."""


def present_losses(electrodes: tuple[LithiumElectrode | Collector | AlloyElectrode, ...]) -> frozenset[str]:
    """Names of the losses that any part of these electrodes has."""
    found: frozenset[str] = frozenset()
    for electrode in electrodes:
        found |= losses_at(electrode.interface)
        if electrode.layer is not None:
            found |= losses_at(electrode.layer.top) | losses_at(electrode.layer.pores, electrode.layer)
    return found


def losses_at(site: Interface | Pores | None, layer: ProtectionLayer | None = None) -> frozenset[str]:
    """Names of the losses of a site; of the inside of a layer where `layer` is given."""
    parts = {
        INTERPHASE: None if site is None else site.interphase,
        DEAD: None if site is None else site.dead_lithium,
        CONTACT: site.contact_loss if isinstance(site, Interface) else None,
        STORED: None if layer is None else layer.storage,
        TRAPPED: None if layer is None else layer.trap,
    }
    return frozenset(name for name, part in parts.items() if part is not None)


def losses_of(
    site: Interface | Pores | None,
    area: Nodes,
    around: Surroundings,
    layer: ProtectionLayer | None = None,
    widths: Float[Array, " points"] | None = None,
) -> LossCoefficients:
    """Losses of a site's nodes; of the inside of a layer, with its hosts, where `layer` and `widths` are given."""
    there = around.present
    every = jnp.ones_like(area)
    return LossCoefficients(
        interphase=_interphase(site, area) if INTERPHASE in there else None,
        stored=_host(None if layer is None else layer.storage, every, widths) if STORED in there else None,
        trapped=_host(None if layer is None else layer.trap, every, widths) if TRAPPED in there else None,
        contact=_contact(site, every, around.pressure) if CONTACT in there else None,
        dead=_dead(site, every) if DEAD in there else None,
    )


def _interphase(site: Interface | Pores | None, area: Nodes) -> InterphaseCoefficients:
    every = jnp.ones_like(area)
    own = None if site is None else site.interphase
    if own is None:
        none = 0.0 * every
        return InterphaseCoefficients(none, every, none, none, every, none, none, none)
    plane = isinstance(site, Interface)
    return InterphaseCoefficients(
        area=area,
        ambipolar_conductivity=every * own.ambipolar_conductivity,
        reaction_resistance=every * own.reaction_resistance,
        reduction_potential=every * own.reduction_potential,
        initial_thickness=every * own.initial_thickness,
        thickness_per_lithium=own.molar_volume / area,
        resistivity=every / own.ionic_conductivity if plane else 0.0 * every,
        resistivity_inside=0.0 * every if plane else every / (own.ionic_conductivity * area),
    )


def _host(part: Storage | Trap | None, every: Nodes, widths: Float[Array, " points"] | None) -> HostCoefficients:
    if part is None or widths is None:
        return HostCoefficients(every, 0.0 * every, 0.0 * every)
    return HostCoefficients(
        capacity=part.capacity * widths,
        exchange_current_density=part.exchange_current_density * part.specific_surface_area * widths,
        potential=every * part.potential,
    )


def _contact(site: Interface | Pores | None, every: Nodes, pressure: Scalar) -> ContactCoefficients:
    own = site.contact_loss if isinstance(site, Interface) else None
    if own is None:
        return ContactCoefficients(0.0 * every, every, every, 0.0 * every, every, 0.0 * every)
    return ContactCoefficients(
        resistance=every * own.resistance,
        pressure_exponent=every * own.pressure_exponent,
        relative_pressure=every * pressure / own.reference_pressure,
        loss_per_charge=every * own.loss_per_charge,
        critical_current_density=every * own.critical_current_density,
        healing_rate=every * own.healing_rate,
    )


def _dead(site: Interface | Pores | None, every: Nodes) -> DeadCoefficients:
    own = None if site is None else site.dead_lithium
    if own is None:
        return DeadCoefficients(0.0 * every, 0.0 * every)
    return DeadCoefficients(strong_float64(every * own.per_stripped), every * own.rate)
