"""One figure of full cells that were cycled: voltage, capacity against the ledger, bottom fraction, lithium."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxcell.cycles import CycleLedger, cycle_ledger
from jaxcell.figures import by_cycle, stacked_lithium
from jaxcell.simulation import Solution
from jaxcell.units import to_mah_cm2

_COLOURS = ("#1f5fa8", "#c8102e", "#1b7837", "#8073ac", "#e08214", "#3a3f44")
_C_MAH = 36000.0


def full_cell_figure(*solutions: Solution, names: tuple[str, ...]) -> Figure:
    """Cycled full cells side by side: voltage over the discharged capacity of the first and the last cycle; capacity by
    cycle and, dashed, the lithium that the ledger says is still at hand; where the lithium plated; all lithium of the
    first cell that is named.

    Raises:
        ValueError: no solution, or not one name for each.
    """
    if not solutions or len(names) != len(solutions):
        raise ValueError(
            f"full_cell_figure needs one name for each of its solutions, but got {len(names)} for {len(solutions)}."
        )
    ledgers = [cycle_ledger(solution) for solution in solutions]
    figure = Figure(figsize=(11.5, 8.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    (voltage, capacity), (bottom, lithium) = figure.subplots(2, 2)
    for solution, cycles, name, colour in zip(solutions, ledgers, names, _COLOURS * len(names), strict=False):
        _discharges(voltage, solution, colour)
        capacity.plot(cycles.number, to_mah_cm2(cycles.stripped), color=colour, label=name)
        capacity.plot(cycles.number, to_mah_cm2(cycles.at_hand), "--", color=colour, lw=1.0)
        bottom.plot(cycles.number, 100.0 * cycles.bottom_fraction, color=colour, label=name)
    voltage.plot([], [], "k-", label="first cycle")
    voltage.plot([], [], "k:", label="last cycle")
    voltage.set(xlabel="discharged / mAh cm$^{-2}$", ylabel="voltage / V", xlim=(0.0, None))
    voltage.grid(alpha=0.25)
    highest = max(float(to_mah_cm2(c.stripped.max())) for c in ledgers)
    capacity.set(ylabel="discharge capacity / mAh cm$^{-2}$", ylim=(0.0, 1.35 * highest))
    bottom.set(ylabel="plated at the bottom / %", ylim=(-4.0, 104.0))
    for axes in (capacity, bottom):
        by_cycle(axes)
    handles, labels = capacity.get_legend_handles_labels()
    dashed = Line2D([], [], color="black", ls="--", lw=1.0)
    capacity.legend([*handles, dashed], [*labels, "lithium at hand (ledger)"], fontsize=8, frameon=False)
    voltage.legend(fontsize=8, frameon=False)
    _all_lithium(lithium, ledgers[0], names[0])
    return figure


def _discharges(axes: Axes, solution: Solution, colour: str) -> None:
    """Voltage over charge of the first and the last step that discharges."""
    taken = solution.taken
    step, charge = np.asarray(solution.step)[taken], np.asarray(solution.charge)[taken]
    voltage = np.asarray(solution.voltage)[taken]
    passed = np.zeros(step.max() + 1)
    np.add.at(passed, step, charge)
    discharges = np.flatnonzero(passed < -1e-6 * np.abs(passed).max())
    for line, which in zip(("-", ":"), discharges[[0, -1]] if discharges.size else (), strict=False):
        rows = step == which
        axes.plot(np.cumsum(-charge[rows]) / _C_MAH, voltage[rows], line, color=colour)


def _all_lithium(axes: Axes, cycles: CycleLedger, name: str) -> None:
    stacked_lithium(axes, cycles)
    axes.set_title(f"{name}: at the end of each cycle", fontsize=10)
    handles, labels = axes.get_legend_handles_labels()
    shown = [
        k
        for k, bars in enumerate(axes.containers)
        if isinstance(bars, BarContainer) and any(bar.get_height() > 1e-4 for bar in bars.patches)
    ]
    axes.legend(
        [handles[k] for k in shown], [labels[k] for k in shown], fontsize=7, ncols=3, loc="upper center", frameon=False
    )
    axes.set_ylim(0.0, 1.25 * axes.get_ylim()[1])
