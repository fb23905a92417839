"""Proper scores of predictions: a forecaster does best, on average, by saying what is believed (Gneiting and Raftery,
J. Am. Stat. Assoc. 102, 359, 2007, doi 10.1198/016214506000001437).

The log score is ln of the predictive density at what was measured, larger for better.  The continuous ranked
probability score is CRPS = E|X - y| - E|X - X'|/2, in the unit of y, smaller for better; it forgives a tail
that the log score does not.
"""

import numpy as np
import scipy.special
import scipy.stats
from jaxtyping import Float

FEWEST_DOF = 3.0
"""Degrees of freedom of a Student predictive are held at this or more: of fewer, neither score has a useful mean."""


def crps_of_draws(draws: Float[np.ndarray, "draws *shape"], value: Float[np.ndarray, "*shape"]) -> np.ndarray:
    """CRPS of an ensemble at what was measured, shape (*shape,), over pairs of different draws, so that its expectation
    does not depend on their number.

    Raises ValueError for fewer than 2 draws.
    """
    drawn = np.sort(np.asarray(draws, dtype=np.float64), axis=0)
    count = drawn.shape[0]
    if count < 2:
        raise ValueError(f"draws must hold at least 2 rows, but holds {count}.")
    rank = 2.0 * np.arange(count) - (count - 1)
    spread = np.tensordot(rank, drawn, axes=1) / (count * (count - 1.0))
    return np.asarray(np.mean(np.abs(drawn - value), axis=0) - spread)


def crps_student(off: np.ndarray, scale: np.ndarray | float, dof: float) -> np.ndarray:
    """CRPS of Student's t of `dof` > 1 degrees of freedom (infinite: Gaussian) and `scale`, at a distance `off` from
    its centre, in the unit of both: Jordan, Krueger and Lerch, J. Stat. Softw. 90(12), 2019, appendix A."""
    z = np.asarray(off, dtype=np.float64) / scale
    if np.isinf(dof):
        density, cumulative = scipy.stats.norm.pdf(z), scipy.stats.norm.cdf(z)
        return np.asarray(scale * (z * (2.0 * cumulative - 1.0) + 2.0 * density - 1.0 / np.sqrt(np.pi)))
    density, cumulative = scipy.stats.t.pdf(z, dof), scipy.stats.t.cdf(z, dof)
    spread = 2.0 * np.sqrt(dof) / (dof - 1.0) * scipy.special.beta(0.5, dof - 0.5)
    spread = spread / scipy.special.beta(0.5, 0.5 * dof) ** 2
    inner = z * (2.0 * cumulative - 1.0) + 2.0 * density * (dof + z**2) / (dof - 1.0) - spread
    return np.asarray(scale * inner)


def pit_of_draws(draws: Float[np.ndarray, "draws *shape"], value: Float[np.ndarray, "*shape"]) -> np.ndarray:
    """Predictive probability of less than what was measured [1], uniform from 0 to 1 for predictions that hold; ties,
    as of capacities that ended at zero, count half."""
    return np.asarray(np.mean(draws < value, axis=0) + 0.5 * np.mean(draws == value, axis=0))
