"""PyBaMM's side of the comparison: cycles of the half cell of Xu et al. 2019 that end on events, on one core.

pip install "jaxcell[peers]" && python benchmarks/pybamm_half_cell.py

Each model runs at its default mesh and tolerances, and at the fastest of a list of meshes whose voltage is within
0.1 mV of a refined run past the first 1 % of each step (before, the diffusion layer is thinner than any shell). Where
others use the machine, `processor_ms` is the time to compare.
"""

import json
import os
import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from pybamm_cell import CYCLE, DEFAULT, REFINED, Case, Mesh, pybamm
from pybamm_inputs import inputs_of, with_inputs

OUT = Path(__file__).parent / "results" / "pybamm_half_cell.json"
CASES = {
    "dfn_single_ion": Case(changes={"Cation transference number": 1.0}),
    "dfn_single_ion_without_double_layers": Case(surface_form="false", changes={"Cation transference number": 1.0}),
    "dfn_binary": Case(),
    "dfn_binary_without_double_layers": Case(surface_form="false"),
    "spm": Case("SPM", surface_form="false"),
}
ALLOWED = 0.1  # mV
CYCLES = 5
POINTS = [(n, r, stretch) for n in (5, 10) for r, stretch in ((40, 2.0), (60, 1.5), (80, 1.5))]
MESHES = [Mesh(n, n, r, stretch, tolerance) for n, r, stretch in POINTS for tolerance in (1e-4, 1e-5)]
AOT = {"options": {"compile": True}}


def stay_on_one_core() -> None:
    """As `taskset` does, so that threads of libraries gain nothing."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def error(solution: Any, reference: Any) -> float:
    """Largest voltage difference at the same time of a step, past its first 1 % [mV]."""
    worst = 0.0
    for a, b in zip(solution.cycles[0].steps, reference.cycles[0].steps, strict=True):
        s = np.linspace(0.01, 1.0, 200) * min(a.t[-1] - a.t[0], b.t[-1] - b.t[0])
        worst = max(worst, float(np.abs(a["Voltage [V]"](a.t[0] + s) - b["Voltage [V]"](b.t[0] + s)).max()))
    return 1e3 * worst


def complete(case: Case, mesh: Mesh) -> Any | None:
    """One cycle, or None where PyBaMM fails (a step that fails ends an experiment without an exception)."""
    try:
        solution = case.simulation(mesh, [CYCLE]).solve()
    except pybamm.SolverError:
        return None
    return solution if len(solution.cycles[0].steps) == len(CYCLE) else None


def timed(call: Any, runs: int = 7, cycles: int = CYCLES) -> dict[str, float]:
    """Median and least wall time, and median processor time, of a warm call [ms per cycle]."""
    call()
    walls, works = [], []
    for _ in range(runs):
        wall, work = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - wall)
        works.append(time.process_time() - work)
    scale = 1e3 / cycles
    return {
        "median_ms": scale * statistics.median(walls),
        "least_ms": scale * min(walls),
        "processor_ms": scale * statistics.median(works),
    }


def cycle_times(case: Case) -> dict[str, Any]:
    """Times and errors at the default mesh and at the fastest that is accurate enough."""
    # Where the refined mesh fails, the next one that runs through.
    finest = (REFINED, Mesh(20, 20, 120, 3.0, 1e-8, 1e-10), Mesh(20, 20, 80, 3.0, 1e-8, 1e-10))
    used, reference = next((mesh, found) for mesh in finest if (found := complete(case, mesh)) is not None)
    result: dict[str, Any] = {"reference": vars(used)}
    default = complete(case, DEFAULT)
    assert default is not None
    steps = [CYCLE] * CYCLES
    result["default"] = {"error_mV": error(default, reference)} | vars(DEFAULT)
    result["default"] |= timed(case.simulation(DEFAULT, steps).solve)
    fastest = None
    for mesh in MESHES:
        found = complete(case, mesh)
        if found is None or (off := error(found, reference)) > ALLOWED:
            continue
        least = timed(case.simulation(mesh, steps).solve, runs=3)["processor_ms"]
        if fastest is None or least < fastest[0]:
            fastest = (least, mesh, off)
    if fastest is not None:
        _, mesh, off = fastest
        result["accurate"] = {"error_mV": off} | vars(mesh) | timed(case.simulation(mesh, steps).solve)
        result["accurate"]["compiled_ahead"] = timed(case.simulation(mesh, steps, **AOT).solve)
    return result


def sensitivity_times(name: str, mesh: Mesh) -> dict[str, Any]:
    """One cycle with forward sensitivities of 8 and 32 parameters, and without."""
    result: dict[str, Any] = {}
    for count in (0, 8, 32):
        case, inputs = with_inputs(CASES[name], count)
        simulation = case.simulation(mesh, [CYCLE])
        asked = {"calculate_sensitivities": list(inputs)} if count else {}

        def call(simulation=simulation, inputs=inputs, asked=asked) -> Any:
            return simulation.solve(inputs=inputs, **asked)

        try:
            done = len(call().cycles[0].steps)
            if done < len(CYCLE):
                raise pybamm.SolverError(f"only {done} of {len(CYCLE)} steps were run")
            result[str(count)] = timed(call, runs=3, cycles=1) | {"inputs": len(inputs)}
        except (pybamm.SolverError, ValueError, NotImplementedError) as reason:
            result[str(count)] = {"failed": str(reason)[:120]}
    return result


def derivative_after_event(name: str, mesh: Mesh, count: int = 5) -> dict[str, Any]:
    """dV/d(ln p) a while into the charge that follows a discharge to 3.5 V [V]: PyBaMM's and central differences.

    At a fixed time since the charge began and at a fixed time since the start of the test; and in the discharge, before
    any event, where both agree to what interpolation between the solver's own times costs (1 %).
    """
    steps = [("Discharge at 1C until 3.5 V", "Charge at 1C for 30 minutes")]
    case, inputs = with_inputs(CASES[name], count)
    base = case.simulation(mesh, steps).solve(inputs=inputs, calculate_sensitivities=list(inputs))
    simulation = case.simulation(mesh, steps)
    discharge, charge = base.cycles[0].steps
    since, before = 600.0, 3000.0
    result: dict[str, Any] = {"event_s": float(charge.t[0])}
    for parameter, value in inputs.items():
        ends = []
        for side in (-1e-4, 1e-4):
            moved = simulation.solve(inputs=inputs | {parameter: value * (1.0 + side)})
            one, two = moved.cycles[0].steps
            ends.append(
                [
                    float(one["Voltage [V]"](before)),
                    float(two["Voltage [V]"](two.t[0] + since)),
                    float(two["Voltage [V]"](charge.t[0] + since)),
                ]
            )
        central = (np.array(ends[1]) - np.array(ends[0])) / 2e-4
        own = [_sensitivity(discharge, parameter, before), _sensitivity(charge, parameter, charge.t[0] + since)]
        result[parameter] = {
            "before_event": {"central": central[0], "pybamm": value * own[0]},
            "since_event": {"central": central[1], "pybamm": value * own[1]},
            "since_start": {"central": central[2], "pybamm": value * own[1]},
        }
    return result


def _sensitivity(step: Any, parameter: str, at: float) -> float:
    """dV/dp at a time of a step, between the solver's own times."""
    values = np.asarray(step["Voltage [V]"].sensitivities[parameter]).ravel()
    times = np.asarray(step["Voltage [V]"].t_pts).ravel() if values.size != step.t.size else step.t
    return float(np.interp(at, times, values))


def peer_times() -> dict[str, Any]:
    """Everything above, as one dictionary."""
    stay_on_one_core()
    warnings.simplefilter("ignore")
    result: dict[str, Any] = {"pybamm": pybamm.__version__, "solver": "IDAKLUSolver", "cycle": CYCLE, "cycles": {}}
    for name, case in CASES.items():
        result["cycles"][name] = cycle_times(case)
        print(name, json.dumps(result["cycles"][name]), file=sys.stderr, flush=True)
    result["load_average"] = os.getloadavg() if hasattr(os, "getloadavg") else None
    result["inputs"] = {name: list(inputs_of(CASES[name])) for name in ("dfn_binary", "spm")}
    result["sensitivities"], result["derivatives"] = {}, {}
    for name in ("dfn_single_ion", "dfn_binary", "spm"):
        entry = result["cycles"][name]
        for label in ("default", "accurate"):
            if label in entry:
                mesh = Mesh(**{key: entry[label][key] for key in vars(DEFAULT)})
                result["sensitivities"][f"{name}/{label}"] = sensitivity_times(name, mesh)
    for name in ("dfn_binary", "spm"):
        result["derivatives"][name] = derivative_after_event(name, Mesh(10, 10, 40, 2.0, 1e-8, 1e-10))
    return result


if __name__ == "__main__":
    found = peer_times()
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
