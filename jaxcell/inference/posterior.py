"""The posterior of a finished fit by the no-U-turn sampler, begun at the optimum with the fit's own covariance."""

from time import perf_counter

import jax
import jax.numpy as jnp
import numpy as np

from .draws import Posterior, physical_draws
from .extras import require_bayes
from .likelihood import Likelihood
from .log_posterior import LogPosterior, centre_and_covariance, log_posterior
from .nuts import Chains, NutsSettings, Progress, sample
from .report import FitResult
from .sampling_checks import check

_SHOWN = {
    "log_noise_scale": ("noise_scale", np.exp),
    "log_discrepancy_sd": ("discrepancy_sd", np.exp),
    "logit_persistence": ("persistence", lambda x: 1.0 / (1.0 + np.exp(-x))),
}


def posterior(
    result: FitResult,
    likelihood: Likelihood | None = None,
    *,
    settings: NutsSettings | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Posterior:
    """Draws from p(theta, unknowns | data) with the priors of the fit, the optimum's step grid, and `likelihood`.

    One compiled program; the step grid is not renewed, so a posterior that reaches far from the optimum is sampled on a
    grid planned for the optimum, and where the model fails on it the density is zero.

    - `likelihood`: see `Likelihood`; by default Gaussian with a sampled scale.
    - `progress(done, total)`: iterations, called between chunks.

    **Raises** `MissingExtraError` without the extra `bayes` (numpyro, ArviZ), `ValueError` where the density is not
    finite at the optimum.
    """
    require_bayes()
    likelihood = Likelihood() if likelihood is None else likelihood
    settings = NutsSettings() if settings is None else settings
    begun = perf_counter()
    density = log_posterior(result, likelihood)
    centre, covariance = centre_and_covariance(density, result)
    chains = sample(density, centre, covariance, settings, seed, progress)
    theta = np.asarray(jax.vmap(jax.vmap(density.theta))(chains.z))
    values, combinations = physical_draws(result.problem, theta)
    unknowns = _unknowns(density, chains, result)
    columns = {name: theta[:, :, k] for k, name in enumerate(result.problem.parameters.names)}
    checks = {name: check(draws) for name, draws in (columns | unknowns).items()}
    seconds = perf_counter() - begun
    return Posterior(
        "nuts", result, likelihood, theta, values, combinations, unknowns, checks, chains, settings.most_steps, seconds
    )


def _unknowns(density: LogPosterior, chains: Chains, result: FitResult) -> dict[str, np.ndarray]:
    """By name, and by measurement where there are several."""
    drawn = np.asarray(jax.vmap(jax.vmap(density.unknowns))(jnp.asarray(chains.z)))
    found = {}
    for k, member in enumerate(result.members):
        for i, name in enumerate(density.likelihood.unknowns):
            shown, inverse = _SHOWN[name]
            found[f"{member}.{shown}" if member else shown] = inverse(drawn[:, :, k, i])
    return found
