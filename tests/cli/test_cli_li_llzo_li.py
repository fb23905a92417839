"""A published measurement from its file to the verdict: github.com/dgbowl/yadg 61d55fe1, tests/test_x_eclab/mb.mpt."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_study import Called, call

pytestmark = pytest.mark.runs_much

STUDY = Path(__file__).parents[2] / "fit" / "li_llzo_li.toml"
Fitted = dict[str, tuple[dict[str, Any], Called]]


@pytest.fixture(scope="module")
def both(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """Results from the text file and from its binary twin."""
    folder = tmp_path_factory.mktemp("llzo")
    found: Fitted = {}
    for ending in ("mpt", "mpr"):
        file = data / "li_llzo_li" / f"li_llzo_li.{ending}"
        called = call("fit", STUDY, "--data", file, "--starts", "2", "--out", folder / ending)
        assert called.code == 0, called.stderr
        found[ending] = json.loads((folder / ending / "result.json").read_text()), called
    return found


def test_one_number_is_identified(both: Fitted) -> None:
    result, _ = both["mpt"]
    total = result["combinations"]["total_area_specific_resistance"]
    assert total["identifiable"] is True
    assert total["estimate"] == pytest.approx(376.0, abs=15.0)
    assert total["interval95"][1] - total["interval95"][0] < 15.0
    for name, verdict in {
        "separator_conductivity": "only in combination with exchange_current_density",
        "exchange_current_density": "only in combination with separator_conductivity",
        "double_layer_capacitance": "prior only",
    }.items():
        assert result["parameters"][name]["identifiable"] is False
        assert result["parameters"][name]["verdict"] == verdict


def test_misfit_is_named(both: Fitted) -> None:
    result, called = both["mpt"]
    assert result["fit"]["n_points"] == 960
    assert result["fit"]["rows_skipped_after_steps"] == 8
    assert result["fit"]["rmse_v"] == pytest.approx(118e-6, abs=5e-6)
    assert result["fit"]["noise_v"] == pytest.approx(68e-6, abs=8e-6)
    assert 300.0 < result["misfit"]["relaxation"]["time_constant_s"] < 1200.0
    said = " ".join(called.stdout.split())
    assert "rises through each of the 8 stretches" in said
    assert "The physics of this study does not explain it." in said
    assert "8 impedance spectra, which this version does not fit" in said


def test_area_of_the_header_is_challenged(both: Fitted) -> None:
    result, called = both["mpt"]
    said = " ".join(called.stdout.split())
    assert "WARNING: the header says electrode area 0.5 cm2" in said
    assert any("0.5 cm2" in notice for notice in result["provenance"]["notices"])


def test_lithium(both: Fitted) -> None:
    lithium = both["mpt"][0]["lithium"]
    # 2.8 uA for an hour on 0.2827 cm2.
    assert [h["moved"] for h in lithium["half_cycles"]] == pytest.approx([9.9e-3] * 8, rel=2e-3)


def test_binary_twin_agrees(both: Fitted) -> None:
    text, binary = (both[ending][0] for ending in ("mpt", "mpr"))
    for kind in ("parameters", "combinations"):
        for name, entry in text[kind].items():
            # The text file rounds to 8 digits, which moves a weakly seen parameter along its ridge by a little more.
            assert binary[kind][name]["estimate"] == pytest.approx(entry["estimate"], rel=1e-4), name
    assert binary["provenance"]["file"] == "li_llzo_li.mpr"
    # Where the folder of measurements lies beside this one, the path leads there from the results.
    assert Path(binary["provenance"]["study"]["data"]["file"]).name == "li_llzo_li.mpr"
