"""Thin lithium, protected against bare: cycles until the reservoir is gone, and what took it.

python fit/protected_against_bare.py [FIGURE.png].  Foils of 2 to 10 um against lithium, 0.2 mAh/cm2 a cycle at
1 mA/cm2; strips end at 0.5 V, so efficiencies fall once lithium runs short.  Assumptions, none of them measured: where
lithium touches the sulfide an argyrodite interphase grows on it and 3 % of what is stripped dies; below the layer 0.3 %
dies and a slower interphase grows.  The layer pays for itself if lithium stays below it; the ledger says where it went.
"""

import sys

import numpy as np

from jaxcell import (
    Cell,
    DeadLithium,
    Interface,
    Interphase,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    ProtectionLayer,
    Protocol,
    Separator,
    Until,
    compare_layers,
    comparison_figure,
    plate,
    strip,
)

CYCLES = 600
SULFIDE = {"interphase": Interphase(), "dead_lithium": DeadLithium(0.03)}
POLYMER = {"interphase": Interphase(ambipolar_conductivity=1.2e-11), "dead_lithium": DeadLithium(0.003)}
LAYER = ProtectionLayer(5e-6, 1e-2, top=Interface(LithiumKinetics(10.0), Nucleation(0.04), **SULFIDE))
CYCLE = [plate(1.0, 0.2, points=1), strip(1.0, 0.2, points=1, until=Until(voltage_above=0.5))]


def cell(thickness, layer):
    """A foil of this thickness [m], bare or below the layer, against thick lithium."""
    face = Interface(LithiumKinetics(100.0), **(SULFIDE if layer is None else POLYMER))
    return Cell(LithiumElectrode(thickness, face, layer), Separator(30e-6, 0.24), LithiumElectrode(200e-6))


def compared(thickness):
    """Both cells through the same cycles."""
    return compare_layers(
        cell(thickness, None), cell(thickness, LAYER), Protocol.of(*CYCLE, repeat=CYCLES), names=("bare", "protected")
    )


if __name__ == "__main__":
    for thickness in (2e-6, 5e-6, 10e-6):
        found = compared(thickness)
        print(f"\n{1e6 * thickness:.0f} um of lithium\n{found.table.to_string(float_format=lambda x: f'{x:.4g}')}")
        for name, cycles, solution in zip(found.names, found.cycles, found.solutions, strict=True):
            short = cycles.number[np.flatnonzero(cycles.coulombic_efficiency < 0.999)]
            print(f"  {name}: " + (f"short of lithium from cycle {short[0]}" if short.size else "never short"), end="")
            print(f" of {cycles.number[-1]}; {solution.result.sentence}")
    if len(sys.argv) > 1:
        comparison_figure(found).savefig(sys.argv[1])
