"""Numbers of a `DesignCase` that a design maximises, minimises or limits, by name."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.cell import Cell, energy_density_wh_l, specific_energy_wh_kg
from jaxcell.design.case import DesignCase
from jaxcell.energy import energy_passed
from jaxcell.ledger import Ledger, lithium_ledger, lithium_losses
from jaxcell.model import TOP, WORKING
from jaxcell.observables import total_area_specific_resistance
from jaxcell.onset import top_onset_current
from jaxcell.physics.nucleation import nucleation_barrier
from jaxcell.simulation import Solution
from jaxcell.units import FARADAY, Scalar

Values: TypeAlias = dict[str, Scalar]
KEPT = 0.8
"""Share of the capacity at which a cell's life ends."""
NO_LOSS = 1e-12
"""Loss per cycle [mol m-2] below which a life has no end that a run could tell."""


class Cycle(NamedTuple):
    """The last cycle of a run, row by row; rows that a stop skipped repeat the one before."""

    case: DesignCase
    cell: Cell
    solution: Solution
    ledger: Ledger
    rows: np.ndarray
    """Of the cycle; the row before it, in front, is where it begins (-1: the start)."""
    filled: Array
    """The last row with a result, of every row."""
    charge: Float[Array, " rows"]
    """That plated in each row of the cycle [C m-2], below zero where it stripped."""

    def at(self, change: Float[Array, " times"]) -> Float[Array, " rows"]:
        """A quantity that starts at 0, where the cycle begins and at each of its rows."""
        return jnp.concatenate([jnp.zeros(1), change[self.filled]])[self.rows + 1]

    def plated_until(self) -> Array:
        """Place of the last row that plates, counted as in `at`."""
        places = jnp.arange(1, self.charge.shape[0] + 1)
        return jnp.max(jnp.where(self.charge > 0.0, places, 0))

    @property
    def plated(self) -> Scalar:
        """[C m-2]."""
        return jnp.sum(jnp.maximum(self.charge, 0.0))

    @property
    def stripped(self) -> Scalar:
        """[C m-2]."""
        return jnp.sum(jnp.maximum(-self.charge, 0.0))


def last_cycle(case: DesignCase, solution: Solution) -> Cycle:
    """What `Cycle` holds, of a run of `case`."""
    count = len(case.steps) * case.rows
    total = count * case.repeat
    taken = jnp.isfinite(solution.voltage)
    filled = jax.lax.cummax(jnp.where(taken, jnp.arange(total), 0))
    rows = np.arange(total - count - 1, total)
    charge = case.cell.plating_sign * jnp.where(taken, solution.charge, 0.0)[-count:]
    return Cycle(case, case.built, solution, lithium_ledger(solution), rows, filled, charge)


def _gained(cycle: Cycle, site: str) -> Scalar:
    """Live lithium that the cycle's plating added at a site, or at all [mol m-2]."""
    names = [n for n in cycle.ledger.change if n.startswith("working, live") and n.endswith(site)]
    until = cycle.plated_until()
    added = [cycle.at(cycle.ledger.change[name]) for name in names]
    return sum((rows[until] - rows[0] for rows in added), jnp.zeros(()))


def _share(cycle: Cycle, site: str) -> Scalar:
    return _gained(cycle, site) / _gained(cycle, "")


def _loss(cycle: Cycle) -> Scalar:
    rows = [cycle.at(change) for change in lithium_losses(cycle.ledger).values()]
    return sum((change[-1] - change[0] for change in rows), jnp.zeros(()))


def _reservoir(cycle: Cycle) -> Scalar:
    """Live lithium left once the cycle's stripping is over [mol m-2]."""
    names = [n for n in cycle.ledger.change if n.startswith("working, live")]
    return sum((cycle.ledger.initial[n] + cycle.at(cycle.ledger.change[n])[-1] for n in names), jnp.zeros(()))


def cycle_life(capacity: Scalar, reservoir: Scalar, loss: Scalar, cycles: int) -> Scalar:
    """Cycles until `KEPT` of the capacity is left, each losing the same share of what it cycles.

    N = cycles run + reservoir/loss + ln(0.8)/ln(1 - loss/capacity): the reservoir hides loss until it is gone, then
    capacity falls geometrically.  mol m-2; an extrapolation of one cycle's loss, in which films that slow down and
    storage that fills up count as if they went on.
    """
    lost = jnp.maximum(loss, NO_LOSS)
    return cycles + reservoir / lost + jnp.log(KEPT) / jnp.log1p(-lost / capacity)


def _life(cycle: Cycle) -> Scalar:
    return cycle_life(cycle.stripped / FARADAY, _reservoir(cycle), _loss(cycle), cycle.case.repeat)


def _discharged(cycle: Cycle) -> Scalar:
    """Energy that the cycle gave [J m-2]."""
    passed = jnp.nan_to_num(energy_passed(cycle.solution))[cycle.rows[1:]]
    return jnp.sum(jnp.maximum(-passed, 0.0))


def _efficiency(cycle: Cycle) -> Scalar:
    passed = jnp.nan_to_num(energy_passed(cycle.solution))[cycle.rows[1:]]
    return _discharged(cycle) / jnp.sum(jnp.maximum(passed, 0.0))


def _per_mass(cycle: Cycle) -> Scalar:
    assert cycle.case.masses is not None, "case_quantities asks for masses"
    return specific_energy_wh_kg(cycle.cell, cycle.case.masses, _discharged(cycle))


def _per_volume(cycle: Cycle) -> Scalar:
    assert cycle.case.masses is not None, "case_quantities asks for masses"
    return energy_density_wh_l(cycle.cell, cycle.case.masses, _discharged(cycle))


def _top_margin(cycle: Cycle) -> Scalar:
    """Smallest barrier less overpotential at the top site while lithium plates [V]."""
    model = cycle.solution.model
    place = int(model.members(WORKING, TOP).argmax())
    nodes, state = model.nodes, cycle.solution.state
    lithium = nodes.initial_lithium[place] + state.node[:, 0, place]
    barrier = nucleation_barrier(lithium, nodes.nucleation_overpotential[place], nodes.nucleation_capacity[place])
    margin = (barrier - state.field[:, place])[cycle.filled][cycle.rows[1:]]
    return jnp.min(jnp.where(cycle.charge > 0.0, margin, jnp.inf))


def _charge_time(cycle: Cycle) -> Scalar:
    time = cycle.at(jnp.nan_to_num(cycle.solution.time))
    return jnp.sum(jnp.where(cycle.charge > 0.0, time[1:] - time[:-1], 0.0))


def _voltages(cycle: Cycle) -> Float[Array, " rows"]:
    """Of the cycle's rows with current."""
    return cycle.solution.voltage[cycle.filled][cycle.rows[1:]]


def _layer_thickness(cell: Cell) -> Scalar:
    return jnp.zeros(()) if cell.working.layer is None else cell.working.layer.thickness


STEADY: dict[str, tuple[str, Callable[[Cell], Scalar]]] = {
    "resistance": ("Ohm m2", total_area_specific_resistance),
    "top_onset_current": ("A m-2", top_onset_current),
    "layer_thickness": ("m", _layer_thickness),
}
"""Unit and function of a cell, without a run."""

CYCLED: dict[str, tuple[str, Callable[[Cycle], Scalar]]] = {
    "specific_energy": ("Wh kg-1", _per_mass),
    "energy_density": ("Wh l-1", _per_volume),
    "discharge_energy": ("J m-2", _discharged),
    "energy_efficiency": ("1", _efficiency),
    "capacity": ("C m-2", lambda cycle: cycle.stripped),
    "coulombic_efficiency": ("1", lambda cycle: cycle.stripped / cycle.plated),
    "charge_time": ("s", _charge_time),
    "bottom_fraction": ("1", lambda cycle: _share(cycle, "bottom")),
    "top_fraction": ("1", lambda cycle: _share(cycle, "top")),
    "top_margin": ("V", _top_margin),
    "loss_per_cycle": ("mol m-2", _loss),
    "cycle_life": ("1", _life),
    "highest_voltage": ("V", lambda cycle: jnp.max(_voltages(cycle))),
    "lowest_voltage": ("V", lambda cycle: jnp.min(_voltages(cycle))),
}
"""Unit and function of the last cycle of a run."""

_OF_TOP = ("top_fraction", "top_margin", "top_onset_current")
_WEIGHED = ("specific_energy", "energy_density")


def quantity_units(names: tuple[str, ...]) -> dict[str, str]:
    """SI unit of each quantity (Wh kg-1 and Wh l-1 for energies of a stack).

    Raises ValueError for a name that is not known.
    """
    known = STEADY | CYCLED
    for name in names:
        if name not in known:
            raise ValueError(f"A quantity of a design must be one of {', '.join(known)}, but is '{name}'.")
    return {name: known[name][0] for name in names}


def check_case(case: DesignCase, names: tuple[str, ...]) -> None:
    """Raises ValueError where the case lacks what a quantity needs: steps, masses, a layer with a top site."""
    quantity_units(names)
    for name in names:
        if name in CYCLED and not case.steps:
            raise ValueError(f"The quantity '{name}' needs a DesignCase with steps, but it has none.")
        if name in _WEIGHED and case.masses is None:
            raise ValueError(f"The quantity '{name}' needs DesignCase.masses (StackMasses), but they are None.")
        if name in _OF_TOP and getattr(getattr(case.cell.working, "layer", None), "top", None) is None:
            raise ValueError(f"The quantity '{name}' needs a layer with a top site, but the cell has none.")


def case_quantities(case: DesignCase, names: tuple[str, ...]) -> Values:
    """The quantities of a case; runs it only if one of them asks for a run, NaN where that fails.

    specific_energy, energy_density: what the last cycle's discharge gave, over mass and volume of the stack.
    charge_time: during which lithium plates.  bottom_fraction, top_fraction: shares of the live lithium that the
    cycle's plating added.  top_margin: smallest nucleation barrier less overpotential at the top site while lithium
    plates; where it passes 0 the top begins to plate and top_fraction jumps, so that an optimum is looked for with a
    limit on the margin, not on the fraction.  loss_per_cycle: of the working electrode, all channels.  cycle_life: see
    `cycle_life`.
    highest_voltage, lowest_voltage: among the cycle's rows.  top_onset_current, resistance: steady, see
    `jaxcell.top_onset_current`, `jaxcell.total_area_specific_resistance`.
    """
    check_case(case, names)
    cell = case.built
    found = {name: STEADY[name][1](cell) for name in names if name in STEADY}
    asked = [name for name in names if name in CYCLED]
    if asked:
        solution = case.run()
        cycle = last_cycle(case, solution)
        sound = jnp.where(solution.status == 0, 1.0, jnp.nan)
        found |= {name: sound * CYCLED[name][1](cycle) for name in asked}
    return found
