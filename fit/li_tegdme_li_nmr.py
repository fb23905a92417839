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

from jaxcell import Protocol, lithium_ledger, plate, simulate
from jaxcell.inference import FunctionProblem, Parameter, ParameterSet, fit
from jaxcell.study import load_study

BEGIN, CURRENT, AREA = 907.6, 0.4, 0.4  # s, mA, cm2
STARTS = {"offset": 1.0, "gain": 0.5, "bend": 0.0}


def residuals(values, data):
    """Signal over its first reading: offset + gain x + bend x (x - 1), x the share of the charge; unit noise."""
    x, signal, noise = data
    return (values["offset"] + values["gain"] * x + values["bend"] * x * (x - 1.0) - signal) / noise


def signal_fit(charge, signal):
    """Fit of the relative signal against the plated charge; the noise is that of neighbouring readings."""
    noise = np.std(np.diff(signal)) / np.sqrt(2.0)
    numbers = [Parameter(n, n, "1", (-5.0, 5.0), "linear", initial=start) for n, start in STARTS.items()]
    data = (charge / charge[-1], signal, np.full(signal.shape, noise))
    return fit(FunctionProblem(ParameterSet(numbers), residuals, data, data_scale=jnp.asarray(data[2])), starts=1), data


if __name__ == "__main__":
    table = pd.read_csv(Path(os.environ["JAXCELL_DATA"]) / "li_tegdme_li" / "nmr_li_metal_integral_0_20h.csv")
    charge = np.maximum(table["time"].to_numpy() - BEGIN, 0.0) / 3600.0 * CURRENT  # mAh
    signal = table["intensity"].to_numpy() / table["intensity"].iloc[0]
    cell = load_study(Path(__file__).parent / "li_tegdme_li.toml").cell()
    ledger = lithium_ledger(simulate(cell, Protocol.of(plate(CURRENT / AREA, charge[-1] / AREA)))).to_dataframe()
    lithium = ledger.filter(like="live").diff().sum()
    print(f"live lithium, mAh/cm2: {lithium.to_dict()}; sum {lithium.sum():.1e}")
    found, (x, _, noise) = signal_fit(charge, signal)
    for name, p in found.parameters.items():
        print(f"{name} = {p.estimate:.3f} (95 %: {p.interval95[0]:.3f} to {p.interval95[1]:.3f}), {p.verdict.kind}")
    print(f"rmse {found.rmse:.4f}, noise {noise[0]:.4f}, autocorrelation time {found.noise.autocorrelation_time:.0f}")
    print("Gain above zero: the signal does not follow the sum of lithium. Bend above zero: signal per charge grows.")
    print("Only gain times lithium kept is identified; a loss is neither shown nor excluded.")
    if len(sys.argv) > 1:
        figure = Figure(figsize=(6.0, 4.0), dpi=150, layout="constrained")
        axes = figure.subplots()
        axes.plot(charge, signal, ".", ms=3, color="#5b6770", label="measured")
        axes.plot(charge, residuals(found.estimates, (x, 0.0, 1.0)), color="#c8102e", label="offset, gain and bend")
        axes.axhline(found.estimates["offset"], ls="--", color="#1f5fa8", label="sum of lithium, no loss")
        axes.set(xlabel="plated charge / mAh", ylabel="$^7$Li signal / first reading")
        axes.legend(frameon=False)
        figure.savefig(sys.argv[1])
