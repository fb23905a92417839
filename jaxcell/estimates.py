"""The estimates of a study of a cell: in its units, as tables by what the data tell, with what its reader noticed."""

import textwrap
from typing import Any

import numpy as np
from rich.console import Console

from jaxcell.answer import plain_table, print_bullets, print_table
from jaxcell.inference import Identifiability
from jaxcell.inference.cell_loss import FIXED
from jaxcell.inference.lost_lithium import lost_lithium_units
from jaxcell.prior_report import print_priors
from jaxcell.study.study import CellStudy
from jaxcell.study.words import estimate

COMBINATIONS = {
    "total_area_specific_resistance": "whole cell, slow small currents",
    "separator_resistance": "separator L/kappa and series resistance",
    "interfacial_resistance": "one interface: film, contact and RT/(F i0)",
    "layer_resistance": "one layer: L/kappa",
    "layer_and_interface_resistance": "one layer with its interfaces",
    "bottom_fraction": "below the layer, of the lithium gained when most was",
}


def estimates(answer: dict[str, Any], study: CellStudy, factors: dict[str, float], channels: tuple[str, ...]) -> Any:
    """`FitResult.to_dict()` in the units of the study, without the lithium of the channels, which has a place of its
    own, and with the meaning of each combination."""
    tables = study.content.parameters
    answer = in_study_units(answer, {name: (table.unit, table.paths) for name, table in tables.items()}, factors)
    apart = lost_lithium_units(channels)
    answer["combinations"] = {name: one for name, one in answer["combinations"].items() if name not in apart}
    return with_meanings(answer)


def with_meanings(answer: dict[str, Any]) -> dict[str, Any]:
    """Combinations that have a value, with what they mean, and with a verdict of their own where nothing that is fitted
    moves them."""
    answer["combinations"] = {n: one for n, one in answer["combinations"].items() if one["estimate"] is not None}
    for name, entry in answer["combinations"].items():
        entry["meaning"] = COMBINATIONS.get(name.rsplit(".", 1)[-1], "")
        low, high = entry["interval95"]
        if low is not None and high is not None and high - low <= 1e-9 * abs(high):
            entry["verdict"] = FIXED
    return answer


def in_study_units(
    answer: dict[str, Any], written: dict[str, tuple[str, Any]], factors: dict[str, float]
) -> dict[str, Any]:
    """`FitResult.to_dict()` with the parameters in the units of the study instead of SI; `written` holds the unit and
    the paths of each in the study."""
    for name, entry in answer["parameters"].items():
        factor = factors[name]
        entry["unit"], entry["path"] = written[name]
        for key in ("estimate", "interval95", "bounds"):
            entry[key] = over(entry[key], factor)
        for key in ("median", "interval95"):
            entry["prior"][key] = over(entry["prior"][key], factor)
    for ridge in answer["ridges"]:
        ridge["values"] = {name: over(values, factors[name]) for name, values in ridge["values"].items()}
    return answer


def print_estimates(console: Console, answer: dict[str, Any]) -> bool:
    """Tables of parameters and combinations, what is identified first; whether anything stays open."""
    parameters, sums, fit = answer["parameters"], answer["combinations"], answer["fit"]
    console.print(fit["message"] if fit["converged"] else f"[bold red]NOT CONVERGED:[/] {fit['message']}")
    console.print(answer["identifiability"], markup=False)
    if answer["missed"]:
        console.print(answer["missed"], style="bold yellow", markup=False)
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
    print_priors(console, parameters)
    alike = [pair["words"] for pair in answer["collinear_pairs"]]
    print_bullets(console, "Nearly the same in the data", alike)
    return bool(both or rest)


def print_verdicts(console: Console, found: Identifiability) -> None:
    """Verdict on every parameter before a fit."""
    table = plain_table(console, "parameter", "verdict", "prior left", "prior left if the others were known")
    for v in found.verdicts:
        table.add_row(v.name, v.kind, f"{100 * v.marginal:.3g} %", f"{100 * v.conditional:.3g} %")
    print_table(console, table, above=1)


def print_notices(console: Console, notices: tuple[str, ...]) -> None:
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
    print_table(console, table)


def over(value: Any, factor: float) -> Any:
    """A number, or a list of them, divided by a factor; None stays."""
    if isinstance(value, list):
        return [over(v, factor) for v in value]
    return None if value is None else value / factor


def finite(value: Any) -> Any:
    """Tables and lists with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
