"""What the laws along a chain need to know: tables of numbers, and what the chain is like apart from them."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from jaxcell.cell import ConcentrationLaw, HeatBalance, SoftShort
from jaxcell.model.cathode import AlloyCoefficients, ParticleCoefficients
from jaxcell.model.loss_coefficients import LossCoefficients
from jaxcell.physics.constant_phase import Ladder
from jaxcell.units import Edges, Nodes, Scalar

BOTTOM, PORE, TOP, FACE, BETWEEN, PARTICLE = 0, 1, 2, 3, 4, 5
"""Kinds of node: plating sites, faces on which nothing plates, the separator, and a cathode's particles."""
WORKING, COUNTER, SEPARATOR = 0, 1, 2
"""Sides of a cell, and what lies between them."""


class NodeCoefficients(NamedTuple):
    """Plating law of each node, amounts per cell area."""

    area: Nodes
    """Site surface per cell area [1]; zero where lithium cannot plate."""
    exchange_current_density: Nodes
    cathodic_transfer_coefficient: Nodes
    anodic_transfer_coefficient: Nodes
    reorganisation: Nodes
    """lambda/(R T) [1] of Marcus-Hush-Chidsey kinetics; zero where they are Butler-Volmer's."""
    nucleation_overpotential: Nodes
    nucleation_capacity: Nodes
    depletion_capacity: Nodes
    site_depletion_capacity: Nodes
    """Depletion capacity of the whole site that the node is a part of."""
    inverse_pore_capacity: Nodes
    """V_Li/(porosity width) [m2 mol-1]; zero on surfaces."""
    capacitance: Nodes
    """Double layer [F m-2 of cell area]."""
    initial_lithium: Nodes
    """[mol m-2]."""
    initial_field: Nodes
    """u at the start [V]."""


class EdgeCoefficients(NamedTuple):
    """Ionic current of each edge, toward the working electrode's collector,

    J = open (u_right - u_left + R_e I + R_t I_ion - w_series + w_branch - w_salt)/R + through I_ion,

    with I the cell's current, I_ion what of it ions carry through the separator and w_salt the concentration potential.
    """

    open: Edges
    """One where the edge joins two nodes of an electrode, zero elsewhere."""
    resistance: Edges
    """R [Ohm m2], all but what a salt, interphases and voids add."""
    electronic_resistance: Edges
    """R_e, the part of R that electrons cross [Ohm m2]."""
    top_resistance: Edges
    """R_t, the part of R between the top site and the separator's face [Ohm m2]."""
    through: Edges
    """One where the edge carries the whole ionic current: in the separator and at its faces; else zero."""
    ionic_resistance: Edges
    """On the ionic path from collector to collector [Ohm m2], all but what a salt, interphases and voids add."""
    bottom_left: Edges
    """One where the node on the left is a bottom site, whose interphase and voids lie in the edge."""
    bottom_right: Edges
    top_left: Edges
    """One where the node on the left is a top site, whose interphase and voids belong to R_t."""
    top_right: Edges
    film_resistance: Edges
    """Film in the edge: w_series = R J at rest [Ohm m2]."""
    film_capacitance: Edges
    film_exponent: Edges
    """alpha [1]; 1 for R || C and where there is no film."""
    branch_resistance: Edges
    """Film of the top site, which carries I_ion - J: w_branch = R (I_ion - J) at rest [Ohm m2]."""
    branch_capacitance: Edges
    branch_exponent: Edges


class SaltNodes(NamedTuple):
    """The salt at each node."""

    capacity: Nodes
    """F eps width [C m-2 per mol m-3]; zero at faces, one where there is no salt and nothing flows."""
    present: Nodes
    """One where there is a salt, else zero."""
    start: Nodes
    """c at the start [mol m-3]."""
    order: Nodes
    """m in i0 ~ (c/c0)^m [1]; zero where the site sees no salt."""
    reference: Nodes
    """c0 of the same [mol m-3]."""


class SaltEdges(NamedTuple):
    """Anions that each edge carries to the left, G = conductance (c_right - c_left) - drag J [A m-2]."""

    conductance: Edges
    """F D/(distance) [A m-2 per mol m-3]; zero where no salt passes."""
    drag: Edges
    """1 - t+ [1]."""
    factor: Edges
    """2 (1 - t+) (1 + dln y/dln c) RT/F [V]: w_salt is this times ln(c_right/c_left)."""
    reference: Edges
    """c0 [mol m-3]."""
    exponent: Edges
    """n in kappa = kappa0 (c/c0)^n [1]."""
    ionic_left: Edges
    """Distance over kappa0 from the node on the left [Ohm m2], whose concentration it follows."""
    ionic_right: Edges


class SaltMedium(eqx.Module):
    """An electrolyte whose conductivity or diffusivity follows a law, and the edges inside it."""

    conductivity: ConcentrationLaw | None
    diffusivity: ConcentrationLaw | None
    first: int = eqx.field(static=True)
    count: int = eqx.field(static=True)


class SaltCoefficients(NamedTuple):
    nodes: SaltNodes
    edges: SaltEdges
    media: tuple[SaltMedium, ...]
    """Those with laws of their own."""


class Coefficients(NamedTuple):
    """All numbers of a cell's laws at one temperature."""

    nodes: NodeCoefficients
    edges: EdgeCoefficients
    losses: LossCoefficients
    f: Scalar
    """F/RT [V-1]."""
    separator_resistance: Scalar
    """[Ohm m2]; without the electrolyte where it has a salt."""
    salt: SaltCoefficients | None
    """None where no part of the cell has one."""
    particles: ParticleCoefficients | None
    """Of a composite cathode."""
    alloys: tuple[AlloyCoefficients | None, AlloyCoefficients | None]
    """At the first node and at the last, where they are alloys."""
    short: SoftShort | None
    heat: HeatBalance | None
    ladders: tuple[Ladder, Ladder]
    """Of the films in the edges and of those of top sites."""


class Structure(NamedTuple):
    """What a chain is like, apart from numbers."""

    kinds: tuple[int, ...]
    """BOTTOM, PORE, TOP, FACE, BETWEEN or PARTICLE of each node."""
    sides: tuple[int, ...]
    """WORKING, SEPARATOR or COUNTER for each node."""
    forms: tuple[frozenset[str], ...]
    """Of each node, where lithium can be, whether contact can be lost, and whether an interphase inside resists."""
    series_films: int
    """Elements of a film in an edge, `ELEMENTS` where any has an exponent, else 1; 0 without films. Their voltages are
    the first edge states."""
    branch_films: int
    """The same of the films of top sites, whose voltages are the last edge states."""
    marcus: bool
    """Whether any site has Marcus-Hush-Chidsey kinetics."""


def join(parts: list[Any]) -> Any:
    """Numbers of consecutive stretches of the chain as one."""
    return jax.tree.map(lambda *arrays: jnp.concatenate(arrays), *parts)
