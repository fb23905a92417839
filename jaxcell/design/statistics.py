"""Statistics of samples whose derivatives do not jump between two of them."""

from typing import NamedTuple

import numpy as np
import scipy.stats
from jaxtyping import Float


class Statistic(NamedTuple):
    """Mean of a quantity over the samples or, with `quantile` [1], that quantile."""

    quantity: str
    quantile: float | None


def latin_hypercube(rng: np.random.Generator, samples: int, dimensions: int) -> Float[np.ndarray, "dimensions samples"]:
    """Numbers from 0 to 1, of which each n-th part holds one along every dimension."""
    return np.stack([(rng.permutation(samples) + rng.uniform(size=samples)) / samples for _ in range(dimensions)])


def quantile_weights(samples: int, quantile: float) -> Float[np.ndarray, " samples"]:
    """Weights w of the sorted samples whose sum w.x estimates a quantile p.

    w_i = B(i/n; a, b) - B((i-1)/n; a, b), B the cumulative beta distribution with a = (n+1) p, b = (n+1)(1-p):
    F. E. Harrell, C. E. Davis, Biometrika 69 (1982) 635.  All samples near the quantile count, so that its derivative
    by a design changes smoothly as they change places.
    """
    edges = np.linspace(0.0, 1.0, samples + 1)
    return np.diff(scipy.stats.beta.cdf(edges, (samples + 1) * quantile, (samples + 1) * (1.0 - quantile)))
