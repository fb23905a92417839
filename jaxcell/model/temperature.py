"""A cell at another temperature."""

import dataclasses
from operator import attrgetter
from typing import Any

import equinox as eqx

from jaxcell.cell import Cell
from jaxcell.component import Component
from jaxcell.physics.arrhenius import arrhenius_factor
from jaxcell.units import Scalar


def at_temperature(cell: Cell, temperature: Scalar) -> Cell:
    """The cell with `temperature` [K] and the numbers that its thermally activated quantities have there.

    p(T) = p exp[(E/R)(1/T_ref - 1/T)] with T_ref the cell's reference temperature; resistances fall by the same factor.
    The result's activation energies are zero, so that a second call changes nothing.
    """
    activated = [(path, field) for path, field in _activated(cell, "") if attrgetter(path)(cell) is not None]
    values, energies = [], {}
    for path, field in activated:
        owner, _, _ = path.rpartition(".")
        energy = f"{owner}.{field.metadata['activation']}"
        factor = arrhenius_factor(attrgetter(energy)(cell), temperature, cell.reference_temperature)
        value = attrgetter(path)(cell)
        values.append(value / factor if field.metadata["falls"] else value * factor)
        energies[energy] = attrgetter(energy)(cell) * 0.0
    paths = [path for path, _ in activated] + list(energies) + ["temperature"]
    return eqx.tree_at(
        lambda one: [attrgetter(path)(one) for path in paths], cell, [*values, *energies.values(), temperature]
    )


def _activated(part: Component, prefix: str) -> list[tuple[str, dataclasses.Field[Any]]]:
    """Paths and fields of all quantities with an activation energy."""
    found: list[tuple[str, dataclasses.Field[Any]]] = []
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if isinstance(value, Component):
            found += _activated(value, f"{prefix}{field.name}.")
        elif field.metadata.get("activation"):
            found.append((prefix + field.name, field))
    return found
