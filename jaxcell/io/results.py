"""A folder of results that is either the old one or the new one, never half of each."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS = {"result.json", "config.toml", "timeseries.csv", "figures"}
OURS |= {f"figures/{name}.png" for name in ("fit", "ridge", "lithium", "cuts", "front", "posterior", "pairs")}
OURS |= {"spectra.csv", "points.csv", "front.csv", "posterior.nc"}
"""What a folder of results holds; one with anything else is not replaced."""
_SPECTRUM = re.compile(r"figures/spectrum_\d+\.png")


class ResultsError(ValueError):
    """Results that cannot be written; the message is one sentence for the user."""


@dataclass
class Draft:
    """Results being written into `path`, to appear at `place`."""

    path: Path
    place: Path


@contextmanager
def result_folder(place: Path) -> Iterator[Draft]:
    """A temporary folder beside `place` that takes its place when the block ends well, and vanishes when it does not.

    Raises:
        ResultsError: `place` is a file, holds something that is not a result, or cannot be written.
    """
    _check_replaceable(place)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    except OSError as error:
        raise ResultsError(f"{place} could not be written: {error.strerror or error}.") from error
    draft = Draft(path, place)
    try:
        yield draft
        _publish(path, draft.place)
    except OSError as error:
        if error.filename is None or not str(error.filename).startswith(str(place.parent)):
            raise
        raise ResultsError(f"{place} could not be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(path, ignore_errors=True)


def beside_if_taken(place: Path) -> Path:
    """`place`, or the folder beside it for an interrupted fit when `place` holds results already."""
    return place.with_name(f"{place.name}-interrupted") if (place / "result.json").exists() else place


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write readable JSON; a number that is not finite is a mistake of the caller."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def write_toml(path: Path, content: Mapping[str, Any], comment: str = "") -> None:
    """Write nested tables as TOML, with a comment on top."""
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    path.write_text(head + "\n" * bool(head) + "\n".join(_toml_lines(content, ())).strip() + "\n", encoding="utf-8")


def _check_replaceable(place: Path) -> None:
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise ResultsError(f"{place} is not a folder, so results cannot be written there; choose another with --out.")
    if not place.exists():
        return
    held = (p.relative_to(place).as_posix() for p in place.rglob("*"))
    foreign = sorted(name for name in held if name not in OURS and not _SPECTRUM.fullmatch(name))
    if foreign:
        raise ResultsError(
            f"{place} holds {foreign[0]!r}, which is no result of a fit, so it is not replaced; choose another folder "
            "with --out."
        )


def _publish(draft: Path, place: Path) -> None:
    mask = os.umask(0)
    os.umask(mask)
    draft.chmod(0o777 & ~mask)
    if not place.exists():
        draft.rename(place)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{place.name}-old-", dir=place.parent))
    place.rename(old)
    try:
        draft.rename(place)
    except BaseException:
        old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _toml_lines(table: Mapping[str, Any], where: tuple[str, ...]) -> Iterator[str]:
    rows = {k: v for k, v in table.items() if isinstance(v, list) and v and all(isinstance(row, Mapping) for row in v)}
    tables = {k: v for k, v in table.items() if isinstance(v, Mapping)}
    values = {k: v for k, v in table.items() if k not in tables and k not in rows}
    if where and (values or not tables):
        yield f"\n[{'.'.join(_toml_key(k) for k in where)}]"
    for key, value in values.items():
        yield f"{_toml_key(key)} = {_toml_value(value)}"
    for key, listed in rows.items():
        head = ".".join(_toml_key(k) for k in (*where, key))
        for row in listed:
            yield from _row_lines(row, (*where, key), head)
    for key, value in tables.items():
        if value:
            yield from _toml_lines(value, (*where, key))


def _row_lines(row: Mapping[str, Any], where: tuple[str, ...], head: str) -> Iterator[str]:
    """One row of an array of tables: its values first, then the tables in it."""
    yield f"\n[[{head}]]"
    yield from (f"{_toml_key(k)} = {_toml_value(v)}" for k, v in row.items() if not isinstance(v, Mapping))
    for key, value in row.items():
        if isinstance(value, Mapping) and value:
            yield from _toml_lines(value, (*where, key))


def _toml_key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else json.dumps(key, ensure_ascii=False)


def _toml_value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(v) for v in value) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml_key(k)} = {_toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
