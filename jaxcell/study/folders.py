"""Where the files of a study lie, told without the folders of one machine."""

import os
from pathlib import Path

from jaxcell.study.schema import StudyTable


def study_folder(place: Path, study: StudyTable) -> Path:
    """Where relative paths in a study file at `place` start."""
    return place.parent / os.path.expanduser(study.folder)


def way_from(folder: Path, target: str | Path) -> str | None:
    """Relative path from a folder to a file or folder; None where only the root has both, as the way would then name
    folders of this machine."""
    start, end = folder.resolve(), Path(os.path.expanduser(target)).resolve()
    if start.drive != end.drive or Path(os.path.commonpath([start, end])) == Path(start.anchor):
        return None
    return Path(os.path.relpath(end, start)).as_posix()


def portable_file(written: str, data_file: str | None, folder: Path) -> str:
    """A study's file of data as a path from its folder: as it is written there, or that of a file given in its place;
    an absolute one by the way to it, or else by its name alone."""
    chosen = written if data_file is None else data_file
    local = data_file is not None or written.startswith(("/", "~", "\\")) or Path(written).is_absolute()
    return (way_from(folder, chosen) or Path(chosen).name) if local else written
