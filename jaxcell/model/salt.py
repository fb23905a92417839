"""The salt along a chain: its numbers, and what it adds to the laws of the edges.

Faces are nodes without volume, so that concentrations there are unknowns of their own: no anion crosses the face of a
foil, and where layer and separator both have the salt, what leaves one enters the other.
"""

from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.cell import (
    AlloyElectrode,
    BinarySalt,
    Cell,
    Collector,
    CompositeCathode,
    ConcentrationLaw,
    Interface,
    LithiumElectrode,
    Pores,
)
from jaxcell.model.tables import SaltCoefficients, SaltEdges, SaltMedium, SaltNodes, join
from jaxcell.model.widths import cathode_widths, layer_widths, separator_widths
from jaxcell.physics.binary_electrolyte import concentration_potential, present_salt
from jaxcell.units import FARADAY, Edges, Nodes, Scalar, inverse_thermal_voltage

Electrode: TypeAlias = LithiumElectrode | Collector | AlloyElectrode | CompositeCathode
Site: TypeAlias = Interface | Pores | CompositeCathode
"""What may have an exchange current density that follows the salt."""
NOWHERE = 1000.0
"""Concentration [mol m-3] given to nodes without salt."""


class Passage(NamedTuple):
    """What a salt does in each edge."""

    resistance: Edges
    """[Ohm m2]."""
    potential: Edges
    """w_salt [V]."""
    diffusion: Edges
    """Anions to the left, all but what the current drags along [A m-2]."""
    drag: Edges
    """... which is minus this times the current [1]."""


def passage(salt: SaltCoefficients, left: Nodes, right: Nodes) -> Passage:
    """... from the changes of concentration on both sides [mol m-3]."""
    e, start = salt.edges, salt.nodes.start
    near, far = start + left, jnp.roll(start, -1) + right
    before, after = near / e.reference, far / e.reference
    kappa_before, kappa_after = present_salt(before) ** e.exponent, present_salt(after) ** e.exponent
    conductance = e.conductance
    for medium in salt.media:
        here = slice(medium.first, medium.first + medium.count)
        on_both = before[here], after[here]
        if medium.conductivity is not None:
            one, other = _followed(medium.conductivity, on_both, e.reference[here])
            kappa_before, kappa_after = kappa_before.at[here].set(one), kappa_after.at[here].set(other)
        if medium.diffusivity is not None:
            # In series; of one medium, the distances on both sides go as their resistances.
            share = e.ionic_left[here] / (e.ionic_left[here] + e.ionic_right[here])
            one, other = _followed(medium.diffusivity, on_both, e.reference[here])
            conductance = conductance.at[here].divide(share / one + (1.0 - share) / other)
    ohmic = e.ionic_left / kappa_before + e.ionic_right / kappa_after
    return Passage(ohmic, concentration_potential(before, after, e.factor), conductance * (far - near), e.drag)


def _followed(law: ConcentrationLaw, ratios: tuple[Edges, Edges], reference: Edges) -> list[Edges]:
    """p(c)/p(c0) at c/c0 on both sides."""
    return [law(reference * present_salt(ratio)) / law(reference) for ratio in ratios]


def exchange_factor(salt: SaltCoefficients, change: Nodes) -> Nodes:
    """i0 over that at c0 [1]."""
    n = salt.nodes
    return present_salt((n.start + change) / n.reference) ** n.order


def settled_resistance(salt: SaltCoefficients) -> Edges:
    """Ionic resistance of each edge once the gradient of a small current has settled [Ohm m2].

    Then no anion moves, dc/dx = (1 - t+) J/(F D): the concentration potential is in proportion to the current, too.
    """
    e = salt.edges
    passes = e.conductance > 0.0
    gradient = e.drag / jnp.where(passes, e.conductance * e.reference, 1.0)
    return e.ionic_left + e.ionic_right + jnp.where(passes, e.factor * gradient, 0.0)


def salt_of(cell: Cell, points: int) -> SaltCoefficients | None:
    """The salt's numbers along the chain of a cell; None where no part of it has any."""
    electrodes, between = (cell.working, cell.counter), cell.separator
    if between.salt is None and all(_own(one) is None for one in electrodes):
        return None
    f = inverse_thermal_voltage(cell.temperature)
    working, counter = (_electrode(one, points, between.salt, f) for one in electrodes)
    widths = separator_widths(between, points)
    none = jnp.zeros(1)
    halves = jnp.concatenate([none, 0.5 * widths])
    inside = _edges(halves, jnp.roll(halves, -1), between.salt, between.ionic_conductivity, f)
    volumes = _nodes(widths, between.salt, None)
    beyond = _edges(none, none, None, between.ionic_conductivity, f)
    stretches = [working.edges, inside, _mirrored(counter.edges), beyond]
    salts = (_own(cell.working), between.salt, _own(cell.counter))
    return SaltCoefficients(
        join([working.nodes, volumes, jax.tree.map(jnp.flip, counter.nodes)]),
        join(stretches),
        _media(salts, [len(stretch.drag) for stretch in stretches[:-1]]),
    )


def _media(salts: tuple[BinarySalt | None, ...], counts: list[int]) -> tuple[SaltMedium, ...]:
    """Of the parts along the chain with so many edges, those whose salt has a law."""
    firsts = np.cumsum([0, *counts[:-1]])
    return tuple(
        SaltMedium(salt.conductivity_law, salt.diffusivity_law, int(first), count)
        for salt, first, count in zip(salts, firsts, counts, strict=True)
        if salt is not None and (salt.conductivity_law is not None or salt.diffusivity_law is not None)
    )


def _own(electrode: Electrode) -> BinarySalt | None:
    """The salt inside an electrode."""
    inside = electrode.transport if isinstance(electrode, CompositeCathode) else electrode.layer
    return None if inside is None else inside.salt


def _electrode(electrode: Electrode, points: int, beyond: BinarySalt | None, f: Scalar) -> SaltCoefficients:
    """Nodes of an electrode from its bottom to the separator, and the edges between them."""
    none, own = jnp.zeros(1), _own(electrode)
    facing = beyond if beyond is not None else own
    if isinstance(electrode, CompositeCathode):
        transport = electrode.transport
        if transport is None:
            alone = _face(electrode, beyond, f)
            return SaltCoefficients(join([_nodes(none, None, None), alone.nodes]), _edges(none, none, None, f, f), ())
        widths, conductivity = cathode_widths(electrode, points), transport.ionic_conductivity
        sites = (None, electrode, None)
    else:
        if electrode.layer is None:
            return _face(electrode.interface, beyond, f)
        widths, conductivity = layer_widths(electrode.layer, points), electrode.layer.ionic_conductivity
        sites = (electrode.interface, electrode.layer.pores, electrode.layer.top)
    halves = jnp.concatenate([none, 0.5 * widths])
    stretches = zip((none, widths, none), (own, own, facing), sites, strict=True)
    return SaltCoefficients(
        join([_nodes(*stretch) for stretch in stretches]),
        _edges(halves, jnp.roll(halves, -1), own, conductivity, f),
        (),
    )


def _face(site: Site, beyond: BinarySalt | None, f: Scalar) -> SaltCoefficients:
    """An electrode of one node at the separator."""
    none = jnp.zeros(1)
    no_edges = jax.tree.map(lambda rows: rows[:0], _edges(none, none, None, f, f))
    return SaltCoefficients(_nodes(none, beyond, site), no_edges, ())


def _nodes(widths: Float[Array, " points"], salt: BinarySalt | None, site: Site | None) -> SaltNodes:
    every = jnp.ones_like(widths)
    if salt is None:
        return SaltNodes(every, 0.0 * every, NOWHERE * every, 0.0 * every, NOWHERE * every)
    order = 0.0 if site is None else site.kinetics.concentration_exponent
    start = every * salt.concentration
    return SaltNodes(FARADAY * salt.porosity * widths, every, start, order * every, start)


def _edges(left: Edges, right: Edges, salt: BinarySalt | None, conductivity: Scalar, f: Scalar) -> SaltEdges:
    """Edges with so much of a medium on both sides [m]."""
    every = jnp.ones_like(left)
    if salt is None:
        none = 0.0 * every
        return SaltEdges(none, none, none, NOWHERE * every, none, none, none)
    anions = 1.0 - salt.transference_number
    return SaltEdges(
        conductance=FARADAY * salt.diffusivity / (left + right),
        drag=anions * every,
        factor=2.0 / f * anions * salt.thermodynamic_factor * every,
        reference=salt.concentration * every,
        exponent=salt.conductivity_exponent * every,
        ionic_left=left / conductivity,
        ionic_right=right / conductivity,
    )


def _mirrored(edges: SaltEdges) -> SaltEdges:
    flipped = jax.tree.map(jnp.flip, edges)
    return flipped._replace(ionic_left=flipped.ionic_right, ionic_right=flipped.ionic_left)
