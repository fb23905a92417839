"""The tables of a study of several measurements: [[measurement]], what they have in common, and what is shared."""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from jaxcell.study.schema import FitTable, ParameterTable, PosteriorTable, StudyTable, Table

TABLES: dict[str, tuple[str, ...]] = {
    "curve": ("data",),
    "steps": ("protocol", "data", "step_table"),
    "capacities": ("capacities", "losses"),
    "spectrum": ("spectrum", "rig"),
}
"""Tables of a measurement by its kind, those of a study of that kind alone."""


class MeasurementTable(Table):
    """One measurement: tables as in a study of its `kind` alone; `cell` holds what differs from the common [cell]."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z]\w*$")]
    kind: Literal["curve", "steps", "capacities", "spectrum"]
    cell: dict[str, Any] = Field(default={})
    data: dict[str, Any] | None = None
    protocol: dict[str, Any] | None = None
    step_table: dict[str, Any] | None = None
    capacities: dict[str, Any] | None = None
    losses: dict[str, Any] | None = None
    spectrum: dict[str, Any] | None = None
    rig: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _of_its_kind(self) -> "MeasurementTable":
        known = TABLES[self.kind]
        given = [table for tables in TABLES.values() for table in tables if getattr(self, table) is not None]
        wrong = [table for table in given if table not in known]
        if wrong:
            raise ValueError(
                f"takes no table {wrong[0]} with kind = {self.kind!r}, which has {', '.join(known)}; this is "
                f"{self.name!r}"
            )
        if known[0] not in given:
            raise ValueError(f"needs a table {known[0]} with kind = {self.kind!r}; this is {self.name!r}")
        if self.kind == "capacities" and self.cell:
            raise ValueError(f"takes no table cell with kind = 'capacities', which fits no cell; this is {self.name!r}")
        return self


class JointParameterTable(ParameterTable):
    """A fitted number of the measurements that it is named for.

    `measurements` (default: all of a cell, and of a path below `rig.` all spectra) have it at `path`, those in
    `path_in` at a path of their own; `shared`: one number for all of them, or one for each.
    """

    shared: bool = True
    measurements: Annotated[list[str], Field(min_length=1)] | None = None
    path_in: dict[str, str | list[str]] = Field(default={})

    def paths_in(self, kinds: dict[str, str]) -> dict[str, list[str]]:
        """Paths by measurement; `kinds` of all measurements by their names."""
        leads = all(path.startswith("rig.") for path in self.paths)
        usual = [name for name, kind in kinds.items() if kind == "spectrum" or (kind != "capacities" and not leads)]
        named = usual if self.measurements is None else self.measurements
        own = {name: [path] if isinstance(path, str) else path for name, path in self.path_in.items()}
        return dict.fromkeys(named, self.paths) | own

    def at(self, paths: list[str]) -> ParameterTable:
        """The number of one measurement."""
        told = self.model_dump(exclude={"shared", "measurements", "path_in"}, exclude_none=True)
        return ParameterTable.model_validate(told | {"path": paths})


class JointStudyFile(Table):
    """The whole file."""

    study: StudyTable
    cell: dict[str, Any] = Field(default={})
    measurement: Annotated[list[MeasurementTable], Field(min_length=1)]
    parameters: dict[str, JointParameterTable] = Field(default={})
    fit: FitTable = FitTable(starts=12)
    """As many starts as a traced trade-off has points: one compiled program for both."""
    posterior: PosteriorTable = PosteriorTable()

    @model_validator(mode="after")
    def _names(self) -> "JointStudyFile":
        names = sorted(one.name for one in self.measurement)
        twice = [one for one, other in pairwise(names) if one == other]
        if twice:
            raise ValueError(f"must give each [[measurement]] a name of its own, but {twice[0]!r} is there twice")
        for name, table in self.parameters.items():
            for one in (*(table.measurements or ()), *table.path_in):
                if one not in names:
                    raise ValueError(
                        f"[parameters.{name}] is for the measurement {one!r}, which is not there; there are "
                        f"{', '.join(names)}"
                    )
        return self

    @property
    def kinds(self) -> dict[str, str]:
        """Kind of each measurement by its name."""
        return {one.name: one.kind for one in self.measurement}
