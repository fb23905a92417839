"""Numbers of the laws along a chain, from the parts of a cell (at one temperature).

In the order of the cell: the working electrode from its bottom, the separator, the counter electrode to its bottom.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.cell import (
    AlloyElectrode,
    Cell,
    Collector,
    CompositeCathode,
    Film,
    Interface,
    LithiumElectrode,
    MarcusHushChidseyKinetics,
    Pores,
    ProtectionLayer,
    Separator,
)
from jaxcell.model.cathode import AlloyCoefficients, ParticleCoefficients, alloy_of, particles_of
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
from jaxcell.model.salt import salt_of
from jaxcell.model.tables import (
    BETWEEN,
    BOTTOM,
    COUNTER,
    FACE,
    PARTICLE,
    PORE,
    SEPARATOR,
    TOP,
    WORKING,
    Coefficients,
    EdgeCoefficients,
    NodeCoefficients,
    Structure,
    join,
)
from jaxcell.model.widths import cathode_widths, layer_widths, separator_widths
from jaxcell.physics.constant_phase import ELEMENTS, film_ladder
from jaxcell.units import (
    GAS,
    LITHIUM_MOLAR_VOLUME,
    Nodes,
    Scalar,
    inverse_thermal_voltage,
    strong_float64,
)


class _Side(NamedTuple):
    nodes: NodeCoefficients
    edges: EdgeCoefficients
    """Of an electrode, from its bottom: the last one crosses the separator's face."""
    losses: LossCoefficients
    structure: Structure


def coefficients_of(cell: Cell, points: int, shells: int, film_elements: int) -> tuple[Coefficients, Structure]:
    """Numbers and structure of a cell's chain: `points` volumes of each part, `shells` of each particle, at most
    `film_elements` of each film."""
    cathode = cell.counter if isinstance(cell.counter, CompositeCathode) else None
    lithium = [one for one in (cell.working, cell.counter) if not isinstance(one, CompositeCathode)]
    around = Surroundings(cell.stack_pressure, present_losses(tuple(lithium)))
    sides = [
        _cathode(one, points, cell.temperature, around)
        if isinstance(one, CompositeCathode)
        else _electrode(one, points, cell.temperature, around, side)
        for one, side in ((cell.working, WORKING), (cell.counter, COUNTER))
    ]
    working, counter = sides
    sides = [working, _between(cell.separator, points, cell.temperature, around), _mirrored(counter)]
    nodes, edges, losses = (join([side[i] for side in sides]) for i in range(3))
    structures = [side.structure for side in sides]
    counts = zip(*((one.series_films, one.branch_films) for one in structures), strict=True)
    elements = [min(film_elements, max(own)) for own in counts]
    binary = cell.separator.salt is not None
    coefficients = Coefficients(
        nodes=nodes,
        edges=edges,
        losses=losses,
        f=inverse_thermal_voltage(cell.temperature),
        separator_resistance=cell.separator.lumped_resistance if binary else cell.separator.resistance,
        salt=salt_of(cell, points),
        particles=None
        if cathode is None
        else _particles(cathode, points, shells, isothermal=cell.heat_balance is None),
        alloys=(_alloy(cell.working), _alloy(cell.counter)),
        short=cell.separator.short,
        heat=cell.heat_balance,
        ladders=(film_ladder(edges.film_exponent, elements[0]), film_ladder(edges.branch_exponent, elements[1])),
    )
    return coefficients, Structure(
        kinds=tuple(kind for one in structures for kind in one.kinds),
        sides=tuple(side for one in structures for side in one.sides),
        forms=tuple(forms for one in structures for forms in one.forms),
        series_films=elements[0],
        branch_films=elements[1],
        marcus=any(one.marcus for one in structures),
    )


def _electrode(
    electrode: LithiumElectrode | Collector | AlloyElectrode,
    points: int,
    temperature: Scalar,
    around: Surroundings,
    side: int,
) -> _Side:
    lithium, potential = electrode.initial_lithium, electrode.initial_potential
    own = electrode.interface
    nodes = [_surface(own, lithium, potential, temperature)]
    losses = [losses_of(own, nodes[0].area, around)]
    layer = electrode.layer
    if layer is None:
        # The foil meets the separator: its one edge carries the whole current through contact and film.
        edges = _edge(through=1.0, ionic=own.contact_resistance, film=own, bottom_left=1.0)
        structure = Structure((BOTTOM,), (side,), (_forms(own),), _elements(own), branch_films=0, marcus=_marcus(own))
        return _Side(nodes[0], edges, losses[0], structure)
    widths = layer_widths(layer, points)
    nodes.append(_inside(layer, widths, potential, temperature))
    losses.append(losses_of(layer.pores, nodes[1].area, around, layer, widths))
    if layer.top is None:
        nodes.append(_inert(jnp.zeros(1), potential, temperature))
    else:
        nodes.append(_surface(layer.top, layer.thickness * 0.0, potential, temperature))
    losses.append(losses_of(layer.top, nodes[2].area, around))
    sites = (own, layer.pores, layer.top)
    structure = Structure(
        kinds=(BOTTOM, *(PORE,) * len(widths), FACE if layer.top is None else TOP),
        sides=(side,) * (len(widths) + 2),
        forms=(_forms(own), *(_forms(layer.pores, layer),) * len(widths), _forms(layer.top)),
        series_films=max(_elements(own), _elements(layer.separator_film)),
        branch_films=_elements(layer.top),
        marcus=any(_marcus(site) for site in sites),
    )
    return _Side(join(nodes), join(_layer_edges(own, layer, widths)), join(losses), structure)


def _alloy(electrode: Any) -> AlloyCoefficients | None:
    return alloy_of(electrode) if isinstance(electrode, AlloyElectrode) else None


def _particles(cathode: CompositeCathode, points: int, shells: int, *, isothermal: bool) -> ParticleCoefficients:
    """As the chain runs, from the separator to the collector."""
    return particles_of(cathode, jnp.flip(cathode_widths(cathode, points)), shells, isothermal=isothermal)


def _cathode(cathode: CompositeCathode, points: int, temperature: Scalar, around: Surroundings) -> _Side:
    """Collector, particles and the separator's face; of a single particle, only that."""
    widths, potential = cathode_widths(cathode, points), cathode.initial_potential
    inside = _inert(widths, potential, temperature)
    inside = inside._replace(capacitance=cathode.specific_surface_area * widths * cathode.double_layer_capacitance)
    face = _inert(jnp.zeros(1), potential, temperature)
    transport = cathode.transport
    if transport is None:
        # No ions reach the collector's face, so that any ionic resistance serves there.
        nodes, kinds = join([face, inside]), (FACE, PARTICLE)
        edges = join([_edge(resistance=jnp.ones(()), electronic=cathode.contact_resistance), _edge(through=1.0)])
    else:
        kappa = jnp.asarray(jnp.inf) if transport.salt is not None else transport.ionic_conductivity
        nodes, kinds = join([face, inside, face]), (FACE, *(PARTICLE,) * len(widths), FACE)
        stretch = _stretch(
            widths, kappa, transport.electronic_conductivity, _Ends(electronic_first=cathode.contact_resistance)
        )
        edges = join([*stretch, _edge(through=1.0)])
    structure = Structure(kinds, (COUNTER,) * len(kinds), (frozenset(),) * len(kinds), 0, branch_films=0, marcus=False)
    return _Side(nodes, edges, losses_of(None, nodes.area, around), structure)


def _between(separator: Separator, points: int, temperature: Scalar, around: Surroundings) -> _Side:
    """The separator's volumes, which hold its salt, if it has one; their u is nothing and stays zero."""
    widths = separator_widths(separator, points)
    count = len(widths)
    nodes = _inert(0.0 * widths, separator.thickness * 0.0, temperature)._replace(capacitance=jnp.ones_like(widths))
    edges = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count - 1,)), _edge(through=1.0))
    structure = Structure(
        (BETWEEN,) * count, (SEPARATOR,) * count, (frozenset(),) * count, 0, branch_films=0, marcus=False
    )
    return _Side(nodes, edges, losses_of(None, nodes.area, around), structure)


def _mirrored(side: _Side) -> _Side:
    """An electrode that ends at its bottom, with an edge beyond, in which nothing flows."""
    nodes, edges, losses = jax.tree.map(jnp.flip, tuple(side)[:3])
    edges = edges._replace(
        bottom_left=edges.bottom_right,
        bottom_right=edges.bottom_left,
        top_left=edges.top_right,
        top_right=edges.top_left,
    )
    own = side.structure
    structure = own._replace(kinds=own.kinds[::-1], sides=own.sides[::-1], forms=own.forms[::-1])
    return _Side(nodes, join([edges, _edge()]), losses, structure)


def _layer_edges(bottom: Interface, layer: ProtectionLayer, widths: Float[Array, " points"]) -> list[EdgeCoefficients]:
    """Edges from the bottom site to the layer's face and across it; a salt's share of their resistance is its own."""
    kappa = layer.ionic_conductivity if layer.salt is None else jnp.asarray(jnp.inf)
    top = layer.top
    ends = _Ends(
        electronic_first=layer.electronic_contact_resistance,
        ionic_first=bottom.contact_resistance,
        top=0.0 if top is None else top.contact_resistance,
        first={"film": bottom, "bottom_left": 1.0},
        last={"film": layer.separator_film, "branch": top, "top_right": 0.0 if top is None else 1.0},
    )
    return [*_stretch(widths, kappa, layer.electronic_conductivity, ends), _edge(through=1.0)]


class _Ends(NamedTuple):
    """What lies in the first edge of a stretch, at the collector, and in its last, beside half a volume [Ohm m2]."""

    electronic_first: Scalar | float = 0.0
    ionic_first: Scalar | float = 0.0
    top: Scalar | float = 0.0
    first: dict[str, Any] = {}  # noqa: RUF012
    last: dict[str, Any] = {}  # noqa: RUF012


def _stretch(widths: Float[Array, " points"], kappa: Scalar, sigma: Scalar, ends: _Ends) -> list[EdgeCoefficients]:
    """Edges from the node at a collector through volumes of a mixed conductor to the node at its other face."""
    half_first, half_last = 0.5 * widths[0], 0.5 * widths[-1]
    first = _edge(
        resistance=half_first / kappa + half_first / sigma + ends.ionic_first + ends.electronic_first,
        electronic=half_first / sigma + ends.electronic_first,
        ionic=half_first / kappa + ends.ionic_first,
        **ends.first,
    )
    last = _edge(
        resistance=half_last / kappa + half_last / sigma + ends.top,
        electronic=half_last / sigma,
        top=ends.top,
        ionic=half_last / kappa,
        **ends.last,
    )
    spacing = 0.5 * (widths[1:] + widths[:-1])
    one = _edge(resistance=1.0 / kappa + 1.0 / sigma, electronic=1.0 / sigma, ionic=1.0 / kappa)
    every = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, spacing.shape), one)
    inner = every._replace(
        resistance=every.resistance * spacing,
        electronic_resistance=every.electronic_resistance * spacing,
        ionic_resistance=every.ionic_resistance * spacing,
    )
    return [first, inner, last]


def _edge(
    *,
    resistance: Scalar | None = None,
    electronic: Scalar | float = 0.0,
    top: Scalar | float = 0.0,
    through: float = 0.0,
    ionic: Scalar | float = 0.0,
    bottom_left: float = 0.0,
    top_right: float = 0.0,
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
        bottom_left,
        0.0,
        0.0,
        top_right,
        *(_film(film) or (0.0, 0.0, 1.0)),
        *(_film(branch) or (0.0, 0.0, 1.0)),
    )
    return EdgeCoefficients(*(jnp.reshape(strong_float64(number), (1,)) for number in numbers))


def _film(part: Interface | Film | None) -> tuple[Scalar, Scalar, Scalar | float] | None:
    """Resistance, capacitance and exponent of a film, None where there is none."""
    if isinstance(part, Interface):
        own = part.film_resistance, part.film_capacitance, part.film_exponent
    else:
        own = (None,) * 3 if part is None else (part.resistance, part.capacitance, part.exponent)
    resistance, capacitance, exponent = own
    if resistance is None or capacitance is None:
        return None
    return resistance, capacitance, 1.0 if exponent is None else exponent


def _elements(part: Interface | Film | None) -> int:
    """Of a film in time."""
    if _film(part) is None:
        return 0
    exponent = part.film_exponent if isinstance(part, Interface) else getattr(part, "exponent", None)
    return 1 if exponent is None else ELEMENTS


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
    pores = layer.pores
    if pores is None:
        return _inert(0.0 * widths, potential, temperature)
    area, room = pores.specific_surface_area * widths, LITHIUM_MOLAR_VOLUME / (pores.porosity * widths)
    none = layer.thickness * 0.0
    own = {"lithium": none, "potential": potential, "temperature": temperature}
    return _site(pores, area, widths / layer.thickness, room, **own)


def _inert(like: Nodes, potential: Scalar, temperature: Scalar) -> NodeCoefficients:
    """Nodes on which nothing plates and which hold no charge."""
    nowhere = Pores(specific_surface_area=1.0)
    none, every = 0.0 * like, jnp.ones_like(like)
    return _site(nowhere, none, every, none, lithium=potential * 0.0, potential=potential, temperature=temperature)


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
