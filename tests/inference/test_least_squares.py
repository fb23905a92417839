"""The solver against scipy and closed forms: interior, on bounds, singular, and where the model fails."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.optimize
from inference_cases import (
    SOLVER,
    decay_parameters,
    decay_problem,
    linear_problem,
    pulse_problem,
    rosenbrock_problem,
    sum_problem,
    sum_rows,
    white,
)

from jaxcell.inference import Box, FunctionProblem, LevenbergMarquardt, Parameter, ParameterSet, Status, least_squares
from jaxcell.inference.evaluation import evaluate, plain_weighting, value_and_jacobian
from jaxcell.inference.least_squares import init, judge

solve = eqx.filter_jit(least_squares)


def scipy_optimum(problem):
    """scipy's trust-region reflective solution; bounds a hair wide, since it insists on interior points."""

    p = problem.parameters
    bounds = (np.asarray(p.lower), np.asarray(p.upper))
    start = np.clip(np.asarray(p.initial), bounds[0] + 1e-6, bounds[1] - 1e-6)
    return scipy.optimize.least_squares(
        lambda theta: np.asarray(all_rows(problem, jnp.asarray(theta))),
        start,
        lambda theta: np.asarray(all_slopes(problem, jnp.asarray(theta))),
        bounds,
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-13,
    )


@eqx.filter_jit
def all_rows(problem, theta):
    return jnp.concatenate([problem.residuals(theta), problem.prior_residuals(theta)])


@eqx.filter_jit
def all_slopes(problem, theta):
    return jax.jacfwd(lambda t: jnp.concatenate([problem.residuals(t), problem.prior_residuals(t)]))(theta)


@pytest.mark.parametrize(
    "problem",
    [
        decay_problem(white(0)),
        linear_problem(prior_sd=0.3),
        pulse_problem(np.linspace(0.0, 0.6, 40)),
        rosenbrock_problem(),
    ],
    ids=["decay", "linear", "pulse", "rosenbrock"],
)
def test_same_optimum_as_scipy(problem):
    found = solve(problem, problem.parameters.initial, SOLVER)
    reference = scipy_optimum(problem)
    assert Status(int(found.status)).converged
    np.testing.assert_allclose(found.evaluation.theta, reference.x, atol=1e-6)
    assert float(found.evaluation.cost) <= reference.cost + 1e-12


@pytest.mark.parametrize(
    ("problem", "held", "bound"),
    [
        (rosenbrock_problem(x_bounds=(-3.0, 0.5)), 0, "upper"),
        (rosenbrock_problem(y_bounds=(1.5, 3.0), start=(1.2, 2.0)), 1, "lower"),
        (decay_problem(white(0), parameters=decay_parameters(rate=(0.05, 1.0))), 1, "upper"),
        (decay_problem(white(0), parameters=decay_parameters(amplitude=(2.5, 9.0))), 0, "lower"),
    ],
    ids=["x upper", "y lower", "rate upper", "amplitude lower"],
)
def test_optimum_on_a_bound_is_exact(problem, held, bound):
    found = solve(problem, problem.parameters.initial, SOLVER)
    theta = found.evaluation.theta
    assert Status(int(found.status)).converged
    assert float(theta[held]) == float(getattr(problem.parameters, bound)[held])
    np.testing.assert_allclose(theta, scipy_optimum(problem).x, atol=1e-5)  # scipy stays strictly inside
    free = 1 - held
    assert abs(float(found.evaluation.gradient[free])) < 1e-5 * np.sqrt(float(found.evaluation.information[free, free]))


def test_all_held_converges_at_once():
    problem = decay_problem(white(0))
    theta = problem.parameters.initial
    found = solve(problem, theta, SOLVER, Box(theta, theta))
    assert Status(int(found.status)) is Status.CONVERGED_GRADIENT
    assert int(found.steps) == 1
    np.testing.assert_array_equal(found.evaluation.theta, theta)


def test_vmap_over_starts_equals_one_by_one():
    problem = decay_problem(white(1))
    thetas = jnp.asarray([[0.0, 0.0], [1.0, -1.0], [-2.0, 2.5]])
    many = eqx.filter_jit(eqx.filter_vmap(least_squares, in_axes=(None, 0, None)))(problem, thetas, SOLVER)
    for i, theta in enumerate(thetas):
        one = solve(problem, theta, SOLVER)
        assert int(one.steps) == int(many.steps[i])
        np.testing.assert_allclose(one.evaluation.theta, many.evaluation.theta[i], rtol=1e-10)


def failing_rows(values, data):
    x = values["x"]
    return jnp.stack([jnp.where(x > 2.0, jnp.nan, 5.0 * jnp.log(x / 1.9)), 0.1 * x])


def test_non_finite_trial_points_are_refused():
    """The full step from the start lands where the model fails; the optimum lies just before."""
    parameters = ParameterSet([Parameter("x", "x", "1", (1e-3, 1e3), "linear", initial=0.05)])
    found = solve(FunctionProblem(parameters, failing_rows), parameters.initial, SOLVER)
    x = float(parameters.to_physical(found.evaluation.theta)["x"])
    best = scipy.optimize.minimize_scalar(
        lambda x: 12.5 * np.log(x / 1.9) ** 2 + 0.005 * x**2,
        bounds=(1.0, 2.0),
        method="bounded",
        options={"xatol": 1e-12},
    )
    assert Status(int(found.status)).converged
    assert x == pytest.approx(best.x, abs=1e-6)


def test_non_finite_start_is_reported():
    parameters = ParameterSet([Parameter("x", "x", "1", (1e-3, 1e3), "linear", initial=3.0)])
    found = solve(FunctionProblem(parameters, failing_rows), parameters.initial, SOLVER)
    assert Status(int(found.status)) is Status.NON_FINITE_START


def test_singular_jacobian_converges():
    """R1 + R2 without priors: J has rank one everywhere."""
    data = {"i": np.linspace(0.1, 1.0, 20), "v": 3.0 * np.linspace(0.1, 1.0, 20), "sd": np.asarray(0.01)}
    parameters = ParameterSet([Parameter(n, n, "ohm", (1e-3, 1e3), "log", initial=1.0) for n in ("layer", "interface")])
    found = solve(FunctionProblem(parameters, sum_rows, data), parameters.initial, SOLVER)
    values = parameters.to_physical(found.evaluation.theta)
    assert Status(int(found.status)).converged
    assert float(values["layer"] + values["interface"]) == pytest.approx(3.0, rel=1e-9)


def test_curved_valley_is_followed_in_long_strides():
    """A sum known to 0.1 % with lognormal priors: 183 steps without second-order corrections, 67 with
    them."""
    problem = sum_problem(layer=1.5, interface=1.5, sd=0.005, starts=(2.9, 0.1))
    found = solve(problem, problem.parameters.initial, LevenbergMarquardt(1e-8, 1e-10, 1e-11, 200))
    assert Status(int(found.status)).converged
    assert int(found.steps) < 100
    np.testing.assert_allclose(found.evaluation.theta, scipy_optimum(problem).x, atol=1e-3)


@jax.custom_jvp
def lying(x):
    return x**2 + 1.0


lying.defjvp(lambda primals, tangents: (lying(*primals), -2.0 * primals[0] * tangents[0]))


def lying_rows(values, data):
    return jnp.reshape(lying(values["x"]), (1,))


def test_wrong_derivative_stalls():
    parameters = ParameterSet([Parameter("x", "x", "1", (-9.0, 9.0), "linear", initial=1.0)])
    found = solve(FunctionProblem(parameters, lying_rows), parameters.initial, SOLVER)
    assert Status(int(found.status)) is Status.STALLED


def test_step_limit_is_reported():
    problem = rosenbrock_problem()
    found = solve(problem, problem.parameters.initial, LevenbergMarquardt(1e-10, 1e-12, 1e-14, 3))
    assert Status(int(found.status)) is Status.STEP_LIMIT
    assert int(found.steps) == 3


@pytest.mark.parametrize(
    ("tolerances", "expected"),
    [
        ((1e-6, 1e-300, 1e-300), Status.CONVERGED_GRADIENT),
        ((1e-300, 1e-6, 1e-300), Status.CONVERGED_STEP),
        ((1e-300, 1e-300, 1e-6), Status.CONVERGED_COST),
    ],
)
def test_each_tolerance_ends_the_run_by_its_own_name(tolerances, expected):
    problem = decay_problem(white(2))
    found = solve(problem, problem.parameters.initial, LevenbergMarquardt(*tolerances, max_steps=50))
    assert Status(int(found.status)) is expected


def test_every_status_has_a_sentence():
    for status in Status:
        assert status.sentence.endswith(".")
    assert len({status.sentence for status in Status}) == len(Status)


def test_value_and_jacobian_against_differences():
    problem = pulse_problem(np.linspace(0.0, 0.6, 12))
    theta = problem.parameters.initial
    value, J = value_and_jacobian(problem.residuals, theta)
    np.testing.assert_allclose(value, problem.residuals(theta), rtol=1e-13)
    h = 1e-6
    for k in range(3):
        e = jnp.zeros(3).at[k].set(h)
        central = (problem.residuals(theta + e) - problem.residuals(theta - e)) / (2.0 * h)
        np.testing.assert_allclose(J[:, k], central, rtol=1e-6, atol=1e-6)


def test_evaluation_gradient_is_that_of_the_loss():
    problem = sum_problem()
    theta = problem.parameters.initial + 0.3
    at = evaluate(problem, theta, plain_weighting(problem))
    assert float(at.cost) == pytest.approx(float(problem.loss(theta)), rel=1e-14)
    np.testing.assert_allclose(at.gradient, jax.grad(problem.loss)(theta), rtol=1e-10)
    linearised = jax.jacrev(problem.residuals)(theta)
    np.testing.assert_allclose(at.jacobian[: linearised.shape[0]], linearised, rtol=1e-12)


def test_plain_adam_on_the_loss_reaches_the_same_optimum():
    problem = linear_problem(prior_sd=0.3)
    optimiser = optax.adam(optax.cosine_decay_schedule(3e-3, 4000))
    theta = problem.parameters.initial
    with jax.numpy_dtype_promotion("standard"):

        def step(carry, _):
            theta, memory = carry
            update, memory = optimiser.update(jax.grad(problem.loss)(theta), memory)
            return (theta + update, memory), None

        (theta, _), _ = jax.jit(lambda t: jax.lax.scan(step, (t, optimiser.init(t)), length=4000))(theta)
    found = solve(problem, problem.parameters.initial, SOLVER)
    np.testing.assert_allclose(theta, found.evaluation.theta, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 1e-9, 1e-9, 10), "'gradient_tolerance' must be positive"),
        ((1e-9, -1.0, 1e-9, 10), "'step_tolerance' must be positive"),
        ((1e-9, 1e-9, 0.0, 10), "'cost_tolerance' must be positive"),
        ((1e-9, 1e-9, 1e-9, 0), "'max_steps' must be at least 1"),
    ],
)
def test_bad_solver_settings_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LevenbergMarquardt(*arguments)


def test_tolerances_are_mandatory():
    with pytest.raises(TypeError, match="gradient_tolerance"):
        LevenbergMarquardt(max_steps=10)  # pyright: ignore[reportCallIssue]


def test_segments_must_match_the_residuals():
    problem = decay_problem(white(0), segments=jnp.zeros(7, dtype=jnp.int32))
    with pytest.raises(ValueError, match=r"residuals have shape \(60,\), but 'segments' has shape \(7,\)"):
        least_squares(problem, problem.parameters.initial, SOLVER)


def test_no_step_crosses_more_than_a_fifth_of_the_range():
    """A straight line from far away: undamped, the first step would reach the optimum."""
    parameters = ParameterSet([Parameter(name, name, "1", (0.0, 10.0), "linear", initial=0.5) for name in "ab"])
    problem = FunctionProblem(parameters, lambda v, d: jnp.stack([v["a"] - 9.0, v["b"] - 1.0]) / 0.1, None)
    box, weighting = Box(parameters.lower, parameters.upper), plain_weighting(problem)
    state, seen = init(problem, parameters.initial, box), []
    while state.status == Status.RUNNING:
        seen.append(np.asarray(state.trial))
        state = judge(SOLVER, box, state, evaluate(problem, state.trial, weighting))
    widths = np.abs(np.diff(seen, axis=0))
    assert widths[0, 0] == pytest.approx(0.2)
    assert widths.max() <= 0.2 + 1e-12
    np.testing.assert_allclose(state.current.theta, [0.9, 0.1], atol=1e-9)
