"""Profile likelihoods against closed forms, and ends that the data do not give."""

import jax.numpy as jnp
import numpy as np
import pytest
from inference_cases import decay_problem, linear_problem, sum_problem, white
from scipy.optimize import brentq, minimize_scalar

from jaxcell.inference import FitSettings, FunctionProblem, Parameter, ParameterSet, fit, profile_likelihood

PLAIN = FitSettings(ridges=0)


def test_the_profile_of_a_linear_model_is_walds_interval():
    problem = linear_problem()
    result = fit(problem, starts=12, settings=PLAIN)
    A, y = np.asarray(problem.data["A"]), np.asarray(problem.data["y"])
    inverse = np.linalg.inv(A.T @ A)
    best = inverse @ A.T @ y
    q = result.identifiability.told.quantiles(result.covariance)
    for k, name in enumerate("abc"):
        found = profile_likelihood(result, name)
        half = q[k] * np.sqrt(inverse[k, k] * result.noise.inflation)
        assert found.estimate == pytest.approx(best[k], abs=1e-6 * half)
        low, high = found.interval95
        assert low == pytest.approx(best[k] - half, abs=2e-4 * half)
        assert high == pytest.approx(best[k] + half, abs=2e-4 * half)
        z = (found.values - best[k]) / half * q[k]
        np.testing.assert_allclose(found.rise, 0.5 * z**2, atol=1e-6 * (1.0 + found.rise.max()))
        assert found.lower.closed
        assert found.upper.closed


def exponential_rows(values, data):
    return (jnp.exp(values["rate"] * data["t"]) - data["y"]) / data["sd"]


def test_the_profile_of_an_exponential_is_asymmetric_and_exact():
    """One parameter: the profile is the loss itself, and its ends are roots of an explicit function."""
    t = np.linspace(0.2, 2.0, 12)
    data = {"t": t, "y": np.exp(1.0 * t) + 2.0 * white(1, 1.0, t.size), "sd": np.asarray(2.0)}
    parameters = ParameterSet([Parameter("rate", "k", "1/s", (-6.0, 4.0), "linear", initial=0.5)])
    result = fit(FunctionProblem(parameters, exponential_rows, data), starts=12, settings=PLAIN)
    found = profile_likelihood(result, "rate")

    def loss(k):
        return 0.5 * np.sum(((np.exp(k * t) - data["y"]) / 2.0) ** 2) / result.noise.inflation

    best = minimize_scalar(loss, bounds=(0.0, 2.0), method="bounded", options={"xatol": 1e-10}).x
    over = lambda k: loss(k) - loss(best) - found.contour  # noqa: E731
    low, high = brentq(over, -6.0, best), brentq(over, best, 4.0)
    assert found.interval95 == pytest.approx((low, high), rel=1e-4)
    assert best - low > 1.2 * (high - best)
    assert "lies between" in found.sentence


def test_the_profile_of_a_decay_follows_the_others():
    """Amplitude in closed form at each rate, so that the profile of the rate is an explicit function too."""
    problem = decay_problem(white(0, 0.4), sd=0.4)
    result = fit(problem, starts=12, settings=PLAIN)
    found = profile_likelihood(result, "rate")
    t, y = np.asarray(problem.data["t"]), np.asarray(problem.data["y"])

    def loss(k):
        shape = np.exp(-k * t)
        amplitude = np.clip((shape @ y) / (shape @ shape), 0.1, 10.0)
        return 0.5 * np.sum((amplitude * shape - y) ** 2) / 0.4**2 / result.noise.inflation

    exact = np.array([loss(k) for k in found.values])
    np.testing.assert_allclose(found.rise, exact - exact.min(), atol=1e-5)
    np.testing.assert_allclose([loss(k) - exact.min() for k in found.interval95], found.contour, rtol=2e-3)


def test_a_term_of_a_sum_is_open_below():
    """R1 + R2 is seen: each may be nothing, none may be more than the sum."""
    found = profile_likelihood(fit(sum_problem(), starts=12, settings=PLAIN), "layer")
    assert found.lower.kind == "bound"
    assert found.lower.value == pytest.approx(1e-4)
    assert found.interval95[0] is None
    assert 2.98 < found.upper.value < 3.05
    assert "its bound 0.0001 ohm fits as well" in found.sentence


def test_priors_close_what_the_data_leave_open():
    result = fit(sum_problem(), starts=12, settings=PLAIN)
    found = profile_likelihood(result, "layer", priors=True)
    assert found.lower.closed
    assert found.lower.value > 0.01


def test_a_model_that_fails_ends_the_profile_without_a_root():
    def rows(values, data):
        return jnp.where(values["a"] < 1.5, 0.1 * (values["a"] - 1.0), jnp.nan)[None]

    parameters = ParameterSet([Parameter("a", "a", "V", (-40.0, 40.0), "linear", initial=1.0)])
    found = profile_likelihood(fit(FunctionProblem(parameters, rows, {}), starts=4, settings=PLAIN), "a")
    assert found.upper.kind == "model"
    assert found.upper.value == pytest.approx(1.5, abs=1e-3)
    assert found.interval95[1] is None


def test_a_better_optimum_met_on_the_way_is_used_and_told():
    """Two wells, and a fit from one start that sits in the shallower one."""

    def rows(values, data):
        x = values["x"]
        return jnp.stack([2.0 * (x**2 - 1.0), 0.4 * (x + 1.0)])

    parameters = ParameterSet([Parameter("x", "x", "1", (-3.0, 3.0), "linear", initial=0.9)])
    settings = FitSettings(ridges=0)
    result = fit(FunctionProblem(parameters, rows, {}), starts=1, settings=settings)
    assert result.estimates["x"] > 0.8
    found = profile_likelihood(result, "x")
    assert found.improved > 0.1
    assert found.estimate == pytest.approx(-1.0, abs=0.1)


def test_an_unknown_parameter_is_refused():
    result = fit(linear_problem(), starts=12, settings=PLAIN)
    with pytest.raises(ValueError, match="There is no fitted parameter 'd'; there are a, b, c"):
        profile_likelihood(result, "d")
