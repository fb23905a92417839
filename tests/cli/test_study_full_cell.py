"""Studies of cells with a cathode or an alloy: what is built, refused and found again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jaxcell import (
    NMC532,
    AlloyElectrode,
    CompositeCathode,
    ConstantPotential,
    TabulatedDiffusivity,
    TabulatedPotential,
    open_circuit_voltage,
    simulate,
)
from jaxcell.inference import fit
from jaxcell.io import write_bdf_csv
from jaxcell.protocol import replay
from jaxcell.study import load_study
from jaxcell.study.build import build_cell, study_paths
from jaxcell.study.messages import StudyError

CATHODE = """
[cell.cathode]
thickness_um = 42
active_fraction = 0.518
particle_radius_um = 5.3
maximum_concentration_mol_l = 48.23
particle_diffusivity_cm2_s = 1e-10
open_circuit = "nmc532"
initial_voltage_v = 3.7
kinetics.exchange_current_density_ma_cm2 = 0.42
"""
STUDY = """
[study]
title = "Diffusion in a cathode"
[data]
file = "full.bdf.csv"
area_cm2 = 1.0
fit_rests = true
noise_uv = 200
[cell]
kind = "full"
[cell.separator]
thickness_um = 30
ionic_conductivity_s_cm = 2.4e-3
[cell.electrode]
lithium_thickness_um = 50
{cathode}
[parameters.diffusivity]
path = "{path}"
unit = "cm2/s"
bounds = [1e-12, 1e-8]
[parameters.exchange_current_density]
path = "cathode.kinetics.exchange_current_density"
unit = "mA/cm2"
bounds = [1e-3, 10]
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(cathode: str = CATHODE, path: str = "counter.particle_diffusivity", **changes: str) -> Path:
        text = STUDY.format(cathode=cathode, path=path)
        for old, new in changes.items():
            text = text.replace(old, new)
        (tmp_path / "full.toml").write_text(text)
        return tmp_path / "full.toml"

    return write


def test_the_cathode_of_a_study(write: Callable[..., Path]) -> None:
    more = "lowest_stoichiometry = 0.1\n[cell.cathode.transport]\nionic_conductivity_s_cm = 2e-3\n"
    study = load_study(write(CATHODE + more + "electronic_conductivity_s_cm = 0.5\nsalt.transference_number = 0.4\n"))
    cell = study.cell()
    own = cell.counter
    assert isinstance(own, CompositeCathode)
    assert isinstance(own.open_circuit, NMC532)
    assert own.transport is not None
    assert own.transport.salt is not None
    found = (own.thickness, own.particle_radius, own.maximum_concentration, own.particle_diffusivity)
    np.testing.assert_allclose(found, [42e-6, 5.3e-6, 48230.0, 1e-14], rtol=1e-12)
    np.testing.assert_allclose(float(own.kinetics.exchange_current_density), 4.2)
    np.testing.assert_allclose(float(own.transport.ionic_conductivity), 0.2)
    assert float(own.lowest_stoichiometry) == 0.1
    assert float(open_circuit_voltage(cell)) == pytest.approx(3.7, abs=1e-9)
    known = study_paths(study.content.cell, cell)
    assert {"cathode.particle_diffusivity", "cathode.transport.salt.transference_number"} <= set(known)
    # What is written beside results is the same study again.
    filled = study.resolved()["cell"]["cathode"]
    assert filled["double_layer_capacitance_uf_cm2"] == pytest.approx(20.0)
    assert "initial_stoichiometry" not in filled
    again = type(study.content.cell).model_validate(study.resolved()["cell"])
    assert build_cell(again).counter.initial_stoichiometry == own.initial_stoichiometry


def test_laws_from_tables(write: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "ocv.csv").write_text("stoichiometry,potential / V\n0.1,4.3\n0.5,3.9\n\n0.9,3.5\n")
    (tmp_path / "d.csv").write_text("0.1;1\n0.5;2\n0.9;0.5\n")
    text = CATHODE.replace('"nmc532"', '"ocv.csv"\ndiffusivity_law = "d.csv"').replace("3.7", "3.9")
    own = load_study(write(text)).cell().counter
    assert isinstance(own.open_circuit, TabulatedPotential)
    assert isinstance(own.diffusivity_law, TabulatedDiffusivity)
    assert float(own.initial_stoichiometry) == pytest.approx(0.5, abs=1e-9)
    np.testing.assert_allclose(own.diffusivity_law.factor, [1.0, 2.0, 0.5])


ALLOY = """
[cell.counter]
alloy = true
capacity_mah_cm2 = 10
kinetics.exchange_current_density_ma_cm2 = 2
"""


def half(write: Callable[..., Path], counter: str) -> Path:
    text = {'kind = "full"': 'kind = "half"', "cathode.kinetics": "counter.kinetics"}
    return write(counter, "separator.ionic_conductivity", **text, **{'"cm2/s"': '"S/cm"', "[1e-12, 1e-8]": "[1e-5, 1]"})


def test_an_alloy_as_counter_electrode(write: Callable[..., Path], tmp_path: Path) -> None:
    study = load_study(half(write, ALLOY))
    cell = study.cell()
    assert isinstance(cell.counter, AlloyElectrode)
    assert isinstance(cell.counter.open_circuit, ConstantPotential)
    assert float(cell.counter.kinetics.exchange_current_density) == pytest.approx(20.0)
    assert float(cell.counter.capacity) == pytest.approx(10 * 36000 / 96485.33212)
    assert float(open_circuit_voltage(cell)) == pytest.approx(-0.62)
    assert study.parameters().names == ("diffusivity", "exchange_current_density")
    filled = study.resolved()["cell"]["counter"]
    assert filled["potential_v"] == pytest.approx(0.62)
    again = type(study.content.cell).model_validate(study.resolved()["cell"])
    assert float(build_cell(again).counter.initial_filling) == pytest.approx(0.5)
    assert "counter.potential" in study_paths(study.content.cell, cell)
    text = half(write, ALLOY.replace("capacity", "potential_v = 0.3\ncapacity")).read_text()
    (tmp_path / "other.toml").write_text(
        text.replace('"separator.ionic_conductivity"', '"counter.potential"')
        .replace('"S/cm"', '"V"')
        .replace("[1e-5, 1]", "[0.1, 1]")
    )
    other = load_study(tmp_path / "other.toml")
    assert other.parameters().parameters[0].paths == ("counter.open_circuit.potential",)
    assert float(open_circuit_voltage(other.cell())) == pytest.approx(-0.3)


@pytest.mark.parametrize(
    ("cathode", "message"),
    [
        ("", r"full.toml: \[cell\] needs a table \[cell.cathode\] and no \[cell.counter\] when kind = 'full'"),
        (
            CATHODE.replace("initial_voltage_v = 3.7", ""),
            r"\[cell.cathode\] needs exactly one of initial_voltage_v \(of the cell at rest\) and",
        ),
        (
            CATHODE.replace("particle_radius_um", "radius_um"),
            r"radius_um is not known .* did you mean particle_radius_um",
        ),
        (
            CATHODE.replace("0.518", "1.5"),
            r"\[cell.cathode\] active_fraction must be a number of at most 1, but is 1.5",
        ),
    ],
)
def test_tables_that_are_refused(write: Callable[..., Path], cathode: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        load_study(write(cathode))


def test_cells_that_are_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"must be 'nmc532', 'nmc811', 'lfp' or a CSV file, but is 'nmc622'"):
        load_study(write(CATHODE.replace("nmc532", "nmc622"))).cell()
    assert isinstance(load_study(write(CATHODE.replace("nmc532", "NMC532"))).cell().counter.open_circuit, NMC532)
    with pytest.raises(StudyError, match=r"takes \[cell.cathode\] only with kind = 'full', but kind = 'half'"):
        load_study(write(**{'"full"': '"half"'}))
    with pytest.raises(StudyError, match=r"\[cell\] cathode.initial_voltage_v must be at least .* but is 6 V"):
        load_study(write(CATHODE.replace("3.7", "6"))).cell()
    (tmp_path / "ocv.csv").write_text("x,U\n0.1,4.3\n0.5,high\n")
    with pytest.raises(StudyError, match=r"two numbers, joined by a comma, in each line, but line 3 is '0.5,high'"):
        load_study(write(CATHODE.replace("nmc532", "ocv.csv"))).cell()
    (tmp_path / "ocv.csv").write_text("x,U\n0.1,4300\n0.5,3900\n0.9,3500\n")
    with pytest.raises(StudyError, match=r"cathode.open_circuit = 'ocv.csv' cannot be used: .* row 1 is 4300; a "):
        load_study(write(CATHODE.replace("nmc532", "ocv.csv"))).cell()
    with pytest.raises(
        StudyError, match=r"\[cell.cathode\] needs maximum_concentration_mol_l .* mol/m3, write 48.23.$"
    ):
        load_study(write(CATHODE.replace("48.23", "48230")))
    with pytest.raises(StudyError, match=r"takes \[cell.cathode\] only with kind = 'full', but kind = 'symmetric'"):
        load_study(write(**{'"full"': '"symmetric"'}))
    with pytest.raises(StudyError, match=r"\[cell.counter\] takes no lithium_thickness_um with alloy = true"):
        load_study(half(write, ALLOY.replace("alloy = true", "alloy = true\nlithium_thickness_um = 5")))
    with pytest.raises(StudyError, match=r"\[cell.counter\] takes capacity_mah_cm2 only with alloy = true"):
        load_study(half(write, ALLOY.replace("alloy = true", "lithium_thickness_um = 5")))
    with pytest.raises(StudyError, match=r"path 'cathode.diffusivity' does not exist .* cathode.particle_diffusivity"):
        load_study(write(path="cathode.diffusivity")).parameters()


def test_a_virtual_cathode_is_found_again(write: Callable[..., Path], tmp_path: Path) -> None:
    """A charge of 20 min and the rest after it tell diffusion and charge transfer of the cathode."""
    time = np.concatenate([np.linspace(0.0, 1200.0, 61), 1200.0 + np.geomspace(1.0, 3600.0, 60)])
    current = np.where((time > 0.0) & (time <= 1200.0), 20.0, 0.0)
    true = load_study(write()).cell()
    voltage = np.asarray(simulate(true, replay(time, current)).voltage)
    voltage = np.concatenate([[3.7], voltage]) + np.random.default_rng(2).normal(0.0, 2e-4, time.size)
    write_bdf_csv(
        tmp_path / "full.bdf.csv", time=time, voltage=voltage, current=1e-4 * current, step=1 + (time > 1200.0)
    )
    away = CATHODE.replace("1e-10", "4e-10").replace("0.42", "0.1")
    study = load_study(write(away))
    found = fit(study.problem(study.measurement()), starts=2)
    assert found.converged
    for name, value in (("diffusivity", 1e-14), ("exchange_current_density", 4.2)):
        low, high = found.parameters[name].interval95
        assert low < value < high
        assert high / low < 1.5
