"""Scores against quadrature, and their propriety; coverage against values that are known to hold."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from jaxcell.inference import calibration, crps_of_draws, crps_student, pit_of_draws


@pytest.mark.parametrize("dof", [3.0, 8.0, np.inf])
@pytest.mark.parametrize("off", [-0.7, 0.0, 4.0])
def test_crps_is_the_integral_of_the_squared_distance_of_distributions(dof, off):
    scale = 0.5
    law = scipy.stats.t(dof, scale=scale) if np.isfinite(dof) else scipy.stats.norm(scale=scale)
    parts = [
        scipy.integrate.quad(lambda x: law.cdf(x) ** 2, -np.inf, off)[0],
        scipy.integrate.quad(lambda x: law.sf(x) ** 2, off, np.inf)[0],
    ]
    assert crps_student(np.array(off), scale, dof) == pytest.approx(sum(parts), rel=1e-6)


def test_crps_of_draws_is_that_of_their_law_whatever_their_number():
    rng = np.random.default_rng(0)
    exact = crps_student(np.array(0.8), 2.0, np.inf)
    few = crps_of_draws(7.0 + 2.0 * rng.normal(size=(3, 40000)), np.full(40000, 7.8))
    # Three draws scatter by about the score itself: 40000 of them leave 1 %.
    assert np.mean(few) == pytest.approx(exact, rel=0.02)
    with pytest.raises(ValueError, match="at least 2 rows"):
        crps_of_draws(np.zeros((1, 2)), np.zeros(2))


def test_both_scores_are_best_at_the_truth():
    """Expectations under N(0, 1) by quadrature, over shifted, narrower and wider predictions."""
    x, weight = np.polynomial.hermite_e.hermegauss(120)
    weight = weight / weight.sum()
    rivals = [(0.0, 1.0), (0.3, 1.0), (-0.3, 1.0), (0.0, 0.8), (0.0, 1.25), (0.5, 2.0)]
    log = [np.sum(weight * scipy.stats.norm.logpdf(x, mean, sd)) for mean, sd in rivals]
    crps = [np.sum(weight * crps_student(x - mean, sd, np.inf)) for mean, sd in rivals]
    assert int(np.argmax(log)) == int(np.argmin(crps)) == 0


def test_intervals_that_hold_are_found_to_and_narrow_ones_are_not():
    shares = np.random.default_rng(1).permutation((np.arange(240) + 0.5) / 240.0)
    values, records = scipy.stats.norm.ppf(shares), np.repeat(np.arange(40), 6)
    for narrow, holds in ((1.0, True), (0.5, False)):
        found = calibration(scipy.stats.norm.cdf(values / narrow), records)
        assert [c.holds for c in found.coverage] == [holds] * 3
        assert found.histogram.sum() == found.count == 240
    assert found.histogram[0] > 2 * found.histogram[4]  # too narrow: U-shaped


def test_the_band_widens_where_values_of_a_record_err_together():
    rng = np.random.default_rng(2)
    together = np.repeat(rng.random(40), 6)
    apart = rng.permutation(together)
    width = []
    for pit in (together, apart):
        low, high = calibration(pit, np.repeat(np.arange(40), 6)).coverage[1].band
        width.append(high - low)
    assert width[0] > 1.7 * width[1]


def test_bands_hold_the_true_coverage_at_their_rate():
    """60 sets of 30 records whose four values all err as one: the band of 80 % should hold 0.8 in some 57."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(60):
        pit = np.repeat(rng.random(30), 4)
        held += calibration(pit, np.repeat(np.arange(30), 4)).coverage[1].holds
    assert held >= 52


def test_probability_integral_transform_counts_ties_half():
    draws = np.array([[0.0, 1.0], [0.0, 2.0], [1.0, 3.0], [2.0, 4.0]])
    np.testing.assert_allclose(pit_of_draws(draws, np.array([0.0, 3.5])), [0.25, 0.75])
    with pytest.raises(ValueError, match="equally long"):
        calibration(np.zeros(0), np.zeros(0, dtype=int))
