"""Does the voltage that rises for minutes in Li | LLZO | Li remember the half-cycle before?

python fit/li_llzo_li_rise.py: reads $JAXCELL_DATA/li_llzo_li/li_llzo_li.mpr, see data/README.md.  A linear process
(diffusion, storage, a film with any capacitance or exponent) carries over into the next half-cycle, where it begins
with the opposite sign.  A resistance that current builds up begins anew, but shows in the spectra until it has healed.
"""

import os
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from jaxcell.io import read_measurement

TIMES = np.geomspace(10.0, 3000.0, 12)  # relaxation times [s]
NOISE = 67.5e-6  # of neighbouring samples [V]


def rises(measurement):
    """Voltage [V] of the half-cycles without each first row, and responses to their current: (rows, 13) each, linear
    with all history (but for spectra, whose mean current is a seventh), and anew in each half-cycle."""
    halves = measurement.half_cycles()
    starts, ends, level = (np.array([getattr(one, n) for one in halves]) for n in ("start", "end", "current"))
    half = np.searchsorted(starts, measurement.time - 1.0) - 1
    rows = np.flatnonzero((half >= 0) & (measurement.time <= ends[half]))
    time, half = measurement.time[rows], half[rows]
    own = level[half]
    since = np.maximum(time[:, None] - starts, 0.0)[..., None] / TIMES
    after = np.maximum(time[:, None] - ends, 0.0)[..., None] / TIMES
    linear = np.einsum("h,rht->rt", level, np.exp(-after) - np.exp(-since))
    anew = own[:, None] * (1.0 - np.exp(-(time - starts[half])[:, None] / TIMES))
    return measurement.voltage[rows], np.column_stack([own, linear]), np.column_stack([own, anew])


def misfit(voltage, *responses):
    """Sum of squares over the noise of resistances, none negative, and an offset of the voltmeter."""
    columns = np.column_stack([*responses, np.full(voltage.size, 1e-6), np.full(voltage.size, -1e-6)])
    return nnls(columns / NOISE, voltage / NOISE)[1] ** 2


def resistance_gained_at_rest(measurement):
    """Re Z at 0.1 Hz [ohm] of the spectra 8 min after half-cycles less those 91 s after them."""
    real = [one.real[-1] for one in measurement.spectra]
    return np.array([real[k + 1] - real[k] for k in (1, 3, 5)])


if __name__ == "__main__":
    record = read_measurement(Path(os.environ["JAXCELL_DATA"]) / "li_llzo_li" / "li_llzo_li.mpr")
    voltage, linear, anew = rises(record)
    cases = {"no rise": linear[:, :1], "linear, any times": linear, "anew": anew, "both": np.hstack([linear, anew])}
    for name, columns in cases.items():
        print(f"{name}: chi2 {misfit(voltage, columns):.0f} of {voltage.size} points")
    print("Re Z(0.1 Hz) after 7 min of rest:", *resistance_gained_at_rest(record).round(1), "ohm")
