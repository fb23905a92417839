"""EC-Lab text and binary files."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jaxcell.io import Kind, MeasurementError, read_measurement
from jaxcell.io.eclab_columns import split_name

TWINS = [
    "li_llzo_li/li_llzo_li",
    "vendor_formats/biologic/cp.issue_149",
    "vendor_formats/biologic/gcpl.issue_149",
    "vendor_formats/biologic/geis.issue_149",
    "vendor_formats/biologic/peis.issue_149",
    "vendor_formats/biologic/mb.issue_95",
    "vendor_formats/biologic/ocv",
]


@pytest.mark.parametrize("name", TWINS)
def test_binary_and_text_are_the_same_measurement(data: Path, name: str) -> None:
    text, binary = read_measurement(data / f"{name}.mpt"), read_measurement(data / f"{name}.mpr")
    # the text holds float32 with 8 digits; in GCPL the binary has only the charge dq, of which the
    # current is the derivative, as in the text
    for field in ("time", "current", "voltage"):
        one, other = getattr(text, field), getattr(binary, field)
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7 * np.abs(one).max(), err_msg=field)
    for field in ("cycle", "step", "kind"):
        assert (getattr(text, field) == getattr(binary, field)).all(), field
    assert len(text.spectra) == len(binary.spectra)
    for one, other in zip(text.spectra, binary.spectra, strict=True):
        # the binary of Modulo Bat has |Z| and the phase as float32, so errors scale with |Z|
        assert (np.abs(one.impedance - other.impedance) < 1e-6 * np.abs(one.impedance)).all()
    areas = [[n for n in m.notices if "electrode area" in n] for m in (text, binary)]
    assert areas[0] == areas[1]
    assert len(areas[0]) == 1


@pytest.mark.parametrize(
    ("name", "kinds", "spectra", "currents"),
    [
        ("biologic/cp.issue_149.mpt", [44, 0, 0], 0, [2e-5]),
        ("biologic/gcpl.issue_149.mpt", [88, 44, 0], 0, [3e-5, -3e-5] * 4),
        ("biologic/geis.issue_149.mpt", [0, 0, 84], 4, []),
        ("biologic/peis.issue_149.mpt", [0, 0, 84], 4, []),
        ("biologic/mb.issue_95.de.mpt", [22, 11, 0], 0, [0.1, -0.065]),
        ("biologic/mb.issue_223.mpt", [0, 32, 76], 4, []),
        ("biologic/lsv.issue_195.mpt", [997, 2, 0], 0, [9.9e-5]),
        ("biologic/ocv.mpt", [0, 602, 0], 0, []),
        ("biologic/ici_reference_a.txt", [1245, 1887, 0], 0, [-9.82e-4]),
        ("eis_other/exampleDataBioLogic.mpt", [0, 0, 43], 1, []),
    ],
)
def test_every_text_file(data: Path, name: str, kinds: list[int], spectra: int, currents: list[float]) -> None:
    m = read_measurement(data / "vendor_formats" / name)
    assert [int((m.kind == k).sum()) for k in Kind] == kinds
    assert len(m.spectra) == spectra
    assert [h.current for h in m.half_cycles()] == pytest.approx(currents, rel=2e-3)


def test_decimal_commas_read_to_the_same_numbers(data: Path) -> None:
    folder = data / "vendor_formats/biologic"
    english, german = (read_measurement(folder / f"mb.issue_95{e}.mpt") for e in ("", ".de"))
    for field in ("time", "current", "voltage"):
        assert (getattr(english, field) == getattr(german, field)).all()
    assert any("decimal commas" in n for n in german.notices)
    assert not any("decimal commas" in n for n in english.notices)


def test_pulses_of_the_press_cell(data: Path) -> None:
    m = read_measurement(data / "ncm_lpscl_press_cell/CP_SSB.mpr")
    assert len(m) == 30208
    assert [h.end - h.start for h in m.half_cycles()] == pytest.approx([0.1, 0.1, 1, 1, 10, 10], rel=5e-3)
    assert [h.current for h in m.half_cycles()] == pytest.approx([8.4e-6, -8.4e-6] * 3, rel=5e-3)
    # at rest the channel shows an offset of 20 nA: the set current 0 makes it a rest all the same
    assert 1e-8 < np.abs(np.median(m.current[m.kind == Kind.REST])) < 1e-7
    assert not any("disagrees" in n for n in m.notices)


def test_bare_tables_of_eclab_columns(data: Path) -> None:
    plating = read_measurement(data / "li_tegdme_li/plating_0_20h.csv")
    assert len(plating) == 50483
    assert (plating.current == 0.4e-3).all()
    assert (plating.kind == Kind.CYCLING).all()
    assert any("set current" in n for n in plating.notices)
    spectra = read_measurement(data / "li_tegdme_li/geis_0_20h.csv").spectra
    assert [len(s) for s in spectra] == [9] * 20


def test_spectra_under_load_keep_their_bias(data: Path) -> None:
    m = read_measurement(data / "peo_coated_li/geis_spectra_1_30.csv")
    assert [len(s) for s in m.spectra] == [41] * 30
    assert [s.bias_current for s in m.spectra] == pytest.approx([0.380e-3] * 30, rel=2e-3)
    assert int((m.kind == Kind.CYCLING).sum()) == 29  # the stretch of direct current before the first sweep
    assert any("three electrodes" in n for n in m.notices)


@pytest.mark.parametrize(("name", "column"), [("mb.issue_223", "112"), ("lsv.issue_195", "185")])
def test_undecodable_binary_is_one_sentence(data: Path, name: str, column: str) -> None:
    with pytest.raises(MeasurementError, match=rf"{name}\.mpr holds column number {column}.*\(\.mpt\)\.$"):
        read_measurement(data / f"vendor_formats/biologic/{name}.mpr")


def test_cut_binary(data: Path, tmp_path: Path) -> None:
    whole = (data / "li_llzo_li/li_llzo_li.mpr").read_bytes()
    for size in (30, 5000, 100_000):
        path = tmp_path / "cut.mpr"
        path.write_bytes(whole[:size])
        with pytest.raises(MeasurementError, match=r"cut\.mpr is cut, damaged or of an unknown version"):
            read_measurement(path)


def test_without_galvani(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "galvani", None)
    with pytest.raises(MeasurementError, match=r'pip install "jaxcell\[biologic\]"'):
        read_measurement(data / "li_llzo_li/li_llzo_li.mpr")


def test_cut_text(data: Path, tmp_path: Path) -> None:
    whole = (data / "li_llzo_li/li_llzo_li.mpt").read_bytes()
    path = tmp_path / "cut.mpt"
    path.write_bytes(whole[:900_000])
    with pytest.raises(MeasurementError, match=r"row 1066 has 55 cells, but 62 .* cut there"):
        read_measurement(path)
    path.write_bytes(whole[:2000])
    with pytest.raises(MeasurementError, match="announces 91 header lines, but the file ends at row 40"):
        read_measurement(path)


def test_loops_announce_the_number_of_rows(data: Path, tmp_path: Path) -> None:
    lines = (data / "vendor_formats/biologic/cp.issue_149.mpt").read_bytes().split(b"\n")
    path = tmp_path / "cp.mpt"
    path.write_bytes(b"\n".join(lines[:-5]))
    with pytest.raises(MeasurementError, match="holds 39 rows of data, but its header announces 44"):
        read_measurement(path)
    notices = read_measurement(data / "vendor_formats/biologic/cp.issue_149.mpt").notices
    assert any("ran 4 times" in n and "3 gaps of up to 191.4 s" in n for n in notices)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("Ewe/V", ("Ewe", "V")),
        ("<Ewe/V>", ("<Ewe>", "V")),
        ("<I>/mA", ("<I>", "mA")),
        ("control/V/mA", ("control", "V/mA")),
        ("ox/red", ("ox/red", "")),
        ("half cycle", ("half cycle", "")),
        ("-Im(Z)/Ohm", ("-Im(Z)", "Ohm")),
    ],
)
def test_names_and_units(column: str, expected: tuple[str, str]) -> None:
    assert split_name(column) == expected


@pytest.mark.parametrize(("unit", "factor"), [("A", 1.0), ("mA", 1e-3), ("µA", 1e-6), ("nA", 1e-9)])
def test_units_of_current(make_mpt: Callable[..., Path], unit: str, factor: float) -> None:
    m = read_measurement(make_mpt(f"time/s|Ewe/mV|I/{unit}", "0|1500|2", "1|1600|-2"))
    assert m.current == pytest.approx([2 * factor, -2 * factor])
    assert m.voltage == pytest.approx([1.5, 1.6])


def test_measured_current_goes_before_the_set_one(make_mpt: Callable[..., Path]) -> None:
    # in rest, control/V/mA holds a residue of the step to come; in potential control it is in V
    path = make_mpt(
        "mode|time/s|control/V/mA|Ewe/V|I/mA", "3|0|2.8|1|0", "1|1|2.8|1|2.7", "2|2|1.0|1|0.0001", "2|3|1|1|0"
    )
    m = read_measurement(path)
    assert m.current == pytest.approx([0, 2.7e-3, 1e-7, 0])
    assert m.kind.tolist() == [Kind.REST, Kind.CYCLING, Kind.CYCLING, Kind.CYCLING]


def test_current_at_the_record_goes_before_the_mean(make_mpt: Callable[..., Path]) -> None:
    m = read_measurement(make_mpt("time/s|Ewe/V|<I>/mA|I/mA", "0|1|5|1", "1|1|5|2"))
    assert m.current == pytest.approx([1e-3, 2e-3])


def test_set_current_alone_serves_only_where_current_was_controlled(make_mpt: Callable[..., Path]) -> None:
    m = read_measurement(make_mpt("mode|time/s|control/V/mA|Ewe/V", "3|0|2.8|1", "1|1|2.8|1"))
    assert m.current == pytest.approx([0, 2.8e-3])
    with pytest.raises(MeasurementError, match="no column for current"):
        read_measurement(make_mpt("mode|time/s|control/V/mA|Ewe/V", "2|0|2.8|1", "1|1|2.8|1"))


def test_sign_is_compared_with_the_oxidation_flag(make_mpt: Callable[..., Path]) -> None:
    names = "mode|ox/red|time/s|control/mA|Ewe/V|I/mA"
    good = read_measurement(make_mpt(names, "1|1|0|1|1|1", "1|0|1|-1|1|-1"))
    assert any("`ox/red` agrees" in n for n in good.notices)
    bad = read_measurement(make_mpt(names, "1|0|0|1|1|1", "1|1|1|-1|1|-1"))
    assert any("disagrees in 2 of 2 rows" in n for n in bad.notices)
    turned = read_measurement(make_mpt(names, "1|1|0|1|1|1", "1|0|1|-1|1|-1"), positive_current="discharge")
    assert (turned.current == -good.current).all()


def test_sweeps_are_cut_where_frequency_turns(make_mpt: Callable[..., Path]) -> None:
    rows = [f"{i}|1|0|{f}|5|1" for i, f in enumerate([100, 10, 1, 100, 10, 1, 10, 100])]
    m = read_measurement(make_mpt("time/s|Ewe/V|I/mA|freq/Hz|Re(Z)/Ohm|-Im(Z)/Ohm", *rows))
    assert [s.frequency.tolist() for s in m.spectra] == [[100, 10, 1], [100, 10, 1], [10, 100]]
    assert (m.spectra[0].imaginary == -1).all()


def test_hold_before_a_sweep_is_impedance(make_mpt: Callable[..., Path]) -> None:
    names = "mode|Ns|time/s|Ewe/V|I/mA|freq/Hz|Re(Z)/Ohm|-Im(Z)/Ohm"
    m = read_measurement(make_mpt(names, "2|0|0|1|3|0|0|0", "2|0|1|1|3|10|5|1", "2|1|2|1|3|0|0|0", "1|2|3|1|3|0|0|0"))
    assert m.kind.tolist() == [Kind.IMPEDANCE, Kind.IMPEDANCE, Kind.CYCLING, Kind.CYCLING]


@pytest.mark.parametrize(
    ("area", "told"), [(None, "not used"), (0.5e-4, None), (0.504e-4, None), (0.51e-4, "0.51 cm2"), (0.5, "m2, not")]
)
def test_area_notice(make_mpt: Callable[..., Path], area: float | None, told: str | None) -> None:
    header = ("Electrode surface area : 0,500 cm²",)
    m = read_measurement(make_mpt("time/s|Ewe/V|I/mA", "0|1|1", "1|1|1", header=header), area=area)
    notices = [n for n in m.notices if "area" in n]
    assert m.area == area
    assert len(notices) == (told is not None)
    if told:
        assert told in notices[0]
        assert "0.5 cm2" in notices[0]
