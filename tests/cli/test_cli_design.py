"""`jaxcell design` from file to folder, on a case without a run, and what it refuses."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_study import call, replaced

from jaxcell.inference.arviz_data import to_arviz
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

    def write(*replacements: tuple[str, str], added: str = "", cut: str = "") -> Path:
        text = replaced(DESIGN, *replacements)
        Path("layer.toml").write_text((text[: text.index(cut)] if cut else text) + added)
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


DRAWS = """
[draws]
file = "posterior.nc"

[draws.places]
layer_conductivity = "electrode.layer.ionic_conductivity"

[uncertain.barrier]
path = "electrode.layer.top.nucleation.overpotential"
unit = "mV"
bounds = [10, 100]
prior = { range95 = [36, 44] }
"""


@pytest.fixture
def posterior(file) -> dict[str, np.ndarray]:
    """A file of draws as `fit --posterior` writes it."""
    pytest.importorskip("xarray", reason="the extra `bayes` is not installed")
    rng = np.random.default_rng(0)
    draws = {"layer_conductivity": rng.lognormal(np.log(5e-3), 0.2, (2, 400)), "path": rng.normal(size=(2, 400))}
    data = to_arviz({"posterior": draws, "prior": draws}, {"layer_conductivity": "S m-1", "path": "1"}, {})
    data.to_netcdf("posterior.nc", engine="h5netcdf")
    return draws


def test_design_over_a_posterior_and_a_belief(file, posterior: dict[str, np.ndarray]) -> None:
    called = call("design", file(added=DRAWS + "[optimiser]\nsamples = 200\n", cut="[optimiser]"), "--out", "out")
    assert called.code == 0, called.stderr
    assert "Over 200 samples: layer_conductivity from posterior.nc; barrier from the priors." in called.stdout
    answer = json.loads(Path("out/result.json").read_text())
    assert answer["uncertain"] == {"samples": 200, "parameters": ["barrier", "layer_conductivity"]}
    (limit,) = answer["limits"]
    assert limit["probability"] == 0.95
    assert limit["share_of_samples"] == pytest.approx(0.95, abs=0.02)
    # L = kappa (barrier - (2/f) asinh(I/2 i0))/I in all but 5 % of the draws.
    rng = np.random.default_rng(1)
    barrier = 1e-3 * np.exp(rng.normal(np.log(np.sqrt(36.0 * 44.0)), np.log(44.0 / 36.0) / 3.92, 800))
    drop = barrier - 2.0 * 8.314462618 * 298.15 / 96485.33212 * np.arcsinh(25.0 / 60.0)
    thickest = 1e6 * posterior["layer_conductivity"].ravel() * drop / 25.0
    assert answer["variables"]["thickness"]["value"] == pytest.approx(np.quantile(thickest, 0.05), rel=0.07)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"posterior.nc"', '"elsewhere.nc"', r"\[draws\] file = 'elsewhere.nc' does not exist"),
        ('"posterior.nc"', '"layer.toml"', r"\[draws\] .*layer.toml is not a netCDF file with a group 'posterior'"),
        ("layer_conductivity =", "conductivity =", "no draws of 'conductivity'; there are draws of layer_conductivity"),
        ("layer_conductivity =", "path =", r"\[draws.places\] path is in 1, but .* takes S m-1"),
        ("ionic_conductivity", "ionic_conductance", r"\[draws.places.* does not exist"),
        ("layer.ionic_conductivity", "layer.thickness", "is in S m-1, but electrode.layer.thickness takes m"),
    ],
)
def test_draws_that_are_refused(file, posterior, old: str, new: str, message: str) -> None:
    del posterior
    with pytest.raises(StudyError, match=message):
        _design(file(added=replaced(DRAWS, (old, new))))


def test_a_conductivity_is_no_rate(file, posterior) -> None:
    del posterior
    steps = '[cycle]\nsteps = ["Charge at C/2 for 1 min"]\n'
    wrong = replaced(DRAWS, ('"electrode.layer.ionic_conductivity"', '"cycle[0]"'))
    with pytest.raises(StudyError, match=r"\[draws.places\] layer_conductivity is in S m-1, but cycle\[0\] takes 1/h"):
        _design(file(added=steps + wrong))
