"""The same fit from the same hundred starts: by jaxcell, by PyBOP, and by scipy on PyBaMM's sensitivities.

pip install "jaxcell[peers]" && python benchmarks/against_pybop.py

Four numbers of the single-particle half cell of Xu et al. 2019 (`fitted_half_cell.py`) from 3000 s of a 1C discharge,
which a refined mesh of PyBaMM makes and seeded noise of 1 mV blurs; starts fill the bounds. One process on one core,
without JAX's compilation cache. Of PyBOP's methods two are compared: the one that reaches the lowest loss most often
from the first ten starts, and the one that needs the least time for each fit that does. Each tool's share is counted
against its own lowest loss; a fit that fails is a miss. `--store` also writes the data for
`tests/reference/test_fitted_half_cell.py`.
"""

import argparse
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from fitted_half_cell import BOUNDS, GUESS, NOISE, SEED, TIME, TRUTH, UNITS, parameters, problem
from pybamm_cell import REFINED, pybamm
from pybamm_half_cell import stay_on_one_core
from pybop_fits import (
    METHODS,
    TOLERANCE,
    Fits,
    HalfCell,
    by_pybop,
    by_scipy,
    fastest_mesh,
    pybop,
    pybop_problem,
    truth,
)
from xu2019 import RATE

from jaxcell.inference import fit, start_points
from jaxcell.inference.cell_problem import CellProblem

OUT = Path(__file__).parent / "results" / "against_pybop.json"
STORED = Path(__file__).parents[1] / "tests" / "reference" / "fitted_half_cell.json"
ALLOWED = 0.1  # mV
STARTS, PILOT, ROUNDS, SINGLES = 100, 10, 3, 5
START_SEED = 0
NEAR = {"share_within_0.01": 0.01, "share_within_0.5": 0.5}
"""Losses above a tool's lowest that still count as its minimum: a hundredth, and half, of a log likelihood."""


def by_jaxcell(asked: CellProblem, starts: int) -> tuple[Fits, Any]:
    """`fit` with its default settings; evaluations are counted by `counted`."""
    wall, work = time.perf_counter(), time.process_time()
    found = fit(asked, starts=starts, seed=START_SEED)
    wall, work = time.perf_counter() - wall, time.process_time() - work
    losses = np.array([start.loss for start in found.starts])
    thetas = np.stack([np.asarray(start.theta) for start in found.starts])
    return Fits(thetas, np.where(np.isfinite(losses), losses, np.inf), 0, 0, wall, work), found


def counted(found: Any) -> dict[str, int]:
    """Evaluations with derivatives that the starts asked for; on a CPU a few more are made, in blocks of starts."""
    asked = [start.steps for start in found.starts]
    return {"sensitivities": int(sum(asked))}


def summary(fits: Fits, standard_errors: np.ndarray, refined: np.ndarray) -> dict[str, Any]:
    """What a tool found: shares, the lowest loss, estimates, errors in standard errors."""
    best = int(np.argmin(fits.loss))
    estimate = fits.theta[best]
    return {
        "lowest_loss": float(fits.loss[best]),
        **{name: float(np.mean(fits.loss <= fits.loss[best] + near)) for name, near in NEAR.items()},
        "failed": int(np.sum(~np.isfinite(fits.loss))),
        "estimates": _named(np.exp(estimate)),
        "standard_errors_of_ln": _named(standard_errors),
        "from_truth_in_standard_errors": _named((estimate - truth()) / standard_errors),
        "from_refined_mesh_in_standard_errors": _named((estimate - refined) / standard_errors),
    }


def _named(values: np.ndarray) -> dict[str, float]:
    return dict(zip(TRUTH, np.asarray(values).tolist(), strict=True))


def times(all_fits: list[Fits]) -> dict[str, float]:
    """Medians over the rounds."""
    wall, work = (statistics.median(getattr(one, name) for one in all_fits) for name in ("wall_s", "processor_s"))
    count = len(all_fits[0].loss)
    return {"wall_s": wall, "processor_s": work, "processor_ms_per_fit": 1e3 * work / count}


def timed(call: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    wall, work = time.perf_counter(), time.process_time()
    found = call()
    return found, {"wall_s": time.perf_counter() - wall, "processor_s": time.process_time() - work}


def pilot(asked: Any, simulator: Any, starts: np.ndarray) -> dict[str, Any]:
    """Each method from a few starts: shares against the lowest loss of them all."""
    found = {name: by_pybop(asked, simulator, method, starts, SEED) for name, method in METHODS.items()}
    lowest = min(float(fits.loss.min()) for fits in found.values())
    return {
        name: {key: float(np.mean(fits.loss <= lowest + near)) for key, near in NEAR.items()}
        | {"failed": int(np.sum(~np.isfinite(fits.loss))), "median_loss": float(np.median(fits.loss))}
        | {"runs": fits.runs, "sensitivities": fits.sensitivities}
        | times([fits])
        for name, fits in found.items()
    }


def chosen(piloted: dict[str, Any]) -> dict[str, str]:
    """The surest of PyBOP's methods, the quicker of two alike, and the quickest to a fit that reached the minimum."""

    def misses(name: str) -> tuple[float, ...]:
        return *(-piloted[name][key] for key in NEAR), piloted[name]["processor_s"]

    def time_for_one(name: str) -> float:
        return piloted[name]["processor_s"] / max(piloted[name]["share_within_0.01"], 1e-9)

    return {"pybop_surest": min(piloted, key=misses), "pybop_quickest": min(piloted, key=time_for_one)}


def compared() -> tuple[dict[str, Any], dict[str, Any]]:
    """All figures, and what the test needs of them."""
    load = os.getloadavg() if hasattr(os, "getloadavg") else None
    finest = HalfCell(REFINED)
    clean = finest.voltage(truth())
    voltage = clean + NOISE * np.random.default_rng(SEED).normal(size=clean.size)
    starts = np.asarray(start_points(parameters(), STARTS, START_SEED))

    mesh, off = fastest_mesh(ALLOWED)
    cell, building_scipy = timed(lambda: HalfCell(mesh))
    (asked, simulator), building_pybop = timed(lambda: pybop_problem(mesh, voltage))
    ours, building = timed(lambda: problem(voltage))
    first, found = by_jaxcell(ours, STARTS)
    print("jaxcell once", flush=True)
    piloted = pilot(asked, simulator, starts[:PILOT])
    print("pilot", json.dumps(piloted, indent=1), flush=True)

    calls: dict[str, Callable[[int], Fits]] = {"jaxcell": lambda count: by_jaxcell(ours, count)[0]}
    for label, name in chosen(piloted).items():
        method = METHODS[name]
        calls[label] = lambda count, method=method: by_pybop(asked, simulator, method, starts[:count], SEED)
    calls["scipy"] = lambda count: by_scipy(cell, voltage, starts[:count])
    # The surest is some twenty times as slow as the others; a hundred fits of it are rounds enough.
    rounds: dict[str, list[Fits]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            if name != "pybop_surest" or not rounds[name]:
                rounds[name].append(call(STARTS))
    _, alone = timed(lambda: by_jaxcell(ours, 1))
    singles: dict[str, list[Fits]] = {name: [] for name in calls}
    for _ in range(SINGLES):
        for name, call in calls.items():
            singles[name].append(call(1))

    lowest = {name: fits[0].theta[int(np.argmin(fits[0].loss))] for name, fits in rounds.items()}
    refined = by_scipy(finest, voltage, lowest["scipy"][None])
    errors = {name: cell.standard_errors(theta) for name, theta in lowest.items()}
    errors["jaxcell"] = np.array([found.parameters[name].standard_error for name in TRUTH])
    tools: dict[str, Any] = {
        name: summary(fits[0], errors[name], refined.theta[0])
        | {"runs": fits[0].runs, "sensitivities": fits[0].sensitivities}
        | times(fits)
        | {"one_fit": times(singles[name]) | {"loss": float(singles[name][0].loss[0])}}
        for name, fits in rounds.items()
    }
    replayed = np.asarray(found.problem.solution(jnp.asarray(truth())).voltage)
    tools["jaxcell"] |= counted(found)
    tools["jaxcell"] |= {
        "building": building,
        "first_call": times([first]),
        "one_fit_first_call": alone,
        "error_mV": 1e3 * float(np.abs(replayed - clean).max()),
        "error_after_120_s_mV": 1e3 * float(np.abs(replayed - clean)[TIME[1:] >= 120.0].max()),
        "ridges": len(found.identifiability.ridges),
    }
    for label, name in chosen(piloted).items():
        tools[label] |= {"method": name, "building": building_pybop, "error_mV": off}
    tools["scipy"] |= {"building": building_scipy, "error_mV": off}
    versions = {
        "pybamm": pybamm.__version__,
        "pybop": pybop.__version__,
        "scipy": scipy.__version__,
        "jax": jax.__version__,
    }
    about = {
        "versions": versions,
        "load_average": {"before": load, "after": os.getloadavg() if hasattr(os, "getloadavg") else None},
        "truth": TRUTH,
        "bounds": BOUNDS,
        "default_start": GUESS,
        "noise_V": NOISE,
        "pybamm_mesh": vars(mesh),
        "pybamm_tolerance": TOLERANCE,
        "refined_mesh": {"estimates": _named(np.exp(refined.theta[0])), "loss": float(refined.loss[0])},
        "pilot": piloted,
        "tools": tools,
    }
    stored = {
        "pybamm": pybamm.__version__,
        "made_by": "benchmarks/against_pybop.py --store",
        "columns": {"time": "s", "current": "A m-2 since the time before", "voltage": "V, noise included"},
        "noise_V": NOISE,
        "time": TIME[1:].tolist(),
        "current": [-10.0 * RATE] * (TIME.size - 1),
        "voltage": voltage.tolist(),
        "parameters": {
            name: {"unit": UNITS[name], "bounds": BOUNDS[name], "start": GUESS[name], "truth": TRUTH[name]}
            for name in TRUTH
        },
        "estimates": _named(np.exp(refined.theta[0])),
        "standard_errors_of_ln": _named(finest.standard_errors(refined.theta[0])),
        "loss": float(refined.loss[0]),
        "mesh": vars(REFINED),
    }
    return about, stored


def table(found: dict[str, Any]) -> str:
    """The main figures, one row a tool."""
    lines = [
        f"{'':15s}{'first [s]':>10s}{'again [s]':>10s}{'ms a fit':>10s}{'one [ms]':>10s}{'runs':>8s}{'with dV/dp':>11s}"
        f"{'< 0.01':>8s}{'< 0.5':>8s}{'failed':>8s}{'loss':>9s}   processor times"
    ]
    for name, one in found["tools"].items():
        begin = one["building"]["processor_s"] + one.get("first_call", one)["processor_s"]
        lines.append(
            f"{name:15s}{begin:10.1f}{one['processor_s']:10.1f}{one['processor_ms_per_fit']:10.0f}"
            f"{1e3 * one['one_fit']['processor_s']:10.0f}{one['runs']:8d}{one['sensitivities']:11d}"
            f"{one['share_within_0.01']:8.2f}{one['share_within_0.5']:8.2f}{one['failed']:8d}{one['lowest_loss']:9.3f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="One fit from many starts: jaxcell, PyBOP, scipy on PyBaMM")
    parser.add_argument("--store", action="store_true", help="write the data and estimates of the test, too")
    store = parser.parse_args().store
    stay_on_one_core()
    jax.config.update("jax_enable_compilation_cache", False)
    warnings.simplefilter("ignore")
    found, stored = compared()
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    if store:
        STORED.write_text(json.dumps(stored, indent=1) + "\n")
    print(json.dumps(found, indent=1), table(found), sep="\n")


if __name__ == "__main__":
    main()
