"""The fit that `against_pybop.py` gives to each tool: four numbers of a single-particle half cell from a discharge."""

import numpy as np
from xu2019 import RATE, cells

from jaxcell.inference import Parameter, ParameterSet
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.dataset import Dataset, dataset

TIME = np.arange(0.0, 3001.0, 30.0)
"""[s]; the first row is not fitted."""
NOISE = 1e-3  # V
SEED = 2019
CELL = cells()["spm"]
TRUTH = {
    "particle_diffusivity": 1e-14,
    "exchange_current": float(CELL.counter.kinetics.exchange_current_density),  # pyright: ignore[reportAttributeAccessIssue]
    "active_fraction": 0.518,
    "initial_stoichiometry": 4631.0 / 48230.0,
}
PATHS = {"exchange_current": "kinetics.exchange_current_density"}
UNITS = dict(zip(TRUTH, ("m2 s-1", "A m-2", "1", "1"), strict=True))
BOUNDS = {
    "particle_diffusivity": (5e-16, 2e-13),
    "exchange_current": (TRUTH["exchange_current"] / 20.0, TRUTH["exchange_current"] * 20.0),
    "active_fraction": (0.36, 0.65),
    "initial_stoichiometry": (0.05, 0.25),
}
"""A factor of 20 each way where an order of magnitude is what one knows; else what holds the charge at all."""
GUESS = {
    "particle_diffusivity": 2e-14,
    "exchange_current": 2.0 * TRUTH["exchange_current"],
    "active_fraction": 0.45,
    "initial_stoichiometry": 0.12,
}
"""The default start."""


def parameters() -> ParameterSet:
    """All of them in logarithmic coordinates, without beliefs."""
    return ParameterSet(
        [
            Parameter(name, f"counter.{PATHS.get(name, name)}", UNITS[name], BOUNDS[name], initial=GUESS[name])
            for name in TRUTH
        ]
    )


def record(voltage: np.ndarray) -> Dataset:
    """The discharge with `voltage` [V] at every time but the first."""
    current = np.where(TIME > 0.0, -10.0 * RATE, 0.0)
    return dataset(TIME, current, np.append(np.nan, voltage), fitted=TIME > 0.0, noise=NOISE)


def problem(voltage: np.ndarray) -> CellProblem:
    """The fit in jaxcell, with the library's default mesh and tolerances."""
    return CellProblem(CELL, record(voltage), parameters())
