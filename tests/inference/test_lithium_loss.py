"""Lithium loss from capacities and efficiencies: the sum always, its division only where the data tell."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inventory_cases import LENGTH, QUICK, WHOLE, expected_loss, loss_held, record, wandering

from jaxcell import Cycles, LithiumInventory, cycle_inventory
from jaxcell.inference import (
    FunctionProblem,
    InventoryProblem,
    JointProblem,
    ParameterSet,
    cycle_data,
    explain,
    fit,
    forecast,
    lithium_loss,
    loss_parameters,
)
from jaxcell.inference.autocorrelation import autocorrelation_time
from jaxcell.inference.evaluation import value_and_jacobian
from jaxcell.inference.inventory_problem import SCATTER_DOF
from jaxcell.inference.lithium_loss import cycle_fit

CELL = LithiumInventory(1.0, dead_fraction=0.05, interphase_growth=5e-3, interphase_start=0.1, trap=0.1)


@pytest.fixture(autouse=True)
def quick_compilation():
    """One program runs many times here, so that its optimisation pays."""


def analysed(capacity=None, efficiency=None, cell=WHOLE, channels=None, **options):
    parameters = None if channels is None else loss_parameters(cell, channels)
    problem = InventoryProblem(cell, cycle_data(capacity, efficiency, **options), parameters)
    result = fit(problem, starts=6, settings=QUICK)
    return problem, result, lithium_loss(problem, result)


def test_equal_cycles_tell_the_sum_and_not_its_division():
    scatter = 0.01 * np.random.default_rng(1).normal(size=LENGTH)
    problem, result, loss = analysed(record(CELL, scatter)[:12], cycles=Cycles.of(LENGTH))
    assert result.converged
    assert loss.per_cycle95[0] < expected_loss(CELL, problem) < loss.per_cycle95[1]
    assert loss.per_cycle95[1] - loss.per_cycle95[0] < 0.4 * loss.per_cycle
    assert not loss.told_apart
    assert not loss.channels["dead"].told
    assert any(text.startswith("Only the sum is identified") for text in loss.sentences)
    assert loss.to_dict()["channels_told_apart"] is False


def test_rests_of_different_length_tell_interphase_from_dead_lithium():
    """Throughput without time and time without throughput: the same losses, now apart."""
    rest = np.where(np.arange(LENGTH) % 4 == 3, 20.0, 0.05)
    cycles = Cycles(jnp.asarray(rest), jnp.full(LENGTH, jnp.inf))
    cell = LithiumInventory(1.0, dead_fraction=0.05, interphase_growth=4e-4, interphase_start=0.02, trap=0.1)
    held = []
    for seed in (2, 3, 4):
        capacity = record(cell, 0.003 * np.random.default_rng(seed).normal(size=LENGTH), cycles)
        problem, _, loss = analysed(capacity, cycles=cycles)
        run = cycle_inventory(cell, cycles, measured=jnp.asarray(capacity))
        assert loss.told_apart, loss
        assert 0.002 < float(problem.data.noise) < 0.01  # the cycles' own scatter, not what a rest does to them
        for name, channel in loss.channels.items():
            low, high = channel.interval95
            held.append(low < float(getattr(run.after, name)[-1]) < high)
    assert sum(held) >= 7, held  # of nine 95 % intervals fewer hold in 0.8 % of all cases
    assert any(text.startswith("By channel: dead") for text in loss.sentences)


def test_efficiencies_against_lithium_give_the_loss():
    """Li | Cu at one depth: efficiencies alone; the counter electrode is a reservoir."""
    reservoir = LithiumInventory(100.0)
    efficiency = 0.98 + 0.002 * np.random.default_rng(3).normal(size=30)
    _, _, loss = analysed(None, efficiency, reservoir, ("dead",), cycles=Cycles.of(30, depth=1.0))
    assert loss.per_cycle == pytest.approx(1.0 - np.mean(efficiency[1:]), rel=1e-12)
    assert loss.per_cycle95[0] < 0.02 < loss.per_cycle95[1]
    assert loss.per_cycle95[1] - loss.per_cycle95[0] == pytest.approx(2 * 2.05 * 0.002 / np.sqrt(29), rel=0.35)


def test_capacities_and_efficiencies_of_the_same_cycles_count_once():
    capacity = record(CELL, 0.01 * np.random.default_rng(4).normal(size=LENGTH))
    efficiency = capacity / np.append(1.0, capacity[:-1])
    _, _, alone = analysed(capacity)
    _, both_fit, both = analysed(capacity, efficiency)
    assert both_fit.noise.n_points == LENGTH
    np.testing.assert_allclose(both.per_cycle95, alone.per_cycle95, rtol=1e-6)


def test_unknown_first_inventory_leaves_the_first_cycle_out():
    capacity = 0.7 * 0.9 ** np.arange(10)
    problem, _, loss = analysed(capacity, initial_known=False, channels=("dead", "interphase"))
    assert loss.first_cycle is None
    assert loss.cycles == problem.data.fitted == 9
    assert loss.per_cycle == pytest.approx(0.1, abs=1e-9)
    assert set(loss.channels) == {"dead", "interphase"}


def test_cycles_without_a_record_are_passed_over():
    capacity = record(LithiumInventory(1.0, dead_fraction=0.05), 0.005 * np.random.default_rng(5).normal(size=LENGTH))
    gaps = [None if k in (4, 5, 11) else q for k, q in enumerate(capacity)]
    problem, _, loss = analysed(gaps, channels=("dead",))
    assert problem.data.fitted == LENGTH - 3
    assert loss.per_cycle95[0] < 0.05 / 1.05 < loss.per_cycle95[1]


def test_a_reservoir_hides_the_loss_and_the_software_says_so():
    cell = LithiumInventory(1.0, excess=1.0, dead_fraction=0.01)
    data = cycle_data(record(cell, np.zeros(LENGTH)), noise=0.001)
    found = explain(InventoryProblem(cell, data, loss_parameters(cell, ("dead",))), points=12)
    assert not found.verdicts[0].identifiable
    gone = LithiumInventory(1.0, excess=0.1, dead_fraction=0.01)
    data = cycle_data(record(gone, np.zeros(LENGTH)), noise=0.001)
    assert explain(InventoryProblem(gone, data, loss_parameters(gone, ("dead",))), points=12).verdicts[0].identifiable


def test_stated_noise_is_kept_and_unstated_noise_is_found():
    capacity = record(CELL, 0.01 * np.random.default_rng(6).normal(size=LENGTH))
    problem, result, _ = analysed(capacity)
    assert result.rmse is not None
    scale = result.rmse / np.sqrt(result.noise.chi2 / result.noise.n_points)
    assert 0.006 < scale < 0.016
    stated, _, _ = analysed(capacity, noise=0.02)
    assert float(stated.renewed(stated.parameters.initial).noise) == 0.02
    assert float(problem.renewed(problem.parameters.initial).noise) != float(problem.noise)


def test_cycles_of_a_joint_fit_tell_with_the_others():
    """Equal cycles tell only the sum; with a titration of the dead lithium they tell the division as well."""
    capacity = record(CELL, 0.01 * np.random.default_rng(1).normal(size=LENGTH))[:12]
    cycles = InventoryProblem(WHOLE, cycle_data(capacity, cycles=Cycles.of(LENGTH)))
    titrated = FunctionProblem(ParameterSet([cycles.parameters.parameters[0]]), ratio, jnp.asarray([100.0]))
    single = fit(cycles, starts=6, settings=QUICK)
    own = cycle_fit(cycles, single)
    apart = JointProblem({"cycles": cycles, "titrated": titrated}, shared=[])
    seen = cycle_fit(apart, fit(apart, starts=6, settings=QUICK), "cycles")
    np.testing.assert_array_equal(seen.others, 0.0)
    np.testing.assert_allclose(seen.theta, own.theta, atol=0.01)
    np.testing.assert_allclose(seen.covariance, own.covariance, rtol=0.02, atol=1e-3)
    joint = JointProblem({"cycles": cycles, "titrated": titrated}, shared=["dead_fraction"])
    result = fit(joint, starts=6, settings=QUICK)
    told = cycle_fit(joint, result, "cycles")
    assert told.others[0, 0] == pytest.approx(100.0**2, rel=0.01)
    np.testing.assert_allclose(told.others[1:], 0.0, atol=1.0)
    loss = lithium_loss(joint, result, member="cycles")
    assert loss.channels["dead"].told
    assert loss.per_cycle95[0] < expected_loss(CELL, cycles) < loss.per_cycle95[1]
    ahead = forecast(joint, result, member="cycles")
    assert np.isnan(ahead.median[:12]).all()
    assert (np.diff(ahead.median[12:]) < 0.0).all()
    for wrong in ("titrated", "gone"):
        with pytest.raises(ValueError, match=r"no problem 'gone'|'titrated' are none"):
            lithium_loss(joint, result, member=wrong)
    with pytest.raises(ValueError, match="'cycles' are none"):
        lithium_loss(cycles, single, member="cycles")


def test_noise_of_cycles_pays_only_for_what_they_determine_themselves():
    """s^2 = (chi2 + nu s0^2)/(n - p + nu): p is 1 alone, and 0 beside a titration that tells all of it."""
    capacity = record(LithiumInventory(1.0, dead_fraction=0.05), 0.01 * np.random.default_rng(1).normal(size=LENGTH))[
        :12
    ]
    parameters = loss_parameters(WHOLE, ("dead",))
    cycles = InventoryProblem(WHOLE, cycle_data(capacity, cycles=Cycles.of(LENGTH)), parameters)
    titrated = FunctionProblem(ParameterSet([parameters.parameters[0]]), ratio, jnp.asarray([1e4]))
    joint = JointProblem({"cycles": cycles, "titrated": titrated}, shared=["dead_fraction"])
    theta = joint.parameters.from_physical({"dead_fraction": 0.05})
    jacobian = value_and_jacobian(joint.residuals, theta)[1]
    alone, beside = (one.member("cycles").noise for one in (joint.renewed(theta), joint.renewed_at(theta, jacobian)))
    n, nu = cycles.data.fitted, SCATTER_DOF
    assert float((beside / alone) ** 2) == pytest.approx((n - 1 + nu) / (n + nu), rel=0.02)


def ratio(values, precision):
    return precision * jnp.log(values["dead_fraction"] / 0.05)


def test_noise_of_cycles_does_not_pay_for_what_another_measurement_determines():
    """s^2 = (chi2 + s0^2)/(n - p tau + 1): p is 1 where the cycles alone tell the loss, 0 where a titration does."""
    cell = LithiumInventory(1.0, dead_fraction=0.05)
    data = cycle_data(record(cell, 0.01 * np.random.default_rng(7).normal(size=LENGTH)))
    cycles = InventoryProblem(cell, data, loss_parameters(cell, ("dead",)))
    for precision, p in ((1e-6, 1.0), (1e6, 0.0)):
        titrated = FunctionProblem(cycles.parameters, lambda values, k: k * values["dead_fraction"][None], precision)
        joint = JointProblem({"cycles": cycles, "titrated": titrated}, shared=["dead_fraction"])
        theta = joint.parameters.from_physical({"dead_fraction": 0.05})
        found = joint.renewed_at(theta, jax.jacfwd(joint.residuals)(theta)).member("cycles")
        residuals = np.asarray(cycles.residuals(theta))
        unit, tau = float(np.sum(residuals**2)) + 1.0, autocorrelation_time(residuals, np.asarray(cycles.segments))
        n = int(np.sum(np.asarray(cycles.segments) >= 0))
        assert float((found.noise / cycles.noise) ** 2) == pytest.approx(unit / (n - p * tau + 1.0), rel=2e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "capacity or efficiency per cycle is needed"),
        ({"capacity": [1.0, -0.2, 0.5]}, "capacity of cycle 2 must be a capacity of at least 0, but is -0.2"),
        ({"capacity": [1.0, np.inf, 0.5]}, "capacity of cycle 2 must be .* but is inf"),
        ({"efficiency": [0.9, 0.9, 98.0]}, "efficiency of cycle 3 must be a coulombic efficiency .* but is 98"),
        ({"capacity": [1.0, 0.9]}, "2 cycles can be fitted, but at least 3 are needed"),
        ({"capacity": [1.0, 0.9, None, None]}, "2 cycles can be fitted"),
        ({"capacity": [1.0, 0.9, 0.8], "noise": 0.0}, "noise must be a finite coulombic efficiency above 0"),
        ({"capacity": [1.0] * 5, "cycles": Cycles.of(4)}, "cycles must cover the record of 5 cycles, but has 4"),
    ],
)
def test_impossible_records_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        cycle_data(**arguments)


def test_unknown_channels_are_refused():
    with pytest.raises(ValueError, match="channels must be some of"):
        loss_parameters(WHOLE, ("dead", "corrosion"))


def shares(kind, seeds, count=12):
    """Share of loss intervals that hold the truth, for noise that is white, wanders, has outliers, is in readings."""
    found = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        white = 0.01 * rng.normal(size=LENGTH)
        scatter = {
            "white": white,
            "wandering": 0.01 * wandering(rng, 0.6),
            "outliers": 0.01 / np.sqrt(3.0) * rng.standard_t(3, LENGTH),
            "readings": 0.0 * white,
        }[kind]
        capacity = record(CELL, scatter) + (0.5 * white if kind == "readings" else 0.0)
        found.append(loss_held(CELL, capacity, count))
    return np.mean(found)


@pytest.mark.parametrize("kind", ["white", "wandering"])
def test_loss_intervals_hold_the_truth(kind: str):
    """24 seeds: 0.95 scatters by 0.045."""
    assert shares(kind, range(24)) >= 0.83


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "least"), [("white", 0.91), ("wandering", 0.86), ("outliers", 0.91), ("readings", 0.94)]
)
def test_loss_intervals_hold_the_truth_at_their_rate(kind: str, least: float):
    """200 seeds: 0.95 scatters by 0.015. Of 12 cycles that wander the autocorrelation is seen in part only."""
    assert shares(kind, range(200)) >= least
