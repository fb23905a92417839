"""Run a study of several measurements."""

from dataclasses import dataclass
from time import perf_counter

import jax.numpy as jnp

from jaxcell.inference import (
    CellLithiumLoss,
    FitResult,
    Forecast,
    Identifiability,
    InventoryProblem,
    JointProblem,
    LithiumLoss,
    ProtocolProblem,
    cell_lithium_loss,
    explain,
    forecast,
    joint_settings,
    lithium_loss,
)
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.study.joint_study import JointStudy, ReadMeasurement
from jaxcell.study.messages import StudyError
from jaxcell.study.progress import Progress
from jaxcell.study.run import (
    GRID_SHIFT,
    TIGHTER,
    fit_again,
    grid_shift,
    interruptible_fit,
    started_at,
    tightened,
)

FEWEST_POINTS = 12
"""Of a traced trade-off, before a fit as after it."""


@dataclass(frozen=True)
class JointResult:
    """A finished, or interrupted, fit of a study of several measurements.

    Attributes:
        study, read, problem: what was fitted; `read` by the name of the measurement.
        fit: the answer, in SI.
        written: unit and paths of each parameter in the study; `factors` from that unit to SI.
        losses: lithium lost by channel, of the cells with loss channels; and, of capacities, per cycle.
        forecasts: of capacities beyond the record, where its table has cycles beyond it.
        seconds: wall time of the fit, compilation included [s].
    """

    study: JointStudy
    read: dict[str, ReadMeasurement]
    problem: JointProblem
    fit: FitResult
    written: dict[str, tuple[str, list[str]]]
    factors: dict[str, float]
    losses: dict[str, CellLithiumLoss | LithiumLoss]
    forecasts: dict[str, Forecast]
    seconds: float


def run_joint(study: JointStudy, tell: Progress) -> JointResult:
    """Read the data of a study and fit its cells; raises as `JointStudy.read` and `problem`, and where no start can be
    run."""
    read, problem = prepare_joint(study, tell)
    settings, table = joint_settings(problem), study.content.fit
    begun = perf_counter()
    try:
        found = interruptible_fit(problem, table, tell, settings)
        for _ in range(TIGHTER):
            problem = problem.renewed(jnp.asarray(found.theta))
            finer = {} if found.interrupted else _finer(problem, found)
            if not finer:
                break
            tell("fitting again with smaller time steps", 0, 0)
            problem = started_at(problem.with_problems(finer), found)
            found = fit_again(problem, table, tell, settings, found)
    except ValueError as error:
        raise StudyError(f"{study.source}: {error}") from error
    seconds = perf_counter() - begun
    tell("writing the report", 0, 0)
    written, factors = as_written(study, read, problem)
    losses, ahead = _losses(problem, found, table.seed), _forecasts(problem, found, table.seed)
    return JointResult(study, read, problem, found, written, factors, losses, ahead, seconds)


def explain_joint(
    study: JointStudy, tell: Progress
) -> tuple[dict[str, ReadMeasurement], JointProblem, Identifiability]:
    """What the measurements together could tell if the start values were the truth; raises as `run_joint`."""
    read, problem = prepare_joint(study, tell)
    tell("asking what the measurements can tell", 0, 0)
    points = max(study.content.fit.starts, FEWEST_POINTS)
    try:
        return read, problem, explain(problem, settings=joint_settings(problem), points=points)
    except ValueError as error:
        raise StudyError(f"{study.source}: {error}") from error


def prepare_joint(study: JointStudy, tell: Progress) -> tuple[dict[str, ReadMeasurement], JointProblem]:
    """The measurements and the problem; raises as `run_joint`."""
    tell("reading the study and its data", 0, 0)
    read = study.read()
    return read, study.problem(read)


def _finer(problem: JointProblem, found: FitResult) -> dict[str, CellProblem]:
    """The curves whose step grid shifts an estimate by more than half a standard error, on a finer one."""
    finer = {}
    for name in problem.names:
        one = problem.member(name)
        if isinstance(one, CellProblem):
            theta = problem.theta_of(name, jnp.asarray(found.theta))
            if grid_shift(one, theta, found.members[name].noise.inflation) > GRID_SHIFT:
                finer[name] = tightened(one)
    return finer


def as_written(
    study: JointStudy, read: dict[str, ReadMeasurement], problem: JointProblem
) -> tuple[dict[str, tuple[str, list[str]]], dict[str, float]]:
    """Unit and paths of every parameter in the study, and the factor from there to SI, by its name among all."""
    written, factors = {}, {}
    for member, one in read.items():
        for own in one.problem.parameters.parameters:
            name = study.joint_name(member, own.name)
            table = study.content.parameters.get(own.name)
            paths = [] if table is None else table.paths_in(study.content.kinds).get(member, [])
            unit = own.unit if table is None or not paths else table.unit
            written.setdefault(name, (unit, paths or list(own.paths)))
            factors.setdefault(name, one.factors[own.name])
    return {name: written[name] for name in problem.parameters.names}, factors


def _losses(problem: JointProblem, found: FitResult, seed: int) -> dict[str, CellLithiumLoss | LithiumLoss]:
    losses: dict[str, CellLithiumLoss | LithiumLoss] = {}
    for name in problem.names:
        one = problem.member(name)
        if isinstance(one, InventoryProblem):
            losses[name] = lithium_loss(problem, found, member=name, seed=seed)
        elif isinstance(one, CellProblem | ProtocolProblem):
            loss = cell_lithium_loss(one, found.combinations_of(name))
            if loss is not None:
                losses[name] = loss
    return losses


def _forecasts(problem: JointProblem, found: FitResult, seed: int) -> dict[str, Forecast]:
    forecasts = {}
    for name in problem.names:
        one = problem.member(name)
        if isinstance(one, InventoryProblem) and int(one.segments[-1]) < 0:
            forecasts[name] = forecast(problem, found, member=name, seed=seed)
    return forecasts
