"""Two cells under one protocol."""

import dataclasses

import numpy as np
import pytest
import sample_cells

from jaxcell import (
    Cell,
    DeadLithium,
    LayerComparison,
    LithiumElectrode,
    Protocol,
    Separator,
    Settings,
    Until,
    compare_layers,
    comparison_figure,
    plate,
    strip,
)

COARSE = Settings(1e-3, 1e-3)
PROTOCOL = Protocol.of([plate(1.0, 0.2, 2), strip(1.0, 0.2, 4, until=Until(voltage_above=0.4))], repeat=4)


def cell(xi: float, layer: bool) -> Cell:
    foil = sample_cells.interface(dead_lithium=DeadLithium(xi))
    own = sample_cells.layer() if layer else None
    return Cell(LithiumElectrode(2e-6, foil, own), sample_cells.separator(), LithiumElectrode(50e-6))


@pytest.fixture(scope="module")
def comparison() -> LayerComparison:
    with_layer, bare = cell(0.01, layer=True), cell(0.2, layer=False)
    return compare_layers(with_layer, bare, PROTOCOL, names=("layer", "bare"), settings=COARSE)


def test_the_table_holds_both_and_their_difference(comparison: LayerComparison) -> None:
    table = comparison.table
    assert list(table.columns) == ["layer", "bare", "difference"]
    np.testing.assert_allclose(table["difference"], table["bare"] - table["layer"])
    dead = table.loc["lost, dead bottom / mAh cm-2"]
    # xi of what was stripped: four times 0.2 mAh cm-2 with the layer.
    assert dead["layer"] == pytest.approx(0.008, rel=0.01)
    assert dead["bare"] > 10.0 * dead["layer"]
    assert table.loc["lithium left / mAh cm-2", "difference"] < -0.1
    assert table.loc["lost in all / um", "layer"] == pytest.approx(4.8505 * 0.008, rel=0.01)


def test_the_balance_closes(comparison: LayerComparison) -> None:
    for which in (0, 1):
        balance = comparison.balance(which)
        assert abs(balance["residual"]) < 1e-10
        assert balance["at the start"] == pytest.approx(2.0 / 4.8505, rel=1e-4)
        explained = sum(value for name, value in balance.items() if name != "residual")
        assert explained == pytest.approx(balance["residual"], abs=1e-15)


def test_the_figure_prints_the_residual(comparison: LayerComparison) -> None:
    figure = comparison_figure(comparison)
    assert len(figure.axes) == 4
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert all("ledger residual" in label for label in labels)
    ticks = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert {"at the start", "dead bottom", "left"} <= set(ticks)


def test_cells_that_differ_elsewhere_are_refused_by_name() -> None:
    one = cell(0.01, layer=True)
    changes = {
        r"separator\.thickness is 5e-05 in 'a' and 6e-05 in 'b'": {"separator": Separator(60e-6, 0.24)},
        r"counter\.lithium_thickness": {"counter": LithiumElectrode(60e-6)},
        "temperature is 298.15 in 'a' and 310 in 'b'": {"temperature": 310.0},
        r"counter\.layer\.thickness is left out in 'a'": {
            "counter": LithiumElectrode(50e-6, layer=sample_cells.layer())
        },
    }
    for told, change in changes.items():
        with pytest.raises(ValueError, match=told):
            compare_layers(one, dataclasses.replace(one, **change), PROTOCOL)


def test_names_must_differ() -> None:
    with pytest.raises(ValueError, match="names must differ"):
        compare_layers(cell(0.01, True), cell(0.02, True), PROTOCOL, names=("one", "one"))
