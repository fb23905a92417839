"""A study of several measurements: each is a study of its own, and some of their numbers are one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from jaxcell.study.capacities import CapacityStudy, CapacityStudyFile
from jaxcell.study.joint_schema import TABLES, JointStudyFile, MeasurementTable
from jaxcell.study.messages import StudyError, checked
from jaxcell.study.protocol_schema import ProtocolStudyFile
from jaxcell.study.protocol_study import MeasuredSteps, ProtocolStudy
from jaxcell.study.schema import ParameterTable, StudyFile
from jaxcell.study.spectrum_study import SpectrumStudy, SpectrumStudyFile
from jaxcell.study.study import Study, with_fit_options

if TYPE_CHECKING:
    from jaxcell.inference import JointProblem, Problem, SpectrumData
    from jaxcell.io import CycleTable
    from jaxcell.io.dataset import FittedRows
    from jaxcell.io.provenance import Provenance

Member: TypeAlias = Study | ProtocolStudy | CapacityStudy | SpectrumStudy


@dataclass(frozen=True)
class ReadMeasurement:
    """A measurement as it was read, and its fitting problem.

    Attributes:
        study: of this measurement alone.
        data: its fitted rows, steps, table of capacities, or spectrum.
        provenance: where they come from.
        problem: what is fitted, by the names of the file.
        factors: factor from each parameter's unit in the file to that of the problem.
    """

    study: Member
    data: "FittedRows | MeasuredSteps | CycleTable | SpectrumData"
    provenance: "Provenance"
    problem: "Problem"
    factors: dict[str, float]


@dataclass(frozen=True)
class JointStudy:
    """A checked study file of several measurements; attributes as in `Study`, `members` by name."""

    name: str
    source: str
    folder: Path
    content: JointStudyFile
    members: dict[str, Member]

    @classmethod
    def of(cls, name: str, source: str, folder: Path, content: JointStudyFile) -> "JointStudy":
        """The study of a file's tables.

        Raises:
            StudyError: a measurement is not a study that could be fitted alone, or has nothing to fit.
        """
        paths = {name: table.paths_in(content.kinds) for name, table in content.parameters.items()}
        members = {}
        for table in content.measurement:
            fitted = {
                name: content.parameters[name].at(where[table.name])
                for name, where in paths.items()
                if table.name in where
            }
            members[table.name] = _member(content, table, fitted, source, folder)
        return cls(name, source, folder, content, members)

    def with_options(
        self, *, data: str | os.PathLike[str] | None = None, starts: int | None = None, seed: int | None = None
    ) -> "JointStudy":
        """As `Study.with_options`, but for `data`: it names one file, and there are several."""
        if data is not None:
            raise StudyError(f"--data names one file, but {self.source} has several measurements.")
        return replace(self, content=with_fit_options(self.content, starts=starts, seed=seed))

    @property
    def shared(self) -> dict[str, list[str]]:
        """Measurements by the parameter that they share."""
        found = {}
        for name, table in self.content.parameters.items():
            among = list(table.paths_in(self.content.kinds))
            if table.shared and len(among) > 1:
                found[name] = [member for member in self.members if member in among]
        return found

    def joint_name(self, member: str, parameter: str) -> str:
        """Name of a measurement's parameter among all."""
        return parameter if member in self.shared.get(parameter, []) else f"{member}.{parameter}"

    def read(self) -> dict[str, ReadMeasurement]:
        """Read every measurement.

        Raises:
            StudyError, MeasurementError: as the study of each measurement.
        """
        for member in self.members.values():
            if not isinstance(member, CapacityStudy):
                member.parameters()  # a wrong path or bound is told before a large file is read
        return {name: self._read(name, member) for name, member in self.members.items()}

    def problem(self, read: dict[str, ReadMeasurement]) -> "JointProblem":
        """The fitting problem of all measurements.

        Raises:
            StudyError: a shared parameter is not one number.
        """
        from jaxcell.inference import JointProblem
        from jaxcell.study.priors import with_common_priors

        own = {name: one.problem for name, one in read.items()}
        try:
            return JointProblem(with_common_priors(own, self.shared, self.content.parameters), shared=self.shared)
        except ValueError as error:
            raise StudyError(f"{self.source}: {error}") from error

    def resolved(self) -> dict[str, Any]:
        """Every table with defaults filled in, in lab units; without absolute paths."""
        tables = self.content.model_dump(exclude_none=True, exclude={"cell", "measurement"})
        for table in tables["parameters"].values():
            if not table["path_in"]:
                del table["path_in"]
        measurements = []
        for written in self.content.measurement:
            own = self.members[written.name].resolved()
            kept = {key: own[key] for key in ("cell", *_TABLES) if key in own}
            measurements.append({"name": written.name, "kind": written.kind, **kept})
        return {"study": tables.pop("study"), "measurement": measurements, **tables}

    def _read(self, name: str, member: Member) -> ReadMeasurement:
        if isinstance(member, CapacityStudy):
            return _read_capacities(member, self.content, name)
        if isinstance(member, ProtocolStudy):
            steps = member.measured()
            return ReadMeasurement(member, steps, steps.provenance, member.problem(steps), member.factors())
        measurement = member.measurement()
        if isinstance(member, SpectrumStudy):
            sweep = member.spectrum(measurement)
            return ReadMeasurement(member, sweep, measurement.provenance, member.problem(sweep), member.factors())
        rows = member.fitted_rows(measurement)
        return ReadMeasurement(member, rows, measurement.provenance, member.problem(rows), member.factors())


_TABLES = tuple(dict.fromkeys(table for tables in TABLES.values() for table in tables))


def _member(
    content: JointStudyFile, table: MeasurementTable, fitted: dict[str, ParameterTable], source: str, folder: Path
) -> Member:
    """The study of one measurement."""
    where = f"{source}: measurement {table.name!r}"
    tables: dict[str, Any] = {"study": content.study.model_dump()}
    tables |= {key: value for key in _TABLES if (value := getattr(table, key)) is not None}
    if table.kind == "capacities":
        return CapacityStudy(table.name, where, folder, checked(CapacityStudyFile, tables, where))
    if not fitted:
        raise StudyError(f"{where} has nothing to fit: no [parameters.NAME] is for it.")
    tables["cell"] = _merged(content.cell, table.cell)
    tables["parameters"] = {name: one.model_dump(exclude_none=True) for name, one in fitted.items()}
    tables["fit"] = content.fit.model_dump(exclude_none=True)
    if table.kind == "steps":
        return ProtocolStudy(table.name, where, folder, checked(ProtocolStudyFile, tables, where))
    if table.kind == "spectrum":
        return SpectrumStudy(table.name, where, folder, checked(SpectrumStudyFile, tables, where))
    return Study(table.name, where, folder, checked(StudyFile, tables, where))


def _merged(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The common tables with what one measurement says in their place."""
    found = dict(common)
    for key, value in own.items():
        both = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
        found[key] = _merged(found[key], value) if both else value
    return found


def _read_capacities(study: CapacityStudy, content: JointStudyFile, name: str) -> ReadMeasurement:
    """Capacities of one cell, with the parameters of the file in place of the usual ones at the same paths."""
    import equinox as eqx

    from jaxcell.inference import ParameterSet
    from jaxcell.study.build import named_parameter

    table = study.table()
    cells = study.cells(table)
    if len(cells) > 1:
        raise StudyError(f"{study.source} must be of one cell; choose it with cell = ... in its table capacities.")
    problem = study.problem(table, cells[0])
    usual = {p.paths[0]: p for p in problem.parameters.parameters}
    for parameter, told in content.parameters.items():
        paths = told.paths_in(content.kinds).get(name)
        if paths is None:
            continue
        if len(paths) != 1 or paths[0] not in usual:
            raise StudyError(
                f"{study.source} has no number at {', '.join(paths)} to fit as [parameters.{parameter}]; there are "
                f"{', '.join(usual)}."
            )
        before = usual[paths[0]]
        if told.unit != before.unit:
            raise StudyError(
                f"{study.source}: [parameters.{parameter}] unit must be {before.unit!r} for {paths[0]}, but is "
                f"{told.unit!r}."
            )
        usual[paths[0]] = named_parameter(parameter, told.at(paths), before)
    chosen = ParameterSet(tuple(usual.values()))
    problem = eqx.tree_at(lambda p: p.parameters, problem, chosen)
    return ReadMeasurement(study, table, table.provenance, problem, dict.fromkeys(chosen.names, 1.0))
