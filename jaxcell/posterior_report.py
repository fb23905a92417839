"""The posterior of a study: beside the answer of its fit, as files and in words for the terminal."""

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from jaxcell.answer import plain_table, print_bullets, print_table
from jaxcell.estimates import finite, over
from jaxcell.inference import Posterior, laplace, posterior, save_draws
from jaxcell.io.results import write_json
from jaxcell.plots import unit_of
from jaxcell.prior_report import print_cut, prior_interval
from jaxcell.study.joint_run import JointResult
from jaxcell.study.protocol_study import ProtocolResult
from jaxcell.study.run import StudyResult
from jaxcell.study.words import estimate

Fitted = StudyResult | ProtocolResult | JointResult


def sample_posterior(result: Fitted, tell: Callable[[str, int, int], Any]) -> Posterior:
    """As [posterior] of the study says, with the seed of its [fit]; raises as `jaxcell.inference.posterior` or, with
    its method, `laplace`."""
    table = result.study.content.posterior
    if table.method == "laplace":
        tell("drawing from the Gaussian at the optimum", 0, 0)
        return laplace(result.fit, draws=table.chains * table.draws, seed=result.study.content.fit.seed)
    return posterior(
        result.fit,
        table.likelihood(),
        settings=table.settings(),
        seed=result.study.content.fit.seed,
        progress=lambda done, total: tell("sampling the posterior", done, total),
    )


def save_posterior(result: Fitted, drawn: Posterior, folder: Path) -> None:
    """Write posterior.nc (SI) and two figures into the folder of an answer, and `posterior` into its result.json."""
    from jaxcell.posterior_plots import marginals_figure, pairs_figure

    save_draws(drawn, folder / "posterior.nc", seed=result.study.content.fit.seed)
    units = {name: unit_of(result, name) for name in result.fit.parameters}
    figures = {
        "posterior": marginals_figure(drawn, result.factors, units),
        "pairs": pairs_figure(drawn, result.factors, units),
    }
    for name, figure in figures.items():
        if figure is not None:
            figure.savefig(folder / "figures" / f"{name}.png", metadata={"Software": None})
    place = folder / "result.json"
    answer = json.loads(place.read_text(encoding="utf-8"))
    write_json(place, answer | {"posterior": to_dict(result, drawn)})


def to_dict(result: Fitted, drawn: Posterior) -> dict[str, Any]:
    """The content of `posterior` in result.json, in the units of the study."""
    found = drawn.to_dict()
    for name, entry in found["parameters"].items():
        for key in ("median", "interval95", "prior_median_and_interval95"):
            entry[key] = over(entry[key], result.factors[name])
        entry["unit"] = unit_of(result, name)
    versions = {name: version(name) for name in ("numpyro", "arviz")}
    return finite(found | {"versions": versions})


def print_posterior(console: Console, result: Fitted, drawn: Posterior) -> None:
    """The posterior beside the priors, and whether the sampler can be trusted."""
    found = to_dict(result, drawn)
    table = plain_table(console, "", "median", "95 % interval", "prior, 95 %", "unit", "prior left")
    for name, entry in found["parameters"].items():
        value, interval = estimate(entry["median"], entry["interval95"])
        prior = prior_interval(entry["prior_median_and_interval95"][1:], entry["prior_outside_bounds"])
        table.add_row(name, value, interval, prior, entry["unit"], f"{100.0 * entry['prior_left']:.3g} %")
    for name, entry in found["combinations"].items():
        value, interval = estimate(entry["median"], entry["interval95"])
        table.add_row(name, value, interval, "", entry["unit"], "")
    console.print(f"\n[bold]Posterior[/] ({found['draws']} draws in {drawn.seconds:.3g} s)")
    print_table(console, table)
    print_cut(console, [entry["prior_outside_bounds"] for entry in found["parameters"].values()])
    print_bullets(console, "Whether to trust the draws", found["words"])
