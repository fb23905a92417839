"""A study of cycles whose steps end by themselves: which protocol, which record or table, which cell and numbers."""

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from jaxcell.study.messages import StudyError
from jaxcell.study.progress import Progress
from jaxcell.study.protocol_schema import ProtocolStudyFile
from jaxcell.study.study import CellStudy

if TYPE_CHECKING:
    from jaxcell.inference import CellLithiumLoss, FitResult, Identifiability, ProtocolProblem, StepData
    from jaxcell.io.provenance import Provenance
    from jaxcell.ledger import Ledger
    from jaxcell.protocol import Protocol
    from jaxcell.simulation import Solution
    from jaxcell.study.planned_steps import PlannedStep

FEWEST_POINTS = 12
"""Of a traced trade-off, before a fit as after it."""


@dataclass(frozen=True)
class MeasuredSteps:
    """What of the steps of a protocol is fitted, and where it comes from."""

    planned: "list[PlannedStep]"
    data: "list[StepData]"
    provenance: "Provenance"


@dataclass(frozen=True)
class ProtocolStudy(CellStudy):
    """A checked study of a protocol whose steps end by themselves."""

    content: ProtocolStudyFile

    @property
    def data_table(self) -> str:
        return "data" if self.content.step_table is None else "step_table"

    def protocol(self) -> "Protocol":
        """The steps of the file.

        Raises:
            StudyError: a sentence is not understood.
        """
        from jaxcell.protocol import Protocol

        try:
            return Protocol.of(self.content.protocol.sentences)
        except ValueError as error:
            raise StudyError(f"{self.source}: [protocol] steps: {error}") from error

    def measured(self) -> MeasuredSteps:
        """Read the record or the table, and match it with the protocol.

        Raises:
            StudyError: a sentence is not understood, or the data are those of other steps.
            MeasurementError: the file cannot be read.
        """
        from jaxcell.io import read_measurement, read_step_table, recorded_steps
        from jaxcell.study.planned_steps import planned_steps
        from jaxcell.study.record_steps import data_of_record
        from jaxcell.study.table_steps import data_of_table

        planned = planned_steps(self.protocol(), self.content.protocol.sentences, self.source)
        record, table = self.content.data, self.content.step_table
        if table is not None:
            read = read_step_table(self.data_path())
            data = data_of_table(read, planned, table, self.cell().plating_sign, self.source)
            return MeasuredSteps(planned, data, read.provenance)
        assert record is not None, "the schema asks for one of both"
        measurement = read_measurement(
            self.data_path(),
            area=record.area_cm2 * 1e-4,
            format=record.format,
            positive_current=record.positive_current,
        )
        if record.time_s is not None:
            measurement = measurement.select(time=(record.time_s[0], record.time_s[1]))
        data = data_of_record(recorded_steps(measurement), planned, record, self.source)
        return MeasuredSteps(planned, data, measurement.provenance)

    def problem(self, measured: MeasuredSteps) -> "ProtocolProblem":
        """The fitting problem.

        Raises:
            StudyError: as `cell`, `parameters` and `protocol`.
        """
        from jaxcell.inference import ProtocolProblem
        from jaxcell.inference.protocol_problem import usual_settings

        table, source = self.content.fit, self.content.data or self.content.step_table
        assert source is not None, "the schema asks for one of both"
        settings = usual_settings(measured.data)
        settings = replace(settings, rtol=table.rtol or settings.rtol, atol=table.atol or settings.atol)
        try:
            return ProtocolProblem(
                self.cell(),
                self.protocol(),
                measured.data,
                self.parameters(),
                settings=settings,
                grid_points=table.grid_points,
                ends_estimated=source.capacity_noise is None,
            )
        except ValueError as error:
            raise StudyError(f"{self.source}: {error}") from error


@dataclass(frozen=True)
class ProtocolResult:
    """A finished, or interrupted, fit of a study.

    Attributes:
        study, measured, problem: what was fitted.
        fit: the answer, in SI.
        factors: factor from each parameter's unit in the study to SI.
        solution, ledger: the simulation at the estimate.
        loss: lithium lost by channel; None for a cell without loss channels.
        seconds: wall time of the fit, compilation included [s].
    """

    study: ProtocolStudy
    measured: MeasuredSteps
    problem: "ProtocolProblem"
    fit: "FitResult"
    factors: dict[str, float]
    solution: "Solution"
    ledger: "Ledger"
    loss: "CellLithiumLoss | None"
    seconds: float


def run_protocol(study: ProtocolStudy, tell: Progress) -> ProtocolResult:
    """Read the data of a study and fit its cell; raises as `ProtocolStudy.measured` and `problem`, and where no start
    can be run."""
    import jax.numpy as jnp

    from jaxcell.inference import PROTOCOL_FIT, cell_lithium_loss
    from jaxcell.ledger import lithium_ledger
    from jaxcell.study.run import interruptible_fit

    tell("reading the study and its data", 0, 0)
    study.parameters()  # a wrong path or bound is told before a large file is read
    measured = study.measured()
    problem = study.problem(measured)
    begun = perf_counter()
    try:
        found = interruptible_fit(problem, study.content.fit, tell, PROTOCOL_FIT)
    except ValueError as error:
        raise StudyError(f"{study.source}: {error} {_why_not(problem, measured)}") from error
    seconds = perf_counter() - begun
    tell("writing the report", 0, 0)
    theta = jnp.asarray(found.theta)
    problem = problem.renewed(theta)
    solution = problem.solution(theta)
    loss = cell_lithium_loss(problem, found.combinations)
    ledger = lithium_ledger(solution)
    return ProtocolResult(study, measured, problem, found, study.factors(), solution, ledger, loss, seconds)


def explain_protocol(
    study: ProtocolStudy, tell: Progress
) -> "tuple[MeasuredSteps, ProtocolProblem, Identifiability, CellLithiumLoss | None]":
    """What the measurement could tell if the start values were the truth; raises as `run_protocol`."""
    from jaxcell.inference import PROTOCOL_FIT, cell_lithium_loss, explain
    from jaxcell.inference.combinations import estimate_combinations
    from jaxcell.inference.identifiability import Thresholds

    tell("reading the study and its data", 0, 0)
    measured = study.measured()
    problem = study.problem(measured)
    tell("asking what the measurement can tell", 0, 0)
    try:
        found = explain(problem, settings=PROTOCOL_FIT, points=max(study.content.fit.starts, FEWEST_POINTS))
    except ValueError as error:
        raise StudyError(f"{study.source}: {error} {_why_not(problem, measured)}") from error
    combined = estimate_combinations(problem, problem.parameters.initial, found, Thresholds())
    return measured, problem, found, cell_lithium_loss(problem, {one.name: one for one in combined})


def _why_not(problem: "ProtocolProblem", measured: MeasuredSteps) -> str:
    """What goes wrong at the start values of the study."""
    solution = problem.solution(problem.parameters.initial)
    if int(solution.status) != 0:
        number = int(solution.step[min(solution.reached, solution.step.shape[0] - 1)])
        reason = solution.result.sentence.split(";")[0].rstrip(".")
        where = f"at {float(solution.trajectory.final_time):.6g} s, in {measured.planned[number].name[:-1]}"
        return f"At the start values of the study: {reason}, {where}."
    skipped = [measured.planned[number].name[:-1] for number in solution.skipped]
    if skipped:
        return f"At the start values of the study the cell is beyond the stop as it begins {skipped[0]}."
    return "At the start values of the study the run succeeds, but an end of it has no derivative."
