"""Tables of capacities per cycle: what is recorded, what is not, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jaxcell.io import MeasurementError, read_cycle_table

HEAD = "cell,capacity_1,capacity_2,capacity_3"


def test_zeros_and_gaps_after_the_last_cycle_are_not_recorded(make_csv: Callable[..., Path]) -> None:
    table = read_cycle_table(make_csv(HEAD, "a,1.0,0.9,0.8", "b,0.9,0,0.0", "c,0.8,0.7,", "d,0,0,0"))
    assert table.prefix == "capacity_"
    assert table.recorded.tolist() == [3, 1, 2, 0]
    assert table.rows.tolist() == [2, 3, 4, 5]
    np.testing.assert_array_equal(table.cell(3), [0.8, 0.7])
    assert np.isnan(table.capacity[1, 1:]).all()
    assert "3 of 4 cells end before cycle 3" in table.provenance.notices[0]


def test_columns_may_stand_in_any_order_and_be_named(make_csv: Callable[..., Path]) -> None:
    path = make_csv("x_2,q_2,x_1,q_1,x_3", "2,20,1,10,3")
    np.testing.assert_array_equal(read_cycle_table(path).cell(1), [1, 2, 3])
    np.testing.assert_array_equal(read_cycle_table(path, prefix="q_").cell(1), [10, 20])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,1.0,-0.9,0.8", r"row 2: column `capacity_2` is -0.9, but a capacity of at least 0 was expected"),
        ("a,1.0,broken,0.8", r"row 2: column `capacity_2` is 'broken', but a finite number"),
        ("a,1.0,inf,0.8", r"row 2: column `capacity_2` is 'inf', but a finite number"),
        ("a,1.0,0,0.8", r"row 2: column `capacity_2` is 0, but later cycles have capacities"),
        ("a,1.0,,0.8", r"row 2: column `capacity_2` is empty, but later cycles have capacities"),
        ("a,1.0,0.9", r"row 2 has 3 cells, but 4 columns were expected"),
    ],
)
def test_bad_cells_are_refused_by_place(make_csv: Callable[..., Path], row: str, message: str) -> None:
    with pytest.raises(MeasurementError, match=message) as caught:
        read_cycle_table(make_csv(HEAD, row))
    assert "made.bdf.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("head", "options", "message"),
    [
        ("time,voltage", {}, "has no columns that end in the number of a cycle"),
        ("q_1,q_3", {}, "has no column `q_2` for cycle 2; its columns are `?q_1"),
        ("q_1,q_2", {"prefix": "cap_"}, "has no column `cap_1` for cycle 1"),
    ],
)
def test_tables_without_cycles_are_refused(make_csv, head: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        read_cycle_table(make_csv(head, "1,2"), **options)


def test_missing_cells_and_files_are_refused(make_csv: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="has cells 1 to 1, but cell 2 was asked for"):
        read_cycle_table(make_csv(HEAD, "a,1,1,1")).cell(2)
    with pytest.raises(MeasurementError, match="does not exist"):
        read_cycle_table(tmp_path / "none.csv")


def test_the_published_table(data: Path) -> None:
    table = read_cycle_table(data / "anode_free_cu_lfp" / "capacity_per_cycle.csv")
    assert table.capacity.shape == (43, 23)
    assert table.provenance.sha256 == "279b92accd504839ea90772512aa03c2a455f535651ce51d994d9193b7aedb80"
    assert int(table.recorded.min()) == 4
    assert int((table.recorded >= 5).sum()) == 42
    assert int((table.recorded == 23).sum()) == 3
    assert table.cell(1)[0] == 0.764486667
    assert not np.any(table.capacity == 0.0)
