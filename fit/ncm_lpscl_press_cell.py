"""NCM-LPSCl | LPSCl | In-Li in a press: do an impedance spectrum and pulses tell of one cell?  They do not.

python fit/ncm_lpscl_press_cell.py [FIGURE.png]: reads $JAXCELL_DATA/ncm_lpscl_press_cell, see data/README.md, and fits
each alone, for ten minutes.  Pulses keep 8 rows a decade of the time since their step, without the first (0.4 ms).
"""

import os
import sys
from pathlib import Path

from matplotlib.figure import Figure
from press_cell import ALL, AREA, CELL, TIMED, parameters, told

from jaxcell import Rig, at_voltage, kramers_kronig, linear_response
from jaxcell.inference import FitSettings, LevenbergMarquardt, SpectrumProblem, fit, spectrum_data
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.io import read_measurement
from jaxcell.io.dataset import Selection, fitted_rows

REST, NOISE = slice(0, 3001), 25e-6  # rows before the first pulse; scatter of their voltage [V]
LONG = FitSettings(LevenbergMarquardt(1e-8, 1e-10, 1e-9, 250), ridges=0)


def records(folder):
    return read_measurement(folder / "PEIS_SSB.mpr").spectra[0], read_measurement(folder / "CP_SSB.mpr", area=AREA)


def spectrum_problem(sweep, **starts):
    """The spectrum at its own open-circuit voltage; coarser meshes err by more than its noise above 100 kHz."""
    data, cell = spectrum_data(sweep.frequency, sweep.impedance * AREA), at_voltage(CELL, sweep.bias_voltage)
    return SpectrumProblem(cell, data, parameters(ALL, **starts), rig=Rig(1e-11), grid_points=50)


def pulse_problem(pulses, points=20, **starts):
    """The pulses on their own time stamps, from the voltage at rest; constant phases are capacitors there."""
    rows = fitted_rows(pulses, Selection(skip_after_step=5e-4, rests=True, per_decade=8), NOISE)
    cell = at_voltage(CELL, pulses.voltage[REST].mean())
    return CellProblem(cell, rows.dataset, parameters(TIMED, **starts), grid_points=points)


def foretold(sweep, pulses):
    """Change of the voltage [V] that the spectrum foretells, without any model of the cell, and the measured one."""
    expected = linear_response(kramers_kronig(sweep), pulses.time, pulses.current)
    return expected, pulses.voltage - pulses.voltage[REST].mean()


if __name__ == "__main__":
    sweep, pulses = records(Path(os.environ["JAXCELL_DATA"]) / "ncm_lpscl_press_cell")
    expected, measured = foretold(sweep, pulses)
    for problem, starts in ((spectrum_problem(sweep), 10), (pulse_problem(pulses), 4)):
        found = fit(problem, starts=starts, settings=LONG)
        cell = problem.cell_at(problem.parameters.from_physical(found.estimates))
        print(found.summary(), *(f"{name}: {value:.3g}" for name, value in told(cell).items()), sep="\n")
    if len(sys.argv) > 1:
        axes = (figure := Figure(figsize=(7.0, 4.0), dpi=150, layout="constrained")).subplots()
        axes.plot(pulses.time, 1e3 * measured, label="measured")
        axes.plot(pulses.time, 1e3 * expected, label="foretold by the spectrum")
        axes.set(xlabel="time / s", ylabel="change of voltage / mV")
        axes.legend()
        figure.savefig(sys.argv[1])
