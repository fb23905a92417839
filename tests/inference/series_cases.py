"""Half cells with a thin layer, measured at small steady currents: alone each tells one sum of resistances."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxcell import Cell, Film, Interface, LithiumElectrode, LithiumKinetics, ProtectionLayer, Separator, simulate
from jaxcell.inference import JointProblem, LogNormal, Parameter, ParameterSet
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.dataset import Dataset, dataset
from jaxcell.protocol import replay

THICKNESSES = {"thin": 2e-6, "middle": 5e-6, "thick": 10e-6}
"""Of the layer [m]."""
TEMPERATURES = {"cold": 278.15, "room": 298.15, "warm": 318.15}
"""[K]"""
TRUTH = {"kappa": 5e-3, "film": 1e-3, "exchange": 25.0}
"""Layer [S m-1] and film [Ohm m2], 10 ohm cm2 each at 5 um; exchange current density [A m-2], 10 ohm cm2 at 25 degC."""
NOISE = 20e-6
"""Of a voltage [V]; the film's drop is 1 mV at the largest current."""
TIME = np.arange(0.0, 481.0, 15.0)
CURRENT = np.concatenate([[0.0], np.repeat([0.5, -0.5, 1.0, -1.0], 8)])
"""[A m-2], eight rows each."""


def half_cell(thickness: float = 5e-6, temperature: float = 298.15) -> Cell:
    """Lithium below a layer with a film toward the separator, against lithium."""
    layer = ProtectionLayer(
        thickness, TRUTH["kappa"], top=None, separator_film=Film(TRUTH["film"]), activation_energy=48e3
    )
    interface = Interface(LithiumKinetics(TRUTH["exchange"], activation_energy=29e3))
    known = Interface(LithiumKinetics(200.0))
    return Cell(
        LithiumElectrode(20e-6, interface, layer), Separator(30e-6, 0.24), LithiumElectrode(50e-6, known), temperature
    )


def clean_voltage(cell: Cell) -> np.ndarray:
    """[V] at TIME."""
    return np.concatenate([[0.0], np.asarray(simulate(cell, replay(TIME, CURRENT)).voltage)])


def measured(voltage: np.ndarray, seed: int, noise: float | None = NOISE, sd: float = NOISE) -> Dataset:
    """The record with white noise of `sd` [V], stated as `noise`."""
    return dataset(TIME, CURRENT, voltage + sd * np.random.default_rng(seed).normal(size=TIME.size), noise=noise)


PLACES = {
    "kappa": ("working.layer.ionic_conductivity", "S/m"),
    "film": ("working.layer.separator_film.resistance", "Ohm m2"),
    "exchange": ("working.interface.kinetics.exchange_current_density", "A/m2"),
}


def parameters(cell: Cell, names: Sequence[str]) -> ParameterSet:
    """Each within a factor of 30 of the truth at 95 %, and started off it."""
    return ParameterSet(
        [
            Parameter(
                name, PLACES[name][0], PLACES[name][1], (TRUTH[name] / 1e3, TRUTH[name] * 1e3), "log",
                LogNormal((TRUTH[name] / 30.0, TRUTH[name] * 30.0)), TRUTH[name] * (2.0 if k else 0.5),
            )
            for k, name in enumerate(names)
        ],
        cell,
    )  # fmt: skip


@dataclass(frozen=True)
class Series:
    """Cells by name, their clean voltages, and the parameters they share."""

    cells: dict[str, Cell]
    voltages: dict[str, np.ndarray]
    names: tuple[str, ...]

    @classmethod
    def of(cls, cells: dict[str, Cell], names: tuple[str, ...]) -> "Series":
        return cls(cells, {name: clean_voltage(cell) for name, cell in cells.items()}, names)

    def single(self, name: str, seed: int, noise: float | None = NOISE, sd: float = NOISE) -> CellProblem:
        """One cell of the series."""
        place = list(self.cells).index(name)
        record = measured(self.voltages[name], 100 * seed + place, noise, sd)
        return CellProblem(self.cells[name], record, parameters(self.cells[name], self.names))

    def joint(self, seed: int) -> JointProblem:
        """All of them."""
        return JointProblem({name: self.single(name, seed) for name in self.cells}, shared=self.names)


def thickness_series() -> Series:
    """L/kappa grows with the thickness, the film does not."""
    return Series.of({name: half_cell(thickness=L) for name, L in THICKNESSES.items()}, ("kappa", "film"))


def temperature_series() -> Series:
    """The layer is activated by 48 kJ/mol (0.5 eV), the charge transfer by 29 kJ/mol (0.3 eV)."""
    return Series.of({name: half_cell(temperature=T) for name, T in TEMPERATURES.items()}, ("kappa", "exchange"))
