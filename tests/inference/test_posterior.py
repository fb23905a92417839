"""Posteriors by the no-U-turn sampler against what is known in closed form or by quadrature."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inference_cases import TIMES, decay_parameters, decay_problem, decay_rows, linear_problem, sum_problem, white

from jaxcell.inference import (
    FitSettings,
    FunctionProblem,
    Likelihood,
    Normal,
    NutsSettings,
    Parameter,
    ParameterSet,
    fit,
    laplace,
    posterior,
)
from jaxcell.inference.extras import import_arviz
from jaxcell.inference.likelihood import autoregressive
from jaxcell.inference.log_posterior import log_posterior

pytest.importorskip("numpyro", reason="the extra `bayes` is not installed")
pytest.importorskip("xarray", reason="the extra `bayes` is not installed")

PLAIN = FitSettings(ridges=0)
FITTED = Likelihood(noise="fitted")


@functools.cache
def decay_fit():
    return fit(decay_problem(white(0)), starts=12, settings=PLAIN)


def test_a_near_gaussian_posterior_is_laplaces():
    result = decay_fit()
    sampled, gauss = posterior(result, FITTED), laplace(result, draws=4000)
    sd = np.sqrt(np.diag(result.covariance))
    for found in (sampled, gauss):
        np.testing.assert_allclose(found.theta.mean(axis=(0, 1)), result.theta, atol=0.1 * sd.min())
        np.testing.assert_allclose(found.covariance / np.outer(sd, sd), result.correlation, atol=0.12)
    assert sampled.sound, sampled.sentences
    assert sampled.sentences[0].startswith("The 4 chains agree")
    assert gauss.sound
    for name in result.parameters:
        low, high = result.parameters[name].interval95
        width = high - low
        for found in (sampled, gauss):
            np.testing.assert_allclose(found.marginals[name].interval95, (low, high), atol=0.12 * width)


def test_a_linear_posterior_is_exact():
    """Gaussian data, Gaussian priors as strong as the data, stated noise: mean and covariance in closed form."""
    problem = linear_problem(prior_sd=0.2)
    result = fit(problem, starts=12, settings=PLAIN)
    found = posterior(result, Likelihood(noise="stated"), seed=3)
    A, y = np.asarray(problem.data["A"]), np.asarray(problem.data["y"])
    covariance = np.linalg.inv(A.T @ A + np.eye(3) / 0.2**2)
    mean = covariance @ A.T @ y
    draws = np.stack([found.values[name].ravel() for name in "abc"])
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((draws.mean(axis=1) - mean) / sd, 0.0, atol=0.08)
    np.testing.assert_allclose(np.cov(draws) / np.outer(sd, sd), covariance / np.outer(sd, sd), atol=0.1)


def test_a_sampled_scale_gives_students_t():
    """A known shape times an unknown amplitude under a flat prior, scale unknown: nearly Student's t.
    By quadrature over both."""
    x = np.linspace(0.2, 1.0, 6)
    data = {"x": x, "y": 2.0 * x + np.array([0.6, -0.9, 0.5, 0.8, -1.1, 0.3])}
    parameters = ParameterSet([Parameter("a", "a", "1", (-60.0, 60.0), "linear", initial=1.0)])
    result = fit(FunctionProblem(parameters, lambda v, d: v["a"] * d["x"] - d["y"], data), starts=4, settings=PLAIN)
    found = posterior(result, settings=NutsSettings(draws=2000), seed=1)
    a = np.linspace(-60.0, 60.0, 24001)[:, None]
    log_s = np.linspace(-4.0, 4.0, 401)
    chi2 = np.sum((a * x - data["y"]) ** 2, axis=1)
    joint = -x.size * log_s - 0.5 * chi2[:, None] * np.exp(-2.0 * log_s) - 0.5 * log_s**2
    density = np.exp(joint - joint.max()).sum(axis=1)
    cumulative = np.cumsum(density) / density.sum()
    exact = np.interp([0.025, 0.5, 0.975], cumulative, a[:, 0])
    m = found.marginals["a"]
    np.testing.assert_allclose([m.interval95[0], m.median, m.interval95[1]], exact, atol=0.12 * (exact[1] - exact[0]))
    assert found.unknowns["noise_scale"].shape == (4, 2000)


def test_the_posterior_of_a_sum_is_the_prior_along_its_ridge():
    """v = (R1 + R2) i: only the sum is seen. By quadrature over both logarithms."""
    problem = sum_problem(sd=0.05)
    result = fit(problem, starts=12)
    found = posterior(result, Likelihood(noise="stated"), settings=NutsSettings(warmup=1000, draws=2000), seed=2)
    t = np.linspace(np.log(1e-3), np.log(20.0), 1601)
    r1, r2 = np.exp(t)[:, None], np.exp(t)[None, :]
    i, v = np.asarray(problem.data["i"]), np.asarray(problem.data["v"])
    chi2 = (r1 + r2) ** 2 * np.sum(i**2) - 2.0 * (r1 + r2) * np.sum(i * v) + np.sum(v**2)
    prior_sd = np.log(100.0) / (2.0 * 1.959963984540054)
    joint = -0.5 * chi2 / 0.05**2 - 0.5 * (t[:, None] ** 2 + t[None, :] ** 2) / prior_sd**2
    density = np.exp(joint - joint.max())
    for name, axis in (("layer", 1), ("interface", 0)):
        cumulative = np.cumsum(density.sum(axis=axis)) / density.sum()
        _quantiles_agree(np.log(found.values[name]), t, cumulative, (0.025, 0.25, 0.5, 0.75, 0.975))
    # Along the ridge nothing is learnt: ln(R1/R2) given the sum has the density that the priors give it there.
    ratio = np.log(found.values["layer"] / found.values["interface"])
    w = np.linspace(-9.0, 9.0, 4001)  # on R1 + R2 = 3, R1/R2 = e^w, d ln R1 d ln R2 = d ln(sum) dw
    first, second = np.log(3.0) - np.logaddexp(0.0, -w), np.log(3.0) - np.logaddexp(0.0, w)
    believed = np.exp(-0.5 * (first**2 + second**2) / prior_sd**2)
    cumulative = np.cumsum(believed) / believed.sum()
    _quantiles_agree(ratio, w, cumulative, (0.05, 0.5, 0.95))
    total = found.combined["total"]
    assert total.interval95[0] < 3.0 < total.interval95[1]
    assert np.ptp(total.interval95) < 0.2


def _quantiles_agree(drawn, grid, cumulative, shares):
    """Within four standard errors; chains that follow a bent ridge are worth few independent draws, but not too few."""
    for share in shares:
        reached = np.interp(np.quantile(drawn, share), grid, cumulative)
        worth = float(import_arviz().ess(drawn, method="quantile", prob=share))
        assert worth > 40.0
        assert abs(reached - share) < 4.0 * np.sqrt(share * (1.0 - share) / worth)


def test_outliers_move_a_gaussian_and_not_students_t():
    noise = white(2)
    clean = fit(decay_problem(noise), starts=12, settings=PLAIN)
    spoiled = noise.copy()
    spoiled[[5, 20]] += np.array([0.5, 0.6])  # 25 and 30 standard deviations
    result = fit(decay_problem(spoiled), starts=12, settings=PLAIN)
    gauss = posterior(result, seed=4)
    heavy = posterior(result, Likelihood(student_dof=4.0), seed=4)
    sd = np.sqrt(np.diag(clean.covariance))
    off = lambda found: np.abs(found.theta.mean(axis=(0, 1)) - clean.theta) / sd  # noqa: E731
    assert np.max(off(gauss)) > 3.0
    assert np.max(off(heavy)) < 1.0
    spread = heavy.theta.std(axis=(0, 1)) / sd
    assert np.all((spread > 0.8) & (spread < 1.6))


def test_a_discrepancy_widens_what_white_noise_makes_too_sure():
    """Slow residuals of three times the noise: white noise alone, at the stated size, misses the truth by many standard
    deviations; with a discrepancy it lies inside."""
    rng = np.random.default_rng(8)
    slow = np.zeros(TIMES.size)
    for k in range(1, slow.size):
        slow[k] = 0.95 * slow[k - 1] + np.sqrt(1.0 - 0.95**2) * 0.06 * rng.normal()
    result = fit(decay_problem(white(5) + slow), starts=12, settings=PLAIN)
    sure = posterior(result, Likelihood(noise="stated"), seed=5)
    honest = posterior(result, Likelihood(discrepancy=True), settings=NutsSettings(warmup=1000), seed=5)
    truth = np.log([2.0, 1.5])
    off = lambda found: np.abs(found.theta.mean(axis=(0, 1)) - truth) / found.theta.std(axis=(0, 1))  # noqa: E731
    assert np.max(off(sure)) > 3.0
    assert np.max(off(honest)) < 2.5
    assert np.all(honest.theta.std(axis=(0, 1)) > 3.0 * sure.theta.std(axis=(0, 1)))
    assert honest.combined["persistence"].median > 0.7
    assert set(honest.unknowns) == {"noise_scale", "discrepancy_sd", "persistence"}


def test_the_kalman_filter_is_the_dense_gaussian_process():
    """ln N(r; 0, s^2 I + s_d^2 phi^|i - j|) within each stretch, a gap of padding included."""
    rng = np.random.default_rng(0)
    segments = np.array([0, 0, 0, -1, 0, 0, 3, 3, 3, 3, -1])
    r = rng.normal(size=segments.size)
    s, sd, phi = 0.7, 1.3, 0.8
    total = 0.0
    for label in (0, 3):
        rows = np.flatnonzero(segments == label)
        K = s**2 * np.eye(rows.size) + sd**2 * phi ** np.abs(rows[:, None] - rows[None, :])
        total -= 0.5 * (np.linalg.slogdet(K)[1] + r[rows] @ np.linalg.solve(K, r[rows]))
    numbers = (jnp.asarray(x) for x in (np.log(s), np.log(sd), phi))
    assert float(autoregressive(jnp.asarray(r), jnp.asarray(segments), *numbers)) == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize(
    "likelihood", [Likelihood(), FITTED, Likelihood(student_dof=3.0), Likelihood(discrepancy=True)]
)
def test_the_density_has_the_gradient_of_its_differences(likelihood):
    density = log_posterior(decay_fit(), likelihood)
    size = 2 + len(likelihood.unknowns)
    z = jnp.asarray(np.linspace(-0.4, 0.6, size))
    slope = np.asarray(jax.grad(density)(z))
    step = 1e-6
    for k, unit in enumerate(np.eye(size)):
        change = (float(density(z + step * unit)) - float(density(z - step * unit))) / (2.0 * step)
        assert slope[k] == pytest.approx(change, rel=1e-5, abs=1e-5 * np.abs(slope).max())


def test_the_density_in_z_is_that_in_theta_with_its_jacobian():
    result = decay_fit()
    density = log_posterior(result, FITTED)
    problem = result.problem

    def exact(z):
        theta = density.theta(z)
        jacobian = jax.jacfwd(density.theta)(z)
        data = -0.5 * jnp.sum(problem.residuals(theta) ** 2) / result.noise.inflation
        return data + problem.parameters.log_prior(theta) + jnp.linalg.slogdet(jacobian)[1]

    one, two = jnp.asarray([0.1, -0.3]), jnp.asarray([0.4, 0.2])
    assert float(density(one) - density(two)) == pytest.approx(float(exact(one) - exact(two)), rel=1e-10)


def test_laplace_respects_bounds_and_falls_off_from_them():
    """One number, a normal belief centred beyond its bound: a truncated normal with a known mean."""
    prior = Normal(-1.0, 1.0)
    parameters = ParameterSet([Parameter("a", "a", "V", (0.0, 20.0), "linear", prior, initial=1.0)])
    problem = FunctionProblem(parameters, lambda v, d: jnp.zeros(30) * v["a"], {})
    result = fit(problem, starts=4, settings=PLAIN)
    assert result.parameters["a"].on_bound == "lower"
    draws = laplace(result, draws=20000).values["a"]
    assert draws.min() >= 0.0
    assert draws.mean() == pytest.approx(0.525, abs=0.01)  # -1 + phi(1)/(1 - Phi(1))
    sampled = posterior(result, FITTED, seed=2)
    assert sampled.values["a"].min() >= 0.0
    assert sampled.values["a"].mean() == pytest.approx(0.525, abs=0.04)


def test_one_program_serves_other_data():
    from jaxcell.inference import nuts

    before = None
    for seed in (0, 1):
        posterior(fit(decay_problem(white(seed)), starts=12, settings=PLAIN), FITTED)
        count = nuts._advance._cached._cache_size()
        assert before in (None, count)
        before = count


def test_a_failing_model_is_left_out():
    """The model fails above rate 1.6, a little over the optimum: no draw lies there and the run still ends."""

    def rows(values, data):
        return jnp.where(values["rate"] < 1.53, decay_rows(values, data), jnp.nan)

    problem = decay_problem(white(0))
    broken = FunctionProblem(decay_parameters(), rows, problem.data)
    result = fit(broken, starts=12, settings=PLAIN)
    found = posterior(result, FITTED)
    assert found.values["rate"].max() < 1.53
    assert np.all(np.isfinite(found.theta))


def test_refusals():
    with pytest.raises(ValueError, match=r"'student_dof' must be above 1, but is 0\.5"):
        Likelihood(student_dof=0.5)
    with pytest.raises(ValueError, match="exclude each other"):
        Likelihood(student_dof=4.0, discrepancy=True)
    with pytest.raises(ValueError, match="holds the outliers and the discrepancy already"):
        Likelihood(noise="fitted", discrepancy=True)
    with pytest.raises(ValueError, match="'warmup' must be a multiple of chunk 100, but is 30"):
        NutsSettings(warmup=30)
    with pytest.raises(ValueError, match="'target_accept' must lie in"):
        NutsSettings(target_accept=1.0)
    with pytest.raises(ValueError, match="'draws' must be at least 2"):
        laplace(decay_fit(), draws=1)
