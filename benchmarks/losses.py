"""What losses cost: time of the same cycles with each of them, relative to a cell without any.

python benchmarks/losses.py
"""

import json
from pathlib import Path
from typing import Any

import cases
import numpy as np

from jaxcell import (
    BinarySalt,
    Cell,
    ContactLoss,
    DeadLithium,
    HeatBalance,
    Interface,
    Interphase,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    Pores,
    ProtectionLayer,
    Separator,
    SoftShort,
    Storage,
    Trap,
    lithium_ledger,
    simulate,
)

OUT = Path(__file__).parent / "results" / "losses.json"
LOSSES = ("interphase", "dead_lithium", "contact_loss", "hosts", "short", "salt", "heat")


def cell(*present: str) -> Cell:
    """The benchmarks' cell with pores, with these losses wherever they can be."""
    parts: dict[str, Any] = {"interphase": Interphase(), "dead_lithium": DeadLithium()}
    site = {name: part for name, part in parts.items() if name in present}
    plane: dict[str, Any] = site | ({"contact_loss": ContactLoss()} if "contact_loss" in present else {})
    hosts: dict[str, Any] = {"storage": Storage(), "trap": Trap()} if "hosts" in present else {}
    top = Interface(nucleation=Nucleation(0.04), **plane)
    layer = ProtectionLayer(5e-6, 1e-2, pores=Pores(specific_surface_area=1e6, **site), top=top, **hosts)
    separator = Separator(
        30e-6,
        0.24,
        short=SoftShort(1.0) if "short" in present else None,
        salt=BinarySalt() if "salt" in present else None,
    )
    working = LithiumElectrode(20e-6, Interface(**plane), layer)
    counter = LithiumElectrode(50e-6, Interface(LithiumKinetics(100.0), **plane))
    return Cell(working, separator, counter, heat_balance=HeatBalance(500.0, 10.0) if "heat" in present else None)


def main() -> None:
    result = {}
    for name, present in {"none": (), **{one: (one,) for one in LOSSES}, "all": LOSSES}.items():
        own, protocol = cell(*present), cases.cycles(repeat=2)
        first, time = cases.best_of(lambda own=own, protocol=protocol: simulate(own, protocol).voltage)
        solution = simulate(own, protocol)
        iterations = int(solution.trajectory.newton_iterations)
        result[name] = {
            "first_call_s": first,
            "run_s": time,
            "newton_iterations": iterations,
            "us_per_iteration": 1e6 * time / iterations,
            "imbalance": float(np.max(np.abs(np.asarray(lithium_ledger(solution).imbalance)))),
        }
        ratio = time / result["none"]["run_s"]
        print(
            f"{name:12s} {1e3 * time:7.2f} ms, {ratio:5.1f} x none, {1e6 * time / iterations:5.1f} us/iteration, "
            f"first {first:4.1f} s, imbalance {result[name]['imbalance']:.0e}"
        )
    OUT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
