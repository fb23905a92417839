"""Compile time, run time and memory of a half cell's cycles that end on events, by points, shells, cycles, parameters.

python benchmarks/growth.py

Each figure comes from a process of its own without a compilation cache; times are processor times, medians of seven.
"""

import json
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cases
import jax
from xu2019 import ROWS, cells, differentiated, protocol, work

from jaxcell import Settings, simulate

OUT = Path(__file__).parent / "results" / "growth.json"
BASE = {"points": 10, "shells": 16, "cycles": 1}
GROWTH = {"points": [5, 10, 20, 40], "shells": [16, 32, 64], "cycles": [1, 5, 20, 80]}
PARAMETERS = [1, 8, 27]


def one_run(points: int, shells: int, cycles: int) -> dict[str, float]:
    """Figures of a plain run."""
    cell, steps = cells()["dfn_single_ion"], protocol(cycles, ROWS)
    started = cases.peak_memory_mb()

    def call():
        return jax.block_until_ready(simulate(cell, steps, points=points, shells=shells, throw=False))

    start = time.process_time()
    solution = call()
    first = time.process_time() - start
    return {
        "first_call_s": first,
        "ms": work(call, 7, 1),
        "steps": int(solution.trajectory.plan.used),
        "memory_mb": cases.peak_memory_mb() - started,
    }


def derivatives(count: int) -> dict[str, float]:
    """Figures of the gradient and of all derivatives by so many numbers."""
    started = cases.peak_memory_mb()
    chosen = {"points": BASE["points"], "shells": BASE["shells"], "settings": Settings(1e-4, 1e-4)}
    calls = differentiated(cells()["dfn_single_ion"], chosen, count)
    times = {f"{kind}_ms": work(calls[kind], 7, 1) for kind in ("gradient", "sensitivities")}
    firsts = {f"{kind}_first_call_s": calls[f"{kind}_first_call_s"] for kind in ("gradient", "sensitivities")}
    return {"parameters": calls["parameters"]} | times | firsts | {"memory_mb": cases.peak_memory_mb() - started}


def alone(function: Any, *args: Any) -> dict[str, float]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as one:
        return one.submit(function, *args).result()


def main() -> None:
    result: dict[str, Any] = {"base": BASE}
    for name, values in GROWTH.items():
        result[name] = {str(value): alone(one_run, *(BASE | {name: value}).values()) for value in values}
        print(name, json.dumps(result[name], indent=1), flush=True)
    result["parameters"] = {str(count): alone(derivatives, count) for count in PARAMETERS}
    print(json.dumps(result["parameters"], indent=1), flush=True)
    OUT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
