"""Figure of a fit to steps that end by themselves."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jaxcell.plots import MEASURED, MODEL, RESIDUAL

_ENDS = {
    "Capacity / mAh cm-2": "capacity / mAh cm$^{-2}$",
    "Duration / s": "duration / s",
    "Coulombic Efficiency / 1": "coulombic efficiency",
}
_PERCENT = 100.0
Columns = dict[str, np.ndarray]


def steps_figure(rows: pd.DataFrame, title: str) -> Figure:
    """What each step delivered and its voltages on the way, measured and fitted, with their residuals.

    `rows` as written to timeseries.csv.
    """
    columns = {str(name): rows[name].to_numpy() for name in rows.columns}
    kinds = [name for name in _ENDS if np.isfinite(columns[name]).any()]
    voltages = bool(np.isfinite(columns["Voltage / V"]).any())
    panels = len(kinds) + int(voltages)
    figure = Figure(figsize=(10.0, 3.2 * panels), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    for (left, right), name in zip(figure.subplots(panels, 2, squeeze=False), [*kinds, "Voltage / V"], strict=False):
        if name == "Voltage / V":
            _voltages(left, right, columns)
        else:
            _ends(left, right, columns, name)
        for axes in (left, right):
            axes.set_xlabel("step")
            axes.grid(alpha=0.25)
    figure.suptitle(title, fontsize=11)
    return figure


def _ends(left: Axes, right: Axes, columns: Columns, name: str) -> None:
    known = np.isfinite(columns[name])
    step, sentence = columns["Step Count / 1"], columns["Step"]
    sentences = list(dict.fromkeys(sentence[known]))
    for one in sentences:
        steps = known & (sentence == one)
        (line,) = left.plot(step[steps], columns[f"Fitted {name}"][steps], "-", lw=1.4)
        label = str(one) if len(sentences) <= 4 else None
        left.plot(step[steps], columns[name][steps], "o", ms=4, color=line.get_color(), label=label)
        off = _PERCENT * columns[f"Residual {name}"][steps] / columns[name][steps]
        right.plot(step[steps], off, "o", ms=4, color=line.get_color())
    left.plot([], [], "o", ms=4, color=MEASURED, label="measured")
    left.plot([], [], "-", color=MEASURED, label="model")
    left.set_ylabel(_ENDS[name])
    left.legend(fontsize=7, frameon=False)
    right.axhline(0.0, color="black", lw=0.6)
    right.set_ylabel("measured − model / %")


def _voltages(left: Axes, right: Axes, columns: Columns) -> None:
    known = np.isfinite(columns["Voltage / V"])
    step = columns["Step Count / 1"][known]
    place = step - 1.0 + columns["Share of Step / 1"][known]
    fitted = columns["Fitted Voltage / V"][known]
    left.plot(place, columns["Voltage / V"][known], ".", ms=3.5, color=MEASURED, label="measured")
    for members in np.split(np.arange(step.size), np.flatnonzero(np.diff(step) != 0) + 1):
        left.plot(place[members], fitted[members], "-", lw=1.2, color=MODEL)
    left.plot([], [], "-", color=MODEL, label="model")
    left.set_ylabel("voltage / V")
    left.legend(fontsize=8, frameon=False)
    right.plot(place, 1e3 * columns["Residual Voltage / V"][known], ".", ms=3, color=RESIDUAL)
    right.axhline(0.0, color="black", lw=0.6)
    right.set_ylabel("measured − model / mV")
