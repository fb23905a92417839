"""Draws from the Gaussian approximation of a posterior at its mode."""

from time import perf_counter

import numpy as np

from .draws import Posterior, physical_draws
from .likelihood import Likelihood
from .report import FitResult


def laplace(result: FitResult, *, draws: int = 1000, seed: int = 0) -> Posterior:
    """Independent draws of theta from the Gaussian at the optimum, between the bounds (noise as found, s2 tau).

    Its precision is what the data and Gaussian priors tell; a flat prior is nothing but the bounds. Where the mode lies
    on a bound the density falls off from it as the loss rises.

    **Raises** `ValueError` for `draws` below 2, and where hardly any of the Gaussian lies inside the bounds.
    """
    if draws < 2:
        raise ValueError(f"Argument 'draws' must be at least 2, but is {draws}.")
    begun = perf_counter()
    try:
        theta = result.identifiability.cut.draws(draws, np.random.default_rng(seed))[None]
    except ValueError as error:
        raise ValueError(f"{error} The Gaussian at the optimum says little; sample the posterior itself.") from error
    values, combinations = physical_draws(result.problem, theta)
    likelihood = Likelihood(noise="fitted")
    return Posterior(
        "laplace", result, likelihood, theta, values, combinations, {}, {}, None, 0, perf_counter() - begun
    )
