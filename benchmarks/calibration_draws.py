"""One virtual experiment: a truth from the priors, its record, its fit, and where the truth lies in each interval."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from calibration_experiments import Experiment
from scipy.stats import norm
from scipy.stats import t as student

from jaxcell.inference import FitResult, fit, laplace, profile_likelihood
from jaxcell.inference.least_squares import Box
from jaxcell.inference.ridge import Profiler, optima

LEVELS = (0.5, 0.8, 0.95)
METHODS = ("laplace", "fit", "profile")
"""The Gaussian at the mode, as `laplace` draws from it; `interval95` of `fit`; profiles without priors."""
EVERY = 10
"""`profile_likelihood` itself is run for one draw in ten; for all, the profile is computed at the truth alone."""
_FAR = 6.0
"""Standard errors from the bounds beyond which the Gaussian is not cut."""


def truth_of(experiment: Experiment, number: int) -> tuple[np.ndarray, np.random.Generator]:
    """Theta drawn from the priors, and the generator of the record's noise."""
    rng = np.random.default_rng([experiment.seed, number])
    theta = experiment.parameters.prior_quantiles(rng.random((len(experiment.parameters.names), 1)))[:, 0]
    return theta, rng


def draw(experiment: Experiment, number: int) -> dict[str, Any]:
    """What became of one experiment: `held` by method, parameter and level, or a `failure`.

    A fit that raises or does not converge holds nothing, nor does a profile that cannot be optimised at the truth. The
    interval of a profile is {x: PL(x) - min PL <= q^2/2}; where it is open at a bound it goes on to that bound, inside
    which all truths lie. `traced`, of one draw in ten: of each parameter the kinds of the ends that
    `profile_likelihood` finds, and whether it holds the truth.
    """
    theta, rng = truth_of(experiment, number)
    try:
        result = fit(
            experiment.measured(theta, rng), starts=experiment.starts, seed=number, settings=experiment.settings
        )
    except ValueError as error:
        return {"number": number, "failure": str(error)}
    if not result.converged:
        return {"number": number, "failure": result.sentence}
    held: dict[str, Any] = {method: {} for method in METHODS}
    ranges, rises = gaussian_ranges(result, number), profile_rises(result, theta)
    quantiles = result.identifiability.told.quantiles(result.covariance)
    (dof,) = result.identifiability.told.t_dof
    for k, (name, one) in enumerate(result.parameters.items()):
        held["laplace"][name] = [bool(low <= theta[k] <= high) for low, high in ranges[k]]
        value = float(experiment.parameters.to_physical(jnp.asarray(theta))[name])
        held["fit"][name] = [None, None, bool(one.interval95[0] <= value <= one.interval95[1])]
        contours = [0.5 * student.ppf(0.5 + 0.5 * level, dof) ** 2 for level in LEVELS[:-1]] + [0.5 * quantiles[k] ** 2]
        held["profile"][name] = [bool(rises[k] <= contour) for contour in contours]
    noise = result.noise
    return {
        "number": number,
        "held": held,
        "traced": traced(result, theta) if number % EVERY == 0 else None,
        "noise": [noise.scale, noise.autocorrelation_time],
        "off": ((result.theta - theta) / result.standard_errors).tolist(),
    }


def gaussian_ranges(result: FitResult, seed: int) -> np.ndarray:
    """Ends of the central intervals of `laplace` in theta, shape (parameters, levels, 2); in closed form where the
    bounds are too far away to cut the Gaussian."""
    tails = np.array([[0.5 - 0.5 * level, 0.5 + 0.5 * level] for level in LEVELS])
    parameters, se = result.problem.parameters, result.standard_errors
    room = np.minimum(result.theta - np.asarray(parameters.lower), np.asarray(parameters.upper) - result.theta)
    if np.all(room > _FAR * se):
        return result.theta[:, None, None] + se[:, None, None] * norm.ppf(tails)
    return np.moveaxis(np.quantile(laplace(result, seed=seed).theta[0], tails, axis=0), -1, 0)


def profile_rises(result: FitResult, theta: np.ndarray) -> np.ndarray:
    """PL(truth) - min PL of each parameter, without priors, through the fit's own compiled program; NaN where the model
    cannot be run."""
    problem, lanes, size = result.problem, len(result.starts), theta.size
    assert lanes > size, "one start more than there are parameters"
    weighting = result.weighting._replace(prior=jnp.zeros((), dtype=jnp.float64))
    profiler = Profiler(problem, weighting, result.settings.multistart, lanes, 0.0)
    low, high = (np.tile(np.asarray(b), (lanes, 1)) for b in (problem.parameters.lower, problem.parameters.upper))
    guess = np.tile(result.theta, (lanes, 1))
    for k in range(size):  # the last lanes are held nowhere
        guess[k] += (theta[k] - result.theta[k]) * result.covariance[k] / result.covariance[k, k]
        guess[k, k] = low[k, k] = high[k, k] = theta[k]
    costs = optima(profiler, guess, Box(jnp.asarray(low), jnp.asarray(high))).costs
    return costs[:size] - np.nanmin(costs)


def traced(result: FitResult, theta: np.ndarray) -> dict[str, Any]:
    """By parameter: kinds of the ends that `profile_likelihood` finds, and whether it holds the truth, which an end
    that is neither closed nor open at a bound never does."""
    found = {}
    for name, value in result.problem.parameters.to_physical(jnp.asarray(theta)).items():
        profile = profile_likelihood(result, name)
        ends = (profile.lower, profile.upper)
        known = all(end.kind in ("contour", "bound") for end in ends)
        inside = ends[0].value <= float(value) <= ends[1].value
        found[name] = {"ends": [end.kind for end in ends], "held": bool(known and inside)}
    return found
