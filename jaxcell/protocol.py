"""What is done to a cell: steps of constant current and rests, or the replay of a measured current.

Currents at the terminal follow the Battery Data Format: positive charges the test object. Against lithium, plating the
working electrode is its discharge, so `plate` asks for a negative terminal current; `Cell.plating_sign` maps the one
onto the other.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxcell.component import Component, quantity, whole_number
from jaxcell.units import FARADAY, Quantity, from_ma_cm2, from_mah_cm2, is_traced, strong_float64


def _points(value: Any) -> int:
    return whole_number(value, "Step.points", least=1)


class Step(Component):
    """Constant current density for a time."""

    current_density: Quantity = quantity("A m-2")
    """At the terminal [A m-2]; positive charges the working electrode, zero rests."""
    duration: Quantity = quantity("s", above=0.0)
    points: int = eqx.field(static=True, default=50, converter=_points)
    """Times at which the solution is wanted: `points` equal intervals of the step."""


def rest(duration: Any, points: int = 20) -> Step:
    """No current for `duration` [s]."""
    return Step(0.0, duration, points)


def plate(current_density_ma_cm2: Any, capacity_mah_cm2: Any, points: int = 50) -> Step:
    """Plate the working electrode of a cell with a lithium counter: mA cm-2 (above zero), mAh cm-2."""
    return _half_cycle(-1.0, current_density_ma_cm2, capacity_mah_cm2, points)


def strip(current_density_ma_cm2: Any, capacity_mah_cm2: Any, points: int = 50) -> Step:
    """Strip the working electrode of a cell with a lithium counter: mA cm-2 (above zero), mAh cm-2."""
    return _half_cycle(1.0, current_density_ma_cm2, capacity_mah_cm2, points)


def _half_cycle(sign: float, current_density_ma_cm2: Any, capacity_mah_cm2: Any, points: int) -> Step:
    density = from_ma_cm2(strong_float64(current_density_ma_cm2))
    charge = from_mah_cm2(strong_float64(capacity_mah_cm2)) * FARADAY
    for name, value, given, unit in [
        ("current_density_ma_cm2", density, current_density_ma_cm2, "mA cm-2"),
        ("capacity_mah_cm2", charge, capacity_mah_cm2, "mAh cm-2"),
    ]:
        if not is_traced(value) and not (np.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} must be a finite number above 0 [{unit}], but is {given}.")
    return Step(sign * density, charge / density, points)


class Protocol(eqx.Module):
    """Intervals of constant terminal current; the solution is given at the end of each.

    Build it from steps with `Protocol.of(...)`, or from a measured current with `replay`.
    """

    duration: Float[Array, " intervals"]
    """[s]"""
    current_density: Float[Array, " intervals"]
    """At the terminal [A m-2]."""
    jump: Bool[Array, " intervals"]
    """Whether the current changes at the interval's start by more than noise."""

    @classmethod
    def of(cls, *steps: Step, repeat: int = 1) -> "Protocol":
        """Steps one after the other, the whole sequence `repeat` times."""
        if not steps:
            raise ValueError("Protocol.of needs at least one step.")
        for step in steps:
            if not isinstance(step, Step):
                raise ValueError(f"Protocol.of takes steps, one argument each, but got {type(step).__name__}.")
        repeat = whole_number(repeat, "repeat", least=1)
        duration = jnp.concatenate([jnp.full(s.points, 1.0 / s.points) * s.duration for s in steps])
        current = jnp.concatenate([jnp.ones(s.points) * s.current_density for s in steps])
        starts = np.concatenate([np.arange(s.points) == 0 for s in steps])
        return cls(jnp.tile(duration, repeat), jnp.tile(current, repeat), jnp.asarray(np.tile(starts, repeat)))

    @property
    def time(self) -> Float[Array, " intervals"]:
        """Times [s] since the start at which the solution is given."""
        return jnp.cumsum(self.duration)


def replay(
    time: Sequence[float] | np.ndarray, current_density: Sequence[float] | np.ndarray, noise: float = 0.01
) -> Protocol:
    """A measured current: `current_density[j]` [A m-2] flows from `time[j-1]` to `time[j]` [s], j >= 1.

    Cyclers write a row at the end of the interval that its current belongs to. The solution is given at time[1:].
    Changes below `noise` times the largest current are not treated as jumps, which only affects the step grid.

    Raises ValueError unless both are one-dimensional, equally long, finite, and time increases.
    """
    t = np.asarray(time, dtype=np.float64)
    i = np.asarray(current_density, dtype=np.float64)
    if t.ndim != 1 or i.shape != t.shape or t.size < 2:
        raise ValueError(
            f"time and current_density must be one-dimensional and equally long with at least 2 rows, "
            f"but have shapes {t.shape} and {i.shape}."
        )
    for name, values, unit in (("time", t, "s"), ("current_density", i, "A m-2")):
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise ValueError(f"{name} must be finite [{unit}], but row {bad[0]} is {values[bad[0]]}.")
    backwards = np.flatnonzero(np.diff(t) <= 0)
    if backwards.size:
        row = int(backwards[0]) + 1
        raise ValueError(f"time must increase, but row {row} is {t[row]:g} s after {t[row - 1]:g} s.")
    flows = i[1:]
    largest = float(np.max(np.abs(flows)))
    change = np.abs(np.diff(flows, prepend=0.0))
    jump = change > noise * largest
    jump[0] = True
    return Protocol(jnp.asarray(np.diff(t)), jnp.asarray(flows), jnp.asarray(jump))
