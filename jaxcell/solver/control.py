"""What holds the current of a cell, and what ends a step."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.solver.schedule import CURRENT, NO_STOP, POWER, VOLTAGE, Control, Schedule, Stops
from jaxcell.solver.system import ChainSystem, State
from jaxcell.units import Counter, Flag, Scalar

MET, MET_AT_LEAST = 1e-3, 1e-6
"""A power counts as met within this part of it, or this many W m-2."""


def control_error(system: ChainSystem, control: Control, state: State, current: Scalar) -> Scalar:
    """Zero where the control is met: I - I0 [A m-2], E - E0 [V] or E I - P0 [W m-2].

    Of the two currents at which a cell takes a power, the run follows the one it came from, in practice the smaller.
    """
    voltage = system.voltage(state, current)
    held = jnp.where(control.mode == CURRENT, current, jnp.where(control.mode == VOLTAGE, voltage, voltage * current))
    return held - control.target


def control_is_met(system: ChainSystem, control: Control, state: State, current: Scalar) -> Flag:
    """Whether a solved stage has the power it was asked for; currents and voltages are met by the solving.

    A cell at E = E(0) + I dE/dI delivers at most E(0)^2/(4 dE/dI): beyond, there is no current to be found.
    """
    missing = jnp.abs(control_error(system, control, state, current))
    return (control.mode != POWER) | (missing <= MET * jnp.abs(control.target) + MET_AT_LEAST)


def starting_current(system: ChainSystem, control: Control, state: State, current: Scalar) -> Scalar:
    """Current at which the control is met while double layers and films have not moved yet; a first guess without them.

    At given fields E is affine in I, E = E(0) + I dE/dI, so a voltage gives I at once; a power gives the root of
    I E(0) + I^2 dE/dI = P that goes to zero with it, found from I = P/E by one Newton step more.
    """
    rest, slope = jax.jvp(lambda i: system.voltage(state, i), (0.0 * current,), (jnp.ones_like(current),))
    by_voltage = (control.target - rest) / jnp.where(slope == 0.0, 1.0, slope)
    by_voltage = jnp.where(slope == 0.0, current, by_voltage)
    voltage = jnp.where(rest == 0.0, 1.0, rest)
    by_power = control.target / voltage
    by_power = (control.target + slope * by_power**2) / (voltage + 2.0 * slope * by_power)
    return jnp.where(control.mode == CURRENT, control.target, jnp.where(control.mode == VOLTAGE, by_voltage, by_power))


def current_to_begin_with(
    system: ChainSystem, schedule: Schedule, control: Control, state: State, before: Scalar, jumps: Flag
) -> Scalar:
    """The current of a step, or a guess of it where it is controlled: the one before, unless the control jumps."""
    if not schedule.controlled:
        return control.target
    fresh = starting_current(system, control, state, before)
    return jnp.where(jumps | (control.mode == CURRENT), fresh, before)


def excesses(stops: Stops, voltage: Scalar, current: Scalar, charge: Scalar) -> Float[Array, " stops"]:
    """How far each stop is passed [V, V, share of the current, of the charge]; zero where it ends the step."""
    some = stops.current_below > 0.0
    limited = jnp.isfinite(stops.charge)
    fallen = 1.0 - jnp.abs(current) / jnp.where(some, stops.current_below, 1.0)
    passed = jnp.abs(charge) / jnp.where(limited, stops.charge, 1.0) - 1.0
    return jnp.stack(
        [
            voltage - stops.voltage_above,
            stops.voltage_below - voltage,
            jnp.where(some, fallen, -jnp.inf),
            jnp.where(limited, passed, -jnp.inf),
        ]
    )


def excess(which: Counter, stops: Stops, voltage: Scalar, current: Scalar, charge: Scalar) -> Scalar:
    """How far one stop is passed; zero for `NO_STOP`."""
    every = excesses(stops, voltage, current, charge)
    chosen = which != NO_STOP
    # Selected from finite numbers only: the derivative of an infinite one is NaN, chosen or not.
    own = jnp.where((jnp.arange(every.shape[0]) == which) & chosen, jnp.where(jnp.isfinite(every), every, 0.0), 0.0)
    return jnp.sum(own)
