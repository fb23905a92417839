"""The symmetric cell with impedance between half-cycles: every number that is known about it."""

from pathlib import Path

import numpy as np
import pytest

from jaxcell.io import Kind, Measurement, read_measurement

AREA = 0.2827e-4  # discs of 6 mm


@pytest.fixture(scope="module", params=["mpt", "mpr"])
def cell(request: pytest.FixtureRequest, data: Path) -> Measurement:
    return read_measurement(data / f"li_llzo_li/li_llzo_li.{request.param}", area=AREA, thickness=150e-6)


def test_impedance_never_counts_as_cycling(cell: Measurement) -> None:
    assert [int((cell.kind == k).sum()) for k in Kind] == [968, 60, 560]
    in_spectra = np.concatenate([s.time for s in cell.spectra])
    assert (cell.time[cell.kind == Kind.IMPEDANCE] == in_spectra).all()


def test_eight_half_cycles_of_one_hour_at_2_8_microampere(cell: Measurement) -> None:
    halves = cell.half_cycles()
    assert len(halves) == 8
    assert [h.cycle for h in halves] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [np.sign(h.current) for h in halves] == [1, -1] * 4
    assert [abs(h.current) for h in halves] == pytest.approx([2.8e-6] * 8, rel=1e-3)
    assert [h.end - h.start for h in halves] == pytest.approx([3600] * 8, abs=0.1)
    assert [abs(h.charge) for h in halves] == pytest.approx([2.8e-6 * 3600] * 8, rel=5e-3)


def test_the_steady_resistance_is_the_known_one(cell: Measurement) -> None:
    steady = [h.voltage_last / h.current for h in cell.half_cycles()]
    assert np.mean(steady) == pytest.approx(1360, rel=0.02)


def test_eight_spectra_with_a_capacitive_arc(cell: Measurement) -> None:
    assert [len(s) for s in cell.spectra] == [70] * 8
    for s in cell.spectra:
        assert s.frequency[0] == pytest.approx(1e6, rel=1e-3)
        assert s.frequency[-1] == pytest.approx(0.1, rel=1e-3)
        assert np.median(s.imaginary) < 0
        assert s.real[-1] == pytest.approx(1140, rel=0.1)
        assert abs(s.bias_current) < 1e-6
    assert [s.cycle for s in cell.spectra] == [0, 0, 0, 1, 1, 2, 2, 3]


def test_time_is_that_of_the_file(cell: Measurement) -> None:
    assert cell.time[0] == pytest.approx(1151.097054670608, abs=1e-9)
    assert (np.diff(cell.time) > 0).all()


def test_header_area_is_reported_and_not_used(cell: Measurement) -> None:
    assert cell.area == AREA
    told = [n for n in cell.notices if "area" in n]
    assert len(told) == 1
    assert "0.5 cm2" in told[0]
    assert "0.2827 cm2" in told[0]
    assert "user's area is used" in told[0]
    assert cell.current_density.max() == pytest.approx(2.8e-6 / AREA, rel=2e-3)


def test_nothing_personal_is_kept(cell: Measurement) -> None:
    everything = repr(cell.provenance) + cell.summary()
    for word in ("lab131", "Rabeb", "Desktop", "192.109", "6mmLi", "/", "\\"):
        assert word not in everything.replace("`ox/red`", "")
    assert cell.provenance.name.startswith("li_llzo_li.mp")
    assert len(cell.provenance.sha256) == 64


def test_summary_tells_what_was_read(cell: Measurement) -> None:
    text = cell.summary()
    for part in ("968 cycling, 60 rest, 560 impedance", "half-cycles: 8", "spectra: 8", "2.8e-06 A", "notices:"):
        assert part in text
    assert len(text.splitlines()) < 40


def test_selection(cell: Measurement) -> None:
    second = cell.select(cycles=1, kind="cycling")
    assert len(second.half_cycles()) == 2
    assert second.spectra == ()
    assert second.time[0] > 9900
    plating = cell.select(steps=[3])
    assert (plating.current > 0).all()
    assert len(cell.select(kind=[Kind.IMPEDANCE]).spectra) == 8
    first = cell.spectra[0]
    inside = cell.select(time=(first.time[0], first.time[-1]))
    assert inside.spectra == (first,)
    cut = cell.select(time=(first.time[0], first.time[-2]))
    assert cut.spectra == ()
    assert any("only a part" in n for n in cut.notices)
    assert not any("only a part" in n for n in cell.notices)


def test_through_a_dataframe_and_back(cell: Measurement) -> None:
    back = Measurement.from_dataframe(cell.to_dataframe(), area=AREA)
    for name in ("time", "current", "voltage", "cycle", "step"):
        assert (getattr(back, name) == getattr(cell, name)).all()
    assert ((back.kind == Kind.IMPEDANCE) == (cell.kind == Kind.IMPEDANCE)).all()
    for one, other in zip(back.spectra, cell.spectra, strict=True):
        assert (one.impedance == other.impedance).all()
