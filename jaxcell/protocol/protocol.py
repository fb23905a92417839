"""A protocol as arrays: what the integrator is asked to do, interval by interval.

Currents at the terminal follow the Battery Data Format: positive charges the test object. Against lithium, plating the
working electrode is its discharge, so `plate` asks for a negative terminal current; `Cell.plating_sign` maps the one
onto the other.
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxcell.component import whole_number
from jaxcell.protocol.controls import Control, CRate, Current, Power, Voltage
from jaxcell.protocol.steps import Step, Until, ended
from jaxcell.protocol.text import parse_step
from jaxcell.solver import schedule
from jaxcell.units import is_traced, strong_float64


class Mode(IntEnum):
    """What an interval holds constant at the terminal."""

    CURRENT = schedule.CURRENT
    VOLTAGE = schedule.VOLTAGE
    POWER = schedule.POWER


class Protocol(eqx.Module):
    """Intervals of constant control; the solution is given at the end of each.

    Build it from steps with `Protocol.of(...)`, or from a measured current with `replay`.
    """

    duration: Float[Array, " intervals"]
    """Longest duration [s]; a stop can end an interval earlier."""
    mode: Int[Array, " intervals"]
    """A `Mode`."""
    value: Float[Array, " intervals"]
    """Terminal current density [A m-2], voltage [V] or power density [W m-2]; a C-rate [1/h] if `value_is_rate`."""
    value_is_rate: Bool[Array, " intervals"]
    jump: Bool[Array, " intervals"]
    """Whether the control changes at the interval's start by more than noise."""
    step: Int[Array, " intervals"]
    """Number of the step, counted through all repeats. A stop skips what is left of its step."""
    voltage_above: Float[Array, " intervals"]
    """The step ends when the terminal voltage reaches this from below [V]; +inf for never."""
    voltage_below: Float[Array, " intervals"]
    """The step ends when the terminal voltage reaches this from above [V]; -inf for never."""
    current_below: Float[Array, " intervals"]
    """The step ends when |I| has fallen to this [A m-2] (C-rate [1/h] if `current_below_is_rate`); 0 for never."""
    current_below_is_rate: Bool[Array, " intervals"]
    charge: Float[Array, " intervals"]
    """The step ends when this charge has passed since its start, in either direction [C m-2]; +inf for never."""
    controlled: bool = eqx.field(static=True)
    """Whether any step holds something else than a current."""
    stopped: bool = eqx.field(static=True)
    """Whether any step has a stop."""
    rated: bool = eqx.field(static=True)
    """Whether any number is a C-rate, which only a cell with a capacity can follow."""

    @classmethod
    def of(cls, *steps: Any, repeat: int = 1) -> "Protocol":
        """Steps one after the other, the whole sequence `repeat` times.

        A step is a `Step`, a sentence ("Strip at 1 mA/cm2 until 1 V", see `parse_step`) or a sequence of steps:
        `Protocol.of([plate(1.0, 1.0), strip(1.0, 1.0)] * 3, rest(60.0))`.
        """
        read: dict[str, Step] = {}
        sequence = list(_flat(steps, read)) * whole_number(repeat, "repeat", least=1)
        if not sequence:
            raise ValueError("Protocol.of needs at least one step.")
        # Each step is laid out once, however often it is repeated.
        distinct = {id(step): step for step in sequence}
        place = {key: k for k, key in enumerate(distinct)}
        resolved = [ended("Step", s.control, s.duration, s.until, s.points) for s in distinct.values()]
        rows = [_row(step) for step in resolved]
        order = np.array([place[id(step)] for step in sequence])
        points = np.array([step.points for step in resolved])[order]
        which = np.repeat(order, points)
        starts = np.zeros(which.size, dtype=bool)
        starts[np.cumsum(points) - points] = True
        return cls(
            **{name: _spread([getattr(row, name) for row in rows], which) for name in _Row._fields},
            jump=jnp.asarray(starts),
            step=jnp.asarray(np.repeat(np.arange(order.size), points)),
            controlled=any(row.mode != Mode.CURRENT for row in rows),
            stopped=any(step.until is not None for step in resolved),
            rated=any(row.value_is_rate or row.current_below_is_rate for row in rows),
        )

    @classmethod
    def of_currents(
        cls,
        duration: Float[Array, " intervals"],
        current_density: Float[Array, " intervals"],
        jump: Bool[Array, " intervals"],
    ) -> "Protocol":
        """One step that follows a given current: s, terminal A m-2, and whether it jumps at an interval's start."""
        number = jnp.zeros(duration.shape, dtype=jnp.int64)
        false, never = jnp.zeros(duration.shape, dtype=bool), jnp.full(duration.shape, strong_float64(jnp.inf))
        return cls(
            duration=duration,
            mode=number,
            value=current_density,
            value_is_rate=false,
            jump=jump,
            step=number,
            voltage_above=never,
            voltage_below=-never,
            current_below=jnp.zeros(duration.shape),
            current_below_is_rate=false,
            charge=never,
            controlled=False,
            stopped=False,
            rated=False,
        )

    @property
    def time(self) -> Float[Array, " intervals"]:
        """Times [s] since the start at which the solution is given, if no stop ends a step."""
        return jnp.cumsum(self.duration)

    @property
    def current_density(self) -> Float[Array, " intervals"]:
        """At the terminal [A m-2]; NaN where the protocol alone does not tell it."""
        told = (self.mode == int(Mode.CURRENT)) & ~self.value_is_rate
        return jnp.where(told, self.value, jnp.nan)


class _Row(NamedTuple):
    """The intervals of one step, which are alike. Numbers may be traced; modes and flags are not."""

    duration: Any
    mode: int
    value: Any
    value_is_rate: bool
    voltage_above: Any
    voltage_below: Any
    current_below: Any
    current_below_is_rate: bool
    charge: Any


def _row(step: Step) -> _Row:
    until = step.until or Until()
    mode, value = _mode_and_value(step.control)
    is_rate = until.rate_below is not None
    return _Row(
        duration=step.duration * (1.0 / step.points),
        mode=int(mode),
        value=value,
        value_is_rate=isinstance(step.control, CRate),
        voltage_above=np.inf if until.voltage_above is None else until.voltage_above,
        voltage_below=-np.inf if until.voltage_below is None else until.voltage_below,
        current_below=until.rate_below if is_rate else 0.0 if until.current_below is None else until.current_below,
        current_below_is_rate=is_rate,
        charge=np.inf if until.charge is None else until.charge,
    )


def _mode_and_value(control: Control) -> tuple[Mode, Any]:
    match control:
        case Current():
            return Mode.CURRENT, control.current_density
        case CRate():
            return Mode.CURRENT, control.rate
        case Voltage():
            return Mode.VOLTAGE, control.voltage
        case Power():
            return Mode.POWER, control.power_density


def _spread(values: list[Any], which: np.ndarray) -> Array:
    """`values[k]` in every interval whose step is `which` = k; traced only where a value is."""
    if any(is_traced(value) for value in values):
        return jnp.stack([strong_float64(value) for value in values])[which]
    return jnp.asarray(np.array([np.asarray(value) for value in values])[which])


def _flat(steps: Sequence[Any], read: dict[str, Step]) -> Iterator[Step]:
    """The steps of nested sequences; `read` remembers sentences, so that a repeated one is one step."""
    for step in steps:
        if isinstance(step, Step):
            yield step
        elif isinstance(step, str):
            if step not in read:
                read[step] = parse_step(step)
            yield read[step]
        elif isinstance(step, list | tuple):
            yield from _flat(step, read)
        else:
            raise ValueError(f"Protocol.of takes steps, sentences or sequences of them, but got {type(step).__name__}.")
