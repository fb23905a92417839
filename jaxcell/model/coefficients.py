"""Numbers of the laws along a chain, from the parts of a cell (at one temperature).

Both electrodes are laid end to end, working first, each from its bottom to the separator.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.cell import (
    Cell,
    Collector,
    Film,
    HeatBalance,
    Interface,
    LithiumElectrode,
    MarcusHushChidseyKinetics,
    Pores,
    ProtectionLayer,
    SoftShort,
)
from jaxcell.grid import graded_widths
from jaxcell.model.loss_coefficients import (
    DROP,
    INTERPHASE,
    LIVE,
    LossCoefficients,
    Surroundings,
    losses_at,
    losses_of,
    present_losses,
)
from jaxcell.units import (
    GAS,
    LITHIUM_MOLAR_VOLUME,
    Edges,
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

    J = open (u_right - u_left + R_e I + R_t I_ion - w_series + w_branch)/R + through I_ion,

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


class Coefficients(NamedTuple):
    """All numbers of a cell's laws at one temperature."""

    nodes: NodeCoefficients
    edges: EdgeCoefficients
    losses: LossCoefficients
    f: Scalar
    """F/RT [V-1]."""
    separator_resistance: Scalar
    """[Ohm m2]."""
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


class _Side(NamedTuple):
    nodes: NodeCoefficients
    edges: EdgeCoefficients
    losses: LossCoefficients
    structure: Structure


def coefficients_of(cell: Cell, points: int) -> tuple[Coefficients, Structure]:
    """Numbers and structure of a cell's chain, each protection layer resolved by `points` finite volumes."""
    electrodes = (cell.working, cell.counter)
    around = Surroundings(cell.stack_pressure, present_losses(electrodes))
    sides = [_electrode(one, points, cell.temperature, around, side) for side, one in enumerate(electrodes)]
    nodes, edges, losses = (join([side[i] for side in sides]) for i in range(3))
    coefficients = Coefficients(
        nodes=nodes,
        edges=edges,
        losses=losses,
        f=inverse_thermal_voltage(cell.temperature),
        separator_resistance=cell.separator.resistance,
        short=cell.separator.short,
        heat=cell.heat_balance,
    )
    structures = [side.structure for side in sides]
    return coefficients, Structure(
        kinds=structures[0].kinds + structures[1].kinds,
        sides=structures[0].sides + structures[1].sides,
        forms=structures[0].forms + structures[1].forms,
        series_films=any(one.series_films for one in structures),
        branch_films=any(one.branch_films for one in structures),
        marcus=any(one.marcus for one in structures),
    )


def _electrode(
    electrode: LithiumElectrode | Collector, points: int, temperature: Scalar, around: Surroundings, side: int
) -> _Side:
    lithium, potential = electrode.initial_lithium, electrode.initial_potential
    own = electrode.interface
    nodes = [_surface(own, lithium, potential, temperature)]
    losses = [losses_of(own, nodes[0].area, around)]
    layer = electrode.layer
    if layer is None:
        # The foil meets the separator: its one edge carries the whole current through contact and film.
        edges = _edge(through=1.0, ionic=own.contact_resistance, film=own, from_bottom=1.0)
        structure = Structure(
            (BOTTOM,), (side,), (_forms(own),), _film(own) is not None, branch_films=False, marcus=_marcus(own)
        )
        return _Side(nodes[0], edges, losses[0], structure)
    # Where nothing happens inside, the current in the layer is the same everywhere and one point is exact.
    idle = layer.pores is None and layer.storage is None and layer.trap is None
    widths = graded_widths(layer.thickness, 1 if idle else points)
    nodes.append(_inside(layer, widths, potential, temperature))
    losses.append(losses_of(layer.pores, nodes[1].area, around, layer, widths))
    kinds = (BOTTOM,) + (PORE,) * len(widths)
    forms = (_forms(own),) + (_forms(layer.pores, layer),) * len(widths)
    sites = [own, layer.pores]
    if layer.top is not None:
        nodes.append(_surface(layer.top, layer.thickness * 0.0, potential, temperature))
        losses.append(losses_of(layer.top, nodes[2].area, around))
        kinds += (TOP,)
        forms += (_forms(layer.top),)
        sites.append(layer.top)
    series = _film(own) is not None or layer.separator_film is not None
    structure = Structure(
        kinds, (side,) * len(kinds), forms, series, _film(layer.top) is not None, any(_marcus(site) for site in sites)
    )
    return _Side(join(nodes), join(_layer_edges(own, layer, widths)), join(losses), structure)


def _layer_edges(bottom: Interface, layer: ProtectionLayer, widths: Float[Array, " points"]) -> list[EdgeCoefficients]:
    """Edges from the bottom site to the top site (or, without one, to the separator)."""
    kappa, sigma = layer.ionic_conductivity, layer.electronic_conductivity
    half_first, half_last = 0.5 * widths[0], 0.5 * widths[-1]
    contact = layer.electronic_contact_resistance
    first = _edge(
        resistance=half_first / kappa + half_first / sigma + bottom.contact_resistance + contact,
        electronic=half_first / sigma + contact,
        ionic=half_first / kappa + bottom.contact_resistance,
        film=bottom,
        from_bottom=1.0,
    )
    film = layer.separator_film
    if layer.top is None:
        last = [_edge(through=1.0, ionic=half_last / kappa, film=film)]
    else:
        top = layer.top
        to_top = _edge(
            resistance=half_last / kappa + half_last / sigma + top.contact_resistance,
            electronic=half_last / sigma,
            top=top.contact_resistance,
            ionic=half_last / kappa,
            film=film,
            branch=top,
            to_top=1.0,
        )
        last = [to_top, _edge(through=1.0)]
    spacing = 0.5 * (widths[1:] + widths[:-1])
    return [first, *_inner_edges(spacing, kappa, sigma), *last]


def _inner_edges(spacing: Float[Array, " edges"], kappa: Scalar, sigma: Scalar) -> list[EdgeCoefficients]:
    """Edges between the points of a layer."""
    if spacing.shape[0] == 0:
        return []
    one = _edge(resistance=1.0 / kappa + 1.0 / sigma, electronic=1.0 / sigma, ionic=1.0 / kappa)
    every = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, spacing.shape), one)
    return [
        every._replace(
            resistance=every.resistance * spacing,
            electronic_resistance=every.electronic_resistance * spacing,
            ionic_resistance=every.ionic_resistance * spacing,
        )
    ]


def _edge(
    *,
    resistance: Scalar | None = None,
    electronic: Scalar | float = 0.0,
    top: Scalar | float = 0.0,
    through: float = 0.0,
    ionic: Scalar | float = 0.0,
    from_bottom: float = 0.0,
    to_top: float = 0.0,
    film: Interface | Film | None = None,
    branch: Interface | None = None,
) -> EdgeCoefficients:
    """One edge; without a resistance it conducts nothing but `through`."""
    numbers = (
        0.0 if resistance is None else 1.0,
        1.0 if resistance is None else resistance,
        electronic,
        top,
        through,
        ionic,
        from_bottom,
        to_top,
        *(_film(film) or (0.0, 0.0)),
        *(_film(branch) or (0.0, 0.0)),
    )
    return EdgeCoefficients(*(jnp.reshape(strong_float64(number), (1,)) for number in numbers))


def _film(part: Interface | Film | None) -> tuple[Scalar, Scalar] | None:
    """Resistance and capacitance of a film, None where there is none."""
    if isinstance(part, Interface):
        return None if part.film_resistance is None else (part.film_resistance, part.film_capacitance)
    return None if part is None else (part.resistance, part.capacitance)


def _forms(site: Interface | Pores | None, layer: ProtectionLayer | None = None) -> frozenset[str]:
    found = losses_at(site, layer) | (frozenset() if site is None else {LIVE})
    return found | {DROP} if isinstance(site, Pores) and INTERPHASE in found else found


def _marcus(part: Interface | Pores | None) -> bool:
    return part is not None and isinstance(part.kinetics, MarcusHushChidseyKinetics)


def _surface(interface: Interface, lithium: Scalar, potential: Scalar, temperature: Scalar) -> NodeCoefficients:
    """The node of a plane site."""
    one = jnp.ones(1)
    return _site(interface, one, one, 0.0 * one, lithium=lithium, potential=potential, temperature=temperature)


def _inside(
    layer: ProtectionLayer, widths: Float[Array, " points"], potential: Scalar, temperature: Scalar
) -> NodeCoefficients:
    """Nodes of the layer's inside; without pores no lithium plates there, and no charge is stored."""
    every = jnp.ones_like(widths)
    own = {"lithium": layer.thickness * 0.0, "potential": potential, "temperature": temperature}
    if layer.pores is None:
        return _site(Pores(specific_surface_area=1.0), 0.0 * every, every, 0.0 * every, **own)
    pores = layer.pores
    area = pores.specific_surface_area * widths
    return _site(pores, area, widths / layer.thickness, LITHIUM_MOLAR_VOLUME / (pores.porosity * widths), **own)


def _site(
    part: Interface | Pores,
    area: Nodes,
    share: Nodes,
    inverse_pore_capacity: Nodes,
    *,
    lithium: Scalar,
    potential: Scalar,
    temperature: Scalar,
) -> NodeCoefficients:
    kinetics, nucleation = part.kinetics, part.nucleation
    every = jnp.ones_like(area)
    if isinstance(kinetics, MarcusHushChidseyKinetics):
        cathodic = anodic = 0.5 * every
        reorganisation = every * kinetics.reorganisation_energy / (GAS * temperature)
    else:
        cathodic = every * kinetics.cathodic_transfer_coefficient
        anodic = every * kinetics.anodic_transfer_coefficient
        reorganisation = 0.0 * every
    return NodeCoefficients(
        area=area,
        exchange_current_density=every * kinetics.exchange_current_density,
        cathodic_transfer_coefficient=cathodic,
        anodic_transfer_coefficient=anodic,
        reorganisation=reorganisation,
        nucleation_overpotential=every * nucleation.overpotential,
        nucleation_capacity=share * nucleation.nucleation_capacity,
        depletion_capacity=share * nucleation.depletion_capacity,
        site_depletion_capacity=every * nucleation.depletion_capacity,
        inverse_pore_capacity=inverse_pore_capacity,
        capacitance=area * part.double_layer_capacitance,
        initial_lithium=every * lithium,
        initial_field=every * potential,
    )


def join(parts: list[Any]) -> Any:
    """Numbers of consecutive stretches of the chain as one."""
    return jax.tree.map(lambda *arrays: jnp.concatenate(arrays), *parts)
