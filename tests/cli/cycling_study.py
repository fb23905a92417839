"""A study of cycles that end by themselves, on a table of steps or a record made from it without any simulation."""

from pathlib import Path

import numpy as np

from jaxcell.io import write_bdf_csv

STUDY = """
[study]
title = "Thin foil"

[protocol]
steps = ["Plate at 1 mA/cm2 until 0.2 mAh/cm2", "Rest for 30 min", "Strip at 1 mA/cm2 until 0.5 V"]
repeat = 5

[step_table]
file = "made.csv"

[cell]
kind = "half"

[cell.separator]
thickness_um = 30
ionic_conductivity_s_cm = 2.4e-3

[cell.counter]
lithium_thickness_um = 50

[cell.electrode]
lithium_thickness_um = 0.3

[cell.electrode.interface.dead_lithium]
per_stripped = 0.02

[cell.electrode.interface.interphase]
initial_thickness_nm = 1

[parameters.dead]
path = "electrode.interface.dead_lithium.per_stripped"
unit = "1"
bounds = [1e-5, 0.5]
prior = { range95 = [1e-3, 0.2] }

[parameters.growth]
path = "electrode.interface.interphase.ambipolar_conductivity"
unit = "S/cm"
bounds = [1e-16, 1e-8]
prior = { range95 = [1e-14, 1e-11] }
"""

RECORD = """[data]
file = "made.bdf.csv"
area_cm2 = 2.0
"""
CAPACITIES = (0.255, 0.1937, 0.1942, 0.1935, 0.1941)
"""Of the strips [mAh cm-2]: the first takes the reservoir with it."""


def write_table(folder: Path, header: str = "cycle,half,capacity_mah_cm2", rows: list[str] | None = None) -> Path:
    path = folder / "made.csv"
    lines = [f"{k + 1},strip,{q}" for k, q in enumerate(CAPACITIES)] if rows is None else rows
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def write_record(folder: Path, *, current: float = 2.0, last: float = 0.5, numbered: bool = True, cut: int = 0) -> Path:
    """Samples each minute: `current` [mA] on 2 cm2; the last strip ends at `last` [V]; `cut` rows are missing."""
    time, volts, flows, step = [0.0], [0.0], [0.0], [0]
    for cycle, capacity in enumerate(CAPACITIES):
        parts = ((-1.0, 720.0, -0.03, -0.03), (0.0, 1800.0, 0.0, 0.0), (1.0, 3600.0 * capacity, 0.03, 0.5))
        for place, (sign, lasts, level, end) in enumerate(parts):
            ends = np.append(np.arange(60.0, lasts - 1.0, 60.0), lasts)
            time += list(time[-1] + ends)
            reached = last if place == 2 and cycle == len(CAPACITIES) - 1 else end
            volts += [level] * (len(ends) - 1) + [reached]
            flows += [sign * current * 1e-3] * len(ends)
            step += [1 + 3 * cycle + place] * len(ends)
    rows = slice(None, len(time) - cut)
    numbers = np.array(step)[rows] if numbered else None
    path = folder / "made.bdf.csv"
    columns = {"time": np.array(time), "voltage": np.array(volts), "current": np.array(flows)}
    return write_bdf_csv(path, **{name: column[rows] for name, column in columns.items()}, step=numbers)
