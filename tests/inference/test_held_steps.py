"""Held voltages as data: a hold's charge and how long it took until the current had fallen tell the cell's numbers."""

import equinox as eqx
import numpy as np
import pytest
from jax import Array

from jaxcell import Cell, Interface, LithiumElectrode, LithiumKinetics, Nucleation, Protocol, Separator
from jaxcell.inference import (
    PROTOCOL_FIT,
    FitSettings,
    LogNormal,
    Parameter,
    ParameterSet,
    ProtocolProblem,
    StepData,
    fit,
)
from jaxcell.inference.protocol_problem import StepValues

TRUTH = {"lithium": 1e-6, "depletion": 7.5e-3}
NOISE = 2e-3
"""Relative."""


pytestmark = pytest.mark.runs_much


def problem(data: list[StepData]) -> ProtocolProblem:
    """A thin foil stripped at a held voltage until hardly any of it is left."""
    slow = Interface(LithiumKinetics(10.0), Nucleation(0.0, nucleation_capacity=1.0, depletion_capacity=7.5e-3))
    cell = Cell(LithiumElectrode(1e-6, slow), Separator(30e-6, 0.24), LithiumElectrode(50e-6))
    paths = {"lithium": ("working.lithium_thickness", "m")}
    paths |= {"depletion": ("working.interface.nucleation.depletion_capacity", "mol/m2")}
    parameters = ParameterSet(
        [
            Parameter(
                name, *paths[name], (0.1 * value, 10.0 * value), "log", LogNormal((0.2 * value, 5.0 * value)), start
            )
            for (name, value), start in zip(TRUTH.items(), (1.5e-6, 4e-3), strict=True)
        ]
    )
    steps = ("Plate at 1 mA/cm2 for 6 min", "Hold at 0.05 V until 0.1 mA/cm2")
    return ProtocolProblem(cell, Protocol.of(*steps), data, parameters)


@eqx.filter_jit
def values(problem: ProtocolProblem, theta: Array) -> StepValues:
    return problem.values(theta)


def test_a_hold_is_fitted_by_its_charge_and_its_end() -> None:
    blank = problem([StepData(1, charge=1.0, charge_noise=1.0)])
    true = values(blank, blank.parameters.from_physical(TRUTH))
    charge, duration = float(true.charge[1]), float(true.duration[1])
    # 1 um and what was plated hold 10.5 C cm-2 less what is left at 0.1 mA cm-2.
    assert charge == pytest.approx(1e-6 / 13e-6 * 96485.3 + 3600.0, rel=0.03)
    off = 1.0 + NOISE * np.random.default_rng(2).normal(size=2)
    measured = StepData(
        1,
        charge=charge * off[0],
        charge_noise=NOISE * charge,
        duration=duration * off[1],
        duration_noise=NOISE * duration,
    )
    found = fit(problem([measured]), starts=2, settings=FitSettings(PROTOCOL_FIT.solver, ridges=0))
    assert found.converged
    assert found.noise.n_points == 2
    for name, one in found.parameters.items():
        assert one.identifiable, name
        assert one.interval95[0] < TRUTH[name] < one.interval95[1]
    assert found.estimates["lithium"] == pytest.approx(1e-6, rel=0.01)
