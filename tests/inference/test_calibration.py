"""The benchmark of intervals on virtual experiments: a few draws of it, and its own arithmetic."""

import json
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FEW = 30


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_intervals_of_a_half_cell_hold_truths_drawn_from_the_priors():
    import calibration

    experiment = calibration.EXPERIMENTS["half_cell"]()
    draws = [calibration.draw(experiment, number) for number in range(FEW)]
    found = calibration.summary(draws)
    assert found["draws"] == FEW
    assert found["failed"] <= 1
    assert calibration.outside(found) == []
    assert found["traced_profiles"]["count"] == 6
    assert found["traced_profiles"]["otherwise_than_at_the_truth"] == 0


def test_bands_are_binomial_and_a_draw_without_a_fit_misses():
    import calibration

    low, high = calibration.band(0.95, 1000, 3)
    assert (low, high) == pytest.approx((0.95 - 2.93 * 0.0069, 0.95 + 2.93 * 0.0069), abs=2e-3)
    held = {"laplace": {"a": [True] * 3}, "fit": {"a": [None, None, True]}, "profile": {"a": [True] * 3}}
    good = {"number": 0, "held": held, "traced": None, "noise": [1.0, 1.0]}
    found = calibration.summary([good, {"number": 1, "failure": "no"}])
    assert found["failed"] == 1
    assert found["rates"]["laplace"]["0.95"]["a"] == 0.5
    many = calibration.summary([good] * 60 + [{"number": 1, "failure": "no"}] * 40)
    assert any(words.startswith("fit 95% a: 0.600 not in") for words in calibration.outside(many))


def test_rank_tests_tell_flat_from_skewed():
    import calibration_ranks

    flat = np.random.default_rng(3).integers(0, calibration_ranks.KEPT + 1, 400)
    assert calibration_ranks.chi_squared(flat) > 0.01
    assert calibration_ranks.inside_band(flat, 200) > 0.05
    narrow = calibration_ranks.KEPT // 4 + flat // 2  # a posterior that is too wide
    assert calibration_ranks.chi_squared(narrow) < 1e-6
    assert calibration_ranks.inside_band(narrow, 200) == 0.0


@pytest.mark.parametrize("name", ["calibration.json", "calibration_ranks.json"])
def test_stored_answers_are_complete(name):
    stored = json.loads((BENCHMARKS / "results" / name).read_text())
    if name == "calibration_ranks.json":
        assert stored["data_sets"] >= 200
        assert min(one["chi_squared_p"] for one in stored["tests"].values()) > 0.01 / 3
    else:
        assert all(len(found["rates"]) == 3 for found in stored.values())
