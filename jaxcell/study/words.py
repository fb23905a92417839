"""Sentences on misfit and lithium, from their numbers."""

from typing import Any

import numpy as np

from jaxcell.study.misfit import Misfit


def number(value: float | None) -> str:
    """Four significant digits; a dash where there is no number."""
    if value is None or not np.isfinite(value):
        return "-"
    return f"{value:.4g}"


def estimate(value: float, interval: list[float | None]) -> tuple[str, str]:
    """A value and its interval, with as many digits as tell the ends apart."""
    low, high = interval
    if low is None or high is None or not high > low or value == 0.0:
        return number(value), f"{number(low)} to {number(high)}"
    digits = int(np.clip(np.ceil(-np.log10((high - low) / abs(value))) + 2, 4, 9))
    return f"{value:.{digits}g}", f"{low:.{digits}g} to {high:.{digits}g}"


def duration(seconds: float) -> str:
    """A time in the unit a person would use."""
    for unit, size in (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3)):
        if seconds >= (2.0 if size > 1.0 else 1.0 - 1e-9) * size:
            return f"{seconds / size:.2g} {unit}" if seconds / size < 10 else f"{seconds / size:.0f} {unit}"
    return f"{seconds * 1e6:.3g} us"


def misfit_words(found: Misfit) -> list[str]:
    """How large the residuals are, where they are systematic, and that the model does not explain it."""
    ratio = found.rmse / found.noise
    size = f"rmse {number(1e6 * found.rmse)} uV against {number(1e6 * found.noise)} uV of noise in one sample"
    if not found.systematic:
        words = [f"{size}; neighbouring residuals are independent: the model explains the data to within their noise."]
        if ratio < 0.8:
            words.append(
                "The noise estimate is too large, most likely because the voltage bends between neighbouring rows; the "
                "intervals go by the size of the residuals."
            )
        return words
    rows = found.autocorrelation_time
    words = [
        f"{size} ({ratio:.2g} times). Residuals follow one another over about {rows:.0f} rows "
        f"({duration(rows * found.period)}): they are systematic. The intervals allow for their size, not "
        "for what causes them."
    ]
    words += _first(found)
    words += _drift(found) if found.drifts else _levels(found)
    words.append("The physics of this study does not explain it.")
    return words


def lithium_words(lithium: dict[str, Any]) -> list[str]:
    """The ledger in sentences."""
    words = []
    for name, row in lithium["rows"].items():
        if abs(row["start"]) + abs(row["end"]) > 1e-9:
            gain = row["end"] - row["start"]
            moved = abs(gain) > 1e-6 * lithium["gross_throughput"]
            change = f"{gain:+.3g} by the end" if moved else "the same at the end"
            words.append(f"{name}: {number(row['start'])} mAh cm-2 at the start, {change}.")
    halves = lithium.get("half_cycles")
    if halves:
        moved = [h["moved"] for h in halves]
        alike = np.ptp(moved) < 0.01 * max(moved)
        span = number(float(np.mean(moved))) if alike else f"{number(min(moved))} to {number(max(moved))}"
        count = f"{len(halves)} half-cycle{'s' if len(halves) > 1 else ''}"
        gross = number(lithium["gross_throughput"])
        words.append(f"{span} mAh cm-2 moved per half-cycle ({count}); {gross} mAh cm-2 passed in all, either way.")
    share = lithium.get("bottom_fraction")
    if share is not None:
        words.append(share["words"])
    imbalance = lithium["relative_imbalance"]
    if imbalance is not None:
        closes = f"to {imbalance:.0e} of" if imbalance > 1e-16 else "to rounding against"
        words.append(f"The balance closes {closes} the charge passed. {lithium['lost_means']}")
    return words + (lithium["loss"]["words"] if lithium["loss"] is not None else [])


def _first(found: Misfit) -> list[str]:
    if found.first is None:
        return []
    excess, rows, within = found.first
    if abs(excess) < 2.0 * found.noise / np.sqrt(rows):
        return []
    side = "more" if excess > 0 else "less"
    return [
        f"The first rows after a step of the current ({rows} rows, within {duration(within)}) polarise "
        f"{number(1e6 * abs(excess))} uV {side} than the model."
    ]


def _levels(found: Misfit) -> list[str]:
    means = [1e6 * s.mean for s in found.stretches]
    if not means:
        return []
    return [
        f"The mean excess polarisation of the {len(means)} stretches between steps of the current runs from "
        f"{number(min(means))} to {number(max(means))} uV."
    ]


def _drift(found: Misfit) -> list[str]:
    assert found.drift is not None, "a drift has a size"
    mean, error = found.drift
    used = [s for s in found.stretches if np.isfinite(s.early)]
    early, late = (float(np.mean([getattr(s, side) for s in used])) for side in ("early", "late"))
    sides = [f"{number(abs(1e6 * p))} uV {'above' if p > 0 else 'below'}" for p in (early, late)]
    verb = "rises" if mean > 0 else "falls"
    words = [
        f"The measured polarisation {verb} through each of the {len(used)} stretches between steps of the current, and "
        f"the model's does not: on average it lies {sides[0]} the model in the first {duration(found.duration / 6.0)} "
        f"and {sides[1]} in the second half, a change of {1e6 * mean:+.3g} uV (standard error {1e6 * error:.2g} uV)."
    ]
    if found.relaxation is not None:
        r = found.relaxation
        density = float(np.median([abs(s.current_density) for s in used]))
        size = f", {1e4 * abs(r.amplitude) / density:.2g} ohm cm2," if density > 0 else ""
        kind = "builds up" if r.amplitude > 0 else "decays"
        words.append(
            f"It looks like one process of {number(1e6 * abs(r.amplitude))} uV{size} that {kind} with a time constant "
            f"of {duration(r.time_constant)}; that alone is {100.0 * r.explained:.0f} % of the residuals' variance."
        )
    return words
