"""How many residuals are worth one independent residual: the integrated autocorrelation time.

tau = 1 + 2 sum_k rho_k of the residuals about zero (a fitted model has zero-mean residuals if it is right; an
offset is misfit and must count). Products r_i r_(i+k) are pooled over the contiguous segments and never cross
from one to another. The sum is cut by Geyer's initial monotone sequence (Statist. Sci. 7, 473, 1992): the
sums of neighbouring pairs rho_2m + rho_(2m+1), which are positive and falling for a reversible chain, are
kept until the first that is not positive and held to their running minimum. Sokal (1997, "Monte Carlo methods
in statistical mechanics") discusses the same estimate. For a slowly varying sensitivity, the variance of an
estimate grows by tau against white noise of the same size; a slow systematic misfit of n points gives tau of
order n, so it counts as a few points, not as n.
"""

import numpy as np
from jaxtyping import Float, Int


def autocorrelation_time(residuals: Float[np.ndarray, " n"], segments: Int[np.ndarray, " n"]) -> float:
    """tau >= 1 [1] of standardised residuals; entries with a negative segment label are padding and ignored.

    Near 1 for white noise, (1 + phi)/(1 - phi) for a first-order autoregression.
    """
    rho = _correlations(residuals, segments)
    pairs = rho[: rho.size // 2 * 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(~(pairs > 0.0))
    kept = np.minimum.accumulate(pairs[: ends[0]] if ends.size else pairs)
    count = max(int(np.sum(segments >= 0)), 1)
    return float(np.clip(2.0 * np.sum(kept) - 1.0, 1.0, count))


def first_order_time(residuals: Float[np.ndarray, " n"], segments: Int[np.ndarray, " n"]) -> float:
    """tau >= 1 [1] of residuals from few points, taken for a first-order autoregression.

    (1 + phi)/(1 - phi) with the lag-one correlation r freed of its bias in n points about a fitted mean,
    r = phi - (1 + 3 phi)/n (Marriott and Pope, Biometrika 41, 390, 1954), and phi held between 0 and 0.9.
    """
    n = int(np.sum(segments >= 0))
    r = float(_correlations(residuals, segments)[1])
    phi = float(np.clip((n * r + 1.0) / max(n - 3.0, 1.0), 0.0, 0.9))
    return (1.0 + phi) / (1.0 - phi)


def _correlations(residuals: Float[np.ndarray, " n"], segments: Int[np.ndarray, " n"]) -> Float[np.ndarray, " lags"]:
    """rho_k for every lag, pooled over segments, with rho_0 = 1; an even number of them."""
    stretches = [residuals[segments == label] for label in np.unique(segments) if label >= 0]
    longest = max((s.size for s in stretches), default=0)
    total = np.zeros(longest + longest % 2 + 2)
    for s in stretches:
        power = np.abs(np.fft.rfft(s, 2 * s.size)) ** 2
        total[: s.size] += np.fft.irfft(power, 2 * s.size)[: s.size]
    if not total[0] > 0.0:
        total[0] = 1.0
    return total / total[0]
