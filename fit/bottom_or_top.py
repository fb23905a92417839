"""Below or on top of the layer? Lithiophilic against bare collector, over the layer's conductivity and the current.

python fit/bottom_or_top.py [FIGURE.png].  Ions that plate at the bottom cross the layer, and lose w_b + I (R_b +
L/kappa) on the way; once that exceeds the barrier of the top by more than that of the bottom, lithium plates on top.
So the onset is I* = (eta_t - eta_b)/(R_b + L/kappa) for small currents, eta_b = 0 once the bottom has nucleated.  A
bare collector with the top's own barrier must nucleate first: where the layer conducts well its faster kinetics win the
race, where it does not the top does, and its deposit stays there.  All numbers are priors, not measured.
"""

import sys

import numpy as np

from jaxcell import (
    Cell,
    Collector,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    ProtectionLayer,
    Separator,
    map_plating,
    plating_map_figure,
)

CONDUCTIVITY = np.logspace(-7, -3, 17)  # S/cm
CURRENT = np.geomspace(0.5, 6.0, 10)  # mA/cm2
BARRIERS = {"lithiophilic": 0.0, "bare": 0.040}  # V, of the collector; the top's is 40 mV


def cell(barrier):
    """A collector below 5 um of layer, against lithium."""
    top = Interface(LithiumKinetics(10.0), Nucleation(0.040))
    layer = ProtectionLayer(thickness=5e-6, ionic_conductivity=5e-3, top=top)
    collector = Collector(Interface(LithiumKinetics(100.0), Nucleation(barrier)), layer)
    return Cell(collector, Separator(30e-6, 0.24), LithiumElectrode(50e-6))


if __name__ == "__main__":
    for name, barrier in BARRIERS.items():
        found = map_plating(cell(barrier), 10.0 * CURRENT, 100.0 * CONDUCTIVITY)
        bottom, onset = np.asarray(found.bottom), np.asarray(found.onset) / 10.0
        print(f"\n{name} collector: share of 1 mAh/cm2 below the layer, and I* once the bottom has nucleated")
        for k in range(0, CONDUCTIVITY.size, 4):
            row = "  ".join(f"{bottom[k, j]:.2f}" for j in range(0, CURRENT.size, 3))
            print(
                f"  kappa {CONDUCTIVITY[k]:.0e} S/cm: {row} at {CURRENT[::3].round(2)} mA/cm2; I* {onset[k]:.3g} mA/cm2"
            )
        if len(sys.argv) > 1:
            path = sys.argv[1].replace(".png", f"_{name}.png")
            plating_map_figure(found, f"{name} collector").savefig(path)
            print(f"  figure: {path}")
    print("\nA layer that conducts badly sends lithium to its top; the collector's barrier moves the border.")
