"""Figures of a fit of several measurements."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jaxcell.impedance_plots import MEASURED, MODEL, nyquist
from jaxcell.inference import MemberFit, SpectrumProblem
from jaxcell.plots import RESIDUAL
from jaxcell.study.joint_run import JointResult
from jaxcell.study.spectra import fitted_spectrum, in_ohm_cm2
from jaxcell.units import to_ohm_cm2

_ROW, _NYQUIST_ROW = 1.9, 3.4
"""Heights [inch] of the panels of one measurement."""


def joint_figure(result: JointResult) -> Figure:
    """One row a measurement: its residuals in standard deviations of the stated noise, in the order of the data, and of
    a spectrum by frequency, beside the Nyquist plot of the measured points and of the fitted curve."""
    heights = [_NYQUIST_ROW if _is_spectrum(result, name) else _ROW for name in result.fit.members]
    wide = max(heights) == _NYQUIST_ROW
    figure = Figure(figsize=(11.0 if wide else 9.0, 1.2 + sum(heights)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
    panels = []
    for row, (name, one) in enumerate(result.fit.members.items()):
        if not _is_spectrum(result, name):
            panels.append(figure.add_subplot(grid[row, :]))
            _residuals(panels[-1], one)
            continue
        _nyquist(figure.add_subplot(grid[row, 0]), result, name)
        _by_frequency(figure.add_subplot(grid[row, 1]), result, name)
    if panels:
        panels[-1].set_xlabel("number of the point")
    figure.suptitle(result.study.content.study.title, fontsize=11)
    return figure


def _is_spectrum(result: JointResult, name: str) -> bool:
    return isinstance(result.problem.member(name), SpectrumProblem)


def _residuals(axes: Axes, one: MemberFit) -> None:
    residuals = one.residuals[one.segments >= 0]
    _noise_band(axes)
    axes.plot(np.arange(1, residuals.size + 1), residuals, ".", ms=3.5, color=RESIDUAL)
    axes.set_title(one.name, fontsize=9, loc="left")
    _rmse(axes, one)


def _nyquist(axes: Axes, result: JointResult, name: str) -> None:
    problem, fitted = result.problem.member(name), fitted_spectrum(result, name)
    assert isinstance(problem, SpectrumProblem), "only spectra are drawn in a plane"
    frequency, flagged = np.asarray(problem.data.frequency), np.asarray(problem.data.flagged)
    measured = to_ohm_cm2(np.asarray(problem.data.impedance))
    nyquist(axes, frequency, measured, to_ohm_cm2(fitted), flagged, marker="o")
    axes.set_title(name, fontsize=9, loc="left")


def _by_frequency(axes: Axes, result: JointResult, name: str) -> None:
    problem, one = result.problem.member(name), result.fit.members[name]
    assert isinstance(problem, SpectrumProblem), "only spectra have frequencies"
    frequency = np.asarray(problem.data.frequency)
    _noise_band(axes)
    for part, colour, label in zip(np.split(one.residuals, 2), (MEASURED, MODEL), ("Re", "Im"), strict=True):
        axes.plot(frequency, part, ".-", lw=0.7, ms=4, color=colour, label=label)
    axes.set_xscale("log")
    axes.set_xlabel("frequency / Hz")
    axes.legend(loc="best", fontsize=8, frameon=False, ncols=2)
    _rmse(axes, in_ohm_cm2(one))


def _noise_band(axes: Axes) -> None:
    axes.axhspan(-1.0, 1.0, color="#d9dee2", lw=0)
    axes.axhline(0.0, color="black", lw=0.6)
    axes.set_ylabel("(model − data)/noise", fontsize=8)
    axes.grid(alpha=0.25)


def _rmse(axes: Axes, one: MemberFit) -> None:
    if one.rmse is not None:
        unit = "" if one.data_unit == "1" else f" {one.data_unit}"
        axes.set_title(f"rmse {one.rmse:.3g}{unit}", fontsize=9, loc="right")
