"""Intervals where priors and bounds count: noise other than stated, flat priors, ridges that end on a bound."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxcell.inference import FitSettings, FunctionProblem, Normal, Parameter, ParameterSet, fit, laplace
from jaxcell.inference.cut_gaussian import CutGaussian, cut_interval

ONE = np.full(1, 1.959963984540054)


def mean_rows(values, data):
    return (values["a"] * jnp.ones(data["y"].size) - data["y"]) / data["sd"]


def mean_problem(y, sd, prior=None, bounds=(-50.0, 50.0)):
    """A mean seen through noise."""
    parameters = ParameterSet([Parameter("a", "a", "V", bounds, "linear", prior, initial=0.5)])
    return FunctionProblem(parameters, mean_rows, {"y": y, "sd": sd}, segments=jnp.zeros(y.size, dtype=jnp.int32))


def cut(centre, precision, gradient=None, lower=None, upper=None):
    centre = np.asarray(centre)
    nothing = np.zeros(centre.size)
    lower, upper = (nothing if lower is None else lower), (np.ones(centre.size) if upper is None else upper)
    return CutGaussian(centre, np.asarray(precision), nothing if gradient is None else gradient, lower, upper)


@pytest.mark.parametrize("precision", [0.0, 1e-5, 1.0, 30.0, 1e4])
@pytest.mark.parametrize(("centre", "gradient"), [(0.3, 0.0), (0.0, 0.0), (0.0, 4.0), (0.0, 400.0), (1.0, -4.0)])
def test_draws_of_one_number_follow_its_density(precision: float, centre: float, gradient: float) -> None:
    x = np.linspace(0.0, 1.0, 20001)
    exponent = -gradient * (x - centre) - 0.5 * precision * (x - centre) ** 2
    density = np.exp(exponent - exponent.max())
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    drawn = cut([centre], [[precision]], np.array([gradient])).draws(4000, np.random.default_rng(1))[:, 0]
    shares = np.interp(drawn, x, cumulative / cumulative[-1])
    assert scipy.stats.kstest(shares, "uniform").pvalue > 1e-3


def test_draws_of_a_sum_fill_what_the_sum_leaves() -> None:
    """a + b = 0.3 within 0.01, both flat on 0 to 1: a is flat on 0 to 0.3."""
    told = cut([0.2, 0.1], 1e4 * np.ones((2, 2)))
    drawn = told.draws(4000, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.sum(axis=1), 0.3, atol=0.05)
    np.testing.assert_allclose(np.quantile(drawn[:, 0], [0.1, 0.5, 0.9]), [0.03, 0.15, 0.27], atol=0.02)
    low, high = cut_interval(told, np.full(2, 1.96))
    np.testing.assert_allclose(low, 0.0075, atol=4e-3)
    np.testing.assert_allclose(high, 0.2925, atol=0.02)


def test_interval_holds_an_optimum_on_its_bound() -> None:
    low, high = cut_interval(cut([0.0], [[0.0]]), ONE)  # flat: from the bound to 95 %
    assert low == 0.0
    assert high == pytest.approx(0.95, abs=0.01)
    low, high = cut_interval(cut([0.5], [[1e4]]), ONE)  # bounds are far: closed form
    np.testing.assert_allclose(
        [low[0], high[0]], 0.5 + np.array([-1.0, 1.0]) * ONE[0] / np.sqrt(1e4 + 0.01), rtol=1e-12
    )


def test_too_little_inside_the_bounds_is_said() -> None:
    outside = cut([3.0, 3.0], 1e6 * np.array([[1.0, 0.999], [0.999, 1.0]]), lower=np.zeros(2), upper=np.ones(2))
    with pytest.raises(ValueError, match="lie inside the bounds"):
        outside._replace(centre=np.array([-300.0, 300.0])).draws(10, np.random.default_rng(0))


@pytest.mark.parametrize("ratio", [1.0, 3.0], ids=["data as good as the prior", "data worse"])
def test_intervals_beside_a_prior_hold_when_the_noise_is_thirty_times_what_was_stated(ratio: float) -> None:
    """Truths from the prior N(0, 1); the noise of the mean is `ratio` of it. The estimate is the posterior's mode."""
    rng, real = np.random.default_rng(3), ratio * np.sqrt(30.0)
    held, drawn, off = [], [], []
    for _ in range(120):
        truth = rng.normal()
        y = truth + real * rng.normal(size=30)
        found = fit(
            mean_problem(y, np.asarray(real / 30.0), Normal(0.0, 1.0)), starts=2, settings=FitSettings(ridges=0)
        )
        low, high = found.parameters["a"].interval95
        held.append(low <= truth <= high)
        low, high = laplace(found, draws=400).marginals["a"].interval95
        drawn.append(low <= truth <= high)
        off.append(found.estimates["a"] - np.mean(y) / (1.0 + ratio**2))
    assert 0.88 <= np.mean(held) <= 0.99
    assert 0.86 <= np.mean(drawn) <= 0.99
    assert np.sqrt(np.mean(np.square(off))) < 0.3 / np.sqrt(1.0 + ratio**-2)  # of a posterior sd: the noise is found


@pytest.mark.parametrize("ratio", [0.1, 1.0, 3.0])
def test_intervals_of_flat_priors_hold(ratio: float) -> None:
    """Truths uniform between the bounds; the noise of the mean is `ratio` of their width."""
    rng, real = np.random.default_rng(2), ratio * np.sqrt(30.0)
    held, drawn = [], []
    for _ in range(150):
        truth = rng.uniform()
        y = truth + real * rng.normal(size=30)
        found = fit(mean_problem(y, np.asarray(real), bounds=(0.0, 1.0)), starts=2, settings=FitSettings(ridges=0))
        low, high = found.parameters["a"].interval95
        assert 0.0 <= low <= found.estimates["a"] <= high <= 1.0
        held.append(low <= truth <= high)
        low, high = laplace(found, draws=400).marginals["a"].interval95
        drawn.append(low <= truth <= high)
    assert 0.9 <= np.mean(held) <= 0.99
    assert 0.89 <= np.mean(drawn) <= 0.99


def test_ridges_that_end_on_a_bound_hold_the_truth() -> None:
    """Only a + b is seen, of flat logarithms: an end of the ridge hides one of the two."""
    rng = np.random.default_rng(7)
    parameters = ParameterSet([Parameter(name, name, "V", (1e-3, 10.0), "log", initial=0.5) for name in "ab"])

    def rows(values, data):
        return ((values["a"] + values["b"]) * jnp.ones(20) - data["y"]) / data["sd"]

    held = []
    for _ in range(40):
        a, b = np.exp(rng.uniform(np.log(1e-3), np.log(10.0), 2))
        sd = 0.05 * (a + b)
        y = a + b + sd * rng.normal(size=20)
        found = fit(
            FunctionProblem(parameters, rows, {"y": y, "sd": np.asarray(sd)}, segments=jnp.zeros(20, dtype=jnp.int32)),
            starts=12,
        ).parameters
        for name, truth in (("a", a), ("b", b)):
            low, high = found[name].interval95
            held.append(low <= truth <= high)
    assert np.mean(held) >= 0.93


def test_tables_of_a_narrow_prior_in_wide_bounds() -> None:
    narrow = Parameter("a", "a", "1", (-1e3, 1e3), "linear", Normal(1.2345, 1e-4), initial=1.2345)
    parameters = ParameterSet([narrow])
    assert parameters.prior_sd()[0] == pytest.approx(1e-4 / 2e3, rel=1e-3)  # in theta, of the bounds' width
    low, middle, high = parameters.prior_quantiles(np.array([[0.025, 0.5, 0.975]]))[0] * 2e3
    np.testing.assert_allclose([low, middle, high], 1.2345 + 1.96e-4 * np.array([-1.0, 0.0, 1.0]), atol=1e-6)
