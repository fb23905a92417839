"""Measurements that have not been made: problems whose data are what the model would show."""

from collections.abc import Sequence

import numpy as np

from jaxcell.cell import Cell
from jaxcell.inference import ParameterSet, SpectrumProblem, spectrum_data
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.dataset import dataset
from jaxcell.operating_point import OperatingPoint
from jaxcell.protocol import replay
from jaxcell.simulation import simulate
from jaxcell.solver.settings import Settings
from jaxcell.spectroscopy import Rig, impedance

VIRTUAL_SETTINGS = Settings(rtol=1e-6, atol=1e-6)
"""Tolerances of a run whose noise may be as low as some uV."""


def virtual_curve(
    cell: Cell,
    time: Sequence[float] | np.ndarray,
    current_density: Sequence[float] | np.ndarray,
    parameters: ParameterSet,
    *,
    noise: float,
    seed: int | None = None,
    grid_points: int = 20,
) -> CellProblem:
    """The voltage of this cell on a current, at the times of `time` [s] (`current_density` [A m-2] of a row flows since
    the row before), with normal noise [V] by `seed`, without where it is None.

    The cell's own numbers are the truth; `parameters` are what a fit would not know.  Raises as `dataset`.
    """
    t, i = np.asarray(time, dtype=np.float64), np.asarray(current_density, dtype=np.float64)
    shown = np.append(0.0, simulate(cell, replay(t, i), points=grid_points, settings=VIRTUAL_SETTINGS).voltage)
    data = dataset(t, i, shown + _noise(seed, shown.shape, noise), noise=noise)
    return CellProblem(cell, data, parameters, settings=VIRTUAL_SETTINGS, grid_points=grid_points)


def virtual_spectrum(
    cell: Cell,
    frequency: Sequence[float] | np.ndarray,
    parameters: ParameterSet,
    *,
    relative_noise: float = 0.005,
    state: OperatingPoint | None = None,
    rig: Rig | None = None,
    seed: int | None = None,
    grid_points: int = 20,
) -> SpectrumProblem:
    """The impedance of this cell at `frequency` [Hz], with noise `relative_noise` |Z| of either part; see
    `virtual_curve`."""
    f = np.sort(np.asarray(frequency, dtype=np.float64))
    z = np.asarray(impedance(cell, f, state, rig=rig, points=grid_points).impedance)
    size = relative_noise * np.abs(z)
    z = z + size * (_noise(seed, z.shape, 1.0) + 1j * _noise(None if seed is None else seed + 1_000_003, z.shape, 1.0))
    data = spectrum_data(f, z, relative_noise=relative_noise)
    return SpectrumProblem(cell, data, parameters, state=state, rig=rig, grid_points=grid_points)


def _noise(seed: int | None, shape: tuple[int, ...], sd: float) -> np.ndarray:
    return np.zeros(shape) if seed is None else sd * np.random.default_rng(seed).normal(size=shape)
