"""Half cells cycled until a cut-off: time, memory and ledger of the run and of its gradient, by number of cycles.

python benchmarks/cycles.py [--cycles 50 500]
"""

import argparse
import json
from pathlib import Path

import cases
import jax
import jax.numpy as jnp

from jaxcell import (
    Cell,
    Collector,
    Interface,
    LithiumElectrode,
    Nucleation,
    ProtectionLayer,
    Protocol,
    Separator,
    Until,
    lithium_ledger,
    plate,
    simulate,
    strip,
)

OUT = Path(__file__).parent / "results" / "cycles.json"


def cell(x) -> Cell:
    """Copper below a layer | separator | lithium; layer and separator conductivity times exp of x."""
    top = Interface(nucleation=Nucleation(0.04))
    layer = ProtectionLayer(5e-6, 5e-3 * jnp.exp(x[0]), top=top)
    collector = Collector(Interface(nucleation=Nucleation(0.02)), layer=layer, initial_potential=0.0)
    return Cell(collector, Separator(30e-6, 0.24 * jnp.exp(x[1])), LithiumElectrode(50e-6))


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory by number of cycles")
    parser.add_argument("--cycles", type=int, nargs="+", default=[50, 500])
    result = {}
    for count in parser.parse_args().cycles:
        ends = Until(voltage_above=0.5)
        protocol = Protocol.of(
            plate(1.0, 0.5, points=2), strip(1.0, until=ends, duration=7200.0, points=2), repeat=count
        )
        run = jax.jit(lambda x, p=protocol: simulate(cell(x), p, throw=False))

        def energy(x, p=protocol):
            voltage = simulate(cell(x), p, throw=False).voltage
            return jnp.sum(jnp.where(jnp.isfinite(voltage), voltage, 0.0) ** 2)

        x = jnp.zeros(2)
        gradient = jax.jit(jax.grad(energy)).lower(x).compile()
        memory = gradient.memory_analysis()
        assert memory is not None
        solution = run(x)
        result[str(count)] = {
            "steps": int(solution.trajectory.plan.used),
            "status": int(solution.status),
            "imbalance": float(jnp.nanmax(jnp.abs(lithium_ledger(solution).imbalance))),
            "run_ms": 1e3 * cases.best_of(lambda f=run, y=x: f(y).voltage, 3)[1],
            "gradient_ms": 1e3 * cases.best_of(lambda f=gradient, y=x: f(y), 3)[1],
            "gradient_temporary_mb": memory.temp_size_in_bytes / 1e6,
        }
    print(json.dumps(result, indent=2))
    OUT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
