"""Covariance and noise: exact where theory is exact, nominal coverage by simulation where it is not."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inference_cases import TIMES, decay_parameters, decay_problem, decay_rows, linear_problem, white

from jaxcell.inference import (
    FitSettings,
    FunctionProblem,
    LevenbergMarquardt,
    autocorrelation_time,
    fisher_information,
    fit,
    least_squares,
    posterior_covariance,
)
from jaxcell.inference.autocorrelation import credible_time
from jaxcell.inference.covariance import noise_level, student_95

ONE_STRETCH = np.zeros(400, dtype=int)


def autoregression(seed, phi, size):
    """Unit-variance first-order autoregression."""
    rng = np.random.default_rng(seed)
    r = np.empty(size)
    r[0] = rng.normal()
    for i, kick in enumerate(np.sqrt(1.0 - phi**2) * rng.normal(size=size - 1)):
        r[i + 1] = phi * r[i] + kick
    return r


def test_linear_covariance_is_exact():
    problem = linear_problem(prior_sd=0.3)
    theta = problem.parameters.initial
    A = np.asarray(problem.data["A"])
    exact = np.linalg.inv(A.T @ A + np.eye(3) / 0.3**2)  # in the physical values; theta = value / 100
    C = posterior_covariance(fisher_information(problem, theta), problem.parameters.prior_precision(theta))
    np.testing.assert_allclose(np.asarray(C) * 100.0**2, exact, rtol=1e-11)
    result = fit(problem, starts=12, settings=FitSettings(ridges=0))
    scale = result.noise.inflation
    inflated = np.linalg.inv(A.T @ A / scale + np.eye(3) / 0.3**2)
    np.testing.assert_allclose(result.covariance * 100.0**2, inflated, rtol=1e-9)
    mode = np.linalg.solve(A.T @ A + np.eye(3) / 0.3**2, A.T @ np.asarray(problem.data["y"]))
    np.testing.assert_allclose(list(result.estimates.values()), mode, rtol=1e-6)


def test_posterior_covariance_survives_a_useless_measurement():
    precision = jnp.asarray([4.0, 0.25])
    C = posterior_covariance(jnp.zeros((2, 2)), precision)
    np.testing.assert_allclose(C, np.diag([0.25, 4.0]), rtol=1e-14)
    strong = jnp.asarray([[1e12, 1e12], [1e12, 1e12]])
    C = posterior_covariance(strong, jnp.ones(2))
    np.testing.assert_allclose(C, [[0.5, -0.5], [-0.5, 0.5]], atol=1e-3)


def test_posterior_covariance_can_be_differentiated():
    """d tr C / d scale of F = s I, P = I: C = I/(s + 1), so the derivative is -2/(s + 1)^2."""
    trace = lambda s: jnp.trace(posterior_covariance(s * jnp.eye(2), jnp.ones(2)))  # noqa: E731
    assert float(jax.grad(trace)(jnp.asarray(3.0))) == pytest.approx(-2.0 / 16.0, rel=1e-12)


def test_autocorrelation_time_of_white_noise_is_one():
    times = [autocorrelation_time(white(s, 1.0, 400), ONE_STRETCH) for s in range(100)]
    assert min(times) >= 1.0
    assert np.mean(times) < 1.15


@pytest.mark.parametrize("phi", [0.5, 0.8])
def test_autocorrelation_time_of_an_autoregression(phi):
    times = [autocorrelation_time(autoregression(s, phi, 4000), np.zeros(4000, dtype=int)) for s in range(20)]
    assert np.mean(times) == pytest.approx((1.0 + phi) / (1.0 - phi), rel=0.1)


def test_autocorrelation_stays_inside_segments():
    """Each stretch is constant with a random sign: within a stretch everything is correlated, across
    nothing."""
    signs = np.where(np.random.default_rng(0).random(100) < 0.5, -1.0, 1.0)
    residuals, segments = np.repeat(signs, 4), np.repeat(np.arange(100), 4)
    # rho_k = (4 - k)/4 inside a stretch of four: 1 + 2 (3/4 + 2/4 + 1/4) = 4.
    assert autocorrelation_time(residuals, segments) == pytest.approx(4.0, rel=1e-9)
    apart = autocorrelation_time(residuals, np.arange(400))
    assert apart == 1.0


def test_padding_does_not_count():
    residuals = white(0, 1.0, 100)
    padded = np.concatenate([residuals, np.zeros(50)])
    labels = np.concatenate([np.zeros(100, dtype=int), np.full(50, -1)])
    F, P = np.eye(2) * 100.0, np.ones(2)
    assert noise_level(padded, labels, F, P) == noise_level(residuals, labels[:100], F, P)


def test_misfit_inflates_and_small_residuals_do_not_deflate():
    F, P = np.eye(2) * 1e6, np.ones(2)
    quiet = noise_level(0.1 * white(0, 1.0, 400), ONE_STRETCH, F, P)
    loud = noise_level(3.0 * white(0, 1.0, 400), ONE_STRETCH, F, P)
    assert quiet.scale == 1.0
    assert loud.scale == pytest.approx(9.0, rel=0.2)
    assert quiet.effective_parameters == pytest.approx(2.0, abs=1e-5)
    slow = noise_level(3.0 * np.sin(np.linspace(0.0, 2.0 * np.pi, 400)), ONE_STRETCH, F, P)
    assert slow.autocorrelation_time > 50.0
    assert slow.quantile > 2.0


def test_student_quantiles():
    assert student_95(np.inf) == pytest.approx(1.959964, abs=1e-6)
    assert student_95(1.0) == pytest.approx(12.7062, abs=1e-3)


def coverage(draws, problem, sd):
    """Share of 95 % intervals that hold the truth, for each parameter, over `draws` of the noise at once."""
    clean = np.asarray(problem.data["y"])
    solver = LevenbergMarquardt(1e-6, 1e-9, 1e-9, 50)

    @eqx.filter_jit
    def solve(y):
        replaced = eqx.tree_at(lambda p: p.data["y"], problem, y)
        return least_squares(replaced, problem.parameters.initial, solver).evaluation

    found = eqx.filter_vmap(solve)(jnp.asarray(clean[None, :] + sd * draws))
    truth = np.asarray(problem.parameters.from_physical({"amplitude": 2.0, "rate": 1.5}))
    precision = np.asarray(problem.parameters.prior_precision(problem.parameters.initial))
    segments = np.asarray(problem.segments)
    inside, widths = [], []
    for i in range(draws.shape[0]):
        J = np.asarray(found.jacobian[i][: segments.size])
        F = J.T @ J
        noise = noise_level(np.asarray(found.residuals[i]), segments, F, precision)
        se = np.sqrt(np.diag(np.linalg.inv(F / noise.inflation + np.diag(precision))))
        inside.append(np.abs(np.asarray(found.theta[i]) - truth) <= noise.quantile * se)
        widths.append(se)
    return np.mean(inside, axis=0), np.mean(widths, axis=0), np.std(np.asarray(found.theta), axis=0)


def problem_of(size):
    times = np.linspace(0.0, 3.0, size)
    data = {"t": times, "y": 2.0 * np.exp(-1.5 * times), "sd": np.asarray(0.05)}
    return FunctionProblem(decay_parameters(), decay_rows, data)


def test_coverage_is_nominal_for_white_noise():
    draws = np.random.default_rng(11).normal(size=(400, 80))
    shares, widths, scatter = coverage(draws, problem_of(80), 0.05)
    assert np.all(shares >= 0.92), shares
    assert np.all(shares <= 0.99), shares
    np.testing.assert_allclose(widths, scatter, rtol=0.2)  # honest, not merely wide


def test_coverage_is_nominal_when_the_noise_is_larger_than_stated():
    draws = 3.0 * np.random.default_rng(12).normal(size=(400, 80))
    shares, _, _ = coverage(draws, problem_of(80), 0.05)
    assert np.all(shares >= 0.91), shares
    assert np.all(shares <= 0.99), shares


def test_coverage_holds_for_correlated_noise():
    draws = np.stack([autoregression(s, 0.7, 240) for s in range(300)])
    problem = problem_of(240)
    shares, _, _ = coverage(draws, problem, 0.05)
    assert np.all(shares >= 0.89), shares
    assert np.all(shares <= 0.99), shares
    naive = eqx.tree_at(lambda p: p.segments, problem, jnp.arange(240))  # every point a stretch of its own
    ignored, _, _ = coverage(draws[:60], naive, 0.05)
    assert np.all(ignored < 0.85), ignored


@pytest.mark.parametrize("estimated", [False, True])
def test_coverage_is_nominal_for_few_points(estimated):
    """A straight line through 24 points: 2000 intervals hold it in 95 +- 1.3 of 100 cases (99 %), no more often."""
    A = np.stack([np.ones(24), np.linspace(-1.0, 1.0, 24)], axis=1)
    F, labels = A.T @ A, np.repeat([0, 1], 12)
    noise = np.random.default_rng(17).normal(size=(2000, 24))
    off = np.linalg.solve(F, A.T @ noise.T).T
    inside = 0
    for rows, theta in zip(off @ A.T - noise, off, strict=True):
        found = noise_level(rows, labels, F, np.full(2, 1e-9), estimated=estimated)
        inside += abs(theta[1]) <= found.quantile * np.sqrt(found.inflation / F[1, 1])
    assert 0.937 <= inside / 2000 <= 0.963


def test_a_stated_noise_is_believed_until_it_is_refuted():
    """chi2 of 100 exceeds 124 in one case of twenty: what lies below says nothing against the noise."""
    F, P, labels = np.eye(1) * 1e-12, np.ones(1), np.arange(100)
    believed = noise_level(np.full(100, np.sqrt(1.24)), labels, F, P)
    assert believed.scale == 1.0
    assert believed.t_dof == np.inf
    refuted = noise_level(np.full(100, np.sqrt(1.25)), labels, F, P)
    assert refuted.scale == pytest.approx(1.25)
    assert refuted.t_dof == pytest.approx(100.0)
    renewed = noise_level(np.full(100, np.sqrt(1.24)), labels, F, P, stated=False)
    assert renewed.scale == pytest.approx(1.24)
    assert renewed.t_dof == pytest.approx(100.0)


def test_white_noise_is_believed_until_it_is_refuted():
    labels = np.zeros(40, dtype=int)
    times = [credible_time(white(s, 1.0, 40), labels) for s in range(300)]
    assert 0.85 <= np.mean(np.array(times) == 1.0) <= 0.95
    slow = autoregression(0, 0.9, 40)
    assert credible_time(slow, labels) == autocorrelation_time(slow, labels) > 3.0


def test_rmse_is_in_data_units():
    problem = decay_problem(white(0), data_scale=jnp.full((TIMES.size,), 0.02), data_unit="V")
    result = fit(problem, starts=12)
    rows = np.asarray(problem.residuals(jnp.asarray(result.theta)))
    assert result.rmse == pytest.approx(0.02 * np.sqrt(np.mean(rows**2)), rel=1e-9)
    assert result.to_dict()["fit"]["rmse_unit"] == "V"
    assert fit(decay_problem(white(0)), starts=12).rmse is None


def test_rounding_is_not_correlated_noise():
    """Data without noise leave residuals that follow one another, and are nothing."""
    smooth = 1e-12 * np.sin(np.linspace(0.0, 3.0, 60))
    segments = np.zeros(60, dtype=np.int32)
    assert noise_level(smooth, segments, np.eye(2), np.ones(2)).inflation == 1.0
    assert noise_level(1e12 * smooth, segments, np.eye(2), np.ones(2)).autocorrelation_time > 5.0
