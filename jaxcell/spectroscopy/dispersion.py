"""What answers to a frequency otherwise than to time: constant-phase elements, and the separator's own capacitances.

Films with an exponent are here in closed form; a run has their distributed times as a row of elements.

A double layer of exponent alpha has the admittance j omega C (j omega/omega_0)^(alpha - 1), a film or a grain boundary
the impedance R/(1 + (j omega R C)^alpha), the separator's grains R/(1 + j omega eps_0 eps_r/kappa).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from jaxcell.cell import AlloyElectrode, Cell, CompositeCathode
from jaxcell.cell.dispersion import REFERENCE_FREQUENCY
from jaxcell.model import BOTTOM, COUNTER, PORE, TOP, ChainModel
from jaxcell.model.tables import PARTICLE
from jaxcell.model.temperature import at_temperature
from jaxcell.solver.system import Capacities
from jaxcell.units import VACUUM_PERMITTIVITY, Nodes, Scalar

Phasor = Complex[Array, ""]
REFERENCE = 2.0 * np.pi * REFERENCE_FREQUENCY
"""omega_0 [s-1]."""


class Exponents(NamedTuple):
    """Along the chain; None where there is nothing that could have one."""

    double_layer: Nodes | None
    edge: Float[Array, "l nodes"] | None
    """Of the films, a row for each edge state."""


def exponents_of(cell: Cell, model: ChainModel) -> Exponents:
    """Exponents of a cell's double layers and films, where the chain, which has one element a film, has them."""
    layers = [_double_layer(cell, side, kind) for side, kind in zip(model.sides, model.kinds, strict=True)]
    e = model.edges
    films = ((e.film_exponent, model.series_films), (e.branch_exponent, model.branch_films))
    rows = [exponent for exponent, there in films if there]
    return Exponents(
        None if all(exponent is None for exponent in layers) else _filled(layers),
        jnp.stack(rows) if rows else None,
    )


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
