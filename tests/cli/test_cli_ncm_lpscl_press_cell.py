"""A published press cell: its spectrum and its pulses are of two cells, and what each tells."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from jaxcell import kramers_kronig
from jaxcell.io import Measurement, Spectrum
from jaxcell.io.dataset import FittedRows

FIT = Path(__file__).parents[2] / "fit"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    sys.path.insert(0, str(FIT))
    try:
        import ncm_lpscl_press_cell  # pyright: ignore[reportMissingImports]
    finally:
        sys.path.remove(str(FIT))
    return ncm_lpscl_press_cell


@pytest.fixture(scope="module")
def records(data: Path, script: ModuleType) -> tuple[Spectrum, Measurement]:
    return script.records(data / "ncm_lpscl_press_cell")


def thinned(pulses: Measurement, script: ModuleType) -> FittedRows:
    return script.fitted_rows(pulses, script.Selection(skip_after_step=5e-4, rests=True, per_decade=8), script.NOISE)


def test_the_files_say_two_cells(data: Path) -> None:
    told = (data / "ncm_lpscl_press_cell" / "sample_info.txt").read_text()
    assert "240506_PC05_NCM-LPSCl_baseline" in told.split("CP_SSB:")[1].split("\n\n")[0]
    assert "250210_NCM-LPSCl_7030" in told.split("PEIS_SSB:")[1]


def test_the_spectrum_foretells_other_pulses(records: tuple[Spectrum, Measurement], script: ModuleType) -> None:
    sweep, pulses = records
    assert kramers_kronig(sweep).largest < 5e-3  # so it is not the spectrum that is wrong
    expected, measured = script.foretold(sweep, pulses)
    assert measured[3002] / expected[3002] == pytest.approx(1.34, abs=0.03)  # 1.4 ms after the first step
    assert measured[15205] / expected[15205] == pytest.approx(0.73, abs=0.03)  # at the end of 10 s
    # No area and no resistance in series makes them one cell: on the rows that are fitted far more than noise is left.
    rows = thinned(pulses, script).rows
    rows = rows[rows > 3001]
    terms = np.stack([expected, pulses.current, np.ones_like(expected)], axis=1)[rows]
    numbers, *_ = np.linalg.lstsq(terms, measured[rows], rcond=None)
    left = np.sqrt(np.mean((terms @ numbers - measured[rows]) ** 2))
    assert left > 20.0 * script.NOISE


def test_pulses_keep_their_stamps_and_their_charge(records: tuple[Spectrum, Measurement], script: ModuleType) -> None:
    _, pulses = records
    assert len(pulses) == 30208
    rows = script.fitted_rows(pulses, script.Selection(skip_after_step=5e-4, rests=True, per_decade=8), script.NOISE)
    assert rows.dataset.points == 197
    assert rows.skipped == 8
    np.testing.assert_array_equal(pulses.time[rows.rows], np.asarray(rows.dataset.time))
    since = rows.since_step[np.asarray(rows.dataset.segments) >= 0]
    assert since.min() == pytest.approx(1e-3, rel=1e-3)
    charge = np.asarray(rows.dataset.protocol.current_density) @ np.asarray(rows.dataset.protocol.duration)
    assert charge == pytest.approx(pulses.current_density[1:] @ np.diff(pulses.time), abs=1e-9)


SPECTRUM = {
    "separator": 0.08803, "indium_i0": 1.241, "indium_c": 0.5363, "cathode_kappa": 4.886e-4, "cathode_i0": 2.675e-3,
    "cathode_c": 4.951e-3, "diffusivity": 6.242e-18, "sites": 2.231e4, "permittivity": 134.2, "boundary": 1.309e-3,
    "boundary_c": 1.88e-4, "inductance": 3.011e-11, "boundary_alpha": 0.8146, "indium_alpha": 0.8473,
    "cathode_alpha": 0.6147,
}  # fmt: skip
"""What four of ten starts found in seven minutes, on 50 points."""


def test_the_spectrum_within_half_a_percent(records: tuple[Spectrum, Measurement], script: ModuleType) -> None:
    problem = script.spectrum_problem(records[0], **SPECTRUM)
    off = np.asarray(problem.impedance(problem.parameters.initial)) / np.asarray(problem.data.impedance) - 1.0
    rms = float(np.sqrt(np.mean(np.abs(off) ** 2) / 2.0))
    noise = float(problem.data.noise[0]) / abs(complex(problem.data.impedance[0]))
    assert rms == pytest.approx(5.3e-3, abs=4e-4)
    assert noise < 1e-3  # so one constant phase for each interface is too simple
    misfit = np.asarray(problem.data.frequency)[np.abs(off) > 1e-2]
    assert misfit.min() > 100.0
    assert misfit.max() < 1e5
    told = script.told(problem.cell_at(problem.parameters.initial))
    assert told["cathode, charge transfer"] > 5.0 * told["In-Li"]
