"""Impedance files of other programs: real ones, and what is told about them."""

from pathlib import Path

import numpy as np
import pytest

from jaxcell.io import Kind, MeasurementError, read_measurement
from jaxcell.io.impedance_sign import DECIDED, sign_agreement

# File, format, points, first and last impedance, bias current and voltage: read off the text by hand.
FILES = [
    ("gamry/EISGALV_EISTest3.DTA", "gamry-dta", 71, 0.04711733 + 0.1695821j, 0.06649166 - 0.001175554j, 0.496, 1.462),
    ("gamry/exampleDataGamry_EIS.DTA", "gamry-dta", 72, 825.8584 - 1367.239j, 17007.49 - 6635.557j, -2.516e-6, -0.3411),
    ("eis_other/exampleDataZPlot.z", "zplot-z", 21, 147.77 - 11.335j, 613.68 - 137.13j, None, None),
    (
        "eis_other/exampleDataAutolab.txt",
        "zplot-z",
        41,
        0.013785863964281 + 0.007191946305823j,
        0.0345697771923854 - 0.00390292888845954j,
        None,
        None,
    ),
    ("eis_other/exampleDataCHInstruments.txt", "impedance-table", 73, 98.91 - 2.748j, 5685 - 15860j, None, None),
    (
        "eis_other/exampleDataPowersuite.txt",
        "impedance-table",
        30,
        423929.46 - 49014.063j,
        -470.54113 - 1397.7358j,
        None,
        None,
    ),
    (
        "eis_other/exampleDataParstat.txt",
        "impedance-table",
        31,
        -0.00049816280376104 + 0.0175143479976367j,
        0.0270946491457229 - 0.00399791080333837j,
        0.0245747901499271,
        3.50029397010803,
    ),
    (
        "eis_other/exampleData.csv",
        "impedance-table",
        66,
        0.0494998977640506 - 0.0204386985444189j,
        0.01577148 + 0.01015747j,
        None,
        None,
    ),
    ("eis_other/exampleDataBioLogic.mpt", "biologic-mpt", 43, 65.470886 - 0.38998979j, 110.97003 - 2.3458567j, 0, 0),
    ("../ncm_lpscl_press_cell/PEIS_SSB.mpr", "biologic-mpr", 89, None, None, 0, None),
]


@pytest.mark.parametrize("expected", FILES, ids=lambda e: Path(e[0]).name)
def test_files_of_other_programs(data: Path, expected: tuple) -> None:
    name, kind, points, first, last, current, voltage = expected
    m = read_measurement(data / "vendor_formats" / name)
    assert m.provenance.format == kind
    (s,) = m.spectra
    assert len(s) == points
    for z, wanted in ((s.impedance[0], first), (s.impedance[-1], last)):
        if wanted is not None:
            assert z == pytest.approx(wanted, rel=1e-6)
    if current is None:
        assert s.bias_current is None
        assert np.isnan(m.current).all()
    else:
        assert s.bias_current == pytest.approx(current, rel=2e-3, abs=1e-3)
    if voltage is not None:
        assert s.bias_voltage == pytest.approx(voltage, rel=1e-3, abs=1e-3)
    assert any(n.startswith("sign: ") for n in m.notices)
    assert "spectra: 1" in m.summary()
    # Every real spectrum here agrees with the sign under which it was read.
    assert sign_agreement(s.frequency, s.real, s.imaginary) >= DECIDED


def test_rows_of_direct_current_stay_rows(data: Path) -> None:
    m = read_measurement(data / "vendor_formats/eis_other/exampleDataParstat.txt")
    assert [int((m.kind == k).sum()) for k in Kind] == [761, 20, 31]
    assert (m.voltage[0], m.current[0]) == (3.49322700500488, -0.149962306022644)


def test_a_sweep_that_ended_early_is_said(data: Path) -> None:
    m = read_measurement(data / "vendor_formats/eis_other/exampleDataZPlot.z")
    assert any("ANNOUNCES 56 POINTS, the file holds 21" in n for n in m.notices)


@pytest.mark.parametrize("kind", ["peis", "geis"])
def test_loops_of_a_pure_sweep_are_spectra_in_text_and_binary(data: Path, kind: str) -> None:
    text, binary = (read_measurement(data / f"vendor_formats/biologic/{kind}.issue_149.mp{e}") for e in "tr")
    assert [len(s) for s in text.spectra] == [21] * 4
    for s, b in zip(text.spectra, binary.spectra, strict=True):
        np.testing.assert_allclose(s.impedance, b.impedance, rtol=1e-6)


def test_each_electrode_can_be_read(data: Path) -> None:
    path = data / "peo_coated_li/geis_spectra_1_30.csv"
    read = {e: read_measurement(path, electrode=e) for e in ("working", "counter", "full")}
    for w, c, f in zip(*(read[e].spectra for e in read), strict=True):
        # single precision in the file; full is the sum of the parts
        scale = np.abs(w.impedance) + np.abs(c.impedance)
        assert (np.abs(w.impedance + c.impedance - f.impedance) < 1e-6 * scale).all()
        assert w.bias_voltage is not None
        assert c.bias_voltage is not None
        assert f.bias_voltage == pytest.approx(w.bias_voltage - c.bias_voltage, abs=2e-3)  # medians of a drifting sweep
        assert len(f) == 41
    assert any("of the counter electrode, of working, counter, full" in n for n in read["counter"].notices)
    assert any("`<Ewe> - <Ece>`, the working against the counter" in n for n in read["full"].notices)


def test_an_electrode_that_was_not_recorded_is_refused(data: Path) -> None:
    with pytest.raises(MeasurementError, match="no column for the voltage of the counter electrode"):
        read_measurement(data / "li_tegdme_li/geis_0_20h.csv", electrode="counter")
    with pytest.raises(MeasurementError, match="is read for one impedance only"):
        read_measurement(data / "vendor_formats/gamry/EISGALV_EISTest3.DTA", electrode="full")
    with pytest.raises(MeasurementError, match="`electrode` must be 'working', 'counter' or 'full'"):
        read_measurement(data / "li_tegdme_li/geis_0_20h.csv", electrode="left")  # pyright: ignore[reportArgumentType]


def test_pulses_of_a_press_cell(data: Path) -> None:
    """30 208 rows at 1 ms: pulses of 0.1, 1 and 10 s at +-8.4 uA."""
    m = read_measurement(data / "ncm_lpscl_press_cell/CP_SSB.mpr")
    assert len(m) == 30208
    assert m.spectra == ()
    assert np.median(np.diff(m.time)) == pytest.approx(1e-3, rel=1e-3)
    halves = [h for h in m.half_cycles() if h.rows > 50]
    assert {round(abs(h.current) * 1e6, 1) for h in halves} <= {8.3, 8.4, 8.5}
    assert {round(h.end - h.start, 1) for h in halves} >= {0.1, 1.0, 10.0}
