"""Studies that give no prior: which default they get, and how the report says so."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from rich.console import Console
from small_study import call

from jaxcell.inference import LogNormal, Normal, Parameter, Prior, Uniform
from jaxcell.io import write_bdf_csv
from jaxcell.io.results import write_toml
from jaxcell.prior_report import print_priors
from jaxcell.study import StudyError, load_study, open_study

I0_PRIOR = "prior = { median = 1.0, factor95 = 20 }\n"
SEPARATOR_PRIOR = "prior = { range95 = [0.01, 5] }\n"
SULFIDE = ("ionic_conductivity_s_cm = 2e-4", "ionic_conductivity_s_cm = 2e-3")
ROOT = Path(__file__).resolve().parents[2]
Write = Callable[..., Path]


def parameter(path: Path, name: str) -> Parameter:
    (found,) = (p for p in load_study(path).parameters().parameters if p.name == name)
    return found


def test_a_number_without_a_prior_has_the_default(study: Write) -> None:
    found = parameter(study((I0_PRIOR, "")), "exchange_current_density").prior
    assert found.name == "lognormal"
    assert float(found.median) == pytest.approx(10.0)  # pyright: ignore[reportAttributeAccessIssue]
    assert found.source == "default: lithium on lithium [lit] brackets"


@pytest.mark.parametrize("name", ["virtual_pulses", "virtual_steady"])
def test_shipped_studies_of_a_layer_say_what_the_defaults_say(tmp_path: Path, name: str) -> None:
    text = (ROOT / "fit" / f"{name}.toml").read_text()
    (tmp_path / "bare.toml").write_text(re.sub(r"^prior = .*\n", "", text, flags=re.MULTILINE))
    told, bare = (load_study(path).parameters() for path in (ROOT / "fit" / f"{name}.toml", tmp_path / "bare.toml"))
    for one, other in zip(told.parameters, bare.parameters, strict=True):
        assert other.prior.source.startswith("default: ")
        np.testing.assert_allclose(jax.tree.leaves(one.prior), jax.tree.leaves(other.prior), rtol=1e-9)


def test_what_the_study_says_counts(study: Write) -> None:
    given = parameter(study(), "exchange_current_density").prior
    assert given.source == "the study"
    assert float(given.log_sd) == pytest.approx(np.log(400.0) / 3.92, rel=1e-4)  # pyright: ignore[reportAttributeAccessIssue]
    flat = parameter(study((I0_PRIOR, 'prior = "uniform"\n')), "exchange_current_density").prior
    assert isinstance(flat, Uniform)
    assert flat.source == "the study"
    asked = parameter(study((I0_PRIOR, 'prior = "default"\n')), "exchange_current_density").prior
    assert asked.source.startswith("default: lithium on lithium")


def test_a_default_of_another_material_is_left_and_named(study: Write) -> None:
    found = parameter(study((SEPARATOR_PRIOR, "")), "separator_conductivity").prior
    assert isinstance(found, Uniform)
    assert found.source == (
        "flat: the default, 1 to 5 mS/cm (a separator of Li6PS5Cl [lit] inferred), is not used as this separator "
        "conducts 0.2 mS/cm, not 1 to 5"
    )
    held = parameter(study((SEPARATOR_PRIOR, ""), SULFIDE), "separator_conductivity").prior
    assert held.source == "default: a separator of Li6PS5Cl [lit] inferred"
    off = parameter(study((SEPARATOR_PRIOR, "initial = 0.5\n"), SULFIDE), "separator_conductivity").prior
    assert isinstance(off, Uniform)
    assert "is not used as it leaves out the start, 0.5 mS/cm" in off.source


def test_a_lognormal_default_needs_bounds_above_zero(study: Write) -> None:
    linear = ("bounds = [0.01, 100]", 'bounds = [0, 100]\ntransform = "linear"')
    found = parameter(study((I0_PRIOR, ""), linear), "exchange_current_density").prior
    assert "it is lognormal and the bounds reach 0" in found.source
    with pytest.raises(StudyError, match="lognormal and needs bounds above 0"):
        parameter(study((I0_PRIOR, 'prior = "default"\n'), linear), "exchange_current_density")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (I0_PRIOR, 'prior = "flat"\n', "[parameters.exchange_current_density.prior]"),
        (SEPARATOR_PRIOR, 'prior = { kind = "default", range95 = [1, 5] }\n', "must be {range95}"),
        (
            SEPARATOR_PRIOR + "\n",
            'prior = "default"\n\n',
            "[parameters.separator_conductivity]: prior = 'default' is 1 to 5 mS/cm (a separator of Li6PS5Cl [lit] "
            "inferred), all of which lies outside its bounds [0.001, 0.9] mS/cm.",
        ),
        (
            'path = "separator.ionic_conductivity"\nunit = "mS/cm"\nbounds = [1e-3, 10]\n' + SEPARATOR_PRIOR,
            'path = "separator.thickness"\nunit = "um"\nbounds = [1, 1000]\nprior = "default"\n',
            "[parameters.separator_conductivity]: prior = 'default' has no range for separator.thickness; give",
        ),
        (
            SEPARATOR_PRIOR + "\n",
            "prior = { range95 = [100, 1000] }\n\n",
            "[parameters.separator_conductivity]: the prior contradicts the bounds: 100 % of it lies outside of "
            "[0.001, 10] mS/cm.",
        ),
    ],
)
def test_refusals(study: Write, old: str, new: str, expected: str) -> None:
    narrow = [("bounds = [1e-3, 10]", "bounds = [1e-3, 0.9]")] if "all of which" in expected else []
    with pytest.raises(StudyError) as refused:
        load_study(study((old, new), *narrow)).parameters()
    assert expected in str(refused.value)


def test_the_resolved_study_asks_for_the_same_priors(study: Write) -> None:
    for priors in ((), ((I0_PRIOR, ""), (SEPARATOR_PRIOR, "")), ((I0_PRIOR, 'prior = "uniform"\n'),)):
        asked = load_study(study(*priors))
        write_toml(Path("again.toml"), asked.resolved())
        again = load_study("again.toml").parameters().parameters
        assert [p.prior.words for p in again] == [p.prior.words for p in asked.parameters().parameters]


def test_the_report_sets_the_prior_beside_the_estimate(study: Write) -> None:
    called = call("fit", study((I0_PRIOR, ""), (SEPARATOR_PRIOR, "")), "--out", "out")
    assert called.code == 0, called.stderr
    found = json.loads(Path("out/result.json").read_text())["parameters"]
    prior = found["exchange_current_density"]["prior"]
    assert prior["source"] == "default: lithium on lithium [lit] brackets"
    assert prior["interval95"] == pytest.approx([0.05, 20.0], rel=0.05)  # as the bounds cut it
    assert found["separator_conductivity"]["prior"]["kind"] == "uniform"
    said = " ".join(called.stdout.split())
    assert "Beside the priors" in said
    assert "default: lithium on lithium [lit] brackets" in said
    assert "conducts 0.2 mS/cm, not 1 to 5" in said
    again = load_study("out/config.toml")
    assert [p.prior.source for p in again.parameters().parameters] == [one["prior"]["source"] for one in found.values()]
    assert Path(again.data_path()).samefile("made.bdf.csv")  # from where the results lie
    head = Path("out/config.toml").read_text()
    assert "# exchange_current_density: default: lithium on lithium [lit] brackets\n" in head
    assert "relative paths start in `folder` of [study]" in head


JOINT = """
[study]
title = "Two cells"

[cell]
kind = "symmetric"
separator = { thickness_um = 50, ionic_conductivity_s_cm = 2e-3 }
electrode.lithium_thickness_um = 50

[[measurement]]
name = "one"
kind = "curve"
data = { file = "one.bdf.csv", area_cm2 = 2.0, noise_uv = 20 }

[[measurement]]
name = "two"
kind = "curve"
data = { file = "one.bdf.csv", area_cm2 = 2.0, noise_uv = 20 }
CHANGE

[parameters.separator_conductivity]
path = "separator.ionic_conductivity"
unit = "mS/cm"
bounds = [1e-3, 10]
"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("", "default: a separator of Li6PS5Cl [lit] inferred"),
        (
            "cell.separator.grain_boundary = { resistance_ohm_cm2 = 1, capacitance_uf_cm2 = 1 }",
            "flat: the default does not hold in all measurements that share it",
        ),
    ],
)
def test_measurements_share_one_prior(tmp_path: Path, change: str, words: str) -> None:
    current = 1e-4 * np.repeat([0.0, 1.0, -1.0], [1, 20, 20])
    write_bdf_csv(tmp_path / "one.bdf.csv", time=30.0 * np.arange(41), voltage=50.0 * current, current=current)
    (tmp_path / "joint.toml").write_text(JOINT.replace("CHANGE", change))
    joint = open_study(tmp_path / "joint.toml")
    problem = joint.problem(joint.read())
    (found,) = problem.parameters.parameters
    assert found.prior.source == words


@pytest.mark.parametrize(("written", "shown"), [('"Default"', "'Default'"), ("true", "True"), ("3", "3")])
def test_what_is_no_prior_is_refused(written: str, shown: str, study: Write) -> None:
    called = call("fit", study(("prior = { range95 = [0.01, 5] }", f"prior = {written}")), "--explain")
    assert called.code == 1
    expected = "must be 'default', 'uniform' or a table such as {range95 = [low, high]}, but is " + shown
    assert f"made.toml: [parameters.separator_conductivity.prior] {expected}" in " ".join(called.stderr.split())


def entry(prior: tuple[float, float], found: tuple[float, float], outside: float = 0.0) -> dict[str, Any]:
    """A number of result.json."""
    source = "default: a polymer layer [lit] related polymers, widened"
    return {
        "estimate": 5e-5,
        "interval95": list(found),
        "unit": "S/cm",
        "prior": {"interval95": list(prior), "outside_bounds": outside, "source": source},
    }


def shown(entries: dict[str, dict[str, Any]], width: int = 80) -> str:
    terminal = io.StringIO()
    console = Console(width=width, force_terminal=True, color_system=None, file=terminal)
    print_priors(console, entries)
    return terminal.getvalue()


def test_the_table_of_priors_fits_a_narrow_terminal() -> None:
    one = entry((2.04e-07, 4.91e-04), (2.257e-05, 1e-3))
    said = shown({"layer_conductivity": one, "exchange_current_density": one})
    assert "2.257e-05 to 0.001" in said
    assert said.count("2.04e-07 to 0.000491") == 2
    assert "related polymers, widened" in " ".join(said.split())
    assert "(cut)" not in said
    assert "no narrower" not in said


def test_a_table_cuts_nothing_off_where_there_is_no_room() -> None:
    said = shown({"exchange_current_density": entry((1e-7, 1e-3), (2e-5, 4e-5))}, 44)
    letters = re.sub(r"\s", "", said)
    for cell in ("exchange", "density", "2e-05", "4e-05", "1e-07", "0.001", "S/cm"):
        assert cell in letters


def test_priors_cut_by_bounds_and_intervals_that_learnt_nothing_are_marked() -> None:
    said = " ".join(shown({"a": entry((1.0, 2.0), (0.5, 2.5)), "b": entry((1.0, 2.0), (1.2, 1.3), 0.02)}, 120).split())
    assert "1 to 2 S/cm" in said
    assert "1 to 2 (cut)" in said
    assert "its bounds leave out more than 1 % of the prior" in said
    assert "Intervals no narrower than the prior - a: the reach of a trade-off" in said


def test_before_a_fit_the_priors_are_shown(study: Write) -> None:
    file = study((I0_PRIOR, ""), (SEPARATOR_PRIOR, ""))
    called = call("fit", file, "--explain")
    assert called.code == 0, called.stderr
    said = " ".join(called.stdout.split())
    assert "exchange_current_density 0.0516 to 19.4 mA/cm2" in said
    assert "exchange_current_density: default: lithium on lithium [lit] brackets" in said
    assert "separator_conductivity: flat: the default, 1 to 5 mS/cm" in said
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("prior", "bounds", "share"),
    [
        (LogNormal((1.0, 100.0)), (1.0, 100.0), 0.05),
        (LogNormal((1.0, 100.0)), (-1.0, 10.0), 0.5),
        (Normal(0.0, 1.0), (-1.0, 1.0), 0.3173),
        (Uniform(), (0.0, 1.0), 0.0),
    ],
)
def test_share_of_a_prior_outside_its_bounds(prior: Prior, bounds: tuple[float, float], share: float) -> None:
    assert prior.outside(*bounds) == pytest.approx(share, abs=1e-4)
