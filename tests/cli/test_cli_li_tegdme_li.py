"""A published plating through a liquid: its voltage to the verdicts, and its NMR signal; see data/README.md."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_study import call

from jaxcell.io.dataset import Selection, fitted_rows
from jaxcell.study import load_study

FIT = Path(__file__).parents[2] / "fit"
STUDY = FIT / "li_tegdme_li.toml"


def test_thinned_rows_keep_their_distance(data: Path) -> None:
    measurement = load_study(STUDY).measurement()
    assert len(measurement) == 50483
    rows = fitted_rows(measurement, Selection(skip_after_step=10.0, spacing=120.0), 5e-3)
    fitted = rows.rows[np.asarray(rows.dataset.segments) >= 0]
    assert 550 < fitted.size < 600
    assert np.all(np.diff(measurement.time[fitted]) >= 120.0)


@pytest.mark.slow
def test_resistance_and_misfit_of_the_voltage(data: Path, tmp_path: Path) -> None:
    called = call("fit", STUDY, "--starts", "1", "--out", tmp_path)
    assert called.code == 0, called.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["combinations"]["total_area_specific_resistance"]["estimate"] == pytest.approx(111.6, abs=3.0)
    assert result["fit"]["rmse_v"] == pytest.approx(16.7e-3, abs=0.5e-3)
    for name in ("transference_number", "salt_diffusivity"):
        assert result["parameters"][name]["verdict"] == "prior only"
    assert "The physics of this study does not explain it." in " ".join(called.stdout.split())


def test_signal_grows_with_the_plated_charge(data: Path) -> None:
    spec = importlib.util.spec_from_file_location("nmr", FIT / "li_tegdme_li_nmr.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    table = pd.read_csv(data / "li_tegdme_li" / "nmr_li_metal_integral_0_20h.csv")
    charge = np.maximum(table["time"].to_numpy() - script.BEGIN, 0.0) / 3600.0 * script.CURRENT
    intensity = table["intensity"].to_numpy()
    found, _ = script.signal_fit(charge, intensity / intensity[0])
    assert found.estimates["gain"] == pytest.approx(1.304, abs=0.01)
    assert found.estimates["bend"] == pytest.approx(0.513, abs=0.02)
    assert found.parameters["bend"].interval95[0] > 0.3
