"""Where a full cell starts: open-circuit voltage, state of charge, and how much lithium there is for the cathode.

Everything here is a function of a cell, differentiable in it; a cell is never changed, a new one is returned.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxcell.cell.cathode import CompositeCathode
from jaxcell.cell.cell import Cell, Collector
from jaxcell.units import Scalar, is_traced, strong_float64

HALVINGS = 60
"""Of the stoichiometries between which the voltage lies: down to rounding."""
ROUNDING = 1e-9
"""Voltage [V] by which the ends of a window may be missed."""


def open_circuit_voltage(cell: Cell) -> Scalar:
    """What a voltmeter shows at the start [V], Battery Data Format sign.

    Potentials at equilibrium; that of a collector without lithium is its `initial_potential`, which is 0 (as if it held
    lithium) unless it was given.
    """
    return cell.plating_sign * (cell.working.initial_potential - cell.counter.initial_potential)


def at_voltage(cell: Cell, voltage: Any) -> Cell:
    """The cell with its cathode where the open-circuit voltage is `voltage` [V].

    Stoichiometry lies between the cathode's lowest and highest one (0 and 1 if they are not given), where its law or
    table holds (`OpenCircuitPotential.limits`).  If the law rises and falls in between, one of the places that fit is
    taken.  A voltage beyond, which is refused, gives NaN where values are traced.  Lithium of the other electrode stays
    as it was built: see `capacity_balance`.  A bare collector counts as lithium here, whatever its `initial_potential`.

    Raises:
        ValueError: the cell has no composite cathode, or the voltage lies outside what the cathode can have.
    """
    cathode = _cathode(cell, "at_voltage")
    (low, high), (first, last) = _window(cathode), cathode.open_circuit.limits
    low, high = jnp.maximum(low, first), jnp.minimum(high, last)
    return _starting_at(cell, _stoichiometry(cell, cathode, _number(voltage, "voltage", "V"), low, high, "voltage"))


def at_state_of_charge(cell: Cell, state_of_charge: Any) -> Cell:
    """The cell with its cathode at a state of charge [1]: 1 at the lowest stoichiometry, 0 at the highest.

    Beyond 0 to 1, which is refused, it gives NaN where values are traced.

    Raises:
        ValueError: the cell has no composite cathode, or `state_of_charge` is not between 0 and 1.
    """
    low, high = _window(_cathode(cell, "at_state_of_charge"))
    charge = _number(state_of_charge, "state_of_charge", "1")
    if not is_traced(charge) and not 0.0 <= float(charge) <= 1.0:
        raise ValueError(f"Argument state_of_charge must be at least 0 and at most 1 [1], but is {float(charge):g}.")
    return _starting_at(cell, _only_if((charge >= 0.0) & (charge <= 1.0), high - charge * (high - low)))


def with_voltage_window(cell: Cell, lower_voltage: Any, upper_voltage: Any) -> Cell:
    """The cell with the cathode's lowest and highest stoichiometry where its open-circuit voltage is `upper_voltage`
    and `lower_voltage` [V], so that capacity, C-rates and state of charge refer to that window.

    It lies where the cathode's law or table holds (`OpenCircuitPotential.limits`).  What is refused gives
    stoichiometries of NaN where values are traced.

    Raises:
        ValueError: the cell has no composite cathode, a voltage lies outside what the cathode can have, or
            `lower_voltage` is not below `upper_voltage`.
    """
    cathode = _cathode(cell, "with_voltage_window")
    lower, upper = _number(lower_voltage, "lower_voltage", "V"), _number(upper_voltage, "upper_voltage", "V")
    if not (is_traced(lower) or is_traced(upper)) and not float(lower) < float(upper):
        raise ValueError(
            f"Argument lower_voltage must be below upper_voltage ({float(upper):g} V), but is {float(lower):g} V."
        )
    first, last = cathode.open_circuit.limits
    high = _stoichiometry(cell, cathode, lower, first, last, "lower_voltage")
    low = _stoichiometry(cell, cathode, upper, first, last, "upper_voltage")
    low, high = (_only_if(lower < upper, end) for end in (low, high))
    return eqx.tree_at(
        lambda c: (c.counter.lowest_stoichiometry, c.counter.highest_stoichiometry),
        cell,
        (low, high),
        is_leaf=lambda x: x is None,
    )


class CapacityBalance(NamedTuple):
    """Lithium at hand for a cathode, per cell area."""

    cathode: Scalar
    """What the cathode takes up between its lowest and highest stoichiometry [mol m-2]."""
    charged: Scalar
    """Lithium of the other electrode once the cathode is at its lowest stoichiometry [mol m-2]."""
    excess: Scalar
    """What is left there once the cathode is full [mol m-2]: the reservoir that hides loss. 0 for a cell built without
    lithium beside that of a full cathode; below 0 the cathode cannot be filled."""

    @property
    def negative_to_positive(self) -> Scalar:
        """N/P ratio [1]: lithium of the charged cell's anode over the cathode's capacity; 1 without excess."""
        return self.charged / self.cathode


def capacity_balance(cell: Cell) -> CapacityBalance:
    """How the lithium of a cell's two electrodes compares, losses aside.

    Raises:
        ValueError: the cell has no composite cathode.
    """
    cathode = _cathode(cell, "capacity_balance")
    low, high = _window(cathode)
    anode, start = cell.working.initial_lithium, cathode.initial_stoichiometry
    return CapacityBalance(
        cathode=cathode.lithium_sites * (high - low),
        charged=anode + cathode.lithium_sites * (start - low),
        excess=anode + cathode.lithium_sites * (start - high),
    )


def _cathode(cell: Cell, owner: str) -> CompositeCathode:
    if not isinstance(cell, Cell):
        raise ValueError(f"{owner} needs a Cell, but got {type(cell).__name__}.")
    if not isinstance(cell.counter, CompositeCathode):
        raise ValueError(
            f"{owner} needs a cell whose counter electrode is a CompositeCathode, but it is "
            f"{type(cell.counter).__name__}."
        )
    return cell.counter


def _number(value: Any, argument: str, unit: str) -> Scalar:
    try:
        number = strong_float64(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Argument {argument} must be one number [{unit}], but is {value!r}.") from error
    if number.ndim != 0:
        raise ValueError(f"Argument {argument} must be one number [{unit}], but has shape {number.shape}.")
    return number


def _window(cathode: CompositeCathode) -> tuple[Scalar, Scalar]:
    low, high = cathode.lowest_stoichiometry, cathode.highest_stoichiometry
    return strong_float64(0.0 if low is None else low), strong_float64(1.0 if high is None else high)


def _only_if(holds: Array, value: Scalar) -> Scalar:
    """The value, with its derivatives, or NaN."""
    return value * jnp.where(holds, 1.0, jnp.nan)


def _starting_at(cell: Cell, stoichiometry: Scalar) -> Cell:
    return eqx.tree_at(lambda c: c.counter.initial_stoichiometry, cell, stoichiometry)


def _stoichiometry(
    cell: Cell, cathode: CompositeCathode, voltage: Scalar, low: Scalar, high: Scalar, argument: str
) -> Scalar:
    """Where the cell has this open-circuit voltage: halving, then one step of Newton, which carries derivatives."""

    # A bare collector counts as lithium: its own potential is gone with the first that plates.
    against = 0.0 if isinstance(cell.working, Collector) else cell.working.initial_potential

    def shown(x: Scalar) -> Scalar:
        return cathode.open_circuit(x) + against

    def excess(x: Scalar) -> Scalar:
        return shown(x) - voltage

    top, bottom = shown(low), shown(high)
    if not (is_traced(top) or is_traced(bottom) or is_traced(voltage)):
        _check_between(argument, float(voltage), float(bottom), float(top), low, high)

    def halve(_: Any, ends: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        middle = 0.5 * (ends[0] + ends[1])
        above = excess(middle) > 0.0
        return jnp.where(above, middle, ends[0]), jnp.where(above, ends[1], middle)

    left, right = jax.lax.fori_loop(0, HALVINGS, halve, (low, high))
    near = jax.lax.stop_gradient(0.5 * (left + right))
    inside = (bottom < top) & (voltage >= bottom - ROUNDING) & (voltage <= top + ROUNDING)
    return _only_if(inside, near - excess(near) / jax.lax.stop_gradient(jax.grad(cathode.open_circuit)(near)))


def _check_between(argument: str, voltage: float, lower: float, upper: float, low: Scalar, high: Scalar) -> None:
    if not np.isfinite(voltage):
        raise ValueError(f"Argument {argument} must be a finite number [V], but is {voltage:g} V.")
    if not lower < upper:
        raise ValueError(
            f"Argument {argument} cannot set the state of this cathode, whose open-circuit voltage does not fall from "
            f"stoichiometry {float(low):g} ({upper:.4g} V) to {float(high):g} ({lower:.4g} V); use at_state_of_charge."
        )
    if not lower - ROUNDING <= voltage <= upper + ROUNDING:
        raise ValueError(
            f"Argument {argument} must be at least {lower:.4g} and at most {upper:.4g} [V], the open-circuit voltage "
            f"from stoichiometry {float(high):.6g} to {float(low):.6g}, beyond which its window or law ends, but is "
            f"{voltage:g} V."
        )
