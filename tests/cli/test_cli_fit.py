"""What a fit writes and says."""

import getpass
import json
import shutil
import socket
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_study import TOTAL, Called, call

import jaxcell.cli
from jaxcell.io import read_measurement
from jaxcell.study import load_study


@pytest.fixture(scope="module")
def result(fitted: tuple[Path, Called]) -> dict[str, Any]:
    return json.loads((fitted[0] / "result.json").read_text())


def test_files(fitted: tuple[Path, Called]) -> None:
    out, _ = fitted
    found = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert found == ["config.toml", "figures/fit.png", "figures/ridge.png", "result.json", "timeseries.csv"]
    assert sorted(p.name for p in out.parent.iterdir()) == ["made.bdf.csv", "made.toml", "out"]


def test_parameters_in_the_units_of_the_study(result: dict[str, Any]) -> None:
    conductivity = result["parameters"]["separator_conductivity"]
    assert conductivity["unit"] == "mS/cm"
    assert conductivity["bounds"] == pytest.approx([1e-3, 10])
    assert conductivity["prior"]["median"] == pytest.approx(np.sqrt(0.05), rel=2e-2)  # as bounds cut it
    assert conductivity["identifiable"] is False
    assert conductivity["verdict"] == "only in combination with exchange_current_density"
    low, high = conductivity["interval95"]
    assert low < conductivity["estimate"] < high
    assert high > 3 * low
    ridge = result["ridges"][0]["values"]["separator_conductivity"]
    assert 0.5 * low < min(ridge) < max(ridge) < 2 * high


def test_the_sum_is_identified(result: dict[str, Any]) -> None:
    total = result["combinations"]["total_area_specific_resistance"]
    assert total["unit"] == "ohm cm2"
    assert total["identifiable"] is True
    assert total["estimate"] == pytest.approx(TOTAL, rel=0.02)
    assert total["interval95"][0] < total["estimate"] < total["interval95"][1]


def test_fit(result: dict[str, Any]) -> None:
    fit = result["fit"]
    assert fit["converged"] is True
    assert fit["n_points"] == 240
    assert 15e-6 < fit["noise_v"] < 30e-6
    assert 30e-6 < fit["rmse_v"] < 60e-6


def test_misfit_is_found_and_measured(fitted: tuple[Path, Called], result: dict[str, Any]) -> None:
    relaxation = result["misfit"]["relaxation"]
    assert relaxation["amplitude_uv"] == pytest.approx(150.0, rel=0.15)
    assert relaxation["time_constant_s"] == pytest.approx(300.0, rel=0.3)
    assert len(result["misfit"]["half_cycles"]) == 4
    assert "does not explain" in fitted[1].stdout


def test_lithium(result: dict[str, Any]) -> None:
    lithium = result["lithium"]
    start = 50e-6 / 13e-6 * 96485.33212 / 3.6e4
    assert lithium["rows"]["working, live bottom"]["start"] == pytest.approx(start, rel=1e-9)
    assert [h["working_electrode"] for h in lithium["half_cycles"]] == ["stripped", "plated"] * 2
    # A double layer keeps some of the first samples' charge: a part in 1e5.
    assert [h["moved"] for h in lithium["half_cycles"]] == pytest.approx([0.025] * 4, rel=1e-4)
    assert lithium["gross_throughput"] == pytest.approx(0.1, rel=1e-9)
    assert lithium["relative_imbalance"] < 1e-10
    assert lithium["lost"] == 0.0
    assert "no loss channel" in lithium["lost_means"]


def test_provenance(result: dict[str, Any]) -> None:
    made = result["provenance"]
    assert made["file"] == "made.bdf.csv"
    assert len(made["sha256"]) == 64
    assert set(made["versions"]) == {"jaxcell", "jax", "numpy", "python"}
    assert made["dtype"] == "float64"
    assert made["seed"] == 0
    assert made["study"]["cell"]["electrode"]["interface"]["double_layer_capacitance_uf_cm2"] == 20.0


def test_nothing_personal_in_the_results(fitted: tuple[Path, Called]) -> None:
    out, _ = fitted
    private = [str(out.parent), str(Path.home()), str(Path.cwd()), socket.gethostname(), f"/{getpass.getuser()}"]
    for path in (p for p in out.rglob("*") if p.is_file()):
        content = path.read_bytes()
        assert not any(word.encode() in content for word in private if len(word) > 3), path.name


def test_resolved_study_is_a_study(fitted: tuple[Path, Called]) -> None:
    out, _ = fitted
    resolved = load_study(out / "config.toml")
    original = load_study(out.parent / "made.toml")
    assert resolved.resolved() == original.resolved()
    assert tomllib.loads((out / "config.toml").read_text())["cell"]["electrode"]["interface"]["kinetics"]


def test_timeseries_is_a_measurement(fitted: tuple[Path, Called]) -> None:
    out, _ = fitted
    again = read_measurement(out / "timeseries.csv")
    original = read_measurement(out.parent / "made.bdf.csv")
    np.testing.assert_array_equal(again.voltage, original.voltage[1:])
    table = pd.read_csv(out / "timeseries.csv")
    difference = table["Voltage / V"] - table["Fitted Voltage / V"]
    np.testing.assert_allclose(table["Residual Voltage / V"], difference, atol=1e-15)


def test_terminal_says_what_matters_first(fitted: tuple[Path, Called]) -> None:
    said = fitted[1].stdout
    order = ["What the data tell", "total_area_specific_resistance", "Seen only in combination", "Not told by the data"]
    places = [said.index(words) for words in order]
    assert places == sorted(places)
    assert "\x1b" not in said


def test_explain_writes_nothing(study: Callable[..., Path]) -> None:
    called = call("fit", study(), "--explain")
    assert called.code == 0
    assert "only in combination with" in called.stdout
    assert "gives one number" in " ".join(called.stdout.split())
    assert sorted(p.name for p in Path.cwd().iterdir()) == ["made.bdf.csv", "made.toml"]


@contextmanager
def interrupting() -> Iterator[Callable[[str, int, int], None]]:
    """A progress hook that presses Ctrl-C once there is something to keep."""

    def hook(stage: str, done: int, total: int) -> None:
        if stage == "fitting" and done > 0:
            raise KeyboardInterrupt

    yield hook


def test_interrupted_fit_keeps_the_best_so_far(study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxcell.cli, "_progress", interrupting)
    for name in ("out", "out-interrupted"):
        called = call("fit", study(), "--out", "out")
        assert called.code == 130
        kept = json.loads(Path(name, "result.json").read_text())
        assert kept["fit"]["converged"] is False
        assert kept["combinations"]["total_area_specific_resistance"]["estimate"] == pytest.approx(TOTAL, rel=0.2)
        assert "NOT CONVERGED" in called.stdout
    first = Path("out/result.json").read_bytes()
    call("fit", study(), "--out", "out")
    assert Path("out/result.json").read_bytes() == first


def test_interrupt_before_a_result_leaves_nothing(study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def at_once() -> Iterator[Callable[[str, int, int], None]]:
        def hook(stage: str, done: int, total: int) -> None:
            raise KeyboardInterrupt

        yield hook

    monkeypatch.setattr(jaxcell.cli, "_progress", at_once)
    called = call("fit", study(), "--out", "out")
    assert called.code == 130
    assert "nothing was written" in called.stderr
    assert sorted(p.name for p in Path.cwd().iterdir()) == ["made.bdf.csv", "made.toml"]


def test_results_are_replaced_whole(fitted: tuple[Path, Called], tmp_path: Path) -> None:
    out, _ = fitted
    shutil.copytree(out, tmp_path / "out")
    (tmp_path / "out" / "figures" / "ridge.png").write_bytes(b"old")
    assert call("fit", out.parent / "made.toml", "--out", tmp_path / "out").code == 0
    assert (tmp_path / "out" / "figures" / "ridge.png").read_bytes() == (out / "figures" / "ridge.png").read_bytes()
    old, new = (json.loads((place / "result.json").read_text()) for place in (out, tmp_path / "out"))
    assert old["fit"].pop("seconds") > 0.0
    assert new["fit"].pop("seconds") > 0.0
    assert old == new
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
