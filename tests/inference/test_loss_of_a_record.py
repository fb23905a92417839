"""A replayed record on a cell with loss channels: what was lost is among the combinations of its fit."""

import equinox as eqx
import numpy as np
import pytest

from jaxcell import Cell, DeadLithium, Interface, LithiumElectrode, Separator, lithium_ledger, lithium_losses
from jaxcell.inference import Parameter, ParameterSet
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.dataset import dataset
from jaxcell.inference.lost_lithium import LOST, lithium_of, share_of
from jaxcell.units import to_mah_cm2


def test_losses_are_those_of_the_ledger() -> None:
    lossy = Interface(dead_lithium=DeadLithium(0.01))
    cell = Cell.symmetric(LithiumElectrode(20e-6, lossy), Separator(30e-6, 0.24))
    time = 60.0 * np.arange(21)
    current = np.where(time > 600.0, 10.0, -10.0)
    record = dataset(time, current, np.zeros(21), noise=1e-3)
    paths = ("working.interface.dead_lithium.per_stripped", "counter.interface.dead_lithium.per_stripped")
    parameters = ParameterSet([Parameter("dead", paths, "1", (1e-4, 0.1))], cell)
    problem = CellProblem(cell, record, parameters)
    assert problem.channels == ("working, dead bottom", "counter, dead bottom")
    found = eqx.filter_jit(lambda p: p.combinations(p.parameters.initial))(problem)
    assert set(problem.combination_units()) == set(found)
    ledger = lithium_ledger(problem.solution(parameters.initial))
    lost = [float(to_mah_cm2(lithium_losses(ledger, side)["dead bottom"][-1])) for side in ("working", "counter")]
    for channel, one in zip(problem.channels, lost, strict=True):
        # 1 % of the 1/6 mAh cm-2 that each electrode gave.
        assert one == pytest.approx(0.01 / 6.0, rel=1e-2)
        assert float(found[lithium_of(channel)]) == pytest.approx(one, rel=1e-9)
        assert float(found[share_of(channel)]) == pytest.approx(one / sum(lost), rel=1e-9)
    assert float(found[LOST]) == pytest.approx(sum(lost), rel=1e-9)
