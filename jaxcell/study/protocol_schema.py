"""The tables of a study of cycles that end by themselves: [protocol], and [data] or [step_table]."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from jaxcell.study.schema import (
    CellTable,
    FitTable,
    Fraction,
    ParameterTable,
    Positive,
    PosteriorTable,
    StudyTable,
    Table,
    TimeSpan,
)

SHARES = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95]
Share = Annotated[float, Field(gt=0, le=0.99, allow_inf_nan=False)]
MOST_STEPS = 20_000
"""Most steps of a protocol that is fitted."""


class ProtocolTable(Table):
    """Steps as sentences ("Strip at 1 mA/cm2 until 0.5 V"), or groups of them `{ steps = [...], repeat = 3 }`; all of
    it `repeat` times."""

    steps: Annotated[list[Any], Field(min_length=1)]
    repeat: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _sentences(self) -> "ProtocolTable":
        check_steps(self.steps)
        count = self.repeat * sum(1 for _ in flat(self.steps))
        if count > MOST_STEPS:
            raise ValueError(f"must have at most {MOST_STEPS} steps with all repeats, but has {count}")
        return self

    @property
    def sentences(self) -> list[str]:
        """One sentence a step, through all repeats."""
        return list(flat(self.steps)) * self.repeat


def flat(steps: list[Any]) -> Iterator[str]:
    """The sentences of nested groups."""
    for step in steps:
        if isinstance(step, str):
            yield step
        else:
            yield from list(flat(step["steps"])) * step.get("repeat", 1)


def check_steps(steps: Any, where: str = "steps") -> None:
    """Raises ValueError unless they are sentences or groups of them."""
    if not isinstance(steps, list) or not steps:
        raise ValueError(f"must have a list of sentences in {where}, but it is {steps!r}")
    for place, step in enumerate(steps):
        here = f"{where}[{place}]"
        if isinstance(step, str):
            continue
        if not isinstance(step, dict) or not {"steps"} <= set(step) <= {"steps", "repeat"}:
            raise ValueError(f"must have a sentence or {{ steps = [...], repeat = 2 }} as {here}, but it is {step!r}")
        repeat = step.get("repeat", 1)
        if isinstance(repeat, bool) or not isinstance(repeat, int) or repeat < 1:
            raise ValueError(f"must have a whole number of at least 1 as repeat of {here}, but it is {repeat!r}")
        check_steps(step["steps"], f"{here}.steps")


class RecordTable(Table):
    """A cycling record: its steps must be those of the protocol.

    `shares` of each step's duration at which voltages are fitted; `noise_uv` of a voltage sample and `capacity_noise`,
    relative, of a step's charge and duration are estimated where they are not given.
    """

    file: str
    format: Literal["auto", "biologic-mpt", "biologic-mpr", "eclab-table", "bdf-csv"] = "auto"
    area_cm2: Positive
    positive_current: Literal["charge", "discharge"] = "charge"
    time_s: TimeSpan | None = None
    shares: list[Share] = SHARES
    fit_rests: bool = False
    noise_uv: Positive | None = None
    capacity_noise: Fraction | None = None

    @field_validator("shares")
    @classmethod
    def _increasing(cls, value: list[float]) -> list[float]:
        if any(b <= a for a, b in pairwise(value)):
            raise ValueError(f"must increase, but are {value}")
        return value


class StepTableTable(Table):
    """A table with one row a step; `noise_uv` of its voltages is needed where it has some, `capacity_noise`, relative,
    of capacities, durations and efficiencies is estimated where it is not given."""

    file: str
    noise_uv: Positive | None = None
    capacity_noise: Fraction | None = None


class ProtocolStudyFile(Table):
    """The whole file."""

    study: StudyTable
    protocol: ProtocolTable
    data: RecordTable | None = None
    step_table: StepTableTable | None = None
    cell: CellTable
    parameters: Annotated[dict[str, ParameterTable], Field(min_length=1)]
    fit: FitTable = FitTable(starts=12)
    """As many starts as a traced trade-off has points: one compiled program for both."""
    posterior: PosteriorTable = PosteriorTable()

    @model_validator(mode="after")
    def _one_source(self) -> "ProtocolStudyFile":
        if (self.data is None) == (self.step_table is None):
            raise ValueError("needs one of the tables [data] (a cycling record) and [step_table] (one row a step)")
        return self
