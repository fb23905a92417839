"""Verdicts: what a sum tells, what a pulse tells, what nothing tells; and ridges that are really flat."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inference_cases import decay_problem, decay_rows, pulse_problem, sum_problem, white

from jaxcell.inference import (
    FitSettings,
    FunctionProblem,
    LogNormal,
    Parameter,
    ParameterSet,
    Thresholds,
    explain,
    fit,
)
from jaxcell.inference.collinearity import collinear_pairs

EARLY = np.linspace(0.002, 0.6, 60)
LATE = np.linspace(1.0, 3.0, 60)


def kinds(found):
    return {v.name: v.kind for v in found.verdicts}


def test_a_sum_is_identified_and_its_terms_are_not():
    result = fit(sum_problem(), starts=12)
    assert kinds(result.identifiability) == {
        "layer": "only in combination with interface",
        "interface": "only in combination with layer",
    }
    total, ratio = result.combinations["total"], result.combinations["ratio"]
    assert total.identifiable
    assert not ratio.identifiable
    assert total.interval95[0] < 3.0 < total.interval95[1]
    assert np.ptp(total.interval95) < 0.05
    # The terms: anything from nothing to nearly the whole sum, and never more than it.
    for name in ("layer", "interface"):
        low, high = result.parameters[name].interval95
        assert low < 0.3
        assert 2.5 < high < 3.05
    # and the linear analysis alone says the same in its eigenvectors
    worst, best = result.identifiability.directions
    assert set(worst.words.replace(" together", "").split(" and ")) in (
        {"layer up", "interface down"},
        {"interface up", "layer down"},
    )
    assert worst.remaining > 0.99
    assert best.remaining < 0.01
    assert best.words in ("layer up and interface up together", "interface up and layer up together")


@pytest.mark.parametrize("layer", [2.4, 2.9])
def test_the_dominant_term_of_a_sum_is_not_identified_either(layer):
    """Linearly a term that is 97 % of the sum looks known; the ridge shows that the other could take its
    place."""
    result = fit(sum_problem(layer=layer, interface=3.0 - layer, starts=(2.9, 0.1)), starts=12)
    assert not result.parameters["layer"].identifiable
    assert not result.parameters["interface"].identifiable


def test_the_linear_analysis_alone_would_be_fooled():
    """Linearly 83 % of a sum looks known to a fifth of its prior; but the other term may be five times
    larger."""
    problem = sum_problem(layer=2.5, interface=0.5, starts=(2.5, 0.5))
    found = explain(problem, points=12, settings=FitSettings(ridges=0))
    assert kinds(found)["layer"] == "identified"
    honest = explain(problem, points=12)
    assert kinds(honest)["layer"] == "only in combination with interface"


def test_a_term_that_cannot_matter_does_not_spoil_the_other():
    """The prior of the second term allows at most 1 % of the sum: the first one is then known to 1 %."""
    problem = sum_problem(layer=3.0, interface=0.005, starts=(3.0, 0.005))
    parameters = ParameterSet(
        [
            problem.parameters.parameters[0],
            Parameter("interface", "r2", "ohm", (1e-4, 1.0), "log", LogNormal((1e-3, 0.025)), initial=5e-3),
        ]
    )
    result = fit(FunctionProblem(parameters, problem.function, problem.data), starts=12)
    assert result.parameters["layer"].identifiable
    assert not result.parameters["interface"].identifiable


def test_a_pulse_separates_only_when_sampled_early():
    early = fit(pulse_problem(EARLY), starts=12)
    assert set(kinds(early.identifiability).values()) == {"identified"}
    assert early.estimates["layer"] == pytest.approx(1.0, rel=0.05)
    assert early.estimates["interface"] == pytest.approx(2.0, rel=0.05)
    late = fit(pulse_problem(LATE), starts=12)
    assert not late.parameters["layer"].identifiable
    assert not late.parameters["interface"].identifiable
    assert "interface" in late.parameters["layer"].verdict.partners


def test_explain_tells_the_same_before_any_data():
    truth = {"layer": 1.0, "interface": 2.0, "capacitance": 0.05}
    early, late = pulse_problem(EARLY), pulse_problem(LATE)
    theta = early.parameters.from_physical(truth)
    assert set(kinds(explain(early, theta, points=12)).values()) == {"identified"}
    found = explain(late, theta, points=12)
    assert kinds(found)["layer"].startswith("only in combination with interface")
    assert "layer" in found.summary()
    assert found.to_dict()["parameters"]["layer"]["identifiable"] is False


def test_explain_does_not_look_at_the_data():
    a = explain(decay_problem(white(0)), points=12)
    b = explain(decay_problem(10.0 + white(1)), points=12)
    for one, two in zip(a.verdicts, b.verdicts, strict=True):
        assert one == two


def test_explain_needs_a_finite_point():
    problem = decay_problem(white(0))
    broken = FunctionProblem(problem.parameters, lambda v, d: decay_rows(v, d) * jnp.nan, problem.data)
    with pytest.raises(ValueError, match="not finite at this theta"):
        explain(broken, points=12)


def blind_rows(values, data):
    return decay_rows(values, data) + 0.0 * values["unseen"]


def test_an_unseen_parameter_rests_on_its_prior():
    problem = decay_problem(white(0))
    prior = LogNormal((0.1, 10.0), median=2.0)
    unseen = Parameter("unseen", "u", "V", (1e-3, 1e3), "log", prior, initial=0.5)
    parameters = ParameterSet([*problem.parameters.parameters, unseen])
    result = fit(FunctionProblem(parameters, blind_rows, problem.data), starts=12)
    assert kinds(result.identifiability) == {
        "amplitude": "identified",
        "rate": "identified",
        "unseen": "prior only",
    }
    answer = result.parameters["unseen"]
    assert answer.estimate == pytest.approx(2.0, rel=1e-6)
    half = np.log(answer.interval95[1] / answer.interval95[0]) / np.log(10.0 / 0.1)
    assert half == pytest.approx(1.0, rel=0.1)  # the prior's own 95 % range, in Student's units
    assert answer.prior.interval95[0] == pytest.approx(2.0 / 10.0, rel=0.02)
    assert result.identifiability.ridges == ()
    assert "unseen up alone: the data do not see this" in result.summary()


def test_separable_parameters_are_identified_and_marginals_follow_the_formula():
    problem = decay_problem(white(0))
    found = explain(problem, problem.parameters.from_physical({"amplitude": 2.0, "rate": 1.5}), points=12)
    assert set(kinds(found).values()) == {"identified"}
    sd = np.sqrt(np.diag(found.covariance))
    for k, verdict in enumerate(found.verdicts):
        assert verdict.marginal == pytest.approx(sd[k] / found.prior_sd[k], rel=1e-9)
        assert verdict.conditional < verdict.marginal


def test_ridge_points_are_profile_optima_within_the_contour():
    problem = sum_problem()
    result = fit(problem, starts=12)
    (ridge,) = result.identifiability.ridges
    contour = 0.5 * result.noise.quantile**2
    weight = 1.0 / result.noise.inflation
    assert len(ridge.rise) >= 8
    assert set(ridge.names) == {"layer", "interface"}

    def weighted(theta):
        data, prior = problem.residuals(theta), problem.prior_residuals(theta)
        return 0.5 * weight * jnp.sum(data**2) + 0.5 * jnp.sum(prior**2)

    losses = np.asarray(jax.vmap(weighted)(jnp.asarray(ridge.theta)))
    assert np.all(losses - losses.min() <= contour * (1.0 + 1e-9))
    np.testing.assert_allclose(losses - losses.min(), ridge.rise, atol=1e-6)
    np.testing.assert_allclose(ridge.values["layer"] + ridge.values["interface"], 3.0, rtol=0.01)
    assert np.ptp(np.log(ridge.values["layer"])) > 2.0
    # exact profile on the constraint R1 + R2 = total, by scanning
    total = result.combinations["total"].estimate
    share = np.linspace(1e-3, 1.0 - 1e-3, 20001)
    sd = np.log(100.0) / 3.92
    prior = 0.5 * (np.log(share * total) ** 2 + np.log((1.0 - share) * total) ** 2) / sd**2
    inside = share[prior - prior.min() <= contour] * total
    low, high = np.exp(ridge.extent)
    layer = problem.parameters.names.index("layer")
    assert low[layer] == pytest.approx(inside.min(), rel=0.05)
    assert high[layer] == pytest.approx(inside.max(), rel=0.01)


def test_thresholds_move_the_verdicts():
    strict = FitSettings(thresholds=Thresholds(marginal=1e-4, conditional=1e-4))
    problem = decay_problem(white(0))
    assert set(kinds(explain(problem, settings=strict, points=12)).values()) == {"prior only"}


def test_one_parameter_alone_is_never_in_combination():
    parameters = ParameterSet([Parameter("x", "x", "1", (0.1, 10.0), "log", LogNormal((0.2, 5.0)), initial=1.0)])
    problem = FunctionProblem(parameters, lambda v, d: jnp.reshape(v["x"] / 100.0, (1,)))
    result = fit(problem, starts=12)
    assert result.parameters["x"].verdict.kind == "prior only"
    assert not result.parameters["x"].identifiable


def test_collinearity_index_of_a_pair_is_the_angle_between_its_columns():
    """Columns at 5 degrees: 1 - cos = 2 sin^2(2.5 degrees), and the index is its inverse square root."""
    angle = np.deg2rad(5.0)
    J = np.stack([[1.0, 0.0, 0.0], [7.0 * np.cos(angle), 7.0 * np.sin(angle), 0.0], [0.0, 0.0, 0.0]], axis=1)
    (pair,) = collinear_pairs(("a", "b", "unseen"), J.T @ J)
    assert pair.names == ("a", "b")
    assert pair.index == pytest.approx(1.0 / (np.sqrt(2.0) * np.sin(0.5 * angle)), rel=1e-9)
    assert not pair.opposite
    assert collinear_pairs(("a", "b", "unseen"), J.T @ J, least=20.0) == ()
    (other,) = collinear_pairs(("a", "b"), np.array([[1.0, -1.0], [-1.0, 1.0]]))
    assert other.opposite
    assert "rising together" in other.sentence


def test_the_verdicts_lead_the_summary():
    result = fit(sum_problem(), starts=12)
    second = result.summary().splitlines()[1]
    assert second.startswith("What the data tell: nothing is identified; layer: only in combination with interface")
    assert result.to_dict()["collinear_pairs"][0]["names"] == ["layer", "interface"]
