"""What a voltage tells of the lithium below the layer, and what the report makes of it."""

import re

import numpy as np
import pytest
from verdicts import analysed, combined, together, unknown

from jaxcell import Cell, Interface, LithiumElectrode, LithiumKinetics, Nucleation, ProtectionLayer, Separator
from jaxcell.inference import CombinationEstimate, JointProblem, ParameterSet
from jaxcell.inference.bottom_share import SHARE, dividing, judged
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.dataset import dataset
from jaxcell.solver.schedule import Plan
from jaxcell.study.words import lithium_words

KAPPA = "working.layer.ionic_conductivity"
TOP = "working.layer.top.kinetics.exchange_current_density"


def layered(top: Interface | None) -> Cell:
    """Plates below a layer of 10 Ohm cm2, beside 13 Ohm cm2 of an open top."""
    working = LithiumElectrode(20e-6, Interface(LithiumKinetics(100.0)), ProtectionLayer(5e-6, 5e-3, top=top))
    return Cell(working, Separator(30e-6, 0.24), LithiumElectrode(50e-6, Interface(LithiumKinetics(1000.0))))


def record(barrier: float, currents: list[float], plan: Plan | None = None) -> CellProblem:
    """Twelve voltages of 20 uV noise while the cell is plated; the layer and the top site are unknown. One plan for all
    compiles once."""
    cell = layered(Interface(LithiumKinetics(20.0), Nucleation(barrier)))
    current, time = -np.concatenate([[0.0], currents]), np.arange(len(currents) + 1) * 30.0
    parameters = [unknown("layer", KAPPA, 5e-3, "S/m"), unknown("top", TOP, 20.0, "A/m2")]
    data = dataset(time, current, np.zeros_like(time), fitted=time > 0.0, noise=2e-5)
    return CellProblem(cell, data, ParameterSet(parameters, cell), plan=plan)


def found(problem: CellProblem) -> tuple[dict[str, str], CombinationEstimate]:
    """Kinds of the verdicts, and the share."""
    analysis = analysed(problem)
    return {one.name: one.kind for one in analysis.verdicts}, combined(problem, analysis)[SHARE]


def test_small_currents_do_not_tell_the_share_and_a_kink_does() -> None:
    """The top is open from the first atom: one resistance, of whatever sites. Opened by the second current it is told
    by the kink; never opened, its i0 stays what was believed."""
    kinked = record(0.03, [2.0] * 6 + [40.0] * 6)
    small, plan = [1.0] * 6 + [2.0] * 6, kinked.plan
    verdicts, share = found(kinked)
    assert verdicts == {"layer": "identified", "top": "identified"}
    assert share.identifiable
    assert np.ptp(share.interval95) < 0.01
    verdicts, share = found(record(1e-6, small, plan))
    assert verdicts == together("layer", "top")
    assert not share.identifiable
    assert share.interval95[0] < 0.2 < share.estimate < 0.6
    assert share.interval95[1] > 1.0
    _, share = found(record(1e-6, [2.0] * 6 + [-2.0] * 6, plan))  # ends as it began: told when most was there
    assert 0.2 < share.estimate < 0.6
    closed = record(0.03, small, plan)
    verdicts, share = found(closed)
    assert verdicts == {"layer": "identified", "top": "prior only"}
    assert not share.identifiable
    # However little of the slope's spread is left: it all but vanishes while the top is closed.
    assert share.remaining < 0.5
    assert not combined(closed, analysed(closed), most=0.5)[SHARE].identifiable
    assert JointProblem({"one": closed}, ()).rests_on == {f"one.{SHARE}": ("one.top",)}


def test_only_a_number_of_the_other_sites_asks_for_the_share() -> None:
    """Other fits are spared the simulation."""
    cell = layered(Interface(LithiumKinetics(20.0)))
    layer, top = unknown("layer", KAPPA, 5e-3, "S/m"), unknown("top", TOP, 20.0, "A/m2")
    assert dividing(cell, ParameterSet([layer], cell)) == ()
    assert dividing(cell, ParameterSet([layer, top], cell)) == ("top",)
    sigma = unknown("sigma", "working.layer.electronic_conductivity", 100.0, "S/m")
    assert dividing(layered(None), ParameterSet([sigma], layered(None))) == ()


@pytest.mark.parametrize(
    ("other_sites", "told", "words"),
    [
        (False, None, "All of the lithium .* this cell has no other site for it"),
        (
            True,
            None,
            r"80 % of .* its assumption \(no number of the other sites was fitted\): the",
        ),
        (
            True,
            False,
            r"80 % \(95 %: 50 to 100 %\) of .* its assumption \(prior only\): the",
        ),
        (True, True, r"80 % \(95 %: 50 to 100 %\) of the lithium .* lies below the layer\.$"),
    ],
)
def test_the_report_says_what_the_share_is_worth(other_sites: bool, told: bool | None, words: str) -> None:
    found = None if told is None else CombinationEstimate(SHARE, "1", 0.8, (0.5, 1.3), 0.1, 1.0, 0.1, told)
    share = judged(0.8, other_sites, found)
    assert re.match(words, share.sentence)
    assert lithium_words(
        {"rows": {}, "relative_imbalance": None, "loss": None, "bottom_fraction": share.to_dict()}
    ) == [share.sentence]
