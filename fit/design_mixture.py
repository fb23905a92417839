"""How much filler should stiffen a layer? The highest current without lithium on top, at a given stiffness.

python fit/design_mixture.py [FIGURE.png].  Filler stiffens the polymer, G = G0 (1 + 2.5 phi) (H. M. Smallwood, J. Appl.
Phys. 15 (1944) 758), so that a thinner layer will do, and blocks ions, kappa = kappa0 (1 - phi)^(3/2).  Of all layers
with G L = 7 N/m the one with the smallest L/kappa has phi = 4/25, whatever the rest of the cell.  A grid agrees with
the optimiser; `fit/design_by_hand.py` finds the same with nothing but optax.  Moduli and conductivities are
assumptions.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

from jaxcell import Cell, Filler, Interface, LithiumElectrode, LithiumKinetics, Nucleation, ProtectionLayer, Separator
from jaxcell.design import Design, DesignCase, LayerRecipe, Limit, Objective, optimise
from jaxcell.design.quantities import case_quantities
from jaxcell.inference import Parameter, ParameterSet

POLYMER_MODULUS = 1e6
"""G0 [Pa]."""
STIFFNESS = 7.0
"""Least G L [N m-1]."""


def quantities(case, names):
    """Those of every case, and the layer's stiffness G L [N m-1]."""
    found = case_quantities(case, tuple(name for name in names if name != "stiffness"))
    modulus = POLYMER_MODULUS * (1.0 + 2.5 * case.recipe.filler_fraction)
    return found | {"stiffness": modulus * case.cell.working.layer.thickness}


def design():
    """Thickness and filler fraction are chosen."""
    layer = ProtectionLayer(8e-6, 5e-3, top=Interface(nucleation=Nucleation(0.04)))
    foil = LithiumElectrode(5e-6, Interface(LithiumKinetics(30.0)), layer)
    cell = Cell(foil, Separator(30e-6, 0.24), LithiumElectrode(50e-6))
    case = DesignCase(cell, recipe=LayerRecipe(0.05, 1e-2, Filler(), stores=False))
    chosen = [
        Parameter("thickness", "cell.working.layer.thickness", "m", (2e-6, 2e-5)),
        Parameter("filler", "recipe.filler_fraction", "1", (0.02, 0.4), "linear"),
    ]
    units = {"top_onset_current": "A m-2", "stiffness": "N m-1"}
    limits = (Limit("stiffness", at_least=STIFFNESS),)
    return Design(
        case, ParameterSet(chosen, case), Objective("top_onset_current"), limits, quantities=quantities, units=units
    )


def grid(problem, points):
    """Thickness, filler, onset current and stiffness at `points` x `points` designs, the thinnest first."""
    thickness, filler = np.meshgrid(np.geomspace(2e-6, 2e-5, points), np.linspace(0.02, 0.4, points), indexing="ij")
    each = zip(thickness.ravel(), filler.ravel(), strict=True)
    found = [problem.values({"thickness": float(a), "filler": float(b)}) for a, b in each]
    onset, stiffness = (
        np.array([float(one[name]) for one in found]).reshape(thickness.shape)
        for name in ("top_onset_current", "stiffness")
    )
    return thickness, filler, onset, stiffness


if __name__ == "__main__":
    problem = design()
    best = optimise(problem)
    print(best.summary())
    thickness, filler, onset, stiffness = grid(problem, 60)
    allowed = np.where(stiffness >= STIFFNESS, onset, -np.inf)
    k = np.unravel_index(np.argmax(allowed), allowed.shape)
    print(f"best of {allowed.size} on a grid: {onset[k]:.5g} A m-2 at {1e6 * thickness[k]:.3g} um, {filler[k]:.3g}")
    if len(sys.argv) > 1:
        figure, axes = plt.subplots(figsize=(5.6, 4.0), layout="constrained")
        shown = np.where(stiffness >= STIFFNESS, 0.1 * onset, np.nan)
        mesh = axes.pcolormesh(1e6 * thickness, filler, shown, shading="nearest")
        axes.plot(1e6 * thickness[k], filler[k], "s", color="w", ms=9, mec="k", label="best of the grid")
        axes.plot(1e6 * best.values["thickness"], best.values["filler"], "D", color="#c8102e", label="optimiser")
        axes.set(xscale="log", xlabel="thickness of the layer / µm", ylabel="filler fraction / 1")
        axes.set_xticks([2, 5, 10, 20], ["2", "5", "10", "20"])
        axes.set_title("Left white: softer than 7 N/m", fontsize=10)
        figure.colorbar(mesh, label="current without lithium on top / mA cm$^{-2}$")
        axes.legend(fontsize=8)
        figure.savefig(sys.argv[1], dpi=150)
