"""What the answers of all kinds of study share: files in a folder, origin, tables and sentences for the terminal."""

import platform
import textwrap
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table

import jaxcell
from jaxcell.io.provenance import Provenance
from jaxcell.io.results import write_json, write_toml
from jaxcell.study.folders import way_from
from jaxcell.study.priors import STUDY

INDENT, LONGEST_WORD = 2, 12
"""Of a table, and the word that the last column holds in one piece [characters]."""


class Resolvable(Protocol):
    """A checked study of any kind: where its relative paths start, and all of its tables."""

    @property
    def folder(self) -> Path: ...

    def resolved(self) -> dict[str, Any]: ...


def write_answer(folder: Path, answer: dict[str, Any], study: Resolvable, rows: pd.DataFrame) -> Path:
    """Write result.json, config.toml and timeseries.csv into an existing folder; makes and returns figures/."""
    write_json(folder / "result.json", answer)
    priors = {name: entry["prior"]["source"] for name, entry in answer.get("parameters", {}).items()}
    write_config(folder, study, "The study as it was fitted", [f"{n}: {s}" for n, s in priors.items() if s != STUDY])
    rows.to_csv(folder / "timeseries.csv", index=False, lineterminator="\n")
    figures = folder / "figures"
    figures.mkdir()
    return figures


def write_config(folder: Path, study: Resolvable, what: str, priors: Sequence[str] = ()) -> None:
    """Write config.toml, a study that runs from the folder of results unless only the root has that and its data; the
    `priors` that it leaves to the model are told in its head."""
    tables, back = study.resolved(), way_from(folder, study.folder)
    start = "where that study lay" if back is None else "in `folder` of [study]"
    if back is not None:
        tables["study"] = tables["study"] | {"folder": back}
    head = [f"{what}, with every default filled in; relative paths start {start}."]
    if priors:
        head += ["A number without a prior has the default at its path where one holds:", *priors]
    write_toml(folder / "config.toml", tables, "\n".join(head))


def origin(source: Provenance, study: dict[str, Any], seed: int) -> dict[str, Any]:
    """What was computed from what, with which versions."""
    return {
        "file": source.name,
        "sha256": source.sha256,
        "bytes": source.size,
        "format": source.format,
        "reader": source.reader,
        "notices": list(source.notices),
        "study": study,
        "versions": versions(),
        "seed": seed,
    }


def versions() -> dict[str, str]:
    """Of what computed an answer."""
    return {
        "jaxcell": jaxcell.__version__,
        "jax": version("jax"),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def plain_table(console: Console, *columns: str) -> Table:
    """A table without a frame, plain where no terminal reads it; its last column folds. For `print_table`."""
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, show_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=place < len(columns) - 1)
    return table


def print_table(console: Console, table: Table, above: int = 0) -> None:
    """Print a table, indented, `above` empty lines below what is there; where a folded last column is not room enough
    for the others, they fold, too, and nothing is cut off."""
    last = [str(cell) for cell in (table.columns[-1].header, *table.columns[-1].cells)]
    word = max((len(word) for cell in last for word in cell.split()), default=0)
    whole = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
    if whole - max(map(len, last)) + min(word, LONGEST_WORD) > console.width - INDENT:
        for column in table.columns:
            column.no_wrap = False
    console.print(Padding(table, (above, 0, 0, INDENT)))


def print_bullets(console: Console, title: str, sentences: list[str]) -> None:
    """A title and its sentences; nothing where there are none."""
    if not sentences:
        return
    console.print(f"\n[bold]{title}[/]")
    for sentence in sentences:
        text = textwrap.fill(sentence, console.width - 1, initial_indent="  - ", subsequent_indent="    ")
        console.print(text, markup=False, soft_wrap=True)
