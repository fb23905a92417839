"""Numbers of the laws along a chain, from the parts of a cell (at one temperature).

Both electrodes are laid end to end, working first, each from its bottom to the separator; the separator's salt follows.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.cell import (
    BinarySalt,
    Cell,
    Collector,
    Film,
    Interface,
    LithiumElectrode,
    MarcusHushChidseyKinetics,
    Pores,
    ProtectionLayer,
    Separator,
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
from jaxcell.model.tables import (
    BOTTOM,
    PORE,
    SALT,
    SEPARATOR,
    TOP,
    Coefficients,
    EdgeCoefficients,
    NodeCoefficients,
    SaltCoefficients,
    Structure,
)
from jaxcell.units import (
    FARADAY,
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
    losses: LossCoefficients
    structure: Structure


def coefficients_of(cell: Cell, points: int) -> tuple[Coefficients, Structure]:
    """Numbers and structure of a cell's chain, each protection layer resolved by `points` finite volumes."""
    electrodes = (cell.working, cell.counter)
    around = Surroundings(cell.stack_pressure, present_losses(electrodes))
    sides = [_electrode(one, points, cell.temperature, around, side) for side, one in enumerate(electrodes)]
    salt = None
    if cell.separator.salt is not None:
        salt, stretch = _salt_stretch(cell.separator, cell.separator.salt, cell.temperature, points, around)
        sides.append(stretch)
    nodes, edges, losses = (join([side[i] for side in sides]) for i in range(3))
    coefficients = Coefficients(
        nodes=nodes,
        edges=edges,
        losses=losses,
        f=inverse_thermal_voltage(cell.temperature),
        separator_resistance=cell.separator.resistance if salt is None else cell.separator.series_resistance,
        salt=salt,
        short=cell.separator.short,
        heat=cell.heat_balance,
    )
    structures = [side.structure for side in sides]
    return coefficients, Structure(
        kinds=tuple(kind for one in structures for kind in one.kinds),
        sides=tuple(side for one in structures for side in one.sides),
        forms=tuple(forms for one in structures for forms in one.forms),
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


def _salt_stretch(
    separator: Separator, salt: BinarySalt, temperature: Scalar, points: int, around: Surroundings
) -> tuple[SaltCoefficients, _Side]:
    """Nodes of a salt, as a stretch of the chain of its own.

    With w = (c/c0 - 1) RT/F for a field, G = D dc/dx - (1 - t+) I/F for a flux and no anions through either face,
    eps F c0 (F/RT) h dw/dt = F (G_m - G_(m-1)) is the balance of a node, linear and of neighbours only: the stretch
    shares nothing with the electrodes but the current.
    """
    widths = graded_widths(separator.thickness, points)
    per_volt = inverse_thermal_voltage(temperature)
    amount = salt.porosity * salt.concentration * widths
    # Nodes without a surface, which only store.
    nodes = _site(
        Pores(specific_surface_area=1.0),
        0.0 * widths,
        jnp.ones_like(widths),
        0.0 * widths,
        lithium=separator.thickness * 0.0,
        potential=separator.thickness * 0.0,
        temperature=temperature,
    )._replace(capacitance=FARADAY * amount * per_volt)
    conductance = FARADAY * salt.diffusivity * salt.concentration * per_volt
    inner = _edge(resistance=1.0 / conductance, dragged=salt.transference_number - 1.0)
    spacing = 0.5 * (widths[1:] + widths[:-1])
    between = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, spacing.shape), inner)
    between = between._replace(resistance=between.resistance * spacing)
    coefficients = SaltCoefficients(
        widths=widths,
        amount=amount,
        conductivity=separator.ionic_conductivity,
        conductivity_exponent=salt.conductivity_exponent,
        transference_number=salt.transference_number,
        thermodynamic_factor=salt.thermodynamic_factor,
        gradient=(1.0 - salt.transference_number) / (FARADAY * salt.diffusivity * salt.concentration),
        per_volt=per_volt,
    )
    structure = Structure(
        (SALT,) * points, (SEPARATOR,) * points, (frozenset(),) * points, False, branch_films=False, marcus=False
    )
    return coefficients, _Side(nodes, join([between, _edge()]), losses_of(None, nodes.area, around), structure)


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
    dragged: Scalar | float = 0.0,
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
        dragged,
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
