"""Half cells and protocols of the stored curves of PyBaMM, and what the model says at their times."""

import dataclasses
import functools
import json
from operator import attrgetter
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from jaxcell import (
    BinarySalt,
    Cell,
    Protocol,
    Separator,
    Settings,
    Solution,
    Until,
    charge,
    discharge,
    hold,
    rest,
    simulate,
    xu2019_half_cell,
)

HERE = Path(__file__).parent
NOMINAL = 0.0024 / (0.01 * 0.0154)
"""1C [A m-2]."""
RATES = {"C/5": 0.2, "1C": 1.0, "2C": 2.0, "cycle": 1.0}
POINTS = 60
"""Rows of each step after its start."""
DEFAULT = (20, Settings(1e-4, 1e-4))
REFINED = (40, Settings(1e-6, 1e-6))


@functools.cache
def curves() -> dict[str, np.ndarray]:
    with np.load(HERE / "pybamm_curves.npz") as stored:
        return dict(stored)


@functools.cache
def note() -> dict:
    return json.loads((HERE / "pybamm_curves.json").read_text(encoding="utf-8"))


def cell_of(case: str) -> Cell:
    """The half cell of a stored case."""
    binary = case.startswith("binary")
    parts = xu2019_half_cell(0.38 if binary else 1.0, single_particle=case == "single_particle")
    cell = Cell(parts.lithium, parts.separator, parts.cathode)
    if case == "single_particle":  # its voltage has no drop in the separator, and it has no double layers
        none, places = jnp.zeros(()), ("counter", "working.interface")
        cell = eqx.tree_at(
            lambda c: [attrgetter(f"{one}.double_layer_capacitance")(c) for one in places], cell, [none] * 2
        )
        return eqx.tree_at(lambda c: c.separator, cell, Separator(1e-9, 1e3))
    if case != "binary_power_law":
        return cell

    def power(salt: BinarySalt) -> BinarySalt:
        exponent = note()["electrolyte"]["exponent"]
        return dataclasses.replace(salt, conductivity_law=None, diffusivity_law=None, conductivity_exponent=exponent)

    salts = [cell.separator.salt, cell.counter.transport.salt]
    return eqx.tree_at(lambda c: [c.separator.salt, c.counter.transport.salt], cell, [power(salt) for salt in salts])


def protocol_of(case: str, name: str, whole: bool, at: np.ndarray | None = None) -> Protocol:
    """Discharge at a rate and, if `whole`, charge, hold and rest after it, with a row at every time of the curve.

    Each step goes on a fifth longer than its last interval unless its stop ends it: where it ends is the model's.
    `at` [s]: times of the first step at which its nearest rows are moved.
    """
    steps = [discharge(RATES[name] * NOMINAL / 10, until=Until(voltage_below=3.5), duration=1e6, points=POINTS)]
    if whole:
        steps += [
            charge(NOMINAL / 10, until=Until(voltage_above=4.2), duration=1e6, points=POINTS),
            hold(4.2, until=Until(current_below=NOMINAL / 20), duration=1e6, points=POINTS),
            rest(1800.0, points=POINTS),
        ]
    durations = []
    for i in range(len(steps)):
        stored = f"{case}/{name if i == 0 else 'cycle'}/{i}/time"
        times = curves()[stored].copy()
        if i == 0 and at is not None:
            for one in at:
                times[np.argmin(np.abs(times - one))] = one
        length = np.diff(times)
        length[-1] *= 1.2 if i < 3 else 1.0
        durations.append(length)
    return eqx.tree_at(lambda p: p.duration, Protocol.of(*steps), jnp.asarray(np.concatenate(durations)))


@functools.cache
def solution_of(case: str, name: str, settings: tuple[int, Settings], whole: bool = True) -> Solution:
    points, accuracy = settings
    shells = 4 * points // 5
    return simulate(cell_of(case), protocol_of(case, name, whole), points=points, shells=shells, settings=accuracy)


def rows(solution: Solution, step: int) -> slice:
    return slice(POINTS * step, POINTS * (step + 1))


def gap(case: str, name: str, step: int, solution: Solution) -> np.ndarray:
    """|V - V of PyBaMM| [mV] at the curve's times inside a step that both reach."""
    stored = curves()[f"{case}/{name}/{step}/voltage"]
    return 1e3 * np.abs(np.asarray(solution.voltage)[rows(solution, step)][:-1] - stored[1:-1])
