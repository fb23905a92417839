"""Where a measured series goes next: by a law that is linear in its numbers, or, without one, along a line whose slope
wanders."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, stdtrit

from jaxcell.inference.forecast import Forecast

FEWEST = 6
"""Recorded values from which a trend can be told."""
_WANDER = np.geomspace(1e-2, 1e3, 31)
"""sqrt(q T) in units of range/T: standard change of the slope over the record, T its length."""
_SCATTER = np.geomspace(1e-4, 1.0, 31)
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
    rows = _recorded(y, FEWEST)
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


def law_forecast(
    terms: Sequence[Sequence[float]] | Float[np.ndarray, "rows terms"], value: Sequence[float] | np.ndarray
) -> Forecast:
    """95 % predictive intervals by least squares of value = terms . numbers + noise; NaN in `value` is not recorded.

    A column of ones and one of sqrt(t), say, for growth by diffusion.  With n recorded values, p terms, their matrix X
    and the residuals' variance s^2 = |residuals|^2/(n - p), the next reading at x has the standard deviation
    s sqrt(1 + x (X^T X)^-1 x^T), times Student's quantile of n - p degrees of freedom.  Exact for a law that holds and
    independent noise; what the law leaves out is in no interval.

    `terms` has one row a value.  The quantiles are in the unit of `value`, NaN up to the last recorded one.

    Raises ValueError for lengths that differ, terms or values that are not finite, fewer recorded values than two more
    than there are terms, or terms that do not differ there.
    """
    x, y = np.asarray(terms, dtype=np.float64), np.asarray(value, dtype=np.float64)
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise ValueError(f"terms must have one row for each value ({y.shape}), but has shape {x.shape}.")
    if not np.isfinite(x).all():
        raise ValueError("terms must be finite.")
    rows = _recorded(y, x.shape[1] + 2)
    size = np.linalg.norm(x[rows], axis=0)
    if np.linalg.matrix_rank(x[rows] / np.where(size > 0.0, size, 1.0)) < x.shape[1]:
        raise ValueError("terms must differ from one another over the recorded values, but do not.")
    scaled = x / size
    numbers, *_ = np.linalg.lstsq(scaled[rows], y[rows], rcond=None)
    free = rows.size - x.shape[1]
    variance = float(np.sum((y[rows] - scaled[rows] @ numbers) ** 2)) / free
    inverse = np.linalg.inv(scaled[rows].T @ scaled[rows])
    half = stdtrit(free, 0.975) * np.sqrt(variance * (1.0 + np.sum((scaled @ inverse) * scaled, axis=1)))
    median = np.where(np.arange(y.size) > rows[-1], scaled @ numbers, np.nan)
    return Forecast(median - half, median, median + half)


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


def _recorded(value: np.ndarray, fewest: int) -> np.ndarray:
    """Rows with a value."""
    if np.isinf(value).any():
        row = int(np.isinf(value).argmax())
        raise ValueError(f"value must be finite, or NaN where not recorded, but row {row} is not.")
    rows = np.flatnonzero(np.isfinite(value))
    if rows.size < fewest:
        raise ValueError(f"value must hold at least {fewest} recorded values, but holds {rows.size}.")
    return rows


def _quantile(share: float, weight: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> float:
    """Of a mixture of normals, by bisection."""
    sd = np.sqrt(variance)
    kept = weight > 0.0
    low, high = float((mean - 40.0 * sd)[kept].min()), float((mean + 40.0 * sd)[kept].max())
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = float(np.sum(weight * ndtr((middle - mean) / sd)))
        low, high = (middle, high) if below < share else (low, middle)
    return 0.5 * (low + high)
