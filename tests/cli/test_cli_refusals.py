"""Everything that can be wrong is told in one sentence, and nothing is written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from small_study import call

THICKNESS = "thickness_um = 100\n"
PATH = 'path = "separator.ionic_conductivity"'

# What is replaced in the study, and words that the sentence must hold.
STUDIES = {
    "missing data file": ("made.bdf.csv", "gone.bdf.csv", ["[data] file", "'gone.bdf.csv' does not exist"]),
    "zero area": ("area_cm2 = 2.0", "area_cm2 = 0", ["[data] area_cm2", "above 0", "but is 0"]),
    "missing area": ("area_cm2 = 2.0\n", "", ["[data] needs the key area_cm2"]),
    "negative thickness": (THICKNESS, "thickness_um = -5\n", ["[cell.separator] thickness_um", "above 0", "but is -5"]),
    "text for a number": (THICKNESS, 'thickness_um = "thin"\n', ["thickness_um must be a number", "'thin'"]),
    "unknown key": (THICKNESS, "thicknes_um = 100\n", ["thicknes_um is not known", "did you mean thickness_um?"]),
    "unknown table": ("[cell.separator]", "[cell.seperator]", ["seperator", "did you mean separator?"]),
    "unknown kind": ('"symmetric"', '"symetric"', ["[cell] kind", "'symmetric', 'half' or 'full'", "'symetric'"]),
    "unknown path": (PATH, 'path = "separator.conductivity"', ["[parameters.separator_conductivity]", "ionic_conduct"]),
    "unit that does not fit": ('"mS/cm"', '"ohm cm2"', ["unit must be S/cm or mS/cm", "but is 'ohm cm2'"]),
    "start outside bounds": ("[1e-3, 10]", "[1, 10]", ["starts at the value in [cell]", "0.2 mS/cm", "[1, 10]"]),
    "bounds reversed": ("[1e-3, 10]", "[10, 1e-3]", ["low < high"]),
    "bounds of one": ("[1e-3, 10]", "[10]", ["bounds must be a list of 2"]),
    "prior": ("range95 = [0.01, 5]", "median = 1", ["[parameters.separator_conductivity.prior] must be"]),
    "unset variable": ("made.bdf.csv", "$NOT_SET_ANYWHERE/a.csv", ["NOT_SET_ANYWHERE, which is not set", "export"]),
    "syntax": ("area_cm2 = 2.0", "area_cm2 = 2.0 cm2", ["is not valid TOML", "line 7"]),
    "no foil": ("lithium_thickness_um = 50", "", ["[cell.electrode] needs either lithium_thickness_um"]),
    "no lithium left": ("= 50\n", "= 0.05\n", ["cannot follow the measured current", "ran out of lithium"]),
    "nothing selected": (
        "area_cm2 = 2.0",
        "area_cm2 = 2.0\nselection.steps = [9]",
        ["at least 2 rows", "steps 0 to 4"],
    ),
}


def refused(*arguments: str | Path) -> str:
    """The sentence; no traceback, no results, no remains."""
    before = sorted(Path.cwd().rglob("*"))
    called = call("fit", *arguments)
    assert called.code == 1
    assert called.stdout == ""
    (line,) = [text for text in called.stderr.splitlines() if not text.endswith(" ...")]
    assert line.startswith("Error: ")
    assert "unexpected" not in line
    assert line.endswith((".", "?"))
    assert sorted(Path.cwd().rglob("*")) == before
    return line


@pytest.mark.parametrize("case", STUDIES)
def test_study(case: str, study: Callable[..., Path]) -> None:
    old, new, words = STUDIES[case]
    sentence = refused(study((old, new)), "--out", "out")
    assert sentence.startswith("Error: made")
    assert all(word in sentence for word in words), sentence


def test_study_file(study: Callable[..., Path]) -> None:
    study()
    assert "nowhere.toml does not exist" in refused("nowhere.toml", "--out", "out")
    assert "is a folder" in refused(".", "--out", "out")


def test_two_owners_of_one_number(study: Callable[..., Path]) -> None:
    again = f'[parameters.again]\n{PATH}\nunit = "S/cm"\nbounds = [1e-6, 1]\n'
    sentence = refused(study(("[fit]", again + "[fit]")), "--out", "out")
    assert "is fitted by [parameters.separator_conductivity] already" in sentence


def edited(change: Callable[[list[str]], list[str]], name: str) -> str:
    lines = Path("made.bdf.csv").read_text().splitlines()
    Path(name).write_text("\n".join(change(lines)) + "\n")
    return name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: [*rows[:30], "900,nan,0.0001,1", *rows[31:]], ["row 31", "Voltage / V", "NaN"]),
        (lambda rows: [*rows[:30], rows[20], *rows[31:]], ["row 31", "backwards"]),
        (lambda rows: [",".join(row.split(",")[::2]) for row in rows], ["no column for voltage"]),
        (lambda rows: ["some,other,table", "1,2,3"], ["names no known columns"]),
    ],
    ids=["NaN", "time backwards", "missing column", "foreign format"],
)
def test_data(change: Callable[[list[str]], list[str]], words: list[str], study: Callable[..., Path]) -> None:
    sentence = refused(study(), "--data", edited(change, "bad.csv"), "--out", "out")
    assert all(word in sentence for word in ["bad.csv", *words]), sentence


def test_options(study: Callable[..., Path]) -> None:
    assert "--starts must be" in refused(study(), "--starts", "0", "--out", "out")
    assert "--seed must be" in refused(study(), "--seed", "-1", "--out", "out")
    assert "--device tpu: JAX finds no such device" in refused(study(), "--device", "tpu", "--out", "out")


def test_places_that_are_not_results(study: Callable[..., Path]) -> None:
    study()
    Path("thesis").mkdir()
    Path("thesis/chapter1.tex").write_text("dear reader")
    assert "holds 'chapter1.tex', which is no result" in refused("made.toml", "--out", "thesis")
    assert "is not a folder" in refused("made.toml", "--out", "made.toml")
    assert "could not be written" in refused("made.toml", "--out", "/proc/nowhere/out")
    assert Path("thesis/chapter1.tex").read_text() == "dear reader"


def test_old_results_survive(study: Callable[..., Path]) -> None:
    study(("area_cm2 = 2.0", "area_cm2 = 2.0\nselection.steps = [9]"))
    Path("out").mkdir()
    Path("out/result.json").write_text("{}")
    refused("made.toml", "--out", "out")
    assert Path("out/result.json").read_text() == "{}"


def test_traceback_is_shown_on_request(study: Callable[..., Path]) -> None:
    from typer.testing import CliRunner

    from jaxcell.cli import app
    from jaxcell.study import StudyError

    result = CliRunner().invoke(app, ["fit", "nowhere.toml", "--traceback"])
    assert isinstance(result.exception, StudyError)
