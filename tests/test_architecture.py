"""Imports run in one direction only, files stay short, and nothing refers to one person's machine."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jaxcell

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "jaxcell"
LONGEST = 400

# A module may import from its own level and from earlier ones.
ORDER = [
    {"units"},
    {"component"},
    {"grid"},
    {"physics"},
    {"cell"},
    {"library"},
    {"solver"},
    {"model"},
    {"protocol"},
    {"drive", "operating_point", "resolution"},
    {"simulation"},
    {"ledger", "observables"},
    {"cycles", "onset"},
    {"comparison", "energy", "plating_map"},
    {"inventory", "spectroscopy"},
    {"inference"},
    {"design"},
    {"io"},
    {"impedance_validity"},
    {"pulse_response"},
    {"answer", "estimates", "figures", "full_cell_plots", "impedance_plots", "plots", "report", "spectra_report"}
    | {"device", "prior_report", "study", "cli", "__main__"}
    | {
        f"{kind}_{what}"
        for kind in ("capacity", "design", "joint", "posterior", "protocol")
        for what in ("plots", "report")
    },
]
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
SOURCES = sorted(path for path in PACKAGE.rglob("*.py"))


def _room(path: Path) -> str:
    """First name below the package: `solver` for jaxcell/solver/newton.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _home(name: str) -> str:
    """Module of something imported from the package itself."""
    return "" if name.startswith("__") else jaxcell._MODULE_OF.get(name, f"jaxcell.{name}")


def _imported(path: Path) -> set[str]:
    """Rooms of the package that a file imports, wherever in the file."""
    package = ("jaxcell", *path.relative_to(PACKAGE).parent.parts)
    rooms: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            # `from jaxcell import Cell` leans on the module that Cell lives in.
            names = [_home(alias.name) for alias in node.names] if module == "jaxcell" else [module]
        rooms |= {name.split(".")[1] for name in names if name.startswith("jaxcell.")}
    return rooms


def test_every_room_has_its_place() -> None:
    assert {_room(path) for path in SOURCES} - {"__init__"} <= set(LEVEL)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    room = _room(path)
    if room == "__init__":
        return  # lists the public names
    wrong = {other for other in _imported(path) - {room} if LEVEL.get(other, -1) > LEVEL[room] or other not in LEVEL}
    # Neighbours of one level do not lean on each other, but for the entry points at the end.
    if LEVEL[room] < len(ORDER) - 1:
        wrong |= {other for other in _imported(path) - {room} if LEVEL.get(other) == LEVEL[room]}
    assert not wrong, f"{room} may not import {sorted(wrong)}"


def test_the_check_sees_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    source = tmp_path / "solver" / "step.py"
    source.parent.mkdir()
    source.write_text(
        "import jaxcell.model\nfrom jaxcell import io, simulate, __version__\nfrom ..ledger import Ledger\n"
        "def f():\n    from jaxcell.cell import Cell\n    import numpy\n"
    )
    assert _imported(source) == {"model", "io", "simulation", "ledger", "cell"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_nothing_refers_to_one_machine() -> None:
    forbidden = ["/" + "work", "sha" + "red/"]
    suffixes = {".py", ".md", ".toml", ".yml", ".yaml", ".cfg", ".txt", ".json", ".cff", ".ipynb"}
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    files = [ROOT / name for name in listed.stdout.splitlines()] if listed.returncode == 0 else list(ROOT.rglob("*"))
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in files
        if path.suffix in suffixes and path.is_file()
        for word in forbidden
        if word in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert not found


def test_importing_the_package_does_not_load_jax() -> None:
    code = "import sys, jaxcell; print(sorted({'jax', 'equinox', 'numpy', 'pandas'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_public_names_all_load() -> None:
    for name in dir(jaxcell):
        assert getattr(jaxcell, name) is not None
    with pytest.raises(AttributeError, match=r"no attribute 'Sepparator'"):
        jaxcell.Sepparator  # noqa: B018
