"""The second half of 42 anode-free Cu | LFP cells foretold from the first: do intervals hold, and which model is best?

python fit/anode_free_forecast.py [FIGURE.png]: the table of fit/anode_free_cu_lfp.py. Every model is fitted to the
first half of each cell, 3 cycles or more; coverage of its predictive intervals has a 95 % band clustered by cell.
"""

import os
import sys
from pathlib import Path

from jaxcell import Cycles, LithiumInventory
from jaxcell.capacity_plots import pit_figure
from jaxcell.inference import InventoryProblem, compare_models, cycle_data, loss_parameters, second_half
from jaxcell.io import read_cycle_table

FEWEST = 5  # recorded cycles
MODELS = {
    "dead": ("dead",),
    "dead + trapped": ("dead", "trapped"),
    "interphase + trapped": ("interphase", "trapped"),
    "all three": ("dead", "interphase", "trapped"),
}


def problem(capacity, length, channels):
    """Of one cell; `length` cycles are simulated, so that all cells share one program for each model."""
    cell = LithiumInventory(initial=1.0)
    return InventoryProblem(cell, cycle_data(capacity, cycles=Cycles.of(length)), loss_parameters(cell, channels))


def compared(table, cells, folds=second_half):
    """All models over these cells."""
    length = table.capacity.shape[1]
    models = {law: {n: problem(table.cell(n), length, some) for n in cells} for law, some in MODELS.items()}
    return compare_models(models, folds=folds)


if __name__ == "__main__":
    table = read_cycle_table(Path(os.environ["JAXCELL_DATA"]) / "anode_free_cu_lfp" / "capacity_per_cycle.csv")
    cells = [n for n in range(1, len(table.recorded) + 1) if table.recorded[n - 1] >= FEWEST]
    choice = compared(table, cells)
    print(choice.to_dataframe().T.to_string(), choice.verdict, sep="\n")
    found = {law: choice.calibration(law) for law in MODELS}
    for law, one in found.items():
        print(f"\n{law}: {one.count} capacities of {one.records} cells, PIT histogram {one.histogram.tolist()}")
        print(one.to_dataframe().to_string())
    if len(sys.argv) > 1:
        pit_figure(found).savefig(sys.argv[1])
