"""What is designed: a cell, what its layer is mixed of, how it is cycled, and what it weighs."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp

from jaxcell.cell import Cell, CompositeCathode, Filler, ProtectionLayer, StackMasses, composite_layer
from jaxcell.component import Component, part, quantity, whole_number
from jaxcell.protocol import CRate, Current, Power, Protocol, Step, Voltage, parse_step
from jaxcell.simulation import Solution, simulate
from jaxcell.solver.settings import Settings
from jaxcell.units import HOUR, Quantity, Scalar

DESIGN_SETTINGS = Settings(rtol=1e-6, atol=1e-6)
"""Tolerances of a run whose derivatives steer an optimiser: its numbers jump by far less than a step changes them."""
LONGEST = 1.1
"""Longest step of constant current or power against a cathode, in the times that its capacity takes."""
HIGHEST = 5.0
"""Voltage [V] at which a power is taken to pass that capacity, unless the step's own stop says another."""
_NUMBERS = {Current: "current_density", CRate: "rate", Voltage: "voltage", Power: "power_density"}


class LayerRecipe(Component):
    """What a layer is mixed of; conductivities and stores of the cell's layer follow from it, see `composite_layer`."""

    filler_fraction: Quantity = quantity("1", above=0.0, at_most=0.99)
    """phi [1] of the layer's volume."""
    polymer_conductivity: Quantity = quantity("S m-1", above=0.0)
    """For ions, of the polymer alone [S m-1]."""
    filler: Filler = part()
    medium: Literal["bruggeman", "maxwell"] = eqx.field(static=True, default="bruggeman")
    stores: bool = eqx.field(static=True, default=True)
    """Whether the filler takes up lithium."""

    def layer(self, own: ProtectionLayer) -> ProtectionLayer:
        """The mixed layer with thickness, sites, film and salt of `own`."""
        kept = ("top", "pores", "separator_film", "electronic_contact_resistance", "activation_energy", "salt")
        return composite_layer(
            own.thickness,
            self.filler_fraction,
            self.polymer_conductivity,
            self.filler,
            medium=self.medium,
            stores=self.stores,
            **{name: getattr(own, name) for name in kept},
        )


class DesignCase(eqx.Module):
    """A cell and one cycle of its use, as numbers that a design may choose.

    Paths of numbers: "cell.working.layer.thickness", "cell.working.lithium_thickness", "cell.stack_pressure",
    "recipe.filler_fraction", "steps[0].duration" ... and "drive[0]": what step 0 holds, current density [A m-2], C-rate
    [1/h], power [W m-2] (sizes, above zero) or voltage [V].  A step whose current is changed keeps its charge, not its
    duration.
    """

    cell: Cell
    steps: tuple[Step, ...]
    drive: tuple[Scalar, ...]
    drive_given: tuple[Scalar, ...]
    """With which the steps' durations were given."""
    recipe: LayerRecipe | None
    masses: StackMasses | None
    flows: tuple[bool, ...] = eqx.field(static=True)
    """Which steps hold a current or a power that is not zero."""
    repeat: int = eqx.field(static=True)
    rows: int = eqx.field(static=True)
    points: int = eqx.field(static=True)
    shells: int = eqx.field(static=True)
    settings: Settings = eqx.field(static=True)

    def __init__(
        self,
        cell: Cell,
        steps: Sequence[Step | str] = (),
        *,
        recipe: LayerRecipe | None = None,
        masses: StackMasses | None = None,
        repeat: int = 2,
        rows: int = 24,
        points: int = 20,
        shells: int = 16,
        settings: Settings = DESIGN_SETTINGS,
    ) -> None:
        """`steps` of one cycle, which is run `repeat` times: quantities are those of the last. `rows` of each step, in
        which energies at constant current are summed and extremes are looked for: equal parts of the step's longest
        duration, which for a current or power against a cathode is what its capacity takes, and a little more.
        Energies are exact where a power or voltage is held; at constant current 24 rows lack 7e-4 of a full discharge.
        A voltage that is held keeps its longest duration: after a charge the extremes lie at its start, a row; held
        from rest, the first moments, where the current peaks, lie within its first row and `top_margin` does not see
        them.  `points`, `shells`, `settings` as in `simulate`.

        Raises ValueError for a recipe without a layer, or a sentence that is not understood.
        """
        if not isinstance(cell, Cell):
            raise ValueError(f"DesignCase.cell must be a Cell, but is {type(cell).__name__}.")
        if recipe is not None and getattr(cell.working, "layer", None) is None:
            raise ValueError("DesignCase.recipe needs a cell whose working electrode has a layer, but it has none.")
        read = [parse_step(step) if isinstance(step, str) else step for step in steps]
        self.cell, self.recipe, self.masses = cell, recipe, masses
        self.rows = whole_number(rows, "rows", least=2)
        self.steps = tuple(dataclasses.replace(step, points=self.rows) for step in read)
        self.drive = tuple(_size(step) for step in self.steps)
        self.drive_given, self.flows = self.drive, tuple(_flows(step) for step in self.steps)
        self.repeat = whole_number(repeat, "repeat", least=1)
        self.points, self.shells = whole_number(points, "points", 1), whole_number(shells, "shells", 2)
        self.settings = settings

    @property
    def built(self) -> Cell:
        """The cell with the layer of the recipe."""
        if self.recipe is None:
            return self.cell
        own = self.cell.working.layer
        assert own is not None, "a recipe is refused without a layer"
        mixed = self.recipe.layer(own)
        return eqx.tree_at(lambda c: c.working.layer, self.cell, mixed, is_leaf=lambda x: x is None)

    @property
    def protocol(self) -> Protocol:
        """The cycle with the case's numbers, `repeat` times."""
        each = zip(self.steps, self.flows, self.drive, self.drive_given, strict=True)
        return Protocol.of([_driven(*one, self.cell) for one in each], repeat=self.repeat)

    def run(self) -> Solution:
        """The simulation; one that fails says so in its `status`."""
        return simulate(
            self.built, self.protocol, points=self.points, shells=self.shells, settings=self.settings, throw=False
        )


def _size(step: Step) -> Scalar:
    """What a step holds, without the sign of a current."""
    value = getattr(step.control, _NUMBERS[type(step.control)])
    return value if isinstance(step.control, Voltage) else jnp.abs(value)


def _flows(step: Step) -> bool:
    """Whether a step holds a current or a power that is not zero; needs concrete values."""
    return not isinstance(step.control, Voltage) and float(_size(step)) != 0.0


def _driven(step: Step, flows: bool, drive: Scalar, given: Scalar, cell: Cell) -> Step:
    """The step with another drive, and the charge that it had."""
    name = _NUMBERS[type(step.control)]
    value = getattr(step.control, name)
    control: Any = type(step.control)(drive if isinstance(step.control, Voltage) else jnp.sign(value) * drive)
    duration = step.duration
    if flows and not isinstance(step.control, Power):
        duration = duration * given / drive
    if flows and isinstance(cell.counter, CompositeCathode):
        # A cathode takes no more than its capacity: rows lie where something happens.
        duration = jnp.minimum(duration, LONGEST * _time_of_capacity(step, drive, cell))
    return Step(control, duration, step.until, step.points)


def _time_of_capacity(step: Step, drive: Scalar, cell: Cell) -> Scalar:
    """What the cathode's capacity takes [s], at the highest voltage if a power is held."""
    assert isinstance(cell.counter, CompositeCathode), "only a cathode has a capacity"
    if isinstance(step.control, Power):
        stop = None if step.until is None else step.until.voltage_above
        return (HIGHEST if stop is None else stop) * cell.counter.capacity / drive
    rated = cell.rated_capacity
    assert rated is not None, "a cathode has a capacity"
    return cell.counter.capacity / (drive * rated / HOUR if isinstance(step.control, CRate) else drive)
