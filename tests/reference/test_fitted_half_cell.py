"""A fit of the half cell of Xu et al. 2019 against the same fit with PyBaMM's model on a refined mesh, by scipy.

Data and estimates are stored by `benchmarks/against_pybop.py --store`.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from jaxcell import Cell, Separator
from jaxcell.inference import FitResult, Parameter, ParameterSet, fit
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.dataset import dataset
from jaxcell.library import xu2019_half_cell

STORED = json.loads((Path(__file__).parent / "fitted_half_cell.json").read_text(encoding="utf-8"))
PATHS = {"exchange_current": "counter.kinetics.exchange_current_density"}
OF_A_STANDARD_ERROR = 0.2


@pytest.fixture(scope="module")
def found() -> FitResult:
    """From the default start and three that fill the bounds."""
    parts = xu2019_half_cell(1.0, single_particle=True)
    cell = Cell(parts.lithium, Separator(25e-6, 1e6), parts.cathode)  # PyBaMM's model has no drop in the separator
    parameters = ParameterSet(
        [
            Parameter(name, PATHS.get(name, f"counter.{name}"), one["unit"], tuple(one["bounds"]), initial=one["start"])
            for name, one in STORED["parameters"].items()
        ]
    )
    time, current, voltage = (np.append(0.0, STORED[column]) for column in ("time", "current", "voltage"))
    data = dataset(time, current, voltage, fitted=time > 0.0, noise=STORED["noise_V"])
    return fit(CellProblem(cell, data, parameters), starts=4)


def test_every_start_ends_at_the_same_minimum(found: FitResult) -> None:
    assert found.converged
    assert found.share_at_optimum == 1.0
    assert found.loss == pytest.approx(STORED["loss"], abs=0.1)


@pytest.mark.parametrize("name", STORED["parameters"])
def test_estimates(found: FitResult, name: str) -> None:
    own, stored = found.parameters[name], STORED["standard_errors_of_ln"][name]
    assert abs(np.log(own.estimate / STORED["estimates"][name])) < OF_A_STANDARD_ERROR * stored
    assert own.standard_error == pytest.approx(stored, rel=0.05)
    assert own.interval95[0] < STORED["parameters"][name]["truth"] < own.interval95[1]
