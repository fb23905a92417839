"""From a cell to its chain."""

import jax.numpy as jnp

from jaxcell.cell import AlloyElectrode, Cell
from jaxcell.model.chain import ChainModel
from jaxcell.model.coefficients import coefficients_of
from jaxcell.model.surrounded import Surrounded
from jaxcell.model.tables import BOTTOM, COUNTER, SEPARATOR, TOP, WORKING
from jaxcell.model.temperature import at_temperature
from jaxcell.physics.constant_phase import ELEMENTS


def assemble(cell: Cell, points: int = 20, shells: int = 16, film_elements: int = ELEMENTS) -> ChainModel:
    """The chain of a cell.

    `points`: finite volumes of a layer with sites inside or a salt, of a separator's salt and of a cathode each;
    `shells`: of each particle; `film_elements`: most R || C of a film with an exponent, one where its law is met
    otherwise.
    """
    coefficients, structure = coefficients_of(at_temperature(cell, cell.temperature), points, shells, film_elements)
    sides, kinds = structure.sides, structure.kinds
    beside = zip(sides, (*sides[1:], None), (None, *sides[:-1]), kinds, strict=True)
    # Lithium in an alloy grows no filaments.
    metal = {
        side: not isinstance(one, AlloyElectrode) for side, one in ((WORKING, cell.working), (COUNTER, cell.counter))
    }
    faces = [
        kind in (BOTTOM, TOP) and SEPARATOR in (after, before) and metal[side] for side, after, before, kind in beside
    ]
    return ChainModel(
        coefficients=coefficients,
        surrounded=None if cell.heat_balance is None else Surrounded(cell, points, shells, film_elements),
        faces=jnp.asarray(faces, dtype=jnp.float64),
        kinds=kinds,
        sides=sides,
        forms=structure.forms,
        series_films=structure.series_films,
        branch_films=structure.branch_films,
        marcus=structure.marcus,
    )
