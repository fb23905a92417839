"""Figures of impedance spectra: Nyquist plots, and one with its Kramers-Kronig test."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxcell.impedance_validity import KramersKronig

MEASURED, MODEL, FLAGGED = "#5b6770", "#1f5fa8", "#c8102e"
_SCALES = ((1e-3, "mΩ"), (1.0, "Ω"), (1e3, "kΩ"), (1e6, "MΩ"))


def kramers_kronig_figure(result: KramersKronig, title: str = "", *, area: float | None = None) -> Figure:
    """Nyquist plot with equal axes, -Im(Z) up, flagged points marked; below it the residuals by frequency.

    Args:
        result: of `kramers_kronig`.
        title: on top.
        area: geometric area [m2]; the impedance is then shown times it, in ohm cm2.
    """
    figure = Figure(figsize=(7.2, 7.6), dpi=150)  # a layout that looks for room would take most of the time
    FigureCanvasAgg(figure)
    room = {"left": 0.12, "right": 0.97, "bottom": 0.07, "top": 0.94, "hspace": 0.27}
    plane, residuals = figure.subplots(2, 1, height_ratios=[3, 2], gridspec_kw=room)
    _nyquist(plane, result, area)
    _residuals(residuals, result)
    figure.suptitle(title, fontsize=11)
    return figure


def _nyquist(axes: Axes, result: KramersKronig, area: float | None) -> None:
    factor, unit = (1.0, "") if area is None else (area * 1e4, " cm$^2$")
    f = result.spectrum.frequency
    model = result.at(np.geomspace(f.min(), f.max(), 400))
    nyquist(axes, f, factor * result.spectrum.impedance, factor * model, result.flagged, per_area=unit)


def nyquist(
    axes: Axes,
    frequency: NDArray[np.float64],
    z: NDArray[np.complex128],
    model: NDArray[np.complex128],
    flagged: NDArray[np.bool_],
    *,
    per_area: str = " cm$^2$",
    marker: str = "",
) -> None:
    """Measured points and the curve of a model in a complex plane of equal axes, -Im(Z) up.

    Args:
        axes: to draw on.
        frequency: of the points [Hz].
        z: measured impedance, shape (points,), in ohm times what `per_area` says.
        model: points of the curve, in the same unit.
        flagged: doubtful points, shape (points,).
        per_area: what follows ohm in the unit.
        marker: of the curve's points, where they are few.
    """
    largest = float(np.abs(z).max())
    size, unit = next(((s, u) for s, u in reversed(_SCALES) if largest >= 2 * s), _SCALES[0])
    unit = f"{unit}{per_area}"
    line = {"lw": 1.2, "color": MODEL, "marker": marker, "ms": 5, "mfc": "none", "mew": 0.8}
    axes.plot(model.real / size, -model.imag / size, "-", label="model", zorder=2, **line)
    good = ~flagged
    axes.plot(z.real[good] / size, -z.imag[good] / size, ".", ms=5, color=MEASURED, label="measured", zorder=3)
    if flagged.any():
        at = z[flagged] / size
        axes.plot(at.real, -at.imag, "x", ms=6, color=FLAGGED, label="flagged", zorder=4)
    _decades(axes, frequency, z / size)
    axes.axhline(0.0, color="black", lw=0.6)
    axes.margins(0.1)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel(f"Re(Z) / {unit}")
    axes.set_ylabel(f"-Im(Z) / {unit}")
    axes.legend(loc="best", fontsize=8, frameon=False, ncols=3)
    axes.grid(alpha=0.25)


def _decades(axes: Axes, frequency: NDArray[np.float64], z: NDArray[np.complex128]) -> None:
    """Names of every second decade at the nearest point, where they do not crowd."""
    spread = max(np.ptp(z.real), np.ptp(z.imag))
    placed: list[complex] = []
    low, high = np.ceil(np.log10(frequency.min()) - 0.05), np.floor(np.log10(frequency.max()) + 0.05)
    for exponent in np.arange(low, high + 1, 2):
        k = int(np.argmin(np.abs(np.log10(frequency) - exponent)))
        if all(abs(z[k] - other) > 0.08 * spread for other in placed):
            placed.append(z[k])
            name = f"10$^{{{int(exponent)}}}$ Hz"
            place = (z[k].real, -z[k].imag)
            axes.annotate(name, place, xytext=(4, 7), textcoords="offset points", fontsize=7, color=MEASURED)


def _residuals(axes: Axes, result: KramersKronig) -> None:
    f, bad = result.spectrum.frequency, result.flagged
    order = np.argsort(f)
    for values, colour, marker, name in (
        (result.residual_real, MEASURED, "o", "Re"),
        (result.residual_imag, MODEL, "s", "Im"),
    ):
        axes.plot(f[order], 100 * values[order], f"-{marker}", ms=3, lw=0.8, color=colour, label=name)
        axes.plot(f[bad], 100 * values[bad], "x", ms=6, color=FLAGGED, zorder=4)
    if bad.any():
        axes.plot([], [], "x", ms=6, color=FLAGGED, label="flagged")
    band = 100 * result.noise
    axes.axhspan(-band, band, color="#d9dee2", alpha=0.8, lw=0, zorder=0, label="noise")
    axes.set_title("fitted to all points: a bad one bends the model near it", fontsize=8)
    axes.axhline(0.0, color="black", lw=0.6)
    axes.set_xscale("log")
    axes.set_xlabel("frequency / Hz")
    axes.set_ylabel("residual / % of |Z|")
    axes.legend(loc="best", fontsize=8, frameon=False, ncols=4)
    axes.grid(alpha=0.25)
