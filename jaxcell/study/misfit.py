"""What the residuals say that their size does not: when after a step of the current the model is wrong, by how much.

Everything is told of the excess polarisation p = (V_measured - V_model) sign(I): above zero where the cell polarises
more than the model does, whichever way the current flows. At rest the sign counts as positive.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxcell.inference.autocorrelation import autocorrelation_time
from jaxcell.inference.report import FOLLOWING, LARGE
from jaxcell.io.dataset import FittedRows

Floats = NDArray[np.float64]

SYSTEMATIC = 2.0
"""A mean counts as systematic from this many standard errors on."""
_FIRST = 0.05
"""Rows sooner after a step than this fraction of the median sampling period are the first ones."""
_EARLY = 1.0 / 6.0
"""Early is the first sixth of a stretch, late its second half."""


@dataclass(frozen=True)
class Stretch:
    """The fitted rows between two steps or reversals of the current.

    Attributes:
        start: time of its first row [s].
        duration: from its step to its last row [s].
        current_density: mean [A m-2], positive charges.
        mean: mean excess polarisation [V].
        early, late: mean over the first sixth and the second half [V]; NaN in stretches of fewer than 8 rows.
        slope: of the straight line through it [V s-1]; NaN in stretches of fewer than 8 rows.
    """

    start: float
    duration: float
    current_density: float
    mean: float
    early: float
    late: float
    slope: float


@dataclass(frozen=True)
class Relaxation:
    """p = offset - amplitude exp(-t/tau) fitted to all stretches together.

    Attributes:
        amplitude: [V], above zero where the polarisation still rises; shares its sign with late minus early.
        time_constant: tau [s].
        explained: part of the residuals' variance that it explains [1].
    """

    amplitude: float
    time_constant: float
    explained: float


@dataclass(frozen=True)
class Misfit:
    """Size and shape of the residuals.

    Attributes:
        rmse, noise: root mean square residual and the standard deviation of one sample [V].
        autocorrelation_time: neighbouring residuals worth one [rows].
        period: median time between fitted rows [s].
        stretches: in order of time.
        first: mean excess of the first rows after a step [V], their number and their latest time [s]; None without any.
        drift: mean over the stretches of late minus early [V], with its standard error from their scatter.
        relaxation: of the drift, where it is systematic and has that shape.
        duration: median duration of the stretches [s].
    """

    rmse: float
    noise: float
    autocorrelation_time: float
    period: float
    stretches: tuple[Stretch, ...]
    first: tuple[float, int, float] | None
    drift: tuple[float, float] | None
    relaxation: Relaxation | None
    duration: float

    @property
    def systematic(self) -> bool:
        """Whether the residuals are more than the noise of single samples."""
        return self.rmse > LARGE * self.noise or self.autocorrelation_time > FOLLOWING

    @property
    def drifts(self) -> bool:
        """Whether late minus early has one sign in all stretches, beyond chance and above a quarter of the noise."""
        if self.drift is None:
            return False
        mean, error = self.drift
        return abs(mean) > SYSTEMATIC * error and abs(mean) > 0.25 * self.noise

    def to_dict(self) -> dict[str, Any]:
        """Plain values, voltages in uV."""
        first = None
        if self.first is not None:
            first = {"mean_uv": 1e6 * self.first[0], "rows": self.first[1], "within_s": self.first[2]}
        return {
            "rmse_uv": 1e6 * self.rmse,
            "noise_uv": 1e6 * self.noise,
            "systematic": self.systematic,
            "autocorrelation_time_rows": self.autocorrelation_time,
            "sampling_period_s": self.period,
            "first_rows_after_a_step": first,
            "late_minus_early_uv": None if self.drift is None else 1e6 * self.drift[0],
            "late_minus_early_standard_error_uv": None if self.drift is None else 1e6 * self.drift[1],
            "relaxation": None
            if self.relaxation is None
            else {
                "amplitude_uv": 1e6 * self.relaxation.amplitude,
                "time_constant_s": self.relaxation.time_constant,
                "explained_variance": self.relaxation.explained,
            },
            "half_cycles": [
                {
                    "start_s": s.start,
                    "duration_s": s.duration,
                    "current_density_ma_cm2": s.current_density / 10.0,
                    "mean_excess_polarisation_uv": 1e6 * s.mean,
                    "early_uv": 1e6 * s.early,
                    "late_uv": 1e6 * s.late,
                    "slope_uv_h": 3.6e9 * s.slope,
                }
                for s in self.stretches
            ],
        }


def misfit(rows: FittedRows, voltage: Floats) -> Misfit:
    """The misfit of a model's voltage [V], shape (intervals,), to the fitted rows."""
    data = rows.dataset
    segments = np.asarray(data.segments)
    fitted = segments >= 0
    residual = np.where(fitted, np.asarray(data.voltage) - voltage, 0.0)
    current = np.asarray(data.protocol.current_density)
    period = float(np.median(np.asarray(data.protocol.duration)[fitted]))
    p = residual * np.where(current < 0.0, -1.0, 1.0)
    since = rows.since_step
    first = fitted & (since < _FIRST * period)
    members = _stretches(fitted & ~first, since, segments)
    time = np.asarray(data.time)
    stretches = tuple(_stretch(p[k], since[k], time[k], current[k]) for k in members)
    durations = [s.duration for s in stretches]
    drift = _drift(stretches)
    result = Misfit(
        rmse=float(np.sqrt(np.mean(residual[fitted] ** 2))),
        noise=float(data.noise),
        autocorrelation_time=autocorrelation_time(residual, segments),
        period=period,
        stretches=stretches,
        first=(float(p[first].mean()), int(first.sum()), float(since[first].max())) if first.any() else None,
        drift=drift,
        relaxation=None,
        duration=float(np.median(durations)) if durations else 0.0,
    )
    if not result.drifts:
        return result
    long = [k for k in members if k.size >= 8]
    found = _relaxation([p[k] for k in long], [since[k] for k in long])
    return Misfit(**{**result.__dict__, "relaxation": found})


def _stretches(use: NDArray[np.bool_], since: Floats, segments: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    rows = np.flatnonzero(use)
    if not rows.size:
        return []
    new = (np.diff(since[rows]) <= 0.0) | (np.diff(segments[rows]) != 0)
    return np.split(rows, np.flatnonzero(new) + 1)


def _stretch(p: Floats, since: Floats, time: Floats, current: Floats) -> Stretch:
    end = float(since[-1])
    early, late = p[since <= _EARLY * end], p[since >= 0.5 * end]
    enough = p.size >= 8 and early.size > 0
    slope = float(np.polyfit(since, p, 1)[0]) if enough else np.nan
    return Stretch(
        start=float(time[0]),
        duration=end,
        current_density=float(current.mean()),
        mean=float(p.mean()),
        early=float(early.mean()) if enough else np.nan,
        late=float(late.mean()) if enough else np.nan,
        slope=slope,
    )


def _drift(stretches: tuple[Stretch, ...]) -> tuple[float, float] | None:
    change = np.array([s.late - s.early for s in stretches if np.isfinite(s.early)])
    if change.size < 2:
        return None
    return float(change.mean()), float(change.std(ddof=1) / np.sqrt(change.size))


def _relaxation(p: list[Floats], since: list[Floats]) -> Relaxation | None:
    """Least squares in amplitude and offset, scanned over the time constant; None if less than half is explained by it
    where it matters: a drift that no exponential describes."""
    values, t = np.concatenate(p), np.concatenate(since)
    spread = float(np.sum((values - values.mean()) ** 2))
    best = None
    for tau in np.geomspace(float(t.max()) / 200.0, float(t.max()), 120):
        design = np.stack([np.ones_like(t), -np.exp(-t / tau)], axis=1)
        solution, *_ = np.linalg.lstsq(design, values, rcond=None)
        left = float(np.sum((values - design @ solution) ** 2))
        if best is None or left < best[0]:
            best = (left, float(solution[1]), float(tau))
    if best is None or not spread > 0.0:
        return None
    explained = 1.0 - best[0] / spread
    return Relaxation(best[1], best[2], explained) if explained > 0.1 else None
