"""Which model predicts what comes next: true channels win, equal cycles leave them alike, folds compile once."""

import importlib
import inspect

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from inventory_cases import WHOLE

from jaxcell import Cell, Cycles, LithiumElectrode, LithiumInventory, Separator, cycle_inventory
from jaxcell.inference import (
    FitSettings,
    Fold,
    FunctionProblem,
    InventoryProblem,
    JointProblem,
    LogNormal,
    Normal,
    Parameter,
    ParameterSet,
    compare_models,
    cycle_data,
    expanding_window,
    loss_parameters,
    second_half,
)
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.dataset import dataset
from jaxcell.inference.left_out import cycle_of_rows, fitted_only
from jaxcell.inference.model_choice import Difference, ModelComparison, ModelScore

LENGTH, NOISE = 14, 0.003
TRUE = {
    "dead": LithiumInventory(1.0, dead_fraction=0.04),
    "interphase": LithiumInventory(1.0, interphase_growth=4e-3, interphase_start=0.05),
}
EQUAL = Cycles.of(LENGTH)
RESTS = eqx.tree_at(lambda c: c.duration, EQUAL, jnp.tile(jnp.asarray([0.2, 1.8]), LENGTH // 2))
traced: list[str] = []


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """A quarter of the draws: scores then scatter by a hundredth of what tells these models apart."""
    module = importlib.import_module("jaxcell.inference.lithium_loss")
    monkeypatch.setattr(module, "STEPS", 1000)
    monkeypatch.setattr(module, "BURN_IN", 250)


def chosen(channel: str, cycles: Cycles, seed: int, noise: float) -> ModelComparison:
    """Dead lithium against interphase on the record of a cell that has one of them."""
    scatter = jnp.asarray(noise * np.random.default_rng(seed).normal(size=LENGTH))
    run = cycle_inventory(TRUE[channel], cycles, scatter=scatter)
    data = cycle_data(np.asarray(run.flux.stripped - run.flux.unexplained), cycles=cycles)
    models = {name: InventoryProblem(WHOLE, data, loss_parameters(WHOLE, [name])) for name in TRUE}
    return compare_models(models, folds=lambda n: expanding_window(n, first=6, blocks=3), starts=2)


def test_the_true_channel_wins_where_rests_differ():
    for truth in TRUE:
        found = [chosen(truth, RESTS, seed, NOISE) for seed in range(2)]
        assert [one.best for one in found] == [truth] * 2
        assert sum(not one.rivals for one in found) >= 1
        assert all(
            one.scores[one.best].crps < one.scores[other].crps for one in found for other in TRUE if other != truth
        )
    assert f"{truth} predicts left-out cycles best; worse are dead by" in found[0].verdict or found[0].rivals


def test_equal_cycles_do_not_tell_the_channels_apart():
    found = [chosen("dead", EQUAL, seed, 0.02) for seed in range(3)]
    assert sum(bool(one.rivals) for one in found) >= 2
    words = next(one for one in found if one.rivals)
    assert "is not told apart from" in words.verdict
    table = words.to_dataframe()
    assert table.loc[words.best, "worse than the best"] == 0.0
    assert not table.loc[words.rivals[0], "told from the best"]
    assert words.to_dict()["words"] == words.verdict
    assert words.cycles == LENGTH - 6


def line(values, data):
    traced.append("line")
    return (values["start"] + values["slope"] * data["t"] - data["y"]) / 0.1


def level(values, data):
    traced.append("level")
    return (values["start"] + 0.0 * data["t"] - data["y"]) / 0.1


def drifting(slope: float, seed: int, count: int = 24) -> dict[str, FunctionProblem]:
    """y = 1 + slope t + noise of 0.1, as a line and as a level."""
    t = np.linspace(0.0, 1.0, count)
    data = {"t": t, "y": 1.0 + slope * t + 0.1 * np.random.default_rng(seed).normal(size=count)}
    start = Parameter("start", "a", "V", (-9.0, 9.0), "linear", Normal(0.0, 3.0), 0.5)
    free = Parameter("slope", "b", "V", (-9.0, 9.0), "linear", Normal(0.0, 3.0), 0.5)
    return {
        "line": FunctionProblem(ParameterSet([start, free]), line, data),
        "level": FunctionProblem(ParameterSet([start]), level, data),
    }


def test_a_drift_is_found_where_there_is_one_and_folds_compile_once():
    records = [drifting(slope, seed) for slope in (1.0, 0.0) for seed in range(3)]
    four = lambda n: expanding_window(n, blocks=4)  # noqa: E731
    found = [compare_models(records[0], folds=four, starts=2)]
    before = len(traced)
    found += [compare_models(models, folds=four, starts=2) for models in records[1:]]
    assert len(traced) == before  # 20 more folds, and no trace of either model
    moving, still = found[:3], found[3:]
    assert [one.best for one in moving] == ["line"] * 3
    assert sum(not one.rivals for one in moving) >= 2
    assert all(one.rivals or one.best == "level" for one in still)
    # A fit of all records at once clusters by record.
    both = {name: {seed: drifting(1.0, seed)[name] for seed in range(4)} for name in ("line", "level")}
    together = compare_models(both, folds=second_half, starts=2)
    assert (together.best, together.rivals, together.cycles) == ("line", (), 48)
    assert together.calibration("line").records == 4


def test_a_linear_model_is_scored_by_its_exact_predictive_density():
    """Of a line in Gaussian noise that is known: y* - x* b ~ N(0, x* C x*^T + s2), so many that t is Gaussian."""
    problem = drifting(0.0, 0, 400)["level"]
    found = compare_models({"one": problem, "other": problem}, folds=lambda n: (Fold(399, 400),), starts=2)
    (score,) = found.blocks["one"].values()
    y = np.asarray(problem.data["y"]) / 0.1
    rest = y[:399] - y[:399].mean()
    scale = max(1.0, np.sum(rest**2) / 398.0)
    expected = -0.5 * (y[399] - y[:399].mean()) ** 2 / scale - 0.5 * np.log(2.0 * np.pi * scale)
    assert score.log_score == pytest.approx(expected, abs=0.1)
    assert found.scores["other"].by_log_score == (0.0, 0.0, 0.0)


def told(*behind: Difference) -> ModelComparison:
    """A comparison of which only the scores count."""
    best = Difference(0.0, 0.0, 0.0)
    scores = {
        name: ModelScore(2.5 - one.worse, np.nan, one, one, 0)
        for name, one in zip("abc", (best, *behind), strict=False)
    }
    return ModelComparison(scores, {name: {} for name in scores}, 9, ("b, cycles 4 to 5: no start",))


def test_the_verdict_says_by_how_much():
    near, far = Difference(0.0046, 0.02, 0.045), Difference(0.5, 0.05, 0.1)
    assert told(near, far).verdict == (
        "a is not told apart from b, by 0.0046 +- 0.045; worse are c by 0.5 +- 0.1 (nats a cycle, 95 %)."
    )
    assert told(far).verdict == "a predicts left-out cycles best; worse are b by 0.5 +- 0.1 (nats a cycle, 95 %)."
    assert told(Difference(0.2, np.inf, np.inf)).verdict == (
        "a is not told apart from b, by 0.2 (nats a cycle; one block gives no error of the difference)."
    )
    said = told(near, far).summary().splitlines()
    assert said[0] == told(near, far).verdict
    assert "  b: 2.495 nats a cycle, worse by 0.0046 +- 0.045" in said
    assert said[-1] == "  not compared: b, cycles 4 to 5: no start"
    assert "blocks" not in repr(told(near))


def test_windows_and_what_they_leave_out():
    assert expanding_window(12, first=6, blocks=3) == (Fold(6, 8), Fold(8, 10), Fold(10, 12))
    assert expanding_window(5) == (Fold(4, 5),)
    assert second_half(9) == (Fold(4, 9),)
    for bad, words in (({"first": 12}, "first must be from 3"), ({"blocks": 0}, "blocks must be at least 1")):
        with pytest.raises(ValueError, match=words):
            expanding_window(12, **bad)
    capacity = np.array([0.9, 0.8, np.nan, 0.7, 0.65, 0.6])
    problem = InventoryProblem(WHOLE, cycle_data(capacity, cycles=Cycles.of(8)))
    np.testing.assert_array_equal(cycle_of_rows(problem), [0, 1, -1, 2, 3, 4, -1, -1])
    part = fitted_only(problem, Fold(3, 5))
    alone = InventoryProblem(WHOLE, cycle_data(capacity[:4], cycles=Cycles.of(8)))
    np.testing.assert_array_equal(part.data.capacity, alone.data.capacity)
    np.testing.assert_array_equal(part.segments, alone.segments)
    assert float(part.noise) == float(alone.noise)  # estimated from the fitted cycles alone


def test_noise_of_a_record_is_estimated_from_what_is_fitted():
    """Rows after the fold, twenty times as noisy, change nothing of it."""
    cell = Cell.symmetric(LithiumElectrode(20e-6), Separator(30e-6, 0.24))
    kappa = Parameter("kappa", "separator.ionic_conductivity", "S/m", (0.1, 1.0), initial=0.24)
    time, current = np.arange(41.0), np.append(0.0, np.full(40, 5.0))
    off = 1e-3 * np.random.default_rng(0).normal(size=41)
    plan = None
    found = []
    for later in (1.0, 20.0):
        voltage = np.where(np.arange(41) > 20, later, 1.0) * off
        problem = CellProblem(cell, dataset(time, current, voltage), ParameterSet([kappa], cell), plan=plan)
        plan = problem.plan
        found.append(fitted_only(problem, Fold(20, 30)))
    assert float(found[0].dataset.noise) == float(found[1].dataset.noise) == pytest.approx(1e-3, rel=0.4)
    np.testing.assert_array_equal(found[1].data_scale, np.where(np.arange(40) < 20, found[1].dataset.noise, 1.0))
    stated = CellProblem(cell, dataset(time, current, off, noise=2e-3), ParameterSet([kappa], cell), plan=plan)
    assert float(fitted_only(stated, Fold(20, 30)).dataset.noise) == 2e-3
    with pytest.raises(ValueError, match="noise cannot be estimated from 6 consecutive triples"):
        fitted_only(problem, Fold(8, 30))


def test_models_of_different_data_are_refused_and_failures_are_named():
    models = drifting(0.0, 0)
    with pytest.raises(ValueError, match="At least two models"):
        compare_models({"line": models["line"]})
    unchecked = inspect.unwrap(compare_models)  # as where nothing checks types
    for what, words in (
        ([models], "but is of type list"),
        (None, "but is None"),
        ({"line": 3, "level": 4}, "but that of 'line' is of type int"),
    ):
        with pytest.raises(ValueError, match=f"models must be problems by the names of the models, .* {words}"):
            unchecked(what)
    with pytest.raises(ValueError, match=r"starts must be a whole number of at least 1, but is 2\.5"):
        unchecked(models, starts=2.5)
    with pytest.raises(ValueError, match="same measurement, but those of 'line' and 'level' differ"):
        compare_models(models | {"level": drifting(0.0, 1)["level"]})
    with pytest.raises(ValueError, match="same records"):
        compare_models({"line": models["line"], "level": {1: models["level"]}})
    joined = JointProblem({"a": models["level"], "b": models["level"]}, shared=["start"])
    with pytest.raises(ValueError, match="order of time"):
        cycle_of_rows(joined)
    belief = LogNormal((0.1, 10.0))
    nowhere = FunctionProblem(
        ParameterSet([Parameter("start", "a", "V", (0.1, 10.0), "log", belief, 1.0)]), broken, models["line"].data
    )
    with pytest.raises(ValueError, match="No block can be scored under every model: broken, cycles 13 to"):
        compare_models(
            {"line": models["line"], "broken": nowhere},
            folds=second_half,
            starts=2,
            settings=FitSettings(ridges=0),
        )


def broken(values, data):
    return jnp.nan * values["start"] * data["y"]
