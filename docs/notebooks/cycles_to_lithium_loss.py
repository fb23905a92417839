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
# # From a cycling curve to layer properties and lithium loss
#
# A lithium foil below a coated layer is cycled. What does the voltage say of the layer, what does the record say of the
# lithium, and what does it not tell at all? The record is virtual, so that the truth is known at the end.
#
# Figures are saved below `results/notebooks/`.

# %%
from pathlib import Path

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from jaxcell import (
    Cell,
    Film,
    Interface,
    LithiumElectrode,
    LithiumInventory,
    LithiumKinetics,
    ProtectionLayer,
    Separator,
    lithium_ledger,
    replay,
    simulate,
)
from jaxcell.inference import (
    INVENTORY_FIT,
    FitSettings,
    InventoryProblem,
    LogNormal,
    Parameter,
    ParameterSet,
    cycle_data,
    fit,
    lithium_loss,
    profile_likelihood,
)
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.dataset import dataset

FIGURES = Path("results/notebooks")
FIGURES.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# ## The record
#
# 5 um of polymer with L/kappa = 10 ohm cm2, and a film between polymer and separator with another 10.
# Three cycles of 4 min a half, each at another current from 0.5 to 6 mA/cm2, so that the interface
# shows its curvature; a sample a minute, with 2 mV of noise.


# %%
def cell(conductivity, film, exchange_current):
    """Foil below a coated layer, against plenty of lithium; SI."""
    face = Interface(LithiumKinetics(exchange_current))
    layer = ProtectionLayer(5e-6, conductivity, top=None, separator_film=Film(film))
    return Cell(LithiumElectrode(10e-6, face, layer), Separator(30e-6, 0.24), LithiumElectrode(50e-6))


truth = {"conductivity": 5e-3, "film": 1e-3, "exchange current": 10.0}
sizes = np.array([5.0, 20.0, 60.0])  # A m-2
current = np.append(0.0, np.concatenate([np.repeat([-size, size], 4) for size in sizes]))  # plating is negative
time = 60.0 * np.arange(current.size)
noise = 2e-3  # V
voltage = np.append(0.0, simulate(cell(*truth.values()), replay(time, current)).voltage)
voltage += noise * np.random.default_rng(1).normal(size=time.size)

# %% [markdown]
# ## The fit
#
# Three numbers are not known. Each has a prior, which says what was believed before; the cell holds guesses, not the
# truth.

# %%
guess = cell(2e-3, 3e-4, 30.0)
layer, face = "working.layer.", "working.interface."
belief = {
    "conductivity": (f"{layer}ionic_conductivity", "S/m", (1e-4, 1e-1), (1e-3, 3e-2)),
    "film": (f"{layer}separator_film.resistance", "Ohm m2", (1e-5, 1e-1), (1e-4, 1e-2)),
    "exchange current": (f"{face}kinetics.exchange_current_density", "A/m2", (0.1, 1e3), (1.0, 100.0)),
}
unknown = [
    Parameter(name, path, unit, bounds, prior=LogNormal(range95))
    for name, (path, unit, bounds, range95) in belief.items()
]
record = dataset(time, current, voltage, noise=noise)
problem = CellProblem(guess, record, ParameterSet(unknown, guess))
# As many starts as a profile has points: one compiled program serves both.
result = fit(problem, starts=12, settings=FitSettings(ridges=0))
print(result.summary())

# %% [markdown]
# The verdicts say which answers are the data's and which are the prior's. The exchange current density is identified,
# by the curvature at large currents. Conductivity and film are not: the voltage holds their sum, and either alone may
# be anything up to it. An error bar of the conductivity that took the film for known would be wrong.

# %%
for verdict in result.identifiability.verdicts:
    print(verdict.sentence)

# %%
fitted = problem.solution(jnp.asarray(result.theta))
fig, axes = plt.subplots(figsize=(8.0, 3.8), layout="constrained")
axes.plot(time[1:] / 60.0, 1e3 * voltage[1:], "o", color="0.45", ms=4, label="measured (virtual)")
axes.plot(fitted.time / 60.0, 1e3 * fitted.voltage, "_", color="#c8102e", ms=9, mew=1.6, label="fitted")
axes.set(xlabel="time / min", ylabel="voltage / mV", title="Three cycles at 0.5 to 6 mA cm$^{-2}$")
axes.legend(frameon=False)
axes.grid(alpha=0.25)
fig.savefig(FIGURES / "cycles_fit.png", dpi=150)

# %% [markdown]
# ## The profile of one number
#
# The profile likelihood holds the conductivity at one value after another and makes everything else as good as it can
# be, without the priors. Where it stays below the line the data have no objection. On the left it rises: there the
# layer alone would have more than the whole resistance. On the right it stays flat: the film takes over what the layer
# gives up.

# %%
profile = profile_likelihood(result, "conductivity")
print(profile.sentence)

# %%
fig, axes = plt.subplots(figsize=(5.6, 3.8), layout="constrained")
axes.plot(profile.values, profile.rise, "-o", ms=3, color="#1f5fa8", label="profile")
axes.axhline(profile.contour, color="0.4", lw=0.8, ls="--", label="95 %")
axes.axvline(truth["conductivity"], color="#c8102e", lw=1, label="truth")
axes.set(xscale="log", xlim=(1e-3, 0.12), ylim=(-0.2, 3.0 * profile.contour))
axes.set(xlabel="conductivity of the layer / S m$^{-1}$", ylabel="rise of the loss / 1")
axes.legend(frameon=False)
axes.grid(alpha=0.25)
fig.savefig(FIGURES / "cycles_profile.png", dpi=150)

# %% [markdown]
# ## Lithium, as far as the voltage tells
#
# The ledger of the fitted run holds every atom. The foil has more lithium than the cycles use, so a loss would leave no
# trace in this voltage: none was fitted, and the ledger says only how much went back and forth.

# %%
ledger = lithium_ledger(fitted).to_dataframe()
print(ledger.filter(like="working").iloc[[0, -1]].T)

# %% [markdown]
# ## Lithium, from what was stripped
#
# The same layer on a collector without excess lithium, anode-free: now each cycle gives back what the one before has
# left, and its capacity tells the loss: 2 % of what is stripped dies.

# %%
cycles, dead = 12, 0.02
rng = np.random.default_rng(2)
capacity = 3.0 * (1.0 - dead) ** np.arange(1, cycles + 1) * (1.0 + 1e-3 * rng.normal(size=cycles))
inventory = InventoryProblem(LithiumInventory(initial=3.0), cycle_data(capacity), capacity_unit="mAh/cm2")
of_cycles = fit(inventory, settings=INVENTORY_FIT)
told = lithium_loss(inventory, of_cycles)
print(*told.sentences, sep="\n")

# %%
fig, axes = plt.subplots(figsize=(5.6, 3.8), layout="constrained")
number = np.arange(1, cycles + 1)
axes.plot(number, capacity, "o", color="0.45", label="measured (virtual)")
axes.plot(number, 3.0 * (1.0 - dead) ** number, "-", color="#c8102e", lw=1, label="truth, 2 % a cycle")
axes.set(xlabel="cycle", ylabel="capacity / mAh cm$^{-2}$", title="Anode-free: nothing hides the loss")
axes.legend(frameon=False)
axes.grid(alpha=0.25)
fig.savefig(FIGURES / "cycles_capacity.png", dpi=150)

# %% [markdown]
# ## Beside the truth

# %%
for name, one in result.parameters.items():
    low, high = one.interval95
    held = "holds" if low <= truth[name] <= high else "misses"
    print(f"{name}: {one.estimate:.3g} {one.unit}, 95 % {low:.3g} to {high:.3g}, {held} the truth {truth[name]:.3g}")
