"""Figures of a design: objective and limits along each variable, and a Pareto front."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from jaxcell.study.design_run import DesignResult

_BLUE, _RED = "#1f5fa8", "#c8102e"


def cuts_figure(result: DesignResult) -> Figure:
    """A column a variable, a row for the objective and each limit; the optimum marked, what a limit forbids shaded."""
    found, study = result.optimum, result.study
    quantities = [study.content.objective.quantity, *(one.limit.quantity for one in found.limits)]
    figure = Figure(figsize=(3.0 * len(result.cuts) + 0.6, 2.0 * len(quantities) + 0.5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(quantities), len(result.cuts), squeeze=False, sharex="col", sharey="row")
    for column, cut in enumerate(result.cuts):
        unit, size = study.unit_of(cut.variable)
        log = study.content.variables[cut.variable].transform == "log"
        for row, quantity in enumerate(quantities):
            axes, (own, factor) = grid[row][column], study.unit_of(quantity)
            axes.plot(cut.value / size, cut.entries[:, row] / factor, "-o", color=_BLUE, markersize=3, linewidth=1.2)
            value = found.point.values[row] / factor
            axes.plot(found.variables[column].value / size, value, "D", color=_RED, markersize=6, zorder=3)
            if log:
                axes.set_xscale("log")
                _few_ticks(axes, cut.value / size)
            axes.grid(alpha=0.25)
            if column == 0:
                axes.set_ylabel(_label(quantity, own), fontsize=8)
            if row == len(quantities) - 1:
                axes.set_xlabel(_label(cut.variable, unit), fontsize=8)
            axes.tick_params(labelsize=7)
    for row, one in enumerate(found.limits, start=1):
        factor = study.unit_of(one.limit.quantity)[1]
        bound = one.limit.bound / factor
        low, high = grid[row][0].get_ylim()
        for axes in grid[row]:
            axes.axhspan(*((bound, max(high, bound)) if one.limit.upper else (min(low, bound), bound)), color="0.88")
            axes.axhline(bound, color="0.4", linewidth=0.8)
        grid[row][0].set_ylim(min(low, bound), max(high, bound))
    figure.suptitle("Along each variable, the others as in the optimum", fontsize=9)
    return figure


def front_figure(result: DesignResult) -> Figure:
    """The front, and below it the variables along it."""
    front, study = result.front, result.study
    assert front is not None, "asked for where there is one"
    names = list(front.points[0].values)
    figure = Figure(figsize=(5.4, 3.2 + 1.4 * len(names)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1 + len(names), 1, sharex=True, height_ratios=[2.4, *([1.0] * len(names))], squeeze=False)[
        :, 0
    ]
    (first, unit), (second, other) = ((one.quantity, study.unit_of(one.quantity)) for one in front.objectives)
    x = front.second / other[1]
    axes[0].plot(x, front.first / unit[1], "-o", color=_BLUE, markersize=4)
    axes[0].set_ylabel(_label(first, unit[0]), fontsize=8)
    for place, name in enumerate(names, start=1):
        own, size = study.unit_of(name)
        values = np.array([point.values[name] for point in front.points]) / size
        axes[place].plot(x, values, "-s", color=_RED, markersize=3, linewidth=1.0)
        axes[place].set_ylabel(_label(name, own), fontsize=8)
    axes[-1].set_xlabel(_label(second, other[0]), fontsize=8)
    for one in axes:
        one.grid(alpha=0.25)
        one.tick_params(labelsize=7)
    return figure


def _few_ticks(axes: Axes, values: np.ndarray) -> None:
    """Ends and middle of a logarithmic axis, as plain numbers."""
    ticks = np.geomspace(values.min(), values.max(), 3)
    axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def _label(name: str, unit: str) -> str:
    words = name.replace("_", " ")
    return words if unit == "1" else f"{words} / {unit}"
