"""Studies: units, paths, the cell they stand for."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import equinox as eqx
import pytest
from small_study import STUDY

from jaxcell import cell as parts
from jaxcell import units
from jaxcell.io import read
from jaxcell.io.results import ResultsError, result_folder, write_toml
from jaxcell.study import StudyError, build, load_study, schema
from jaxcell.study import units as study_units
from jaxcell.study.folders import way_from
from jaxcell.study.study import tolerance_for
from jaxcell.study.units import PARAMETER_UNITS, factor_of, split_key

LAYERED = """
[cell.electrode.layer]
thickness_um = 5
ionic_conductivity_s_cm = 5e-5
top = false
pores.specific_surface_area_m2_cm3 = 10
"""


@pytest.mark.parametrize("table", build._PARTS, ids=lambda table: table.__name__)
def test_every_number_of_the_cell_has_a_key(table: type[schema.Table]) -> None:
    fields = {f.name: f.metadata.get("unit") for f in dataclasses.fields(build._PARTS[table])}
    keys = {split_key(key)[0]: split_key(key)[1:] for key in table.model_fields}
    if table is schema.Kinetics:
        other = {f.name: f.metadata.get("unit") for f in dataclasses.fields(parts.MarcusHushChidseyKinetics)}
        fields = other | fields
    assert set(fields) == set(keys)
    for name, si_unit in fields.items():
        unit, factor = keys[name]
        if si_unit is not None:
            assert PARAMETER_UNITS[si_unit][unit] == pytest.approx(factor, rel=1e-12), name


def test_cell_in_si(study: Callable[..., Path]) -> None:
    cell = load_study(study(added=LAYERED)).cell()
    layer = cell.working.layer
    assert layer is not None
    assert layer.top is None
    assert layer.pores is not None
    assert float(layer.pores.specific_surface_area) == pytest.approx(1e7)
    assert float(layer.thickness) == pytest.approx(5e-6)
    assert float(layer.ionic_conductivity) == pytest.approx(5e-3)
    assert float(cell.separator.thickness) == pytest.approx(1e-4)
    assert float(cell.working.interface.kinetics.exchange_current_density) == pytest.approx(10.0)
    assert float(cell.temperature) == pytest.approx(298.15)
    assert float(cell.counter.layer.thickness) == pytest.approx(5e-6)


def test_a_top_that_is_left_out_is_the_models(study: Callable[..., Path]) -> None:
    layer = load_study(study(added=LAYERED.replace("top = false\n", ""))).cell().working.layer
    assert layer is not None
    assert layer.top is not None
    assert float(layer.top.nucleation.overpotential) == pytest.approx(0.04)
    assert bool(eqx.tree_equal(layer.top, parts.ProtectionLayer(5e-6, 5e-3).top))


LOSSES = """
[cell.electrode.interface.interphase]
ambipolar_conductivity_s_cm = 2e-12
initial_thickness_nm = 3
activation_energy_ev = 0.6
[cell.electrode.interface.dead_lithium]
per_stripped = 0.01
rate_per_s = 1e-9
[cell.electrode.interface.contact_loss]
critical_current_density_ma_cm2 = 0.8
[cell.separator.short]
conductance_s_cm2 = 1e-3
half_capacity_uah_cm2 = 500
[cell.separator.salt]
concentration_mol_l = 1.2
diffusivity_cm2_s = 2e-6
[cell.heat_balance]
heat_capacity_j_cm2_k = 0.05
heat_transfer_w_cm2_k = 1e-3
"""


def test_losses_in_si(study: Callable[..., Path]) -> None:
    loaded = load_study(study(added=LAYERED + "[cell.electrode.layer.trap]\ncapacity_mah_cm3 = 50\n" + LOSSES))
    cell = loaded.cell()
    own = cell.working.interface
    assert own.interphase is not None
    assert float(own.interphase.ambipolar_conductivity) == pytest.approx(2e-10)
    assert float(own.interphase.initial_thickness) == pytest.approx(3e-9)
    assert float(own.interphase.activation_energy) == pytest.approx(0.6 * 96485.33212)
    assert own.dead_lithium is not None
    assert float(own.dead_lithium.rate) == pytest.approx(1e-9)
    assert own.contact_loss is not None
    assert float(own.contact_loss.critical_current_density) == pytest.approx(8.0)
    assert cell.working.layer is not None
    assert cell.working.layer.trap is not None
    assert float(cell.working.layer.trap.capacity) == pytest.approx(50 * 3.6e6 / 96485.33212)
    assert cell.working.layer.storage is None
    assert cell.separator.short is not None
    assert float(cell.separator.short.conductance) == pytest.approx(10.0)
    assert cell.separator.salt is not None
    assert float(cell.separator.salt.concentration) == pytest.approx(1200.0)
    assert float(cell.separator.salt.diffusivity) == pytest.approx(2e-10)
    assert cell.heat_balance is not None
    assert float(cell.heat_balance.heat_capacity) == pytest.approx(500.0)
    resolved = loaded.resolved()["cell"]
    assert resolved["electrode"]["interface"]["interphase"]["reduction_potential_v"] == 1.7
    assert resolved["heat_balance"] == {
        "heat_capacity_j_cm2_k": 0.05,
        "heat_transfer_w_cm2_k": 1e-3,
        "highest_temperature_k": 600.0,
    }
    assert "electrode.interface.dead_lithium.per_stripped" in build.study_paths(loaded.content.cell, cell)


def test_marcus_hush_chidsey_kinetics(study: Callable[..., Path]) -> None:
    line = "kinetics.exchange_current_density_ma_cm2 = 1.0\n"
    own = load_study(study((line, line + "kinetics.reorganisation_energy_ev = 0.4\n")))
    kinetics = own.cell().working.interface.kinetics
    assert isinstance(kinetics, parts.MarcusHushChidseyKinetics)
    assert float(kinetics.reorganisation_energy) == pytest.approx(0.4 * 96485.33212)


def test_half_cell_on_a_collector(study: Callable[..., Path]) -> None:
    half = 'kind = "half"\n[cell.counter]\nlithium_thickness_um = 200\n'
    path = study(
        ('kind = "symmetric"\n', half),
        ("lithium_thickness_um = 50", "collector = true\ninitial_potential_v = -1.5"),
    )
    loaded = load_study(path)
    assert float(loaded.cell().working.initial_potential) == -1.5
    paths = loaded.parameters().parameters[1].paths
    assert paths == ("working.interface.kinetics.exchange_current_density",)
    assert loaded.resolved()["cell"]["electrode"]["collector"] is True


def test_symmetric_parameters_are_tied(study: Callable[..., Path]) -> None:
    loaded = load_study(study())
    tied = loaded.parameters().parameters[1]
    assert [p.split(".")[0] for p in tied.paths] == ["working", "counter"]
    assert loaded.factors() == pytest.approx({"separator_conductivity": 0.1, "exchange_current_density": 10.0})
    assert float(tied.initial) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("unit", "si_unit", "factor"), [("Ω cm²", "Ohm m2", 1e-4), ("µF/cm2", "F m-2", 1e-2), ("ohm", "Ohm m2", None)]
)
def test_spelling_of_units(unit: str, si_unit: str, factor: float | None) -> None:
    assert factor_of(unit, si_unit) == factor


def test_formats_are_the_reader_s() -> None:
    """A curve's table leaves out what holds impedance alone."""
    known = schema.DataTable.model_fields["format"].annotation.__args__
    impedance_alone = {"gamry-dta", "zplot-z", "impedance-table"}
    assert known == ("auto", *(name for name in read._READERS if name not in impedance_alone))


def test_options_replace_the_study_s(study: Callable[..., Path]) -> None:
    changed = load_study(study()).with_options(data="other.csv", starts=7, seed=3)
    assert (changed.content.fit.starts, changed.content.fit.seed) == (7, 3)
    assert changed.data_path() == "other.csv"
    assert changed.resolved()["data"]["file"] == "other.csv"


def test_absolute_paths_stay_at_home(study: Callable[..., Path]) -> None:
    loaded = load_study(study(("made.bdf.csv", "/home/somebody/secret/made.bdf.csv")))
    assert loaded.resolved()["data"]["file"] == "made.bdf.csv"
    beside = Path("made.bdf.csv").resolve()
    assert load_study(study(("made.bdf.csv", str(beside)))).resolved()["data"]["file"] == "made.bdf.csv"
    given = load_study(study()).with_options(data=beside.parent.parent / "other.csv")
    assert given.resolved()["data"]["file"] == "../other.csv"
    assert way_from(Path("/home/somebody"), "/srv/results") is None


def test_relative_paths_start_in_the_folder_of_the_study(study: Callable[..., Path]) -> None:
    moved = Path("results/deep/config.toml")
    moved.parent.mkdir(parents=True)
    text = study(("[study]", '[study]\nfolder = "../.."')).read_text()
    moved.write_text(text)
    assert Path(load_study(moved).data_path()).samefile("made.bdf.csv")
    moved.write_text(text.replace('folder = "../.."', ""))
    with pytest.raises(StudyError, match=r"looked for results/deep/made\.bdf\.csv, as relative paths start in"):
        load_study(moved).data_path()


def test_toml_round_trip(tmp_path: Path) -> None:
    import tomllib

    tables = {"a": {"text": 'say "Ω"\n\\', "list": [1, 2.5], "yes": True, "odd key": 1e-9, "deep": {"x": "y"}}, "b": {}}
    write_toml(tmp_path / "x.toml", tables, "a comment")
    read_back = tomllib.loads((tmp_path / "x.toml").read_text())
    assert read_back == {"a": tables["a"]}
    assert tomllib.loads(STUDY)["fit"]["starts"] == 2


def test_results_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "out"
    with result_folder(place) as draft:
        (draft.path / "result.json").write_text("1")
        assert not place.exists()
    assert (place / "result.json").read_text() == "1"
    with pytest.raises(RuntimeError, match="half-way"), result_folder(place) as draft:  # noqa: PT012
        (draft.path / "result.json").write_text("2")
        raise RuntimeError("half-way")
    assert (place / "result.json").read_text() == "1"
    assert [p.name for p in place.parent.iterdir()] == ["out"]
    (place / "notes.txt").write_text("mine")
    with pytest.raises(ResultsError, match=r"notes\.txt"), result_folder(place):
        pass


@pytest.mark.parametrize(("noise", "tolerance"), [(1e-4, 1e-5), (69e-6, 1e-6), (0.1, 1e-4), (1e-12, 1e-8)])
def test_simulation_is_finer_than_the_noise(noise: float, tolerance: float) -> None:
    assert tolerance_for(noise) == pytest.approx(tolerance)


def test_one_faraday_constant() -> None:
    assert study_units.FARADAY == units.FARADAY
