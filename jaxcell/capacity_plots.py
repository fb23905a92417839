"""Figures of capacities per cycle: lithium loss of many cells, and forecasts beside what was measured."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jaxcell.inference import Calibration, LithiumLoss

MEASURED, MODEL, RIVAL = "#5b6770", "#c8102e", "#1f5fa8"
HeldOut = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Measured capacity, and low, median and high of its forecast, one entry a cycle."""


def losses_and_forecasts_figure(
    losses: Mapping[int, LithiumLoss], forecasts: Mapping[str, Mapping[int, HeldOut]], unit: str
) -> Figure:
    """Loss per cycle of every cell by size, with its 95 % interval; forecast against measured capacity of every cell.

    `forecasts` by name of the law, then by number of the cell; `unit` of the capacities.
    """
    figure = Figure(figsize=(5.0 + 4.2 * len(forecasts), 6.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 1 + len(forecasts), squeeze=False)[0]
    loss_panel(panels[0], losses)
    for axes, (law, found), colour in zip(panels[1:], forecasts.items(), (MODEL, RIVAL), strict=False):
        _forecast_panel(axes, law, found, unit, colour)
    return figure


def loss_panel(axes: Axes, losses: Mapping[int, LithiumLoss]) -> None:
    """Loss per cycle with its 95 % interval, one row a cell, the smallest loss at the bottom."""
    order = sorted(losses, key=lambda number: losses[number].per_cycle)
    for place, number in enumerate(order):
        loss = losses[number]
        low, high = (100.0 * end for end in loss.per_cycle95)
        axes.plot([low, high], [place, place], "-", lw=1.6, color="#b0b7bc", zorder=1)
        axes.plot(100.0 * loss.per_cycle, place, "o", ms=4, color=MODEL, zorder=2)
    axes.set_yticks(range(len(order)), [str(number) for number in order], fontsize=6)
    axes.set_ylim(-1, len(order))
    axes.set_xlim(0, 100)
    axes.set_ylabel("cell (row of the table)")
    axes.set_xlabel("lithium lost per cycle / % of the plated")
    axes.set_title("Loss per cycle after the first, 95 % intervals", fontsize=9)
    axes.grid(alpha=0.25, axis="x")


def _forecast_panel(axes: Axes, law: str, found: Mapping[int, HeldOut], unit: str, colour: str) -> None:
    measured, low, median, high = (np.concatenate(rows) for rows in zip(*found.values(), strict=True))
    floor = max(0.5 * float(measured.min()), 1e-6)
    shown = [np.maximum(curve, floor) for curve in (low, median, high)]
    inside = (low <= measured) & (measured <= high)
    axes.vlines(measured, shown[0], shown[2], color="#d0d5d9", lw=1.0, zorder=1)
    axes.plot(measured[inside], shown[1][inside], "o", ms=3, color=colour, zorder=3, label="inside its interval")
    axes.plot(measured[~inside], shown[1][~inside], "x", ms=5, color="black", zorder=4, label="outside")
    ends = np.array([floor, 1.2 * measured.max()])
    axes.plot(ends, ends, "-", lw=0.8, color="black", zorder=2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_xlabel(f"measured capacity / {unit}")
    axes.set_ylabel(f"forecast / {unit}  (on the lower edge: below it)")
    axes.set_title(f"{law}: {inside.mean():.0%} of {inside.size} inside", fontsize=9)
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    axes.grid(alpha=0.25)


def capacities_figure(by_cycle: pd.DataFrame, losses: Mapping[int, LithiumLoss], unit: str, title: str) -> Figure:
    """Losses of many cells; or, of one, its capacity and coulombic efficiency by cycle with the fit.

    `by_cycle` as written to timeseries.csv; `unit` of its capacities.
    """
    many = len(losses) > 1
    figure = Figure(figsize=(6.4, 6.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    if many:
        loss_panel(figure.subplots(), losses)
        return figure
    top, bottom = figure.subplots(2, 1, sharex=True)
    (loss,) = losses.values()
    cycle = by_cycle["Cycle Count / 1"]
    for axes, name, label in (
        (top, "Capacity", f"capacity / {unit}"),
        (bottom, "Coulombic Efficiency / 1", "coulombic efficiency"),
    ):
        axes.plot(cycle, by_cycle[name], "o", ms=4, color=MEASURED, label="measured")
        axes.plot(cycle, by_cycle[f"Fitted {name}"], "-", lw=1.4, color=MODEL, label="model, from the cycle before")
        axes.set_ylabel(label)
        axes.grid(alpha=0.25)
    low, high = loss.per_cycle95
    label = "1 - loss per cycle, 95 %"
    bottom.axhspan(1.0 - high, 1.0 - low, color="#d9dee2", lw=0, zorder=0, label=label)
    bottom.set_xlabel("cycle")
    top.legend(loc="upper right", fontsize=8, frameon=False)
    bottom.legend(loc="lower right", fontsize=8, frameon=False)
    return figure


def pit_figure(found: Mapping[str, Calibration]) -> Figure:
    """Histogram of the probability integral transform of each model, with its coverage; flat where intervals hold."""
    figure = Figure(figsize=(3.4 * len(found), 3.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
    for axes, (name, one) in zip(panels, found.items(), strict=True):
        bins = one.histogram.size
        axes.bar((np.arange(bins) + 0.5) / bins, one.histogram, 0.95 / bins, color=RIVAL)
        axes.axhline(one.count / bins, lw=1.0, color=MEASURED)
        inside = ", ".join(f"{c.share:.0%} of {c.level:.0%}" for c in one.coverage)
        axes.set_title(f"{name}\ninside: {inside}", fontsize=8)
        axes.set_xlabel("predicted probability of less")
    figure.axes[0].set_ylabel("capacities")
    return figure
