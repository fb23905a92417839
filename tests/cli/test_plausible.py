"""Numbers of a study in another unit than its key's are refused, with what was likely meant; materials are not."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from jaxcell import cell as parts
from jaxcell.study import build, load_study, part_tables, protocol_schema, schema
from jaxcell.study.messages import StudyError
from jaxcell.study.plausible import PLAUSIBLE, check_plausible
from jaxcell.study.units import ENDINGS, split_key

STUDIES = Path(__file__).parents[2] / "fit"


def tables() -> Iterator[type[BaseModel]]:
    yield from build._PARTS
    yield from (schema.CellTable, schema.Electrode, schema.Counter, schema.Cathode)


def test_every_number_with_a_unit_has_a_range() -> None:
    keys = {key for table in tables() for key in table.model_fields if key.endswith((*ENDINGS, "_c"))}
    assert keys == set(PLAUSIBLE)
    for key, (low, high) in PLAUSIBLE.items():
        assert low < high, key


@pytest.mark.parametrize("table", build._PARTS, ids=lambda table: table.__name__)
def test_defaults_are_plausible(table: type[BaseModel]) -> None:
    """Of the model, a hundredfold inside, so that rare materials pass."""
    defaults = {name: field.default for name, field in build._PARTS[table].__dataclass_fields__.items()}
    for key in table.model_fields:
        name, _, factor = split_key(key)
        value = defaults.get(name)
        if key in PLAUSIBLE and isinstance(value, int | float) and value != 0.0:
            check_plausible(key, value / factor)
            bounded = ("_v", "_c", "_k", "_ev", "_cm3_mol", "_mah_cm3", "concentration_mol_l", "overpotential_mv")
            if not key.endswith(bounded):
                check_plausible(key, value / factor / 100.0)
                check_plausible(key, value / factor * 100.0)


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.name)
def test_published_studies_are_plausible(path: Path) -> None:
    text = tomllib.loads(path.read_text(encoding="utf-8"))
    if "cell" in text:
        schema.CellTable.model_validate(text["cell"])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "maximum_concentration_mol_l",
            48230.0,
            "between 0.1 and 200 mol/l, .* 48230; if it is in mol/m3, write 48.23",
        ),
        ("particle_radius_um", 5.3e-6, "between 0.001 and 1000 um, .* is 5.3e-06; if it is in m, write 5.3"),
        ("thickness_um", 30e-6, "is 3e-05; if it is in m, write 30"),
        ("ionic_conductivity_s_cm", 2.4, "is 2.4; if it is in S/m, write 0.024"),
        ("concentration_mol_l", 1000.0, "if it is in mol/m3, write 1"),
        ("double_layer_capacitance_uf_cm2", 2e-5, "is 2e-05; if it is in F/cm2, write 20"),
        ("activation_energy_ev", 35000.0, "if it is in J/mol, write 0.362749"),
        ("overpotential_mv", 0.04, "if it is in V, write 40"),
        ("reduction_potential_v", 1700.0, "if it is in mV, write 1.7"),
        ("stack_pressure_mpa", 5e6, "if it is in Pa, write 5"),
        ("molar_volume_cm3_mol", 13e-6, "if it is in m3/mol, write 13"),
        ("temperature_c", 298.15, "between -150 and 250 degC, .* is 298.15; if it is in K, write 25"),
        ("rate_per_s", 1e9, r"is 1e\+09"),
        ("particle_diffusivity_cm2_s", 1e-30, "is 1e-30"),
    ],
)
def test_slips(key: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^needs {key} {message}$" if "between" in message else f"{message}$"):
        check_plausible(key, value)


def test_nothing_is_a_number_too() -> None:
    check_plausible("contact_resistance_ohm_cm2", 0.0)
    with pytest.raises(ValidationError, match="concentration_mol_l"):
        part_tables.BinarySalt(concentration_mol_l=1000.0)
    part_tables.BinarySalt(concentration_mol_l=1.0)


def test_the_sentence_names_file_table_and_key(tmp_path: Path) -> None:
    text = (STUDIES / "virtual_pulses.toml").read_text(encoding="utf-8")
    (tmp_path / "slip.toml").write_text(
        re.sub(r"lithium_thickness_um = \S+", "lithium_thickness_um = 50e-6", text, count=1)
    )
    expected = (
        "slip.toml: [cell.electrode] needs lithium_thickness_um between 0.001 and 50000 um, which holds for every "
        "material, but it is 5e-05; if it is in m, write 50."
    )
    with pytest.raises(StudyError, match=re.escape(expected)):
        load_study(tmp_path / "slip.toml")


def test_times_run_forwards_in_every_kind_of_study() -> None:
    record = {"file": "a.csv", "area_cm2": 1.0}
    for build_table in (
        lambda span: schema.SelectionTable(time_s=span),
        lambda span: protocol_schema.RecordTable(**record, time_s=span),
    ):
        assert build_table([0.0, 1.0]).time_s == [0.0, 1.0]
        assert build_table(None).time_s is None
        with pytest.raises(ValidationError, match=r"must be \[first, last\] in s with first < last"):
            build_table([1.0, 1.0])


def test_parts_in_python_are_free() -> None:
    """The model itself takes what a study refuses: limits and tests need it."""
    assert float(parts.Separator(1e-9, 1e3).ionic_conductivity) == 1e3
