"""Where a measured series goes next when no law for it is known: a line whose slope wanders."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from jaxcell.inference.forecast import Forecast

FEWEST = 6
"""Recorded values from which a trend can be told."""
_WANDER = np.geomspace(1e-2, 1e3, 41)
"""sqrt(q T) in units of range/T: standard change of the slope over the record, T its length."""
_SCATTER = np.geomspace(1e-4, 1.0, 41)
"""Noise in units of the range."""
_DIFFUSE = 1e8
"""Variance of level and slope before the first value, in the same units."""


def trend_forecast(time: Sequence[float] | np.ndarray, value: Sequence[float] | np.ndarray) -> Forecast:
    """95 % predictive intervals of the values after the last recorded one; NaN in `value` is not recorded.

    value_k = level(t_k) + noise,  d level = slope dt,  d slope = sqrt(q) dW

    (an integrated random walk, whose estimate is a cubic smoothing spline: Wahba, J. R. Stat. Soc. B 40 (1978) 364).
    q and the noise are averaged over their posterior, flat in the logarithms: between 0.01 and 1000 times the mean
    slope for the slope's change over the record, and 1e-4 and 1 times the range for the noise.  The interval is that of
    the next reading, noise included, and widens as (time ahead)^(3/2).  It knows no physics: a law that holds forecasts
    far more narrowly, one that does not misleads.

    `time` increases, in any unit.  The quantiles are in the unit of `value`, NaN up to the last recorded value.

    Raises ValueError for columns of different length, time that does not increase, infinite values, fewer than 6
    recorded values, or values that are all the same.
    """
    t, y = (np.asarray(column, dtype=np.float64) for column in (time, value))
    if t.ndim != 1 or t.shape != y.shape:
        raise ValueError(f"time and value must be one-dimensional and equally long, but are {t.shape} and {y.shape}.")
    if not (np.isfinite(t).all() and (np.diff(t) > 0.0).all()):
        raise ValueError("time must be finite and increase.")
    if np.isinf(y).any():
        raise ValueError(f"value must be finite, or NaN where not recorded, but row {int(np.isinf(y).argmax())} is not.")
    rows = np.flatnonzero(np.isfinite(y))
    if rows.size < FEWEST:
        raise ValueError(f"value must hold at least {FEWEST} recorded values, but holds {rows.size}.")
    size, length = float(np.ptp(y[rows])), float(t[rows[-1]] - t[rows[0]])
    if size == 0.0:
        raise ValueError(f"value must change, but every recorded value is {y[rows[0]]:g}.")
    centre = float(y[rows].mean())
    wander, noise = (grid.ravel() for grid in np.meshgrid(_WANDER**2, _SCATTER**2))
    weight, mean, variance = filtered((t - t[rows[0]]) / length, (y - centre) / size, wander, noise)
    low, median, high = (np.full(t.shape, np.nan) for _ in range(3))
    for row in range(rows[-1] + 1, t.size):
        found = [_quantile(share, weight, mean[row], variance[row]) for share in (0.025, 0.5, 0.975)]
        low[row], median[row], high[row] = centre + size * np.asarray(found)
    return Forecast(low, median, high)


def filtered(
    time: Float[np.ndarray, " rows"],
    value: Float[np.ndarray, " rows"],
    wander: Float[np.ndarray, " pairs"],
    noise: Float[np.ndarray, " pairs"],
) -> tuple[Float[np.ndarray, " pairs"], Float[np.ndarray, "rows pairs"], Float[np.ndarray, "rows pairs"]]:
    """For pairs of q (`wander`) and variance (`noise`): their weights by likelihood, adding up to one, and mean and
    variance of every reading given the recorded ones before it, by Kalman's filter from a diffuse start."""
    level, slope = np.zeros_like(wander), np.zeros_like(wander)
    p11, p12, p22 = np.full_like(wander, _DIFFUSE), np.zeros_like(wander), np.full_like(wander, _DIFFUSE)
    log, seen = np.zeros_like(wander), 0
    means, variances = [], []
    for row, step in enumerate(np.diff(time, prepend=time[:1])):
        level = level + step * slope
        p11 = p11 + 2.0 * step * p12 + step**2 * p22 + wander * step**3 / 3.0
        p12 = p12 + step * p22 + wander * step**2 / 2.0
        p22 = p22 + wander * step
        spread = p11 + noise
        means.append(level)
        variances.append(spread)
        if np.isnan(value[row]):
            continue
        off = value[row] - level
        seen += 1
        if seen > 2:  # two values only fix level and slope
            log = log - 0.5 * (np.log(spread) + off**2 / spread)
        gain1, gain2 = p11 / spread, p12 / spread
        level, slope = level + gain1 * off, slope + gain2 * off
        p11, p12, p22 = gain1 * noise, gain2 * noise, p22 - gain2 * p12
    weight = np.exp(log - log.max())
    return weight / weight.sum(), np.stack(means), np.stack(variances)


def _quantile(share: float, weight: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> float:
    """Of a mixture of normals, by bisection."""
    sd = np.sqrt(variance)
    kept = weight > 0.0
    low, high = float((mean - 40.0 * sd)[kept].min()), float((mean + 40.0 * sd)[kept].max())
    for _ in range(200):
        middle = 0.5 * (low + high)
        below = float(np.sum(weight * ndtr((middle - mean) / sd)))
        low, high = (middle, high) if below < share else (low, middle)
    return 0.5 * (low + high)
