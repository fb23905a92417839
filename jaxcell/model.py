"""From a cell to states and equations: the only place that assembles physical laws.

Protected electrode, x inward from the collector, I > 0 plating it, u = phi_ion - phi_electron, S = 1/kappa + 1/sigma:

    kappa d(phi_i)/dx = J_i,  sigma d(phi_e)/dx = J_e,  J_i + J_e = I      =>   du/dx = J_i S - I/sigma

Finite volumes: between neighbouring points J_i = (u_right - u_left + I dx/sigma)/(S dx).  Half a cell, the bottom
resistance and the collector contact lie between the bottom site and the first point; half a cell, the
layer|separator resistance and the top resistance between the last point and the top site, because

    J_i(L) = (u_s - u(L))/R_sl   and   I - J_i(L) = (u_s - u_t)/R_t

give J_i(L) (R_sl + R_t) = u_t + R_t I - u(L).  So bottom site, points and top site are one chain of nodes, each with
a plating law and a double layer, and each edge carries a flux that is affine in I.  A film (R || C) in an edge adds
its voltage w as a state: R C dw/dt = R J - w.

Both electrodes of a cell are laid end to end in one chain without an edge between them; they share only the current,
+I and -I.  Potential across the working electrode, from collector to separator:

    Phi = u_b + sum over edges of (R_ion J + w_film),   E = Phi_working - Phi_counter + I R_separator.

The state counts lithium from the start of the run, so that short pulses on a thick foil lose no digits.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.cell import Cell, Collector, Film, Interface, LithiumElectrode, Pores, ProtectionLayer
from jaxcell.grid import graded_widths
from jaxcell.physics.plating import plating_current
from jaxcell.solver.system import Capacities, ChainSystem, EdgeLaw, State
from jaxcell.units import (
    FARADAY,
    LITHIUM_MOLAR_VOLUME,
    Edges,
    NodeMask,
    Nodes,
    Scalar,
    inverse_thermal_voltage,
    strong_float64,
)

BOTTOM, PORE, TOP = 0, 1, 2
"""Kinds of plating site."""
WORKING, COUNTER = 0, 1
"""Sides of a cell."""


class NodeCoefficients(NamedTuple):
    """Plating law of each node, amounts per cell area."""

    area: Nodes
    """Site surface per cell area [1]; zero where lithium cannot plate."""
    exchange_current_density: Nodes
    cathodic_transfer_coefficient: Nodes
    anodic_transfer_coefficient: Nodes
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
    """J = conductance (u_right - u_left + source I - w_series + w_branch) + through I, I the side's own."""

    conductance: Edges
    """[S m-2]; zero at the last edge of an electrode."""
    source: Edges
    """[Ohm m2]."""
    through: Edges
    """One at the last edge of an electrode, which carries the whole current; else zero."""
    ionic_resistance: Edges
    """On the ionic path from collector to separator [Ohm m2]."""
    film_resistance: Edges
    """Film in the edge: w_series = R J at rest [Ohm m2]."""
    film_capacitance: Edges
    branch_resistance: Edges
    """Film of the top site, which carries I - J: w_branch = R (I - J) at rest [Ohm m2]."""
    branch_capacitance: Edges


class ChainModel(ChainSystem):
    """A cell as a chain of plating sites; build it with `assemble`.

    Node state: lithium gained since the start [mol m-2 of cell area].  Edge states: voltages of the series films and
    of the top branches' films [V], where there are any.
    """

    nodes: NodeCoefficients
    edges: EdgeCoefficients
    f: Scalar
    """F/RT [V-1]."""
    separator_resistance: Scalar
    """[Ohm m2]."""
    direction: Nodes
    """+1 on the working side, whose current is I; -1 on the counter side, whose current is -I."""
    first: NodeMask
    """First node of each electrode: its bottom site."""
    kinds: tuple[int, ...] = eqx.field(static=True)
    """BOTTOM, PORE or TOP of each node."""
    series_films: bool = eqx.field(static=True)
    """Whether any edge holds a film: then its voltages are the first edge state."""
    branch_films: bool = eqx.field(static=True)
    """Whether any top site has a film: then its voltages are the last edge state."""
    sides: tuple[int, ...] = eqx.field(static=True)
    """WORKING or COUNTER for each node."""

    @property
    def capacities(self) -> Capacities:
        n, e = self.nodes, self.edges
        series, branch = e.film_resistance * e.film_capacitance, e.branch_resistance * e.branch_capacitance
        return Capacities(n.capacitance, jnp.full_like(n.area, FARADAY)[None], self._films(series, branch))

    def _films(self, series: Edges, branch: Edges) -> Float[Array, "films nodes"]:
        """The rows of those films that the cell has."""
        rows = [row for row, there in ((series, self.series_films), (branch, self.branch_films)) if there]
        return jnp.stack(rows) if rows else jnp.zeros((0, len(self.kinds)))

    @property
    def has_left(self) -> NodeMask:
        return ~self.first

    @property
    def kinetic(self) -> NodeMask:
        return self.nodes.area > 0.0

    @property
    def node_scale(self) -> Float[Array, "1 nodes"]:
        return self.nodes.depletion_capacity[None]

    @property
    def node_tolerance(self) -> Float[Array, "1 nodes"]:
        return self.f * self.nodes.site_depletion_capacity[None]

    @property
    def node_origin(self) -> Float[Array, "1 nodes"]:
        return self.nodes.initial_lithium[None]

    @property
    def initial_state(self) -> State:
        """At rest: electrodes at their initial potential, films without voltage, no lithium gained."""
        empty = jnp.zeros_like(self.nodes.area)
        return State(self.nodes.initial_field, empty[None], self._films(empty, empty))

    def node(self, field: Nodes, states: Float[Array, "1 nodes"]) -> Float[Array, "1 nodes"]:
        n = self.nodes
        density = plating_current(
            field,
            n.initial_lithium + states[0],
            exchange_current_density=n.exchange_current_density,
            cathodic_transfer_coefficient=n.cathodic_transfer_coefficient,
            anodic_transfer_coefficient=n.anodic_transfer_coefficient,
            nucleation_overpotential=n.nucleation_overpotential,
            nucleation_capacity=n.nucleation_capacity,
            depletion_capacity=n.depletion_capacity,
            inverse_pore_capacity=n.inverse_pore_capacity,
            f=self.f,
        )
        return (n.area * density / FARADAY)[None]

    def edge(self, left: Nodes, right: Nodes, states: Float[Array, "films nodes"], current: Scalar) -> EdgeLaw:
        e = self.edges
        own = self.direction * current
        push = right - left + e.source * own
        if self.series_films:
            push = push - states[0]
        if self.branch_films:
            push = push + states[-1]
        flux = e.conductance * push + e.through * own
        settled = self._films(e.film_resistance * flux, e.branch_resistance * (own - flux))
        return EdgeLaw(flux, settled - states)

    def voltage(self, state: State, current: Scalar) -> Scalar:
        right = jnp.roll(state.field, -1)
        flux = self.edge(state.field, right, state.edge, current).flux
        drop = self.edges.ionic_resistance * flux
        if self.series_films:
            drop = drop + state.edge[0]
        across = jnp.where(self.first, state.field, 0.0) + drop
        return jnp.sum(self.direction * across) + current * self.separator_resistance

    def lithium(self, state: State) -> Nodes:
        """Live lithium of each site [mol m-2]."""
        return self.nodes.initial_lithium + state.node[0]


def assemble(cell: Cell, points: int = 20) -> ChainModel:
    """The chain of a cell, each protection layer resolved by `points` finite volumes."""
    sides = [_electrode(cell.working, points), _electrode(cell.counter, points)]
    nodes = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), sides[0].nodes, sides[1].nodes)
    edges = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), sides[0].edges, sides[1].edges)
    sizes = [len(side.kinds) for side in sides]
    counts = jnp.arange(sum(sizes))
    return ChainModel(
        nodes=nodes,
        edges=edges,
        f=inverse_thermal_voltage(cell.temperature),
        separator_resistance=cell.separator.resistance,
        direction=jnp.where(counts < sizes[0], 1.0, -1.0),
        first=(counts == 0) | (counts == sizes[0]),
        kinds=sides[0].kinds + sides[1].kinds,
        series_films=any(side.series_films for side in sides),
        branch_films=any(side.branch_films for side in sides),
        sides=(WORKING,) * sizes[0] + (COUNTER,) * sizes[1],
    )


class _Side(NamedTuple):
    nodes: NodeCoefficients
    edges: EdgeCoefficients
    kinds: tuple[int, ...]
    series_films: bool
    branch_films: bool


def _electrode(electrode: LithiumElectrode | Collector, points: int) -> _Side:
    bottom = _surface(electrode.interface, electrode.initial_lithium, electrode.initial_potential)
    if electrode.layer is None:
        # The foil meets the separator: its one edge carries the whole current through contact and film.
        own = electrode.interface
        edge = _edge(through=1.0, ionic=own.contact_resistance, film=own)
        return _Side(bottom, edge, (BOTTOM,), _film(own) is not None, branch_films=False)
    layer = electrode.layer
    # Without pores the current in the layer is the same everywhere and one point is exact.
    widths = graded_widths(layer.thickness, 1 if layer.pores is None else points)
    nodes = [bottom, _inside(layer, widths, electrode.initial_potential)]
    kinds = (BOTTOM,) + (PORE,) * len(widths)
    if layer.top is not None:
        nodes.append(_surface(layer.top, layer.thickness * 0.0, electrode.initial_potential))
        kinds += (TOP,)
    edges = _join(_layer_edges(electrode.interface, layer, widths))
    series = _film(electrode.interface) is not None or layer.separator_film is not None
    return _Side(_join(nodes), edges, kinds, series, _film(layer.top) is not None)


def _layer_edges(bottom: Interface, layer: ProtectionLayer, widths: Float[Array, " points"]) -> list[EdgeCoefficients]:
    """Edges from the bottom site to the top site (or, without one, to the separator)."""
    kappa, sigma = layer.ionic_conductivity, layer.electronic_conductivity
    half_first, half_last = 0.5 * widths[0], 0.5 * widths[-1]
    contact = layer.electronic_contact_resistance
    first = _edge(
        resistance=half_first / kappa + half_first / sigma + bottom.contact_resistance + contact,
        source=half_first / sigma + contact,
        ionic=half_first / kappa + bottom.contact_resistance,
        film=bottom,
    )
    film = layer.separator_film
    if layer.top is None:
        last = [_edge(through=1.0, ionic=half_last / kappa, film=film)]
    else:
        top = layer.top
        to_top = _edge(
            resistance=half_last / kappa + half_last / sigma + top.contact_resistance,
            source=half_last / sigma + top.contact_resistance,
            ionic=half_last / kappa,
            film=film,
            branch=top,
        )
        last = [to_top, _edge(through=1.0)]
    if len(widths) == 1:
        return [first, *last]
    spacing = 0.5 * (widths[1:] + widths[:-1])
    zeros = jnp.zeros_like(spacing)
    inner = EdgeCoefficients(
        conductance=1.0 / (spacing / kappa + spacing / sigma),
        source=spacing / sigma,
        through=zeros,
        ionic_resistance=spacing / kappa,
        film_resistance=zeros,
        film_capacitance=zeros,
        branch_resistance=zeros,
        branch_capacitance=zeros,
    )
    return [first, inner, *last]


def _edge(
    *,
    resistance: Scalar | None = None,
    source: Scalar | float = 0.0,
    through: float = 0.0,
    ionic: Scalar | float = 0.0,
    film: Interface | Film | None = None,
    branch: Interface | None = None,
) -> EdgeCoefficients:
    """One edge; without a resistance it conducts nothing but `through`."""
    resistance_film, capacitance_film = _film(film) or (0.0, 0.0)
    resistance_branch, capacitance_branch = _film(branch) or (0.0, 0.0)
    return EdgeCoefficients(
        *(
            jnp.reshape(strong_float64(value), (1,))
            for value in (
                0.0 if resistance is None else 1.0 / resistance,
                source,
                through,
                ionic,
                resistance_film,
                capacitance_film,
                resistance_branch,
                capacitance_branch,
            )
        )
    )


def _film(part: Interface | Film | None) -> tuple[Scalar, Scalar] | None:
    """Resistance and capacitance of a film, None where there is none."""
    if isinstance(part, Interface):
        return None if part.film_resistance is None else (part.film_resistance, part.film_capacitance)
    return None if part is None else (part.resistance, part.capacitance)


def _surface(interface: Interface, lithium: Scalar, potential: Scalar) -> NodeCoefficients:
    """The node of a plane site."""
    return _site(
        interface,
        area=jnp.ones(1),
        share=jnp.ones(1),
        inverse_pore_capacity=jnp.zeros(1),
        lithium=lithium,
        potential=potential,
    )


def _inside(layer: ProtectionLayer, widths: Float[Array, " points"], potential: Scalar) -> NodeCoefficients:
    """Nodes of the layer's inside; without pores they neither plate nor store charge."""
    every = jnp.ones_like(widths)
    if layer.pores is None:
        idle = Pores(specific_surface_area=1.0)
        return _site(
            idle,
            area=0.0 * every,
            share=every,
            inverse_pore_capacity=0.0 * every,
            lithium=layer.thickness * 0.0,
            potential=potential,
        )
    pores = layer.pores
    return _site(
        pores,
        area=pores.specific_surface_area * widths,
        share=widths / layer.thickness,
        inverse_pore_capacity=LITHIUM_MOLAR_VOLUME / (pores.porosity * widths),
        lithium=layer.thickness * 0.0,
        potential=potential,
    )


def _site(
    part: Interface | Pores,
    *,
    area: Nodes,
    share: Nodes,
    inverse_pore_capacity: Nodes,
    lithium: Scalar,
    potential: Scalar,
) -> NodeCoefficients:
    kinetics, nucleation = part.kinetics, part.nucleation
    every = jnp.ones_like(area)
    return NodeCoefficients(
        area=area,
        exchange_current_density=every * kinetics.exchange_current_density,
        cathodic_transfer_coefficient=every * kinetics.cathodic_transfer_coefficient,
        anodic_transfer_coefficient=every * kinetics.anodic_transfer_coefficient,
        nucleation_overpotential=every * nucleation.overpotential,
        nucleation_capacity=share * nucleation.nucleation_capacity,
        depletion_capacity=share * nucleation.depletion_capacity,
        site_depletion_capacity=every * nucleation.depletion_capacity,
        inverse_pore_capacity=inverse_pore_capacity,
        capacitance=area * part.double_layer_capacitance,
        initial_lithium=every * lithium,
        initial_field=every * potential,
    )


def _join(parts):
    return jax.tree.map(lambda *arrays: jnp.concatenate(arrays), *parts)
