"""Many starts: where they begin, that they compile once, and that an interruption keeps the best so far."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inference_cases import TIMES, decay_parameters, decay_problem, decay_rows, white

from jaxcell.inference import (
    FitSettings,
    FunctionProblem,
    LogNormal,
    MultistartSettings,
    Parameter,
    ParameterSet,
    Status,
    fit,
    start_points,
)
from jaxcell.inference.evaluation import plain_weighting
from jaxcell.inference.least_squares import Box
from jaxcell.inference.multistart import BLOCK, prepare, run_starts

SHORT = FitSettings(chunk=4)


def test_starts_fill_every_slice_of_the_priors():
    parameters = decay_parameters(prior=LogNormal((0.2, 5.0)))
    points = np.asarray(start_points(parameters, 33, seed=1))
    np.testing.assert_allclose(points[0], parameters.initial)
    assert np.all(points >= np.asarray(parameters.lower))
    assert np.all(points <= np.asarray(parameters.upper))
    edges = parameters.prior_quantiles(np.tile(np.linspace(0.0, 1.0, 33), (2, 1)))
    for k in range(2):
        counts, _ = np.histogram(points[1:, k], edges[k])
        np.testing.assert_array_equal(counts, np.ones(32))


def test_starts_follow_the_seed():
    parameters = decay_parameters()
    np.testing.assert_array_equal(start_points(parameters, 5, 7), start_points(parameters, 5, 7))
    assert not np.allclose(start_points(parameters, 5, 7)[1:], start_points(parameters, 5, 8)[1:])
    assert start_points(parameters, 1, 0).shape == (1, 2)


def wave_rows(values, data):
    return (jnp.sin(values["frequency"] * data["t"]) - data["y"]) / 0.05


def test_many_starts_leave_a_poor_basin():
    """A sine's frequency has a local optimum in every period: the start alone ends in the wrong one."""
    data = {"t": TIMES, "y": np.sin(7.0 * TIMES)}
    parameters = ParameterSet([Parameter("frequency", "f", "1/s", (0.5, 20.0), "linear", initial=14.0)])
    problem = FunctionProblem(parameters, wave_rows, data)
    alone = fit(problem, starts=1)
    together = fit(problem, starts=24)
    assert alone.converged
    assert alone.estimates["frequency"] != pytest.approx(7.0, abs=0.5)
    assert together.estimates["frequency"] == pytest.approx(7.0, abs=1e-6)
    assert 0.0 < together.share_at_optimum < 1.0
    assert len(together.starts) == 24


def test_starts_that_have_ended_cost_nothing():
    """One start has a way to go; the others begin at the optimum and end at once."""
    data = {"t": TIMES, "y": np.sin(7.0 * TIMES)}
    parameters = ParameterSet([Parameter("frequency", "f", "1/s", (0.5, 20.0), "linear", initial=7.0)])
    evaluated = []

    def rows(values, data):
        jax.debug.callback(lambda _: evaluated.append(1), values["frequency"])
        return wave_rows(values, data)

    problem = FunctionProblem(parameters, rows, data)
    settings = FitSettings().multistart
    count = 5 * BLOCK + 1
    boxes = Box(*(jnp.tile(bound[None, :], (count, 1)) for bound in (parameters.lower, parameters.upper)))
    away = parameters.from_physical({"frequency": 6.6})
    thetas = jnp.tile(parameters.initial, (count, 1)).at[BLOCK + 1].set(away)
    weighting = plain_weighting(problem)
    outcome = run_starts(problem, prepare(problem, thetas, boxes), boxes, weighting, settings)
    jax.effects_barrier()
    steps = np.asarray(outcome.steps)
    assert np.all(np.asarray(outcome.status) > Status.RUNNING)
    np.testing.assert_allclose(outcome.evaluation.theta[:, 0], parameters.initial[0], atol=1e-6)
    assert steps.max() > 2 * np.median(steps)
    per = len(evaluated) / (count * (1 + steps.max()))  # of what a step of every start takes, up to a factor
    assert per < 0.5, (per, steps)


def test_failing_starts_do_not_spoil_the_fit():
    def rows(values, data):
        bad = values["rate"] > 3.0
        return jnp.where(bad, jnp.nan, decay_rows(values, data))

    problem = decay_problem(white(4))
    problem = FunctionProblem(problem.parameters, rows, problem.data)
    result = fit(problem, starts=12, settings=FitSettings(retreats=0))
    assert result.converged
    lost = [s.status is Status.NON_FINITE_START for s in result.starts]
    assert 0 < sum(lost) < 12
    rescued = fit(problem, starts=12)
    assert all(np.isfinite(s.loss) for s in rescued.starts)
    assert rescued.loss == pytest.approx(result.loss, rel=1e-9)
    for one, other, was_lost in zip(rescued.starts, result.starts, lost, strict=True):
        assert (one.steps == other.steps) is not was_lost  # the others go their own way


def test_start_retreats_from_where_the_model_fails_to_the_best_of_the_others():
    """From 16 half-way to the other start's 1 until it is below 3: 8.5, 4.75, 2.875."""

    def rows(values, data):
        return jnp.where(values["x"] > 3.0, jnp.nan, 1.0) * jnp.stack([values["x"] - 0.9, 0.0 * values["x"]])

    parameters = ParameterSet([Parameter("x", "x", "1", (0.9, 20.0), "linear", initial=1.0)])
    problem = FunctionProblem(parameters, rows, None)
    boxes = Box(*(jnp.tile(bound[None, :], (2, 1)) for bound in (parameters.lower, parameters.upper)))
    state = prepare(problem, jnp.stack([parameters.from_physical({"x": x}) for x in (1.0, 16.0)]), boxes)

    def ends(retreats):
        settings = MultistartSettings(FitSettings().solver, retreats, chunk=10)
        return run_starts(problem, state, boxes, plain_weighting(problem), settings)

    given_up, rescued = ends(2), ends(20)
    assert Status(int(given_up.status[1])) is Status.NON_FINITE_START
    assert int(given_up.steps[1]) == 3
    assert not np.isfinite(given_up.evaluation.cost[1])
    np.testing.assert_allclose(rescued.evaluation.theta, jnp.tile(parameters.lower[None, :], (2, 1)), atol=1e-9)
    assert int(rescued.steps[0]) == int(given_up.steps[0])
    assert int(rescued.steps[1]) > 3


def test_no_finite_start_is_an_error():
    problem = FunctionProblem(decay_parameters(), lambda values, data: jnp.full((3,), jnp.nan) * values["rate"])
    with pytest.raises(ValueError, match="None of the 3 starts has finite residuals"):
        fit(problem, starts=3, settings=SHORT)


def test_second_fit_with_other_data_does_not_compile_again():
    traces = []

    def rows(values, data):
        traces.append(1)
        return decay_rows(values, data)

    def problem(seed, truth, rate):
        made = decay_problem(white(seed), truth=truth, parameters=decay_parameters(rate=rate))
        segments = jnp.zeros(TIMES.size, dtype=jnp.int32)
        return FunctionProblem(made.parameters, rows, made.data, segments=segments)

    first = fit(problem(0, (2.0, 1.5), (0.05, 20.0)), starts=12)
    counted = len(traces)
    second = fit(problem(1, (3.0, 1.0), (0.06, 15.0)), starts=12, seed=5)
    assert counted >= 1
    assert len(traces) == counted
    assert first.estimates["amplitude"] == pytest.approx(2.0, rel=0.05)
    assert second.estimates["amplitude"] == pytest.approx(3.0, rel=0.05)


def test_model_is_traced_once_per_fit():
    """The starts, the final evaluation and the ridges run one program: its body is traced by one `jvp`."""
    traces = []

    def rows(values, data):
        traces.append(1)
        return decay_rows(values, data)

    problem = decay_problem(white(0))
    segments = jnp.zeros(TIMES.size, dtype=jnp.int32)
    fit(FunctionProblem(problem.parameters, rows, problem.data, segments=segments), starts=12)
    assert len(traces) <= 3  # lax.while_loop may trace its body again to settle weak types


def test_progress_counts_up_to_the_total():
    seen = []
    fit(decay_problem(white(0)), starts=4, settings=SHORT, progress=lambda done, total: seen.append((done, total)))
    done = [d for d, _ in seen]
    assert done == sorted(done)
    assert seen[-1] == (120, 120)
    assert len(seen) >= 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("window closed")], ids=["keyboard", "hook"])
def test_interruption_keeps_the_best_so_far(error):
    def stop(done, total):
        raise error

    settings = FitSettings(chunk=2)
    problem = decay_problem(white(0))
    result = fit(problem, starts=4, settings=settings, progress=stop)
    assert result.interrupted
    assert not result.converged
    assert "best point so far" in result.sentence
    assert ("keyboard" in result.sentence) == isinstance(error, KeyboardInterrupt)
    assert np.isfinite(result.loss)
    assert result.loss <= float(problem.loss(problem.parameters.initial))
    assert result.to_dict()["fit"]["interrupted"] is True


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"retreats": -1}, "'retreats' must not be negative"),
        ({"chunk": 0}, "'chunk' must be at least 1"),
    ],
)
def test_bad_settings_are_refused(change, message):
    settings = {"solver": SHORT.solver, "retreats": 4, "chunk": 4} | change
    with pytest.raises(ValueError, match=message):
        MultistartSettings(**settings)


@pytest.mark.parametrize("starts", [0, True])
def test_starts_are_a_whole_number(starts):
    with pytest.raises(ValueError, match=f"starts must be a whole number of at least 1, but is {starts!r}"):
        fit(decay_problem(white(0)), starts=starts)
    with pytest.raises(ValueError, match="seed must be a whole number of at least 0, but is -1"):
        fit(decay_problem(white(0)), seed=-1)
