"""`jaxcell spectra`: a table, a verdict for each spectrum, and files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_study import call

from jaxcell.impedance_validity import _responses

F = np.geomspace(1e5, 0.1, 31)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three sweeps: a good one, one with a bad point, and one that is too short to test."""
    s = 2j * np.pi * F
    z = 20 + 80 / (1 + s * 1e-3)
    bad = z.copy()
    bad[10] *= 1.05
    rows = [
        f"{f!r},{v.real!r},{-v.imag!r}"
        for part in (z, bad, z[:4])
        for f, v in zip(F.tolist(), part.tolist(), strict=False)
    ]
    path = tmp_path / "made.csv"
    path.write_text("freq/Hz,Re(Z)/Ohm,-Im(Z)/Ohm\n" + "\n".join(rows) + "\n")
    return path


def test_table_verdicts_and_files(file: Path, tmp_path: Path) -> None:
    _responses.cache_clear()
    called = call("spectra", file, "--out", tmp_path / "out", "--area-cm2", "2")
    assert called.code == 0, called.stderr
    words = " ".join(called.stdout.split())
    assert "made.csv (impedance-table): 3 spectra, 3 shown" in words
    kept = _responses.cache_info()
    assert kept.hits > kept.misses  # two spectra with one row of frequencies
    assert called.stderr.splitlines() == ["testing spectra ...", "drawing spectra ..."]
    assert "1: consistent: all 31 points agree" in words
    assert f"2: inconsistent: 1 of 31 points flagged, {F[10]:.4g} Hz" in words
    assert "3: not tested: it must have at least 7 different frequencies" in words
    assert "no current and voltage recorded." in words
    table = pd.read_csv(tmp_path / "out/spectra.csv")
    assert table["Flagged"].tolist()[:2] == [0, 1]
    assert table["Re at Lowest / ohm cm2"][0] == pytest.approx(200, rel=1e-3)
    points = pd.read_csv(tmp_path / "out/points.csv")
    assert len(points) == 66  # every point of every spectrum, flagged or not
    assert points[points["Flagged"] == 1].index.tolist() == [41]
    assert sorted(p.name for p in (tmp_path / "out/figures").iterdir()) == ["spectrum_1.png", "spectrum_2.png"]
    again = call("spectra", file, "--out", tmp_path / "out", "--number", "2")
    assert again.code == 0, again.stderr
    assert [p.name for p in (tmp_path / "out/figures").iterdir()] == ["spectrum_2.png"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--number", "4"), "made.csv has the spectra 1 to 3, but --number asks for 4."),
        (("--number", "0"), "but --number asks for 0."),
        (("--number", "x"), "--number must be numbers separated by commas, such as 1,4, but is 'x'."),
        (("--area-cm2", "-1"), "--area-cm2 must be a number above 0 [cm2], but is -1."),
        (("--electrode", "full"), "--electrode is 'full', but"),
    ],
)
def test_refusals(file: Path, options: tuple[str, ...], says: str) -> None:
    called = call("spectra", file, *options)
    assert called.code == 1
    assert says in " ".join(called.stderr.split())


def test_a_file_without_spectra(tmp_path: Path) -> None:
    (tmp_path / "made.bdf.csv").write_text("Test Time / s,Voltage / V,Current / A\n0,1,1\n1,1,1\n")
    called = call("spectra", tmp_path / "made.bdf.csv")
    assert (called.code, called.stderr) == (1, "Error: made.bdf.csv holds no impedance spectra.\n")


def test_one_spectrum_and_one_that_needs_an_area(tmp_path: Path) -> None:
    one = tmp_path / "one.csv"
    rows = "".join(f"{f!r},{20.0 + 1.0 / f!r},{1.0 / f!r}\n" for f in F.tolist())
    one.write_text("freq/Hz,Re(Z)/Ohm,-Im(Z)/Ohm\n" + rows)
    called = call("spectra", one)
    assert "one.csv (impedance-table): 1 spectrum, 1 shown" in " ".join(called.stdout.split())
    wrong = call("spectra", one, "--number", "2")
    assert "one.csv has one spectrum, 1, but --number asks for 2." in " ".join(wrong.stderr.split())
    one.write_text("freq/Hz,Re(Z)/Ohm cm2,-Im(Z)/Ohm cm2\n" + rows)
    assert "is area-specific, so --area-cm2 is needed" in " ".join(call("spectra", one).stderr.split())


def test_a_foreign_folder_is_not_replaced(file: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("keep")
    called = call("spectra", file, "--out", tmp_path / "out")
    assert called.code == 1
    assert "holds 'mine.txt'" in called.stderr
    assert (tmp_path / "out/mine.txt").read_text() == "keep"


def test_three_electrodes_under_load(data: Path) -> None:
    called = call("spectra", data / "peo_coated_li/geis_spectra_1_30.csv", "--electrode", "counter", "--number", "1,30")
    assert called.code == 0, called.stderr
    assert "30 spectra, 2 shown" in called.stdout
    assert "impedance is that of the counter electrode" in called.stdout
