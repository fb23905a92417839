"""The answer of a study of capacities per cycle: as a folder of files, and in words for the terminal."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
from rich.console import Console

from jaxcell.answer import origin, plain_table, print_bullets, print_table, write_answer
from jaxcell.estimates import finite
from jaxcell.inference import Identifiability, InventoryProblem, LithiumLoss, ModelComparison
from jaxcell.prior_report import print_believed, print_priors
from jaxcell.study.capacities import CapacityResult

SCHEMA = "jaxcell-capacities/1"

WHY = (
    "Equal cycles tell the sum of the losses: lithium cut off by stripping and lithium in a growing interphase leave "
    "the same capacities behind unless the record is long and quiet.",
    "Rests of different length tell the interphase, which grows with time, from dead lithium, which needs charge; "
    "cycles of different depth at one duration do so the other way round.",
    "Capacity that the counter electrode cannot use counts as lost with its lithium; titration of metal and compounds "
    "tells them apart.",
)


def save_capacities(result: CapacityResult, folder: Path) -> None:
    """Write result.json, config.toml, timeseries.csv (one row a cycle) and a figure into an existing folder."""
    from jaxcell.capacity_plots import capacities_figure

    figures = write_answer(folder, to_dict(result), result.study, by_cycle(result))
    title = result.study.content.study.title
    figure = capacities_figure(by_cycle(result), result.losses, result.study.content.capacities.unit, title)
    figure.savefig(figures / "fit.png", metadata={"Software": None})


def to_dict(result: CapacityResult) -> dict[str, Any]:
    """The content of result.json."""
    content, source = result.study.content, result.table.provenance
    return {
        "schema": SCHEMA,
        "study": {"name": result.study.name, **content.study.model_dump()},
        "cells": {
            str(cell): {"recorded_cycles": int(result.table.recorded[cell - 1]), **loss.to_dict(), **_fit(result, cell)}
            for cell, loss in result.losses.items()
        },
        "why_only_a_sum": list(WHY),
        **({} if result.choice is None else {"model_choice": finite(result.choice.to_dict())}),
        "provenance": origin(source, result.study.resolved(), content.fit.seed),
    }


def by_cycle(result: CapacityResult) -> pd.DataFrame:
    """Measured and fitted capacity and efficiency of every recorded cycle, each cycle begun from the one measured."""
    tables = []
    for cell, problem in result.problems.items():
        run = problem.run(jnp.asarray(result.fits[cell].theta))
        count = int(result.table.recorded[cell - 1])
        columns = {
            "Capacity": problem.data.capacity,
            "Fitted Capacity": run.capacity,
            "Coulombic Efficiency / 1": problem.measured_efficiency(run),
            "Fitted Coulombic Efficiency / 1": run.efficiency,
        }
        frame = pd.DataFrame({name: np.asarray(column)[:count] for name, column in columns.items()})
        frame.loc[np.asarray(problem.segments)[:count] < 0, "Coulombic Efficiency / 1"] = np.nan
        frame.insert(0, "Cycle Count / 1", np.arange(1, count + 1))
        frame.insert(0, "Cell", cell)
        tables.append(frame)
    return pd.concat(tables, ignore_index=True)


def print_capacities(console: Console, result: CapacityResult) -> None:
    """The loss of every cell, and what divides it."""
    source = result.table.provenance
    console.print(f"[bold]{result.study.content.study.title}[/]")
    count = f"{len(result.losses)} cells" if len(result.losses) > 1 else f"cell {next(iter(result.losses))}"
    console.print(f"{source.name} (sha256 {source.sha256[:12]}): {count} fitted", markup=False)
    for notice in source.notices:
        console.print(f"note: {notice}", style="dim", markup=False)
    if len(result.losses) == 1:
        ((cell, loss),) = result.losses.items()
        print_bullets(console, "Lithium", list(loss.sentences))
        _channels(console, loss)
        print_priors(console, _fit(result, cell)["parameters"])
    else:
        _cells(console, result)
    if result.choice is not None:
        print_choice(console, result.choice)
    slow = [cell for cell, fit in result.fits.items() if not fit.converged]
    if slow:
        console.print(f"\n[bold red]NOT CONVERGED:[/] cells {', '.join(map(str, slow))}")
    if not all(loss.told_apart for loss in result.losses.values()):
        print_bullets(console, "Why only a sum, and what would tell more", list(WHY))


def print_capacities_explanation(console: Console, problem: InventoryProblem, found: Identifiability) -> None:
    """What the capacities could tell, before any fit."""
    console.print(found.summary(), markup=False, soft_wrap=True)
    told = problem.parameters.parameters
    print_believed(console, problem.parameters, {p.name: p.unit for p in told}, {p.name: 1.0 for p in told})
    console.print("\nNothing was fitted and nothing was written.")


def print_choice(console: Console, choice: ModelComparison) -> None:
    """Scores of every model, and the verdict."""
    table = plain_table(console, "model", "log score", "worse by", "standard error", "CRPS", "")
    for name, one in choice.scores.items():
        worse, error, _ = one.by_log_score
        numbers = (f"{v:.3g}" if np.isfinite(v) else "-" for v in (one.log_score, worse, error, one.crps))
        best = name == choice.best
        table.add_row(name, *numbers, "" if best else "told" if one.by_log_score.told else "not told from the best")
    console.print(f"\n[bold]Which channels predict {choice.cycles} later cycles best, per cycle[/]")
    print_table(console, table)
    console.print(choice.verdict, markup=False)
    for failure in choice.failed:
        console.print(f"not compared: {failure}", markup=False)


def _fit(result: CapacityResult, cell: int) -> dict[str, Any]:
    answer = result.fits[cell].to_dict()
    return {"fit": answer["fit"], "parameters": answer["parameters"]}


def _cells(console: Console, result: CapacityResult) -> None:
    table = plain_table(console, "cell", "cycles", "loss per cycle", "95 % interval", "first cycle", "by channel")
    for cell, loss in result.losses.items():
        low, high = (100.0 * end for end in loss.per_cycle95)
        first = "-" if loss.first_cycle is None else f"{100.0 * loss.first_cycle:.3g} %"
        divided = loss.sentences[-1] if loss.told_apart else "only the sum"
        cycles = str(result.table.recorded[cell - 1])
        table.add_row(
            str(cell), cycles, f"{100.0 * loss.per_cycle:.3g} %", f"{low:.3g} to {high:.3g} %", first, divided
        )
    console.print("\n[bold]Lithium lost per cycle, of what was plated[/]")
    print_table(console, table)


def _channels(console: Console, loss: LithiumLoss) -> None:
    table = plain_table(console, "", "estimate", "95 % interval", "unit", "share of the loss", "")
    for name, channel in loss.channels.items():
        low, high = channel.interval95
        share = f"{100.0 * channel.share95[0]:.3g} to {100.0 * channel.share95[1]:.3g} %"
        told = "told" if channel.told else "not told from the others"
        table.add_row(name, f"{channel.estimate:.3g}", f"{low:.3g} to {high:.3g}", loss.capacity_unit, share, told)
    console.print("\n[bold]By channel, up to the last cycle: what data and priors leave[/]")
    print_table(console, table)
