"""Figures of a solution: lithium by form and cycle, coulombic efficiency, plating maps, two cells side by side.

Lithium is shown in mAh cm-2, and as um of dense metal on the right.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxcell.comparison import LayerComparison
from jaxcell.cycles import CycleLedger
from jaxcell.plating_map import PlatingMap
from jaxcell.units import from_mah_cm2, lithium_thickness, to_ma_cm2, to_mah_cm2, to_um

_SHADES = {
    "live": ("#1f5fa8", "#6fa3d8", "#b7d3ee"),
    "interphase": ("#a8500f", "#e08214", "#f8c27f"),
    "dead": ("#3a3f44", "#7b858d", "#b9c1c7"),
    "stored": ("#1b7837", "#5aae61", "#a6dba0"),
    "trapped": ("#542788", "#8073ac", "#c2a5cf"),
}
_CATHODE = "#e8e3d3"
_SITES = ("bottom", "inside", "top")
_PAIR = ("#1f5fa8", "#c8102e")
_LINES = ("-o", "--s")
_UM = float(to_um(lithium_thickness(from_mah_cm2(1.0))))
"""um of lithium in 1 mAh cm-2."""


def lithium_by_form_figure(cycles: CycleLedger) -> Figure:
    """Lithium of the working electrode at the end of each cycle, stacked by form and site, and that of a composite
    cathode on top."""
    figure, axes = _figure(7.2, 4.4)
    stacked_lithium(axes, cycles)
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside right center", fontsize=8, frameon=False, reverse=True
    )
    return figure


def stacked_lithium(axes: Axes, cycles: CycleLedger) -> None:
    """Bars of the lithium at the end of each cycle."""
    amounts = dict(cycles.lithium)
    if cycles.cathode is not None:
        amounts["cathode"] = cycles.cathode
    base = np.zeros(cycles.number.size)
    for name, lithium in amounts.items():
        amount = np.asarray(to_mah_cm2(lithium))
        axes.bar(cycles.number, amount, 0.85, bottom=base, color=_colour(name), label=name)
        base = base + amount
    whose = "cell" if cycles.cathode is not None else "working electrode"
    axes.set_ylabel(f"lithium of the {whose} / mAh cm$^{{-2}}$")
    axes.set_title("At the end of each cycle", fontsize=10)
    by_cycle(axes)
    _thickness_axis(axes)


def coulombic_efficiency_figure(*cycles: CycleLedger, names: tuple[str, ...] = ()) -> Figure:
    """Coulombic efficiency by cycle, on an axis that ends just above one."""
    figure, axes = _figure(6.4, 3.8)
    _efficiency(axes, cycles, names or ("",) * len(cycles))
    return figure


def plating_map_figure(plating: PlatingMap, title: str = "") -> Figure:
    """Shares of the plated lithium by place, over current and conductivity, with the onset of top plating."""
    maps = {"bottom": plating.bottom, "inside": plating.inside, "top": plating.top}
    maps = {name: np.asarray(m) for name, m in maps.items() if np.nanmax(np.abs(np.asarray(m))) > 1e-9}
    figure = Figure(figsize=(0.8 + 4.2 * len(maps), 4.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(1, len(maps), squeeze=False, sharey=True)[0]
    current = np.asarray(to_ma_cm2(plating.current_density))
    kappa = np.asarray(plating.ionic_conductivity) / 100.0
    meshes = []
    for axes, (name, share) in zip(rows, maps.items(), strict=True):
        mesh = axes.pcolormesh(current, kappa, 100.0 * share, vmin=0.0, vmax=100.0, cmap="viridis", shading="nearest")
        meshes.append(mesh)
        limits = axes.get_xlim()
        if plating.onset is not None:
            axes.plot(to_ma_cm2(np.asarray(plating.onset)), kappa, "w--", lw=1.6)
            axes.plot([], [], "k--", label="onset of top plating $I^*$ (nucleated bottom)")
        axes.set_yscale("log")
        axes.set_xlim(limits)
        axes.set_ylim(kappa[0] ** 1.04 / kappa[1] ** 0.04, kappa[-1])
        axes.set_title(f"lithium {name if name != 'inside' else 'inside the layer'}", fontsize=10)
        axes.set_xlabel("current density / mA cm$^{-2}$")
    rows[0].set_ylabel("ionic conductivity of the layer / S cm$^{-1}$")
    figure.colorbar(meshes[0], ax=rows, label=f"share of {plating.capacity_mah_cm2:g} mAh cm$^{{-2}}$ plated / %")
    handles, labels = rows[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=11)
    return figure


def comparison_figure(comparison: LayerComparison) -> Figure:
    """Loss waterfall that closes to the ledger's residual; bottom fraction, efficiency and lithium left by cycle."""
    figure = Figure(figsize=(11.0, 8.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    (waterfall, bottom), (efficiency, left) = figure.subplots(2, 2)
    _waterfall(waterfall, comparison)
    for cycles, name, colour, line in zip(comparison.cycles, comparison.names, _PAIR, _LINES, strict=True):
        live = [v for form, v in cycles.lithium.items() if form.startswith("live")]
        _line(bottom, cycles, 100.0 * cycles.bottom_fraction, line, colour, name)
        _line(left, cycles, to_mah_cm2(np.sum(live, axis=0)), line, colour, name)
    bottom.set_ylabel("plated at the bottom / %")
    bottom.set_ylim(-4.0, 104.0)
    left.set_ylabel("live lithium after stripping / mAh cm$^{-2}$")
    left.set_ylim(bottom=0.0)
    _thickness_axis(left)
    _efficiency(efficiency, comparison.cycles, comparison.names)
    for axes in (bottom, left):
        axes.legend(fontsize=8, frameon=False)
        by_cycle(axes)
    return figure


def _waterfall(axes: Axes, comparison: LayerComparison) -> None:
    balances = [comparison.balance(which) for which in (0, 1)]
    skipped = ("residual", "left")
    names = [n for n in dict.fromkeys([*balances[0], *balances[1]]) if n not in skipped]
    largest = max(abs(v) for b in balances for v in b.values())
    names = [n for n in names if max(abs(b.get(n, 0.0)) for b in balances) > 1e-6 * largest]
    names.append("left")
    for k, (balance, colour) in enumerate(zip(balances, _PAIR, strict=True)):
        level = 0.0
        for place, name in enumerate(names):
            change = balance.get(name, 0.0)
            low = min(level, level + change)
            axes.bar(place - 0.2 + 0.4 * k, abs(change), 0.38, bottom=low, color=colour, alpha=0.9)
            level += change
    for name, balance, colour in zip(comparison.names, balances, _PAIR, strict=True):
        label = f"{name} (ledger residual {balance['residual']:.0e} mAh cm$^{{-2}}$)"
        axes.bar([0], [0], color=colour, label=label)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", fontsize=8)
    axes.set_ylabel("lithium / mAh cm$^{-2}$")
    axes.axhline(0.0, color="black", lw=0.6)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.22 * (high - low))
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    axes.grid(alpha=0.25, axis="y")
    _thickness_axis(axes)


def _efficiency(axes: Axes, cycles: tuple[CycleLedger, ...], names: tuple[str, ...]) -> None:
    found = np.concatenate([c.coulombic_efficiency for c in cycles])
    known = found[np.isfinite(found)]
    for k, (one, name) in enumerate(zip(cycles, names, strict=True)):
        line, colour = _LINES[k % 2], _PAIR[k % 2] if k < 2 else None
        _line(axes, one, 100.0 * one.coulombic_efficiency, line, colour, name or None)
    axes.axhline(100.0, color="black", lw=0.6)
    if known.size:
        deficit = 100.0 * max(1.0 - float(known.min()), float(known.max()) - 1.0, 1e-3)
        over = 100.0 * max(float(known.max()) - 1.0, 0.0)
        axes.set_ylim(100.0 - 1.15 * deficit, 100.0 + max(0.15 * deficit, 1.15 * over))
    axes.set_ylabel("coulombic efficiency / %")
    if any(names):
        axes.legend(fontsize=8, frameon=False)
    axes.ticklabel_format(axis="y", useOffset=False)
    by_cycle(axes)


def _line(axes: Axes, cycles: CycleLedger, values: Any, line: str, colour: str | None, name: str | None) -> None:
    """Values by cycle, with some forty markers."""
    every = max(1, cycles.number.size // 40)
    axes.plot(cycles.number, values, line, ms=4, markevery=every, color=colour, label=name)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def by_cycle(axes: Axes) -> None:
    """An axis of cycles, with a grid."""
    axes.set_xlabel("cycle")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)


def _thickness_axis(axes: Axes) -> None:
    right = axes.secondary_yaxis("right", functions=(_to_um, _from_um))
    right.set_ylabel("as dense lithium / µm")


def _to_um(capacity: Any) -> Any:
    return capacity * _UM


def _from_um(thickness: Any) -> Any:
    return thickness / _UM


def _colour(name: str) -> str:
    if name == "cathode":
        return _CATHODE
    form, site = name.split()
    return _SHADES[form][_SITES.index(site)]
