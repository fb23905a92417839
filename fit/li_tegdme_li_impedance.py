"""Interfacial resistance against time of Li | 1 M LiTFSI in TEGDME | Li, from 20 hourly spectra, beside the voltage.

python fit/li_tegdme_li_impedance.py FIGURE.png: reads $JAXCELL_DATA/li_tegdme_li, see data/README.md.  The interface's
resistance is each hour's own; all else is one number for all hours.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from jaxcell import Cell, Interface, LithiumElectrode, LithiumKinetics, kramers_kronig
from jaxcell import inference as inf
from jaxcell.io import read_measurement
from jaxcell.study import load_study

AREA, CURRENT = 0.4e-4, 0.4e-3  # m2, inferred; A
BOTH = ("working.interface.", "counter.interface.")
PLACES = {  # paths, unit, bounds, range of the prior
    "film": ([b + "film_resistance" for b in BOTH], "Ohm m2", (1e-5, 0.1), (2e-4, 2e-2)),
    "capacitance": ([b + "film_capacitance" for b in BOTH], "F m-2", (1e-3, 10.0), (0.01, 1.0)),
    "exponent": ([b + "film_exponent" for b in BOTH], "1", (0.3, 1.0), (0.5, 0.98)),
    "conductivity": ("separator.ionic_conductivity", "S/m", (0.01, 2.0), (0.03, 0.4)),
    "diffusivity": ("separator.salt.diffusivity", "m2/s", (1e-13, 1e-8), (3e-11, 1e-9)),
}


def resistances(spectra):
    """The fit, and both interfaces' resistance [ohm] at each spectrum with its 95 % interval; shape (spectra, 3)."""
    separator = load_study(Path(__file__).parent / "li_tegdme_li.toml").cell().separator
    own = Interface(LithiumKinetics(1e4), film_resistance=2e-3, film_capacitance=0.1, film_exponent=0.8)
    cell = Cell.symmetric(LithiumElectrode(400e-6, own), separator)
    numbers = [inf.Parameter(n, *place[:3], prior=inf.LogNormal(place[3])) for n, place in PLACES.items()]
    hours = {}
    for k, one in enumerate(spectra):  # noise 1 % of |Z| and as found; ten times that where Kramers-Kronig flags
        flagged = kramers_kronig(one).flagged
        data = inf.spectrum_data(one.frequency, one.impedance * AREA, relative_noise=0.01, flagged=flagged)
        hours[f"hour{k}"] = inf.SpectrumProblem(cell, data, inf.ParameterSet(numbers, cell))
    together = inf.JointProblem(hours, [name for name in PLACES if name != "film"])
    found = inf.fit(together, starts=1, settings=inf.FitSettings(ridges=0))
    films = [found.parameters[f"{hour}.film"] for hour in hours]
    return found, 2.0 / AREA * np.array([(one.estimate, *one.interval95) for one in films])


if __name__ == "__main__":
    folder = Path(os.environ["JAXCELL_DATA"]) / "li_tegdme_li"
    spectra = read_measurement(folder / "geis_0_20h.csv", format="eclab-table").spectra
    found, ohm = resistances(spectra)
    curve, begin = pd.read_csv(folder / "plating_0_20h.csv"), np.array([one.time[0] for one in spectra])
    time, volts = curve["time/s"].to_numpy(), curve["Ewe/V"].to_numpy()
    near = [np.median(volts[(time >= t - 600) & (time <= t)]) / CURRENT for t in begin]
    table = pd.DataFrame(ohm, columns=["R_int", "low", "high"]).assign(**{"time / h": begin / 3600, "V/I": near})
    print(table.round(1).to_string(), f"\ncorrelation {np.corrcoef(ohm[1:, 0], near[1:])[0, 1]:.2f}")
    axes = table.plot("time / h", "V/I", style="s", ylim=(0, 350), ylabel="resistance / ohm", label="voltage/current")
    axes.errorbar(table["time / h"], ohm[:, 0], np.abs(ohm[:, 1:] - ohm[:, :1]).T, fmt="o", label="both interfaces")
    axes.legend(loc="lower right")
    axes.figure.savefig(sys.argv[1], dpi=150)
