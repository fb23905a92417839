"""Whether lithium plates on top of a layer, chosen by how well a full model predicts later plating steps."""

import equinox as eqx
import numpy as np
import pytest
from jax import Array

from jaxcell import (
    Cell,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    ProtectionLayer,
    Protocol,
    Separator,
    plate,
)
from jaxcell.inference import (
    Fold,
    LogNormal,
    ModelComparison,
    Parameter,
    ParameterSet,
    ProtocolProblem,
    StepData,
    compare_models,
)

NOISE = 3e-4
SHARES = (0.3, 0.9)
TOP = {"top open": 0.04, "top closed": 2.0}
"""Barrier against the first lithium on top [V]: one kind of cell, so one compiled program for both models."""
FAST = (0.5, 1.0, 3.0)
"""mA cm-2: plating on top begins at some 1.7."""
SLOW = (0.4, 0.8, 1.2)


def cell(barrier: float) -> Cell:
    site = Interface(LithiumKinetics(20.0))
    layer = ProtectionLayer(5e-6, 5e-3, top=Interface(LithiumKinetics(20.0), Nucleation(barrier)))
    foil = LithiumElectrode(20e-6, site, layer)
    return Cell(foil, Separator(30e-6, 0.24), LithiumElectrode(50e-6, site))


def problem(barrier: float, currents: tuple[float, ...], voltages: np.ndarray) -> ProtocolProblem:
    protocol = Protocol.of([plate(current, 0.05) for current in currents], repeat=2)
    rows = [StepData(k, shares=SHARES, voltage=row, voltage_noise=NOISE) for k, row in enumerate(voltages)]
    belief = LogNormal((1e-3, 3e-2))
    kappa = Parameter("conductivity", "working.layer.ionic_conductivity", "S/m", (3e-4, 1e-1), "log", belief, 4e-3)
    return ProtocolProblem(cell(barrier), protocol, rows, ParameterSet([kappa]))


@eqx.filter_jit
def at_start(found: ProtocolProblem, theta: Array) -> Array:
    return found.values(theta).voltage


def chosen(currents: tuple[float, ...], truth: str, seed: int) -> ModelComparison:
    """The last step of each of two cycles from all before it."""
    blank = problem(TOP[truth], currents, np.full((6, 2), -0.1))
    exact = np.asarray(at_start(blank, blank.parameters.from_physical({"conductivity": 5e-3}))).reshape(6, 3)[:, :2]
    noisy = exact + NOISE * np.random.default_rng(seed).normal(size=exact.shape)
    models = {name: problem(barrier, currents, noisy) for name, barrier in TOP.items()}
    return compare_models(models, folds=lambda _: (Fold(2, 3), Fold(5, 6)), starts=1)


@pytest.mark.parametrize("truth", list(TOP))
def test_currents_beyond_the_onset_tell_whether_the_top_is_open(truth: str) -> None:
    found = [chosen(FAST, truth, seed) for seed in range(2)]
    assert [one.best for one in found] == [truth] * 2
    assert all(one.scores[other].by_log_score.worse > 10.0 for one in found for other in TOP if other != truth)


def test_below_the_onset_both_predict_the_same() -> None:
    (words,) = {chosen(SLOW, "top open", 0).rivals}
    assert len(words) == 1
