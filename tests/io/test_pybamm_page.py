"""What docs/pybamm.md shows runs, with a stand-in where it asks for PyBaMM."""

import json
import re
import sys
import types
from pathlib import Path

import pytest
from test_parameter_sets import bpx_set, xu2019

PAGE = Path(__file__).parents[2] / "docs" / "pybamm.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def run(part: str) -> dict:
    (code,) = [block for block in BLOCKS if part in block]
    names: dict = {"__name__": "page"}
    exec(compile(code, str(PAGE), "exec"), names)
    return names


def test_there_is_one_block_for_each_test() -> None:
    assert len(BLOCKS) == 4


def test_this_programs_side(capsys: pytest.CaptureFixture[str]) -> None:
    names = run("= xu2019_half_cell()")
    # PyBaMM: 5511.5 s; see tests/reference.
    assert capsys.readouterr().out == "5511.5 s, 3.500 V\n"
    assert float(names["other"].counter.initial_stoichiometry) > 0.3


def test_a_set_of_pybamm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    stand_in = types.ModuleType("pybamm")
    stand_in.__dict__["ParameterValues"] = {"Xu2019": xu2019()}.__getitem__
    monkeypatch.setitem(sys.modules, "pybamm", stand_in)
    run("from_pybamm(pybamm")
    assert capsys.readouterr().out == "4.200 V\n"


def test_a_bpx_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("bpx")
    (tmp_path / "cell.json").write_text(json.dumps(bpx_set()))
    monkeypatch.chdir(tmp_path)
    run("cathode_from_bpx")
    # 10 um are 2.062 mAh cm-2 beside the 2.250 of the cathode between x = 0.1 and 0.9.
    assert capsys.readouterr().out == "N/P 1.92\n"
