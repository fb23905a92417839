"""Battery Data Format."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxcell.io import Kind, Measurement, MeasurementError, read_measurement, write_bdf_csv

FRAME = pd.DataFrame({"test_time_second": [0, 1, 2], "voltage_volt": [1, 2, 3], "current_ampere": [1, 1, -1]})

_numbers = st.floats(-1e6, 1e6, allow_subnormal=False)


@st.composite
def experiments(draw: st.DrawFn) -> dict[str, list[float]]:
    times = sorted(draw(st.sets(st.floats(0, 1e8, allow_subnormal=False), min_size=2, max_size=20)))
    rows = {"min_size": len(times), "max_size": len(times)}
    made = {"time": times, "voltage": draw(st.lists(_numbers, **rows)), "current": draw(st.lists(_numbers, **rows))}
    for name in ("cycle", "step"):
        if draw(st.booleans()):
            made[name] = draw(st.lists(st.integers(0, 10**6), **rows))
    return made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=experiments(), ending=st.sampled_from([".csv", ".csv.gz", ".csv.zip"]))
def test_written_and_read_to_the_last_bit(tmp_path: Path, made: dict[str, list[float]], ending: str) -> None:
    path = write_bdf_csv(tmp_path / f"virtual.bdf{ending}", **made)
    back = read_measurement(path)
    for name in ("time", "voltage", "current", "cycle", "step"):
        expected = made.get(name, [0] * len(back))
        assert getattr(back, name).tolist() == expected, name


def test_compressed_files_have_a_reproducible_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "virtual.csv.gz"
    written = []
    for now in (1e9, 2e9):
        monkeypatch.setattr("time.time", lambda now=now: now)
        write_bdf_csv(path, time=[0, 1], voltage=[1, 1], current=[1, 1])
        written.append(path.read_bytes())
    assert written[0] == written[1]


def test_sample(data: Path) -> None:
    m = read_measurement(data / "vendor_formats/bdf/sample.bdf.csv")
    assert m.time.tolist() == [0, 1, 2]
    assert m.voltage.tolist() == [3.7, 3.6, 3.5]
    assert m.current.tolist() == [0.1, 0.1, 0.1]


def test_machine_names_of_a_real_cell(data: Path) -> None:
    m = read_measurement(next((data / "li_graphite_landt").glob("*.bdf.csv")))
    assert [int((m.kind == k).sum()) for k in Kind] == [22281, 2881, 0]
    assert [h.current for h in m.half_cycles()] == pytest.approx([-2e-4, 2e-4, -2e-4])
    # lithiation of graphite against lithium lowers the voltage: the sign is the format's
    assert m.half_cycles()[0].voltage_last < m.half_cycles()[0].voltage_first
    assert any("the charging capacity agrees" in n for n in m.notices)
    # the current of the file is rounded to 0.1 mA, so it carries 11 % too much charge
    assert any("more charge than the column of charging capacity" in n for n in m.notices)


def test_arbin_columns_that_contradict_the_format(data: Path) -> None:
    path = data / "vendor_formats/bdf/arbin_example.bdf.csv"
    with pytest.raises(MeasurementError, match=r"current with a unit is 0\.001 times Arbin's column `Current`"):
        read_measurement(path)
    frame = pd.read_csv(path)
    trusted = frame.drop(columns="Current / A").rename(columns={"Current": "Current / A"})
    m = Measurement.from_dataframe(trusted)
    assert np.abs(m.current).max() == pytest.approx(8.66e-5, rel=1e-3)
    assert any("`Voltage` without a unit agrees" in n for n in m.notices)
    assert int((m.step != frame["Step Count / 1"]).sum()) == 0


def test_bare_columns_are_compared(make_csv: Callable[..., Path]) -> None:
    head = "Test Time / s,Voltage / V,Current / A,Current,Remark"
    same = read_measurement(make_csv(head, "0,1,1,1,a", "1,1,-1,-1,b"))
    assert any("`Current` without a unit agrees" in n for n in same.notices)
    assert any("2 columns not used: Current, Remark" in n for n in same.notices)
    other = read_measurement(make_csv(head, "0,1,1,1000,a", "1,1,-1,-1000,b"))
    assert any("HOLDS OTHER NUMBERS" in n for n in other.notices)


def test_units_are_converted(make_csv: Callable[..., Path]) -> None:
    m = read_measurement(make_csv("Test Time / h,Voltage / mV,Current / µA", "0,3000,100", "1,3100,-100"))
    assert m.time.tolist() == [0, 3600]
    assert m.voltage == pytest.approx([3.0, 3.1])
    assert m.current == pytest.approx([1e-4, -1e-4])
    m = read_measurement(make_csv("test_time_minute,voltage_millivolt,current_milliampere", "0,1,1", "1,2,2"))
    assert m.time.tolist() == [0, 60]
    assert m.current == pytest.approx([1e-3, 2e-3])


def test_semicolons_and_decimal_commas(make_csv: Callable[..., Path]) -> None:
    m = read_measurement(make_csv("Test Time / s;Voltage / V;Current / A", "0;1,5;1", "1,5;1,6;-1"))
    assert m.time.tolist() == [0, 1.5]
    assert m.voltage.tolist() == [1.5, 1.6]


def test_impedance_columns(make_csv: Callable[..., Path]) -> None:
    head = "Test Time / s,Voltage / V,Current / A,Frequency / Hz,Real Impedance / ohm,Imaginary Impedance / ohm"
    m = read_measurement(make_csv(head, "0,1,1,,,", "1,1,0,10,5,-2", "2,1,0,1,6,-1", "3,1,0.0005,,,"))
    assert m.kind.tolist() == [Kind.CYCLING, Kind.IMPEDANCE, Kind.IMPEDANCE, Kind.REST]
    assert m.spectra[0].impedance.tolist() == [5 - 2j, 6 - 1j]
    with pytest.raises(MeasurementError, match="no column for imaginary impedance"):
        read_measurement(make_csv(head.rsplit(",", 1)[0], "0,1,1,1,1", "1,1,1,1,1"))
    with pytest.raises(MeasurementError, match="row 3: the impedance is not a finite number of ohm"):
        read_measurement(make_csv(head, "0,1,1,,,", "1,1,0,10,,-2"))
    with pytest.raises(MeasurementError, match="row 2: the frequency is -1 Hz"):
        read_measurement(make_csv(head, "0,1,1,-1,,", "1,1,0,10,1,-2"))


def test_wrong_sign_is_told_and_turned(make_csv: Callable[..., Path]) -> None:
    lines = ("Test Time / s,Voltage / V,Current / A,Charging Capacity / Ah", "0,1,-1,0", "3600,1,-1,1", "7200,1,1,1")
    m = read_measurement(make_csv(*lines))
    assert any("GROWS UNDER NEGATIVE CURRENT" in n for n in m.notices)
    turned = read_measurement(make_csv(*lines), positive_current="discharge")
    assert turned.current.tolist() == [1, 1, -1]


def test_rest_threshold(make_csv: Callable[..., Path]) -> None:
    lines = ("Test Time / s,Voltage / V,Current / A", "0,1,1", "1,1,0.0005", "2,1,0.01", "3,1,-1.00001")
    assert read_measurement(make_csv(*lines)).kind.tolist() == [0, 1, 0, 0]
    assert read_measurement(make_csv(*lines), rest_below=0.02).kind.tolist() == [0, 1, 1, 0]


def test_rounded_current_is_told(make_csv: Callable[..., Path]) -> None:
    lines = ("Test Time / s,Voltage / V,Current / A", "0,1,0.0002", "1,1,0.0000", "2,1,-0.0001")
    m = read_measurement(make_csv(*lines))
    assert any("multiples of 0.0001 A, 50 %" in n for n in m.notices)
    assert m.kind.tolist() == [0, 1, 0]
    tiny = read_measurement(make_csv(lines[0], "0,1,8.6583e-8", "1,1,0", "2,1,-8.6571e-8"))
    assert not any("multiples" in n for n in tiny.notices)


def test_dataframe() -> None:
    m = Measurement.from_dataframe(FRAME, area=1e-4, thickness=1e-6)
    assert m.current_density.tolist() == [1e4, 1e4, -1e4]
    assert m.thickness == 1e-6
    assert m.provenance.format == "dataframe"
    assert Measurement.from_dataframe(FRAME, positive_current="discharge").current.tolist() == [-1, -1, 1]


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (FRAME.drop(columns="voltage_volt"), "no column for voltage.*test_time_second, current_ampere"),
        (FRAME.rename(columns={"current_ampere": "current_a"}), "`current_a` has the unit 'a'"),
        (FRAME.assign(voltage_volt=[1, None, 2]), "row 2: column `voltage_volt` is empty or NaN"),
        (FRAME.assign(voltage_volt=["1", "x", "2"]), "row 2: column `voltage_volt` is 'x'"),
        (FRAME.assign(test_time_second=pd.to_datetime([0, 1, 2])), "holds datetime64.* values"),
        (FRAME.assign(current_ampere=[1j, 1, 1]), "holds complex128 values"),
        (FRAME.assign(**{"Current / A": 1.0}), "two columns for current"),
        (FRAME.assign(step_count=[0, 0.5, 1]), "row 2: column `step_count` is 0.5, but a whole number"),
        (FRAME.iloc[:1], "1 row, but a measurement needs at least 2"),
        (FRAME.iloc[:0], "has no rows"),
        (FRAME.iloc[::-1], "row 2: time runs backwards, from 2.0 s in row 1 to 1.0 s"),
        ([1, 2], "must be a pandas DataFrame, but is a list"),
    ],
)
def test_dataframes_that_are_refused(frame: pd.DataFrame, says: str) -> None:
    with pytest.raises(MeasurementError, match=says):
        Measurement.from_dataframe(frame)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"time": [0, 0]}, "`time` must increase"),
        ({"time": [0]}, "at least 2 elements"),
        ({"current": [1, 1, 2]}, "`current` must have 2 elements like the others, but has 3"),
        ({"voltage": [1, np.nan]}, "element 1 is nan"),
        ({"cycle": [0, 0.5]}, "`cycle` must hold whole numbers"),
        ({"path": "x.txt"}, r"must end in \.csv"),
        ({"path": "/no/such/folder/x.csv"}, "could not be written"),
    ],
)
def test_writing_is_refused(tmp_path: Path, change: dict[str, object], says: str) -> None:
    arguments = {"path": tmp_path / "x.csv", "time": [0, 1], "voltage": [1, 1], "current": [1, 1]} | change
    with pytest.raises(MeasurementError, match=says):
        write_bdf_csv(**arguments)
    assert not (tmp_path / "x.csv").exists()
