"""A published protection layer under load: what grows, where, and what 20 spectra say of the next 10."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from jaxcell.io import Measurement, read_measurement

FIT = Path(__file__).parents[2] / "fit"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("peo", FIT / "peo_coated_li.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def electrodes(data: Path) -> dict[str, Measurement]:
    file = data / "peo_coated_li" / "geis_spectra_1_30.csv"
    return {name: read_measurement(file, electrode=name, area=1e-4) for name in ("working", "counter", "full")}


def real(measurement: Measurement, number: int, frequency: float) -> float:
    """Re(Z) [ohm] at the frequency nearest by."""
    sweep = measurement.spectra[number - 1]
    return float(sweep.real[np.argmin(np.abs(np.log(sweep.frequency / frequency)))])


def direct(measurement: Measurement) -> tuple[np.ndarray, np.ndarray]:
    """Time [s] and V/I [ohm] of the current under the spectra."""
    sweeps = measurement.spectra
    assert all(sweep.bias_current is not None and sweep.bias_voltage is not None for sweep in sweeps)
    ratio = [abs((sweep.bias_voltage or 0.0) / (sweep.bias_current or 1.0)) for sweep in sweeps]
    return np.array([sweep.time.mean() for sweep in sweeps]), np.asarray(ratio)


def test_negative_real_parts_are_the_reference_electrodes(
    electrodes: dict[str, Measurement], script: ModuleType
) -> None:
    study = script.STUDY.members["counter_first"]
    sweep = study.measurement().spectra[0]
    np.testing.assert_array_equal(sweep.real, electrodes["counter"].spectra[0].real)
    data, doubtful = study.spectrum(study.measurement()), np.sort(sweep.frequency) > 1e5
    assert data.frequency.shape == (41,)  # none is dropped
    relative = np.asarray(data.noise) / np.abs(np.asarray(data.impedance))
    assert relative[doubtful].min() == pytest.approx(1e3 * relative[20], rel=1e-6)
    for number in (1, 30):
        assert real(electrodes["working"], number, 1e6) < -40.0
        assert real(electrodes["counter"], number, 1e6) > 50.0
        assert 0.0 < real(electrodes["full"], number, 3e5) < 25.0


def test_the_slow_step_that_grows_in_one_electrode_shrinks_in_the_other(electrodes: dict[str, Measurement]) -> None:
    growth = {}
    for name, one in electrodes.items():
        step = {number: real(one, number, 0.43) - real(one, number, 14.0) for number in (1, 30)}
        growth[name] = step[30] - step[1]
    assert growth["working"] > 6.0
    assert growth["counter"] < -6.0
    assert abs(growth["full"]) < 1.5  # no resistance of the cell


def test_what_grows_and_what_is_foretold(electrodes: dict[str, Measurement], script: ModuleType) -> None:
    first = {}
    for electrode, numbers in {"working": range(1, 31), "counter": (1, 30), "full": (1, 30)}.items():
        study = script.STUDY.members["working_first"]
        first[electrode] = {k: script.parts(study, electrodes[electrode], k) for k in numbers}
        assert all(one.converged for one in first[electrode].values())

    def change(electrode: str, name: str, factor: float = 1e4) -> float:
        return factor * (first[electrode][30].estimates[name] - first[electrode][1].estimates[name])

    # Above 10 kHz the coated side alone grows, by half; the reference electrode is not in the sum of both.
    before, after = (first["working"][k].parameters["ohmic"] for k in (1, 30))
    assert after.interval95[0] > 1.25 * before.interval95[1]
    assert change("working", "ohmic") == pytest.approx(3.67, abs=0.3)
    assert abs(change("counter", "ohmic")) < 0.4
    assert change("full", "ohmic") == pytest.approx(change("working", "ohmic"), abs=1.0)
    # The interface grows by 7 %, late; loss of contact area would raise both alike.
    interface = np.array([1e4 * one.estimates["interface"] for one in first["working"].values()])
    assert np.ptp(interface[:14]) < 1.5
    assert interface[-1] - interface[:14].mean() == pytest.approx(9.1, abs=1.0)
    # Each spectrum's exponent is outside the other's interval, so it is none to share.
    fresh, aged = (first["working"][k].parameters["exponent"] for k in (1, 30))
    assert aged.interval95[1] < fresh.estimate
    assert aged.estimate < fresh.interval95[0]
    # Residuals follow one another: intervals of a resistance are those of a misfit, wider than the scatter in time.
    assert first["working"][1].noise.autocorrelation_time > 1.5
    time = direct(electrodes["working"])[0] - script.START
    assert {law: int(f.covers(interface).sum()) for law, f in script.forecasts(time, interface).items()} == {
        "root of time": 0,
        "time": 0,
        "no law": 5,
    }
    ohmic = np.array([1e4 * one.estimates["ohmic"] for one in first["working"].values()])
    ahead = script.forecasts(time, ohmic)
    assert ahead["no law"].covers(ohmic).sum() == 10
    assert ahead["root of time"].covers(ohmic).sum() == 0


def test_most_of_the_growth_is_slower_than_the_spectra(electrodes: dict[str, Measurement], script: ModuleType) -> None:
    time, working = direct(electrodes["working"])
    _, counter = direct(electrodes["counter"])
    time = time - script.START
    assert working[-1] - working[0] == pytest.approx(194.0, abs=3.0)
    assert counter[-1] - counter[0] == pytest.approx(86.0, abs=3.0)
    _, full = direct(electrodes["full"])
    assert full[-1] - full[0] == pytest.approx(282.0, abs=4.0)
    lowest = [real(electrodes["full"], number, 0.2) for number in (1, 30)]
    assert lowest[1] - lowest[0] == pytest.approx(13.4, abs=0.5)
    ahead = script.forecasts(time, counter)["root of time"]
    assert ahead.covers(counter).sum() >= 8
    assert ahead.high[-1] - ahead.low[-1] < 0.01 * counter[-1]
    covered = {law: int(f.covers(working).sum()) for law, f in script.forecasts(time, working).items()}
    assert covered == {"root of time": 0, "time": 10, "no law": 10}
