"""Priors in words for the terminal: before a fit, and beside what it found."""

import textwrap
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from jaxcell.answer import plain_table, print_bullets, print_table
from jaxcell.inference import ParameterSet, prior_summaries
from jaxcell.inference.prior_summary import CUT
from jaxcell.study.words import estimate

CUT_NOTE = (
    "(cut): its bounds leave out more than 1 % of the prior as it was stated; the interval is of what they leave."
)


def prior_interval(interval95: list[float], outside: float) -> str:
    """Central 95 % range of a prior within its bounds, marked where they cut it by a share `outside` [1]."""
    low, high = interval95
    return f"{low:.3g} to {high:.3g}" + " (cut)" * (outside > CUT)


def print_believed(
    console: Console, parameters: ParameterSet, units: Mapping[str, str], factors: Mapping[str, float]
) -> None:
    """What a study believes of every parameter before a fit, in its units; `factors` from there to SI."""
    console.print("\n[bold]The priors[/]")
    table = plain_table(console, "", "prior, 95 %", "unit")
    believed = {name: one.to_dict() for name, one in prior_summaries(parameters).items()}
    for name, one in believed.items():
        ends = [end / factors[name] for end in one["interval95"]]
        table.add_row(name, prior_interval(ends, one["outside_bounds"]), units[name])
    print_table(console, table)
    _print_notes(console, believed)


def print_priors(console: Console, parameters: dict[str, dict[str, Any]]) -> None:
    """What was believed of every parameter before, beside what is known after; entries as in result.json."""
    console.print("\n[bold]Beside the priors[/]")
    table = plain_table(console, "", "95 % interval", "prior, 95 %", "unit")
    wider = []
    for name, entry in parameters.items():
        _, interval = estimate(entry["estimate"], entry["interval95"])
        prior = entry["prior"]
        table.add_row(name, interval, prior_interval(prior["interval95"], prior["outside_bounds"]), entry["unit"])
        (low, high), (least, most) = entry["interval95"], prior["interval95"]
        if None not in (low, high) and low <= least and high >= most:
            wider.append(name)
    print_table(console, table)
    _print_notes(console, {name: entry["prior"] for name, entry in parameters.items()})
    told = "the reach of a trade-off or of the approximation; the data narrow none of them alone"
    print_bullets(console, "Intervals no narrower than the prior", [f"{', '.join(wider)}: {told}."] if wider else [])


def print_cut(console: Console, outside: list[float]) -> None:
    """What "(cut)" in a table means, where one of these priors is."""
    if any(share > CUT for share in outside):
        text = textwrap.fill(CUT_NOTE, console.width - 1, initial_indent="  ", subsequent_indent="  ")
        console.print(text, style="dim", markup=False, soft_wrap=True)


def _print_notes(console: Console, priors: Mapping[str, Mapping[str, Any]]) -> None:
    print_cut(console, [one["outside_bounds"] for one in priors.values()])
    sources: dict[str, list[str]] = {}
    for name, one in priors.items():
        sources.setdefault(one["source"], []).append(name)
    print_bullets(console, "The priors are from", [f"{', '.join(names)}: {one}" for one, names in sources.items()])
