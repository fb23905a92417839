"""Measured voltages on a measured current, ready to be compared with a simulation."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxcell.protocol import Protocol, replay
from jaxcell.units import Scalar

FEWEST_TRIPLES = 8
"""Consecutive triples of samples needed to estimate the noise."""
SAME_CURRENT = 0.01
"""Difference, as a part of the largest current, below which unfitted rows are merged."""


class Dataset(eqx.Module):
    """A record of terminal current and voltage on one cell, to be replayed and fitted.

    Rows that are not fitted (rests, impedance) keep their charge and time in the protocol; neighbours of equal current
    are one interval.
    """

    protocol: Protocol
    voltage: Float[Array, " intervals"]
    """Measured at the end of each interval [V], Battery Data Format sign."""
    segments: Int[Array, " intervals"]
    """Number of the contiguous stretch that a fitted row belongs to; -1 for rows that are not fitted."""
    noise: Scalar
    """Standard deviation of one voltage sample [V]."""
    noise_estimated: bool = eqx.field(static=True)
    """Whether `noise` was read off the scatter of neighbouring samples rather than given."""
    start_time: Scalar
    """Time of the record at which the replay starts [s]."""

    @property
    def points(self) -> int:
        """Number of fitted rows."""
        return int(np.sum(np.asarray(self.segments) >= 0))

    @property
    def time(self) -> Float[Array, " intervals"]:
        """Ends of the intervals, on the record's clock [s]."""
        return self.start_time + self.protocol.time


def dataset(
    time: Sequence[float] | np.ndarray,
    current_density: Sequence[float] | np.ndarray,
    voltage: Sequence[float] | np.ndarray,
    *,
    fitted: Sequence[bool] | np.ndarray | None = None,
    noise: float | None = None,
) -> Dataset:
    """A dataset from columns of equal length.

    `current_density` [A m-2] of a row flowed since the row before, so the first row only sets the clock.  `fitted`
    marks the rows whose voltage [V] counts (default: all with current); `noise` [V] is the standard deviation of a
    sample, estimated from the scatter of neighbouring samples when None.

    Raises ValueError naming the argument and row that is not finite, lengths that differ, time that does not increase,
    noise that is not above zero, or fewer than two fitted rows.
    """
    t, i, v = (np.asarray(column, dtype=np.float64) for column in (time, current_density, voltage))
    if v.shape != t.shape:
        raise ValueError(f"voltage must have as many rows as time ({t.shape}), but has shape {v.shape}.")
    use = (i != 0.0) if fitted is None else np.asarray(fitted, dtype=bool)
    if use.shape != t.shape:
        raise ValueError(f"fitted must have as many rows as time ({t.shape}), but has shape {use.shape}.")
    bad = np.flatnonzero(~np.isfinite(v) & use)
    if bad.size:
        raise ValueError(f"voltage must be finite in fitted rows [V], but row {bad[0]} is {v[bad[0]]}.")
    use = use.copy()
    use[0] = False
    if use.sum() < 2:
        raise ValueError(f"at least 2 rows must be fitted, but there are {int(use.sum())}.")
    if noise is not None and not (np.isfinite(noise) and noise > 0.0):
        raise ValueError(f"noise must be a finite number above 0 V, but is {noise!r}.")
    replay(t, i)  # refuses what cannot be replayed, in the rows of the caller
    return merge_rows(t, i, v, use, _kept(use, i), noise)


def merge_rows(
    time: np.ndarray,
    current_density: np.ndarray,
    voltage: np.ndarray,
    fitted: np.ndarray,
    keep: np.ndarray,
    noise: float | None,
) -> Dataset:
    """The dataset whose intervals end at the rows `keep`, each with the mean current of the rows it covers.

    Columns as in `dataset`, already checked; `keep` holds the first and the last row and every fitted one.
    """
    charge = np.concatenate([[0.0], np.cumsum(current_density[1:] * np.diff(time))])
    time, voltage, fitted = time[keep], voltage[keep], fitted[keep]
    flows = np.concatenate([[0.0], np.diff(charge[keep]) / np.diff(time)])
    labels = _stretches(fitted, flows)
    sigma = noise_of(time, voltage, labels) if noise is None else noise
    return Dataset(
        protocol=replay(time, flows),
        voltage=jnp.asarray(np.where(fitted, voltage, 0.0)[1:]),
        segments=jnp.asarray(labels[1:]),
        noise=jnp.asarray(sigma, dtype=jnp.float64),
        noise_estimated=noise is None,
        start_time=jnp.asarray(time[0], dtype=jnp.float64),
    )


def noise_of(time: np.ndarray, voltage: np.ndarray, segments: np.ndarray) -> float:
    """Standard deviation of a sample [V] from the scatter about straight lines through its neighbours.

    d_j = v_j - (line through v_(j-1) and v_(j+1)) has variance sigma^2 (1 + w^2 + (1 - w)^2) for white noise and is
    blind to drift; sigma comes from the median of |d_j|, which a few transients do not move (normal noise:
    median |d|/sd = 0.6745).  Where most of the record is transients it is too large (twice, for samples spread
    logarithmically over pulses).  It is at least the noise of rounding, the smallest step between samples over
    sqrt(12).

    Raises ValueError with fewer than 8 triples of consecutive fitted rows.
    """
    inside = (segments[1:-1] >= 0) & (segments[:-2] == segments[1:-1]) & (segments[2:] == segments[1:-1])
    if inside.sum() < FEWEST_TRIPLES:
        raise ValueError(
            f"noise cannot be estimated from {int(inside.sum())} consecutive triples of fitted rows "
            f"(at least {FEWEST_TRIPLES} are needed); give it in V."
        )
    weight = ((time[2:] - time[1:-1]) / (time[2:] - time[:-2]))[inside]
    line = weight * voltage[:-2][inside] + (1.0 - weight) * voltage[2:][inside]
    scatter = (voltage[1:-1][inside] - line) / np.sqrt(1.0 + weight**2 + (1.0 - weight) ** 2)
    fitted = voltage[segments >= 0]
    steps = np.abs(np.diff(np.unique(fitted)))
    if steps.size == 0:
        raise ValueError("noise cannot be estimated from a voltage that never changes; give it in V.")
    return max(float(np.min(steps)) / np.sqrt(12.0), float(np.median(np.abs(scatter)) / 0.6744897501960817))


def _kept(use: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Rows to keep: the first, every fitted one, the one before it, and the last of each level of the current.

    Rows of one level stay within 1 % of the largest current of the level's first row.
    """
    keep = use | np.append(use[1:], True)
    keep[0] = True
    tolerance = SAME_CURRENT * float(np.max(np.abs(current[1:])))
    level = current[1]
    for row in range(2, len(current)):
        if abs(current[row] - level) > tolerance:
            keep[row - 1] = True
            level = current[row]
    return keep


def _stretches(use: np.ndarray, flows: np.ndarray) -> np.ndarray:
    """Label contiguous fitted rows of one direction of current; -1 elsewhere."""
    direction = np.sign(flows)
    new = use & (~np.append(False, use[:-1]) | (direction != np.append(0.0, direction[:-1])))
    return np.where(use, np.cumsum(new) - 1, -1)
