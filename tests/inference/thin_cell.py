"""A thin foil cycled beyond the end of its reservoir: its interphase grows with time, its dead lithium with charge.

The interphase is limited by its reaction, so that it takes the same from cycles of the same duration: nothing but the
rests tells it from dead lithium.
"""

import functools

import equinox as eqx
import numpy as np
from jax import Array

from jaxcell import (
    Cell,
    DeadLithium,
    Interface,
    Interphase,
    LithiumElectrode,
    LithiumKinetics,
    Protocol,
    Separator,
    Settings,
)
from jaxcell.inference import (
    PROTOCOL_FIT,
    CellLithiumLoss,
    FitResult,
    FitSettings,
    LogNormal,
    Parameter,
    ParameterSet,
    ProtocolProblem,
    StepData,
    cell_lithium_loss,
    fit,
)

APART, EQUAL = ("10 min", "4 h"), ("2 h", "2 h")
NOISE = 2e-3
"""Relative, of a strip's charge."""
TRUTH = {"dead": 0.03, "reaction": 100.0}
ONE = (1, FitSettings(PROTOCOL_FIT.solver, ridges=0))
"""Starts and settings of quick fits: what they leave open is not traced."""
TRACED = (12, FitSettings(PROTOCOL_FIT.solver, ridges=1))
"""As many starts as a ridge has points: one compiled program for both."""


def cell(thickness: float = 0.2e-6) -> Cell:
    interphase = Interphase(1e-7, ionic_conductivity=1e-3, reaction_resistance=TRUTH["reaction"])
    lossy = Interface(LithiumKinetics(20.0), interphase=interphase, dead_lithium=DeadLithium(TRUTH["dead"]))
    return Cell(LithiumElectrode(thickness, lossy), Separator(30e-6, 0.24), LithiumElectrode(50e-6))


def protocol(rests: tuple[str, str]) -> Protocol:
    """Ten cycles of 0.2 mAh cm-2."""
    steps = []
    for rest in rests:
        steps += ["Plate at 1 mA/cm2 until 0.2 mAh/cm2", f"Rest for {rest}"]
        steps += ["Strip at 1 mA/cm2 until 0.2 mAh/cm2 or 0.5 V"]
    return Protocol.of(steps, repeat=5)


def parameters() -> ParameterSet:
    site = "working.interface."
    return ParameterSet(
        [
            Parameter(
                "dead", f"{site}dead_lithium.per_stripped", "1", (1e-5, 0.5), "log", LogNormal((1e-3, 0.2)), 0.01
            ),
            Parameter(
                "reaction", f"{site}interphase.reaction_resistance", "Ohm m2", (1.0, 1e6), "log",
                LogNormal((5.0, 5e3)), 300.0,
            ),
        ]
    )  # fmt: skip


def charges(values: np.ndarray, scatter: np.ndarray) -> list[StepData]:
    """What the strips returned [C m-2]; those that the clock ended returned what it says."""
    data = []
    for step in range(2, 30, 3):
        charge = float(values[step])
        noisy = charge if charge > 7200.0 * (1.0 - 1e-6) else charge * (1.0 + NOISE * scatter[step])
        data.append(StepData(step, charge=noisy, charge_noise=NOISE * charge))
    return data


@eqx.filter_jit
def run(problem: ProtocolProblem, theta: Array) -> tuple[Array, dict[str, Array]]:
    """Charge of every step, and the combinations."""
    return problem.values(theta).charge, problem.combinations(theta)


@functools.cache
def true_values(rests: tuple[str, str], thickness: float) -> tuple[np.ndarray, dict[str, float]]:
    """Charge of every step [C m-2], and the lost lithium [mAh cm-2], at the truth."""
    blank = problem(rests, np.full(30, 7200.0), np.zeros(30), thickness)
    found, lost = run(blank, blank.parameters.from_physical(TRUTH))
    return np.asarray(found), {name: float(value) for name, value in lost.items()}


def problem(rests: tuple[str, str], values: np.ndarray, scatter: np.ndarray, thickness: float) -> ProtocolProblem:
    data = charges(values, scatter)
    return ProtocolProblem(cell(thickness), protocol(rests), data, parameters(), settings=Settings(1e-5, 1e-5))


def fitted(
    rests: tuple[str, str], seed: int, thickness: float = 0.2e-6, how: tuple[int, FitSettings] = ONE
) -> tuple[FitResult, CellLithiumLoss, dict[str, float]]:
    """A fit to the charges with the noise of `seed`, its lithium loss, and the truth of that."""
    values, truth = true_values(rests, thickness)
    noisy = problem(rests, values, np.random.default_rng(seed).normal(size=30), thickness)
    found = fit(noisy, starts=how[0], seed=seed, settings=how[1])
    loss = cell_lithium_loss(noisy, found.combinations)
    assert loss is not None
    return found, loss, truth
