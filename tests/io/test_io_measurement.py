"""The immutable tables themselves."""

import dataclasses

import numpy as np
import pytest

from jaxcell.io import Kind, Measurement, MeasurementError, Provenance, Spectrum

FIELDS = {
    "time": [0.0, 1, 2, 3],
    "current": [1.0, 0, -1, -1],
    "voltage": [1.0, 1, 1, 1],
    "cycle": [0, 0, 1, 1],
    "step": [0, 1, 2, 2],
    "kind": [0, 1, 0, 0],
}
SPECTRUM = {
    "index": 0,
    "cycle": 0,
    "step": 0,
    "bias_current": 0.0,
    "bias_voltage": 1.0,
    "time": [1.0, 2],
    "frequency": [10.0, 1],
    "real": [1.0, 2],
    "imaginary": [-1.0, -2],
}


def make(**change: object) -> Measurement:
    return Measurement(**(FIELDS | change))  # pyright: ignore[reportArgumentType]


def test_arrays_are_copies_that_cannot_be_written() -> None:
    time = np.array(FIELDS["time"])
    m = make(time=time)
    time[0] = -5
    assert m.time[0] == 0
    for name in FIELDS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(m, name)[0] = 9
    with pytest.raises(dataclasses.FrozenInstanceError):
        m.area = 1.0  # pyright: ignore[reportAttributeAccessIssue]
    assert m.kind.dtype == np.int8


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"time": [0.0, 1, 1, 2]}, "`time` must increase, but element 2 is 1.0 s after 1.0 s"),
        ({"voltage": [1.0, 1, 1]}, "`voltage` must have 4 elements like the others, but has 3"),
        ({"voltage": [1.0, 1, np.inf, 1]}, "`voltage` must hold finite numbers in V, but element 2 is inf"),
        ({"current": [[1.0]]}, r"`current` must be one-dimensional, but has the shape \(1, 1\)"),
        ({"current": ["a"] * 4}, "`current` must hold numbers in A"),
        ({"cycle": [0, 0.5, 1, 1]}, "`cycle` must hold whole numbers, but element 1 is 0.5"),
        ({"kind": [0, 7, 0, 0]}, "`kind` must hold 0 .* but holds 7"),
        ({"area": 0.0}, "`area` must be a positive number"),
        ({"thickness": -1.0}, "`thickness` must be a positive number"),
    ],
)
def test_construction_is_checked(change: dict[str, object], says: str) -> None:
    with pytest.raises(MeasurementError, match=says):
        make(**change)


def test_two_rows_are_the_least() -> None:
    with pytest.raises(MeasurementError, match="at least 2 rows, but has 1"):
        Measurement(**{k: v[:1] for k, v in FIELDS.items()})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ({"cycles": 7}, "keeps 0: cell.csv has cycles 0 to 1, steps 0 to 2"),
        ({"time": (2.5, 9)}, "keeps 1"),
        ({"time": (3, 1)}, r"`time` must be \(first, last\) in s with first < last"),
        ({"time": 5}, "`time` must be"),
        ({"kind": "eis"}, "`kind` must be cycling, rest or impedance, but is 'eis'"),
        ({"cycles": "one"}, "`cycles` must hold numbers"),
        ({"steps": 1.5}, "`steps` must be whole numbers, but is 1.5"),
        ({"steps": [1.5]}, "`steps` must hold whole numbers"),
    ],
)
def test_selections_that_are_refused(condition: dict[str, object], says: str) -> None:
    with pytest.raises(MeasurementError, match=says):
        make(provenance=Provenance("cell.csv")).select(**condition)  # pyright: ignore[reportArgumentType]


def test_conditions_are_joined() -> None:
    m = make()
    assert m.select(cycles=[0, 1], kind="cycling").time.tolist() == [0, 2, 3]
    assert m.select(cycles=range(1, 5), steps=2, kind=Kind.CYCLING).time.tolist() == [2, 3]
    assert m.select(time=(1, 2)).time.tolist() == [1, 2]
    assert m.select().time.tolist() == m.time.tolist()


def test_half_cycles_span_rests_and_integrate_only_cycling() -> None:
    m = make(
        current=[1.0, 0, 1, 1],
        kind=[0, 1, 0, 0],
    )
    (half,) = m.half_cycles()
    assert half.rows == 3
    assert half.charge == pytest.approx(1.0)  # only the last interval lies between two cycling rows
    assert [h.current for h in make().half_cycles()] == [1, -1]
    assert make(kind=[1, 1, 1, 1]).half_cycles() == ()


def test_current_density_needs_an_area() -> None:
    with pytest.raises(MeasurementError, match="needs the argument `area`"):
        _ = make().current_density
    assert make(area=2.0).current_density.tolist() == [0.5, 0, -0.5, -0.5]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"frequency": [10.0, 0]}, "`frequency` must be positive in Hz, but element 1 is 0.0"),
        ({"frequency": [], "time": [], "real": [], "imaginary": []}, "at least one point"),
        ({"real": [1.0]}, "`real` must have 2 elements"),
        ({"imaginary": [1.0, np.nan]}, "`imaginary` must hold finite numbers in ohm"),
        ({"bias_current": np.nan}, "`bias_current` must be finite in A"),
    ],
)
def test_spectra_are_checked(change: dict[str, object], says: str) -> None:
    with pytest.raises(MeasurementError, match=says):
        Spectrum(**(SPECTRUM | change))  # pyright: ignore[reportArgumentType]


def test_impedance_has_the_sign_of_its_parts() -> None:
    s = Spectrum(**SPECTRUM)  # pyright: ignore[reportArgumentType]
    assert s.impedance.tolist() == [1 - 1j, 2 - 2j]


def test_summary_without_anything() -> None:
    text = make(kind=[1, 1, 1, 1]).summary()
    assert "current levels while cycling: none" in text
    assert "notices: none" in text
    assert "area: not given" in text


def test_notices_are_not_repeated() -> None:
    p = Provenance(notices=("a",)).with_notices("a", "b", "b")
    assert p.notices == ("a", "b")
