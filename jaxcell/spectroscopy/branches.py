"""Voltages and currents of a cell's branches, by which its impedance divides.

Along the chain the ionic and the electronic path of an electrode are joined at every node by what happens there.  With
J the ionic current of an edge, I the cell's and I_ion the separator's, the branches are

    nodes          u                        J - J_before        reactions, double layers, what lies behind them
    ions           R_ion J + w + w_salt     J                   of layer and cathode; interfaces
    electrons      R_e (I - J)              I - J
    top            R_t (I_ion - J) + w      I_ion - J           in series with the top site's node
    separator      R_s I_ion + w_salt       I_ion
    short          E - sum R_e (I - J)      I_short

Kirchhoff's laws hold for small changes of both, so that sum dv di = dE dI (Tellegen's theorem).
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact

from jaxcell.cell import Cell, CompositeCathode
from jaxcell.model import BOTTOM, COUNTER, PORE, SEPARATOR, TOP, WORKING, ChainModel
from jaxcell.model.tables import PARTICLE
from jaxcell.solver.system import State, left_edge, neighbours, right_neighbour
from jaxcell.spectroscopy.dispersion import Bulk, bulk_of
from jaxcell.units import Edges, Entry, Scalar

RIG_PART = "rig"
"""The part that the rig adds to."""
EVERY = np.array([True])


class Branches(NamedTuple):
    """Voltage [V] and current [A m-2] of each branch, by kind; without the separator's capacitances."""

    voltage: dict[str, Inexact[Array, " branches"]]
    current: dict[str, Inexact[Array, " branches"]]
    total: Entry
    """E [V]."""


def branches_of(cell: Cell, model: ChainModel, state: State, current: Scalar) -> Branches:
    """All branches at a state and a current I [A m-2], positive plates the working electrode."""
    own = model.settled(state.shared)
    e, ions = own.edges, own.ionic_current(current, state.shared)
    left, right = neighbours(state)
    flux = own.edge(left, right, tuple(state.edge), current, state.shared).flux[0]
    site = own.site_resistance(state)
    near, after = site, right_neighbour(site)
    contact, collector = _contacts(cell, len(model.sides))
    salt = own.passage_of(left, right)
    salted = jnp.zeros_like(flux) if salt is None else salt.resistance * flux + salt.potential
    series, branch = own.film_voltages(tuple(state.edge))
    above = e.top_resistance + e.top_left * near + e.top_right * after
    below = contact + e.bottom_left * near + e.bottom_right * after
    rest = current - flux
    voltage = {
        "node": state.field,
        "ions": (e.ionic_resistance - contact) * flux + salted,
        "below": below * flux + series,
        "electrons": (e.electronic_resistance - collector) * rest,
        "collector": collector * rest,
        "above": above * (ions - flux) + branch,
    }
    currents = {
        "node": flux - left_edge(flux),
        "ions": flux,
        "below": flux,
        "electrons": rest,
        "collector": rest,
        "above": ions - flux,
    }
    total = own.voltage(state, current)
    voltage["rig"], currents["rig"] = jnp.stack([cell.separator.series_resistance * ions]), jnp.stack([ions])
    if cell.separator.short is not None:
        across = total - jnp.sum(e.electronic_resistance * rest)
        voltage["short"], currents["short"] = jnp.stack([across]), jnp.stack([state.shared[0]])
    bulk = bulk_at(cell, model, state).resistance * ions
    voltage["grains"], voltage["boundaries"] = bulk[:1], bulk[1:]
    currents["grains"] = currents["boundaries"] = jnp.stack([ions])
    return Branches(voltage, currents, total)


def bulk_at(cell: Cell, model: ChainModel, state: State) -> Bulk:
    """The separator's grains and boundaries at the temperature of a state."""
    rise = state.shared[-1] if model.surrounded is not None else None
    return bulk_of(cell, cell.temperature if rise is None else cell.temperature + rise)


def bulk_voltages(cell: Cell, model: ChainModel, state: State, current: Scalar) -> Float[Array, "2"]:
    """Voltages over them without their capacitances [V]."""
    return bulk_at(cell, model, state).resistance * model.ionic_current(current, state.shared)


def divide(
    change: Branches, parts: dict[str, list[tuple[str, np.ndarray]]], share: Complex[Array, "2"]
) -> dict[str, Complex[Array, ""]]:
    """dv di of each part for a unit of current [Ohm m2]; `share`: Z/R of grains and boundaries."""
    voltage, none = dict(change.voltage), jnp.zeros((), dtype=jnp.complex128)
    lost = none
    for k, kind in enumerate(("grains", "boundaries")):
        lost = lost + (1.0 - share[k]) * voltage[kind][0]
        voltage[kind] = share[k] * voltage[kind]
    if "short" in voltage:
        voltage["short"] = voltage["short"] - lost
    power = {kind: voltage[kind] * change.current[kind] for kind in voltage}
    return {
        name: sum((jnp.sum(jnp.where(mask, power[kind], 0.0)) for kind, mask in one), start=none)
        for name, one in parts.items()
    }


def _contacts(cell: Cell, nodes: int) -> tuple[Edges, Edges]:
    """Ionic contact of the bottom interfaces and electronic contact of the collectors, by edge [Ohm m2]."""
    contact, collector = jnp.zeros(nodes), jnp.zeros(nodes)
    for electrode, edge in ((cell.working, 0), (cell.counter, nodes - 2)):
        if isinstance(electrode, CompositeCathode):
            collector = collector.at[edge].add(electrode.contact_resistance)
            continue
        contact = contact.at[edge].add(electrode.interface.contact_resistance)
        if electrode.layer is not None:
            collector = collector.at[edge].add(electrode.layer.electronic_contact_resistance)
    return contact, collector


def members(cell: Cell, model: ChainModel) -> dict[str, list[tuple[str, np.ndarray]]]:
    """Which branches make up each part: kinds of branch, and which of them."""
    sides, kinds = np.array(model.sides), np.array(model.kinds)
    edges = np.arange(len(sides))
    after = np.append(sides[1:], SEPARATOR)
    inside = sides == after
    between = ~inside | (sides == SEPARATOR)
    between[-1] = False
    found = {"separator": [("ions", between), ("grains", EVERY)], RIG_PART: [("rig", EVERY)]}
    if cell.separator.grain_boundary is not None:
        found["grain boundaries"] = [("boundaries", EVERY)]
    if cell.separator.short is not None:
        found["short"] = [("short", EVERY)]
    for name, side, electrode, bottom in (
        ("working", WORKING, cell.working, 0),
        ("counter", COUNTER, cell.counter, len(sides) - 2),
    ):
        own = inside & (sides == side)
        at_bottom, here = edges == bottom, sides == side
        if isinstance(electrode, CompositeCathode):
            found["cathode, particles"] = [("node", kinds == PARTICLE)]
            found["cathode, contact"] = [("collector", at_bottom)]
            if electrode.transport is not None:
                found["cathode, electrolyte"] = [("ions", own)]
                found["cathode, solid"] = [("electrons", own)]
            continue
        found[f"{name}, bottom interface"] = [("node", here & (kinds == BOTTOM)), ("below", at_bottom)]
        layer = electrode.layer
        if layer is None:
            continue
        found[f"{name}, layer, ions"] = [("ions", own)]
        found[f"{name}, layer, electrons"] = [("electrons", own)]
        found[f"{name}, contact"] = [("collector", at_bottom)]
        found[f"{name}, separator film"] = [("below", own & ~at_bottom)]
        if layer.pores is not None or layer.storage is not None or layer.trap is not None:
            found[f"{name}, pores"] = [("node", here & (kinds == PORE))]
        if layer.top is not None:
            face = edges == (edges[here][-2] if side == WORKING else edges[here][0])
            found[f"{name}, top interface"] = [("node", here & (kinds == TOP)), ("above", face)]
    return found
