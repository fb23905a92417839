"""Studies of cycles that end by themselves from the command line: a fit, and one sentence for what cannot be one."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cycling_study import CAPACITIES, RECORD, STUDY, write_record, write_table
from small_study import Called, call, replaced

from jaxcell.study import open_study
from jaxcell.study.protocol_study import ProtocolStudy

TABLE = '[step_table]\nfile = "made.csv"\n'
STEPS = '["Plate at 1 mA/cm2 until 0.2 mAh/cm2", "Rest for 30 min", "Strip at 1 mA/cm2 until 0.5 V"]'


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes the study with some text replaced, beside its table and its record."""
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path)
    write_record(tmp_path)

    def make(*replacements: tuple[str, str]) -> Path:
        Path("made.toml").write_text(replaced(STUDY, *replacements))
        return Path("made.toml")

    return make


def refusal(called: Called) -> str:
    """The one sentence on stderr."""
    assert called.code == 1, called.stdout
    (line,) = [text for text in called.stderr.splitlines() if not text.endswith(" ...")]
    assert line.startswith(("Error: made.toml: ", "Error: made.csv")), line
    assert "unexpected" not in line
    assert not Path("out").exists()
    return line


IN_THE_STUDY = {
    "misspelt verb": (
        ("Strip at 1 mA", "Stirp at 1 mA"),
        ["[protocol] steps: Step 'Stirp", "one of the verbs"],
    ),
    "mega": (("Strip at 1 mA", "Strip at 1 MA"), ["small m (M is mega, not milli)"]),
    "C-rate": (("Strip at 1 mA/cm2", "Charge at 1C"), ["has a C-rate", "give a current in mA/cm2"]),
    "no step": ((STEPS, "[]"), ["[protocol] steps", "list"]),
    "a number for a step": ((STEPS, "[1]"), ["[protocol] must have a sentence", "steps[0]", "is 1"]),
    "group without steps": ((STEPS, "[{ repeat = 3 }]"), ["[protocol] must have a sentence", "repeat"]),
    "repeat of a group": ((STEPS, f"[{{ steps = {STEPS}, repeat = 0 }}]"), ["repeat of steps[0]", "it is 0"]),
    "unknown key": (
        ("repeat = 5", "repeats = 5"),
        ["repeats is not known in [protocol]", "did you mean repeat?"],
    ),
    "repeat zero": (("repeat = 5", "repeat = 0"), ["[protocol] repeat must be a number of at least 1, but is 0"]),
    "two sources": ((TABLE, TABLE + RECORD), ["needs one of the tables [data]", "and [step_table]"]),
    "no source": ((TABLE, ""), ["needs one of the tables [data]", "and [step_table]"]),
    "no such file": (("made.csv", "gone.csv"), ["[step_table] file = 'gone.csv' does not exist"]),
    "noise in percent": ((TABLE, TABLE + "capacity_noise = 2\n"), ["capacity_noise must be a number of at most 1"]),
    "shares backwards": ((TABLE, RECORD + "shares = [0.5, 0.1]\n"), ["[data] shares must increase"]),
    "no such path": (("dead_lithium.per_stripped", "dead.per_stripped"), ["[parameters.dead] path", "close are"]),
    "too few cycles": (("repeat = 5", "repeat = 4"), ["made.csv, row 6", "cycle 5, strip", "has 4 steps that strip"]),
}


@pytest.mark.parametrize("case", IN_THE_STUDY)
def test_refused_studies(case: str, write: Callable[..., Path]) -> None:
    replacement, words = IN_THE_STUDY[case]
    line = refusal(call("fit", write(replacement), "--out", "out"))
    assert all(word in line for word in words), line


IN_THE_TABLE = {
    "misspelt column": ("cycle,half,capacity_mah", ["1,strip,0.2"], ["column `capacity_mah`", "`capacity_mah_cm2`?"]),
    "no place": ("half,capacity_mah_cm2", ["strip,0.2"], ["either a column `step` or the columns `cycle` and `half`"]),
    "nothing measured": ("cycle,half", ["1,strip"], ["at least one of the columns duration_s, capacity_mah_cm2"]),
    "negative": (
        "step,capacity_mah_cm2",
        ["3,-0.2"],
        ["row 2: column `capacity_mah_cm2` is -0.2", "above 0"],
    ),
    "nan": ("step,capacity_mah_cm2", ["3,0.2", "6,inf"], ["row 3: column `capacity_mah_cm2` is", "finite number"]),
    "text": ("step,capacity_mah_cm2", ["3,good"], ["row 2: column `capacity_mah_cm2` is 'good'", "mAh/cm2"]),
    "all empty": ("step,capacity_mah_cm2", ["3,", "6,"], ["made.csv has nothing to fit"]),
    "unit": ("step,capacity_mah_cm2", ["1,200"], ["row 2", "is 200 mAh cm-2", "'Plate at 1 mA/cm2", "ends at 0.2 mAh"]),
    "too little": ("step,capacity_mah_cm2", ["1,0.1"], ["is 0.1 mAh cm-2", "has no other end than 0.2 mAh cm-2"]),
    "no such step": ("step,capacity_mah_cm2", ["16,0.2"], ["row 2 is about step 16, but [protocol] has 15"]),
    "twice": ("step,capacity_mah_cm2", ["3,0.2", "3,0.2"], ["row 3 is step 3 of [protocol], as is row 2"]),
    "both": ("step,duration_s,capacity_mah_cm2", ["3,720,0.2"], ["duration_s and capacity_mah_cm2", "give one"]),
    "half": ("cycle,half,efficiency", ["1,stripping,0.9"], ["column `half` is 'stripping'", "plate, strip, charge"]),
    "percent": ("cycle,half,efficiency", ["1,strip,97"], ["column `efficiency` is 97", "no percentage"]),
    "efficiency of plating": ("step,efficiency", ["4,0.9"], ["has an efficiency", "does not strip"]),
    "voltage noise": ("step,voltage_v_at_0.5", ["3,0.03"], ["[step_table] needs noise_uv"]),
    "share": ("step,voltage_v_at_1.5", ["3,0.03"], ["`voltage_v_at_1.5` must have a share above 0 and up to 0.99"]),
    "half a step": ("step,capacity_mah_cm2", ["1.5,0.2"], ["column `step` is 1.5, but a whole number was expected"]),
    "step zero": ("step,capacity_mah_cm2", ["0,0.2"], ["column `step` is 0, but a number counted from 1"]),
}


@pytest.mark.parametrize("case", IN_THE_TABLE)
def test_refused_tables(case: str, write: Callable[..., Path], tmp_path: Path) -> None:
    path = write()
    header, rows, words = IN_THE_TABLE[case]
    write_table(tmp_path, header, rows)
    line = refusal(call("fit", path, "--out", "out"))
    assert all(word in line for word in words), line


IN_THE_RECORD = {
    "another current": ({"current": 4.0}, "", ["step 1 of the record", "passes -2 mA cm-2", "is area_cm2 right?"]),
    "stop never reached": (
        {"last": 0.1},
        "",
        ["step 15 of the record", "at 0.1 V", "'Strip at 1 mA/cm2 until 0.5 V', ends at 86400 s or 0.5 V"],
    ),
    "cut": ({"cut": 14}, "", ["has 14 steps, but [protocol] has 15", "before step 15 of [protocol]"]),
    "another order": ({}, "Rest for 30 min", ["step 2 of the record, from 720 s", "rests, but step 2", "charges"]),
    "longer rest": ({}, "Rest for 10 min", ["lasts 1800 s, but step 2 of [protocol], 'Rest for 10 min', lasts 600 s"]),
    "more steps": ({}, "four", ["has 15 steps, but [protocol] has 12", "goes on with a step that discharges"]),
    "no numbers": ({"numbered": False}, "two rests", ["does not number its steps", "Step Count / 1"]),
}
CHANGES = {
    "": (),
    "Rest for 30 min": (("Rest for 30 min", "Strip at 1 mA/cm2 for 30 min"),),
    "Rest for 10 min": (("Rest for 30 min", "Rest for 10 min"),),
    "four": (("repeat = 5", "repeat = 4"),),
    "two rests": (('"Rest for 30 min"', '"Rest for 10 min", "Rest for 20 min"'),),
}


@pytest.mark.parametrize("case", IN_THE_RECORD)
def test_refused_records(case: str, write: Callable[..., Path], tmp_path: Path) -> None:
    made, change, words = IN_THE_RECORD[case]
    write((TABLE, RECORD))
    text = Path("made.toml").read_text()
    for old, new in CHANGES[change]:
        text = text.replace(old, new)
    Path("made.toml").write_text(text)
    write_record(tmp_path, **made)
    line = refusal(call("fit", "made.toml", "--out", "out"))
    assert all(word in line for word in words), line


def test_a_record_becomes_the_data_of_its_steps(write: Callable[..., Path]) -> None:
    study = open_study(write((TABLE, RECORD + "noise_uv = 500\nshares = [0.5]\n")))
    assert isinstance(study, ProtocolStudy)
    data = study.measured().data
    strips = {one.step: one for one in data if one.charge is not None}
    assert sorted(strips) == [2, 5, 8, 11, 14]  # plating and rests last as long as the protocol says
    for one, capacity in zip(strips.values(), CAPACITIES, strict=True):
        assert float(one.charge) == pytest.approx(36000.0 * capacity)
        # Four capacities after the first scatter by a few 1e-3.
        assert 5e-4 < float(one.charge_noise / one.charge) < 5e-3
        assert float(one.shares[0]) == pytest.approx(0.5, abs=0.05)
        assert float(one.voltage_noise) == 5e-4
    assert [one.step for one in data] == [0, 2, 3, 5, 6, 8, 9, 11, 12, 14]


def test_steps_without_numbers_are_told_by_their_direction(write: Callable[..., Path], tmp_path: Path) -> None:
    options = RECORD + "noise_uv = 500\n"
    numbered = open_study(write((TABLE, options))).measured().data
    write_record(tmp_path, numbered=False)
    told = open_study(write((TABLE, options))).measured().data
    assert [one.step for one in told] == [one.step for one in numbered]
    np.testing.assert_allclose([one.voltage for one in told], [one.voltage for one in numbered])


def test_efficiencies_refer_to_the_plating_before(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write((TABLE, TABLE + "capacity_noise = 0.01\n"))
    write_table(tmp_path, "cycle,half,efficiency", ["2,strip,0.96", "4,strip,"])
    (one,) = open_study(path).measured().data
    assert (one.step, one.relative_to) == (5, 3)
    assert float(one.efficiency_noise) == pytest.approx(0.0096)


def test_groups_of_steps_repeat(write: Callable[..., Path]) -> None:
    groups = f"[{{ steps = {STEPS}, repeat = 4 }}, {STEPS[1:-1]}]"
    study = open_study(write((STEPS, groups), ("repeat = 5", "repeat = 1")))
    assert isinstance(study, ProtocolStudy)
    assert study.content.protocol.sentences == open_study(write()).content.protocol.sentences


GROWTH = """
[parameters.growth]
path = "electrode.interface.interphase.ambipolar_conductivity"
unit = "S/cm"
bounds = [1e-16, 1e-8]
prior = { range95 = [1e-14, 1e-11] }
"""
INTERPHASE = "[cell.electrode.interface.interphase]\ninitial_thickness_nm = 1\n"
LOST = 0.0618 + 1.0 - sum(CAPACITIES)
"""The reservoir, and all of what the strips did not return of 5 x 0.2 mAh cm-2."""


def test_fit_of_capacities(write: Callable[..., Path]) -> None:
    path = write((GROWTH, "[fit]\nstarts = 1\n"), (INTERPHASE, ""))
    called = call("fit", path, "--out", "out")
    assert called.code == 0, called.stderr
    result = json.loads(Path("out/result.json").read_text())
    loss = result["lithium"]["loss"]
    low, high = loss["lost"]["interval95"]
    assert low < LOST < high < 1.5 * low
    assert loss["lost"]["verdict"] == "identified"
    assert set(loss["channels"]) == {"working, dead bottom"}
    assert result["misfit"]["capacity"]["count"] == 5
    assert result["misfit"]["noise_source"] == "estimated from the residuals"
    assert "lost_lithium" not in result["combinations"]
    assert "All of it is dead bottom, the only channel of this cell." in called.stdout
    rows = pd.read_csv("out/timeseries.csv")
    assert rows["Capacity / mAh cm-2"].dropna().tolist() == pytest.approx(CAPACITIES)
    assert tomllib.loads(Path("out/config.toml").read_text())["protocol"]["repeat"] == 5
    for name in ("fit", "lithium"):
        assert Path(f"out/figures/{name}.png").stat().st_size > 10_000


@pytest.mark.slow
def test_what_capacities_could_tell(write: Callable[..., Path]) -> None:
    called = call("fit", write(), "--explain")
    assert called.code == 0, called.stderr
    assert "Lithium lost by the end of the record" in called.stdout
    assert "The priors are from" in called.stdout
    assert "Nothing was fitted" in called.stdout
    assert not Path("results").exists()
