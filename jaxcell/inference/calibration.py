"""Whether predictive intervals hold at the rate that they state, over many records."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.stats
from jaxtyping import Float, Int

LEVELS = (0.5, 0.8, 0.95)


class Coverage(NamedTuple):
    """Of one level: the share of values inside the central interval, and the 95 % band of that share."""

    level: float
    share: float
    band: tuple[float, float]

    @property
    def holds(self) -> bool:
        """Whether the band holds the level."""
        return self.band[0] <= self.level <= self.band[1]


@dataclass(frozen=True)
class Calibration:
    """Coverage at each level, and the histogram of the probability integral transform (PIT).

    - `coverage` by level; `histogram`, shape (bins,): values whose PIT falls into each of equal bins from 0 to 1, flat
      for predictions that hold, U-shaped for intervals too narrow, a hill for too wide.
    - `count` values of `records` records.
    """

    coverage: tuple[Coverage, ...]
    histogram: Int[np.ndarray, " bins"]
    count: int
    records: int

    def to_dataframe(self) -> pd.DataFrame:
        """One row a level."""
        rows = [(c.level, c.share, *c.band, c.holds) for c in self.coverage]
        return pd.DataFrame(rows, columns=["level", "inside", "95 % low", "95 % high", "holds"]).set_index("level")


def calibration(
    pit: Float[np.ndarray, " values"],
    records: Int[np.ndarray, " values"],
    *,
    levels: tuple[float, ...] = LEVELS,
    bins: int = 10,
) -> Calibration:
    """Calibration from the PIT of every value, a value lying inside a central interval of level p where
    |PIT - 1/2| <= p/2.

    **Band.**  Values of one record err together.  n of them count as n/d, d >= 1 the variance of the share clustered by
    record over the binomial one, and the band is Clopper and Pearson's for so many: Korn and Graubard, Surv. Methodol.
    24, 193, 1998.  d is estimated at the share that was found, so bands of a dozen records are themselves rough.

    Raises ValueError for no values, or columns of different length.
    """
    pit, records = np.asarray(pit, dtype=np.float64), np.asarray(records)
    if pit.size == 0 or pit.shape != records.shape:
        raise ValueError(f"pit and records must be equally long, not empty, but are {pit.shape} and {records.shape}.")
    _, label = np.unique(records, return_inverse=True)
    found = []
    for level in levels:
        inside = (np.abs(pit - 0.5) <= 0.5 * level + 1e-12).astype(np.float64)
        found.append(Coverage(level, float(inside.mean()), _band(inside, label)))
    histogram = np.histogram(pit, bins=bins, range=(0.0, 1.0))[0]
    return Calibration(tuple(found), histogram, pit.size, int(label.max()) + 1)


def _band(inside: Float[np.ndarray, " values"], label: Int[np.ndarray, " values"]) -> tuple[float, float]:
    n, share = inside.size, float(inside.mean())
    clusters = np.bincount(label, inside - share)
    m = clusters.size
    alone = share * (1.0 - share) * n
    clustered = float(np.sum(clusters**2)) * m / max(m - 1.0, 1.0)
    effective = n / max(clustered / alone, 1.0) if alone > 0.0 else float(m)
    hits = share * effective
    low = scipy.stats.beta.ppf(0.025, hits, effective - hits + 1.0) if hits > 0.0 else 0.0
    high = scipy.stats.beta.ppf(0.975, hits + 1.0, effective - hits) if hits < effective else 1.0
    return float(low), float(high)
