"""Small impedance files made by hand: names, units, signs, and each refusal."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcell.io import Measurement, MeasurementError, Spectrum, read_measurement
from jaxcell.io.impedance_names import read_name
from jaxcell.io.impedance_sign import sign_agreement
from jaxcell.io.impedance_units import find_unit

F = [1000.0, 100.0, 10.0, 1.0]
Z = [10.0 + 90.0 / (1 + 2j * np.pi * f * 0.01) for f in F]
"""10 ohm + 90 ohm || 10 ms."""


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "made.txt", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


def table(header: str, separator: str = ",", minus: bool = False, factor: float = 1.0, comma: bool = False) -> str:
    rows = [(f, factor * z.real, (-factor if minus else factor) * z.imag) for f, z in zip(F, Z, strict=True)]
    body = "\n".join(separator.join(repr(float(x)) for x in row) for row in rows)
    body = body.replace(".", ",") if comma else body
    return f"{header}\n{body}\n" if header else f"{body}\n"


@pytest.mark.parametrize(
    ("header", "options"),
    [
        ("freq/Hz,Re(Z)/Ohm,-Im(Z)/Ohm", {"minus": True}),
        ("freq/Hz\tRe(Z)/Ohm\t-Im(Z)/Ohm", {"minus": True, "separator": "\t"}),
        ("Frequency (Hz),Z' (Ohm),Z'' (Ohm)", {}),
        ("Frequency (Hz),Z' (Ohm),-Z'' (Ohm)", {"minus": True}),
        ("f,Re,Im", {}),
        ("f,Re,Im", {"minus": True}),  # the data decide
        ("Hz;real;imag", {"separator": ";"}),
        ("f_Hz Zre_ohm Zim_ohm", {"separator": " "}),
        ("Frequency [Hz];Zreal [Ω];−Zimag [Ω]", {"minus": True, "separator": ";", "comma": True}),
        ("f/Hz,Z′/kΩ,Z″/kΩ", {"factor": 1e-3}),
        ("f/Hz,Re(Z)/mOhm,Im(Z)/mOhm", {"factor": 1e3}),
        ("f/Hz,Re(Z)/MOhm,Im(Z)/MOhm", {"factor": 1e-6}),
        ("# my cell\n\nFreq/Hz, Z'/ohm, Z\"/ohm\n", {"separator": ", "}),
        ("Frequency / Hz,Real Impedance / ohm,Imaginary Impedance / ohm", {}),
        ("", {}),
        ("", {"minus": True, "separator": "\t"}),
        ("", {"separator": "  "}),
    ],
)
def test_names_units_and_signs(make: Callable[..., Path], header: str, options: dict) -> None:
    m = read_measurement(make(table(header, **options)))
    (s,) = m.spectra
    assert s.frequency.tolist() == F
    np.testing.assert_allclose(s.impedance, Z, rtol=1e-12)
    assert np.isnan(m.voltage).all()
    assert s.bias_voltage is None
    assert sum(n.startswith("sign: ") for n in m.notices) == 1
    assert "no current and voltage recorded." in m.notices
    assert any("no names of columns" in n for n in m.notices) == (header == "")
    assert any("was turned" in n for n in m.notices) == (options.get("minus", False) and header in ("f,Re,Im", ""))
    assert any("decimal commas" in n for n in m.notices) == options.get("comma", False)


def test_modulus_and_phase(make: Callable[..., Path]) -> None:
    rows = [f"{f!r},{abs(z)!r},{float(np.angle(z, deg=True))!r}" for f, z in zip(F, Z, strict=True)]
    (s,) = read_measurement(make("\n".join(["f/Hz,|Z|/Ohm,Phase/deg", *rows]))).spectra
    np.testing.assert_allclose(s.impedance, Z, rtol=1e-12)


def test_area_specific_units_need_an_area(make: Callable[..., Path]) -> None:
    path = make(table("f/Hz,Z' (Ohm cm2),Z'' (Ohm·cm²)", factor=0.5))
    with pytest.raises(MeasurementError, match=r"`Z' \(Ohm cm2\)` is area-specific, so the argument `area` in m2"):
        read_measurement(path)
    (s,) = read_measurement(path, area=0.5e-4).spectra
    np.testing.assert_allclose(s.impedance, Z, rtol=1e-12)


def test_several_sweeps_with_time_current_and_voltage(make: Callable[..., Path]) -> None:
    rows = [
        f"{10 * k + i},0.5,3.{k},{f},{z.real},{z.imag}"
        for k in (0, 1)
        for i, (f, z) in enumerate(zip(F, Z, strict=True))
    ]
    m = read_measurement(make("t/s,I/mA,E/V,f/Hz,Re/ohm,Im/ohm\n" + "\n".join(rows)))
    assert [s.bias_voltage for s in m.spectra] == [3.0, 3.1]
    assert [s.bias_current for s in m.spectra] == [0.5e-3, 0.5e-3]
    assert [s.time[0] for s in m.spectra] == [0.0, 10.0]
    assert "2 sweeps of frequencies found." in m.notices


def test_columns_that_are_not_used_are_named(make: Callable[..., Path]) -> None:
    m = read_measurement(make("f/Hz,Re/ohm,Im/ohm,|Z|/ohm,time,Err\n10,1,-1,1.4,0,0\n1,2,-1,2.2,1,0\n"))
    assert "3 columns not used: |Z|/ohm, time, Err." in m.notices  # a time without a unit is none


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "f/Hz,Re/ohm,Im/ohm\n10,1,-1\n1,x,-1\n",
            r"made\.txt, row 3: column `Re/ohm` is 'x', but a finite number",
        ),
        ("f/Hz,Re/ohm,Im/ohm\n10,1,-1\n1,,-1\n", r"row 3: column `Re/ohm` is empty or NaN, but a finite number in ohm"),
        ("f/Hz,Re/ohm,Im/ohm\n10,1,-1\n1,2\n", "row 3 has 2 cells, but 3 columns were expected: the file is cut there"),
        ("f/Hz,Re/ohm,Im/ohm\n10,1,-1\n1,2,3,4\n", "row 3 has 4 cells, but 3 columns were expected"),
        ("f/Hz,Re/ohm,Im/ohm\n10,1,-1\nend\n", "row 3 has 1 cells"),
        ("f/Hz,Re/ohm,Im/ohm\n10,1,-1\n0,2,-1\n", "row 3: the frequency is 0 Hz, but a positive number"),
        ("f/Hz,Re/ohm,Im/ohm\n10,1,-1\n-1,2,-1\n", "row 3: the frequency is -1 Hz, but a positive number"),
        ("f/Hz,Re/ohm,Im/ohm\n10,1,-1\n", "has 1 row, but a measurement needs at least 2"),
        ("f/Hz,Re/ohm,Im/ohm\n", "a header but no rows"),
        ("f/Hz,Re/V,Im/ohm\n10,1,-1\n1,2,-1\n", "column `Re/V` has the unit 'V', but ohm, mOhm, kOhm"),
        ("f/rpm,Re/ohm,Im/ohm\n10,1,-1\n1,2,-1\n", "column `f/rpm` has the unit 'rpm', but Hz, mHz, kHz or MHz"),
        ("f/Hz,Re/MOHM,Im/MOHM\n10,1,-1\n1,2,-1\n", "`Re/MOHM` has the unit 'MOHM'"),
        ("f/Hz,Re/ohm,Z'/ohm,Im/ohm\n10,1,1,-1\n1,2,2,-1\n", "two columns for the real .*`Re/ohm` and `Z'/ohm`"),
        ("f/Hz,-Re/ohm,Im/ohm\n10,1,-1\n1,2,-1\n", r"`-Re/ohm` is -Re\(Z\), but Re\(Z\) was expected"),
        ("t/s,f/Hz,Re/ohm,Im/ohm\n1,10,1,-1\n0,1,2,-1\n", "time runs backwards"),
        ("1,2,3\n0,2,3\n", "names no known columns"),
        ("1,2\n3,4\n", "names no known columns"),
    ],
)
def test_refusals(make: Callable[..., Path], text: str, says: str) -> None:
    with pytest.raises(MeasurementError, match=says):
        read_measurement(make(text))


def test_format_can_be_forced(make: Callable[..., Path]) -> None:
    with pytest.raises(MeasurementError, match="no row that names a frequency and an impedance"):
        read_measurement(make("a,b\n1,2\n"), format="impedance-table")
    for kind, says in (("gamry-dta", "but a Gamry file was expected"), ("zplot-z", "but a ZPlot file was expected")):
        with pytest.raises(MeasurementError, match=says):
            read_measurement(make("a,b\n1,2\n"), format=kind)


def gamry(*curves: list[str], units: str = "#\ts\tHz\tohm\tohm\tA\tV", count: str = "") -> str:
    head = "EXPLAIN\nTAG\tEISPOT\nAREA\tQUANT\t2.5\t&Area (cm^2)\nOCVCURVE\tTABLE\t1\n\tPt\tT\n\t#\ts\n\t0\t0\n"
    names = "\tPt\tTime\tFreq\tZreal\tZimag\tIdc\tVdc\n"
    return head + "".join(f"ZCURVE\tTABLE{count}\n{names}\t{units}\n" + "".join(f"\t{r}\n" for r in c) for c in curves)


ROWS = [f"{i}\t{i + 1}\t{f}\t{z.real!r}\t{z.imag!r}\t1e-3\t3.5" for i, (f, z) in enumerate(zip(F, Z, strict=True))]


def test_gamry(make: Callable[..., Path]) -> None:
    m = read_measurement(make(gamry(ROWS, ROWS), "made.DTA", "latin-1"))
    assert m.provenance.technique == "EISPOT"
    assert [s.step for s in m.spectra] == [0, 1]
    for s in m.spectra:
        np.testing.assert_allclose(s.impedance, Z, rtol=1e-12)
        assert (s.bias_current, s.bias_voltage) == (1e-3, 3.5)
    assert any("times start again in each table" in n for n in m.notices)
    assert any("electrode area 2.5 cm2" in n for n in m.notices)
    commas = read_measurement(make(gamry([r.replace(".", ",") for r in ROWS]), "made.DTA"))
    np.testing.assert_allclose(commas.spectra[0].impedance, Z, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (gamry(), "no table ZCURVE, but impedance was expected; its tables are OCVCURVE"),
        (gamry(ROWS, count="\t5"), "its table ZCURVE holds 4 rows, but announces 5"),
        (gamry(ROWS, units="#\ts\tHz\tV\tohm\tA\tV"), "column `Zreal` has the unit 'V', but ohm"),
        (gamry([*ROWS, "5\t6\t1\tx\t1\t1\t1"]), "row 15: column `Zreal` is 'x', but a finite number in ohm"),
        (gamry([*ROWS, "5\t6\t1"]), "row 15 has 3 cells, but 7 columns were expected: the file is cut there"),
        (gamry(ROWS).replace("Zimag", "Other"), "no column for `Zimag`"),
        (gamry([]).replace("\tPt\tTime", "Pt\tTime"), "has no rows of names and units"),
    ],
)
def test_gamry_refusals(make: Callable[..., Path], text: str, says: str) -> None:
    with pytest.raises(MeasurementError, match=says):
        read_measurement(make(text, "made.DTA"))


def zplot(rows: list[str], points: int = 4) -> str:
    head = f"ZPLOT2 ASCII\n    Surface Area:             2\n  Data Points:                {points}\n"
    names = "  Freq(Hz)\tAmpl\tBias\tTime(Sec)\tZ'(a)\tZ''(b)\tGD\tErr\tRange\nEnd Comments\n"
    return head + names + "\n".join(rows) + "\n"


POINTS = [f"{f}\t1e-2\t0\t{i}\t{z.real!r}\t{z.imag!r}\t0\t0\t3" for i, (f, z) in enumerate(zip(F, Z, strict=True))]


def test_zplot(make: Callable[..., Path]) -> None:
    m = read_measurement(make(zplot(POINTS), "made.z"))
    np.testing.assert_allclose(m.spectra[0].impedance, Z, rtol=1e-12)
    assert m.spectra[0].time.tolist() == [0, 1, 2, 3]
    assert any("electrode area 2 cm2" in n for n in m.notices)
    flagged = read_measurement(make(zplot([*POINTS[:3], POINTS[3].replace("\t0\t3", "\t7\t3")], points=9), "made.z"))
    assert any("flagged 1 rows, the first is row 9" in n for n in flagged.notices)
    assert any("ANNOUNCES 9 POINTS, the file holds 4" in n for n in flagged.notices)
    turned = read_measurement(make(zplot([p.replace("\t-", "\t") for p in POINTS]), "made.z"))
    assert any("BUT the slope of the modulus says otherwise" in n for n in turned.notices)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ZPLOT2 ASCII\n1 2 3\n", "no row that names"),
        (zplot([*POINTS, "1\t2"]), "row 10 has 2 cells, but 9 columns were expected"),
        (zplot([*POINTS, "1\t1\t0\t9\tx\t0\t0\t0\t3"]), "row 10: column `Z'` is 'x', but a finite number in ohm"),
        (zplot([]), "a header but no rows"),
    ],
)
def test_zplot_refusals(make: Callable[..., Path], text: str, says: str) -> None:
    with pytest.raises(MeasurementError, match=says):
        read_measurement(make(text, "made.z"))


def test_eclab_text_of_impedance_alone(make_mpt: Callable[..., Path]) -> None:
    path = make_mpt("freq/Hz|Re(Z)/Ohm|-Im(Z)/Ohm", "1,0E+3|10,5|0,5", "1,0E+2|20|-0,25")
    m = read_measurement(path)
    assert m.spectra[0].impedance.tolist() == [10.5 - 0.5j, 20 + 0.25j]
    assert {"no time was recorded: rows count as 1 s apart.", "no voltage recorded.", "no current recorded."} <= set(
        m.notices
    )
    assert "voltage: not recorded" in m.summary()


def test_battery_data_format_by_modulus_and_phase(make_csv: Callable[..., Path]) -> None:
    head = "Test Time / s,Voltage / V,Current / A,Frequency / Hz,Absolute Impedance / ohm,Phase / deg"
    (s,) = read_measurement(make_csv(head, "0,3,0,10,2,-60", "1,3,0,1,4,0")).spectra
    np.testing.assert_allclose(s.impedance, [2 * np.exp(-1j * np.pi / 3), 4], rtol=1e-12)


def test_what_is_not_recorded_must_be_impedance_throughout() -> None:
    fields = {"time": [0, 1], "current": [np.nan] * 2, "voltage": [1.0, 1.0], "cycle": [0, 0], "step": [0, 0]}
    m = Measurement(**fields, kind=[2, 2])  # pyright: ignore[reportArgumentType]
    assert "current: not recorded" in m.summary()
    with pytest.raises(MeasurementError, match="`current` must hold finite numbers in A"):
        Measurement(**fields, kind=[2, 0])  # pyright: ignore[reportArgumentType]
    with pytest.raises(MeasurementError, match="`current` must hold finite numbers in A"):
        Measurement(**(fields | {"current": [np.nan, 1.0]}), kind=[2, 2])  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("-Im(Z)/Ohm", ("imaginary", "Ohm", True)),
        ("Re(Z)", ("real", None, False)),
        ("Zimag (ohms)", ("imaginary", "ohms", False)),
        ("neg. Zim", ("imaginary", None, True)),
        ("Z''(b)", ("imaginary", None, False)),
        ("minus Im Z [kOhm]", ("imaginary", "kOhm", True)),
        ("Elapsed Time (s)", ("time", "s", False)),
        ("I Range", None),
        ("Freq", ("frequency", None, False)),
    ],
)
def test_names_of_columns(name: str, expected: tuple | None) -> None:
    named = read_name(name)
    assert (named and (named.quantity, named.unit, named.minus)) == expected


def test_prefixes_of_ohm() -> None:
    for written, factor in {"mOhm": 1e-3, "MΩ": 1e6, "kohm": 1e3, "OHM": 1.0, "µOhm": 1e-6}.items():
        unit = find_unit("real", written)
        assert unit is not None
        assert unit.factor == pytest.approx(factor, rel=1e-15)
    assert find_unit("real", "ohm/cm2") is None
    area = find_unit("real", "mOhm cm²")
    assert area is not None
    assert area.per_area
    assert area.factor == pytest.approx(1e-7)


@given(
    resistance=st.floats(-0.9, 10.0).filter(lambda r: abs(r) > 0.2),
    tau=st.floats(-3.0, 0.0),
    series=st.floats(0.0, 1e-5),
)
def test_the_slope_of_the_modulus_knows_the_sign(resistance: float, tau: float, series: float) -> None:
    """Capacitive arcs, inductive loops (a negative R of an RC element) and a series inductance."""
    f = np.geomspace(1e-2, 1e4, 61)
    omega = 2j * np.pi * f
    z = 1.0 + resistance / (1 + omega * 10**tau) + series * omega
    assert sign_agreement(f, z.real, z.imag) > 0.9
    assert sign_agreement(f, z.real, -z.imag) < -0.9


@pytest.mark.parametrize(
    ("text", "name"),
    [(gamry(ROWS), "made.DTA"), (zplot(POINTS), "made.z"), (table("freq/Hz,Z' (Ohm),-Z'' (Ohm)"), "made.csv")],
    ids=["gamry", "zplot", "csv"],
)
def test_a_file_cut_anywhere_is_read_or_refused_in_one_sentence(
    make: Callable[..., Path], text: str, name: str
) -> None:
    refused: list[str] = []
    for length in range(1, len(text), 7):
        try:
            m = read_measurement(make(text[:length], name))
        except MeasurementError as error:
            refused.append(str(error))
        else:
            assert 2 <= len(m.spectra[0]) <= len(F)
    assert refused
    assert not any("\n" in message for message in refused)


def test_a_spectrum_from_arrays() -> None:
    s = Spectrum.of(F, Z)
    assert s.impedance.tolist() == Z
    assert s.bias_current is None
