# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # A layer's design, from objective to robust optimum
#
# A protection layer of polymer and carbon filler: how thick, and how much filler? It should be stiff; lithium must not
# plate on top of it at the charging current; and the filler must not trap much lithium. First with every number taken
# for known, then with what a fit of a spectrum leaves open.
#
# Figures are saved below `results/notebooks/`.

# %%
from pathlib import Path

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from jaxcell import (
    Cell,
    Filler,
    Film,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    ProtectionLayer,
    Separator,
)
from jaxcell.design import (
    Design,
    DesignCase,
    LayerRecipe,
    Limit,
    Objective,
    Uncertain,
    optimise,
    pareto_front,
    virtual_spectrum,
)
from jaxcell.design.quantities import case_quantities
from jaxcell.inference import FitSettings, LogNormal, Parameter, ParameterSet, fit, laplace
from jaxcell.units import FARADAY, from_mah_cm2

FIGURES = Path("results/notebooks")
FIGURES.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# ## The case
#
# A recipe of filler and polymer replaces the layer's conductivity by the mixture's. Stiffness and trapped lithium are
# quantities of our own: filler stiffens, G = G0 (1 + 2.5 phi) (H. M. Smallwood, J. Appl. Phys. 15 (1944) 758), blocks
# ions, kappa = kappa0 (1 - phi)^(3/2), and traps 75 mAh/g. G0 = 1 MPa is an assumption.


# %%
def cell(conductivity, film):
    """Foil below a layer whose top has 40 mV of nucleation barrier; SI."""
    top = Interface(nucleation=Nucleation(0.04))
    layer = ProtectionLayer(5e-6, conductivity, top=top, separator_film=Film(film, 0.2))
    foil = LithiumElectrode(5e-6, Interface(LithiumKinetics(30.0)), layer)
    return Cell(foil, Separator(30e-6, 0.24), LithiumElectrode(50e-6))


OWN = {"stiffness": "N m-1", "trapped": "mol m-2"}
filler = Filler()


def quantities(case, names):
    """Those of every case; stiffness G L, and lithium that the filler keeps."""
    found = case_quantities(case, tuple(name for name in names if name not in OWN))
    thickness, phi = case.cell.working.layer.thickness, case.recipe.filler_fraction
    found["stiffness"] = 1e6 * (1.0 + 2.5 * phi) * thickness
    found["trapped"] = phi * thickness * filler.density * filler.trapped_capacity / FARADAY
    return {name: found[name] for name in names}


kappa0, film = 1e-2, 2e-4  # S/m of the polymer, ohm m2
case = DesignCase(cell(kappa0, film), recipe=LayerRecipe(0.1, kappa0, filler, stores=False))
chosen = ParameterSet(
    [
        Parameter("thickness", "cell.working.layer.thickness", "m", (1e-6, 2e-5)),
        Parameter("filler", "recipe.filler_fraction", "1", (0.01, 0.4), "linear"),
    ],
    case,
)
limits = (
    Limit("top_onset_current", at_least=25.0, probability=0.95),  # A m-2
    Limit("trapped", at_most=float(from_mah_cm2(0.005)), probability=None),  # mol m-2
)
units = OWN | {"top_onset_current": "A m-2"}
design = Design(case, chosen, Objective("stiffness"), limits, quantities=quantities, units=units)

# %% [markdown]
# ## The optimum
#
# The answer names what is active and what one unit of each limit is worth. Here both limits are: the current stops the
# layer from being thicker, the trapped lithium from holding more filler.

# %%
known = optimise(design)
print(known.summary())

# %% [markdown]
# ## What a larger current costs
#
# The front of stiffness against the current without lithium on top: no design is better in both.

# %%
wide = Design(case, chosen, Objective("stiffness"), limits[1:], quantities=quantities, units=units)
front = pareto_front(wide, Objective("top_onset_current"), points=7)
print(front.to_dataframe().to_string(float_format=lambda x: f"{x:.4g}"))

# %% [markdown]
# ## What a fit leaves open
#
# The polymer's conductivity and the film's resistance come from somewhere: here from a spectrum of a cell with a layer
# of polymer alone, with 1 % of noise. It tells the conductivity far better than the film, and the two depend on each
# other: the more conductive the polymer, the more of the resistance is the film's.

# %%
polymer = cell(kappa0, film)
unknown = [
    Parameter("conductivity", "working.layer.ionic_conductivity", "S/m", (1e-4, 1e-1), prior=LogNormal((1e-3, 1e-1))),
    Parameter("film", "working.layer.separator_film.resistance", "Ohm m2", (1e-6, 1e-2), prior=LogNormal((1e-5, 1e-2))),
]
spectrum = virtual_spectrum(
    polymer, np.geomspace(10.0, 1e5, 15), ParameterSet(unknown, polymer), relative_noise=0.01, seed=3
)
fitted = fit(spectrum, starts=2, settings=FitSettings(ridges=0))
print(fitted.summary())

# %% [markdown]
# Draws from the Gaussian at the optimum carry that uncertainty, correlation included, into the design: both parameters
# are logarithms there and here, only their places in the case have other names.
# Where the trade-off bends, a Gaussian leaves it and exaggerates the risk; `posterior` would sample the bend.

# %%
draws = laplace(fitted, draws=64, seed=1).theta[0]
places = ("recipe.polymer_conductivity", "cell.working.layer.separator_film.resistance")
moved = [
    Parameter(p.name, place, p.unit, (float(p.bounds[0]), float(p.bounds[1])), prior=p.prior)
    for p, place in zip(unknown, places, strict=True)
]
uncertain = Uncertain(ParameterSet(moved, case), jnp.asarray(draws))

# %% [markdown]
# ## The robust optimum
#
# Now the limit on the current must hold with a probability of 95 %. It is compared with the design for the fit's own
# best values, which takes them for known.

# %%
best = fitted.parameters
at_fit = DesignCase(
    cell(kappa0, best["film"].estimate),
    recipe=LayerRecipe(0.1, best["conductivity"].estimate, filler, stores=False),
)
trusting = optimise(
    Design(at_fit, chosen, Objective("stiffness"), limits, quantities=quantities, units=units), starts=1
)
careful_design = Design(case, chosen, Objective("stiffness"), limits, uncertain, quantities, units)
careful = optimise(careful_design, starts=2)
print(careful.summary())


def onset(optimum):
    """Onset of top plating [mA cm-2] of a design, by draw."""
    return 0.1 * careful_design.values(optimum.values)["top_onset_current"]


designs = {"best fit taken for known": trusting, "robust": careful}
for name, one in designs.items():
    held = np.mean(onset(one) >= 2.5)
    where = f"{1e6 * one.values['thickness']:.2f} um, {one.values['filler']:.3f} of filler"
    print(f"{name}: {where}, {one.objective:.2f} N/m; the current holds in {held:.0%} of the draws")

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10.0, 4.0), layout="constrained")
left.plot(0.1 * front.second, front.first, "-o", ms=4, color="#1f5fa8", label="front, all known")
for (name, one), mark, colour in zip(designs.items(), "sD", ("#e08214", "#c8102e"), strict=True):
    left.plot(2.5, one.objective, mark, ms=8, color=colour, label=name)
    right.hist(onset(one), bins=np.linspace(2.2, 2.9, 29), alpha=0.6, color=colour, label=name)
left.set(xlabel="current without lithium on top / mA cm$^{-2}$", ylabel="stiffness of the layer / N m$^{-1}$")
right.axvline(2.5, color="k", lw=1, label="wanted")
right.set(xlabel="current without lithium on top / mA cm$^{-2}$", ylabel="draws")
for axes in (left, right):
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8)
fig.savefig(FIGURES / "design_robust.png", dpi=150)
