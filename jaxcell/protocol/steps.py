"""One step of a protocol: a control, the longest time it is held, and what may end it earlier.

Lab units enter through the functions below (mA cm-2, mAh cm-2, mW cm-2); `Step` and `Until` are SI.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from jaxcell.component import Component, quantity, whole_number
from jaxcell.protocol.controls import Control, CRate, Current, Power, Voltage
from jaxcell.units import FARADAY, HOUR, Quantity, Scalar, from_ma_cm2, from_mah_cm2, is_traced, strong_float64

LONGEST = 24 * HOUR
"""Longest duration [s] of a step that only its stops end; at C-rates below C/12 `LONGEST_CAPACITIES` are longer."""
OPEN_ENDED = 288
"""Rows of a step that only its stops end: one every 5 minutes of `LONGEST`."""
MOST_POINTS = 1_000_000
"""Most rows of a step; each holds the whole state, a kilobyte and more."""
LONGEST_CAPACITIES = 2.0
"""Capacities [1] that a step of constant C-rate has time to pass where only its stops end it."""
_W_M2 = 10.0
"""W m-2 in one mW cm-2."""


class Until(Component):
    """What ends a step before its duration is over; the first that is reached wins."""

    voltage_above: Quantity | None = quantity("V", optional=True, default=None)
    """Terminal voltage reaches this value from below [V]."""
    voltage_below: Quantity | None = quantity("V", optional=True, default=None)
    """Terminal voltage reaches this value from above [V]."""
    current_below: Quantity | None = quantity("A m-2", above=0.0, optional=True, default=None)
    """The current, in either direction, has fallen to this density [A m-2]."""
    rate_below: Quantity | None = quantity("1/h", above=0.0, optional=True, default=None)
    """The same as a C-rate [1/h]; C/20 is 0.05."""
    charge: Quantity | None = quantity("C m-2", above=0.0, optional=True, default=None)
    """Charge passed since the step's start, in either direction [C m-2]; 1 mAh cm-2 is 36000 C m-2."""

    def __check_init__(self) -> None:
        if self.current_below is not None and self.rate_below is not None:
            raise ValueError("Until must have at most one of current_below and rate_below, but has both.")
        low, high = _known(self.voltage_below), _known(self.voltage_above)
        if low is not None and high is not None and low >= high:
            raise ValueError(f"Until.voltage_below must be below voltage_above ({high:g} V), but is {low:g} V.")

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the stops that are set."""
        return tuple(field.name for field in dataclasses.fields(self) if getattr(self, field.name) is not None)


def _points(value: Any) -> int:
    points = whole_number(value, "Step.points", least=1)
    if points > MOST_POINTS:
        raise ValueError(f"Step.points must be at most {MOST_POINTS}, but is {points}: ask for fewer rows.")
    return points


class Step(Component):
    """A control held for a time, or until a stop ends it."""

    control: Current | CRate | Voltage | Power
    duration: Quantity = quantity("s", above=0.0)
    """Longest duration [s]."""
    until: Until | None = None
    points: int = eqx.field(static=True, default=50, converter=_points)
    """Times at which the solution is wanted: `points` equal intervals of the longest duration."""

    def __check_init__(self) -> None:
        _check_stops(self.control, self.until)


def rest(duration_s: Any = None, points: int | None = None, *, until: Until | None = None) -> Step:
    """No current for `duration_s` [s]; a voltage stop may end it (after `LONGEST` at the latest)."""
    return ended("rest", Current(0.0), duration_s, until, points, usual=20)


def plate(
    current_density_ma_cm2: Any,
    capacity_mah_cm2: Any = None,
    points: int | None = None,
    *,
    until: Until | None = None,
    duration: Any = None,
) -> Step:
    """Plate the working electrode of a cell with a lithium counter: mA cm-2 (above zero), mAh cm-2, s.

    Against lithium this is discharge: terminal current and voltage are negative. At least one of `capacity_mah_cm2`,
    `duration` [s] and `until` ends it, whichever comes first; with stops alone it lasts `LONGEST` at most.
    """
    return _galvanostatic("plate", -1.0, current_density_ma_cm2, capacity_mah_cm2, duration, until, points)


def strip(
    current_density_ma_cm2: Any,
    capacity_mah_cm2: Any = None,
    points: int | None = None,
    *,
    until: Until | None = None,
    duration: Any = None,
) -> Step:
    """Strip the working electrode of a cell with a lithium counter, the reverse of `plate`: mA cm-2, mAh cm-2, s."""
    return _galvanostatic("strip", 1.0, current_density_ma_cm2, capacity_mah_cm2, duration, until, points)


def charge(
    current_density_ma_cm2: Any = None,
    capacity_mah_cm2: Any = None,
    points: int | None = None,
    *,
    c_rate: Any = None,
    power_density_mw_cm2: Any = None,
    until: Until | None = None,
    duration: Any = None,
) -> Step:
    """Charge at one of mA cm-2, C-rate [1/h] and mW cm-2 (each above zero).

    At least one of `capacity_mah_cm2`, `duration` [s] and `until` ends it, whichever comes first.
    """
    given = (current_density_ma_cm2, c_rate, power_density_mw_cm2)
    return _driven("charge", 1.0, given, capacity_mah_cm2, duration, until, points)


def discharge(
    current_density_ma_cm2: Any = None,
    capacity_mah_cm2: Any = None,
    points: int | None = None,
    *,
    c_rate: Any = None,
    power_density_mw_cm2: Any = None,
    until: Until | None = None,
    duration: Any = None,
) -> Step:
    """Discharge, the reverse of `charge`: all numbers are given above zero."""
    given = (current_density_ma_cm2, c_rate, power_density_mw_cm2)
    return _driven("discharge", -1.0, given, capacity_mah_cm2, duration, until, points)


def hold(voltage: Any, *, until: Until | None = None, duration: Any = None, points: int | None = None) -> Step:
    """Hold the terminal at `voltage` [V] for `duration` [s] or until the current has fallen or a charge has passed."""
    return ended("hold", Voltage(voltage), duration, until, points)


def ended(
    owner: str, control: Control, duration: Any, until: Until | None, points: int | None, usual: int = 50
) -> Step:
    """The step that lasts until the first of `duration` [s] and the stops.

    Without `points` it has the `usual` number of rows or, if only stops end it, `OPEN_ENDED` of them.

    A charge limit Q of a constant current I is no stop but a duration, Q/|I|. Raises ValueError, in the name of
    `owner`, if nothing ends the step.
    """
    _check_stops(control, until)
    if until is not None and not until.given:
        until = None
    times = [] if duration is None else [duration]
    if until is not None and until.charge is not None and isinstance(control, Current):
        times.append(until.charge / jnp.abs(control.current_density))
        until = dataclasses.replace(until, charge=None) if until.given != ("charge",) else None
    if not times and until is None:
        raise ValueError(f"{owner} must have an end, but has neither a duration [s] nor a stop.")
    if not times:
        times.append(_longest(control))
        usual = OPEN_ENDED
    shortest = times[0] if len(times) == 1 else _first(owner, *times)
    return Step(control, shortest, until, usual if points is None else points)


def from_mw_cm2(power_density: Any) -> Any:
    """W m-2 from mW cm-2."""
    return power_density * _W_M2


def _longest(control: Control) -> Scalar:
    """Duration [s] that no stop of an ordinary step needs."""
    longest = strong_float64(LONGEST)
    if isinstance(control, CRate):
        return jnp.maximum(longest, LONGEST_CAPACITIES * HOUR / jnp.abs(control.rate))
    return longest


def _first(owner: str, duration: Any, limit: Scalar) -> Scalar:
    """The earlier of a given duration and the one a charge limit sets."""
    return jnp.minimum(above_zero(f"{owner}: duration", duration, "s"), limit)


def _galvanostatic(
    owner: str, sign: float, density_ma_cm2: Any, capacity: Any, duration: Any, until: Until | None, points: int | None
) -> Step:
    density = above_zero("current_density_ma_cm2", density_ma_cm2, "mA cm-2")
    control = Current(sign * from_ma_cm2(density))
    return ended(owner, control, duration, _with_capacity(until, capacity), points)


def _driven(
    owner: str, sign: float, given: tuple, capacity: Any, duration: Any, until: Until | None, points: int | None
) -> Step:
    if sum(one is not None for one in given) != 1:
        raise ValueError(
            f"{owner} must have exactly one of current_density_ma_cm2 [mA cm-2], c_rate [1/h] and "
            f"power_density_mw_cm2 [mW cm-2], but has {sum(one is not None for one in given)}."
        )
    density, c_rate, power = given
    if density is not None:
        return _galvanostatic(owner, sign, density, capacity, duration, until, points)
    if c_rate is not None:
        control = CRate(sign * above_zero("c_rate", c_rate, "1/h"))
    else:
        control = Power(sign * from_mw_cm2(above_zero("power_density_mw_cm2", power, "mW cm-2")))
    return ended(owner, control, duration, _with_capacity(until, capacity), points)


def _with_capacity(until: Until | None, capacity_mah_cm2: Any) -> Until | None:
    if capacity_mah_cm2 is None:
        return until
    if until is not None and until.charge is not None:
        raise ValueError("A step must have at most one of capacity_mah_cm2 and until.charge, but has both.")
    capacity = above_zero("capacity_mah_cm2", capacity_mah_cm2, "mAh cm-2")
    return dataclasses.replace(until or Until(), charge=from_mah_cm2(capacity) * FARADAY)


def _check_stops(control: Control, until: Until | None) -> None:
    """Refuse stops that cannot end a step of this control."""
    given = () if until is None else until.given
    voltages = [name for name in given if name.startswith("voltage")]
    if isinstance(control, Voltage) and voltages:
        raise ValueError(f"Step.until must have no voltage stop while the voltage is held, but has {voltages[0]}.")
    currents = [name for name in given if name in ("current_below", "rate_below")]
    if isinstance(control, Current | CRate) and currents:
        raise ValueError(f"Step.until must have no current stop while the current is held, but has {currents[0]}.")
    if isinstance(control, Current) and _known(control.current_density) == 0.0 and "charge" in given:
        raise ValueError("Step.until must have no charge stop at rest, but has charge.")


def above_zero(name: str, given: Any, unit: str) -> Scalar:
    """`given` as a number, refused if it is known and not above zero."""
    try:
        value = strong_float64(given)
    except (TypeError, ValueError):
        value = None
    if value is not None and is_traced(value):
        return value
    if value is None or value.ndim or not (np.isfinite(value) and value > 0.0):
        raise ValueError(f"{name} must be a finite number above 0 [{unit}], but is {given!r}.")
    return value


def _known(value: Any) -> float | None:
    """The number, unless there is none or it is being transformed."""
    return None if value is None or is_traced(value) or np.ndim(value) else float(value)
