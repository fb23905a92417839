"""The steps of a protocol as a record must have them: direction, size, and what ends them."""

from dataclasses import dataclass

import numpy as np

from jaxcell.protocol import Mode, Protocol
from jaxcell.study.messages import StudyError

_BY_CURRENT = (Mode.CURRENT, Mode.POWER)


@dataclass(frozen=True)
class PlannedStep:
    """A step of the protocol at the terminal, in SI.

    Attributes:
        number: from 1, through all repeats.
        sentence: as it is in the study.
        mode: what is held.
        value: the current [A m-2], voltage [V] or power [W m-2] held.
        longest: duration if no stop ends it [s].
        above, below: stops on the voltage [V]; infinite for none.
        current_below: stop on the current [A m-2]; 0 for none.
        charge: stop on the charge [C m-2] that is no duration; infinite for none.
    """

    number: int
    sentence: str
    mode: Mode
    value: float
    longest: float
    above: float
    below: float
    current_below: float
    charge: float

    @property
    def name(self) -> str:
        """For messages."""
        return f"step {self.number} of [protocol], {self.sentence!r},"

    @property
    def direction(self) -> int:
        """+1 where it charges, -1 where it discharges, 0 at rest and where a voltage is held."""
        return int(np.sign(self.value)) if self.mode in _BY_CURRENT else 0

    @property
    def held(self) -> bool:
        """Whether the voltage is held."""
        return self.mode is Mode.VOLTAGE

    @property
    def rests(self) -> bool:
        """Whether no current flows."""
        return not self.held and self.value == 0.0

    @property
    def own_end(self) -> bool:
        """Whether the cell decides when it ends, or what passes until then."""
        stops = np.isfinite([self.above, -self.below, self.charge]).any() or self.current_below > 0.0
        return bool(stops) or self.mode is not Mode.CURRENT

    @property
    def most(self) -> float:
        """Charge that passes if no stop ends it [C m-2]; infinite where the current is not held."""
        return abs(self.value) * self.longest if self.mode is Mode.CURRENT else self.charge


def planned_steps(protocol: Protocol, sentences: list[str], source: str) -> list[PlannedStep]:
    """The steps of a protocol made from sentences.

    Raises:
        StudyError: a step is given as a C-rate, which a cell between lithium electrodes does not have.
    """
    numbers = np.asarray(protocol.step)
    first = np.searchsorted(numbers, np.arange(len(sentences)))
    rated = np.asarray(protocol.value_is_rate | protocol.current_below_is_rate)[first]
    if rated.any():
        sentence = sentences[int(np.argmax(rated))]
        raise StudyError(
            f"{source}: [protocol] steps: {sentence!r} has a C-rate, but lithium electrodes have no capacity to go by; "
            "give a current in mA/cm2."
        )
    whole = np.bincount(numbers, np.asarray(protocol.duration))
    columns = (protocol.mode, protocol.value, protocol.voltage_above, protocol.voltage_below)
    columns += (protocol.current_below, protocol.charge)
    mode, value, above, below, fallen, charge = (np.asarray(column)[first] for column in columns)
    found = []
    for k, sentence in enumerate(sentences):
        flows = mode[k] == Mode.CURRENT and value[k] != 0.0 and np.isfinite(charge[k])
        longest = min(whole[k], charge[k] / abs(value[k])) if flows else whole[k]
        stop = np.inf if flows else charge[k]
        numbers_of = (value[k], longest, above[k], below[k], fallen[k], stop)
        found.append(PlannedStep(k + 1, sentence, Mode(int(mode[k])), *(float(n) for n in numbers_of)))
    return found
