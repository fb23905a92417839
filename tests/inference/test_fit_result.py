"""The report: what it says, that it survives JSON, and that bounds show."""

import json
import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inference_cases import TIMES, decay_parameters, decay_problem, sum_problem, white

from jaxcell.inference import FitSettings, FunctionProblem, Parameter, ParameterSet, Status, fit
from jaxcell.inference.covariance import Noise
from jaxcell.inference.report import MemberFit


def only_plain(value):
    if isinstance(value, dict):
        return all(isinstance(k, str) and only_plain(v) for k, v in value.items())
    if isinstance(value, list):
        return all(only_plain(v) for v in value)
    return value is None or type(value) in (bool, int, float, str)


def test_dictionary_survives_strict_json():
    told = fit(sum_problem(), starts=12).to_dict()
    assert only_plain(told)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    layer = told["parameters"]["layer"]
    assert layer["unit"] == "ohm"
    assert layer["identifiable"] is False
    assert layer["verdict"] == "only in combination with interface"
    assert layer["interval95"][0] < layer["estimate"] < layer["interval95"][1]
    assert layer["prior"]["kind"] == "lognormal"
    assert layer["prior"]["interval95"] == pytest.approx([0.1, 10.0], rel=0.02)
    assert told["combinations"]["total"]["identifiable"] is True
    assert told["combinations"]["total"]["unit"] == "ohm"
    assert told["fit"]["converged"] is True
    assert told["fit"]["n_points"] == 50
    assert told["fit"]["rmse"] == pytest.approx(0.01, rel=0.3)
    assert len(told["fit"]["starts"]) == 12
    assert set(told["ridges"][0]["values"]) == {"layer", "interface"}


def test_estimates_match_the_closed_form():
    """Straight line through known noise, on a log scale: the estimate and its error from the normal
    equations."""

    def rows(values, data):
        return (values["slope"] * data["x"] - data["y"]) / 0.1

    x = np.linspace(0.0, 1.0, 30)
    data = {"x": x, "y": 2.0 * x + white(0, 0.1, 30)}
    parameters = ParameterSet([Parameter("slope", "s", "1", (1e-3, 1e3), "log", initial=1.0)])
    result = fit(FunctionProblem(parameters, rows, data), starts=12)
    slope = float(x @ data["y"] / (x @ x))
    error = 0.1 / np.sqrt(x @ x)
    assert result.estimates["slope"] == pytest.approx(slope, rel=1e-8)
    expected = error / slope * np.sqrt(result.noise.inflation)
    assert result.standard_errors[0] == pytest.approx(expected, rel=1e-3)  # the flat prior's width is 14
    half = np.log(result.parameters["slope"].interval95[1] / slope)
    assert half == pytest.approx(result.noise.quantile * expected, rel=1e-6)  # in the interval it is its bounds alone
    assert result.correlation == pytest.approx(np.ones((1, 1)))


def test_estimate_on_a_bound_is_flagged_and_its_interval_stays_inside():
    problem = decay_problem(white(0), parameters=decay_parameters(rate=(0.05, 1.0)))
    result = fit(problem, starts=12)
    rate = result.parameters["rate"]
    assert result.converged
    assert rate.on_bound == "upper"
    assert rate.estimate == 1.0
    assert rate.interval95[1] == 1.0
    assert rate.interval95[0] < 1.0
    assert result.parameters["amplitude"].on_bound is None
    assert "on its upper bound" in result.summary()
    assert result.to_dict()["parameters"]["rate"]["on_bound"] == "upper"
    told = result.to_dict()["fit"]["message"]
    assert told == result.sentence
    start = "The fit converged with rate on its upper bound, beyond which the loss may fall further; for the others "
    assert told.startswith(start)


def test_a_fit_whose_every_parameter_ends_on_a_bound_says_so():
    result = fit(decay_problem(white(0), parameters=decay_parameters((0.1, 0.5), (0.05, 0.1))), starts=12)
    assert {name: p.on_bound for name, p in result.parameters.items()} == {"amplitude": "upper", "rate": "upper"}
    assert result.sentence == (
        "The fit converged with amplitude on its upper bound and rate on its upper bound, beyond which the loss may "
        "fall further."
    )


def test_a_fit_inside_its_bounds_speaks_of_none():
    result = fit(decay_problem(white(0)), starts=12)
    assert result.sentence == result.status.sentence
    assert "bound" not in result.sentence


def test_summary_names_everything():
    text = fit(sum_problem(), starts=12).summary()
    for word in ("converged", "layer", "interface", "ohm", "total", "only in combination", "starts", "rmse"):
        assert word in text


def test_infinite_numbers_become_none():
    """A start that never ran has an infinite loss."""

    def rows(values, data):
        return jnp.where(values["rate"] > 1.0, jnp.nan, 1.0) * (values["amplitude"] - jnp.ones(5))

    result = fit(FunctionProblem(decay_parameters(), rows), starts=12, settings=FitSettings(retreats=0))
    failed = [s for s in result.starts if s.status is Status.NON_FINITE_START]
    told = result.to_dict()["fit"]["starts"]
    assert failed
    assert sum(s["loss"] is None for s in told) == len(failed)


def test_results_are_reproducible():
    one, two = (fit(decay_problem(white(0)), starts=12, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.theta, two.theta)
    assert one.to_dict() == two.to_dict()


def test_no_host_callbacks_in_the_compiled_loss():
    """Callbacks would turn off the persistent compilation cache."""
    problem = sum_problem()
    text = str(jax.make_jaxpr(jax.value_and_grad(problem.loss))(problem.parameters.initial))
    assert "callback" not in text
    assert problem.residuals(problem.parameters.initial).dtype == jnp.float64


def test_problem_is_pure_under_transformations():
    problem = decay_problem(white(0))
    thetas = jnp.stack([problem.parameters.initial, problem.parameters.initial + 0.1])
    losses = jax.jit(jax.vmap(problem.loss))(thetas)
    np.testing.assert_allclose(losses, [problem.loss(t) for t in thetas], rtol=1e-14)
    h = 1e-6
    slope = jax.grad(problem.loss)(thetas[1])
    for k in range(2):
        e = jnp.zeros(2).at[k].set(h)
        central = (problem.loss(thetas[1] + e) - problem.loss(thetas[1] - e)) / (2.0 * h)
        assert float(slope[k]) == pytest.approx(float(central), rel=1e-6)
    assert TIMES.size == problem.segments.size


@pytest.mark.parametrize("times", [2.0, 100.0])
def test_a_measurement_that_the_model_misses_is_said_to_be(times: float):
    noise = Noise(9, 1.0, 9 * times**2, 1.0, times**2, 8.0, 8.0)
    words = MemberFit("eis", np.full(9, times), np.zeros(9, int), noise, None, "V").sentence
    assert ("THE MODEL MISSES IT" in words) == (times > 10.0)


@pytest.mark.parametrize(
    ("times", "tau", "missed"), [(1.5, 8.0, False), (3.0, 1.0, False), (3.0, 8.0, True), (20.0, 1.0, True)]
)
def test_the_headline_names_what_the_model_misses(times: float, tau: float, missed: bool):
    """Residuals beyond the noise that follow one another, or far beyond it."""
    result = fit(sum_problem(), starts=1, settings=FitSettings(ridges=0))
    noise = Noise(90, 1.0, 90 * times**2, tau, times**2, 80.0, 80.0)
    eis = MemberFit("eis", np.full(90, times), np.zeros(90, int), noise, None, "V")
    well = replace(eis, name="curve", noise=replace(noise, chi2=90.0, autocorrelation_time=1.0))
    told = replace(result, members={"curve": well, "eis": eis})
    assert eis.missed == missed
    assert ("The model misses eis, whose residuals are" in told.missed) == missed
    assert ("follow one another over 8 points" in told.missed) == (missed and tau > 3.0)
    assert "curve" not in told.missed
    assert told.to_dict()["missed"] == told.missed
    assert ("The model misses eis" in told.summary().splitlines()[2]) == missed
    assert result.missed == ""


def test_starts_that_fit_as_well_elsewhere_are_told():
    """Two exponentials may change places; what does so is not the only optimum."""
    bounds, names = (0.05, 50.0), ("fast", "slow")
    parameters = ParameterSet(
        [Parameter(n, n, "1/s", bounds, initial=k) for n, k in zip(names, (5.0, 0.5), strict=True)]
    )

    def rows(values, data):
        model = jnp.exp(-values["fast"] * TIMES) + jnp.exp(-values["slow"] * TIMES)
        return (model - data) / 0.01

    data = np.exp(-4.0 * TIMES) + np.exp(-0.6 * TIMES) + white(1, 0.01)
    result = fit(FunctionProblem(parameters, rows, data), starts=12)
    assert {p.identifiable for p in result.parameters.values()} == {True}
    assert re.search(
        r"But \d+ of 12 starts reached the same loss elsewhere, such as fast = \S+ 1/s, slow", result.sentence
    )
    assert result.to_dict()["fit"]["message"] == result.sentence
    alone = fit(sum_problem(), starts=12)
    assert alone.elsewhere == ()
