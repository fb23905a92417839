"""The answer of a study of several measurements: as a folder of files, and in words for the terminal."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from jaxcell.answer import origin, print_bullets, write_answer
from jaxcell.estimates import finite, in_study_units, print_estimates, print_notices, print_verdicts, with_meanings
from jaxcell.inference import Identifiability, InventoryProblem, JointProblem, ProtocolProblem, SpectrumProblem
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.lost_lithium import lost_lithium_units
from jaxcell.io.dataset import FittedRows
from jaxcell.prior_report import print_believed
from jaxcell.study.joint_run import JointResult, as_written
from jaxcell.study.joint_study import JointStudy, ReadMeasurement
from jaxcell.study.misfit import misfit
from jaxcell.study.spectra import fitted_spectrum, in_ohm_cm2
from jaxcell.study.words import misfit_words
from jaxcell.units import to_ohm_cm2

SCHEMA = "jaxcell-joint/1"


def save_joint(result: JointResult, folder: Path) -> None:
    """Write result.json, config.toml, timeseries.csv (every residual) and the figures into an existing folder."""
    from jaxcell.joint_plots import joint_figure
    from jaxcell.plots import ridge_figure

    figures = write_answer(folder, to_dict(result), result.study, by_measurement(result))
    joint_figure(result).savefig(figures / "fit.png", metadata={"Software": None})
    ridges = ridge_figure(result)
    if ridges is not None:
        ridges.savefig(figures / "ridge.png", metadata={"Software": None})


def to_dict(result: JointResult) -> dict[str, Any]:
    """The content of result.json: estimates in the units of the study, lithium in mAh cm-2; None where not finite."""
    answer = in_study_units(result.fit.to_dict(), result.written, result.factors)
    apart = {f"{name}.{one}" for name in result.read for one in _lost(result.problem, name)}
    answer["combinations"] = {name: one for name, one in answer["combinations"].items() if name not in apart}
    answer = with_meanings(answer)
    answer["fit"]["seconds"] = round(result.seconds, 3)
    seed, device = result.study.content.fit.seed, jax.devices()[0]
    met = {name: in_ohm_cm2(one).to_dict() | {"words": words(result, name)} for name, one in result.fit.members.items()}
    return finite(
        {
            "schema": SCHEMA,
            "study": {"name": result.study.name, **result.study.content.study.model_dump()},
            **answer,
            "shared": result.study.shared,
            "measurements": met,
            "lithium": {name: loss.to_dict() for name, loss in result.losses.items()},
            "forecasts": {name: _ahead(result, name) for name in result.forecasts},
            "provenance": {
                name: origin(one.provenance, one.study.resolved(), seed) for name, one in result.read.items()
            },
            "device": f"{device.platform} ({device.device_kind})",
        }
    )


def words(result: JointResult, name: str) -> list[str]:
    """How one measurement is met."""
    data, problem = result.read[name].data, result.problem.member(name)
    if not (isinstance(data, FittedRows) and isinstance(problem, CellProblem)):
        return [f"{in_ohm_cm2(result.fit.members[name]).sentence}."]
    return [f"{name}: {sentence}" for sentence in misfit_words(misfit(data, _voltage(result, name)))]


def by_measurement(result: JointResult) -> pd.DataFrame:
    """One row a residual, in standard deviations of the stated noise; of curves with time and voltages, of spectra with
    frequency and impedance, all real parts before the imaginary ones."""
    frames = []
    for name, met in result.fit.members.items():
        fitted = met.segments >= 0
        columns: dict[str, Any] = {
            "Measurement": name,
            "Stretch": met.segments[fitted],
            "Residual / 1": met.residuals[fitted],
        }
        data, problem = result.read[name].data, result.problem.member(name)
        if isinstance(data, FittedRows) and isinstance(problem, CellProblem):
            columns |= {
                "Test Time / s": np.asarray(data.dataset.time)[fitted],
                "Voltage / V": np.asarray(data.dataset.voltage)[fitted],
                "Fitted Voltage / V": _voltage(result, name)[fitted],
            }
        elif isinstance(problem, SpectrumProblem):
            measured: NDArray[np.complex128] = np.asarray(problem.data.impedance)
            model = fitted_spectrum(result, name)
            columns |= {
                "Frequency / Hz": np.tile(np.asarray(problem.data.frequency), 2),
                "Part": np.repeat(["real", "imaginary"], measured.size),
                "Impedance / ohm cm2": to_ohm_cm2(np.concatenate([measured.real, measured.imag])),
                "Fitted Impedance / ohm cm2": to_ohm_cm2(np.concatenate([model.real, model.imag])),
            }
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def print_joint(console: Console, result: JointResult) -> None:
    """The answer in words and tables: what is identified first."""
    answer = to_dict(result)
    console.print(f"[bold]{result.study.content.study.title}[/]")
    for name, one in result.read.items():
        points = result.fit.members[name].noise.n_points
        console.print(f"{name}: {one.provenance.name} (sha256 {one.provenance.sha256[:12]}), {points} points fitted")
        print_notices(console, one.provenance.notices)
    for name, members in result.study.shared.items():
        console.print(f"{name} is one number for {', '.join(members)}", soft_wrap=True)
    console.print()
    print_estimates(console, answer)
    told = [sentence for one in answer["measurements"].values() for sentence in one["words"]]
    print_bullets(console, "How well the model fits", told)
    lost = [f"{name}: {sentence}" for name, loss in result.losses.items() for sentence in loss.sentences]
    print_bullets(console, "Lithium", lost)
    ahead = [f"{name}: {_ahead(result, name)['words']}" for name in result.forecasts]
    print_bullets(console, "Capacities that were not recorded", ahead)


def print_joint_explanation(
    console: Console,
    study: JointStudy,
    read: dict[str, ReadMeasurement],
    problem: JointProblem,
    found: Identifiability,
) -> None:
    """What the measurements could tell together, before any fit."""
    console.print(f"[bold]{study.content.study.title}[/]")
    console.print(f"\nIf the start values of the study were true, what would {', '.join(problem.names)} tell together?")
    print_verdicts(console, found)
    written, factors = as_written(study, read, problem)
    print_believed(console, problem.parameters, {name: unit for name, (unit, _) in written.items()}, factors)
    print_bullets(console, "Directions, worst seen first", [d.sentence for d in found.directions])
    console.print("\nNothing was fitted and nothing was written.")


def _voltage(result: JointResult, name: str) -> np.ndarray:
    """Of the model at the ends of a curve's intervals [V]."""
    problem = result.problem.member(name)
    assert isinstance(problem, CellProblem), "only curves have a voltage by time"
    return np.asarray(problem.solution(result.problem.theta_of(name, jnp.asarray(result.fit.theta))).voltage)


def _ahead(result: JointResult, name: str) -> dict[str, Any]:
    """Capacities beyond the record of one measurement, from its first cycle without one."""
    problem, found = result.problem.member(name), result.forecasts[name]
    assert isinstance(problem, InventoryProblem), "only cycles are forecast"
    cycles = np.flatnonzero(np.isfinite(found.median))
    rows = {key: getattr(found, key)[cycles].tolist() for key in ("low", "median", "high")}
    low, middle, high = (rows[key][-1] for key in ("low", "median", "high"))
    unit = problem.capacity_unit
    words = f"{middle:.3g} {unit} in cycle {cycles[-1] + 1} (95 %: {low:.3g} to {high:.3g} {unit})."
    return {"cycles": (cycles + 1).tolist(), "unit": unit, **rows, "words": words}


def _lost(problem: JointProblem, name: str) -> dict[str, str]:
    """Lithium of a measurement's loss channels, which has a place of its own."""
    one = problem.member(name)
    return lost_lithium_units(one.channels) if isinstance(one, CellProblem | ProtocolProblem) else {}
