"""Lithium loss per cycle of 43 anode-free Cu | LFP cells, and their last third forecast from the first two thirds.

python fit/anode_free_cu_lfp.py [FIGURE.png]: reads $JAXCELL_DATA/anode_free_cu_lfp/capacity_per_cycle.csv, see
data/README.md.  Its capacities are fractions of the theoretical one; current, area and temperature are not given, so
time is counted in cycles.
"""

import os
import sys
from pathlib import Path

import numpy as np

from jaxcell import Cycles, LithiumInventory
from jaxcell.capacity_plots import losses_and_forecasts_figure
from jaxcell.inference import INVENTORY_FIT, InventoryProblem, cycle_data, fit, forecast, lithium_loss, loss_parameters
from jaxcell.io import read_cycle_table

FEWEST = 5  # recorded cycles
CELL = LithiumInventory(initial=1.0)  # all lithium starts in the cathode
LAWS = {"inventory": ("dead", "interphase", "trapped"), "constant efficiency": ("dead", "trapped")}


def fitted(capacity, length, channels=LAWS["inventory"]):
    """Problem and fit of one cell; `length` cycles are simulated, so that all cells share one program."""
    problem = InventoryProblem(CELL, cycle_data(capacity, cycles=Cycles.of(length)), loss_parameters(CELL, channels))
    return problem, fit(problem, starts=6, settings=INVENTORY_FIT)


def held_out(capacity, length, channels):
    """The last third: measured, and low, median and high of its forecast from the first two thirds."""
    first = 2 * capacity.size // 3
    ahead = forecast(*fitted(capacity[:first], length, channels))
    late = slice(first, capacity.size)
    return capacity[late], ahead.low[late], ahead.median[late], ahead.high[late]


if __name__ == "__main__":
    table = read_cycle_table(Path(os.environ["JAXCELL_DATA"]) / "anode_free_cu_lfp" / "capacity_per_cycle.csv")
    cells = [n for n in range(1, len(table.recorded) + 1) if table.recorded[n - 1] >= FEWEST]
    length = table.capacity.shape[1]
    losses = {n: lithium_loss(*fitted(table.cell(n), length)) for n in cells}
    for n, loss in losses.items():
        print(f"cell {n}, {table.recorded[n - 1]} cycles: {' '.join(loss.sentences)}")
    quartiles = np.quantile([loss.per_cycle for loss in losses.values()], [0.25, 0.5, 0.75])
    print(f"\nloss per cycle over {len(cells)} cells, quartiles: {quartiles}")
    forecasts = {law: {n: held_out(table.cell(n), length, c) for n in cells} for law, c in LAWS.items()}
    errors = []
    for law, found in forecasts.items():
        measured, low, _, high = (np.concatenate(rows) for rows in zip(*found.values(), strict=True))
        inside = (low <= measured) & (measured <= high)
        errors.append(np.array([np.mean(np.abs(middle - q)) for q, _, middle, _ in found.values()]))
        print(f"{law}: {inside.mean():.1%} of {inside.size} capacities inside 95 %, median width", end=" ")
        print(f"{np.median(high - low):.4f}; error by cell, quartiles: {np.quantile(errors[-1], [0.25, 0.5, 0.75])}")
    print(f"{' better than '.join(LAWS)} in {np.sum(errors[0] < errors[1])} of {len(cells)} cells")
    if len(sys.argv) > 1:
        losses_and_forecasts_figure(losses, forecasts, "theoretical capacity").savefig(sys.argv[1])
