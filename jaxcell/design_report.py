"""The answer of a design file: as a folder of files, and in words for the terminal."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from jaxcell.answer import plain_table, print_bullets, print_table, versions, write_config
from jaxcell.design import Design
from jaxcell.estimates import finite
from jaxcell.io.results import write_json
from jaxcell.study.design_run import DesignResult
from jaxcell.study.words import number

SCHEMA = "jaxcell-design/1"


def save_design(result: DesignResult, folder: Path) -> None:
    """Write result.json, config.toml, front.csv where there is one, and figures into an existing folder."""
    from jaxcell.design_plots import cuts_figure, front_figure  # matplotlib takes half a second to import

    write_json(folder / "result.json", to_dict(result))
    write_config(folder, result.study, "The design as it was run")
    figures = folder / "figures"
    figures.mkdir()
    if result.cuts:
        cuts_figure(result).savefig(figures / "cuts.png", metadata={"Software": None})
    if result.front is not None:
        front_table(result).to_csv(folder / "front.csv", index=False, lineterminator="\n")
        front_figure(result).savefig(figures / "front.png", metadata={"Software": None})


def to_dict(result: DesignResult) -> dict[str, Any]:
    """The content of result.json, in the units of the file."""
    study, found = result.study, result.optimum
    goal, unit, factor = _goal(result)
    variables = {}
    for one in found.variables:
        own, size = study.unit_of(one.name)
        variables[one.name] = {
            "value": one.value / size,
            "unit": own,
            "bounds": [bound / size for bound in one.bounds],
            "at_bound": one.at_bound,
            "objective_per_unit_of_bound": one.multiplier * size / factor,
            "objective_per_unit_others_kept": one.slope * size / factor,
        }
        if one.name in result.prices:
            change, cost = result.prices[one.name]
            variables[one.name]["moved_by"] = change / size
            variables[one.name]["objective_changes_by_others_anew"] = cost / factor
    limits = []
    for k, one in enumerate(found.limits):
        own, size = study.unit_of(one.limit.quantity)
        limits.append(
            {
                "quantity": one.limit.quantity,
                "unit": own,
                "at_most" if one.limit.upper else "at_least": one.limit.bound / size,
                "value": one.value / size,
                "active": one.active,
                "objective_per_unit_of_limit": one.multiplier * size / factor,
                "probability": None if found.design.uncertain is None else one.limit.probability,
                "share_of_samples": result.held[k] if result.held else None,
            }
        )
    answer = {
        "schema": SCHEMA,
        "title": study.content.study.title,
        "verdict": found.verdict,
        "converged": found.converged,
        "objective": {
            "quantity": goal,
            "value": found.objective / factor,
            "unit": unit,
            "direction": study.content.objective.direction,
        },
        "variables": variables,
        "limits": limits,
        "uncertain": _samples(found.design),
        "watched": {name: [value / study.unit_of(name)[1], study.unit_of(name)[0]] for name, value in _watched(found)},
        "optimality": found.optimality,
        "gradient_error": found.gradient_error,
        "violation": found.violation,
        "evaluations": found.evaluations,
        "failed_evaluations": found.failures,
        "starts": [
            {"objective": s.objective / factor, "feasible": s.feasible, "message": s.message} for s in found.starts
        ],
        "front": None if result.front is None else _columns(front_table(result)),
        "front_failure": result.front_failure,
        "seconds": round(result.seconds, 3),
        "versions": versions(),
        "seed": study.content.optimiser.seed,
    }
    return finite(answer)


def front_table(result: DesignResult) -> pd.DataFrame:
    """One row a design of the front, in the units of the file."""
    assert result.front is not None, "asked for where there is one"
    frame, columns = result.front.to_dataframe(), {}
    first, second = (one.quantity for one in result.front.objectives)
    sizes = {name: result.study.unit_of(name) for name in frame.columns if name != "exchange"}
    for name, (unit, size) in sizes.items():
        columns[f"{name} / {unit}"] = frame[name] / size
    rate = sizes[second][1] / sizes[first][1]
    columns[f"exchange / {sizes[first][0]} per {sizes[second][0]}"] = frame["exchange"] * rate
    return pd.DataFrame(columns)


def print_design(console: Console, result: DesignResult) -> None:
    """The answer in words and tables."""
    study, found = result.study, result.optimum
    goal, unit, factor = _goal(result)
    console.print(f"[bold]{study.content.study.title}[/]")
    console.print(f"{found.verdict} ({found.evaluations} evaluations, {found.failures} failed, {result.seconds:.0f} s)")
    best = f"{_told(found.objective / factor, unit)}{_kind(result)}"
    console.print(f"\n{study.content.objective.direction}d {goal} = {best}\n")
    table = plain_table(console, "variable", "value", "bounds", "unit", "what it costs")
    for one in found.variables:
        own, size = study.unit_of(one.name)
        low, high = (number(bound / size) for bound in one.bounds)
        table.add_row(one.name, number(one.value / size), f"{low} to {high}", own, _cost(result, one, own, size))
    print_table(console, table)
    if found.design.uncertain is not None:
        console.print(f"\n{_uncertain_words(result)}")
    print_bullets(console, "Limits", [_limit_words(result, k) for k in range(len(found.limits))])
    watched = [(name, value, *study.unit_of(name)) for name, value in _watched(found)]
    print_bullets(console, "At the optimum", [f"{n} {_told(v / size, u)}{_mean(result)}" for n, v, u, size in watched])
    if result.front is not None:
        console.print(f"\n[bold]Front[/] ({result.front.dropped} designs dropped)")
        frame = front_table(result)
        shown = plain_table(console, *frame.columns)
        for row in frame.to_numpy():
            shown.add_row(*(number(float(value)) if np.isfinite(value) else "-" for value in row))
        print_table(console, shown)
    if result.front_failure:
        console.print(f"\nNo front: {result.front_failure}")


def _told(value: float, unit: str) -> str:
    return number(value) if unit == "1" else f"{number(value)} {unit}"


def _mean(result: DesignResult) -> str:
    return "" if result.optimum.design.uncertain is None else ", mean of the samples"


def _kind(result: DesignResult) -> str:
    """Which number of the samples the objective is."""
    share = result.optimum.design.objective.quantile
    if result.optimum.design.uncertain is None or share is None:
        return _mean(result)
    return f", the {100.0 * share:g} % quantile of the samples"


def _columns(frame: pd.DataFrame) -> dict[str, list[float]]:
    return {str(name): column.tolist() for name, column in frame.items()}


def _watched(found: Any) -> list[tuple[str, float]]:
    return list(found.watched.items())


def _goal(result: DesignResult) -> tuple[str, str, float]:
    name = result.study.content.objective.quantity
    return name, *result.study.unit_of(name)


def _cost(result: DesignResult, one: Any, own: str, size: float) -> str:
    _, unit, factor = _goal(result)
    if one.at_bound is not None:
        rate = one.multiplier * size / factor
        return f"at its {one.at_bound} bound: {rate:+.3g} {unit} per {own if own != '1' else 'unit'} of it"
    if one.name not in result.prices:
        return ""
    change, cost = result.prices[one.name]
    moved = f"{change / size:+.3g} {own if own != '1' else ''}".rstrip()
    return f"{moved} changes it by {cost / factor:+.3g} {unit}" if np.isfinite(cost) else f"{moved} breaks a limit"


def _samples(design: Design) -> dict[str, Any] | None:
    """How many samples of which numbers; None where all is known."""
    known = design.uncertain
    return None if known is None else {"samples": int(known.theta.shape[0]), "parameters": list(known.parameters.names)}


def _uncertain_words(result: DesignResult) -> str:
    content, samples = result.study.content, _samples(result.optimum.design)
    assert samples is not None, "asked for where something is uncertain"
    drawn = [] if content.draws is None else [f"{', '.join(content.draws.places)} from {content.draws.file}"]
    believed = [f"{', '.join(content.uncertain)} from the priors"] if content.uncertain else []
    return f"Over {samples['samples']} samples: {'; '.join(drawn + believed)}."


def _limit_words(result: DesignResult, place: int) -> str:
    one, (_, unit, factor) = result.optimum.limits[place], _goal(result)
    own, size = result.study.unit_of(one.limit.quantity)
    named = "" if own == "1" else f" {own}"
    words = f"{one.limit.quantity} {'<=' if one.limit.upper else '>='} {number(one.limit.bound / size)}{named}"
    if result.held:
        words += f" (holds in {100.0 * result.held[place]:.3g} % of the samples)"
    if not one.active:
        return f"{words}: {number(one.value / size)}{named}, not active."
    rate = one.multiplier * size / factor
    return f"{words}: active; {rate:+.3g} {unit} per {own if own != '1' else 'unit'} by which it is raised."
