"""The answer of a study of steps that end by themselves: as a folder of files, and in words for the terminal."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from rich.console import Console

from jaxcell.answer import origin, print_bullets, write_answer
from jaxcell.estimates import estimates, finite, print_estimates, print_notices, print_verdicts
from jaxcell.inference import CellLithiumLoss, Identifiability, ProtocolProblem, StepData
from jaxcell.prior_report import print_believed
from jaxcell.report import ledger_dict
from jaxcell.study.protocol_study import MeasuredSteps, ProtocolResult, ProtocolStudy
from jaxcell.study.words import lithium_words, number

SCHEMA = "jaxcell-protocol/1"
_PLURALS = {"capacity": "capacities", "duration": "durations", "coulombic efficiency": "efficiencies"}
_MAH_CM2 = 36000.0
"""C m-2 in one mAh cm-2."""

WHY = (
    "Equal cycles tell the sum of the losses: lithium cut off by stripping and lithium in a growing interphase leave "
    "the same capacities behind.",
    "Rests of different length tell the interphase, which grows with time, from dead lithium, which needs charge.",
    "A reservoir of lithium hides all loss until it is gone: cycle to its end, or strip it bare.",
)


def save_protocol(result: ProtocolResult, folder: Path) -> None:
    """Write result.json, config.toml, timeseries.csv (a row a voltage and a step) and figures into a folder."""
    from jaxcell.cycles import cycle_ledger
    from jaxcell.figures import lithium_by_form_figure
    from jaxcell.plots import ridge_figure
    from jaxcell.protocol_plots import steps_figure

    rows = by_step(result)
    figures = write_answer(folder, to_dict(result), result.study, rows)
    steps_figure(rows, result.study.content.study.title).savefig(figures / "fit.png", metadata={"Software": None})
    ridges = ridge_figure(result)
    if ridges is not None:
        ridges.savefig(figures / "ridge.png", metadata={"Software": None})
    if result.solution.reached:
        lithium = lithium_by_form_figure(cycle_ledger(result.solution))
        lithium.savefig(figures / "lithium.png", metadata={"Software": None})


def to_dict(result: ProtocolResult) -> dict[str, Any]:
    """The content of result.json: estimates in the units of the study, lithium in mAh cm-2; None where not finite."""
    content = result.study.content
    answer = estimates(result.fit.to_dict(), result.study, result.factors, result.problem.channels)
    fit = answer["fit"]
    for key in ("rmse", "rmse_unit"):  # of several kinds of data
        fit.pop(key)
    fit["seconds"] = round(result.seconds, 3)
    device = jax.devices()[0]
    settings = result.problem.settings
    return finite(
        {
            "schema": SCHEMA,
            "study": {"name": result.study.name, **content.study.model_dump()},
            **answer,
            "misfit": {**misfit(result), "words": misfit_words(result)},
            "lithium": ledger_dict(result.ledger, result.loss),
            "why_only_a_sum": list(WHY),
            "provenance": origin(result.measured.provenance, result.study.resolved(), content.fit.seed)
            | {
                "device": f"{device.platform} ({device.device_kind})",
                "dtype": str(result.solution.voltage.dtype),
                "step_control": {"rtol": settings.rtol, "atol_v": settings.atol},
            },
        }
    )


def by_step(result: ProtocolResult) -> pd.DataFrame:
    """One row for each fitted voltage and one for the end of each step: measured, fitted, and their difference."""
    problem, solution = result.problem, result.solution
    values = problem.step_values(solution)
    step, shares = np.asarray(problem.protocol.step), np.asarray(problem.shares)
    ends = shares == 1.0
    measured = {one.step: one for one in problem.data}
    efficiency = np.full(ends.sum(), np.nan)
    for one in problem.data:
        if one.relative_to is not None:
            efficiency[one.step] = float(values.charge[one.step] / values.charge[one.relative_to])
    fitted = {
        "Voltage / V": np.asarray(values.voltage),
        "Capacity / mAh cm-2": _at_ends(ends, np.asarray(values.charge) / _MAH_CM2),
        "Duration / s": _at_ends(ends, np.asarray(values.duration)),
        "Coulombic Efficiency / 1": _at_ends(ends, efficiency),
    }
    volts = np.full(step.size, np.nan)
    for one in problem.data:
        volts[(step == one.step) & ~ends] = np.asarray(one.voltage)
    seen = {
        "Voltage / V": volts,
        "Capacity / mAh cm-2": _at_ends(ends, _measured(measured, ends.sum(), "charge") / _MAH_CM2),
        "Duration / s": _at_ends(ends, _measured(measured, ends.sum(), "duration")),
        "Coulombic Efficiency / 1": _at_ends(ends, _measured(measured, ends.sum(), "efficiency")),
    }
    frame = pd.DataFrame(
        {
            "Step Count / 1": step + 1,
            "Step": [result.measured.planned[k].sentence for k in step],
            "Share of Step / 1": shares,
            "Fitted Test Time / s": np.asarray(solution.time),
        }
    )
    for name, column in seen.items():
        frame[name], frame[f"Fitted {name}"] = column, fitted[name]
        frame[f"Residual {name}"] = column - fitted[name]
    return frame


def misfit(result: ProtocolResult) -> dict[str, Any]:
    """Root mean square residual of each kind of data and its noise; relative but for voltages."""
    frame, found = by_step(result), {}
    for name in ("Capacity / mAh cm-2", "Duration / s", "Coulombic Efficiency / 1"):
        off = (frame[f"Residual {name}"] / frame[name]).dropna().to_numpy()
        if off.size:
            found[name.split(" / ")[0].lower()] = {
                "count": int(off.size),
                "rms_relative": float(np.sqrt(np.mean(off**2))),
            }
    off = frame["Residual Voltage / V"].dropna().to_numpy()
    if off.size:
        noise = next(float(one.voltage_noise) for one in result.problem.data if one.voltage_noise is not None)
        found["voltage"] = {"count": int(off.size), "rms_v": float(np.sqrt(np.mean(off**2))), "noise_v": noise}
    estimated = result.problem.ends_estimated
    noise_source = "estimated from the residuals" if estimated else "study"
    return found | {"relative_noise": relative_noise(result.problem), "noise_source": noise_source}


def relative_noise(problem: ProtocolProblem) -> float | None:
    """Relative noise of charges, durations and efficiencies that the fit ended with."""
    for one in problem.data:
        for value, noise in ((one.charge, one.charge_noise), (one.duration, one.duration_noise)):
            if value is not None and noise is not None:
                return float(problem.end_scale * noise / value)
        if one.efficiency is not None and one.efficiency_noise is not None:
            return float(problem.end_scale * one.efficiency_noise / one.efficiency)
    return None


def misfit_words(result: ProtocolResult) -> list[str]:
    """Size of the residuals in words."""
    found, words = misfit(result), []
    for name, plural in _PLURALS.items():
        if name in found:
            one, noise = found[name], 100.0 * found["relative_noise"]
            said = " (estimated from them)" if result.problem.ends_estimated else ""
            words.append(
                f"{one['count']} {plural}: rms residual {100.0 * one['rms_relative']:.3g} % against {noise:.3g} % of "
                f"noise{said}."
            )
    if "voltage" in found:
        one = found["voltage"]
        words.append(
            f"{one['count']} voltages: rmse {number(1e6 * one['rms_v'])} uV against {number(1e6 * one['noise_v'])} uV "
            "of noise in one sample."
        )
    noise = result.fit.noise
    if noise.inflation > 1.5:
        words.append(
            f"Together the residuals are {noise.inflation**0.5:.2g} times what independent noise would leave; the "
            "intervals allow for their size, not for what causes them."
        )
    return words


def print_protocol(console: Console, result: ProtocolResult) -> None:
    """The answer in words and tables: what is identified first."""
    answer = to_dict(result)
    console.print(f"[bold]{result.study.content.study.title}[/]")
    console.print(_source(result.measured), markup=False)
    print_notices(console, result.measured.provenance.notices)
    console.print()
    print_estimates(console, answer)
    print_bullets(console, "How well the model fits", answer["misfit"]["words"])
    print_bullets(console, "Lithium", lithium_words(answer["lithium"]))
    if result.loss is not None and not result.loss.told_apart:
        print_bullets(console, "Why only a sum, and what would tell more", list(WHY))


def print_protocol_explanation(
    console: Console,
    study: ProtocolStudy,
    measured: MeasuredSteps,
    problem: ProtocolProblem,
    found: Identifiability,
    loss: CellLithiumLoss | None,
) -> None:
    """What the measurement could tell, before any fit."""
    console.print(f"[bold]{study.content.study.title}[/]")
    console.print(f"{_source(measured)}. If the start values of the study were true, what would it tell?", markup=False)
    print_notices(console, measured.provenance.notices)
    print_verdicts(console, found)
    print_believed(console, problem.parameters, study.units(), study.factors())
    print_bullets(console, "Directions, worst seen first", [d.sentence for d in found.directions])
    if loss is not None:
        print_bullets(console, "Lithium", list(loss.sentences))
        if not loss.told_apart:
            print_bullets(console, "Why only a sum, and what would tell more", list(WHY))
    console.print("\nNothing was fitted and nothing was written.")


def _source(measured: MeasuredSteps) -> str:
    source = measured.provenance
    voltages = sum(one.shares.shape[0] for one in measured.data)
    ends = sum(one.rows for one in measured.data) - voltages
    return (
        f"{source.name} (sha256 {source.sha256[:12]}): {len(measured.planned)} steps; {ends} capacities, durations and "
        f"efficiencies and {voltages} voltages fitted"
    )


def _at_ends(ends: np.ndarray, values: np.ndarray) -> np.ndarray:
    column = np.full(ends.size, np.nan)
    column[ends] = values
    return column


def _measured(data: dict[int, StepData], count: int, name: str) -> np.ndarray:
    values = [getattr(data[k], name) if k in data else None for k in range(count)]
    return np.array([np.nan if value is None else float(value) for value in values])
