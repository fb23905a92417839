"""What the 7Li NMR signal of all lithium metal says about the lithium in Li | 1 M LiTFSI in TEGDME | Li.

python fit/li_tegdme_li_nmr.py [FIGURE.png]: reads $JAXCELL_DATA/li_tegdme_li/nmr_li_metal_integral_0_20h.csv, see
data/README.md.  Gain and offset of the signal are free, so it is compared in shape with the ledger of the cell.
"""

import os
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from jaxcell import lithium_ledger, plate, simulate
from jaxcell.inference import FunctionProblem, Parameter, ParameterSet, fit
from jaxcell.protocol import Protocol
from jaxcell.study import load_study

BEGIN, CURRENT, AREA = 907.6, 0.4, 0.4  # s, mA, cm2
BOUNDS = {"offset": (-5.0, 5.0), "gain": (-5.0, 5.0), "bend": (-5.0, 5.0)}


def residuals(values, data):
    """Signal over its first reading: offset + gain x + bend x (x - 1), x the share of the charge; unit noise."""
    x, signal, noise = data
    return (values["offset"] + values["gain"] * x + values["bend"] * x * (x - 1.0) - signal) / noise


def signal_fit(charge, signal):
    """Fit of the relative signal against the plated charge; the noise is that of neighbouring readings."""
    noise = np.std(np.diff(signal)) / np.sqrt(2.0)
    started = {"offset": 1.0, "gain": 0.5, "bend": 0.0}
    numbers = [Parameter(n, n, "1", b, "linear", initial=started[n]) for n, b in BOUNDS.items()]
    data = (charge / charge[-1], signal, np.full(signal.shape, noise))
    return fit(FunctionProblem(ParameterSet(numbers), residuals, data, data_scale=jnp.asarray(data[2])), starts=1), data


if __name__ == "__main__":
    folder = Path(os.environ["JAXCELL_DATA"]) / "li_tegdme_li"
    table = pd.read_csv(folder / "nmr_li_metal_integral_0_20h.csv")
    charge = np.maximum(table["time"].to_numpy() - BEGIN, 0.0) / 3600.0 * CURRENT  # mAh
    signal = table["intensity"].to_numpy() / table["intensity"].iloc[0]
    cell = load_study(Path(__file__).parent / "li_tegdme_li.toml").cell()
    ledger = lithium_ledger(simulate(cell, Protocol.of(plate(CURRENT / AREA, charge[-1] / AREA)))).to_dataframe()
    print(ledger.iloc[[0, -1]].T.to_string())
    found, (x, _, noise) = signal_fit(charge, signal)
    for name, p in found.parameters.items():
        print(f"{name} = {p.estimate:.3f} (95 %: {p.interval95[0]:.3f} to {p.interval95[1]:.3f}); {p.verdict}")
    print(f"rmse {found.rmse:.4f} against noise {noise[0]:.4f}; autocorrelation {found.noise.autocorrelation_time:.1f}")
