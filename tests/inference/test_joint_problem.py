"""Several measurements in one fit: against the members' own, closed forms, and what is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from inference_cases import decay_problem, linear_rows, sum_problem, white

from jaxcell.inference import (
    FitSettings,
    FunctionProblem,
    JointProblem,
    Normal,
    Parameter,
    ParameterSet,
    explain,
    fit,
)
from jaxcell.inference.batches import batches
from jaxcell.inference.covariance import student_95
from jaxcell.inference.member_noise import Told

QUICK = FitSettings(ridges=0)


def line(rows=40, seed=0, scale=1.0):
    """Linear rows on three numbers with noise of `scale` where 1 is stated."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(rows, 3))
    data = {"A": A, "y": A @ np.array([1.0, -2.0, 0.5]) + scale * rng.normal(size=rows)}
    parameters = [Parameter(n, n, "1", (-50.0, 50.0), "linear", Normal(0.0, 1e3), initial=0.0) for n in "abc"]
    return FunctionProblem(ParameterSet(parameters), linear_rows, data)


def joined(**problems):
    return JointProblem(problems, shared=["a", "b", "c"])


def test_rows_and_jacobian_are_the_members_own():
    problems = {
        "one": line(seed=1),
        "two": line(seed=2),
        "short": line(rows=7, seed=3),
        "decay": decay_problem(white(0)),
    }
    joint = JointProblem(problems, shared={"a": ["one", "two", "short"], "tail": {"two": "c", "short": "b"}})
    assert joint.parameters.names == (
        "a", "one.b", "one.c", "two.b", "tail", "short.c", "decay.amplitude", "decay.rate",
    )  # fmt: skip
    assert batches(joint.problems) == [[0, 1], [2], [3]]
    theta = joint.parameters.initial + 0.1 * jnp.arange(1.0, 9.0)
    rows, jacobian = joint.residuals(theta), jax.jacfwd(joint.residuals)(theta)
    backwards = jax.jacrev(joint.residuals)(theta)
    seen = np.zeros_like(jacobian)
    for member in joint.members:
        problem, own = joint.member(member.name), joint.theta_of(member.name, theta)
        np.testing.assert_allclose(rows[member.rows], problem.residuals(own), rtol=1e-13)
        place = np.asarray(joint.places[joint.names.index(member.name)])
        seen[member.rows, place] = jax.jacfwd(problem.residuals)(own)
    np.testing.assert_allclose(jacobian, seen, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(backwards, seen, rtol=1e-12, atol=1e-12)
    assert np.unique(np.asarray(joint.segments)).size == 4


def test_shared_priors_count_once():
    joint = joined(one=line(seed=1), two=line(seed=2))
    theta = joint.parameters.initial + 0.3
    assert joint.prior_residuals(theta).shape == (3,)
    parts = [float(joint.member(name).loss(theta)) for name in joint.names]
    prior = 0.5 * float(jnp.sum(joint.prior_residuals(theta) ** 2))
    assert float(joint.loss(theta)) == pytest.approx(sum(parts) - prior, rel=1e-12)


def test_one_member_is_the_problem_itself():
    problem = sum_problem()
    alone = fit(problem, starts=12)
    joint = fit(JointProblem({"only": problem}, shared=[]), starts=12)
    np.testing.assert_array_equal(joint.theta, alone.theta)
    np.testing.assert_allclose(joint.covariance, alone.covariance, rtol=1e-12)
    for name, one in alone.parameters.items():
        other = joint.parameters[f"only.{name}"]
        assert other.interval95 == pytest.approx(one.interval95, rel=1e-9)
        assert other.verdict.kind.replace("only.", "") == one.verdict.kind
    assert joint.noise == alone.noise
    assert joint.rmse == alone.rmse
    total = joint.combinations_of("only")["total"]
    assert total.interval95 == pytest.approx(alone.combinations["total"].interval95, rel=1e-9)
    assert "measurements" not in joint.to_dict()


def test_two_measurements_of_different_noise_are_the_weighted_least_squares():
    """One states its noise five times too small: it counts by what its residuals say."""
    quiet, loud = line(rows=60, seed=4), line(rows=200, seed=5, scale=5.0)
    result = fit(joined(quiet=quiet, loud=loud), starts=2, settings=QUICK)
    inflation = {name: one.noise.inflation for name, one in result.members.items()}
    assert 0.9 < inflation["quiet"] < 2.0
    assert 20.0 < inflation["loud"] < 40.0
    precise = sum(p.data["A"].T @ p.data["A"] / inflation[n] for n, p in (("quiet", quiet), ("loud", loud)))
    covariance = np.linalg.inv(np.asarray(precise) + np.eye(3) / 1e6)
    np.testing.assert_allclose(result.covariance * 100.0**2, covariance, rtol=1e-9)
    seen = sum(p.data["A"].T @ p.data["y"] / inflation[n] for n, p in (("quiet", quiet), ("loud", loud)))
    off = (np.array(list(result.estimates.values())) - covariance @ np.asarray(seen)) / np.sqrt(np.diag(covariance))
    assert np.max(np.abs(off)) < 0.1  # weights are the final ones to 10 %
    # Weighed as stated, the loud one would have ruled.
    plain = np.linalg.solve(*(sum(p.data["A"].T @ p.data[k] for p in (quiet, loud)) for k in ("A", "y")))
    assert np.max(np.abs((plain - covariance @ np.asarray(seen)) / np.sqrt(np.diag(covariance)))) > 0.5
    noise = result.noise
    assert noise.n_points == 260
    assert noise.effective_parameters == pytest.approx(3.0, abs=1e-3)
    told = result.to_dict()["measurements"]
    assert told["loud"]["noise_scale"] == pytest.approx(25.0, rel=0.4)
    assert "times the noise" in result.members["loud"].sentence
    assert result.members["loud"].sentence in result.summary()


def test_equal_members_narrow_the_interval_by_their_number():
    one = line(rows=80, seed=6)
    alone = fit(one, starts=2, settings=QUICK)
    thrice = fit(joined(a=one, b=one, c=one), starts=2, settings=QUICK)
    np.testing.assert_allclose(thrice.theta, alone.theta, atol=1e-7)
    ratio = alone.standard_errors / thrice.standard_errors
    np.testing.assert_allclose(ratio, np.sqrt(3.0 * alone.noise.inflation / thrice.noise.inflation), rtol=1e-3)


def test_degrees_of_freedom_are_those_of_the_measurements_that_tell():
    first, second = np.diag([4.0, 0.0]), np.diag([0.0, 9.0])
    known = Told(np.stack([first, second]), np.array([5.0, 100.0]))
    covariance = np.diag([0.25, 1.0 / 9.0])
    np.testing.assert_allclose(known.quantiles(covariance), [student_95(5.0), student_95(100.0)], rtol=1e-12)
    alike = Told(np.stack([np.eye(2)] * 3), np.full(3, 7.0))
    assert alike.quantile(np.array([1.0, 1.0]), np.eye(2) / 3.0) == pytest.approx(student_95(21.0), rel=1e-12)
    unseen = Told(np.zeros((2, 2, 2)), np.array([5.0, 7.0]))
    assert unseen.quantile(np.array([1.0, 0.0]), np.eye(2)) == student_95(12.0)


def test_equal_problems_compile_once():
    def equations(joint):
        count, queue = 0, [jax.make_jaxpr(joint.residuals)(joint.parameters.initial).jaxpr]
        while queue:
            jaxpr = queue.pop()
            count += len(jaxpr.eqns)
            for equation in jaxpr.eqns:
                queue += [p.jaxpr for p in equation.params.values() if hasattr(p, "jaxpr")]
        return count

    two = equations(joined(**{f"n{k}": decay_like(k) for k in range(2)}))
    many = equations(joined(**{f"n{k}": decay_like(k) for k in range(8)}))
    # Parameters are put together and rows taken apart by member, the model is there once.
    assert many - two < 0.5 * MODEL * 6


MODEL = 200
"""Operations of the model in `decay_like`."""


def slow_rows(values, data):
    x = linear_rows(values, data)
    for _ in range(MODEL):
        x = jnp.sin(x)
    return x


def decay_like(seed):
    problem = line(seed=seed)
    return FunctionProblem(problem.parameters, slow_rows, problem.data)


def test_explain_of_a_joint_problem():
    found = explain(joined(one=line(seed=1), two=line(seed=2)), points=12)
    assert {v.kind for v in found.verdicts} == {"identified"}


def test_units_that_differ_have_no_common_rmse():
    volts = decay_problem(white(0), data_scale=jnp.full(60, 0.02), data_unit="V")
    plain = decay_problem(white(1))
    result = fit(JointProblem({"volts": volts, "plain": plain}, shared=["rate"]), starts=2, settings=QUICK)
    assert result.rmse is None
    assert result.members["volts"].rmse == pytest.approx(0.02, rel=0.3)
    assert result.members["plain"].rmse is None
    both = fit(JointProblem({"one": volts, "two": volts}, shared=["rate"]), starts=2, settings=QUICK)
    assert both.rmse == pytest.approx(0.02, rel=0.3)
    assert both.data_unit == "V"


class Renewing(FunctionProblem):
    """Prepared anew with rows that are `after` times as large."""

    def renewed(self, theta):
        del theta
        after = {**self.data, "y": self.data["y"] * self.data["after"]}
        return eqx.tree_at(lambda p: p.data, self, after)


def renewing(after):
    problem = line(seed=1)
    return Renewing(problem.parameters, linear_rows, {**problem.data, "after": jnp.asarray(after)})


def test_a_renewal_that_fails_everywhere_keeps_what_was_found():
    before = fit(line(seed=1), starts=2, settings=QUICK)
    kept = fit(renewing(np.nan), starts=2, settings=QUICK)
    np.testing.assert_array_equal(kept.theta, before.theta)
    assert kept.converged
    renewed = fit(renewing(2.0), starts=2, settings=QUICK)
    np.testing.assert_allclose(renewed.theta, 2.0 * before.theta, rtol=1e-5)


class Interrupting(FunctionProblem):
    """Interrupted as it is prepared anew, as from the keyboard while a program compiles."""

    def renewed(self, theta):
        raise KeyboardInterrupt


def test_an_interrupt_between_stages_keeps_what_was_found():
    problem = line(seed=1)
    result = fit(Interrupting(problem.parameters, linear_rows, problem.data), starts=2)
    assert result.interrupted
    assert "interrupted from the keyboard" in result.sentence
    np.testing.assert_allclose(result.theta, fit(problem, starts=2, settings=QUICK).theta, atol=1e-9)


@pytest.mark.parametrize(
    ("problems", "shared", "words"),
    [
        ({}, [], "at least one problem"),
        ([line()], [], "must map names to problems, but is of type list"),
        ({3: line()}, [], "letters, digits and _, but one is '3'"),
        ({"one": line()}, None, r"must be a list of names, or map names to problems, but is None; \[\] shares none"),
        ({"one": line()}, [3], "must hold names, but one is 3"),
        (
            {"one": line()},
            {"a": "one"},
            r"shared\['a'\] must be a list of problems, or map problems to their own names",
        ),
        ({"a b": line()}, [], "letters, digits and _, but one is 'a b'"),
        ({"one": line(), "two": 3.0}, [], "'two' is float"),
        ({"one": JointProblem({"x": line()}, shared=[])}, [], "'one' is a joint one"),
        ({"one": line(), "two": line()}, "a", "a list of names, but is the text 'a'"),
        ({"one": line(), "two": line()}, ["kappa"], "'kappa', which no problem fits; they fit a, b, c"),
        ({"one": line(), "two": line()}, {"a": ["one", "three"]}, "'three', which is no problem; there are one, two"),
        ({"one": line(), "two": line()}, {"k": {"one": "a", "two": "d"}}, "does not fit 'd'; it fits a, b, c"),
        ({"one": line(), "two": line()}, {"a": ["one"]}, "at least two problems, but 'a' is fitted by 'one' alone"),
        (
            {"one": line(), "two": line()},
            {"k": {"one": "a", "two": "b"}, "l": {"one": "a", "two": "c"}},
            "gives 'a' of 'one' to 'k' and to 'l'",
        ),
    ],
)
def test_refused(problems, shared, words, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as outside the tests
    with pytest.raises(ValueError, match=words):
        JointProblem(problems, shared=shared)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"bounds": (-40.0, 50.0)}, r"one bounds, but that of 'two' is another: \(-40, 50\) against \(-50, 50\)"),
        ({"unit": "V"}, "one unit, but that of 'two' is another: V against 1"),
        ({"prior": Normal(0.0, 2.0)}, "one prior, but that of 'two' is another"),
        ({"transform": "log", "bounds": (1.0, 50.0), "initial": 2.0}, "one bounds"),
    ],
)
def test_shared_parameters_are_one_number(changed, words):
    usual = {"bounds": (-50.0, 50.0), "unit": "1", "prior": Normal(0.0, 1e3), "transform": "linear", "initial": 0.0}
    kinds = {**usual, **changed}
    first = Parameter("a", "a", kinds["unit"], kinds["bounds"], kinds["transform"], kinds["prior"], kinds["initial"])
    two = line()
    others = two.parameters.parameters[1:]
    two = FunctionProblem(ParameterSet([first, *others]), linear_rows, two.data)
    with pytest.raises(ValueError, match=words):
        joined(one=line(), two=two)


def test_names_are_checked_where_members_are_asked_for():
    joint = joined(one=line(), two=line())
    for ask in (joint.member, lambda name: joint.theta_of(name, joint.parameters.initial)):
        with pytest.raises(ValueError, match="no problem 'three'; there are one, two"):
            ask("three")
    with pytest.raises(ValueError, match="no measurement 'three'; there are one, two"):
        fit(joint, starts=1, settings=QUICK).combinations_of("three")
