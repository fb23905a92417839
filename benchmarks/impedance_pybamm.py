"""The impedance of the half cell of Xu et al. 2019, here and by PyBaMM's EISSimulation, in one process on one core.

    python benchmarks/impedance_pybamm.py            (needs `pip install "jaxcell[peers]"`)

Newman's model with double layers, t+ = 0.38, charged and at rest, 70 frequencies.  Each side at its default mesh and at
one that is 2 % from its own converged spectrum; PyBaMM's time is its `solve`, model already built. Where others use the
machine, `processor_ms` is the time to compare.
"""

import json
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from pybamm_cell import Case, Mesh, pybamm
from pybamm_half_cell import stay_on_one_core

from jaxcell import Cell, impedance, xu2019_half_cell

OUT = Path(__file__).parent / "results" / "impedance_pybamm.json"
FREQUENCIES = np.logspace(5, -4, 70)
AREA = 0.01 * 0.0154
"""[m2]."""
ROUNDS = 11


def theirs(mesh: Mesh) -> Any:
    case = Case()
    model = pybamm.lithium_ion.DFN({"working electrode": "positive", "surface form": "differential"})
    kinds = dict(model.default_submesh_types)
    if mesh.stretch is not None:
        crowded = {"side": "right", "stretch": mesh.stretch}
        kinds["positive particle"] = pybamm.MeshGenerator(pybamm.Exponential1DSubMesh, submesh_params=crowded)
    points = {"x_n": 20, "x_s": mesh.separator, "x_p": mesh.cathode, "r_n": 20, "r_p": mesh.particle}
    return pybamm.EISSimulation(model, parameter_values=case.parameters(), var_pts=points, submesh_types=kinds)


def their_impedance(simulation: Any) -> Any:
    """[Ohm m2]."""
    return AREA * np.asarray(simulation.solve(FREQUENCIES).impedance)


def ours(points: int, shells: int) -> Any:
    parts = xu2019_half_cell()
    cell = Cell(parts.lithium, parts.separator, parts.cathode)
    return lambda: impedance(cell, FREQUENCIES, points=points, shells=shells).impedance


def apart(one: Any, other: Any) -> float:
    """Largest difference relative to |Z|."""
    return float(np.max(np.abs(np.asarray(one) - np.asarray(other)) / np.abs(np.asarray(other))))


def main() -> None:
    stay_on_one_core()
    converged = {"jaxcell": ours(80, 64)(), "pybamm": their_impedance(theirs(Mesh(80, 80, 320, 2.5)))}
    result: dict[str, Any] = {
        "pybamm": pybamm.__version__,
        "frequencies": len(FREQUENCIES),
        "converged_apart": apart(*converged.values()),
    }
    sides: dict[str, Any] = {}
    for name, mesh in (("default", Mesh()), ("accurate", Mesh(20, 20, 80, 2.0))):
        simulation = theirs(mesh)
        sides[f"pybamm_{name}"] = lambda s=simulation: their_impedance(s)
    sides["jaxcell_default"] = ours(20, 16)
    sides["jaxcell_coarse"] = ours(10, 16)
    walls: dict[str, list[float]] = {name: [] for name in sides}
    works: dict[str, list[float]] = {name: [] for name in sides}
    for name, call in sides.items():
        result[name] = {"apart_from_own_converged": apart(call(), converged[name.split("_")[0]])}
    for _ in range(ROUNDS):
        for name, call in sides.items():
            wall, work = time.perf_counter(), time.process_time()
            jax.block_until_ready(call())
            walls[name].append(time.perf_counter() - wall)
            works[name].append(time.process_time() - work)
    for name in sides:
        result[name]["median_ms"] = 1e3 * float(np.median(walls[name]))
        result[name]["processor_ms"] = 1e3 * float(np.median(works[name]))
    work = {name: result[name]["processor_ms"] for name in sides}
    result["ratio_at_defaults"] = work["pybamm_default"] / work["jaxcell_default"]
    result["ratio_at_equal_error"] = work["pybamm_accurate"] / work["jaxcell_coarse"]
    OUT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
