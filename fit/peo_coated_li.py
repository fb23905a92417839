"""Coated lithium under load: which resistance grows, and do 20 spectra foretell the next 10?

python fit/peo_coated_li.py [FIGURE.png]: reads $JAXCELL_DATA/peo_coated_li/geis_spectra_1_30.csv, see data/README.md.
The cell and the weights of fit/peo_coated_li.toml, for every spectrum; what the direct current sees is V/I of the same
minutes.  Forecasts are by two laws and without one, none of them chosen by the spectra that they forecast.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxcell.inference import FitSettings, fit, law_forecast, trend_forecast
from jaxcell.study import open_study

KNOWN, START = 20, 45322.92  # spectra; time of the record at which the current was switched on [s]
STUDY: Any = open_study(Path(__file__).with_suffix(".toml"))
COLORS = {"root of time": "#1f5fa8", "time": "#e08214", "no law": "#9aa5ab"}
QUICK = FitSettings(ridges=0)


def parts(study, measurement, number):
    """The fit of one spectrum, counted from 1."""
    table = study.content.spectrum.model_copy(update={"number": number})
    one = replace(study, content=study.content.model_copy(update={"spectrum": table}))
    return fit(one.problem(one.spectrum(measurement)), starts=1, settings=QUICK)


def forecasts(time, value):
    """Of the last spectra from those known: growth by diffusion, steady growth, and a slope that wanders."""
    known, one = np.where(np.arange(len(value)) < KNOWN, value, np.nan), np.ones(len(value))
    root, line = (law_forecast(np.stack([one, law], axis=1), known) for law in (time**0.5, time))
    return {"root of time": root, "time": line, "no law": trend_forecast(time, known)}


if __name__ == "__main__":
    figure = Figure(figsize=(10.0, 5.5), dpi=150, layout="constrained")
    for row, electrode in zip(figure.subplots(2, 3), ("working", "counter"), strict=True):
        study = STUDY.members[f"{electrode}_first"]
        measurement = study.measurement()
        sweeps = measurement.spectra
        fits = [parts(study, measurement, 1 + k).parameters for k in range(len(sweeps))]
        time = np.array([sweep.time.mean() for sweep in sweeps]) - START
        series = {name: np.array([one[name].estimate for one in fits]) * 1e4 for name in ("ohmic", "interface")}
        series["V/I"] = np.array([abs(sweep.bias_voltage / sweep.bias_current) for sweep in sweeps])
        for axes, (name, value) in zip(row, series.items(), strict=True):
            ends = [f" ({' to '.join(f'{1e4 * x:.2f}' for x in fits[k][name].interval95)})" if name in fits[k] else ""
                    for k in (0, -1)]  # fmt: skip
            print(f"{electrode}, {name}: from {value[0]:.2f}{ends[0]} to {value[-1]:.2f}{ends[1]} ohm")
            for law, ahead in forecasts(time, value).items():
                print(f"  {law}: {ahead.low[-1]:.1f} to {ahead.high[-1]:.1f}, {ahead.covers(value).sum()} of 10 inside")
                axes.fill_between(time, ahead.low, ahead.high, color=COLORS[law], alpha=0.4, label=law)
            axes.plot(time, value, ".", color="#222222", label="spectra" if name in fits[0] else "direct current")
            axes.set(xlabel="time under current / s", ylabel=f"{electrode}, {name} / ohm")
            axes.legend(frameon=False, fontsize=7)
    if len(sys.argv) > 1:
        figure.savefig(sys.argv[1])
