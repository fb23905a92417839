"""The answer of a study: as a folder of files, and in words for the terminal."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from rich.console import Console

from jaxcell.answer import origin, print_bullets, write_answer
from jaxcell.estimates import estimates, finite, print_estimates, print_notices, print_verdicts
from jaxcell.inference import CellLithiumLoss, Identifiability
from jaxcell.inference.bottom_share import bottom_share_of
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.io import Kind
from jaxcell.io.dataset import FittedRows
from jaxcell.ledger import SIDES, Ledger, lithium_losses
from jaxcell.prior_report import print_believed
from jaxcell.study import Study
from jaxcell.study.advice import physics_notes, remedies
from jaxcell.study.run import StudyResult
from jaxcell.study.words import lithium_words, misfit_words, number
from jaxcell.units import FARADAY, to_mah_cm2

SCHEMA = "jaxcell-fit/1"

NO_LOSS = (
    "This cell moves lithium between the electrodes and has no loss channel (no interphase, dead or trapped lithium): "
    "zero lost is what it assumes, not what was measured."
)
LOSS = (
    "Lost is what the loss channels of this cell took in the simulation, both electrodes together, at the values of "
    "the study and the estimates above; it is known no better than they are."
)


def save(result: StudyResult, folder: Path) -> None:
    """Write result.json, config.toml, timeseries.csv and the figures into an existing folder."""
    from jaxcell.plots import fit_figure, ridge_figure  # matplotlib takes half a second to import

    figures = write_answer(folder, to_dict(result), result.study, timeseries(result))
    fit_figure(result).savefig(figures / "fit.png", metadata={"Software": None})
    ridges = ridge_figure(result)
    if ridges is not None:
        ridges.savefig(figures / "ridge.png", metadata={"Software": None})


def to_dict(result: StudyResult) -> dict[str, Any]:
    """The content of result.json: estimates in the units of the study, lithium in mAh cm-2; None where not finite."""
    answer = estimates(result.fit.to_dict(), result.study, result.factors, result.problem.channels)
    fit = answer["fit"]
    fit["rmse_v"] = fit.pop("rmse")
    fit.pop("rmse_unit")
    fit["noise_v"] = result.misfit.noise
    fit["noise_source"] = (
        "estimated from the scatter of neighbouring rows" if result.rows.dataset.noise_estimated else "study"
    )
    fit["rows_skipped_after_steps"] = result.rows.skipped
    fit["seconds"] = round(result.seconds, 3)
    content = result.study.content
    return finite(
        {
            "schema": SCHEMA,
            "study": {
                "name": result.study.name,
                "title": content.study.title,
                "description": content.study.description,
            },
            **answer,
            "misfit": {**result.misfit.to_dict(), "words": misfit_words(result.misfit)},
            "lithium": lithium(result),
            "physics": physics(result),
            "provenance": provenance(result),
        }
    )


def lithium(result: StudyResult) -> dict[str, Any]:
    """Where the lithium is and went, from the ledger of the simulation [mAh cm-2]."""
    gained = sum(np.asarray(c) for name, c in result.ledger.change.items() if name.startswith("working, live"))
    found = ledger_dict(result.ledger, result.loss) | {"half_cycles": _half_cycles(result, np.asarray(gained))}
    share = bottom_share_of(result.problem.cell, result.fit, result.solution)
    return found if share is None else found | {"bottom_fraction": share.to_dict()}


def ledger_dict(ledger: Ledger, loss: CellLithiumLoss | None) -> dict[str, Any]:
    """Rows at the start and at the last time that the run reached, what was lost, and what that is worth."""
    imbalance = np.abs(np.asarray(ledger.imbalance))
    reached = np.flatnonzero(np.isfinite(imbalance))
    last = int(reached[-1]) if reached.size else 0
    rows = {
        name: {
            "start": float(to_mah_cm2(ledger.initial[name])),
            "end": float(to_mah_cm2(ledger.initial[name] + change[last])),
        }
        for name, change in ledger.change.items()
    }
    lost = {f"{side}, {n}": v for side in SIDES.values() for n, v in lithium_losses(ledger, side).items()}
    return {
        "unit": "mAh cm-2",
        "rows": rows,
        "gross_throughput": float(to_mah_cm2(ledger.gross_charge[last])),
        "relative_imbalance": float(imbalance[reached].max()) if reached.size else None,
        "lost": float(to_mah_cm2(sum(float(row[last]) for row in lost.values()))),
        "lost_means": LOSS if lost else NO_LOSS,
        "loss": None if loss is None else loss.to_dict(),
    }


def _half_cycles(result: StudyResult, gained: np.ndarray) -> list[dict[str, Any]]:
    data, kind = result.rows.dataset, result.measurement.kind[result.rows.rows]
    current, duration = np.asarray(data.protocol.current_density), np.asarray(data.protocol.duration)
    flowing = (kind == Kind.CYCLING) & (np.abs(current) > 1e-3 * np.abs(current).max())
    sign = np.where(flowing, np.sign(current), 0.0)
    border = np.flatnonzero(np.diff(sign) != 0.0) + 1
    time = np.asarray(data.time)
    moved = np.concatenate([[0.0], gained])
    listed = []
    for members in np.split(np.arange(current.size), border):
        if sign[members[0]] == 0.0:
            continue
        charge = abs(float(np.sum(current[members] * duration[members]))) / FARADAY
        listed.append(
            {
                "start_s": float(time[members[0]] - duration[members[0]]),
                "working_electrode": "stripped" if sign[members[0]] > 0.0 else "plated",
                "charge": float(to_mah_cm2(charge)),
                "moved": float(to_mah_cm2(abs(moved[members[-1] + 1] - moved[members[0]]))),
            }
        )
    return listed


def physics(result: StudyResult) -> dict[str, Any]:
    """What such a record sees, and which measurement would tell more."""
    theta = jnp.asarray(result.fit.theta)
    return {
        "sees": physics_notes(result.problem, result.rows, result.measurement, theta),
        "would_tell_more": remedies(result.problem, result.measurement, theta),
    }


def provenance(result: StudyResult) -> dict[str, Any]:
    """What was computed from what, with what; nothing about the person or the computer but the kind of device."""
    source = result.measurement.provenance
    device = jax.devices()[0]
    return origin(source, result.study.resolved(), result.study.content.fit.seed) | {
        "technique": source.technique,
        "device": f"{device.platform} ({device.device_kind})",
        "dtype": str(result.solution.voltage.dtype),
        "step_grid": {
            "steps": int(result.problem.plan.used),
            "rtol": result.problem.settings.rtol,
            "atol_v": result.problem.settings.atol,
            "error_v": result.grid_error,
        },
    }


def timeseries(result: StudyResult) -> pd.DataFrame:
    """Battery Data Format columns, with the model's voltage and, in fitted rows, measured minus model."""
    m, rows, data = result.measurement, result.rows.rows, result.rows.dataset
    fitted = np.asarray(data.segments) >= 0
    return pd.DataFrame(
        {
            "Test Time / s": m.time[rows],
            "Voltage / V": m.voltage[rows],
            "Current / A": m.current[rows],
            "Cycle Count / 1": m.cycle[rows],
            "Step Count / 1": m.step[rows],
            "Fitted Voltage / V": result.voltage,
            "Residual Voltage / V": np.where(fitted, m.voltage[rows] - result.voltage, np.nan),
        }
    )


def print_result(console: Console, result: StudyResult) -> None:
    """The answer in words and tables: what is identified first."""
    answer = to_dict(result)
    _heading(console, result)
    if print_estimates(console, answer):
        print_bullets(console, "Why", answer["physics"]["sees"])
        print_bullets(console, "What would tell more", answer["physics"]["would_tell_more"])
    print_bullets(console, "How well the model fits", answer["misfit"]["words"])
    print_bullets(console, "Lithium", lithium_words(answer["lithium"]))


def print_explanation(
    console: Console, study: Study, rows: FittedRows, problem: CellProblem, found: Identifiability, measurement: Any
) -> None:
    """What the measurement could tell, before any fit."""
    console.print(f"[bold]{study.content.study.title}[/]")
    print_notices(console, measurement.notices)
    console.print(
        f"\nIf the start values of the study were true, what would the {rows.dataset.points} fitted rows of "
        f"{measurement.provenance.name} tell? (noise of a sample: {number(1e6 * float(rows.dataset.noise))} uV)"
    )
    print_verdicts(console, found)
    print_believed(console, problem.parameters, study.units(), study.factors())
    print_bullets(console, "Directions, worst seen first", [d.sentence for d in found.directions])
    theta = problem.parameters.initial
    print_bullets(console, "Why", physics_notes(problem, rows, measurement, theta))
    if not all(v.identifiable for v in found.verdicts):
        print_bullets(console, "What would tell more", remedies(problem, measurement, theta))
    console.print("\nNothing was fitted and nothing was written.")


def _heading(console: Console, result: StudyResult) -> None:
    content, source = result.study.content, result.measurement.provenance
    console.print(f"[bold]{content.study.title}[/]")
    skipped = f", {result.rows.skipped} skipped after steps" if result.rows.skipped else ""
    console.print(
        f"{source.name} (sha256 {source.sha256[:12]}): {result.rows.dataset.points} rows fitted{skipped}, area "
        f"{content.data.area_cm2:g} cm2"
    )
    print_notices(console, source.notices)
    console.print()
