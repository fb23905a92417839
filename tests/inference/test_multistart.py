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

SHORT = FitSettings(adam_steps=4, chunk=4)


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
    alone = fit(problem, starts=1, settings=FitSettings(adam_steps=0))
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
    settings = FitSettings(adam_steps=0).multistart
    count = 5 * BLOCK + 1
    boxes = Box(*(jnp.tile(bound[None, :], (count, 1)) for bound in (parameters.lower, parameters.upper)))
    away = parameters.from_physical({"frequency": 6.6})
    thetas = jnp.tile(parameters.initial, (count, 1)).at[BLOCK + 1].set(away)
    weighting = plain_weighting(problem)
    outcome = run_starts(problem, prepare(problem, thetas, boxes, settings), boxes, weighting, settings)
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
    result = fit(problem, starts=12, settings=FitSettings(adam_steps=0))
    assert result.converged
    assert {s.status for s in result.starts} >= {Status.NON_FINITE_START}
    rescued = fit(problem, starts=12, settings=FitSettings(adam_steps=20))
    assert all(np.isfinite(s.loss) for s in rescued.starts)
    assert rescued.loss == pytest.approx(result.loss, rel=1e-9)


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
    """Both stages, the final evaluation and the ridges run one program: its body is traced by one `jvp`."""
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
    assert seen[-1] == (104, 104)
    assert len(seen) >= 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("window closed")], ids=["keyboard", "hook"])
@pytest.mark.parametrize("chunk", [2, 6], ids=["during adam", "during the solver"])
def test_interruption_keeps_the_best_so_far(error, chunk):
    def stop(done, total):
        raise error

    settings = FitSettings(adam_steps=4, chunk=chunk)
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
        ({"adam_steps": -1}, "'adam_steps' must not be negative"),
        ({"learning_rate": 1.5}, r"'learning_rate' must lie in \(0, 1\)"),
        ({"chunk": 0}, "'chunk' must be at least 1"),
    ],
)
def test_bad_settings_are_refused(change, message):
    settings = {"solver": SHORT.solver, "adam_steps": 4, "learning_rate": 0.1, "chunk": 4} | change
    with pytest.raises(ValueError, match=message):
        MultistartSettings(**settings)


@pytest.mark.parametrize("starts", [0, True])
def test_starts_are_a_whole_number(starts):
    with pytest.raises(ValueError, match=f"starts must be a whole number of at least 1, but is {starts!r}"):
        fit(decay_problem(white(0)), starts=starts)
    with pytest.raises(ValueError, match="seed must be a whole number of at least 0, but is -1"):
        fit(decay_problem(white(0)), seed=-1)
