"""Which rows are fitted, and what their residuals say."""

import re

import numpy as np
import pytest

from jaxcell.io import Kind, Measurement, MeasurementError
from jaxcell.io.dataset import Selection, fitted_rows
from jaxcell.study.misfit import misfit
from jaxcell.study.words import duration, estimate, misfit_words


def record(per: int = 30, area: float | None = 1e-4) -> Measurement:
    """Rest, charge, rest, discharge; the first row of each 1 ms after its step, then one every 10 s."""
    time, current, kind, step = [0.0], [0.0], [Kind.REST], [0]
    for number, level in enumerate((0.0, 1e-4, 0.0, -1e-4)):
        begun = time[-1]
        time += [begun + 1e-3, *(begun + 10.0 * np.arange(1, per))]
        current += [level] * per
        kind += [Kind.CYCLING if level else Kind.REST] * per
        step += [number] * per
    volts = 50.0 * np.asarray(current) + np.random.default_rng(0).normal(0.0, 1e-5, len(time))
    return Measurement(
        np.asarray(time),
        np.asarray(current),
        volts,
        np.zeros(len(time), dtype=np.int64),
        np.asarray(step, dtype=np.int64),
        np.asarray(kind, dtype=np.int8),
        area=area,
    )


def test_all_cycling_rows_by_default() -> None:
    rows = fitted_rows(record(), Selection())
    assert rows.dataset.points == 60
    assert rows.skipped == 0
    assert rows.dataset.noise_estimated
    assert float(rows.dataset.noise) == pytest.approx(1e-5, rel=0.4)


def test_charge_is_kept_and_steps_stay_sharp() -> None:
    m = record()
    rows = fitted_rows(m, Selection(skip_after_step=1.0))
    assert rows.skipped == 2
    protocol = rows.dataset.protocol
    levels = np.unique(np.round(np.asarray(protocol.current_density), 9))
    np.testing.assert_allclose(levels, [-1.0, 0.0, 1.0])  # no interval mixes rest and current
    charge = np.asarray(protocol.current_density) @ np.asarray(protocol.duration)
    assert charge == pytest.approx(m.current_density[1:] @ np.diff(m.time), abs=1e-9)
    np.testing.assert_array_equal(m.time[rows.rows], np.asarray(rows.dataset.time))


def test_rows_thin_out_by_the_logarithm_of_the_time_since_a_step() -> None:
    m = record()
    every, thin = fitted_rows(m, Selection()), fitted_rows(m, Selection(per_decade=3))
    since = thin.since_step[np.asarray(thin.dataset.segments) >= 0]
    one = [1e-3, 10.0, 30.0, 50.0, 100.0, 220.0]  # the first row of each third of a decade, from 1e-3 s on
    np.testing.assert_allclose(since, [*one, *one], rtol=1e-9)
    assert thin.skipped == 0
    for rows in (every, thin):
        protocol = rows.dataset.protocol
        charge = np.asarray(protocol.current_density) * np.asarray(protocol.duration)
        assert np.abs(charge).sum() == pytest.approx(np.abs(m.current_density[1:]) @ np.diff(m.time), rel=1e-12)


def test_time_since_the_step() -> None:
    rows = fitted_rows(record(), Selection())
    since = rows.since_step[np.asarray(rows.dataset.segments) >= 0]
    assert since[0] == pytest.approx(1e-3)
    assert since[:30].max() == pytest.approx(290.0)
    assert since[30] == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("selection", "points"),
    [
        (Selection(rests=True), 120),
        (Selection(steps=(1,)), 30),
        (Selection(time=(0.0, 500.0)), 22),
        (Selection(steps=(1, 2), rests=True), 60),
    ],
)
def test_selection(selection: Selection, points: int) -> None:
    assert fitted_rows(record(), selection, noise=1e-5).dataset.points == points


def test_refusals() -> None:
    with pytest.raises(MeasurementError, match="at least 2 rows"):
        fitted_rows(record(), Selection(cycles=(4,)))
    with pytest.raises(MeasurementError, match="noise cannot be estimated"):
        fitted_rows(record(per=4), Selection())
    with pytest.raises(MeasurementError, match="`area`"):
        fitted_rows(record(area=None), Selection())


def excess(shape: float, first: float = 0.0) -> list[str]:
    """Words on a record whose polarisation exceeds the model by `shape` exp(-t/60 s), and by `first` at first."""
    rows = fitted_rows(record(), Selection(), noise=1e-5)
    sign = np.sign(np.asarray(rows.dataset.protocol.current_density))
    extra = shape * np.exp(-rows.since_step / 60.0) + np.where(rows.since_step < 0.1, first, 0.0)
    return misfit_words(misfit(rows, 0.5e-2 * sign - extra * sign))


def test_silence_about_noise() -> None:
    (sentence,) = excess(0.0)
    assert "explains the data to within their noise" in sentence


def test_a_decay_is_measured() -> None:
    words = " ".join(excess(2e-3))
    assert "falls through each of the 2 stretches" in words
    assert re.search(r"one process of (19\d\d|20\d\d)(\.\d)? uV, 20 ohm cm2, that decays .* of 6[01] s", words)
    assert "does not explain" in words


def test_first_rows_are_told_apart() -> None:
    words = " ".join(excess(0.0, first=-2e-3))
    assert "first rows after a step of the current (2 rows, within 1 ms" in words
    assert "uV less than the model" in words


def test_numbers_in_words() -> None:
    assert duration(30.0) == "30 s"
    assert duration(580.0) == "9.7 min"
    assert duration(3.35e-4) == "335 us"
    assert estimate(1.99971, [1.99902, 2.00041]) == ("1.99971", "1.99902 to 2.00041")
    assert estimate(3.0, [1.0, 9.0]) == ("3", "1 to 9")
