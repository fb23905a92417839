"""Small EC-Lab files made by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def make_mpt(tmp_path: Path) -> Callable[..., Path]:
    """Writes an EC-Lab text file from names of columns and rows of text."""

    def make(columns: str, *rows: str, header: tuple[str, ...] = (), name: str = "made.mpt") -> Path:
        names = "\t".join(columns.split("|"))
        lines = [
            "EC-Lab ASCII FILE",
            f"Nb header lines : {len(header) + 3}",
            *header,
            names + "\t",
            *("\t".join(row.split("|")) for row in rows),
        ]
        path = tmp_path / name
        path.write_text("\n".join(lines), encoding="latin-1")
        return path

    return make


@pytest.fixture
def make_csv(tmp_path: Path) -> Callable[..., Path]:
    """Writes text lines to a CSV file."""

    def make(*lines: str, name: str = "made.bdf.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return make
