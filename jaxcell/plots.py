"""Figures of a fitted study."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jaxcell.inference import Ridge
from jaxcell.io import Kind
from jaxcell.study.joint_run import JointResult
from jaxcell.study.protocol_study import ProtocolResult
from jaxcell.study.run import StudyResult

_MANY_DECADES = 2.7
"""Samples that span more than this after a step are shown on a logarithmic axis."""

MEASURED, MODEL, RESIDUAL = "#5b6770", "#c8102e", "#1f5fa8"


def fit_figure(result: StudyResult) -> Figure:
    """Measured and fitted voltage; residuals; and, where they drift, the excess polarisation after a step."""
    drifts = result.misfit.drifts or _decades(result) > _MANY_DECADES
    figure = Figure(figsize=(9.0, 8.2 if drifts else 6.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    if drifts:
        top, middle, bottom = figure.subplots(3, 1, height_ratios=[3, 2, 2.6])
        middle.sharex(top)
        top.tick_params(labelbottom=False)
        _after_steps(bottom, result)
    else:
        top, middle = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    _voltage(top, result)
    _residuals(middle, result)
    figure.suptitle(result.study.content.study.title, fontsize=11)
    return figure


def ridge_figure(result: StudyResult | ProtocolResult | JointResult) -> Figure | None:
    """The trade-offs: pairs of values that the data cannot tell apart; None when every parameter is identified."""
    names = {v.name for v in result.fit.identifiability.verdicts if v.partners}
    pairs = [(r, _partner(result, r)) for r in result.fit.identifiability.ridges if names & set(r.names)]
    pairs = [(r, partner) for r, partner in pairs if partner is not None]
    if not pairs:
        return None
    figure = Figure(figsize=(5.4 * len(pairs), 5.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (ridge, partner) in zip(np.ravel(figure.subplots(1, len(pairs), squeeze=False)), pairs, strict=True):
        _ridge(axes, result, ridge, partner)
    figure.suptitle("Values that fit equally well: the data tell only their combination", fontsize=11)
    return figure


def _clock(result: StudyResult) -> tuple[np.ndarray, str, float]:
    """Times of the intervals from the first fitted step on, their unit, and its length [s]."""
    time = np.asarray(result.rows.dataset.time)
    time = time - time[0] + float(result.rows.dataset.protocol.duration[0])
    span = time[-1]
    unit, size = _unit(span)
    return time / size, unit, size


def _unit(span: float) -> tuple[str, float]:
    """The unit in which to show times up to `span` [s], and its length [s]."""
    return next((u, s) for u, s in (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3)) if span > 2 * s or s < 1)


def _volts(values: np.ndarray) -> tuple[float, str]:
    largest = float(np.nanmax(np.abs(values)))
    return next((s, u) for s, u in ((1.0, "V"), (1e3, "mV"), (1e6, "µV")) if largest * s >= 1.5 or s == 1e6)


def _voltage(axes: Axes, result: StudyResult) -> None:
    time, _, _ = _clock(result)
    rows, fitted = result.rows.rows, np.asarray(result.rows.dataset.segments) >= 0
    measured = result.measurement.voltage[rows]
    scale, unit = _volts(measured[fitted])
    skipped = ~fitted & (result.measurement.kind[rows] == Kind.CYCLING)
    axes.plot(time[fitted], scale * measured[fitted], ".", ms=3.5, color=MEASURED, label="measured", zorder=2)
    if skipped.any():
        axes.plot(time[skipped], scale * measured[skipped], "x", ms=4, color="#b0b7bc", label="measured, not fitted")
    for members in _by_segment(result):
        axes.plot(time[members], scale * result.voltage[members], "-", lw=1.4, color=MODEL, zorder=3)
    axes.plot([], [], "-", color=MODEL, label="model")
    axes.set_ylabel(f"voltage / {unit}")
    axes.legend(loc="best", fontsize=8, frameon=False, ncols=3)
    axes.grid(alpha=0.25)


def _residuals(axes: Axes, result: StudyResult) -> None:
    time, unit, _ = _clock(result)
    fitted = np.asarray(result.rows.dataset.segments) >= 0
    residual = (np.asarray(result.rows.dataset.voltage) - result.voltage)[fitted]
    scale, volts = _volts(residual)
    noise = scale * result.misfit.noise
    axes.axhspan(-noise, noise, color="#d9dee2", lw=0, label=f"noise of a sample, ±{noise:.3g} {volts}")
    axes.plot(time[fitted], scale * residual, ".", ms=3, color=RESIDUAL)
    axes.axhline(0.0, color="black", lw=0.6)
    axes.set_ylabel(f"measured − model / {volts}")
    axes.set_xlabel(f"time / {unit}")
    axes.set_title(f"rmse {scale * result.misfit.rmse:.3g} {volts}", fontsize=9, loc="right")
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    axes.grid(alpha=0.25)


def _after_steps(axes: Axes, result: StudyResult) -> None:
    data = result.rows.dataset
    current = np.asarray(data.protocol.current_density)
    excess = (np.asarray(data.voltage) - result.voltage) * np.where(current < 0.0, -1.0, 1.0)
    since, fitted = result.rows.since_step, np.asarray(data.segments) >= 0
    direction = np.where(np.abs(current) > 1e-3 * np.abs(current).max(), np.sign(current), 0.0)
    scale, volts = _volts(excess[fitted])
    span = float(since[fitted].max())
    unit, size = _unit(span)
    for sign, colour, label in ((1.0, RESIDUAL, "charge"), (-1.0, "#e08214", "discharge"), (0.0, MEASURED, "rest")):
        use = fitted & (direction == sign)
        if use.any():
            axes.plot(since[use] / size, scale * excess[use], ".", ms=3, alpha=0.6, color=colour, label=label)
    if _decades(result) > _MANY_DECADES:
        axes.set_xscale("log")
    found = result.misfit.relaxation
    if found is not None:
        t = np.linspace(float(since[fitted].min()), span, 300)
        label = f"{scale * found.amplitude:.3g} {volts} with a time constant of {found.time_constant / size:.2g} {unit}"
        curve = _offset(result) - found.amplitude * np.exp(-t / found.time_constant)
        axes.plot(t / size, scale * curve, "-", color="black", lw=1.4, label=label)
    axes.axhline(0.0, color="black", lw=0.6)
    axes.set_xlabel(f"time since the step of the current / {unit}")
    axes.set_ylabel(f"excess polarisation / {volts}")
    title = "What the model does not explain" if result.misfit.systematic else "Residuals after a step of the current"
    axes.set_title(f"{title}: all stretches on top of each other", fontsize=10)
    axes.legend(loc="lower right", fontsize=8, frameon=False, ncols=4)
    axes.grid(alpha=0.25)


def _decades(result: StudyResult) -> float:
    """Decades of time that the samples after a step span."""
    since = result.rows.since_step[np.asarray(result.rows.dataset.segments) >= 0]
    return float(np.log10(since.max() / max(since.min(), 1e-9)))


def _offset(result: StudyResult) -> float:
    """Level [V] that the relaxation approaches: what makes its mean over the fitted rows that of the excess."""
    data = result.rows.dataset
    fitted = np.asarray(data.segments) >= 0
    sign = np.where(np.asarray(data.protocol.current_density) < 0.0, -1.0, 1.0)
    excess = ((np.asarray(data.voltage) - result.voltage) * sign)[fitted]
    found = result.misfit.relaxation
    assert found is not None, "drawn only where there is a relaxation"
    return float(np.mean(excess + found.amplitude * np.exp(-result.rows.since_step[fitted] / found.time_constant)))


def _by_segment(result: StudyResult) -> list[np.ndarray]:
    segments = np.asarray(result.rows.dataset.segments)
    since = result.rows.since_step
    members = [np.flatnonzero(segments == label) for label in np.unique(segments) if label >= 0]
    return [part for m in members for part in np.split(m, np.flatnonzero(np.diff(since[m]) <= 0.0) + 1)]


def _partner(result: StudyResult | ProtocolResult | JointResult, ridge: Ridge) -> str | None:
    """The parameter that moves most along the ridge beside the first one, in units of its prior."""
    names = list(result.fit.parameters)
    if len(ridge.theta) < 2 or len(names) < 2:
        return None
    reach = np.ptp(ridge.theta, axis=0) / result.fit.identifiability.prior_sd
    reach[names.index(ridge.names[0])] = -1.0
    return names[int(np.argmax(reach))]


def _ridge(axes: Axes, result: StudyResult | ProtocolResult | JointResult, ridge: Ridge, partner: str) -> None:
    first = ridge.names[0]
    x, y = (ridge.values[n] / result.factors[n] for n in (first, partner))
    order = np.argsort(x)
    axes.plot(x[order], y[order], "-", lw=1, color="#b0b7bc", zorder=1)
    dots = axes.scatter(x[order], y[order], c=ridge.rise[order], s=26, cmap="viridis_r", zorder=2)
    best = [result.fit.parameters[n].estimate / result.factors[n] for n in (first, partner)]
    axes.plot(*best, "*", ms=14, color=MODEL, mec="white", zorder=3, label="estimate")
    low, high = zip(*(_prior_range(result, n) for n in (first, partner)), strict=True)
    axes.fill_between(
        [low[0], high[0]], low[1], high[1], color="#d9dee2", alpha=0.5, lw=0, zorder=0, label="prior, 95 %"
    )
    for name, set_scale, set_label in (
        (first, axes.set_xscale, axes.set_xlabel),
        (partner, axes.set_yscale, axes.set_ylabel),
    ):
        if result.fit.parameters[name].transform == "log":
            set_scale("log")
        set_label(f"{name.replace('_', ' ')} / {unit_of(result, name)}")
    axes.legend(loc="best", fontsize=8, frameon=False)
    axes.grid(alpha=0.25, which="both")
    assert axes.figure is not None, "axes belong to a figure"
    axes.figure.colorbar(dots, ax=axes, label="rise of the loss", shrink=0.8)


def unit_of(result: StudyResult | ProtocolResult | JointResult, name: str) -> str:
    """Unit of a parameter in the study."""
    if isinstance(result, JointResult):
        return result.written[name][0]
    return result.study.content.parameters[name].unit


def _prior_range(result: StudyResult | ProtocolResult | JointResult, name: str) -> tuple[float, float]:
    low, high = result.fit.parameters[name].prior.interval95
    return low / result.factors[name], high / result.factors[name]
