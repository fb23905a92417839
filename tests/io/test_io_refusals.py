"""Every file that is refused is refused by one sentence."""

import ast
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import jaxcell.io
from jaxcell.io import MeasurementError, read_measurement

FOREIGN = {
    "arbin/arbin_example.res": "an Arbin database",
    "arbin/bs542_004_gr_li_50ua_50mv_1v_191020_Channel_11.xlsx": "an Excel workbook",
    "arbin/tiny_arbin.csv": "an Arbin export",
    "bdf/legacy.bdf.parquet": "a Parquet file",
    "digatron/tiny_digatron.csv": "a Digatron export",
    "eis_other/exampleDataVersaStudio.par": "a VersaStudio file",
    "landt/tiny_landt.csv": "a Landt export",
    "maccor/maccor_three.txt": "a Maccor export",
    "maccor/maccor_two.txt": "a Maccor export",
    "maccor/sample_data_maccor.csv": "a Maccor export",
    "neware/TestFile.nda": "a Neware binary file",
    "neware/nda_v22.nda.zip": "a zip archive with a Neware binary file",
    "neware/navani_test.ndax": "a Neware binary file",
    "neware/nw_regular_export_ife_example.csv": "a Neware export",
    "neware/tiny_neware.csv": "a Neware export",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_programs(data: Path, name: str) -> None:
    path = data / "vendor_formats" / name
    with pytest.raises(MeasurementError) as caught:
        read_measurement(path)
    message = str(caught.value)
    assert message.startswith(f"{path} looks like {FOREIGN[name]}")
    assert "supported are BioLogic" in message
    assert "\n" not in message
    assert message.endswith(".")


def test_unknown_text(data: Path) -> None:
    with pytest.raises(MeasurementError, match=r"names no known columns \(solv_comb_sm, .* and 20 more\)"):
        read_measurement(data / "anode_free_cu_lfp/capacity_per_cycle.csv")
    with pytest.raises(MeasurementError, match="Landt export"):
        read_measurement(next(p for p in (data / "li_graphite_landt").iterdir() if ".bdf" not in p.name))


def test_half_an_impedance(tmp_path: Path) -> None:
    (tmp_path / "half.csv").write_text("freq/Hz,Re(Z)/Ohm\n1,2\n2,3\n")
    with pytest.raises(
        MeasurementError, match=r"names a frequency, but not both .* columns are freq/Hz, Re\(Z\)/Ohm\."
    ):
        read_measurement(tmp_path / "half.csv")


def test_paths(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match=r"nothing\.mpt does not exist"):
        read_measurement(tmp_path / "nothing.mpt")
    with pytest.raises(MeasurementError, match="is a folder"):
        read_measurement(tmp_path)
    for path in (None, 3, "", b"x"):
        with pytest.raises(MeasurementError, match="`path` must be the path of a file"):
            read_measurement(path)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (bytes(range(256)) * 20, "looks like unknown binary data"),
        (bytes(range(1, 256)) * 20, "looks like unknown binary data"),
        (b"\x89PNG\r\n\x1a\n\0\0", "looks like a picture"),
        (b"PK\x03\x04garbage", "a damaged zip archive"),
        (b"\x1f\x8bgarbage", r"a damaged or cut \.gz file"),
        (b"hello, world\n", r"names no known columns \(hello, world\)"),
        (b"EC-Lab ASCII FILE\nfoo\n", "row 2 must say"),
        (b"EC-Lab ASCII FILE\nNb header lines : 900\n\n", "announces 900 header lines"),
        (b"EC-Lab ASCII FILE\nNb header lines : 3\ntime/s\tEwe/V\tI/mA\n", "a header but no rows"),
    ],
)
def test_contents(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "some.file"
    path.write_bytes(content)
    with pytest.raises(MeasurementError, match=says) as caught:
        read_measurement(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "rows", "says"),
    [
        ("time/s|Ewe/V|I/mA", ["0|1|1"], "has 1 row, but a measurement needs at least 2"),
        ("time/s|Ewe/V|I/mA", ["0|1|1", "1|nan|1"], "row 5: column `Ewe/V` is empty or NaN, .* in V"),
        ("time/s|Ewe/V|I/mA", ["0|1|1", "1|1|x"], "row 5: column `I/mA` is 'x', .* in mA was expected"),
        ("time/s|Ewe/V|I/mA", ["0|1|1", "1|1|inf"], "row 5: column `I/mA` is 'inf'"),
        ("time/s|Ewe/V|I/mA", ["1/1/2024|1|1", "1|1|1"], "row 4: column `time/s` is '1/1/2024'"),
        ("time/s|Ewe/V|I/mA", ["0|1|1", "2|1|1", "1|1|1"], "row 6: time runs backwards, from 2.0 s in row 5 to 1.0"),
        ("time/s|Ewe/V|I/mA", ["0|1|1", "1|1|1", "1|2|1"], "row 6: the time 1.0 s is that of row 5 with other"),
        ("time/s|Ewe/V|I/mA", ["0|1|1", "", "1|1|1"], "row 5 has 0 cells, but 3"),
        ("time/s|Ewe/V|I/mA", ["0|1|1", "1|1|1|9"], "row 5 has 4 cells, but 3"),
        ("time/s|Ewe/V|I/mA", ["0|1|1", "1|1"], "row 5 has 2 cells, but 3 .* cut there"),
        ("time/s|I/mA", ["0|1", "1|1"], "no column for voltage, .*; its columns are time/s, I/mA"),
        ("time/s|Ewe/V", ["0|1", "1|1"], "no column for current"),
        ("Ewe/V|I/mA", ["0|1", "1|1"], "no column for time"),
        ("time/s|Ewe/kV|I/mA", ["0|1|1", "1|1|1"], "`Ewe/kV` has the unit 'kV', but one of V, mV"),
        ("time/s|Ewe/V|I/mA|I/mA", ["0|1|1|1", "1|1|1|1"], "more than one column `I/mA`"),
        ("Ns|time/s|Ewe/V|I/mA", ["0.5|0|1|1", "1|1|1|1"], "row 4: column `Ns` is 0.5, but a whole number"),
        ("time/s|Ewe/V|I/mA|freq/Hz", ["0|1|1|1", "1|1|1|1"], "no column for impedance"),
    ],
)
def test_rows_and_columns(make_mpt: Callable[..., Path], columns: str, rows: list[str], says: str) -> None:
    path = make_mpt(columns, *rows)
    with pytest.raises(MeasurementError, match=says) as caught:
        read_measurement(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_exact_repeats_are_dropped_with_a_notice(make_mpt: Callable[..., Path]) -> None:
    m = read_measurement(make_mpt("time/s|Ewe/V|I/mA", "0|1|1", "1|1|1", "1|1|1", "2|1|1"))
    assert m.time.tolist() == [0, 1, 2]
    assert any("dropped 1 row" in n and "first is row 6" in n for n in m.notices)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"area": 0}, "`area` must be a positive number in m2 or None, but is 0"),
        ({"area": -1e-4}, "`area`.* but is -0.0001"),
        ({"area": float("nan")}, "`area`.* but is nan"),
        ({"area": "0.5 cm2"}, "`area`.* but is '0.5 cm2'"),
        ({"area": True}, "`area`.* but is True"),
        ({"thickness": -1e-6}, "`thickness` must be a positive number in m or None"),
        ({"thickness": float("inf")}, "`thickness`.* but is inf"),
        ({"rest_below": 0}, "`rest_below` must be a positive number in A"),
        ({"positive_current": "up"}, "`positive_current` must be 'charge' or 'discharge', but is 'up'"),
        ({"format": "mpt"}, "`format` must be auto, biologic-mpt, .* but is 'mpt'"),
    ],
)
def test_arguments_are_checked_before_the_file_is_opened(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(MeasurementError, match=says):
        read_measurement("no such file", **arguments)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("format", "says"),
    [("biologic-mpr", "does not begin like"), ("biologic-mpt", "row 1 is not"), ("eclab-table", "column for time")],
)
def test_a_format_that_is_forced_and_wrong(make_csv: Callable[..., Path], format: str, says: str) -> None:
    path = make_csv("Test Time / s,Voltage / V,Current / A", "0,1,1", "1,1,1")
    with pytest.raises(MeasurementError, match=says):
        read_measurement(path, format=format)


def test_zip_with_one_csv_is_opened_and_others_are_not(tmp_path: Path) -> None:
    text = "Test Time / s,Voltage / V,Current / A\n0,1,1\n1,1,1\n"
    for members, readable in ((["a.csv"], True), (["a.csv", "b.csv"], False), ([], False)):
        path = tmp_path / f"{len(members)}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for member in members:
                archive.writestr(member, text)
        if readable:
            assert len(read_measurement(path)) == 2
        else:
            with pytest.raises(MeasurementError, match="looks like"):
                read_measurement(path)


def test_the_suffix_does_not_decide(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "misnamed.csv"
    path.write_bytes((data / "vendor_formats/biologic/ocv.mpt").read_bytes())
    assert read_measurement(path).provenance.format == "biologic-mpt"


def test_the_package_does_not_import_jax() -> None:
    folder = Path(jaxcell.io.__file__).parent
    allowed = {"numpy", "pandas", "galvani", "jaxcell"}
    standard = {
        "__future__",
        "collections",
        "copy",
        "dataclasses",
        "difflib",
        "enum",
        "gzip",
        "hashlib",
        "io",
        "itertools",
        "math",
        "os",
    }
    standard |= {"pathlib", "re", "struct", "typing", "warnings", "zipfile", "zlib"}
    # From measurements to problems, from results to files, and from parameter sets to cells: not imported by io.
    bridges = {"dataset.py", "results.py", "bpx.py", "pybamm.py", "parameter_laws.py"}
    for file in set(folder.glob("*.py")) - {folder / name for name in bridges}:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] in allowed | standard, (file.name, name)
                assert not name.startswith("jaxcell") or name.startswith("jaxcell.io"), (file.name, name)
