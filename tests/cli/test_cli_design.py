"""`jaxcell design` from file to folder, on a case without a run, and what it refuses."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_study import call, replaced

from jaxcell.study import StudyError, open_study
from jaxcell.study.design_study import DesignStudy

DESIGN = """
[study]
title = "As thick a layer as the current allows"

[cell]
kind = "half"

[cell.separator]
thickness_um = 30
ionic_conductivity_s_cm = 2.4e-3

[cell.counter]
lithium_thickness_um = 50

[cell.electrode]
lithium_thickness_um = 5
interface.kinetics.exchange_current_density_ma_cm2 = 3

[cell.electrode.layer]
thickness_um = 8
ionic_conductivity_s_cm = 5e-5
top.nucleation.overpotential_mv = 40

[variables.thickness]
path = "electrode.layer.thickness"
unit = "um"
bounds = [1, 20]

[objective]
quantity = "layer_thickness"

[[limit]]
quantity = "top_onset_current"
at_least = 2.5
unit = "mA/cm2"

[optimiser]
starts = 2
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def write(*replacements: tuple[str, str], added: str = "") -> Path:
        Path("layer.toml").write_text(replaced(DESIGN, *replacements) + added)
        return Path("layer.toml")

    return write


def test_design_from_file_to_folder(file) -> None:
    front = '[pareto]\nquantity = "resistance"\ndirection = "minimise"\npoints = 3\n'
    called = call("design", file(added=front), "--out", "out")
    assert called.code == 0, called.stderr
    assert "Converged; 2 of 2 starts ended here." in called.stdout
    assert "top_onset_current >= 2.5 mA/cm2: active" in called.stdout
    answer = json.loads(Path("out/result.json").read_text())
    assert answer["converged"]
    # L/kappa = (40 mV - (2/f) asinh(I/2 i0))/I with 25 and 30 A m-2.
    drop = 0.04 - 2.0 * 8.314462618 * 298.15 / 96485.33212 * np.arcsinh(25.0 / 60.0)
    assert answer["variables"]["thickness"]["value"] == pytest.approx(1e6 * 5e-3 * drop / 25.0, rel=1e-4)
    (limit,) = answer["limits"]
    assert limit["active"]
    assert limit["objective_per_unit_of_limit"] < 0.0
    table = pd.read_csv("out/front.csv")
    assert np.all(np.diff(table["resistance / ohm cm2"]) > 0.0)
    assert np.all(np.diff(table["layer_thickness / um"]) > 0.0)
    for name in ("cuts", "front"):
        assert Path(f"out/figures/{name}.png").stat().st_size > 10_000
    resolved = open_study("out/config.toml")
    assert isinstance(resolved, DesignStudy)
    assert tomllib.loads(Path("out/config.toml").read_text())["optimiser"]["method"] == "slsqp"
    # Once more, over the results.
    assert call("design", Path("layer.toml"), "--out", "out", "--starts", "1").code == 0


def test_not_converged_is_an_exit_code(file) -> None:
    called = call("design", file(("at_least = 2.5", "at_least = 250")))
    assert called.code == 3
    assert "No design within the bounds was found" in called.stdout


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('unit = "um"', 'unit = "S/cm"', r"\[variables.thickness\] unit must be um or nm or mm or m"),
        ('unit = "mA/cm2"', 'unit = "V"', r"\[\[limit\]\] unit must be mA/cm2 or A/m2 for top_onset_current"),
        ("layer.thickness", "layer.thicknes", r"\[variables.thickness\] .* does not exist"),
        ('quantity = "layer_thickness"', 'quantity = "beauty"', "must be one of resistance, .*'beauty'"),
        ('quantity = "layer_thickness"', 'quantity = "capacity"', "'capacity' needs a DesignCase with steps"),
        ("at_least = 2.5", "at_least = 2.5\nat_most = 3", "needs one of at_most and at_least"),
    ],
)
def test_refusals(file, old: str, new: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        _design(file((old, new)))


def _design(path: Path) -> None:
    study = open_study(path)
    assert isinstance(study, DesignStudy)
    study.design()


def test_fit_and_design_send_to_each_other(file) -> None:
    assert "run `jaxcell design layer.toml`" in call("fit", file()).stderr
    Path("other.toml").write_text("[study]\ntitle = 'x'\n")
    assert call("design", Path("other.toml")).code == 1
