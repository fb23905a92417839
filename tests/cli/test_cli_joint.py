"""A study of several measurements: two cells whose separators differ in thickness, and capacities of a third."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from small_study import Called, call, replaced

from jaxcell.impedance_plots import nyquist
from jaxcell.inference import JointProblem, SpectrumProblem
from jaxcell.io import MeasurementError, write_bdf_csv
from jaxcell.study import StudyError, open_study

STUDY = """
[study]
title = "Two separators and a cell of which only capacities are known"

[cell]
kind = "symmetric"

[cell.separator]
thickness_um = 50
ionic_conductivity_s_cm = 2e-4

[cell.electrode]
lithium_thickness_um = 50
interface.kinetics.exchange_current_density_ma_cm2 = 1.5

[[measurement]]
name = "thin"
kind = "curve"
data = { file = "thin.bdf.csv", area_cm2 = 2.0 }

[[measurement]]
name = "thick"
kind = "curve"
data = { file = "thick.bdf.csv", area_cm2 = 2.0, noise_uv = 20 }
cell.separator.thickness_um = 200

[[measurement]]
name = "cycles"
kind = "capacities"
capacities = { file = "cycles.csv", unit = "mAh/cm2", cell = 1, initial = 3.0 }
losses.channels = ["dead"]

[parameters.separator_conductivity]
path = "separator.ionic_conductivity"
unit = "mS/cm"
bounds = [1e-3, 10]
prior = { range95 = [0.01, 5] }

[parameters.exchange_current_density]
path = "electrode.interface.kinetics.exchange_current_density"
unit = "mA/cm2"
bounds = [0.01, 100]
prior = { median = 1.0, factor95 = 20 }

[parameters.dead]
measurements = ["cycles"]
path = "dead_fraction"
unit = "1"
bounds = [1e-4, 0.9]
prior = { range95 = [1e-3, 0.5] }

[fit]
starts = 2
"""
PER_AREA = {"thin": 25.0, "thick": 100.0}
"""L/kappa of the separators [ohm cm2]; two charge transfers at 1 mA cm-2 are 51.4."""


def write_data(folder: Path) -> None:
    """Half-cycles of 0.05 mA cm-2 with 20 uV of noise, and capacities that fall by 5 % a cycle."""
    sign = np.repeat([1.0, -1.0, 1.0, -1.0], 12)
    time = 60.0 * np.arange(sign.size + 1)
    for seed, (name, separator) in enumerate(PER_AREA.items()):
        clean = 0.05e-3 * (separator + 51.385) * sign
        voltage = np.concatenate([[0.0], clean]) + np.random.default_rng(seed).normal(0.0, 20e-6, time.size)
        current = np.concatenate([[0.0], 0.1e-3 * sign])
        write_bdf_csv(folder / f"{name}.bdf.csv", time=time, voltage=voltage, current=current)
    efficiency = 1.0 / 1.05 + 2e-3 * np.random.default_rng(9).normal(size=10)
    columns = [f"C{k}" for k in range(1, 11)]
    pd.DataFrame([3.0 * np.cumprod(efficiency)], columns=columns).to_csv(folder / "cycles.csv", index=False)


SPECTRUM = """
[[measurement]]
name = "eis"
kind = "spectrum"
spectrum = { file = "eis.bdf.csv", area_cm2 = 2.0, noise_percent = 0.5, flag_below_hz = 1.0 }
cell.separator.thickness_um = 200
cell.electrode.interface.double_layer_capacitance_uf_cm2 = 10

[parameters.inductance]
path = "rig.inductance"
unit = "uH cm2"
initial = 10
bounds = [0.1, 1e3]
prior = { range95 = [1, 300] }

[parameters.separator_conductivity]"""
FREQUENCY = np.geomspace(1e5, 1e-1, 13)


def spectrum() -> np.ndarray:
    """Separator, two charge transfers beside double layers, and leads [ohm cm2]."""
    omega = 2.0 * np.pi * FREQUENCY
    return 100.0 + 20e-6j * omega + 51.385 / (1.0 + 1j * omega * 25.693 * 10e-6)


def write_spectrum(folder: Path = Path()) -> None:
    """100 ohm cm2 of separator, two charge transfers of 25.69 ohm cm2 beside 10 uF cm-2 and 20 uH cm2 of leads, with
    0.5 % of noise."""
    exact = spectrum()
    rng = np.random.default_rng(3)
    z = exact + 5e-3 * np.abs(exact) * (rng.normal(size=13) + 1j * rng.normal(size=13))
    columns = {
        "Test Time / s": 10.0 * np.arange(13), "Voltage / V": 0.0, "Current / A": 0.0, "Frequency / Hz": FREQUENCY,
        "Real Impedance / ohm": z.real / 2.0, "Imaginary Impedance / ohm": z.imag / 2.0,
    }  # fmt: skip
    pd.DataFrame(columns).to_csv(folder / "eis.bdf.csv", index=False)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes the study, with some text replaced, beside its data, and makes the folder the current one."""
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)

    def write(*replacements: tuple[str, str]) -> Path:
        Path("joint.toml").write_text(replaced(STUDY, *replacements))
        return Path("joint.toml")

    return write


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Called]:
    """Folder of results, and what the command said."""
    folder = tmp_path_factory.mktemp("joint")
    write_data(folder)
    write_spectrum(folder)
    (folder / "joint.toml").write_text(STUDY.replace("[parameters.separator_conductivity]", SPECTRUM))
    called = call("fit", folder / "joint.toml", "--out", folder / "out")
    assert called.code == 0, called.stderr
    return folder / "out", called


def test_answer(fitted: tuple[Path, Called]) -> None:
    out, called = fitted
    found = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert found == ["config.toml", "figures/fit.png", "result.json", "timeseries.csv"]
    result: dict[str, Any] = json.loads((out / "result.json").read_text())
    assert result["schema"] == "jaxcell-joint/1"
    truth = {
        "separator_conductivity": 0.2, "exchange_current_density": 1.0, "cycles.dead": 0.05, "eis.inductance": 20.0,
    }  # fmt: skip
    units = dict(zip(truth, ("mS/cm", "mA/cm2", "1", "uH cm2"), strict=True))
    assert set(result["parameters"]) == set(truth)
    for name, one in result["parameters"].items():
        assert one["verdict"] == "identified"
        assert one["interval95"][0] < one["estimate"] < one["interval95"][1]
        assert one["estimate"] == pytest.approx(truth[name], rel=0.1 if name == "eis.inductance" else 0.03)
        assert one["unit"] == units[name]
    assert result["parameters"]["cycles.dead"]["path"] == ["dead_fraction"]
    assert result["shared"]["separator_conductivity"] == ["thin", "thick", "eis"]
    assert result["fit"]["rmse"] is None
    assert result["measurements"]["thick"]["rmse"] == pytest.approx(20e-6, rel=0.4)
    assert result["measurements"]["cycles"]["n_points"] == 10
    assert result["measurements"]["eis"]["rmse_unit"] == "ohm cm2"
    assert 0.3 < result["measurements"]["eis"]["rmse"] < 3.0
    assert result["missed"] == ""
    assert set(result["provenance"]) == {"thin", "thick", "cycles", "eis"}
    assert len(result["provenance"]["thin"]["sha256"]) == 64
    meaning = result["combinations"]["thick.total_area_specific_resistance"]
    assert meaning["meaning"] == "whole cell, slow small currents"
    for words in (
        "one number for thin, thick, eis",
        "thin: rmse",
        "eis: 22 points, rmse",
        "cycles: 10 points",
        "What the data tell",
    ):
        assert words in called.stdout


def test_residuals_are_written(fitted: tuple[Path, Called]) -> None:
    rows = pd.read_csv(fitted[0] / "timeseries.csv")
    assert rows["Measurement"].value_counts().to_dict() == {"thin": 48, "thick": 48, "cycles": 10, "eis": 26}
    thick = rows[rows["Measurement"] == "thick"]
    difference = (thick["Fitted Voltage / V"] - thick["Voltage / V"]) / 20e-6
    np.testing.assert_allclose(difference, thick["Residual / 1"], rtol=1e-6, atol=1e-6)
    eis = rows[rows["Measurement"] == "eis"]
    model = eis["Fitted Impedance / ohm cm2"].to_numpy()
    exact = spectrum()[::-1]
    np.testing.assert_allclose(model[:13] + 1j * model[13:], exact, atol=0.02 * np.abs(exact).max())


def test_a_spectrum_is_drawn_in_the_complex_plane() -> None:
    figure = Figure()
    axes = figure.subplots()
    z = spectrum()
    nyquist(axes, FREQUENCY, z, z, FREQUENCY < 1.0)
    assert axes.get_aspect() == 1.0
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Re(Z) / Ω cm$^2$", "-Im(Z) / Ω cm$^2$")
    lines = {line.get_label(): line for line in axes.get_lines()}
    np.testing.assert_allclose(lines["measured"].get_xydata(), np.stack([z.real, -z.imag], 1)[FREQUENCY >= 1.0])
    assert {"model", "flagged"} < set(lines)


def test_the_written_study_is_the_study(fitted: tuple[Path, Called], tmp_path: Path) -> None:
    text = (fitted[0] / "config.toml").read_text()
    assert str(tmp_path.parent) not in text
    tables = tomllib.loads(text)
    assert [one["cell"]["separator"]["thickness_um"] for one in tables["measurement"][:2]] == [50, 200]
    assert tables["measurement"][3]["rig"] == {"inductance_uh_cm2": 0.0, "resistance_ohm_cm2": 0.0}
    (tmp_path / "again.toml").write_text(text)
    write_data(tmp_path)
    write_spectrum(tmp_path)
    again = open_study(tmp_path / "again.toml")
    assert tables["study"].pop("folder") == ".."
    assert again.resolved() == tables


def test_explain(study: Callable[..., Path]) -> None:
    called = call("fit", study(), "--explain")
    assert called.code == 0, called.stderr
    assert "what would thin, thick, cycles tell together?" in called.stdout
    assert "The priors are from" in called.stdout
    assert not Path("results").exists()


def test_own_numbers(study: Callable[..., Path]) -> None:
    problem = prepared(
        study(("[parameters.exchange_current_density]", "[parameters.exchange_current_density]\nshared = false"))
    )
    assert problem.parameters.names == (
        "separator_conductivity", "thin.exchange_current_density", "thick.exchange_current_density", "cycles.dead",
    )  # fmt: skip


def test_a_place_of_its_own(study: Callable[..., Path]) -> None:
    """dead lithium of the cells and of the capacities is one number at two places."""
    problem = prepared(
        study(
            ('measurements = ["cycles"]\npath = "dead_fraction"', 'measurements = ["thin"]\n'
             'path = "electrode.interface.dead_lithium.per_stripped"\npath_in.cycles = "dead_fraction"'),
            ('name = "thin"\nkind = "curve"', 'name = "thin"\nkind = "curve"\n'
             "cell.electrode.interface.dead_lithium.per_stripped = 0.01"),
        )
    )  # fmt: skip
    assert problem.parameters.names == ("separator_conductivity", "exchange_current_density", "dead")
    places = ("thin.working.interface.dead_lithium.per_stripped", "thin.counter.interface.dead_lithium.per_stripped")
    assert problem.parameters.parameters[2].paths == (*places, "cycles.dead_fraction")


REFUSED = {
    "unknown measurement": (
        'measurements = ["cycles"]', 'measurements = ["cycle"]',
        "toml: [parameters.dead] is for the measurement 'cycle', which is not there; there are cycles, thick, thin",
    ),
    "two of one name": ('name = "thick"', 'name = "thin"', "'thin' is there twice"),
    "no word": ('name = "thick"', 'name = "200 um"', "name must be letters, digits and _, with a letter first, but is"),
    "no measurement": ('measurements = ["cycles"]', "measurements = []", "must be a list of at least 1, but is []"),
    "unknown kind": ('kind = "capacities"', 'kind = "capacity"', "'curve', 'steps', 'capacities' or 'spectrum'"),
    "table of another kind": ("losses.channels", "protocol.steps", "takes no table protocol with kind = 'capacities'"),
    "missing table": ('data = { file = "thin.bdf.csv", area_cm2 = 2.0 }', "", "needs a table data with kind = 'curve'"),
    "cell of capacities": ("losses.channels", "cell.temperature_c = 5\nlosses.channels", "takes no table cell"),
    "impossible value": ("thickness_um = 200", "thickness_um = -2", "'thick': [cell.separator] thickness_um must be"),
    "unknown key": ("noise_uv = 20", "nois_uv = 20", "measurement 'thick': the key nois_uv is not known in [data]"),
    "two noises": ("noise_uv = 20", "noise_uv = [20, 30]", "measurement 'thick': [data] noise_uv must be a number"),
    "path that does not exist": (
        'path = "separator.ionic_conductivity"', 'path = "separator.conductivity"',
        "path 'separator.conductivity' does not exist",
    ),
    "place that capacities do not have": ('path = "dead_fraction"', 'path = "trap"', "has no number at trap to fit"),
    "unit of capacities": ('unit = "1"', 'unit = "%"', "unit must be '1' for dead_fraction, but is '%'"),
    "all rows of a table": ("cell = 1, ", "", "measurement 'cycles' must be of one cell"),
    "no file": ("cycles.csv", "gone.csv", "'gone.csv' does not exist"),
}  # fmt: skip


def prepared(place: Path) -> JointProblem:
    """The problem of a study file."""
    opened = open_study(place)
    return opened.problem(opened.read())


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, study: Callable[..., Path]) -> None:
    old, new, words = REFUSED[case]
    place = study((old, new))
    if case == "all rows of a table":
        frame = pd.read_csv("cycles.csv")
        pd.concat([frame, frame]).to_csv("cycles.csv", index=False)
    with pytest.raises(StudyError) as error:
        prepared(place)
    text = str(error.value)
    assert words in text, text
    assert text.startswith("joint.toml: ")
    assert "\n" not in text


def test_a_spectrum_beside_curves(study: Callable[..., Path]) -> None:
    place = study(("[parameters.separator_conductivity]", SPECTRUM))
    write_spectrum()
    problem = prepared(place)
    assert problem.names == ("thin", "thick", "cycles", "eis")
    eis = problem.member("eis")
    truth = eis.parameters.from_physical(
        {"separator_conductivity": 0.02, "exchange_current_density": 10.0, "inductance": 20e-10}
    )
    residuals = np.asarray(eis.residuals(truth))
    assert np.sqrt(np.mean(residuals[FREQUENCY.size // 3 : FREQUENCY.size] ** 2)) == pytest.approx(1.0, rel=0.6)
    # Frequencies rise in the problem, and the flagged lowest ones count less.
    noise = np.asarray(eis.data_scale)[:13] / np.abs(np.asarray(eis.data.impedance))
    np.testing.assert_allclose(noise, np.where(np.sort(FREQUENCY) < 1.0, 0.05, 0.005), rtol=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "flag_below_hz = 1.0",
            "number = 2",
            "'eis': [spectrum] number must be 1, the one spectrum in eis.bdf.csv, but is 2",
        ),
        (
            '"eis.bdf.csv"',
            '"thin.bdf.csv"',
            "'thin.bdf.csv' holds no impedance spectra, but 49 rows of voltage and cur",
        ),
        ('"eis.bdf.csv"', '"thin.bdf.csv", format = "gamry-dta"', "but a Gamry file was expected"),
        ("flag_below_hz = 1.0", "flag_below_hz = 9, flag_above_hz = 3", "must have flag_below_hz < flag_above_hz"),
        (
            "noise_percent = 0.5, flag_below_hz = 1.0",
            "flag_below_hz = 1e4",
            "cannot be estimated from 3 points (at least 9 are needed); give noise_percent or noise_ohm_cm2",
        ),
        (
            "flag_below_hz = 1.0",
            "flag_below_hz = 1e9",
            "leave no point to trust: the spectrum runs from 0.1 to 1e+05 Hz",
        ),
        ("flag_below_hz = 1.0", 'before = ["Plate a bit"]', "'eis': [spectrum] before: "),
        ("flag_below_hz = 1.0", "before = []", "[spectrum] before must have a list of sentences in before"),
        ("flag_below_hz = 1.0", "state_of_charge = 0.5", "is that of a full cell, but there is no [cell.cathode]"),
        (
            'path = "rig.inductance"',
            'path = "rig.inductances"',
            "does not exist; a rig has rig.inductance, rig.resistance",
        ),
        (
            'path = "rig.inductance"',
            'path = "rig.inductance"\nmeasurements = ["thin"]',
            "only a [[measurement]] with kind",
        ),
        ('unit = "uH cm2"', 'unit = "uH"', "unit must be uH cm2 or nH cm2 or H m2 for rig.inductance, but is 'uH'"),
        ("initial = 10\n", "", "starts at the value in [rig], 0 uH cm2, outside its bounds"),
        ("spectrum = {", "data = {", "takes no table data with kind = 'spectrum'"),
    ],
)
def test_refused_spectrum(old: str, new: str, words: str, study: Callable[..., Path]) -> None:
    place = study(("[parameters.separator_conductivity]", SPECTRUM.replace(old, new)))
    write_spectrum()
    with pytest.raises((StudyError, MeasurementError)) as error:
        prepared(place)
    assert words in str(error.value)


def test_a_spectrum_after_steps_and_with_leads(study: Callable[..., Path]) -> None:
    """It is taken under the current of the last step, and starts at the leads of its table."""
    said = 'before = [{ steps = ["Plate at 0.5 mA/cm2 for 2 min"], repeat = 2 }], flag_below_hz = 1.0'
    text = SPECTRUM.replace("flag_below_hz = 1.0", said).replace("initial = 10\n", "")
    leads = "rig = { inductance_uh_cm2 = 30, resistance_ohm_cm2 = 2 }\n\n[parameters.inductance]"
    place = study(("[parameters.separator_conductivity]", text.replace("[parameters.inductance]", leads)))
    write_spectrum()
    eis = prepared(place).member("eis")
    assert isinstance(eis, SpectrumProblem)
    assert eis.state is not None
    assert float(eis.state.current_density) == pytest.approx(-5.0)
    assert float(eis.parameters.to_physical(eis.parameters.initial)["inductance"]) == pytest.approx(30e-10)
    assert eis.rig is not None
    assert float(eis.rig.resistance) == pytest.approx(2e-4)


def test_a_spectrum_alone_is_told_its_place(study: Callable[..., Path]) -> None:
    Path("joint.toml").write_text('[spectrum]\nfile = "eis.csv"\n')
    with pytest.raises(
        StudyError, match=r"joint.toml: a table \[spectrum\] belongs to a \[\[measurement\]\] with kind"
    ):
        open_study("joint.toml")


def test_one_file_cannot_take_the_place_of_several(study: Callable[..., Path]) -> None:
    called = call("fit", study(), "--data", "thin.bdf.csv")
    assert called.code == 1
    assert "--data names one file, but joint.toml has several measurements" in called.stderr


def test_a_measurement_with_nothing_to_fit(study: Callable[..., Path]) -> None:
    only = 'measurements = ["thin"]\npath = "separator.ionic_conductivity"'
    both = 'measurements = ["thin"]\npath = "electrode.interface.kinetics.exchange_current_density"'
    place = study(
        ('path = "separator.ionic_conductivity"', only),
        ('path = "electrode.interface.kinetics.exchange_current_density"', both),
    )
    with pytest.raises(StudyError, match="measurement 'thick' has nothing to fit"):
        open_study(place)
