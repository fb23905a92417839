"""A protocol on a cell: terminal quantities in the Battery Data Format's signs become the model's schedule."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.cell import Cell
from jaxcell.protocol import Protocol
from jaxcell.solver.schedule import CURRENT, VOLTAGE, Control, Schedule, Stops
from jaxcell.units import HOUR, is_traced


def schedule_of(protocol: Protocol, cell: Cell) -> Schedule:
    """The schedule that this cell follows.

    With s = `cell.plating_sign`: I = s I_term and E = s V, so E I is the terminal's power, and an upper limit of V is a
    lower one of E where s = -1.  C-rates are currents of `cell.rated_capacity`.  A charge at constant current is a
    time, and needs no stop.
    """
    sign = cell.plating_sign
    capacity = cell.rated_capacity
    per_rate = jnp.asarray(1.0) if capacity is None else capacity / HOUR
    value = jnp.where(protocol.value_is_rate, protocol.value * per_rate, protocol.value)
    fallen = jnp.where(protocol.current_below_is_rate, protocol.current_below * per_rate, protocol.current_below)
    signed = jnp.where(protocol.mode <= VOLTAGE, sign * value, value)
    above, below = protocol.voltage_above, protocol.voltage_below
    if sign < 0.0:
        above, below = -below, -above
    duration, charge = _charge_as_time(protocol, value)
    return Schedule(
        duration=duration,
        control=Control(protocol.mode, signed),
        jump=protocol.jump,
        stops=Stops(above, below, fallen, charge),
        next_step=jnp.cumsum(jnp.zeros_like(protocol.step).at[protocol.step].add(1))[protocol.step],
        controlled=protocol.controlled,
        stopped=protocol.stopped,
    )


def check_rates(protocol: Protocol, cell: Cell) -> None:
    """Refuse C-rates for a cell that says nothing of its capacity."""
    if protocol.rated and cell.rated_capacity is None:
        which = "a protocol step"
        if not is_traced(protocol.value_is_rate):
            rates = np.asarray(protocol.value_is_rate) | np.asarray(protocol.current_below_is_rate)
            which = f"protocol step {int(np.asarray(protocol.step)[np.argmax(rates)])}"
        raise ValueError(
            f"{which} is given as a C-rate, so cell.nominal_capacity must be a number [C m-2] "
            f"(1 mAh cm-2 is 36000 C m-2) or the cell must have a composite cathode, but it is None."
        )


def _charge_as_time(
    protocol: Protocol, value: Float[Array, " intervals"]
) -> tuple[Float[Array, " intervals"], Float[Array, " intervals"]]:
    """Durations, and the charges that stay stops."""
    steps = protocol.step
    count = steps.shape[0]
    longest = jnp.zeros(count).at[steps].add(protocol.duration)[steps]
    flows = (protocol.mode == CURRENT) & jnp.isfinite(protocol.charge) & (value != 0.0)
    charge = jnp.where(flows, protocol.charge, 1.0)
    time = charge / jnp.where(flows, jnp.abs(value), 1.0)
    share = jnp.where(flows, jnp.minimum(1.0, time / longest), 1.0)
    return protocol.duration * share, jnp.where(flows, jnp.inf, protocol.charge)
