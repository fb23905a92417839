"""Parameters: transforms, priors, paths, and every message a wrong description earns."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from inference_cases import toy_cell

from jaxcell.inference import (
    Linear,
    Log,
    Logit,
    LogNormal,
    Normal,
    Parameter,
    ParameterSet,
    Uniform,
    number_paths,
)

KAPPA = "working.layer.conductivity"


def kappa(**changes):
    settings = {"paths": KAPPA, "unit": "S/m", "bounds": (1e-5, 1e-1), "initial": 5e-3} | changes
    return Parameter("conductivity", **settings)


def film(**changes):
    settings = {"paths": "working.films[1]", "unit": "ohm m2", "bounds": (0.1, 10.0), "initial": 2.0} | changes
    return Parameter("film", **settings)


@pytest.mark.parametrize("transform", [Linear(3.0), Log(), Logit(), Logit(0.2, 0.9)])
def test_inverse_undoes_forward(transform):
    values = jnp.asarray([0.21, 0.5, 0.89])
    back = jax.vmap(lambda v: transform.inverse(transform.forward(v)))(values)
    np.testing.assert_allclose(back, values, rtol=1e-14)
    slope = jax.vmap(jax.grad(transform.forward))(values)
    assert np.all(np.asarray(slope) > 0.0)


def test_apply_replaces_named_leaves_and_no_other():
    cell = toy_cell()
    parameters = ParameterSet([kappa(), film()])
    theta = parameters.from_physical({"conductivity": 2e-2, "film": 3.0})
    fitted = parameters.apply(cell, theta)
    assert float(fitted.working.layer.conductivity) == pytest.approx(2e-2, rel=1e-14)
    assert float(fitted.working.films[1]) == pytest.approx(3.0, rel=1e-14)
    untouched = parameters.apply(fitted, parameters.initial)
    assert eqx.tree_equal(untouched, cell, rtol=1e-14)
    assert fitted.working.layer.conductivity.dtype == jnp.float64


def test_apply_works_under_jit_grad_and_vmap():
    parameters = ParameterSet([kappa(), film()])
    resistance = lambda theta: (  # noqa: E731
        (lambda c: c.working.layer.thickness / c.working.layer.conductivity + c.working.films[1])(
            parameters.apply(toy_cell(), theta)
        )
    )
    gradient = jax.jit(jax.grad(resistance))(parameters.initial)
    np.testing.assert_allclose(gradient, [-5e-6 / 5e-3, 2.0], rtol=1e-12)
    assert jax.vmap(resistance)(jnp.stack([parameters.initial] * 3)).shape == (3,)


def test_tied_leaves_move_together():
    both = film(paths=("working.films[0]", "working.films.1"))
    parameters = ParameterSet([both])
    fitted = parameters.apply(toy_cell(), parameters.from_physical({"film": 4.0}))
    assert float(fitted.working.films[0]) == float(fitted.working.films[1]) == pytest.approx(4.0)


def test_start_is_read_from_the_cell():
    parameters = ParameterSet([kappa(initial=None), film(initial=None)], toy_cell())
    start = parameters.to_physical(parameters.initial)
    assert float(start["conductivity"]) == pytest.approx(5e-3)
    assert float(start["film"]) == pytest.approx(2.0)


def test_number_paths_lists_float_scalars_only():
    assert number_paths(toy_cell()) == (
        "working.layer.conductivity",
        "working.layer.thickness",
        "working.films[0]",
        "working.films[1]",
        "temperature",
    )


def test_lognormal_rows_are_the_density_in_theta():
    parameters = ParameterSet([kappa(prior=LogNormal((1e-4, 1e-1), median=5e-3))])
    sd = np.log(1e3) / (2.0 * scipy.stats.norm.ppf(0.975))
    for value in (1e-4, 5e-3, 3e-2):
        theta = parameters.from_physical({"conductivity": value})
        expected = (np.log(value) - np.log(5e-3)) / sd
        np.testing.assert_allclose(parameters.prior_residuals(theta), [expected], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(parameters.prior_precision(theta), [sd**-2], rtol=1e-12)
    shape = lambda value: parameters.log_prior(parameters.from_physical({"conductivity": value}))  # noqa: E731
    np.testing.assert_allclose(shape(2e-2) - shape(5e-3), -0.5 * (np.log(4.0) / sd) ** 2, rtol=1e-10)
    assert float(shape(0.2)) == -np.inf


def test_prior_tables_follow_truncated_distributions():
    parameters = ParameterSet(
        [
            Parameter("n", "n", "1", (-1.0, 2.0), "linear", Normal(0.0, 1.0), initial=0.0),
            Parameter("u", "u", "1", (0.1, 10.0), "log", Uniform(), initial=1.0),
            Parameter("f", "f", "1", (0.05, 0.95), "logit", Normal(0.5, 0.1), initial=0.5),
        ]
    )
    truncated = scipy.stats.truncnorm(-1.0, 2.0)
    flat = np.log(100.0)
    np.testing.assert_allclose(parameters.prior_sd()[:2], [truncated.std() / 3.0, flat / np.sqrt(12.0)], rtol=1e-5)
    q = parameters.prior_quantiles(np.tile([0.1, 0.5, 0.9], (3, 1)))
    np.testing.assert_allclose(q[0] * 3.0, truncated.ppf([0.1, 0.5, 0.9]), atol=1e-3)
    np.testing.assert_allclose(q[1], np.log(0.1) + flat * np.array([0.1, 0.5, 0.9]), rtol=1e-9)
    fraction = 1.0 / (1.0 + np.exp(-q[2]))  # the Jacobian carries the physical density to theta and back
    np.testing.assert_allclose(fraction, scipy.stats.norm(0.5, 0.1).ppf([0.1, 0.5, 0.9]), atol=2e-3)
    np.testing.assert_allclose(parameters.prior_precision(parameters.initial)[1], 12.0 / flat**2, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: kappa(bounds=(1.0, 1e-3)), r"'conductivity' needs finite bounds with low < high, but they are \(1, 0"),
        (lambda: kappa(bounds=(0.0, 1.0)), r"'conductivity': a log transform needs positive bounds.*\(0, 1\) S/m"),
        (lambda: kappa(transform="cubic"), "'conductivity' has the unknown transform 'cubic'"),
        (lambda: kappa(transform="logit", bounds=(0.0, 1.0)), r"strictly inside \(0, 1\)"),
        (lambda: kappa(initial=0.5), r"starts at 0.5 S/m, outside its bounds \(1e-05, 0.1\) S/m"),
        (lambda: kappa(paths=()), "'conductivity' needs at least one path"),
        (
            lambda: ParameterSet([kappa(paths="working..layer")]),
            "'working..layer' must be attribute names joined by dots",
        ),
        (lambda: ParameterSet([]), "at least one parameter"),
        (lambda: ParameterSet([kappa(), kappa(paths="temperature")]), "'conductivity' is given to 2 parameters"),
        (lambda: ParameterSet([film(), kappa(paths="working.films.1")]), r"'working.films\[1\]' is claimed by both"),
        (lambda: ParameterSet([kappa(initial=None)]), "'conductivity' has no initial value"),
        (lambda: LogNormal((1.0, 0.1)), "0 < low < high"),
        (lambda: LogNormal((0.1, 1.0), median=5.0), "median of a lognormal prior must lie"),
        (lambda: Normal(0.0, 0.0), "sd > 0"),
        (lambda: Linear(0.0), "'scale' of a linear transform must be positive"),
        (lambda: Logit(1.0, 0.0), "lower < upper"),
    ],
)
def test_descriptions_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("working.layer.conductivty", r"does not exist; close names are 'working.layer.conductivity'.*'temperature'"),
        ("working.films[2]", r"'working.films\[2\]', which does not exist"),
        ("working.layer", "does not exist"),
        ("working.layer.profile", r"an array of shape \(3,\) and dtype float64, not one float number"),
        ("working.layer.nodes", "of type int, not one float number"),
    ],
)
def test_paths_that_lead_nowhere_are_refused(path, message):
    with pytest.raises(ValueError, match=f"'conductivity' points at.*{message}"):
        ParameterSet([kappa(paths=path)], toy_cell())
    parameters = ParameterSet([kappa(paths=path)])
    with pytest.raises(ValueError, match=message):
        parameters.apply(toy_cell(), parameters.initial)


def test_start_from_the_cell_must_lie_in_the_bounds():
    with pytest.raises(ValueError, match=r"'film' starts at 2 ohm m2, outside its bounds \(3, 10\) ohm m2"):
        ParameterSet([film(initial=None, bounds=(3.0, 10.0))], toy_cell())


def test_unknown_name_is_refused():
    with pytest.raises(ValueError, match="no parameter 'conductivty'"):
        ParameterSet([kappa()]).from_physical({"conductivty": 1.0})
