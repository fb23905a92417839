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
