"""Run a study: read, fit, check the step grid, and keep everything a report needs."""

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from jaxcell.inference import (
    CellLithiumLoss,
    FitResult,
    FitSettings,
    Identifiability,
    Problem,
    cell_lithium_loss,
    explain,
    fit,
)
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.multistart import FROM_KEYBOARD
from jaxcell.io import Measurement
from jaxcell.io.dataset import FittedRows
from jaxcell.ledger import Ledger, lithium_ledger
from jaxcell.simulation import Solution
from jaxcell.study.messages import StudyError
from jaxcell.study.misfit import Misfit, misfit
from jaxcell.study.progress import Progress, silent
from jaxcell.study.schema import FitTable
from jaxcell.study.study import Study

Started = TypeVar("Started", bound=Problem)

GRID_SHIFT = 0.5
"""Time steps are tightened while their error, as a misfit, exceeds this many standard deviations: then it shifts no
estimate by more than this many standard errors."""
TIGHTER = 3


@dataclass(frozen=True)
class StudyResult:
    """A finished, or interrupted, fit of a study.

    Attributes:
        study, measurement, rows, problem: what was fitted.
        fit: the answer, in SI.
        factors: factor from each parameter's unit in the study to SI.
        solution: the simulation at the estimate.
        misfit, ledger: what the residuals and the lithium say.
        loss: lithium lost by channel; None for a cell without loss channels.
        grid_error: root mean square change of the fitted voltages when every time step is halved [V].
        seconds: wall time of the fit, compilation included [s].
    """

    study: Study
    measurement: Measurement
    rows: FittedRows
    problem: CellProblem
    fit: FitResult
    factors: dict[str, float]
    solution: Solution
    misfit: Misfit
    ledger: Ledger
    loss: CellLithiumLoss | None
    grid_error: float
    seconds: float

    @property
    def voltage(self) -> np.ndarray:
        """Voltage of the model at the ends of the intervals [V]."""
        return np.asarray(self.solution.voltage)


def run_study(study: Study, progress: Progress | None = None) -> StudyResult:
    """Read the data of a study and fit its cell.

    Raises:
        StudyError, MeasurementError: the study or its data cannot be used; see `Study`.
    """
    tell = progress if progress is not None else silent
    tell("reading the study and its data", 0, 0)
    measurement, rows, problem = prepare(study, tell)
    begun = perf_counter()
    try:
        found = interruptible_fit(problem, study.content.fit, tell)
        for _ in range(TIGHTER):
            problem = problem.renewed(jnp.asarray(found.theta))
            if found.interrupted or grid_shift(problem, found.theta, found.noise.inflation) <= GRID_SHIFT:
                break
            tell("fitting again with smaller time steps", 0, 0)
            problem = started_at(tightened(problem), found)
            found = fit_again(problem, study.content.fit, tell, None, found)
    except ValueError as error:
        raise StudyError(f"{study.source}: {error}") from error
    seconds = perf_counter() - begun
    tell("writing the report", 0, 0)
    solution = problem.solution(jnp.asarray(found.theta))
    return StudyResult(
        study=study,
        measurement=measurement,
        rows=rows,
        problem=problem,
        fit=found,
        factors=study.factors(),
        solution=solution,
        misfit=misfit(rows, np.asarray(solution.voltage)),
        ledger=lithium_ledger(solution),
        loss=cell_lithium_loss(problem, found.combinations),
        grid_error=float(np.sqrt(np.mean(_grid_error(problem, found.theta) ** 2))),
        seconds=seconds,
    )


def prepare(study: Study, tell: Progress | None = None) -> tuple[Measurement, FittedRows, CellProblem]:
    """Measurement, fitted rows and problem of a study; raises as `run_study`."""
    study.parameters()  # a wrong path or bound is told before a large file is read
    measurement = study.measurement()
    rows = study.fitted_rows(measurement)
    if tell is not None:
        tell("planning the simulation", 0, 0)
    return measurement, rows, study.problem(rows)


def explain_study(
    study: Study, progress: Progress | None = None
) -> tuple[Measurement, FittedRows, CellProblem, Identifiability]:
    """What the measurement could tell if the start values were the truth; raises as `run_study`."""
    tell = progress if progress is not None else silent
    tell("reading the study and its data", 0, 0)
    measurement, rows, problem = prepare(study, tell)
    tell("asking what the measurement can tell", 0, 0)
    return measurement, rows, problem, explain(problem)


def interruptible_fit(
    problem: Problem, table: FitTable, tell: Progress, settings: FitSettings | None = None
) -> FitResult:
    """The fit; interrupted after its first iterations, the best point so far, without ridges."""
    seen = 0
    tell("fitting (the first step compiles)", 0, 0)

    def hook(done: int, total: int) -> None:
        nonlocal seen
        seen = done
        tell("fitting" if done < total else "tracing trade-offs", done, total)

    try:
        return fit(problem, starts=table.starts, seed=table.seed, settings=settings, progress=hook)
    except KeyboardInterrupt:
        if not seen:
            raise
        reached = seen
    tell("interrupted; returning to the best point so far", 0, 0)

    def stop(done: int, total: int) -> None:
        if done >= reached:
            raise KeyboardInterrupt

    return fit(problem, starts=table.starts, seed=table.seed, settings=settings, progress=stop)


def fit_again(
    problem: Problem, table: FitTable, tell: Progress, settings: FitSettings | None, before: FitResult
) -> FitResult:
    """A better fit, or the one before it, marked as interrupted, where it does not get under way."""
    try:
        return interruptible_fit(problem, table, tell, settings)
    except KeyboardInterrupt:
        return replace(before, stopped=FROM_KEYBOARD)


def tightened(problem: CellProblem) -> CellProblem:
    """The problem with tolerances eight times tighter: half the step, for a third-order method."""
    settings = replace(problem.settings, rtol=problem.settings.rtol / 8.0, atol=problem.settings.atol / 8.0)
    return CellProblem(
        problem.cell, problem.dataset, problem.parameters, settings=settings, grid_points=problem.grid_points
    )


def grid_shift(problem: CellProblem, theta: Any, inflation: float = 1.0) -> float:
    """Norm of the step grid's error in standard deviations of the noise [1]."""
    error = _grid_error(problem, theta) / float(problem.dataset.noise)
    return float(np.sqrt(np.sum(error**2) / inflation))


def _grid_error(problem: CellProblem, theta: Any) -> np.ndarray:
    """Change of the fitted voltages [V] when every step is halved."""
    theta = jnp.asarray(theta)
    halved = eqx.tree_at(lambda p: p.plan, problem, problem.plan.refined(2))
    fitted = np.asarray(problem.segments) >= 0
    return (np.asarray(problem.solution(theta).voltage) - np.asarray(halved.solution(theta).voltage))[fitted]


def started_at(problem: Started, found: FitResult) -> Started:
    """The problem with its first start at an earlier answer."""
    values = problem.parameters.to_physical(jnp.asarray(found.theta))
    clipped = [jnp.clip(values[p.name], *p.bounds) for p in problem.parameters.parameters]
    where = lambda q: [p.initial for p in q.parameters.parameters]  # noqa: E731
    return eqx.tree_at(where, problem, clipped)
