"""Order in the number of points of a layer with pores, for a transient on one plan."""

import itertools

import numpy as np
import sample_cells

from jaxcell import (
    LithiumKinetics,
    Nucleation,
    Protocol,
    Settings,
    Solution,
    plate,
    rest,
    simulate,
)
from jaxcell.solver.schedule import uniform_plan

# A reaction length of 2 um in a layer of 5 um. No barrier inside: behind one a front of nucleation runs through the
# layer from point to point, whose place is known to one point only.
PORES = sample_cells.pores(kinetics=LithiumKinetics(20.0), nucleation=Nucleation(0.0))
CELL = sample_cells.porous(pores=PORES)
PROTOCOL = Protocol.of(plate(1.0, 0.05, points=4), rest(30.0, points=2))
PLAN = uniform_plan(6, 32)


def _run(points: int) -> Solution:
    return simulate(CELL, PROTOCOL, points=points, plan=PLAN, settings=Settings(1e-4, 1e-4))


def test_second_order_in_points() -> None:
    values: list[list[np.ndarray]] = []
    for points in (8, 16, 32):
        solution = _run(points)
        gained = np.asarray(solution.state.node)[:, 0, :]
        bottom, inside = gained[:, 0], np.sum(gained[:, 1 : 1 + points], axis=1)
        values.append([np.asarray(solution.voltage), inside / np.max(inside), bottom / (bottom + inside)])
    # Differences of successive solutions fall by 2^order, whatever the exact one is.
    pairs = itertools.pairwise(values)
    steps = np.array([[np.max(np.abs(a - b)) for a, b in zip(*pair, strict=True)] for pair in pairs])
    orders = np.log2(steps[:-1] / steps[1:])
    assert np.all(np.abs(orders - 2.0) < 0.1), orders
    assert np.all(steps[-1] < 1e-3), steps
