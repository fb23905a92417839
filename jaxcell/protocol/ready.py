"""Protocols that laboratories use by name."""

from collections.abc import Sequence
from typing import Any, Literal

from jaxcell.component import whole_number
from jaxcell.protocol.protocol import Protocol
from jaxcell.protocol.steps import Step, Until, above_zero, charge, discharge, hold, plate, rest, strip
from jaxcell.units import FARADAY, from_ma_cm2, from_mah_cm2, is_traced, strong_float64

_MARGIN = 1.5
"""Longest final strip, as a multiple of the time that all of the plated lithium takes."""


def symmetric_cycling(
    current_density_ma_cm2: Any,
    capacity_mah_cm2: Any,
    cycles: int,
    rest_s: Any = 0.0,
    first: Literal["plate", "strip"] = "plate",
    points: int = 50,
) -> Protocol:
    """Galvanostatic cycling of Li|Li: the same capacity to and fro, `cycles` times.

    mA cm-2, mAh cm-2; `rest_s` [s] after each half cycle (none at zero). `first` is what the working electrode does
    first.
    """
    steps = _cycle(current_density_ma_cm2, capacity_mah_cm2, None, rest_s, first, points)
    return Protocol.of(steps, repeat=whole_number(cycles, "cycles", least=1))


def critical_current_ramp(
    start_ma_cm2: Any,
    stop_ma_cm2: Any,
    increments: int,
    *,
    capacity_mah_cm2: Any = None,
    half_cycle_s: Any = None,
    cycles_per_current: int = 1,
    rest_s: Any = 0.0,
    first: Literal["plate", "strip"] = "plate",
    voltage_limit: Any = None,
    points: int = 50,
) -> Protocol:
    """Li|Li cycled at ever higher current, to find the critical current density at which it fails.

    The current rises in `increments` equal increments from `start_ma_cm2` to `stop_ma_cm2` [mA cm-2], so that there are
    increments + 1 currents, each for `cycles_per_current` cycles. Half cycles pass the same capacity
    (`capacity_mah_cm2` [mAh cm-2]) or last the same time (`half_cycle_s` [s]), one of the two: the result depends on
    it. `voltage_limit` [V] ends a half cycle whose voltage reaches it in either direction. Both ways of ramping:
    Y. Lu et al., Adv. Funct. Mater. 31 (2021) 2009925.
    """
    if (capacity_mah_cm2 is None) == (half_cycle_s is None):
        raise ValueError("critical_current_ramp must have one of capacity_mah_cm2 [mAh cm-2] and half_cycle_s [s].")
    increments = whole_number(increments, "increments", least=1)
    cycles = whole_number(cycles_per_current, "cycles_per_current", least=1)
    start, stop = (
        above_zero(name, value, "mA cm-2")
        for name, value in (("start_ma_cm2", start_ma_cm2), ("stop_ma_cm2", stop_ma_cm2))
    )
    steps = []
    for k in range(increments + 1):
        current = start + (stop - start) * (k / increments)
        steps += _cycle(current, capacity_mah_cm2, half_cycle_s, rest_s, first, points, voltage_limit) * cycles
    return Protocol.of(steps)


def aurbach_coulombic_efficiency(
    current_density_ma_cm2: Any,
    reservoir_mah_cm2: Any = 5.0,
    cycled_mah_cm2: Any = 1.0,
    cycles: int = 10,
    cutoff_voltage: Any = 1.0,
    *,
    conditioning: bool = True,
    rest_s: Any = 0.0,
    points: int = 50,
) -> Protocol:
    """Average coulombic efficiency of lithium on a bare collector against lithium.

    A reservoir Q_T is plated, a part Q_C of it stripped and plated again n times, and what is left stripped up to
    `cutoff_voltage` [V], which returns Q_S:

        CE = (n Q_C + Q_S)/(n Q_C + Q_T)

    The reservoir method is that of D. Aurbach, Y. Gofer, J. Langzam, J. Electrochem. Soc. 136 (1989) 3198. With
    `conditioning`, Q_T is plated and stripped to the cut-off once before: B. D. Adams, J. Zheng, X. Ren, W. Xu,
    J.-G. Zhang, Adv. Energy Mater. 8 (2018) 1702097, whose capacities (5 and 1 mAh cm-2) and n = 10 are the defaults.
    `rest_s` [s] follows each half cycle.
    """
    n = whole_number(cycles, "cycles", least=1)
    reservoir = above_zero("reservoir_mah_cm2", reservoir_mah_cm2, "mAh cm-2")
    cycled = above_zero("cycled_mah_cm2", cycled_mah_cm2, "mAh cm-2")
    density = above_zero("current_density_ma_cm2", current_density_ma_cm2, "mA cm-2")
    if not is_traced(reservoir) and not is_traced(cycled) and cycled > reservoir:
        raise ValueError(
            f"cycled_mah_cm2 must be at most reservoir_mah_cm2 ({reservoir:g} mAh cm-2), but is {cycled:g} mAh cm-2."
        )
    pause = _pause(rest_s)
    fill = [plate(density, reservoir, points), *pause]
    take = [strip(density, cycled, points), *pause]
    give_back = [plate(density, cycled, points), *pause]
    # A collector cannot return more than it was given: the voltage ends this well before its duration is over.
    time = from_mah_cm2(reservoir) * FARADAY / from_ma_cm2(density)
    until = Until(voltage_above=cutoff_voltage)
    empty = [strip(density, points=points, until=until, duration=_MARGIN * time)]
    first = [*fill, *empty, *pause] if conditioning else []
    return Protocol.of(first, fill, [*take, *give_back] * n, empty)


def anode_free_cycling(
    upper_voltage: Any,
    lower_voltage: Any,
    cycles: int,
    *,
    c_rate: Any = None,
    current_density_ma_cm2: Any = None,
    hold_until: Until | None = None,
    rest_s: Any = 0.0,
    points: int | None = None,
) -> Protocol:
    """Cycling of a full cell that is built without lithium on the anode: charge first, which plates the collector.

    Between `lower_voltage` and `upper_voltage` [V] at one of `c_rate` [1/h] and `current_density_ma_cm2` [mA cm-2].
    `hold_until` adds a hold at the upper voltage after each charge (CC-CV), say `Until(rate_below=0.05)`. `rest_s` [s]
    follows each charge and discharge.
    """
    drive = {"c_rate": c_rate, "points": points}
    pause = _pause(rest_s)
    Until(voltage_above=upper_voltage, voltage_below=lower_voltage)  # refuses a window without a width
    up = charge(current_density_ma_cm2, until=Until(voltage_above=upper_voltage), **drive)
    top = [] if hold_until is None else [hold(upper_voltage, until=hold_until, points=points)]
    down = discharge(current_density_ma_cm2, until=Until(voltage_below=lower_voltage), **drive)
    return Protocol.of(up, top, pause, down, pause, repeat=whole_number(cycles, "cycles", least=1))


def calendar_rest(
    duration_s: Any, *, after: Step | str | Sequence[Step | str] | None = None, points: int = 50
) -> Protocol:
    """Ageing on the shelf: no current for `duration_s` [s], after the step or steps that set the state of charge."""
    return Protocol.of([] if after is None else [after], rest(duration_s, points))


def _cycle(
    current: Any, capacity: Any, duration: Any, rest_s: Any, first: str, points: int, voltage_limit: Any = None
) -> list[Step]:
    """Plate and strip, in the order asked for, each followed by the rest."""
    if first not in ("plate", "strip"):
        raise ValueError(f"first must be 'plate' or 'strip', but is {first!r}.")
    low, high = None, None
    if voltage_limit is not None:
        limit = above_zero("voltage_limit", voltage_limit, "V")
        low, high = Until(voltage_below=-limit), Until(voltage_above=limit)
    pause = _pause(rest_s)
    plating = [plate(current, capacity, points, until=low, duration=duration), *pause]
    stripping = [strip(current, capacity, points, until=high, duration=duration), *pause]
    return [*plating, *stripping] if first == "plate" else [*stripping, *plating]


def _pause(rest_s: Any) -> list[Step]:
    """A rest, or nothing where it would last no time."""
    time = strong_float64(rest_s)
    return [] if not is_traced(time) and time == 0.0 else [rest(time)]
