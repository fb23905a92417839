"""The command answers at once, and what README.md shows runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jaxcell.study import Study, open_study

ROOT = Path(__file__).parents[2]
HELP = """
import sys

sys.argv = ["jaxcell", {}]
from jaxcell.cli import main

try:
    main()
finally:
    print(sorted(sys.modules))
"""


def started(code: str) -> tuple[str, float]:
    """What Python prints, and the least processor time of three runs [s]."""
    used, done = [], None
    for _ in range(3):
        before = os.times()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        after = os.times()
        used.append(after.children_user - before.children_user + after.children_system - before.children_system)
    return str(done), min(used)


@pytest.mark.parametrize("arguments", ['"--help"', '"fit", "--help"', '"spectra", "--help"', '"--version"'])
def test_help_does_not_import_jax(arguments: str) -> None:
    printed, used = started(HELP.format(arguments))
    # Beside a start of the library that prints it, which other work on the machine slows as much.
    assert used < 4.0 * started("import typer")[1]
    modules = printed.rsplit("\n", 2)[-2]
    assert not any(f"'{name}'" in modules for name in ("jax", "numpy", "pandas", "matplotlib"))


@pytest.mark.parametrize("path", sorted((ROOT / "fit").glob("*.toml")), ids=lambda path: path.name)
def test_shipped_studies_are_valid(path: Path) -> None:
    study = open_study(path)
    if isinstance(study, Study):
        assert study.parameters().names == tuple(study.content.parameters)
    assert study.content.study.description


def test_readme_example(capsys: pytest.CaptureFixture[str]) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL))
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    said = capsys.readouterr().out
    assert re.search(r"\d+\.\d% of the plated lithium lies below the layer", said)
    assert "V per S/m" in said


def test_readme_names_files_that_exist() -> None:
    text = (ROOT / "README.md").read_text()
    for name in re.findall(r"\b(?:fit|data)/\w+\.(?:toml|py|truth\.json)", text):
        assert (ROOT / name).exists(), name
