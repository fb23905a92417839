"""Published cells: cycles and impedance of LLZO together, and hourly spectra in a liquid; see data/README.md."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from jaxcell.inference import SpectrumProblem
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.io import read_measurement
from jaxcell.study import open_study
from jaxcell.study.joint_study import JointStudy

FIT = Path(__file__).parents[2] / "fit"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FIT / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rise_remembers_less_than_a_linear_process(data: Path) -> None:
    """Half-cycles want a resistance that begins anew by 40 units of chi2; spectra at rest see none."""
    own, record = script("li_llzo_li_rise"), read_measurement(data / "li_llzo_li" / "li_llzo_li.mpr")
    voltage, linear, anew = own.rises(record)
    assert voltage.size == 960
    without, remembers, begins = (own.misfit(voltage, one) for one in (linear[:, :1], linear, anew))
    assert without > 2.5 * 960
    assert remembers == pytest.approx(1009.0, abs=5.0)
    assert begins == pytest.approx(962.0, abs=5.0)
    # The rise is 150 ohm.
    assert np.abs(own.resistance_gained_at_rest(record)).max() < 2.0


def test_one_constant_phase_film_meets_spectra_and_cycles(data: Path) -> None:
    """At the values that the study file starts from."""
    study = open_study(FIT / "li_llzo_li_joint.toml")
    assert isinstance(study, JointStudy)
    problem = study.problem(study.read())
    theta = problem.parameters.initial
    cycles = problem.member("cycles")
    assert isinstance(cycles, CellProblem)

    found = cycles.solution(problem.theta_of("cycles", theta)).voltage
    volt = np.asarray(found - cycles.dataset.voltage)[np.asarray(cycles.segments) >= 0]
    assert volt.size == 960
    # Noise of neighbours: 67 uV; a constant resistance leaves 118 uV.
    assert np.std(volt) < 72e-6, (np.std(volt), np.mean(volt))
    # The voltmeter, which reads 0.2 mV at rest.
    assert abs(np.mean(volt)) < 30e-6
    for name in ("first", "last"):
        one = problem.member(name)
        assert isinstance(one, SpectrumProblem)
        off = np.asarray(one.impedance(problem.theta_of(name, theta)) / one.data.impedance) - 1.0
        trusted = np.asarray(one.data.frequency) < 2e5
        assert np.sqrt(np.mean(np.abs(off[trusted]) ** 2)) < 0.012


def test_interfaces_grow_over_the_hours(data: Path) -> None:
    spectra = read_measurement(data / "li_tegdme_li" / "geis_0_20h.csv", format="eclab-table").spectra
    found, ohm = script("li_tegdme_li_impedance").resistances(spectra[:20:6])
    # The film before the current is broken by it, then grows.
    assert ohm.shape == (4, 3)
    assert ohm[1, 0] < ohm[0, 0]
    assert ohm[3, 1] > ohm[1, 0]
    # Geometry and liquid are not told by 500 Hz to 0.8 Hz.
    assert found.parameters["diffusivity"].verdict.kind == "prior only"
