"""Forecasts of a series, by a law or without one: against dense Gaussian algebra, by coverage, and its symmetries."""

import numpy as np
import pytest

from jaxcell.inference import law_forecast, trend_forecast
from jaxcell.inference.trend import filtered

AHEAD = 10


def wandering(seed: int, rows: int = 30, wander: float = 0.3, noise: float = 0.02) -> np.ndarray:
    """Unit slope, whose change over the record has a standard deviation `wander`, and noise."""
    rng = np.random.default_rng(seed)
    fine, step = 50, 1.0 / (rows * 50)
    slope = 1.0 + wander * np.sqrt(step) * np.cumsum(rng.normal(size=rows * fine))
    return (np.cumsum(slope) * step)[fine - 1 :: fine] + noise * rng.normal(size=rows)


def cut(value: np.ndarray) -> np.ndarray:
    return np.where(np.arange(value.size) < value.size - AHEAD, value, np.nan)


def test_the_filter_is_dense_gaussian_conditioning() -> None:
    time = np.array([0.0, 0.2, 0.3, 0.55, 0.7, 1.0, 1.3, 1.8])
    value = np.array([0.1, 0.3, np.nan, 0.2, 0.6, 0.9, np.nan, np.nan])
    q, noise, prior = 0.7, 0.03, 1e4
    seen, early = np.isfinite(value), np.minimum.outer(time, time)
    late = np.maximum.outer(time, time)
    walk = prior * (1.0 + np.outer(time, time)) + q * early**2 * (late / 2.0 - early / 6.0)  # integrated Wiener process
    gain = np.linalg.solve(walk[np.ix_(seen, seen)] + noise * np.eye(seen.sum()), walk[seen]).T
    _, mean, variance = filtered(time, value, np.array([q]), np.array([noise]))
    for row in (6, 7):
        assert mean[row, 0] == pytest.approx(gain[row] @ value[seen], rel=1e-3)
        assert variance[row, 0] == pytest.approx(walk[row, row] - gain[row] @ walk[seen, row] + noise, rel=1e-3)


def test_intervals_cover_what_they_say() -> None:
    time, hits, wide = np.arange(30.0), [], []
    for seed in range(120):
        value = wandering(seed)
        ahead = trend_forecast(time, cut(value))
        hits.append(ahead.covers(value)[-AHEAD:])
        wide.append((ahead.high - ahead.low)[-AHEAD:])
    share = np.mean(hits, axis=0)
    assert 0.90 <= share[0] <= 1.0
    assert 0.90 <= share[-1] <= 1.0
    assert 0.93 <= share.mean() <= 0.985
    assert np.all(np.diff(np.median(wide, axis=0)) > 0.0)


def test_a_straight_line_goes_on() -> None:
    time = np.arange(30.0)
    value = 5.0 + 0.3 * time + 1e-2 * np.random.default_rng(0).normal(size=30)
    ahead = trend_forecast(time, cut(value))
    assert ahead.covers(value)[-AHEAD:].all()
    assert ahead.median[-1] == pytest.approx(5.0 + 0.3 * 29.0, abs=0.05)
    assert np.isnan(ahead.median[: 30 - AHEAD]).all()


def test_units_do_not_matter() -> None:
    time, value = np.arange(30.0), cut(wandering(3))
    one, other = trend_forecast(time, value), trend_forecast(60.0 * time + 7.0, 1e3 * value - 4.0)
    for name in ("low", "median", "high"):
        np.testing.assert_allclose(getattr(other, name), 1e3 * getattr(one, name) - 4.0, rtol=1e-9)


@pytest.mark.parametrize(
    ("time", "value", "words"),
    [
        (np.arange(9.0), np.arange(8.0), "equally long"),
        (np.zeros(9), np.arange(9.0), "increase"),
        (np.arange(9.0), np.where(np.arange(9) == 4, np.inf, 1.0), "row 4"),
        (np.arange(9.0), np.where(np.arange(9) > 4, np.nan, np.arange(9.0)), "at least 6 recorded values, but holds 5"),
        (np.arange(9.0), np.ones(9), "every recorded value is 1"),
    ],
)
def test_refusals(time: np.ndarray, value: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        trend_forecast(time, value)


def roots(rows: int) -> np.ndarray:
    time = 50.0 * np.arange(1.0, rows + 1.0)
    return np.stack([np.ones(rows), np.sqrt(time)], axis=1)


def test_a_law_without_noise_is_exact() -> None:
    value = roots(30) @ [200.0, 2.5]
    ahead = law_forecast(roots(30), cut(value))
    np.testing.assert_allclose(ahead.median[-AHEAD:], value[-AHEAD:], rtol=1e-12)
    np.testing.assert_allclose(ahead.high[-AHEAD:], ahead.low[-AHEAD:], rtol=1e-9)
    assert np.isnan(ahead.low[:-AHEAD]).all()


def test_intervals_of_a_mean_are_students() -> None:
    value = np.array([1.0, 2.0, 4.0, 3.0, np.nan])
    ahead = law_forecast(np.ones((5, 1)), value)
    half = 3.182446305 * np.std(value[:4], ddof=1) * np.sqrt(1.25)  # t(0.975) of 3 degrees of freedom: 3.1824
    assert ahead.median[-1] == pytest.approx(2.5)
    assert ahead.high[-1] == pytest.approx(2.5 + half, rel=1e-8)


def test_a_law_that_holds_covers_and_one_that_does_not_misleads() -> None:
    hits = {"root": [], "line": []}
    line = np.stack([np.ones(30), np.arange(30.0)], axis=1)
    for seed in range(200):
        value = roots(30) @ [200.0, 2.5] + np.random.default_rng(seed).normal(size=30)
        for name, terms in (("root", roots(30)), ("line", line)):
            hits[name].append(law_forecast(terms, cut(value)).covers(value)[-1])
    assert 0.9 <= np.mean(hits["root"]) <= 0.99
    assert np.mean(hits["line"]) < 0.5


@pytest.mark.parametrize(
    ("terms", "value", "words"),
    [
        (np.ones((4, 1)), np.ones(5), "one row for each value"),
        (np.full((5, 1), np.nan), np.ones(5), "terms must be finite"),
        (np.ones((5, 2)), np.arange(5.0), "must differ"),
        (np.ones((5, 1)), [1.0, 2.0, np.nan, np.nan, np.nan], "at least 3 recorded values, but holds 2"),
    ],
)
def test_refusals_of_laws(terms: np.ndarray, value: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        law_forecast(terms, value)
