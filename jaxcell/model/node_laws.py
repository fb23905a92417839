"""What happens at the nodes of a chain: plating, and the losses that the cell has."""

from collections.abc import Callable

import jax.numpy as jnp

from jaxcell.model.loss_coefficients import (
    CONTACT,
    DEAD,
    DROP,
    INTERPHASE,
    LIVE,
    STORED,
    TRAPPED,
    HostCoefficients,
    InterphaseCoefficients,
    LossCoefficients,
)
from jaxcell.model.tables import Coefficients
from jaxcell.physics.contact import contact_resistance, contact_share, contact_wear_rate
from jaxcell.physics.dead_lithium import dying_current
from jaxcell.physics.interphase import interphase_current
from jaxcell.physics.nucleation import lithium_activity
from jaxcell.physics.plating import plating_current
from jaxcell.physics.pore_filling import pore_filling
from jaxcell.physics.storage import storage_current, trapping_current
from jaxcell.units import FARADAY, Nodes, Scalar

CHARGE = "charge"
"""Node state: the charge taken from the ions over F."""
SURFACE = "surface"
"""Node state: stoichiometry at the surface of a cathode's particles, less that at the start [1]."""
_KINETICS = (LIVE, CONTACT, DROP, SURFACE)
READS: dict[str, tuple[str, ...]] = {
    LIVE: _KINETICS,
    INTERPHASE: (INTERPHASE, DROP),
    STORED: (STORED,),
    TRAPPED: (TRAPPED,),
    CONTACT: _KINETICS,
    DROP: (*_KINETICS, INTERPHASE),
    DEAD: _KINETICS,
    CHARGE: (*_KINETICS, INTERPHASE, STORED, TRAPPED),
    SURFACE: (SURFACE,),
}
"""Which rows the rate of each one depends on."""
IN_PORES = (DEAD, INTERPHASE)
"""What else is read by every rate that depends on live lithium, where lithium plates in pores: rows that take room."""


def node_rates(
    c: Coefficients, u: Nodes, rows: dict[str, Nodes], exchange_factor: Nodes | None, *, marcus: bool
) -> dict[str, Nodes]:
    """d/dt of every form of lithium, of the charge taken from the ions over F, of -ln(share of contact), by name.

    With i the plating current of a node [A m-2 of cell area], each form has a flux of its own:

        live        i/F - dying          interphase  i_SEI/F        charge  (i + i_SEI + i_stored + i_trapped)/F
        dead        dying                stored, trapped  i_C/F

    An interphase inside the layer lies between the ions and the site: its reactions see u less a drop, which is
    delta (i + i_SEI)/(sigma_ion a) (as a `rate` of an algebraic row).  `exchange_factor`: what the salt at the sites
    does to i0 [1], where there is one.
    """
    n, losses = c.nodes, c.losses
    live = n.initial_lithium + rows[LIVE]
    exchange = n.exchange_current_density if exchange_factor is None else n.exchange_current_density * exchange_factor
    if losses.contact is not None:
        exchange = exchange * contact_share(rows[CONTACT])
    at_site = u - rows[DROP] if DROP in rows else u
    for place, alloy in zip((0, -1), c.alloys, strict=True):
        if alloy is not None:
            at_site = at_site.at[place].add(alloy.potential(rows[LIVE][place]))
    density = plating_current(
        at_site,
        live,
        exchange_current_density=exchange,
        cathodic_transfer_coefficient=n.cathodic_transfer_coefficient,
        anodic_transfer_coefficient=n.anodic_transfer_coefficient,
        nucleation_overpotential=n.nucleation_overpotential,
        nucleation_capacity=n.nucleation_capacity,
        depletion_capacity=n.depletion_capacity,
        filled=_filling(c, live, rows),
        f=c.f,
        reorganisation=n.reorganisation if marcus else None,
    )
    plated = n.area * density / FARADAY
    rates = {LIVE: plated}
    if losses.interphase is not None:
        rates[INTERPHASE] = _interphase_growth(losses.interphase, at_site, rows[INTERPHASE], c.f)
    hosts = ((STORED, losses.stored, storage_current), (TRAPPED, losses.trapped, trapping_current))
    for name, host, law in hosts:
        if host is not None:
            rates[name] = _into_host(host, rows[name], u, c.f, law)
    taken = plated + sum(rates[name] for name in (INTERPHASE, STORED, TRAPPED) if name in rates)
    if losses.contact is not None:
        k = losses.contact
        rates[CONTACT] = contact_wear_rate(
            -density,
            rows[CONTACT],
            loss_per_charge=k.loss_per_charge,
            critical_current_density=k.critical_current_density,
            healing_rate=k.healing_rate,
            relative_pressure=k.relative_pressure,
        )
    if losses.dead is not None:
        activity = lithium_activity(live, n.depletion_capacity)
        share = n.depletion_capacity / n.site_depletion_capacity
        dying = dying_current(n.area * density, activity, losses.dead.per_stripped, share)
        rates[DEAD] = dying / FARADAY + losses.dead.rate * live
        rates[LIVE] = plated - rates[DEAD]
    if DROP in rows and losses.interphase is not None:
        resistance = losses.interphase.thickness(rows[INTERPHASE]) * losses.interphase.resistivity_inside
        rates[DROP] = resistance * FARADAY * (plated + rates[INTERPHASE]) - rows[DROP]
    rates[CHARGE] = taken
    return rates


def _filling(c: Coefficients, live: Nodes, rows: dict[str, Nodes]) -> Nodes:
    """Share of each node's pores that lithium, live and dead, and interphase fill [1]."""
    metal = live + rows[DEAD] if DEAD in rows else live
    own = c.losses.interphase
    interphase = jnp.zeros_like(live) if own is None else own.volume(rows[INTERPHASE])
    return pore_filling(metal, interphase, c.nodes.inverse_pore_capacity)


def _interphase_growth(s: InterphaseCoefficients, u: Nodes, grown: Nodes, f: Scalar) -> Nodes:
    """Lithium that the interphase takes up [mol m-2 s-1]."""
    density = interphase_current(
        u,
        s.thickness(grown),
        reduction_potential=s.reduction_potential,
        ambipolar_conductivity=s.ambipolar_conductivity,
        reaction_resistance=s.reaction_resistance,
        f=f,
    )
    return s.area * density / FARADAY


def _into_host(host: HostCoefficients, held: Nodes, u: Nodes, f: Scalar, law: Callable[..., Nodes]) -> Nodes:
    """Lithium that goes into a filler [mol m-2 s-1]."""
    density = law(
        u, held / host.capacity, exchange_current_density=host.exchange_current_density, potential=host.potential, f=f
    )
    return density / FARADAY


def enthalpy_released(c: Coefficients, rates: dict[str, Nodes], gained: Nodes) -> Scalar:
    """Heat of what takes lithium into compounds and alloys, sum of U F rate over the forms [W m-2]."""
    losses, total = c.losses, jnp.zeros(())
    for place, alloy in zip((0, -1), c.alloys, strict=True):
        if alloy is not None:
            total = total + alloy.potential(gained[place]) * FARADAY * rates[LIVE][place]
    if losses.interphase is not None:
        total = total + jnp.sum(losses.interphase.reduction_potential * FARADAY * rates[INTERPHASE])
    for name, host in ((STORED, losses.stored), (TRAPPED, losses.trapped)):
        if host is not None:
            total = total + jnp.sum(host.potential * FARADAY * rates[name])
    return total


def site_resistance(losses: LossCoefficients, rows: dict[str, Nodes]) -> Nodes:
    """What interphase and voids of each site add to the resistance next to it, delta/sigma_ion + R_c [Ohm m2]."""
    added = jnp.zeros_like(rows[LIVE])
    if losses.interphase is not None:
        added = added + losses.interphase.thickness(rows[INTERPHASE]) * losses.interphase.resistivity
    if losses.contact is not None:
        k = losses.contact
        added = added + contact_resistance(
            rows[CONTACT],
            resistance=k.resistance,
            relative_pressure=k.relative_pressure,
            pressure_exponent=k.pressure_exponent,
        )
    return added
