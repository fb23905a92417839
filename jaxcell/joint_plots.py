"""Figures of a fit of several measurements."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jaxcell.plots import RESIDUAL
from jaxcell.study.joint_run import JointResult


def residuals_figure(result: JointResult) -> Figure:
    """The residuals of every measurement in standard deviations of its stated noise, in the order of the data."""
    members = result.fit.members
    figure = Figure(figsize=(9.0, 1.2 + 1.9 * len(members)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    panels = np.ravel(figure.subplots(len(members), 1, squeeze=False))
    for axes, (name, one) in zip(panels, members.items(), strict=True):
        residuals = one.residuals[one.segments >= 0]
        axes.axhspan(-1.0, 1.0, color="#d9dee2", lw=0)
        axes.axhline(0.0, color="black", lw=0.6)
        axes.plot(np.arange(1, residuals.size + 1), residuals, ".", ms=3.5, color=RESIDUAL)
        axes.set_ylabel("(model − data)/noise", fontsize=8)
        axes.set_title(name, fontsize=9, loc="left")
        if one.rmse is not None:
            unit = "" if one.data_unit == "1" else f" {one.data_unit}"
            axes.set_title(f"rmse {one.rmse:.3g}{unit}", fontsize=9, loc="right")
        axes.grid(alpha=0.25)
    panels[-1].set_xlabel("number of the point")
    figure.suptitle(result.study.content.study.title, fontsize=11)
    return figure
