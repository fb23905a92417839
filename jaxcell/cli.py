"""The command line: jaxcell fit STUDY.toml, jaxcell design DESIGN.toml, jaxcell spectra FILE."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxcell.device import Device, prepare_jax

if TYPE_CHECKING:  # JAX is imported inside the commands, after the device is chosen
    from rich.console import Console

    from jaxcell.design import Optimum
    from jaxcell.inference import FitResult, Posterior
    from jaxcell.study import Study
    from jaxcell.study.capacities import CapacityStudy
    from jaxcell.study.design_study import DesignStudy
    from jaxcell.study.joint_study import JointStudy
    from jaxcell.study.protocol_study import ProtocolStudy

app = typer.Typer(
    name="jaxcell", add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)

NOT_CONVERGED, INTERRUPTED = 3, 130
READER_OPTIONS = {"area": "--area-cm2", "electrode": "--electrode"}
"""Options by the reader's argument that they give."""


class Electrode(str, Enum):  # noqa: UP042  (typer shows the values)
    """Whose impedance is read where three electrodes were recorded."""

    working = "working"
    counter = "counter"
    full = "full"


def main() -> None:
    """Entry point of the `jaxcell` command."""
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:  # XLA may still be compiling, and crashes when the interpreter is taken down
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise


def _version(wanted: bool | None) -> None:
    if wanted:
        from jaxcell import __version__

        typer.echo(f"jaxcell {__version__}")
        raise typer.Exit


@app.callback()
def jaxcell(
    version: Annotated[
        bool | None, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")
    ] = None,
) -> None:
    """Differentiable models of lithium-metal cells with a protection layer."""


@app.command()
def fit(
    study: Annotated[str, typer.Argument(metavar="STUDY.toml", help="Study file: data, cell, parameters.")],
    data: Annotated[str | None, typer.Option(metavar="FILE", help="Fit this file in place of the study's.")] = None,
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Folder for the results [results/STUDY].")] = None,
    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.auto,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what the data can tell; fit and write nothing.")
    ] = False,
    posterior: Annotated[
        bool, typer.Option("--posterior", help="Sample the posterior, too; [posterior] of the study says how.")
    ] = False,
    starts: Annotated[int | None, typer.Option(metavar="N", help="Starting points, in place of the study's.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the starting points.")] = None,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error arose.")] = False,
) -> None:
    """Fit the cell of a study to its measurement, and say what the data tell and what they do not.

    Results go to DIR as a whole or not at all. Exit codes: 0 converged, 3 not converged (results are written), 130
    interrupted (the best so far is written once there is any), 1 anything else.
    """
    with _one_sentence(traceback):
        from jaxcell.study.capacities import CapacityStudy
        from jaxcell.study.joint_study import JointStudy
        from jaxcell.study.opening import open_study
        from jaxcell.study.protocol_study import ProtocolStudy

        checked = open_study(study).with_options(data=data, starts=starts, seed=seed)
        if posterior:
            _check_posterior(isinstance(checked, CapacityStudy), explain)
        prepare_jax(device)
        place = Path(out) if out is not None else Path("results") / checked.name
        if isinstance(checked, JointStudy):
            _explain_joint(checked) if explain else _fit_joint(checked, place, posterior)
        elif isinstance(checked, ProtocolStudy):
            _explain_protocol(checked) if explain else _fit_protocol(checked, place, posterior)
        elif isinstance(checked, CapacityStudy):
            _explain_capacities(checked) if explain else _fit_capacities(checked, place)
        elif explain:
            _explain(checked)
        else:
            _fit(checked, place, posterior)


@app.command()
def design(
    file: Annotated[str, typer.Argument(metavar="DESIGN.toml", help="Cell, variables, objective, limits.")],
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Folder for the results [results/DESIGN].")] = None,
    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.auto,
    starts: Annotated[int | None, typer.Option(metavar="N", help="Starting points, in place of the file's.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of starts and samples.")] = None,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error arose.")] = False,
) -> None:
    """Choose the numbers of a cell or of its charging that serve an objective best within limits.

    Exit codes as of `fit`.
    """
    with _one_sentence(traceback):
        from jaxcell.study.design_study import DesignStudy
        from jaxcell.study.opening import open_study

        opened = open_study(file)
        if not isinstance(opened, DesignStudy):
            raise _OptionError(f"{file} has no table [objective], so it is no design; run `jaxcell fit {file}`.")
        checked = opened.with_starts(starts, seed)
        prepare_jax(device)
        _design(checked, Path(out) if out is not None else Path("results") / checked.name)


@app.command()
def spectra(
    file: Annotated[str, typer.Argument(metavar="FILE", help="File with impedance spectra.")],
    number: Annotated[str | None, typer.Option(metavar="N,N", help="Spectra to show, from 1 [all].")] = None,
    electrode: Annotated[Electrode, typer.Option(help="Whose impedance, of three electrodes.")] = Electrode.working,
    area_cm2: Annotated[float | None, typer.Option(metavar="A", help="Electrode area; shows ohm cm2.")] = None,
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Write tables and figures there.")] = None,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error arose.")] = False,
) -> None:
    """List the impedance spectra of a file, and test each by the Kramers-Kronig relations."""
    with _one_sentence(traceback):
        from jaxcell.io import ArgumentError, read_measurement
        from jaxcell.io.results import result_folder
        from jaxcell.spectra_report import check_spectra, print_spectra, save_spectra

        if area_cm2 is not None and not 0.0 < area_cm2 < float("inf"):
            raise _OptionError(f"--area-cm2 must be a number above 0 [cm2], but is {area_cm2:g}.")
        area = None if area_cm2 is None else area_cm2 * 1e-4
        try:
            measurement = read_measurement(file, area=area, electrode=electrode.value)
        except ArgumentError as error:
            raise _OptionError(error.under(READER_OPTIONS[error.argument])) from error
        with _progress() as progress:
            tested = check_spectra(measurement, None if number is None else _numbers(number), progress)
        console = _console()
        print_spectra(console, measurement, tested)
        if out is not None:
            with result_folder(Path(out)) as draft, _progress() as progress:
                save_spectra(measurement, tested, draft.path, progress)
            console.print(f"\nResults: {out}", soft_wrap=True)


def _numbers(text: str) -> list[int]:
    """The numbers in "1,4"."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise _OptionError(f"--number must be numbers separated by commas, such as 1,4, but is {text!r}.") from error


def _fit(study: "Study", place: Path, posterior: bool) -> None:
    from jaxcell.report import print_result, save
    from jaxcell.study.run import run_study

    _fitted(lambda progress: run_study(study, progress), save, print_result, place, posterior)


def _fitted(
    run: Callable[[Any], Any],
    save: Callable[[Any, Path], None],
    show: Callable[["Console", Any], None],
    place: Path,
    posterior: bool,
) -> None:
    """Run a study, sample its posterior where that is wanted, keep what was found, say it."""
    from jaxcell.io.results import beside_if_taken, result_folder

    console = _console()
    drawn, cut_short = None, False
    with result_folder(place) as draft:
        with _progress() as progress:
            result = run(progress)
            save(result, draft.path)
            if posterior and not result.fit.interrupted:
                drawn, cut_short = _sampled(result, progress, draft.path)
        if result.fit.interrupted or cut_short:
            draft.place = beside_if_taken(place)
    show(console, result)
    if drawn is not None:
        from jaxcell.posterior_report import print_posterior

        print_posterior(console, result, drawn)
    if cut_short:
        console.print("\nSampling the posterior was interrupted; the fit is kept.")
    _end(console, draft.place, result.fit)
    if cut_short:
        raise typer.Exit(INTERRUPTED)


def _sampled(result: Any, progress: Any, folder: Path) -> "tuple[Posterior | None, bool]":
    """The posterior, kept in the folder; or none, where the keyboard interrupted it."""
    from jaxcell.posterior_report import sample_posterior, save_posterior

    try:
        drawn = sample_posterior(result, progress)
    except KeyboardInterrupt:
        return None, True
    save_posterior(result, drawn, folder)
    return drawn, False


def _check_posterior(capacities: bool, explain: bool) -> None:
    """Whether --posterior can be had, before anything is run."""
    from jaxcell.inference.extras import require_bayes

    if capacities:
        raise _OptionError("--posterior is for studies of a cell; the losses of [capacities] are sampled in any case.")
    if explain:
        raise _OptionError("--posterior samples after a fit and cannot go with --explain, which fits nothing.")
    require_bayes()


def _explain(study: "Study") -> None:
    from jaxcell.report import print_explanation
    from jaxcell.study.run import explain_study

    with _progress() as progress:
        measurement, rows, problem, found = explain_study(study, progress)
    print_explanation(_console(), study, rows, problem, found, measurement)


def _design(study: "DesignStudy", place: Path) -> None:
    from jaxcell.design_report import print_design, save_design
    from jaxcell.io.results import beside_if_taken, result_folder
    from jaxcell.study.design_run import run_design

    with result_folder(place) as draft:
        with _progress() as progress:
            result = run_design(study, progress)
            save_design(result, draft.path)
        if result.optimum.interrupted:
            draft.place = beside_if_taken(place)
    console = _console()
    print_design(console, result)
    _end(console, draft.place, result.optimum)


def _fit_capacities(study: "CapacityStudy", place: Path) -> None:
    from jaxcell.capacity_report import print_capacities, save_capacities
    from jaxcell.io.results import result_folder
    from jaxcell.study.capacities import run_capacities

    with result_folder(place) as draft, _progress() as progress:
        result = run_capacities(study, progress)
        save_capacities(result, draft.path)
    console = _console()
    print_capacities(console, result)
    console.print(f"\nResults: {draft.place}", soft_wrap=True)
    if not result.converged:
        raise typer.Exit(NOT_CONVERGED)


def _explain_capacities(study: "CapacityStudy") -> None:
    from jaxcell.capacity_report import print_capacities_explanation
    from jaxcell.inference import explain
    from jaxcell.study.messages import StudyError

    table = study.table()
    cells = study.cells(table)
    if len(cells) > 1:
        raise StudyError(f"{study.source}: --explain is about one cell; choose it with cell = ... in [capacities].")
    problem = study.problem(table, cells[0])
    print_capacities_explanation(_console(), problem, explain(problem))


def _fit_protocol(study: "ProtocolStudy", place: Path, posterior: bool) -> None:
    from jaxcell.protocol_report import print_protocol, save_protocol
    from jaxcell.study.protocol_study import run_protocol

    _fitted(lambda progress: run_protocol(study, progress), save_protocol, print_protocol, place, posterior)


def _fit_joint(study: "JointStudy", place: Path, posterior: bool) -> None:
    from jaxcell.joint_report import print_joint, save_joint
    from jaxcell.study.joint_run import run_joint

    _fitted(lambda progress: run_joint(study, progress), save_joint, print_joint, place, posterior)


def _explain_joint(study: "JointStudy") -> None:
    from jaxcell.joint_report import print_joint_explanation
    from jaxcell.study.joint_run import explain_joint

    with _progress() as progress:
        read, problem, found = explain_joint(study, progress)
    print_joint_explanation(_console(), study, read, problem, found)


def _end(console: "Console", place: Path, fit: "FitResult | Optimum") -> None:
    """Where the results are, and the exit code of a fit or a design."""
    console.print(f"\nResults: {place}", soft_wrap=True)
    if fit.interrupted:
        raise typer.Exit(INTERRUPTED)
    if not fit.converged:
        raise typer.Exit(NOT_CONVERGED)


def _explain_protocol(study: "ProtocolStudy") -> None:
    from jaxcell.protocol_report import print_protocol_explanation
    from jaxcell.study.protocol_study import explain_protocol

    with _progress() as progress:
        measured, problem, found, loss = explain_protocol(study, progress)
    print_protocol_explanation(_console(), study, measured, problem, found, loss)


class _OptionError(ValueError):
    """An option that cannot be understood."""


def _console() -> "Console":
    from rich.console import Console

    console = Console(highlight=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, emoji=False, width=120)


@contextmanager
def _progress() -> Iterator[Any]:
    """A hook for `run_study` that shows a bar on a terminal, and one line per stage elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    if not console.is_terminal:
        seen: list[str] = []

        def tell_plainly(stage: str, done: int, total: int) -> None:
            if stage not in seen:
                seen.append(stage)
                typer.echo(f"{stage} ...", err=True)

        yield tell_plainly
        return
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def tell(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total or None)

        yield tell


@contextmanager
def _one_sentence(traceback: bool) -> Iterator[None]:
    """Turn whatever goes wrong into one sentence on stderr and an exit code."""
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        if traceback:
            raise
        typer.echo("Interrupted before there was a result; nothing was written.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        if traceback:
            raise
        known = isinstance(error, (ValueError, OSError, RuntimeError)) and type(error).__module__.startswith("jaxcell")
        text = " ".join(str(error).split())
        message = text if known else f"unexpected {type(error).__name__}: {text} (--traceback shows where)"
        typer.echo(f"Error: {message}", err=True)
        raise typer.Exit(1) from None
