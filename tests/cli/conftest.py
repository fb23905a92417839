"""The small study as fixtures, fitted once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from small_study import STUDY, Called, call, replaced, write_record


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes the study, with some text replaced, beside its record, and makes the folder the current one."""
    monkeypatch.chdir(tmp_path)
    write_record(tmp_path)

    def write(*replacements: tuple[str, str], added: str = "") -> Path:
        Path("made.toml").write_text(replaced(STUDY, *replacements) + added)
        return Path("made.toml")

    return write


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Called]:
    """Folder of results of the small study, and what the command said."""
    folder = tmp_path_factory.mktemp("fitted")
    write_record(folder, rise=150e-6)
    (folder / "made.toml").write_text(STUDY)
    called = call("fit", folder / "made.toml", "--out", folder / "out")
    assert called.code == 0, called.stderr
    return folder / "out", called
