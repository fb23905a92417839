"""Where a measurement comes from, without anything that identifies a person or a computer."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Provenance:
    """Origin of a measurement.

    Only the name of the file is kept: paths, users, hosts and comments in a vendor's header never are.

    Attributes:
        name: name of the file without its folder, or "DataFrame".
        format: name of the format, as `read_measurement` takes it.
        reader: version of the reader; it changes when the same file would give other numbers.
        sha256: checksum of the file's bytes as hexadecimal text, empty where there was no file.
        size: bytes of the file [byte], 0 where there was no file.
        technique: the vendor's name of the technique, empty if unknown.
        step_techniques: for composed techniques, "step: technique" for each step.
        notices: sentences about decisions and disagreements that a user should have seen.
    """

    name: str = "unnamed"
    format: str = "none"
    reader: str = "1"
    sha256: str = ""
    size: int = 0
    technique: str = ""
    step_techniques: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    def with_notices(self, *notices: str) -> "Provenance":
        """The same origin with more notices; one that is already there is not repeated."""
        fresh = tuple(n for n in dict.fromkeys(notices) if n not in self.notices)
        return replace(self, notices=self.notices + fresh)
