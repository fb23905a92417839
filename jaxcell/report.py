"""The answer of a study: as a folder of files, and in words for the terminal."""

import textwrap
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from rich.console import Console
from rich.padding import Padding

from jaxcell.answer import origin, plain_table, print_bullets, write_answer
from jaxcell.inference import Identifiability
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.io import Kind
from jaxcell.io.dataset import FittedRows
from jaxcell.ledger import SIDES, lithium_losses
from jaxcell.study import Study
from jaxcell.study.advice import physics_notes, remedies
from jaxcell.study.run import StudyResult
from jaxcell.study.words import estimate, lithium_words, misfit_words, number
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

FIXED = "fixed by the study"
"""Verdict on a combination that no parameter of the study changes."""

COMBINATIONS = {
    "total_area_specific_resistance": "whole cell, slow small currents",
    "separator_resistance": "separator L/kappa and series resistance",
    "interfacial_resistance": "one interface: film, contact and RT/(F i0)",
    "layer_resistance": "one layer: L/kappa",
    "layer_and_interface_resistance": "one layer with its interfaces",
}


def save(result: StudyResult, folder: Path) -> None:
    """Write result.json, config.toml, timeseries.csv and the figures into an existing folder."""
    from jaxcell.plots import fit_figure, ridge_figure  # matplotlib takes half a second to import

    figures = write_answer(folder, to_dict(result), result.study.resolved(), timeseries(result))
    fit_figure(result).savefig(figures / "fit.png", metadata={"Software": None})
    ridges = ridge_figure(result)
    if ridges is not None:
        ridges.savefig(figures / "ridge.png", metadata={"Software": None})


def to_dict(result: StudyResult) -> dict[str, Any]:
    """The content of result.json: estimates in the units of the study, lithium in mAh cm-2; None where not finite."""
    answer = in_study_units(result.fit.to_dict(), result.study, result.factors)
    fit = answer["fit"]
    fit["rmse_v"] = fit.pop("rmse")
    fit.pop("rmse_unit")
    fit["noise_v"] = result.misfit.noise
    fit["noise_source"] = (
        "estimated from the scatter of neighbouring rows" if result.rows.dataset.noise_estimated else "study"
    )
    fit["rows_skipped_after_steps"] = result.rows.skipped
    fit["seconds"] = round(result.seconds, 3)
    for name, entry in answer["combinations"].items():
        entry["meaning"] = COMBINATIONS.get(name, "")
        low, high = entry["interval95"]
        if low is not None and high is not None and high - low <= 1e-9 * abs(high):
            entry["verdict"] = FIXED
    content = result.study.content
    return _finite(
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


def in_study_units(answer: dict[str, Any], study: Study, factors: dict[str, float]) -> dict[str, Any]:
    """`FitResult.to_dict()` with the parameters in the units of the study instead of SI."""
    for name, entry in answer["parameters"].items():
        factor = factors[name]
        entry["unit"] = study.content.parameters[name].unit
        entry["path"] = study.content.parameters[name].paths
        for key in ("estimate", "interval95", "bounds"):
            entry[key] = _over(entry[key], factor)
        for key in ("median", "interval95"):
            entry["prior"][key] = _over(entry["prior"][key], factor)
    for ridge in answer["ridges"]:
        ridge["values"] = {name: _over(values, factors[name]) for name, values in ridge["values"].items()}
    return answer


def lithium(result: StudyResult) -> dict[str, Any]:
    """Where the lithium is and went, from the ledger of the simulation [mAh cm-2]."""
    ledger = result.ledger
    rows = {
        name: {
            "start": float(to_mah_cm2(ledger.initial[name])),
            "end": float(to_mah_cm2(ledger.initial[name] + change[-1])),
        }
        for name, change in ledger.change.items()
    }
    gained = sum(np.asarray(c) for name, c in ledger.change.items() if name.startswith("working, live"))
    imbalance = np.asarray(ledger.imbalance)
    lost = {f"{side}, {n}": v for side in SIDES.values() for n, v in lithium_losses(ledger, side).items()}
    found = {
        "unit": "mAh cm-2",
        "rows": rows,
        "half_cycles": _half_cycles(result, np.asarray(gained)),
        "gross_throughput": float(to_mah_cm2(ledger.gross_charge[-1])),
        "relative_imbalance": float(np.max(np.abs(imbalance))) if np.all(np.isfinite(imbalance)) else None,
        "lost": float(to_mah_cm2(sum(float(row[-1]) for row in lost.values()))),
        "lost_means": LOSS if lost else NO_LOSS,
    }
    if result.problem.cell.working.layer is not None:
        from jaxcell.observables import bottom_fraction

        share = float(bottom_fraction(result.solution)[-1])
        found["bottom_fraction_at_end"] = share
    return found


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
    parameters, sums, fit = answer["parameters"], answer["combinations"], answer["fit"]
    console.print(fit["message"] if fit["converged"] else f"[bold red]NOT CONVERGED:[/] {fit['message']}")
    entries = {**sums, **parameters}
    fixed = {n: e for n, e in entries.items() if e["verdict"] == FIXED}
    known = {n: e for n, e in entries.items() if e["identifiable"]}
    both = {n: e for n, e in parameters.items() if e["verdict"].startswith("only in combination")}
    rest = {n: e for n, e in entries.items() if n not in known and n not in both and n not in fixed}
    _table(console, "What the data tell", known, "meaning")
    if not known:
        console.print("\n[bold]The data settle no number of this study.[/]")
    _table(console, "Seen only in combination: the intervals are the reach of the trade-off", both, "verdict")
    _table(console, "Not told by the data: the prior, or parts of a sum", rest, "meaning")
    _table(console, "Fixed by the study", fixed, "meaning")
    if both or rest:
        print_bullets(console, "Why", answer["physics"]["sees"])
        print_bullets(console, "What would tell more", answer["physics"]["would_tell_more"])
    print_bullets(console, "How well the model fits", answer["misfit"]["words"])
    print_bullets(console, "Lithium", lithium_words(answer["lithium"]))


def print_explanation(
    console: Console, study: Study, rows: FittedRows, problem: CellProblem, found: Identifiability, measurement: Any
) -> None:
    """What the measurement could tell, before any fit."""
    console.print(f"[bold]{study.content.study.title}[/]")
    _notices(console, measurement.notices)
    console.print(
        f"\nIf the start values of the study were true, what would the {rows.dataset.points} fitted rows of "
        f"{measurement.provenance.name} tell? (noise of a sample: {number(1e6 * float(rows.dataset.noise))} uV)"
    )
    table = plain_table(console, "parameter", "verdict", "prior left", "prior left if the others were known")
    for v in found.verdicts:
        table.add_row(v.name, v.kind, f"{100 * v.marginal:.3g} %", f"{100 * v.conditional:.3g} %")
    console.print(Padding(table, (1, 0, 0, 2)))
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
    _notices(console, source.notices)
    console.print()


def _notices(console: Console, notices: tuple[str, ...]) -> None:
    """What the reader of the file found; a doubtful area, or words in capitals, aloud."""
    for notice in notices:
        area = "electrode area" in notice
        loud = area or any(word.isalpha() and word.isupper() and len(word) > 3 for word in notice.split())
        head = "WARNING: " if loud else "note: "
        tail = " Every number per cm2 scales with it." if area else ""
        text = textwrap.fill(head + notice + tail, console.width - 1, subsequent_indent=" " * len(head))
        console.print(text, style="bold yellow" if loud else "dim", markup=False, soft_wrap=True)


def _table(console: Console, title: str, entries: dict[str, dict[str, Any]], last: str) -> None:
    if not entries:
        return
    console.print(f"\n[bold]{title}[/]")
    table = plain_table(console, "", "estimate", "95 % interval", "unit", "")
    for name, entry in entries.items():
        value, interval = estimate(entry["estimate"], entry["interval95"])
        bound = f" (on its {entry['on_bound']} bound)" if entry.get("on_bound") else ""
        note = entry.get(last) or ("" if entry["identifiable"] else entry["verdict"])
        table.add_row(name, value + bound, interval, entry["unit"], note)
    console.print(Padding(table, (0, 0, 0, 2)))


def _over(value: Any, factor: float) -> Any:
    if isinstance(value, list):
        return [_over(v, factor) for v in value]
    return None if value is None else value / factor


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
