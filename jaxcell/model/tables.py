"""What the laws along a chain need to know: tables of numbers, and what the chain is like apart from them."""

from typing import NamedTuple

from jaxtyping import Array, Float

from jaxcell.cell import HeatBalance, SoftShort
from jaxcell.model.loss_coefficients import LossCoefficients
from jaxcell.units import Edges, Nodes, Scalar

BOTTOM, PORE, TOP, SALT = 0, 1, 2, 3
"""Kinds of node: plating sites, and the salt of a separator."""
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
    """Ionic current of each edge,

    J = open (u_right - u_left + R_e I + R_t I_ion - w_series + w_branch)/R + through I_ion + dragged I_cell,

    with I the side's own current and I_ion what of it ions carry through the separator.
    """

    open: Edges
    """One where the edge joins two nodes, zero at the last edge of an electrode."""
    resistance: Edges
    """R [Ohm m2], all but what interphases and voids add."""
    electronic_resistance: Edges
    """R_e, the part of R that electrons cross [Ohm m2]."""
    top_resistance: Edges
    """R_t, the part of R between the top site and the separator's face [Ohm m2]."""
    through: Edges
    """One at the last edge of an electrode, which carries the whole ionic current; else zero."""
    dragged: Edges
    """What of the cell's ionic current the edge carries as well: -(1 - t+) between the nodes of a salt."""
    ionic_resistance: Edges
    """On the ionic path from collector to separator [Ohm m2]."""
    from_bottom: Edges
    """One where the edge leaves a bottom site, whose interphase and voids lie in it."""
    to_top: Edges
    """One where the edge reaches a top site, whose interphase and voids belong to R_t."""
    film_resistance: Edges
    """Film in the edge: w_series = R J at rest [Ohm m2]."""
    film_capacitance: Edges
    branch_resistance: Edges
    """Film of the top site, which carries I_ion - J: w_branch = R (I_ion - J) at rest [Ohm m2]."""
    branch_capacitance: Edges


class SaltCoefficients(NamedTuple):
    """The electrolyte of a separator, from the working electrode's face to the counter's."""

    widths: Float[Array, " points"]
    """Of its finite volumes [m]."""
    amount: Float[Array, " points"]
    """Salt in each at the start [mol m-2]."""
    conductivity: Scalar
    conductivity_exponent: Scalar
    transference_number: Scalar
    thermodynamic_factor: Scalar
    gradient: Scalar
    """d(c/c0)/dx at a lithium face per current, (1 - t+)/(F D c0) [m-1 per A m-2]."""
    per_volt: Scalar
    """d(c/c0)/d(field) [V-1]: the field of its nodes is (c/c0 - 1) RT/F at the start's temperature."""


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
    short: SoftShort | None
    heat: HeatBalance | None


class Structure(NamedTuple):
    """What a chain is like, apart from numbers."""

    kinds: tuple[int, ...]
    """BOTTOM, PORE or TOP of each node."""
    sides: tuple[int, ...]
    """WORKING or COUNTER for each node."""
    forms: tuple[frozenset[str], ...]
    """Of each node, where lithium can be, whether contact can be lost, and whether an interphase inside resists."""
    series_films: bool
    """Whether any edge holds a film: then its voltages are the first edge state."""
    branch_films: bool
    """Whether any top site has a film: then its voltages are the last edge state."""
    marcus: bool
    """Whether any site has Marcus-Hush-Chidsey kinetics."""
