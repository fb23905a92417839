"""Value and gradient of 20 parameters against the plain run, on the same step grid.

    python benchmarks/gradient.py

Alternating runs, medians. Planning the grid (an error-controlled run) is timed apart.
"""

import json
from pathlib import Path

import cases
import jax
import jax.numpy as jnp
import numpy as np

from jaxcell import simulate

OUT = Path(__file__).parent / "results" / "gradient.json"
PARAMETERS = 20


def main() -> None:
    cell, protocol = cases.porous_cell(), cases.cycles(5)
    planning = cases.best_of(lambda: simulate(cell, protocol).voltage, 5)[1]
    plan = simulate(cell, protocol).plan
    leaves, structure = jax.tree.flatten(cell)
    chosen = [j for j, leaf in enumerate(leaves) if float(leaf) != 0.0][:PARAMETERS]
    assert len(chosen) == PARAMETERS

    def mean_square(scale):
        own = list(leaves)
        for k, j in enumerate(chosen):
            own[j] = leaves[j] * scale[k]
        return jnp.mean(simulate(jax.tree.unflatten(structure, own), protocol, plan=plan, throw=False).voltage ** 2)

    forward, reverse = jax.jit(mean_square), jax.jit(jax.value_and_grad(mean_square))
    ones = jnp.ones(PARAMETERS)
    times = {"forward": [], "value_and_gradient": []}
    compile_s = {}
    for _ in range(7):
        for name, call in (("forward", forward), ("value_and_gradient", reverse)):
            first, median = cases.best_of(lambda c=call: c(ones), 3)
            compile_s.setdefault(name, first)
            times[name].append(median)
    ratios = [b / a for a, b in zip(times["forward"], times["value_and_gradient"], strict=True)]
    steps = int(plan.used)
    result = {
        "parameters": PARAMETERS,
        "steps": steps,
        "planning_ms": planning * 1e3,
        "forward_ms": float(np.median(times["forward"])) * 1e3,
        "forward_us_per_step": float(np.median(times["forward"])) / steps * 1e6,
        "value_and_gradient_ms": float(np.median(times["value_and_gradient"])) * 1e3,
        "ratio_median": float(np.median(ratios)),
        "ratio_range": [min(ratios), max(ratios)],
        "first_call_s": compile_s,
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
