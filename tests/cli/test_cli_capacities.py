"""Studies of capacities per cycle from the command line: one cell, a whole table, and what is refused."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_study import call, replaced

STUDY = """
[study]
title = "Two cells"

[capacities]
file = "made.csv"
unit = "mAh/cm2"
initial = 3.0

[fit]
starts = 2
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a table of two cells, and the study with some text replaced."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    head = ",".join(["name", *(f"q_{k}" for k in range(1, 13))])
    efficiency = 0.95 + 0.003 * rng.normal(size=(2, 12))
    capacity = 3.0 * np.cumprod(efficiency, axis=1)
    capacity[1, 9:] = 0.0
    rows = [",".join([f"cell {k}", *(f"{q:.6f}" for q in row)]) for k, row in enumerate(capacity)]
    Path("made.csv").write_text("\n".join([head, *rows]) + "\n")

    def make(*replacements: tuple[str, str], added: str = "") -> Path:
        Path("made.toml").write_text(replaced(STUDY, *replacements) + added)
        return Path("made.toml")

    return make


def test_whole_table(write: Callable[..., Path]) -> None:
    called = call("fit", write(), "--out", "out")
    assert called.code == 0, called.stderr
    result = json.loads(Path("out/result.json").read_text())
    assert set(result["cells"]) == {"1", "2"}
    assert [result["cells"][n]["recorded_cycles"] for n in "12"] == [12, 9]
    for cell in result["cells"].values():
        low, high = cell["loss_per_cycle"]["interval95"]
        assert low < 0.05 < high
        assert cell["fit"]["converged"] is True
        assert set(cell["channels"]) == {"dead", "interphase", "trapped"}
    assert len(result["provenance"]["sha256"]) == 64
    assert "only the sum" in called.stdout
    assert "What would tell more" in called.stdout or "what would tell more" in called.stdout
    by_cycle = pd.read_csv("out/timeseries.csv")
    assert by_cycle.groupby("Cell").size().to_dict() == {1: 12, 2: 9}
    assert tomllib.loads(Path("out/config.toml").read_text())["capacities"]["fewest_cycles"] == 5
    assert Path("out/figures/fit.png").stat().st_size > 10_000
    assert call("fit", "made.toml", "--out", "out").code == 0  # its own results may be replaced


def test_one_cell_with_one_channel(write: Callable[..., Path]) -> None:
    path = write(("initial = 3.0", "cell = 2"), added='[losses]\nchannels = ["dead"]\n')
    called = call("fit", path, "--out", "out", "--seed", "3")
    assert called.code == 0, called.stderr
    (cell,) = json.loads(Path("out/result.json").read_text())["cells"].values()
    assert cell["first_cycle_loss"] is None
    assert cell["channels_told_apart"] is True
    assert cell["channels"]["dead"]["unit"] == "mAh/cm2"
    assert "Lithium loss per cycle: " in called.stdout


def test_explain_says_what_one_cell_could_tell(write: Callable[..., Path]) -> None:
    called = call("fit", write(("initial = 3.0", "initial = 3.0\ncell = 1")), "--explain")
    assert called.code == 0, called.stderr
    assert "dead_fraction" in called.stdout
    assert "The priors are from" in called.stdout
    assert "Nothing was fitted" in called.stdout
    assert not Path("results").exists()


REFUSED = {
    "unknown key": (("unit =", "units ="), ["[capacities]", "units is not known", "did you mean unit?"]),
    "missing unit": (('unit = "mAh/cm2"\n', ""), ["[capacities] needs the key unit"]),
    "no such cell": (("initial = 3.0", "cell = 7"), ["[capacities] cell must be 1 to 2, but is 7"]),
    "cell zero": (("initial = 3.0", "cell = 0"), ["[capacities] cell must be a number of at least 1, but is 0"]),
    "too few cycles": (("initial = 3.0", "cell = 2\nfewest_cycles = 10"), ["cell 2 does not have", "9 are recorded"]),
    "nothing at the start": (("initial = 3.0", "initial = 0"), ["[capacities] initial", "above 0, but is 0"]),
    "no such file": (("made.csv", "gone.csv"), ["[capacities] file = 'gone.csv' does not exist"]),
    "unset variable": (("made.csv", "$NOT_SET_ANYWHERE/a.csv"), ["NOT_SET_ANYWHERE, which is not set"]),
    "no such columns": (("initial = 3.0", 'prefix = "cap_"'), ["has no column `cap_1` for cycle 1", "q_1, q_2"]),
    "unknown channel": (("[fit]", '[losses]\nchannels = ["rust"]\n[fit]'), ["[losses] channels", "'rust'"]),
    "channel twice": (("[fit]", '[losses]\nchannels = ["dead", "dead"]\n[fit]'), ["each channel once"]),
    "two kinds of study": (("[fit]", "[cell]\nkind = 'half'\n[fit]"), ["the key cell is not known at the top level"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str, write: Callable[..., Path]) -> None:
    replacement, words = REFUSED[case]
    called = call("fit", write(replacement), "--out", "out")
    assert called.code == 1
    (line,) = [text for text in called.stderr.splitlines() if not text.endswith(" ...")]
    assert line.startswith("Error: ")
    assert "unexpected" not in line
    assert all(word in line for word in words), line
    assert not Path("out").exists()


def test_explain_wants_one_cell(write: Callable[..., Path]) -> None:
    called = call("fit", write(), "--explain")
    assert called.code == 1
    assert "--explain is about one cell" in called.stderr


def test_bad_cell_of_the_table_is_named(write: Callable[..., Path]) -> None:
    path = write()
    text = Path("made.csv").read_text().splitlines()
    text[1] = text[1].replace(text[1].split(",")[3], "-1")
    Path("made.csv").write_text("\n".join(text))
    called = call("fit", path, "--out", "out")
    assert called.code == 1
    assert "made.csv, row 2: column `q_3` is -1, but a capacity of at least 0 was expected" in called.stderr


def test_models_are_compared_by_later_cycles(write: Callable[..., Path]) -> None:
    added = '\n[model_choice]\nblocks = 1\nfirst = 6\nmodels.one = ["dead"]\nmodels.again = ["dead"]\n'
    study = write(("[fit]", '[losses]\nchannels = ["dead"]\n\n[fit]'), added=added)
    called = call("fit", study, "--out", "out")
    assert called.code == 0, called.stderr
    result = json.loads(Path("out/result.json").read_text())["model_choice"]
    assert set(result["models"]) == {"one", "again"}
    assert result["cycles"] == 6 + 3
    scores = [one["log score / nats a cycle"] for one in result["models"].values()]
    assert scores[0] == scores[1]
    assert result["models"]["one"]["told from the best"] is False
    assert "is not told apart from" in result["words"]
    for words in ("predict 9 later cycles best", "not told from the best", "CRPS", result["words"][:30]):
        assert words in called.stdout
    refused = call("fit", write(added=added.replace("first = 6", "first = 11")), "--out", "late")
    assert refused.code == 1
    assert (
        "[model_choice] cell 2: first must be from 3 to below the 9 cycles of the record, but is 11" in refused.stderr
    )
    assert "fitting" not in refused.stderr  # before any fit
    for models, words in (
        (
            'models.one = ["dead", "dead"]\nmodels.two = ["dead"]',
            "models.one must name each channel once, but is ['dead', 'dead']",
        ),
        ('models.one = ["dead"]', "models must name at least two models, each models.NAME = [channels], but names 1"),
        ('models.one = ["dead"]\nmodels.two = ["deed"]', "models.two[0] must be 'dead'"),
    ):
        refused = call("fit", write(added=f"\n[model_choice]\n{models}\n"), "--out", "bad")
        assert refused.code == 1
        assert f"made.toml: [model_choice] {words}" in refused.stderr
