"""A measurement in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jaxcell.io._arrays import shown
from jaxcell.io.kinds import Kind

if TYPE_CHECKING:
    from jaxcell.io.measurement import Measurement
    from jaxcell.io.spectrum import Spectrum

_MOST_LINES = 12


def describe(measurement: Measurement) -> str:
    """The text of `Measurement.summary`."""
    m = measurement
    lines = [_origin(m), _rows(m), _times(m), _voltages(m), _currents(m), _geometry(m)]
    lines += _half_cycles(m)
    lines += _spectra(m)
    lines += ["notices: none"] if not m.notices else ["notices:", *(f"  - {n}" for n in m.notices)]
    return "\n".join(line for line in lines if line)


def current_levels(measurement: Measurement) -> tuple[float, ...]:
    """The distinct currents of the cycling rows [A]: medians over each step, to 3 digits, ascending."""
    m = measurement
    cycling = np.flatnonzero(m.kind == Kind.CYCLING)
    if not cycling.size:
        return ()
    new = (np.diff(m.step[cycling]) != 0) | (np.diff(m.cycle[cycling]) != 0)
    new |= np.diff(np.sign(m.current[cycling])) != 0
    medians = [np.median(m.current[rows]) for rows in np.split(cycling, np.flatnonzero(new) + 1)]
    return tuple(sorted({float(f"{value:.2e}") for value in medians}))


def _origin(m: Measurement) -> str:
    p = m.provenance
    parts = [p.format]
    if p.technique:
        parts.append(p.technique)
    if p.size:
        parts.append(f"{p.size} bytes")
    if p.sha256:
        parts.append(f"sha256 {p.sha256[:12]}")
    steps = f"\nsteps: {shown(p.step_techniques)}" if p.step_techniques else ""
    return f"{p.name} ({', '.join(parts)}){steps}"


def _rows(m: Measurement) -> str:
    counts = ", ".join(f"{int((m.kind == k).sum())} {k.name.lower()}" for k in Kind)
    return f"rows: {len(m)} ({counts}); cycles: {len(np.unique(m.cycle))}; steps: {len(np.unique(m.step))}"


def _times(m: Measurement) -> str:
    period = np.diff(m.time)
    return (
        f"time: {m.time[0]:.6g} s to {m.time[-1]:.6g} s ({(m.time[-1] - m.time[0]) / 3600:.4g} h); "
        f"sample period: median {np.median(period):.4g} s, from {period.min():.3g} s to {period.max():.4g} s"
    )


def _voltages(m: Measurement) -> str:
    if np.isnan(m.voltage).all():
        return "voltage: not recorded"
    rows = m.kind == Kind.CYCLING
    text = f"voltage: {m.voltage.min():.6g} V to {m.voltage.max():.6g} V"
    if rows.any() and not rows.all():
        text += f"; while cycling {m.voltage[rows].min():.6g} V to {m.voltage[rows].max():.6g} V"
    return text


def _currents(m: Measurement) -> str:
    levels = current_levels(m)
    if np.isnan(m.current).all():
        return "current: not recorded"
    if not levels:
        return "current levels while cycling: none"
    words = [f"{level:.3g} A" for level in levels]
    return f"current levels while cycling (positive charges): {shown(words, _MOST_LINES)}"


def _geometry(m: Measurement) -> str:
    area = "area: not given" if m.area is None else f"area: {m.area:.6g} m2 ({m.area * 1e4:.6g} cm2)"
    return area if m.thickness is None else f"{area}; thickness: {m.thickness:.6g} m"


def _half_cycles(m: Measurement) -> list[str]:
    halves = m.half_cycles()
    lines = [f"half-cycles: {len(halves)}"]
    for h in halves[:_MOST_LINES]:
        direction = "charge" if h.current > 0 else "discharge"
        lines.append(
            f"  {h.index}: cycle {h.cycle}, {direction}, {h.rows} rows, {h.end - h.start:.6g} s, "
            f"{h.current:.4g} A, {h.charge:.4g} C, {h.voltage_first:.4g} V to {h.voltage_last:.4g} V"
        )
    if len(halves) > _MOST_LINES:
        lines.append(f"  and {len(halves) - _MOST_LINES} more")
    return lines


def _spectra(m: Measurement) -> list[str]:
    lines = [f"spectra: {len(m.spectra)}"]
    for s in m.spectra[:_MOST_LINES]:
        lines.append(
            f"  {s.index}: {len(s)} points, {s.frequency.max():.4g} Hz to {s.frequency.min():.4g} Hz, "
            f"from {s.time[0]:.6g} s, {_bias(s)}"
        )
    if len(m.spectra) > _MOST_LINES:
        lines.append(f"  and {len(m.spectra) - _MOST_LINES} more")
    return lines


def _bias(s: Spectrum) -> str:
    parts = [] if s.bias_current is None else [f"{s.bias_current:.3g} A"]
    parts += [] if s.bias_voltage is None else [f"{s.bias_voltage:.4g} V"]
    return f"bias {' at '.join(parts)}" if parts else "bias not recorded"
