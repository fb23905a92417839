"""Fronts fall monotonically and match closed forms; what is uncertain makes designs more careful."""

import jax
import numpy as np
import pytest
import scipy.stats
from design_cases import steady as steady_case
from design_cases import thickest, thickness, toy, toy_case, toy_variables

from jaxcell.design import Design, DesignError, Limit, Objective, Uncertain, optimise, pareto_front
from jaxcell.design.statistics import quantile_weights
from jaxcell.inference import LogNormal, Normal, Parameter, ParameterSet


def test_front_of_thickness_and_onset() -> None:
    case = steady_case()
    design = Design(case, ParameterSet([thickness((1e-6, 8e-6))], case), Objective("layer_thickness"))
    front = pareto_front(design, Objective("top_onset_current"), points=5)
    assert front.dropped == 0
    assert np.all(np.diff(front.second) > 0.0)
    assert np.all(np.diff(front.first) < 0.0)
    closed = [thickest(current) for current in front.second]
    assert front.first == pytest.approx(closed, rel=1e-4)
    rates = [(thickest(i + 0.05) - thickest(i - 0.05)) / 0.1 for i in front.second[1:-1]]
    assert front.exchange[1:-1] == pytest.approx(rates, rel=1e-2)
    assert np.all(np.isnan(front.exchange[[0, -1]]))
    table = front.to_dataframe()
    assert list(table.columns) == ["layer_thickness", "top_onset_current", "exchange", "thickness"]


def test_front_refusals() -> None:
    case = toy_case()
    design = Design(
        case, ParameterSet(toy_variables(), case), Objective("gain"), (Limit("sum", at_least=11.0),), quantities=toy
    )
    with pytest.raises(DesignError, match="There is no front: No design within the bounds"):
        pareto_front(design, Objective("load", False), points=3, starts=1)
    with pytest.raises(ValueError, match="must be another quantity than 'gain'"):
        pareto_front(design, Objective("gain"))
    with pytest.raises(ValueError, match="points must be a whole number of at least 3, but is 2"):
        pareto_front(design, Objective("load"), points=2)


def test_quantile_weights() -> None:
    weights = quantile_weights(400, 0.9)
    assert weights.sum() == pytest.approx(1.0)
    ranks = scipy.stats.norm.ppf((np.arange(400) + 0.5) / 400)
    assert weights @ ranks == pytest.approx(scipy.stats.norm.ppf(0.9), abs=5e-3)
    # Of few samples the weights reach the extremes, never beyond.
    assert np.all(quantile_weights(4, 0.95) >= 0.0)


def test_robust_layer_is_thinner() -> None:
    case = steady_case()
    kappa = Parameter(
        "kappa", "cell.working.layer.ionic_conductivity", "S/m", (1e-4, 1e-1), prior=LogNormal((2.5e-3, 1e-2))
    )
    samples = Uncertain.of_priors([kappa], samples=64, seed=1)
    variables = ParameterSet([thickness()], case)
    onset = Limit("top_onset_current", at_least=25.0, probability=0.9)
    known = optimise(Design(case, variables, Objective("layer_thickness"), (onset,)))
    design = Design(case, variables, Objective("layer_thickness"), (onset,), samples)
    robust = optimise(design)
    assert robust.converged
    assert robust.values["thickness"] < 0.8 * known.values["thickness"]
    # L/kappa is fixed by the onset: L scales with the 10 % quantile of kappa.
    drawn = np.exp(np.asarray(samples.theta[:, 0]))
    assert robust.values["thickness"] == pytest.approx(thickest(25.0, float(np.quantile(drawn, 0.1))), rel=0.05)
    held = np.mean(design.values(robust.values)["top_onset_current"] >= 25.0)
    assert held == pytest.approx(0.9, abs=0.03)


def test_objective_over_samples() -> None:
    # mean of -(x-3)^2 - w x is largest at x = 3 - mean(w)/2; a low quantile, where w is high, further down.
    case = toy_case()
    w = Parameter("w", "w", "1", (-5.0, 5.0), "linear", prior=Normal(1.0, 0.5))
    samples = Uncertain.of_priors([w], samples=32)
    drawn = np.asarray(jax.vmap(w.transform.inverse)(samples.theta[:, 0]))
    variables = ParameterSet(toy_variables(), case)
    mean = optimise(Design(case, variables, Objective("gain"), (), samples, quantities=toy))
    low = optimise(Design(case, variables, Objective("gain", quantile=0.1), (), samples, quantities=toy))
    assert mean.values["x"] == pytest.approx(3.0 - 0.5 * drawn.mean(), abs=1e-4)
    weighted = quantile_weights(32, 0.1) @ np.sort(drawn)[::-1]
    assert low.values["x"] == pytest.approx(3.0 - 0.5 * weighted, abs=1e-4)
    assert low.values["x"] < mean.values["x"]


def test_uncertain_refusals() -> None:
    case = toy_case()
    x = Parameter("other", "x", "1", (-5.0, 5.0), "linear", prior=Normal(1.0, 0.5))
    with pytest.raises(ValueError, match="must not hold what is chosen, but both have 'x'"):
        Design(
            case,
            ParameterSet(toy_variables(), case),
            Objective("gain"),
            (),
            Uncertain.of_priors([x]),
            quantities=toy,
        )
    with pytest.raises(ValueError, match="a row for each of at least 2 samples"):
        Uncertain.of_priors([x], samples=1)


@pytest.mark.parametrize(
    ("objective", "limits", "samples", "message"),
    [
        (
            Objective("gain"),
            (Limit("load", at_most=1.0),),
            15,
            "at least 16 samples to tell the 95 % quantile of load, ",
        ),
        (
            Objective("gain"),
            (Limit("load", at_least=1.0, probability=0.99),),
            79,
            "at least 80 samples to tell",
        ),
        (Objective("gain", quantile=0.1), (), 7, "at least 8 samples to tell the 10 % quantile of gain, but has 7"),
    ],
)
def test_too_few_samples_for_a_probability(objective, limits, samples, message) -> None:
    case = toy_case()
    variables = ParameterSet(toy_variables()[:1], case)
    y = Parameter("y", "y", "1", (-5.0, 5.0), "linear", prior=Normal(1.0, 0.5))
    with pytest.raises(ValueError, match=message):
        Design(case, variables, objective, limits, Uncertain.of_priors([y], samples), toy)
    Design(case, variables, objective, limits, Uncertain.of_priors([y], samples + 1), toy)
    held_on_average = tuple(Limit("load", at_most=1.0, probability=None) for _ in limits)
    Design(case, variables, Objective("gain"), held_on_average, Uncertain.of_priors([y], 2), toy)


def test_draws_keep_what_they_have_to_do_with_each_other() -> None:
    rng = np.random.default_rng(0)
    kappa = rng.lognormal(np.log(5e-3), 0.3, (4, 250))
    draws = {"kappa": kappa, "film": 1e-6 / kappa, "noise_scale": np.ones((4, 250))}
    places = {"kappa": "cell.working.layer.ionic_conductivity", "film": "cell.working.interface.film.resistance"}
    samples = Uncertain.of_draws(draws, places, samples=40, units={"kappa": "S/m"})
    values = jax.vmap(samples.parameters.to_physical)(samples.theta)
    np.testing.assert_allclose(values["kappa"] * values["film"], 1e-6, rtol=1e-12)
    nearest = np.abs(kappa.ravel()[:, None] - np.asarray(values["kappa"])[None, :]).argmin(axis=0)
    np.testing.assert_allclose(values["kappa"], kappa.ravel()[nearest], rtol=1e-12)
    assert samples.parameters.units == ("S/m", "SI")
    np.testing.assert_array_equal(np.bincount(nearest // 250), [10, 10, 10, 10])  # every chain counts alike


def test_design_over_draws_and_priors() -> None:
    case = toy_case()
    draws = Uncertain.of_draws({"x": np.linspace(0.0, 1.0, 50)}, {"x": "w"}, samples=16)
    y = Parameter("y", "y", "1", (-5.0, 5.0), "linear", prior=Normal(1.0, 0.5))
    both = draws.beside(Uncertain.of_priors([y], samples=16))
    assert both.parameters.names == ("x", "y")
    assert both.theta.shape == (16, 2)
    design = Design(
        case, ParameterSet(toy_variables()[:1], case), Objective("gain"), (Limit("load", at_most=1.5),), both, toy
    )
    found = optimise(design)
    # load = w x with w uniform on 0 to 1: x <= 1.5/(95 % quantile of w).
    assert found.values["x"] == pytest.approx(1.5 / 0.95, rel=0.03)
    (held,) = found.held()
    assert held == pytest.approx(0.95, abs=0.04)
    assert optimise(Design(case, ParameterSet(toy_variables(), case), Objective("gain"), (), None, toy)).held() == ()


@pytest.mark.parametrize(
    ("draws", "places", "samples", "message"),
    [
        ({"a": [1.0, 2.0]}, {}, 2, "places must name at least one"),
        ({"a": [1.0, 2.0]}, {"b": "x"}, 2, "no draws of 'b'; there are draws of a"),
        ({"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0]}, {"a": "x", "b": "y"}, 2, "2 of 'a', 3 of 'b'"),
        ({"a": [1.0, np.nan]}, {"a": "x"}, 2, "must be finite numbers, but 1 of 2 are not"),
        ({"a": [1.0, 1.0]}, {"a": "x"}, 2, "must vary, but all are 1"),
        ({"a": [1.0, 2.0]}, {"a": "x"}, 3, "from 2 to 2, the number of draws, but is 3"),
    ],
)
def test_draws_that_cannot_be_used(draws, places, samples, message) -> None:
    with pytest.raises(ValueError, match=message):
        Uncertain.of_draws(draws, places, samples)


def test_uncertain_places_are_looked_up() -> None:
    case = toy_case()
    nowhere = Uncertain.of_draws({"a": [1.0, 2.0]}, {"a": "v"}, 2)
    with pytest.raises(ValueError, match="'v'"):
        Design(case, ParameterSet(toy_variables(), case), Objective("gain"), (), nowhere, toy)
    two, three = (Uncertain.of_draws({n: [1.0, 2.0, 3.0]}, {n: n}, k) for n, k in (("w", 2), ("x", 3)))
    with pytest.raises(ValueError, match="as many samples, but they have 2 and 3"):
        two.beside(three)
