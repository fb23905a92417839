"""Cycles of the half cell of Xu et al. 2019, here and in PyBaMM, in one process on one core.

pip install "jaxcell[peers]" && python benchmarks/against_pybamm.py

Discharge at 1C to 3.5 V, charge at 1C to 4.2 V, hold to C/20, rest: every step ends on an event. Each side runs at the
fastest mesh and tolerances of its list whose voltage is within 0.1 mV of its own refined run past the first 1 % of each
step (PyBaMM's are those stored by `pybamm_half_cell.py`). Calls alternate; processor times, medians.
"""

import dataclasses
import json
import statistics
import time
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

from jaxcell import Cell, Protocol, Separator, Settings, Solution, Until, charge, discharge, hold, rest, simulate
from jaxcell.library import xu2019_half_cell
from jaxcell.solver.tableau import SDIRK2, SDIRK3

RESULTS = Path(__file__).parent / "results"
OUT = RESULTS / "against_pybamm.json"
RATE = 1.5584415584415585  # mA cm-2
ROWS = 12
"""Times reported a step; the integration lands on each of them, in the timed runs as in those for the error."""
EARLY = 200
"""... in runs that look at the first per cents of a step, where the shells' error is largest."""
SHAPES = [(5, 24), (8, 32)]
TOLERANCES = [(SDIRK2, 3e-3), (SDIRK2, 1e-3), (SDIRK3, 3e-3), (SDIRK3, 1e-3)]
REFINED: dict[str, Any] = {"points": 40, "shells": 100, "settings": Settings(1e-6, 1e-6)}
PARAMETERS = (0, 8, 32)


def cells() -> dict[str, Cell]:
    """The same three models on this side."""
    found = {}
    for name, number in (("dfn_single_ion", 1.0), ("dfn_binary", 0.38)):
        parts = xu2019_half_cell(number)
        found[name] = Cell(parts.lithium, parts.separator, parts.cathode)
    parts = xu2019_half_cell(1.0, single_particle=True)
    found["spm"] = Cell(parts.lithium, Separator(25e-6, 1e6), parts.cathode)
    return found


def protocol(cycles: int, rows: int) -> Protocol:
    """Its steps report `rows` times each at the most."""
    longest = {"duration": 7200.0, "points": rows}
    return Protocol.of(
        discharge(RATE, until=Until(voltage_below=3.5), **longest),
        charge(RATE, until=Until(voltage_above=4.2), **longest),
        hold(4.2, until=Until(current_below=RATE / 2.0), **longest),
        rest(1800.0, points=rows),
        repeat=cycles,
    )


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
    """The fastest choice within the allowed error, and what the default settings give."""
    often = protocol(CYCLES, ROWS)
    reference = {rows: simulate(cell, protocol(1, rows), **REFINED) for rows in (ROWS, EARLY)}

    def off_by(**chosen: Any) -> float:
        return max(error(simulate(cell, protocol(1, rows), **chosen), one) for rows, one in reference.items())

    best: dict[str, Any] | None = None
    for points, shells in SHAPES:
        if _single(cell) and points != SHAPES[0][0]:
            continue
        for tableau, tolerance in TOLERANCES:
            chosen = {"points": points, "shells": shells, "settings": Settings(tolerance, tolerance, tableau=tableau)}
            off = off_by(**chosen)
            if off <= ALLOWED:
                least = work(partial(run, cell, often, chosen), 3)
                if best is None or least < best["ms"]:
                    best = {"ms": least, "error_mV": off, "chosen": chosen}
    if best is None:
        raise RuntimeError("no choice of mesh and tolerance is accurate enough; lengthen the lists.")
    return best | {"default_error_mV": off_by(), "default_ms": work(partial(run, cell, often, {}), 3)}


def _single(cell: Cell) -> bool:
    return getattr(cell.counter, "transport", None) is None


def run(cell: Cell, cycles: Protocol, chosen: dict[str, Any]) -> None:
    jax.block_until_ready(simulate(cell, cycles, throw=False, **chosen).voltage)


def work(call: Any, runs: int, cycles: int = CYCLES) -> float:
    """Median processor time of a warm call [ms per cycle]."""
    call()
    times = []
    for _ in range(runs):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1e3 * statistics.median(times) / cycles


def differentiated(cell: Cell, chosen: dict[str, Any], count: int) -> dict[str, Any]:
    """Calls that give the value and gradient of a misfit (reverse mode) and the voltages' derivatives (forward mode).

    Of the first `count` numbers of the cell that are not zero; three steps end on events before the last row. The run
    has room for 256 steps (it takes some 130): what is kept for derivatives is as long as the room.
    """
    chosen = chosen | {"settings": dataclasses.replace(chosen["settings"], max_steps=256)}
    cycle = protocol(1, ROWS)
    leaves, structure = jax.tree.flatten(cell)
    places = [i for i, leaf in enumerate(leaves) if leaf.shape == () and float(leaf) != 0.0][:count]

    def voltage(scale: jax.Array) -> jax.Array:
        own = list(leaves)
        for k, i in enumerate(places):
            own[i] = leaves[i] * scale[k]
        return simulate(jax.tree.unflatten(structure, own), cycle, throw=False, **chosen).voltage

    def misfit(scale: jax.Array) -> jax.Array:
        v = voltage(scale)
        return jnp.mean(jnp.where(jnp.isnan(v), 0.0, v - 3.8) ** 2)

    ones = jnp.ones(len(places))
    found: dict[str, Any] = {"parameters": len(places)}
    for name, call in (("gradient", jax.value_and_grad(misfit)), ("sensitivities", jax.jacfwd(voltage))):
        compiled, start = jax.jit(call), time.perf_counter()
        jax.block_until_ready(compiled(ones))
        found[f"{name}_first_call_s"] = time.perf_counter() - start
        found[name] = partial(lambda f: jax.block_until_ready(f(ones)), compiled)
    return found


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
    result["jaxcell"]["stages"] = settings.tableau.stages
    ours, theirs = protocol(CYCLES, ROWS), _theirs(CASES[name], mesh, [CYCLE] * CYCLES)
    pairs = [(work(partial(run, cell, ours, chosen), 3), work(theirs, 3)) for _ in range(3)]
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


def after_event(cell: Cell) -> dict[str, Any]:
    """dV/d(ln p) [V] 600 s into the charge that follows a discharge to 3.5 V, derivative and central differences."""
    steps = Protocol.of(
        discharge(RATE, until=Until(voltage_below=3.5), duration=7200.0, points=1),
        charge(RATE, duration=600.0, points=1),
    )
    chosen = {"points": 12, "shells": 40, "settings": Settings(1e-7, 1e-7)}

    def voltage(scale: jax.Array, name: str) -> jax.Array:
        cathode = dataclasses.replace(cell.counter, **{name: getattr(cell.counter, name) * jnp.exp(scale)})
        own = Cell(cell.working, cell.separator, cathode)  # pyright: ignore[reportArgumentType]
        return simulate(own, steps, throw=False, **chosen).voltage[-1]

    found = {}
    for theirs, ours in LOGARITHMIC.items():
        exact = jax.jit(jax.value_and_grad(partial(voltage, name=ours)))(jnp.asarray(0.0))[1]
        ends = [float(voltage(jnp.asarray(side), ours)) for side in (-1e-4, 1e-4)]
        found[theirs] = {"jaxcell": float(exact), "central": (ends[1] - ends[0]) / 2e-4}
    return found


def main() -> None:
    stay_on_one_core()
    warnings.simplefilter("ignore")
    result = {}
    for name, cell in cells().items():
        result[name] = side_by_side(name, cell)
        print(name, json.dumps(result[name], indent=1), flush=True)
        OUT.write_text(json.dumps(result, indent=1) + "\n")
    result["derivatives"] = after_event(cells()["dfn_binary"])
    OUT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
