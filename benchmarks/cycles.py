"""Half cells cycled until a cut-off: time, memory and ledger of the run and of its gradient, by number of cycles.

python benchmarks/cycles.py [--cycles 50 150 500] [--losses]
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cases
import jax
import jax.numpy as jnp

from jaxcell import (
    Cell,
    Collector,
    DeadLithium,
    Interface,
    Interphase,
    LithiumElectrode,
    Nucleation,
    ProtectionLayer,
    Protocol,
    Separator,
    Until,
    lithium_ledger,
    lithium_losses,
    plate,
    simulate,
    strip,
)

RESULTS = Path(__file__).parent / "results"


def cell(x, losses: bool) -> Cell:
    """Copper below a layer | separator | lithium; layer and separator conductivity times exp of x.

    With `losses` lithium dies and an interphase grows below the layer and on top of it.
    """
    parts: dict[str, Any] = {"interphase": Interphase(), "dead_lithium": DeadLithium(0.003)} if losses else {}
    top = Interface(nucleation=Nucleation(0.04), **parts)
    layer = ProtectionLayer(5e-6, 5e-3 * jnp.exp(x[0]), top=top)
    collector = Collector(Interface(nucleation=Nucleation(0.02), **parts), layer=layer, initial_potential=0.0)
    return Cell(collector, Separator(30e-6, 0.24 * jnp.exp(x[1])), LithiumElectrode(50e-6))


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory by number of cycles")
    parser.add_argument("--cycles", type=int, nargs="+", default=[50, 150, 500])
    parser.add_argument("--losses", action="store_true", help="lithium dies and an interphase grows")
    chosen = parser.parse_args()
    result = {}
    for count in chosen.cycles:
        # A process of its own for each count: the peak of its memory is its own, too.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as one:
            result[str(count)] = one.submit(measured, count, chosen.losses).result()
        print(count, json.dumps(result[str(count)]), flush=True)
    name = "cycles_with_losses" if chosen.losses else "cycles"
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")


def measured(count: int, losses: bool) -> dict[str, float]:
    """Figures of so many cycles."""
    ends = Until(voltage_above=0.5)
    protocol = Protocol.of(plate(1.0, 0.5, points=2), strip(1.0, until=ends, duration=7200.0, points=2), repeat=count)
    run = jax.jit(lambda x: simulate(cell(x, losses), protocol, throw=False))

    def energy(x):
        voltage = simulate(cell(x, losses), protocol, throw=False).voltage
        return jnp.sum(jnp.where(jnp.isfinite(voltage), voltage, 0.0) ** 2)

    x = jnp.zeros(2)
    gradient = jax.jit(jax.grad(energy)).lower(x).compile()
    memory = gradient.memory_analysis()
    assert memory is not None
    solution = run(x)
    ledger = lithium_ledger(solution)
    last = solution.taken[-1]
    lost = sum(float(row[last]) for row in lithium_losses(ledger).values())
    return {
        "steps": int(solution.trajectory.plan.used),
        "status": int(solution.status),
        "imbalance": float(jnp.nanmax(jnp.abs(ledger.imbalance))),
        "lost_mol_m2": lost,
        "run_ms": 1e3 * cases.best_of(lambda: run(x).voltage, 3)[1],
        "gradient_ms": 1e3 * cases.best_of(lambda: gradient(x), 3)[1],
        "gradient_finite": bool(jnp.all(jnp.isfinite(gradient(x)))),
        "gradient_temporary_mb": memory.temp_size_in_bytes / 1e6,
        "peak_rss_mb": cases.peak_memory_mb(),
    }


if __name__ == "__main__":
    main()
