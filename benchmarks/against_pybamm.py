"""Cycles of the half cell of Xu et al. 2019, here and in PyBaMM, in one process on one core.

pip install "jaxcell[peers]" && python benchmarks/against_pybamm.py

Discharge at 1C to 3.5 V, charge at 1C to 4.2 V, hold to C/20, rest: every step ends on an event. Each side runs at the
fastest mesh and tolerances of its list whose voltage is within 0.1 mV of its own refined run past the first 1 % of each
step (PyBaMM's are those stored by `pybamm_half_cell.py`). Calls alternate; processor times, medians.
"""

import argparse
import dataclasses
import json
import statistics
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from pybamm_cell import CYCLE, DEFAULT, Case, Mesh
from pybamm_half_cell import ALLOWED, CASES, CYCLES, stay_on_one_core
from pybamm_inputs import with_inputs
from xu2019 import RATE, ROWS, cells, differentiated, protocol, run, work

from jaxcell import Cell, Protocol, Settings, Solution, Until, charge, discharge, simulate

RESULTS = Path(__file__).parent / "results"
OUT = RESULTS / "against_pybamm.json"
EARLY = 200
"""... in runs that look at the first per cents of a step, where the shells' error is largest."""
CHOICES = [(5, 32, 3e-3), (5, 48, 3e-3), (8, 32, 3e-3), (5, 48, 1e-3), (8, 48, 1e-3), (16, 64, 3e-4)]
"""Points, shells and tolerance, from cheap to dear."""
REFINED: dict[str, Any] = {"points": 40, "shells": 100, "settings": Settings(1e-6, 1e-6)}
PARAMETERS = (0, 8, 32)


def error(solution: Solution, reference: Solution) -> float:
    """Largest voltage difference at the same time of a step, past its first 1 % [mV]."""
    worst = 0.0
    for step in range(4):
        (t, v), (tr, vr) = (_step(one, step) for one in (solution, reference))
        # All rows but the moment of the stop.
        same = np.isclose(t[:, None], tr[None, :], rtol=1e-9) & (tr > 0.01 * tr[-1])[None, :]
        rows, others = np.nonzero(same)
        worst = max(worst, float(np.abs(v[rows] - vr[others]).max()))
    return 1e3 * worst


def _step(solution: Solution, step: int) -> tuple[np.ndarray, np.ndarray]:
    taken = solution.taken[np.asarray(solution.step)[solution.taken] == step]
    before = solution.taken[solution.taken < taken[0]]
    start = float(solution.time[before[-1]]) if before.size else 0.0
    return np.asarray(solution.time)[taken] - start, np.asarray(solution.voltage)[taken]


def fastest(cell: Cell) -> dict[str, Any]:
    """The cheapest choice within the allowed error, and what the default settings give."""
    often = protocol(CYCLES, ROWS)
    reference = {rows: simulate(cell, protocol(1, rows), **REFINED) for rows in (ROWS, EARLY)}

    def off_by(**chosen: Any) -> float:
        return max(error(simulate(cell, protocol(1, rows), **chosen), one) for rows, one in reference.items())

    for points, shells, tolerance in CHOICES:
        chosen = {"points": points, "shells": shells, "settings": Settings(tolerance, tolerance)}
        off = off_by(**chosen)
        if off <= ALLOWED:
            found = {"ms": work(partial(run, cell, often, chosen), 3, CYCLES), "error_mV": off, "chosen": chosen}
            return found | {"default_error_mV": off_by(), "default_ms": work(partial(run, cell, often, {}), 3, CYCLES)}
    raise RuntimeError("no choice of mesh and tolerance is accurate enough; lengthen the list.")


def side_by_side(name: str, cell: Cell) -> dict[str, Any]:
    """Both sides of one model."""
    stored = json.loads((RESULTS / "pybamm_half_cell.json").read_text())["cycles"][name]["accurate"]
    mesh = Mesh(**{key: stored[key] for key in vars(DEFAULT)})
    own = fastest(cell)
    chosen = own.pop("chosen")
    settings = chosen["settings"]
    result: dict[str, Any] = {
        "pybamm": {"error_mV": stored["error_mV"]} | vars(mesh),
        "jaxcell": own | {"points": chosen["points"], "shells": chosen["shells"], "tolerance": settings.rtol},
    }
    ours, theirs = protocol(CYCLES, ROWS), _theirs(CASES[name], mesh, [CYCLE] * CYCLES)
    pairs = [(work(partial(run, cell, ours, chosen), 3, CYCLES), work(theirs, 3, CYCLES)) for _ in range(3)]
    result["forward"] = _compared(pairs)
    for count in PARAMETERS[1:]:
        calls = differentiated(cell, chosen, count)
        case, inputs = with_inputs(CASES[name], count)
        asked = {"calculate_sensitivities": list(inputs)}
        entry: dict[str, Any] = {"jaxcell_parameters": calls["parameters"], "pybamm_parameters": len(inputs)}
        pybamm_ms = work(_theirs(case, mesh, [CYCLE], inputs=inputs, **asked), 3, 1)
        for kind in ("gradient", "sensitivities"):
            entry[kind] = _compared([(work(calls[kind], 5, 1), pybamm_ms)])
            entry[kind]["first_call_s"] = calls[f"{kind}_first_call_s"]
        result[str(count)] = entry
    return result


def _theirs(case: Case, mesh: Mesh, steps: list[Any], **kwargs: Any) -> Any:
    return partial(case.simulation(mesh, steps).solve, **kwargs)


def _compared(pairs: list[tuple[float, float]]) -> dict[str, float]:
    """Medians [ms per cycle], and their ratio."""
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {"jaxcell_ms": ours, "pybamm_ms": theirs, "ratio": theirs / ours}


LOGARITHMIC = {
    "Positive electrode active material volume fraction": "active_fraction",
    "Positive particle diffusivity [m2.s-1]": "particle_diffusivity",
}
"""Numbers of the cathode by which both sides differentiate: PyBaMM's name and ours."""


def after_event(cell: Cell, theirs: dict[str, Any]) -> dict[str, Any]:
    """dV/d(ln p) [V] 600 s into the charge that follows a discharge to 3.5 V, derivative and central differences.

    `theirs`: what `pybamm_half_cell.py` stored of PyBaMM's own.
    """
    steps = Protocol.of(
        discharge(RATE, until=Until(voltage_below=3.5), duration=7200.0, points=1),
        charge(RATE, duration=600.0, points=1),
    )
    chosen = {"points": 8, "shells": 32, "settings": Settings(1e-6, 1e-6, max_steps=512)}

    def voltage(scales: jax.Array) -> jax.Array:
        moved = {
            name: getattr(cell.counter, name) * jnp.exp(scale)
            for name, scale in zip(LOGARITHMIC.values(), scales, strict=True)
        }
        cathode = dataclasses.replace(cell.counter, **moved)
        own = Cell(cell.working, cell.separator, cathode)  # pyright: ignore[reportArgumentType]
        return simulate(own, steps, throw=False, **chosen).voltage[-1]

    exact = jax.jit(jax.jacfwd(voltage))(jnp.zeros(len(LOGARITHMIC)))
    found = {}
    for k, name in enumerate(LOGARITHMIC):
        ends = [float(voltage(jnp.zeros(len(LOGARITHMIC)).at[k].set(side))) for side in (-1e-3, 1e-3)]
        pybamm = {f"pybamm_{key}": value for key, value in theirs[name]["since_event"].items()}
        found[name] = {"jaxcell": float(exact[k]), "central": (ends[1] - ends[0]) / 2e-3} | pybamm
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Cycles of a half cell here and in PyBaMM")
    parser.add_argument("models", nargs="*", default=list(cells()), help="those to run again; others stay as stored")
    chosen = parser.parse_args().models
    stay_on_one_core()
    warnings.simplefilter("ignore")
    result = json.loads(OUT.read_text()) if OUT.exists() else {}
    for name, cell in cells().items():
        if name in chosen:
            result[name] = side_by_side(name, cell)
            print(name, json.dumps(result[name], indent=1), flush=True)
            OUT.write_text(json.dumps(result, indent=1) + "\n")
    stored = json.loads((RESULTS / "pybamm_half_cell.json").read_text())["derivatives"]["dfn_binary"]
    result["derivatives"] = after_event(cells()["dfn_binary"], stored)
    OUT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
