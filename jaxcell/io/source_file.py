"""The bytes of a file, with what may be told about it."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from jaxcell.io.errors import MeasurementError

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_CONTROLS = set(range(32)) - {9, 10, 12, 13, 26}


@dataclass(frozen=True)
class SourceFile:
    """A file that was read into memory.

    Attributes:
        given: the path as the user gave it, for messages only.
        data: its bytes, decompressed if it was a .gz or .zip.
        sha256: checksum of the bytes on disk, hexadecimal.
        size: number of bytes on disk.
    """

    given: str
    data: bytes
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """Name without folders."""
        return Path(self.given).name

    @property
    def is_binary(self) -> bool:
        """Whether the first bytes hold control characters that no text has."""
        if self.data.startswith(_UTF_16):
            return False
        return b"\0" in self.data or bool(set(self.data[:4096]) & _CONTROLS)

    @property
    def text(self) -> str:
        """The bytes as text: UTF-8 or UTF-16 where it is, else Latin-1, in which EC-Lab writes µ and ².

        Raises:
            MeasurementError: the bytes are not text.
        """
        if self.data.startswith(_UTF_16):
            encodings = ("utf-16",)
        else:
            if self.is_binary:
                raise MeasurementError(f"{self.given} holds binary data, but text was expected.")
            encodings = ("utf-8-sig", "latin-1")
        for encoding in encodings:
            try:
                return self.data.decode(encoding).replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
            except UnicodeDecodeError:
                continue
        raise MeasurementError(f"{self.given} is damaged: it begins like UTF-16 text, but is not.")


def load(path: str | os.PathLike[str]) -> SourceFile:
    """Read a file.

    Raises:
        MeasurementError: not a path, missing, a folder, not readable, or empty.
    """
    try:
        given = os.fspath(path)
    except TypeError as error:
        raise MeasurementError(f"Argument `path` must be the path of a file, but is {path!r}.") from error
    if not isinstance(given, str) or not given or "\0" in given:
        raise MeasurementError(f"Argument `path` must be the path of a file, but is {given!r}.")
    place = Path(given)
    if place.is_dir():
        raise MeasurementError(f"{given} is a folder, but the path of one file was expected.")
    try:
        data = place.read_bytes()
    except FileNotFoundError as error:
        raise MeasurementError(f"{given} does not exist.") from error
    except OSError as error:
        raise MeasurementError(f"{given} could not be opened: {error.strerror or error}.") from error
    if not data.strip():
        raise MeasurementError(f"{given} is empty, but a measurement was expected.")
    return SourceFile(given, data, hashlib.sha256(data).hexdigest(), len(data))
