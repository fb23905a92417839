"""What was believed of each parameter before the data, in its unit, as the bounds leave it."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from .parameters import ParameterSet

CUT = 0.01
"""Share of a belief outside the bounds from which it is said that they cut it."""


@dataclass(frozen=True)
class PriorSummary:
    """What was believed before.

    - `kind`; `source`: where it comes from, in words.
    - `median` and central `interval95` in the parameter's unit, of what lies within the `bounds`.
    - `outside` [1]: share of the belief as it was stated that lies beyond the bounds, and is cut off.
    """

    kind: str
    median: float
    interval95: tuple[float, float]
    bounds: tuple[float, float]
    source: str
    outside: float

    @property
    def cut(self) -> bool:
        """Whether the bounds change it."""
        return self.outside > CUT

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the bounds."""
        return {
            "kind": self.kind,
            "median": self.median,
            "interval95": list(self.interval95),
            "outside_bounds": self.outside,
            "source": self.source,
        }


def prior_summaries(parameters: ParameterSet) -> dict[str, PriorSummary]:
    """The prior of every parameter, by name."""
    theta = parameters.prior_quantiles(np.tile([0.025, 0.5, 0.975], (len(parameters.names), 1)))
    found = {}
    for p, row in zip(parameters.parameters, theta, strict=True):
        least, most = float(p.bounds[0]), float(p.bounds[1])
        values = (float(p.transform.inverse(value)) for value in jnp.asarray(row))
        low, median, high = (min(max(value, least), most) for value in values)  # round-off stays inside
        outside = p.prior.outside(least, most)
        found[p.name] = PriorSummary(p.prior.name, median, (low, high), (least, most), p.prior.words, outside)
    return found
