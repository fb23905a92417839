"""Rows that are not fitted keep their charge when they are merged."""

import numpy as np

from jaxcell.inference.dataset import dataset


def test_merged_rows_keep_their_charge_and_levels_apart():
    time = np.array([0.0, 1.0, 3.0, 4.0, 5.0, 6.0])
    current = np.array([0.0, 1.0, 1.005, 0.0, 1.0, 1.0])
    fitted = np.array([False, False, False, False, True, True])
    record = dataset(time, current, np.ones(6), fitted=fitted, noise=1e-3)
    # The first two levels differ by less than 1 % of the largest current and become one interval; the rest is another.
    np.testing.assert_allclose(record.protocol.duration, [3.0, 1.0, 1.0, 1.0])
    np.testing.assert_allclose(record.protocol.current_density, [(1.0 + 2 * 1.005) / 3, 0.0, 1.0, 1.0], rtol=1e-12)
