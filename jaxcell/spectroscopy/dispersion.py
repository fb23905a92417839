"""What answers to a frequency otherwise than to time: constant-phase elements, and the separator's own capacitances.

Films with an exponent are here in closed form; a run has their distributed times as a row of elements.

A double layer of exponent alpha has the admittance j omega C (j omega/omega_0)^(alpha - 1), a film or a grain boundary
the impedance R/(1 + (j omega R C)^alpha), the separator's grains R/(1 + j omega eps_0 eps_r/kappa).
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from jaxcell.cell import AlloyElectrode, Cell, CompositeCathode
from jaxcell.cell.dispersion import REFERENCE_FREQUENCY
from jaxcell.model import BOTTOM, COUNTER, PORE, TOP, WORKING, ChainModel
from jaxcell.model.tables import PARTICLE
from jaxcell.model.temperature import at_temperature
from jaxcell.solver.system import Capacities
from jaxcell.units import VACUUM_PERMITTIVITY, Nodes, Scalar

Phasor = Complex[Array, ""]
REFERENCE = 2.0 * np.pi * REFERENCE_FREQUENCY
"""omega_0 [s-1]."""


class Exponents(NamedTuple):
    """Along the chain; None where all of them are 1."""

    double_layer: Nodes | None
    edge: Float[Array, "l nodes"] | None
    """Of the films, a row for each edge state."""


def exponents_of(cell: Cell, model: ChainModel) -> Exponents:
    """Exponents of a cell's double layers and films, where the chain has them."""
    places = list(zip(model.sides, model.kinds, strict=True))
    layers = [_double_layer(cell, side, kind) for side, kind in places]
    series: list[Scalar | None] = [None] * len(places)
    branch = list(series)
    # The edge at the collector, and the last one before the separator.
    last = (model.sides.count(WORKING) - 2, model.sides.index(COUNTER))
    for electrode, near, face in zip((cell.working, cell.counter), (0, -2), last, strict=True):
        if isinstance(electrode, CompositeCathode):
            continue
        series[near] = electrode.interface.film_exponent
        if electrode.layer is not None:
            film, top = electrode.layer.separator_film, electrode.layer.top
            series[face] = None if film is None else film.exponent
            branch[face] = None if top is None else top.film_exponent
    rows = [row for row, there in ((series, model.series_films), (branch, model.branch_films)) if there]
    none = all(exponent is None for row in rows for exponent in row)
    return Exponents(
        None if all(exponent is None for exponent in layers) else _filled(layers),
        None if none else jnp.stack([_filled(row) for row in rows]),
    )


def without_film_exponents(cell: Cell) -> Cell:
    """The cell with one R || C for each film, to which `exponents_of` gives what it lacks."""
    count = len(_film_exponents(cell))
    return eqx.tree_at(_film_exponents, cell, [None] * count) if count else cell


def _film_exponents(cell: Cell) -> list[Any]:
    """Those that are given."""
    found = []
    for electrode in (cell.working, cell.counter):
        if isinstance(electrode, CompositeCathode | AlloyElectrode):
            continue
        found.append(electrode.interface.film_exponent)
        if electrode.layer is not None:
            film, top = electrode.layer.separator_film, electrode.layer.top
            found += [None if film is None else film.exponent, None if top is None else top.film_exponent]
    return [one for one in found if one is not None]


def _filled(exponents: list[Scalar | None]) -> Nodes:
    return jnp.stack([jnp.ones(()) if one is None else one for one in exponents])


def _double_layer(cell: Cell, side: int, kind: int) -> Scalar | None:
    electrode = cell.counter if side == COUNTER else cell.working
    if isinstance(electrode, CompositeCathode):
        return electrode.double_layer_exponent if kind == PARTICLE else None
    layer = None if isinstance(electrode, AlloyElectrode) else electrode.layer
    inside = {} if layer is None else {PORE: layer.pores, TOP: layer.top}
    site = ({BOTTOM: electrode.interface} | inside).get(kind)
    return None if site is None else site.double_layer_exponent


def phasor(omega: Scalar) -> Phasor:
    """j omega."""
    return jax.lax.complex(0.0 * omega, omega)


def capacities_at(own: Capacities, exponents: Exponents, omega: Scalar) -> Capacities:
    """The mass matrix at an angular frequency [s-1], complex."""
    field, edge = as_complex((own.field, own.edge))
    if exponents.double_layer is not None:
        field = field * _power(jnp.full_like(own.field, omega / REFERENCE), exponents.double_layer - 1.0)
    if exponents.edge is not None:
        edge = edge * _power(omega * own.edge, exponents.edge - 1.0)
    return as_complex(own)._replace(field=field, edge=edge)


def as_complex(tree):
    """The same numbers, complex."""
    return jax.tree.map(lambda leaf: leaf.astype(jnp.complex128), tree)


def _power(number: Array, exponent: Array) -> Array:
    """(j number)^exponent; 1 where the number is 0."""
    some = number > 0.0
    size = jnp.exp(exponent * jnp.log(jnp.where(some, number, 1.0)))
    angle = 0.5 * np.pi * exponent
    return jnp.where(some, jax.lax.complex(size * jnp.cos(angle), size * jnp.sin(angle)), 1.0)


class Bulk(NamedTuple):
    """What the whole ionic current of the separator crosses: its grains, and their boundaries."""

    resistance: Float[Array, "2"]
    """Of the grains (the electrolyte, where it has no salt), and of their boundaries."""
    relaxation: Float[Array, "2"]
    """R C [s]."""
    exponent: Float[Array, "2"]


def bulk_of(cell: Cell, temperature: Scalar) -> Bulk:
    """At a temperature [K]."""
    own = at_temperature(cell, temperature).separator
    none, boundary, permittivity = own.thickness * 0.0, own.grain_boundary, own.relative_permittivity
    grains = none if own.salt is not None else own.thickness / own.ionic_conductivity
    relaxation = none if permittivity is None else VACUUM_PERMITTIVITY * permittivity / own.ionic_conductivity
    if boundary is None:
        return Bulk(jnp.stack([grains, none]), jnp.stack([relaxation, none]), jnp.ones(2))
    return Bulk(
        jnp.stack([grains, boundary.resistance]),
        jnp.stack([relaxation, boundary.resistance * boundary.capacitance]),
        jnp.stack([none + 1.0, boundary.exponent]),
    )


def bulk_share(bulk: Bulk, omega: Scalar) -> Complex[Array, "2"]:
    """Z/R at an angular frequency [s-1], of grains and boundaries: 1/(1 + (j omega R C)^alpha)."""
    relaxing = bulk.relaxation > 0.0
    ratio = 1.0 / (1.0 + _power(omega * bulk.relaxation, bulk.exponent))
    return jnp.where(relaxing, ratio, 1.0)
