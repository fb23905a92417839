"""Maps over current and conductivity against single runs and the onset."""

import numpy as np
import pytest
import sample_cells

from jaxcell import (
    Protocol,
    bottom_fraction,
    map_plating,
    plate,
    plating_map_figure,
    simulate,
    top_onset_current,
)

CURRENTS = [5.0, 60.0]
KAPPAS = [1e-3, 1e-2, 1.0]


@pytest.mark.parametrize("pores", [None, sample_cells.pores()])
def test_a_map_is_its_runs(pores) -> None:
    cell = sample_cells.half(pores=pores)
    found = map_plating(cell, CURRENTS, KAPPAS, capacity_mah_cm2=0.5, points=4)
    assert found.bottom.shape == (3, 2)
    assert np.all(np.asarray(found.status) == 0)
    np.testing.assert_allclose(found.bottom + found.inside + found.top, 1.0, rtol=1e-12)
    one = sample_cells.replace(cell, working__layer__ionic_conductivity=KAPPAS[0])
    alone = simulate(one, Protocol.of(plate(6.0, 0.5, points=1)), points=4)
    assert float(found.bottom[0, 1]) == pytest.approx(float(bottom_fraction(alone)[-1]), rel=1e-9)
    assert (found.onset is None) == (pores is not None)
    assert np.all((np.asarray(found.inside) > 0.0) == (pores is not None))
    if found.onset is not None:
        assert float(found.onset[0]) == pytest.approx(float(top_onset_current(one)), rel=1e-12)
    assert plating_map_figure(found).axes


def test_a_cell_without_a_layer_has_no_map() -> None:
    with pytest.raises(ValueError, match=r"cell\.working\.layer"):
        map_plating(sample_cells.bare(), CURRENTS, KAPPAS)
