"""Simulation-based calibration of the posterior: ranks of truths among draws of the no-U-turn sampler.

python benchmarks/calibration_ranks.py --draws 200 --log calibration/

A truth from the priors, the noise's scale included, and a record made with it: its rank among independent draws of the
posterior is uniform (Talts et al. 2018, arXiv 1804.06788). Tested by chi-squared and by the simultaneous band of the
ranks' distribution function (Säilynoja, Bürkner and Vehtari 2022, doi 10.1007/s11222-022-10090-6), found by simulation.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
from calibration_experiments import SETTINGS, believed

from jaxcell.inference import FunctionProblem, Likelihood, NutsSettings, ParameterSet, fit
from jaxcell.inference.likelihood import LOG_SCALE_SD
from jaxcell.inference.log_posterior import centre_and_covariance, log_posterior
from jaxcell.inference.nuts import sample
from jaxcell.units import FARADAY, GAS

OUT = Path(__file__).parent / "results" / "calibration_ranks.json"
SEED = 540_000
THIN = 10
"""Every tenth draw is kept."""
SAMPLER = NutsSettings(chains=1, warmup=200, draws=400, chunk=200)
KEPT = SAMPLER.draws // THIN - 1
"""39 draws, so that a truth has one of 40 ranks."""
BINS = 10
NOISE = 2e-3
"""Of a voltage, as stated [V]; the truth is larger or smaller by a lognormal factor."""
CURRENT = np.array([2.0, -2.0, 5.0, -5.0, 10.0, -10.0, 20.0, -20.0, 40.0, -40.0, 80.0, -80.0])
"""[A m-2]."""


def rows(values: dict[str, jax.Array], data: dict[str, jax.Array]) -> jax.Array:
    """Steady voltages of Li | layer | separator | layer | Li, 4RT/F asinh(I/2 i0) + I (2 L/kappa + L_s/kappa_s): the
    model's own where double layers are charged and lithium plates below the layers."""
    kinetic = 4.0 * GAS * 298.15 / FARADAY * jnp.arcsinh(0.5 * data["current"] / values["exchange_current"])
    ohmic = data["current"] * (2.0 * 5e-6 / values["layer_conductivity"] + 30e-6 / 0.24)
    return (kinetic + ohmic - data["voltage"]) / NOISE


PARAMETERS = ParameterSet(
    [
        believed("layer_conductivity", "kappa", "S m-1", (1.5e-3, 1.5e-2)),
        believed("exchange_current", "i0", "A m-2", (5.0, 80.0)),
    ]
)
NAMES = (*PARAMETERS.names, "noise_scale")


def ranks(number: int) -> dict[str, Any]:
    """Rank of each truth among the kept draws, and the correlation of neighbours among those."""
    rng = np.random.default_rng([SEED, number])
    theta = jnp.asarray(PARAMETERS.prior_quantiles(rng.random((len(PARAMETERS.names), 1)))[:, 0])
    log_scale = LOG_SCALE_SD * rng.normal()
    clean = NOISE * rows(PARAMETERS.to_physical(theta), {"current": jnp.asarray(CURRENT), "voltage": jnp.zeros(12)})
    noisy = clean + NOISE * np.exp(log_scale) * jnp.asarray(rng.normal(size=CURRENT.size))
    # Every row a stretch of its own: no autocorrelation is looked for, and the likelihood is exactly the record's.
    problem = FunctionProblem(PARAMETERS, rows, {"current": CURRENT, "voltage": noisy}, segments=jnp.arange(12))
    result = fit(problem, starts=4, seed=number, settings=SETTINGS)
    density = log_posterior(result, Likelihood())
    chains = sample(density, *centre_and_covariance(density, result), SAMPLER, number)
    z = chains.z[0, THIN::THIN]
    drawn = np.column_stack([np.asarray(jax.vmap(density.theta)(z)), np.asarray(z)[:, -1]])
    rest = drawn - drawn.mean(axis=0)
    return {
        "number": number,
        "ranks": np.sum(drawn < np.append(np.asarray(theta), log_scale), axis=0).tolist(),
        "neighbours": (np.sum(rest[1:] * rest[:-1], axis=0) / np.sum(rest**2, axis=0)).tolist(),
        "diverging": int(np.sum(np.asarray(chains.diverging))),
    }


def chi_squared(found: np.ndarray) -> float:
    """Probability of counts in `BINS` bins that are as uneven, if all ranks are equally likely."""
    counts = np.bincount(found * BINS // (KEPT + 1), minlength=BINS)
    return float(scipy.stats.chisquare(counts).pvalue)


def least_tail(found: np.ndarray) -> float:
    """Smallest two-sided binomial tail of the ranks' distribution function over all its points."""
    below = np.cumsum(np.bincount(found, minlength=KEPT + 1))[:-1]
    uniform = np.arange(1, KEPT + 1) / (KEPT + 1)
    low = scipy.stats.binom.cdf(below, found.size, uniform)
    high = scipy.stats.binom.sf(below - 1, found.size, uniform)
    return float(2.0 * np.min(np.minimum(low, high)))


def inside_band(found: np.ndarray, trials: int = 2000) -> float:
    """Probability of a distribution function that strays as far from uniform at any point: above 0.05 the ranks lie
    inside the simultaneous 95 % band."""
    rng = np.random.default_rng(0)
    made = [least_tail(rng.integers(0, KEPT + 1, found.size)) for _ in range(trials)]
    return float(np.mean(np.array(made) <= least_tail(found)))


def summary(draws: list[dict[str, Any]]) -> dict[str, Any]:
    """Both tests by parameter."""
    table = np.array([one["ranks"] for one in draws])
    apart = np.mean([one["neighbours"] for one in draws], axis=0)
    return {
        "data_sets": len(draws),
        "kept_draws": KEPT,
        "with_divergences": sum(one["diverging"] > 0 for one in draws),
        "tests": {
            name: {
                "chi_squared_p": chi_squared(table[:, k]),
                "simultaneous_band_p": inside_band(table[:, k]),
                "correlation_of_kept_neighbours": float(apart[k]),
                "counts": np.bincount(table[:, k] * BINS // (KEPT + 1), minlength=BINS).tolist(),
            }
            for k, name in enumerate(NAMES)
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--log", type=Path, default=Path("calibration"))
    chosen = parser.parse_args()
    chosen.log.mkdir(parents=True, exist_ok=True)
    path = chosen.log / "ranks.jsonl"
    done = {one["number"]: one for one in map(json.loads, path.read_text().splitlines())} if path.exists() else {}
    with path.open("a") as lines:
        for number in range(chosen.draws):
            if number not in done:
                done[number] = ranks(number)
                lines.write(json.dumps(done[number]) + "\n")
                lines.flush()
    found = summary([done[number] for number in range(chosen.draws)])
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
