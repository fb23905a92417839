"""A spectrum of 70 points against a run of 70 steps of the same cell, and its Jacobian by 10 numbers.

    python benchmarks/impedance.py

Alternating calls, medians of processor time (on one core and without others that use it, that of the wall).
"""

import json
import time
from pathlib import Path

import cases
import jax
import jax.numpy as jnp
import numpy as np

from jaxcell import Cell, Protocol, impedance, plate, simulate
from jaxcell.solver.schedule import uniform_plan

OUT = Path(__file__).parent / "results" / "impedance.json"
FREQUENCIES = np.logspace(5, -2, 70)
STEPS, NUMBERS, ROUNDS = 70, 10, 41


def scaled(cell: Cell, factors: jax.Array) -> Cell:
    """The cell with its first numbers other than zero multiplied."""
    leaves, structure = jax.tree.flatten(cell)
    chosen = [j for j, leaf in enumerate(leaves) if float(leaf) != 0.0][: len(factors)]
    for k, j in enumerate(chosen):
        leaves[j] = leaves[j] * factors[k]
    return jax.tree.unflatten(structure, leaves)


def main() -> None:
    cell = cases.porous_cell()
    protocol = Protocol.of(plate(3.0, 1.0, 10))
    plan = uniform_plan(10, STEPS // 10)
    point = simulate(cell, protocol).state_at()
    ones = jnp.ones(NUMBERS)

    def spectrum(factors):
        return impedance(scaled(cell, factors), FREQUENCIES, point).impedance

    def misfit(factors):
        return jnp.sum(jnp.abs(spectrum(factors)) ** 2)

    calls = {
        "run_70_steps": jax.jit(lambda f: simulate(scaled(cell, f), protocol, plan=plan, throw=False).voltage),
        "spectrum": jax.jit(spectrum),
        "with_parts_and_drift": jax.jit(lambda f: impedance(scaled(cell, f), FREQUENCIES, point)),
        "jacobian": jax.jit(jax.jacfwd(spectrum)),
        "gradient_of_a_misfit": jax.jit(jax.value_and_grad(misfit)),
    }
    compiling = {}
    for name, call in calls.items():
        start = time.perf_counter()
        jax.block_until_ready(call(ones))
        compiling[name] = time.perf_counter() - start
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = time.process_time()
            jax.block_until_ready(call(ones))
            times[name].append(time.process_time() - start)
    median = {name: float(np.median(values)) for name, values in times.items()}
    result = {
        "frequencies": len(FREQUENCIES),
        "numbers": NUMBERS,
        "median_ms": {name: 1e3 * value for name, value in median.items()},
        "spectrum_over_run": median["spectrum"] / median["run_70_steps"],
        "all_over_run": median["with_parts_and_drift"] / median["run_70_steps"],
        "jacobian_over_spectrum": median["jacobian"] / median["spectrum"],
        "gradient_over_spectrum": median["gradient_of_a_misfit"] / median["spectrum"],
        "first_call_s": compiling,
    }
    OUT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
