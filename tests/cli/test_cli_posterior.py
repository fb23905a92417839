"""fit --posterior: what it writes and says, and what it refuses."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_study import STUDY, TOTAL, call, write_record

from jaxcell.inference.extras import import_arviz
from jaxcell.study.schema import PosteriorTable
from jaxcell.study.study import study_name

pytest.importorskip("numpyro", reason="the extra `bayes` is not installed")
pytest.importorskip("xarray", reason="the extra `bayes` is not installed")

pytestmark = pytest.mark.runs_much

OTHER = STUDY[STUDY.index("[parameters.exchange_current_density]") : STUDY.index("[fit]")]
SHORT = "[posterior]\nchains = 2\nwarmup = 100\ndraws = 300\n"


def test_a_posterior_is_written_beside_the_fit(study: Callable[..., Path]) -> None:
    write_record(Path(), per=6)  # a sampler runs the record some ten thousand times
    called = call("fit", study((OTHER, ""), added=SHORT), "--posterior", "--out", "out")
    assert called.code == 0, called.stderr
    found = sorted(str(p.relative_to("out")) for p in Path("out").rglob("*") if p.is_file())
    assert {"posterior.nc", "figures/posterior.png", "result.json"} <= set(found)
    answer = json.loads(Path("out/result.json").read_text())
    sampled, fitted = answer["posterior"], answer["parameters"]["separator_conductivity"]
    one = sampled["parameters"]["separator_conductivity"]
    assert sampled["draws"] == 600
    assert one["unit"] == "mS/cm"
    assert one["median"] == pytest.approx(fitted["estimate"], rel=2e-3)
    low, high = one["interval95"]
    assert high - low == pytest.approx(np.ptp(fitted["interval95"]), rel=0.4)
    assert one["prior_median_and_interval95"][0] == pytest.approx(fitted["prior"]["median"])
    assert one["prior_source"] == "the study"
    total = sampled["combinations"]["total_area_specific_resistance"]
    assert total["median"] == pytest.approx(TOTAL, rel=0.02)
    assert set(sampled["versions"]) == {"numpyro", "arviz"}
    drawn = import_arviz().from_netcdf("out/posterior.nc")
    assert drawn["posterior"]["separator_conductivity"].shape == (2, 300)
    said = " ".join(called.stdout.split())
    assert said.index("What the data tell: identified") < said.index("Posterior (600 draws")
    assert one["prior_outside_bounds"] == pytest.approx(0.0085, abs=1e-3)
    assert "prior, 95 % unit prior left" in said[said.index("Posterior (600 draws") :]
    assert "Whether to trust the draws" in said
    assert "No draw diverged" in said
    assert "posterior" in Path("out/config.toml").read_text()
    quick = '[posterior]\nmethod = "laplace"\nchains = 2\ndraws = 300\n'
    again = call("fit", study((OTHER, ""), added=quick), "--posterior", "--out", "out")  # over the results
    assert again.code == 0, again.stderr
    straight = json.loads(Path("out/result.json").read_text())["posterior"]
    assert straight["method"] == "laplace"
    assert straight["draws"] == 600
    assert straight["parameters"]["separator_conductivity"]["interval95"] == pytest.approx([low, high], rel=0.01)


def test_what_cannot_be_sampled_is_refused_before_anything_runs(
    study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    called = call("fit", study(), "--posterior", "--explain")
    assert called.code == 1
    assert "cannot go with --explain" in called.stderr
    called = call("fit", study(added='[posterior]\nmethod = "laplace"\nstudent_dof = 4\n'), "--posterior")
    assert called.code == 1
    assert "needs method = 'nuts' with student_dof, but it is 'laplace'" in called.stderr
    called = call("fit", study(added="[posterior]\nstudent_dof = 4\ndiscrepancy = true\n"), "--posterior")
    assert called.code == 1
    assert "takes student_dof or discrepancy = true, not both" in called.stderr
    called = call("fit", study(added="[posterior]\ndraws = 150\n"), "--posterior")
    assert called.code == 1
    assert "draws" in called.stderr
    monkeypatch.setitem(sys.modules, "numpyro", None)
    called = call("fit", study(), "--posterior")
    assert called.code == 1
    assert 'pip install "jaxcell[bayes]"' in called.stderr


def test_table_of_a_laplace_posterior_reads_what_it_writes() -> None:
    """`config.toml` holds every default."""
    table = PosteriorTable(method="laplace", draws=300)
    assert PosteriorTable(**table.model_dump(exclude_none=True)) == table


def test_a_study_from_results_keeps_its_name(tmp_path: Path) -> None:
    assert study_name(tmp_path / "pulses.toml") == "pulses"
    assert study_name(tmp_path / "results" / "pulses" / "config.toml") == "pulses"
