"""Default priors: the ranges in SI, which paths have one, and in which cells they hold."""

import re
from pathlib import Path

import equinox as eqx
import numpy as np
import pytest

from jaxcell.cell import (
    BinarySalt,
    Cell,
    Collector,
    ContactLoss,
    DeadLithium,
    Film,
    GrainBoundary,
    Interface,
    Interphase,
    LithiumElectrode,
    Nucleation,
    Pores,
    ProtectionLayer,
    Separator,
    Storage,
    Trap,
)
from jaxcell.inference import DEFAULT_RANGES, LogNormal, Parameter, Uniform, default_prior, number_paths
from jaxcell.units import FARADAY

ROOT = Path(__file__).resolve().parents[2]
EV = FARADAY
MAH_CM3 = 3.6e6 / FARADAY
GROWTH = FARADAY / (2.0 * 24.4e-6 * 1.7)
RANGES = {
    "separator.ionic_conductivity": (0.1, 0.5),
    "separator.activation_energy": (0.28 * EV, 0.42 * EV),
    "working.layer.ionic_conductivity": (1e-5, 1e-1),
    "working.layer.activation_energy": (0.3 * EV, 0.9 * EV),
    "working.layer.salt.transference_number": (0.2, 1.0),
    "working.layer.thickness": (1e-6, 20e-6),
    "working.layer.electronic_conductivity": (0.1, 1000.0),
    "working.layer.storage.capacity": (25.0 * MAH_CM3, 225.0 * MAH_CM3),
    "working.layer.trap.capacity": (25.0 * MAH_CM3, 225.0 * MAH_CM3),
    "working.interface.kinetics.exchange_current_density": (0.5, 200.0),
    "counter.interface.kinetics.exchange_current_density": (0.5, 200.0),
    "working.layer.top.kinetics.exchange_current_density": (0.5, 200.0),
    "working.layer.pores.kinetics.exchange_current_density": (0.5, 200.0),
    "working.interface.double_layer_capacitance": (0.01, 1.0),
    "working.interface.film_resistance": (2e-4, 2e-2),
    "working.layer.top.film_resistance": (2e-4, 2e-2),
    "working.layer.separator_film.resistance": (2e-4, 2e-2),
    "working.interface.nucleation.overpotential": (0.01, 0.15),
    "working.layer.top.interphase.molar_volume": (20.74e-6, 28.06e-6),
    "working.layer.top.interphase.ambipolar_conductivity": (1e-21 * GROWTH, 1e-18 * GROWTH),
    "working.layer.top.interphase.activation_energy": (0.3 * EV, 0.9 * EV),
    "working.layer.top.interphase.ionic_conductivity": (1e-6, 1e-3),
    "working.interface.dead_lithium.per_stripped": (1e-4, 0.05),
    "working.interface.dead_lithium.rate": (1e-11, 1e-8),
    "working.interface.contact_loss.pressure_exponent": (0.3, 1.0),
    "stack_pressure": (1e6, 20e6),
}
FOIL = LithiumElectrode(20e-6, Interface(film_resistance=1e-3))
LAYERED = LithiumElectrode(
    20e-6, Interface(film_resistance=1e-3), ProtectionLayer(5e-6, 5e-3, separator_film=Film(1e-3))
)
SULFIDE = Separator(30e-6, 0.24)
FILM, KAPPA = "working.interface.film_resistance", "separator.ionic_conductivity"
IN_ROOM = Cell(FOIL, SULFIDE, FOIL, 298.15)
WITHOUT = (
    "working.layer.top.nucleation.overpotential",
    "working.layer.top.nucleation.nucleation_capacity",
    "working.interface.nucleation.depletion_capacity",
    "working.interface.kinetics.activation_energy",
    "working.interface.contact_resistance",
    "working.interface.interphase.reduction_potential",
    "working.layer.pores.interphase.ionic_conductivity",
    "working.lithium_thickness",
    "separator.thickness",
    "separator.series_resistance",
    "counter.kinetics.exchange_current_density",
    "counter.double_layer_capacitance",
    "counter.ionic_conductivity",
    "rig.inductance",
)


@pytest.mark.parametrize("path", RANGES)
def test_ranges_in_si(path: str) -> None:
    prior = default_prior(path)
    assert isinstance(prior, LogNormal)
    spread = 1.959963984540054 * float(prior.log_sd)
    low, high = np.exp(np.log(float(prior.median)) + np.array([-spread, spread]))
    assert (low, high) == pytest.approx(RANGES[path], rel=1e-9)
    assert re.search(r"\[(lit|gen|der)\]", prior.source)
    assert default_prior(f"cell.{path}") is not None  # the same number of a design's case


@pytest.mark.parametrize("path", WITHOUT)
def test_what_has_no_range_has_no_prior(path: str) -> None:
    assert default_prior(path) is None


def test_growth_constant_is_that_of_the_interphase() -> None:
    """The default conductivity is k_p = 1e-19 m2 s-1, inside the range by a factor of 100 and 10."""
    low, high = RANGES["working.layer.top.interphase.ambipolar_conductivity"]
    assert [100.0 * low, high / 10.0] == pytest.approx([1.2e-10, 1.2e-10], rel=0.05)


def test_tied_numbers_need_one_range() -> None:
    sites = (
        "working.interface.kinetics.exchange_current_density",
        "counter.interface.kinetics.exchange_current_density",
    )
    assert default_prior(sites) is not None
    assert default_prior((*sites, "separator.ionic_conductivity")) is None
    assert default_prior((sites[0], "working.lithium_thickness")) is None


def test_every_place_is_a_number_of_a_cell_and_on_the_page_of_priors() -> None:
    site = Interface(
        film_resistance=1e-3, interphase=Interphase(), dead_lithium=DeadLithium(), contact_loss=ContactLoss()
    )
    layer = ProtectionLayer(
        5e-6,
        5e-3,
        separator_film=Film(1e-3),
        top=site,
        pores=Pores(1e7, dead_lithium=DeadLithium()),
        storage=Storage(),
        trap=Trap(),
        salt=BinarySalt(),
    )
    paths = number_paths(Cell(LithiumElectrode(20e-6, site, layer), SULFIDE, FOIL, 298.15))
    page = (ROOT / "docs" / "priors.md").read_text(encoding="utf-8")
    for place in (place for one in DEFAULT_RANGES for place in one.places):
        assert any(path.endswith(place) for path in paths), place
        assert any(place.split(".", cut)[-1] in page for cut in range(3)), place


def test_the_page_of_priors_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "priors.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, "priors.md", "exec"), {})
    said = capsys.readouterr().out
    assert f"# {said}" in code


def test_a_parameter_stays_flat_unless_it_is_given_a_prior() -> None:
    place = "working.layer.ionic_conductivity"
    assert isinstance(Parameter("kappa", place, "S/m", (1e-6, 1.0), initial=5e-3).prior, Uniform)
    told = Parameter("kappa", place, "S/m", (1e-6, 1.0), prior=default_prior(place), initial=5e-3)
    assert told.prior.source == "default: a polymer layer [lit] related polymers, widened; none of PVA-g-PAA"


def refusal(path: str, cell: Cell) -> str | None:
    """Why the default at a path does not hold in a cell."""
    assert path in number_paths(cell)
    (found,) = (one for one in DEFAULT_RANGES if any(path.endswith(place) for place in one.places))
    assert (found.refusal(cell, [path]) is None) == (default_prior(path, cell) is not None)
    return found.refusal(cell, [path])


@pytest.mark.parametrize("path", [FILM, KAPPA, "working.interface.kinetics.exchange_current_density"])
def test_a_sulfide_at_25_degrees_has_them(path: str) -> None:
    assert refusal(path, IN_ROOM) is None


def test_another_material_has_none() -> None:
    salt = BinarySalt(1000.0, 0.4, 1e-10)
    garnet = eqx.tree_at(
        lambda c: c.separator.ionic_conductivity, IN_ROOM, IN_ROOM.separator.ionic_conductivity * 0.0 + 0.02
    )
    for cell, words in (
        (garnet, "conducts 0.2 mS/cm, not 1 to 5"),
        (Cell(FOIL, Separator(30e-6, 0.24, salt=salt), FOIL, 298.15), "has a salt"),
        (Cell(FOIL, Separator(30e-6, 0.24, grain_boundary=GrainBoundary(1e-3, 0.1)), FOIL, 298.15), "grain boundaries"),
    ):
        for path in (FILM, KAPPA):
            assert words in str(refusal(path, cell))
        assert refusal("working.interface.kinetics.exchange_current_density", cell) is None


def test_numbers_at_another_temperature_have_none() -> None:
    warm = Cell(LAYERED, SULFIDE, FOIL, 333.15, reference_temperature=333.15)
    assert refusal("working.layer.ionic_conductivity", warm) == "this cell's numbers hold at 60 degC"
    assert refusal("working.layer.thickness", warm) is None
    site = Interface(film_resistance=1e-3, interphase=Interphase(), dead_lithium=DeadLithium())
    foil = LithiumElectrode(20e-6, site)
    for name in ("film_resistance", "interphase.ionic_conductivity", "dead_lithium.rate"):
        path = f"working.interface.{name}"
        at_60 = refusal(path, Cell(foil, SULFIDE, foil, 333.15, reference_temperature=333.15))
        assert at_60 == "this cell's numbers hold at 60 degC"
        assert refusal(path, Cell(foil, SULFIDE, foil, 333.15)) is None
    assert refusal("working.layer.ionic_conductivity", Cell(LAYERED, SULFIDE, FOIL, 333.15)) is None


def test_only_a_site_at_the_separator_touches_the_sulfide() -> None:
    cell = Cell(LAYERED, SULFIDE, FOIL, 298.15)
    assert "below a layer" in str(refusal(FILM, cell))
    assert refusal("counter.interface.film_resistance", cell) is None
    assert refusal("working.layer.separator_film.resistance", cell) is None


def test_a_number_that_the_cell_lacks_is_named() -> None:
    with pytest.raises(
        ValueError, match=r"asked for at 'working\.layer\.thickness', which does not exist; close names"
    ):
        default_prior("working.layer.thickness", IN_ROOM)
    with pytest.raises(ValueError, match=r"available numbers are .*'separator\.ionic_conductivity'"):
        default_prior([KAPPA, "separator.conductance"], IN_ROOM)


def test_a_foil_has_no_barrier() -> None:
    path = "working.interface.nucleation.overpotential"
    assert "lithium is there" in str(refusal(path, IN_ROOM))
    copper = Collector(Interface(nucleation=Nucleation(0.04)), None, 0.0)
    assert refusal(path, Cell(copper, SULFIDE, FOIL, 298.15)) is None
