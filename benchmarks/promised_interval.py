"""Is the interval that `next_measurement` promises the one that experiments give?

python benchmarks/promised_interval.py [FIGURE.png].  A layer of 10 ohm cm2 and a film of as much, of which a slow
spectrum tells the sum.  Of three further spectra the one is chosen that tells most of the layer's conductivity; then
40 pairs of the old and the new one are simulated with noise and fitted together.  Spread of the estimates, width of
the fits' own 95 % intervals and how many hold the truth, against what was promised before any was made.
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxcell import Cell, Film, LithiumElectrode, ProtectionLayer, Separator
from jaxcell.design import NextMeasurement, next_measurement, virtual_spectrum
from jaxcell.inference import FitSettings, JointProblem, LogNormal, Parameter, ParameterSet, SpectrumProblem, fit

TRUTH = 5e-3
"""Conductivity of the layer [S/m]."""
NOISE = 0.02
"""Of either part, relative to |Z|."""
SLOW, FAST = (1.0, 100.0), (10.0, 1e5)
CANDIDATES = {"slow again": (5e-6, SLOW), "thicker layer": (20e-6, SLOW), "fast": (5e-6, FAST)}
"""Thickness [m] and range of frequencies [Hz]."""


class Met(NamedTuple):
    """What the simulated experiments gave, in ln(conductivity): promised and found sd, the fits' own, and coverage."""

    promised: float
    spread: float
    bias: float
    own: float
    inside: int
    experiments: int


def spectrum(thickness: float, decades: tuple[float, float], seed: int | None = None) -> SpectrumProblem:
    """15 frequencies of a coated layer whose conductivity and film are not known; with noise by `seed`."""
    layer = ProtectionLayer(thickness, TRUTH, top=None, separator_film=Film(1e-3, 0.2))
    cell = Cell(LithiumElectrode(20e-6, layer=layer), Separator(30e-6, 0.24), LithiumElectrode(50e-6))
    kappa = Parameter("kappa", "working.layer.ionic_conductivity", "S/m", (1e-4, 1e-1), prior=LogNormal((1e-3, 3e-2)))
    film = Parameter(
        "film", "working.layer.separator_film.resistance", "Ohm m2", (1e-5, 1e-1), prior=LogNormal((1e-4, 1e-2))
    )
    frequency = np.geomspace(*decades, 15)
    return virtual_spectrum(cell, frequency, ParameterSet([kappa, film], cell), relative_noise=NOISE, seed=seed)


def recommended() -> NextMeasurement:
    """The candidates, ranked on top of a slow spectrum."""
    candidates = {name: spectrum(*one) for name, one in CANDIDATES.items()}
    return next_measurement(candidates, "kappa", already=spectrum(5e-6, SLOW))


def simulated(name: str, experiments: int) -> tuple[np.ndarray, np.ndarray]:
    """Estimates, shape (experiments,), and 95 % intervals, (experiments, 2), of the conductivity [S/m] from pairs of a
    slow spectrum and the candidate."""
    estimates, intervals = [], []
    for seed in range(experiments):
        pair = {"already": spectrum(5e-6, SLOW, seed), "next": spectrum(*CANDIDATES[name], experiments + seed)}
        joint = JointProblem(pair, shared=["kappa", "film"])
        found = fit(joint, starts=1, settings=FitSettings(ridges=0)).parameters["kappa"]
        estimates.append(found.estimate)
        intervals.append(found.interval95)
    return np.array(estimates), np.array(intervals)


def compared(promised: float, estimates: np.ndarray, intervals: np.ndarray) -> Met:
    """The experiments against the promised sd of ln(conductivity) [1]."""
    off = np.log(estimates / TRUTH)
    own = np.log(intervals[:, 1] / intervals[:, 0]) / (2.0 * 1.96)
    inside = np.count_nonzero((intervals[:, 0] <= TRUTH) & (intervals[:, 1] >= TRUTH))
    spread, bias = float(np.std(off, ddof=1)), float(np.mean(off))
    return Met(promised, spread, bias, float(np.median(own)), int(inside), off.size)


def figure(chosen: NextMeasurement, estimates: np.ndarray, intervals: np.ndarray, path: str) -> None:
    """Each experiment's interval over the promised band."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(figsize=(7.0, 3.8), layout="constrained")
    axes.axhspan(*(1e3 * end for end in chosen.best.interval95), color="#1f5fa8", alpha=0.18, label="promised, 95 %")
    bars = 1e3 * np.abs(intervals.T - estimates)
    axes.errorbar(
        np.arange(1, estimates.size + 1), 1e3 * estimates, bars, fmt="o", ms=3, lw=1, color="0.3", label="fits"
    )
    axes.axhline(1e3 * TRUTH, color="#c8102e", lw=1, label="truth")
    axes.set(xlabel="simulated experiment", ylabel="conductivity of the layer / mS m$^{-1}$")
    axes.set_title(f"Chosen: '{chosen.best.name}'", fontsize=10)
    axes.legend(ncols=3, fontsize=8, frameon=False, loc="upper center")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.15 * (high - low))
    fig.savefig(path, dpi=150)


if __name__ == "__main__":
    chosen = recommended()
    print(chosen.to_dataframe().to_string(), chosen.sentence, sep="\n")
    estimates, intervals = simulated(chosen.best.name, 40)
    met = compared(chosen.best.sd, estimates, intervals)
    print(
        f"promised sd of ln(kappa) {met.promised:.3g}, spread {met.spread:.3g}, mean off {met.bias:+.2g}; median sd of "
        f"the fits {met.own:.3g}; {met.inside} of {met.experiments} intervals hold the truth"
    )
    folder = Path(__file__).parent / "results"
    (folder / "promised_interval.json").write_text(json.dumps(met._asdict(), indent=2) + "\n")
    if len(sys.argv) > 1:
        figure(chosen, estimates, intervals, sys.argv[1])
