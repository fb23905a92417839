"""The studies of layers say what the model's physics says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from jaxcell import RESULTS, map_plating

FIT = Path(__file__).parents[2] / "fit"


def study(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FIT / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_thin_lithium_lasts_longer_below_the_layer() -> None:
    found = study("protected_against_bare").compared(2e-6)
    assert all(solution.result is RESULTS.successful for solution in found.solutions)
    bare, protected = (c.number[np.flatnonzero(c.coulombic_efficiency < 0.999)[0]] for c in found.cycles)
    # 3 % of 0.2 mAh cm-2 a cycle from 0.4124 mAh cm-2, a little of it to the interphase; then 1/(1 + xi).
    assert bare == pytest.approx(0.4124 / (0.03 * 0.2), abs=3)
    assert protected > 5 * bare
    assert found.cycles[0].coulombic_efficiency[-1] == pytest.approx(1 / 1.03, abs=1e-3)
    for which in (0, 1):
        assert abs(found.balance(which)["residual"]) < 1e-9


def test_the_border_between_bottom_and_top_moves_with_the_collectors_barrier() -> None:
    module = study("bottom_or_top")
    currents, kappas = np.array([5.0, 60.0]), 100.0 * np.array([1e-7, 1e-5, 1e-3])
    lithiophilic, bare = (
        np.asarray(map_plating(module.cell(barrier), currents, kappas).bottom) for barrier in module.BARRIERS.values()
    )
    assert np.all(lithiophilic[0] < 0.05)  # too bad a conductor
    assert np.all(lithiophilic[2] > 0.99)
    assert lithiophilic[1, 0] > 0.99  # 0.5 mA cm-2 is below I* = 0.76
    assert lithiophilic[1, 1] < 0.5  # 6 mA cm-2 is not
    assert bare[1, 0] < 0.01  # the top nucleates first
