"""A Gaussian likelihood cut at the bounds: the posterior of parameters whose priors are flat, in theta."""

from typing import NamedTuple

import numpy as np
import scipy.stats
from jaxtyping import Float

from .priors import NORMAL_95

_TRIES = 200
"""Batches of draws that are tried."""
_BATCH = 4096
_DRAWS = 4 * _BATCH
_FAINT = 0.01
"""Precision [widths of the bounds^-2] that keeps a standard error finite; one of a flat density is 12."""
_MARGIN = 0.5
"""A bound is near within this many more of an interval's half-widths."""
_STRAIGHT = 1e-3
"""A direction whose exponent bends by less than this across the box is drawn from an exponential."""


class CutGaussian(NamedTuple):
    """p(theta) ~ exp(-g.d - d.P d/2), d = theta - centre, between the bounds; P may be singular, and g not zero where
    the centre lies on a bound.

    - `centre`, `gradient`, `lower`, `upper`, shape (parameters,); `precision`, shape (parameters, parameters).
    """

    centre: Float[np.ndarray, " parameters"]
    precision: Float[np.ndarray, "parameters parameters"]
    gradient: Float[np.ndarray, " parameters"]
    lower: Float[np.ndarray, " parameters"]
    upper: Float[np.ndarray, " parameters"]

    def draws(self, count: int, rng: np.random.Generator) -> Float[np.ndarray, "draws parameters"]:
        """Independent draws, by rejection: along each eigenvector of P, in units of the bounds' widths, the density is
        a Gaussian, an exponential or flat, drawn where it crosses the box; what lies in the box is kept.

        **Raises** `ValueError` where hardly any does.
        """
        width = self.upper - self.lower
        values, vectors = np.linalg.eigh(self.precision * np.outer(width, width))
        slopes = vectors.T @ (self.gradient * width)
        low, high = (self.lower - self.centre) / width, (self.upper - self.centre) / width
        first = np.sum(np.minimum(vectors * low[:, None], vectors * high[:, None]), axis=0)
        last = np.sum(np.maximum(vectors * low[:, None], vectors * high[:, None]), axis=0)
        kept, found = [], 0
        for _ in range(_TRIES):
            shares = rng.random((len(values), _BATCH))
            along = np.stack([_along(*one) for one in zip(shares, values, slopes, first, last, strict=True)])
            moved = (vectors @ along).T
            inside = moved[np.all((moved >= low) & (moved <= high), axis=1)]
            kept.append(inside)
            found += len(inside)
            if found >= count:
                return self.centre + width * np.concatenate(kept)[:count]
        raise ValueError(
            f"Of {_TRIES * _BATCH} draws along the directions that the data tell only {found} lie inside the bounds."
        )


def _along(
    shares: Float[np.ndarray, " draws"], curvature: float, slope: float, low: float, high: float
) -> Float[np.ndarray, " draws"]:
    """Quantiles of exp(-slope a - curvature a^2/2) between two ends."""
    span = high - low
    if curvature * span**2 > _STRAIGHT * max(1.0, abs(slope) * span):
        sd = curvature**-0.5
        middle = -slope / curvature
        return middle + sd * scipy.stats.truncnorm.ppf(shares, (low - middle) / sd, (high - middle) / sd)
    if abs(slope) * span < _STRAIGHT:
        return low + span * shares
    # From the end where the density is highest, so that nothing overflows.
    fall = abs(slope)
    away = -np.log1p(shares * np.expm1(-fall * span)) / fall
    return low + away if slope > 0.0 else high - away


def cut_interval(
    posterior: CutGaussian, quantiles: Float[np.ndarray, " parameters"]
) -> Float[np.ndarray, "2 parameters"]:
    """Interval of each parameter that holds 95 % of the posterior; `quantiles` are half-widths of an uncut one in
    standard errors (Student's t).

    In closed form where bounds are far.  Else from draws, with the standard errors stretched by the largest quantile:
    equal tails, or from its bound on where the optimum would lie outside of them.  Where hardly any draw lies within
    the bounds, the uncut one.
    """
    theta, width = posterior.centre, posterior.upper - posterior.lower
    faint = np.diag(_FAINT / width**2)
    sd = np.sqrt(np.diag(np.linalg.inv(posterior.precision + faint)))
    low, high = theta - quantiles * sd, theta + quantiles * sd
    near = np.maximum(posterior.lower - low, high - posterior.upper) > -_MARGIN * quantiles * sd
    if not np.any(near):
        return np.stack([low, high])
    stretch = float(np.max(quantiles) / NORMAL_95) ** 2
    wider = posterior._replace(precision=posterior.precision / stretch, gradient=posterior.gradient / stretch)
    try:
        draws = wider.draws(_DRAWS, np.random.default_rng(0))
    except ValueError:
        return np.stack([low, high])
    first, only_low, only_high, last = np.quantile(draws, [0.025, 0.05, 0.95, 0.975], axis=0)
    below, above = theta < first, theta > last
    cut_low = np.where(below, posterior.lower, np.where(above, only_low, first))
    cut_high = np.where(above, posterior.upper, np.where(below, only_high, last))
    return np.stack([np.where(near, cut_low, low), np.where(near, cut_high, high)])
