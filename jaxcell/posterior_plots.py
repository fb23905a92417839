"""Figures of a posterior: marginals beside their priors, and pairs of parameters."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jaxcell.inference import Posterior
from jaxcell.inference.ridge import physical

PRIOR, DRAWS, ESTIMATE = "#5b6770", "#1f5fa8", "#c8102e"
MOST_PAIRS = 8
"""Parameters of a figure of pairs."""
_QUIET = 0.3
"""Where more than this part of a prior is left, all of it is shown."""


class _Scale:
    """A parameter as it is shown: in the unit of a study, its logarithm where it was fitted so."""

    def __init__(self, posterior: Posterior, name: str, factor: float, unit: str) -> None:
        self.number = list(posterior.result.parameters).index(name)
        self.log = posterior.result.parameters[name].transform == "log"
        self.factor = factor
        self.draws = self.shown(posterior.values[name].ravel())
        theta = posterior.result.problem.parameters.prior_quantiles(
            np.tile(np.linspace(5e-4, 1.0 - 5e-4, 4001), (len(posterior.result.parameters), 1))
        )
        self.prior = self.shown(physical(posterior.result.problem, self.number, theta[self.number]))
        self.label = f"{name.replace('_', ' ')} / {unit}"

    def shown(self, values: np.ndarray) -> np.ndarray:
        scaled = values / self.factor
        return np.log10(scaled) if self.log else scaled

    def mark(self, axes: Axes, along: Literal["x", "y"]) -> None:
        """Label an axis, with powers of ten where it is a logarithm."""
        axis = axes.xaxis if along == "x" else axes.yaxis
        axis.set_label_text(self.label.replace(" / ", "\n/ "), fontsize=8)
        span = np.ptp(self.draws) if self.log else np.ptp(self.draws) / max(abs(float(np.median(self.draws))), 1e-300)
        digits = int(np.clip(np.ceil(2.0 - np.log10(max(span, 1e-12))), 3, 9))  # that tell ticks apart
        power = 10.0 if self.log else None
        axis.set_major_formatter(lambda value, _: f"{value if power is None else power**value:.{digits}g}")
        axes.tick_params(axis=along, labelsize=7, labelrotation=0 if digits < 5 or along == "y" else 20)
        axes.locator_params(axis=along, nbins=4 if digits < 5 else 3)  # pyright: ignore[reportArgumentType]


def marginals_figure(
    posterior: Posterior, factors: Mapping[str, float] | None = None, units: Mapping[str, str] | None = None
) -> Figure:
    """Density of every parameter with its prior and the interval of the fit; `factors` from the units shown to SI."""
    names = list(posterior.result.parameters)
    rows = -(-len(names) // 3)
    columns = min(3, len(names))
    figure = Figure(figsize=(3.6 * columns, 2.7 * rows), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    panels = np.ravel(figure.subplots(rows, columns, squeeze=False))
    left = {name: m.prior_left or 0.0 for name, m in posterior.marginals.items()}
    for axes, name in zip(panels, names, strict=False):
        scale = _scale(posterior, name, factors, units)
        low, high = np.quantile(scale.draws, [5e-4, 1.0 - 5e-4])
        low, high = low - 0.3 * (high - low), high + 0.3 * (high - low)
        if left[name] > _QUIET:
            low, high = min(low, scale.prior[0]), max(high, scale.prior[-1])
        axes.hist(scale.draws, bins=60, range=(low, high), density=True, color=DRAWS, alpha=0.55, label="posterior")
        x = np.linspace(low, high, 400)
        cumulative = np.interp(x, scale.prior, np.linspace(5e-4, 1.0 - 5e-4, scale.prior.size), left=0.0, right=1.0)
        axes.plot(x, np.gradient(cumulative, x), "-", lw=1.4, color=PRIOR, label="prior")
        ends = scale.shown(np.array(posterior.result.parameters[name].interval95))
        axes.plot(
            ends, np.zeros(2), "-", lw=4, color=ESTIMATE, solid_capstyle="butt", label="95 % of the fit", clip_on=False
        )
        axes.set_xlim(low, high)
        axes.set_yticks([])
        axes.set_title(f"{100.0 * left[name]:.2g} % of the prior left", fontsize=8, loc="right")
        scale.mark(axes, "x")
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    panels[0].legend(fontsize=7, frameon=False)
    return figure


def pairs_figure(
    posterior: Posterior, factors: Mapping[str, float] | None = None, units: Mapping[str, str] | None = None
) -> Figure | None:
    """Draws of every pair (a corner plot) of the first `MOST_PAIRS` parameters; None for one parameter."""
    names = list(posterior.result.parameters)[:MOST_PAIRS]
    if len(names) < 2:
        return None
    scales = [_scale(posterior, name, factors, units) for name in names]
    count = len(names)
    figure = Figure(figsize=(1.9 * count + 0.6, 1.9 * count + 0.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(count, count, squeeze=False)
    for i, row in enumerate(scales):
        for j, column in enumerate(scales):
            axes = grid[i, j]
            if j > i:
                axes.set_axis_off()
                continue
            if i == j:
                axes.hist(row.draws, bins=40, density=True, color=DRAWS, alpha=0.55)
            else:
                axes.hist2d(column.draws, row.draws, bins=45, cmap="Blues", cmin=1)
            column.mark(axes, "x")
            if i == j:
                axes.set_yticks([])
            else:
                row.mark(axes, "y")
            if i < count - 1:
                axes.set_xlabel("")
                axes.tick_params(labelbottom=False)
            if j > 0 and i != j:
                axes.set_ylabel("")
                axes.tick_params(labelleft=False)
    return figure


def _scale(
    posterior: Posterior, name: str, factors: Mapping[str, float] | None, units: Mapping[str, str] | None
) -> _Scale:
    unit = posterior.result.parameters[name].unit if units is None else units[name]
    return _Scale(posterior, name, 1.0 if factors is None else factors[name], unit)
