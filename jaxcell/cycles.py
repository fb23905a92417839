"""The lithium ledger cycle by cycle."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from jaxcell.ledger import FORMS, Ledger, lithium_ledger, lithium_losses
from jaxcell.simulation import Solution
from jaxcell.units import FARADAY, lithium_thickness, to_mah_cm2, to_um

NO_CHARGE = 1e-6
"""Charge of a step, relative to the largest, below which it counts as a rest."""
EXHAUSTED = 1e-3
"""Live lithium left after stripping, relative to what was stripped, below which none is left."""
_WORKING = "working, "
_CATHODE = "counter, intercalated"


@dataclasses.dataclass(frozen=True)
class CycleLedger:
    """What a working electrode gained, gave back and lost, by cycle; amounts in mol m-2 of cell area.

    In a full cell the charge plates it and the discharge strips it: `plated` and `stripped` are the capacities.

    A cycle lasts from the start of one plating step to the start of the next; rests belong to the half cycle before
    them, plating steps without stripping in between (a hold after a charge, say) to one. What comes before the first
    plating step, if any charge passes there, is cycle 0. Rows are the protocol's times that the run reached.
    """

    number: np.ndarray
    """Of the cycle, from 1; 0 for what is stripped before the first plating."""
    plated: np.ndarray
    """Charge over F."""
    stripped: np.ndarray
    coulombic_efficiency: np.ndarray
    """Stripped/plated charge of the working electrode [1]; NaN without plating or without stripping."""
    lithium: dict[str, np.ndarray]
    """At the cycle's end, by form and site: "live bottom", "dead top" ..."""
    loss_in_cycle: dict[str, np.ndarray]
    """By channel, "interphase top" ...: what the cycle added."""
    loss_in_all: dict[str, np.ndarray]
    """Since the start."""
    bottom_fraction: np.ndarray
    """Share of the live lithium that the cycle's plating added which lies below the layer [1]."""
    imbalance: np.ndarray
    """Of the whole cell's ledger at the cycle's end [1]."""
    at_hand: np.ndarray
    """Most that the cycle could give back: what is live at the end of its plating less what is lost while it is
    stripped. Where it is more than what is stripped, the difference is the reservoir that hides loss."""
    cathode: np.ndarray | None = None
    """Lithium of a composite cathode at the cycle's end; None without one."""

    @property
    def live(self) -> np.ndarray:
        """Live lithium at the cycle's end, all sites."""
        return np.sum([v for name, v in self.lithium.items() if name.startswith("live")], axis=0)

    @property
    def lost(self) -> np.ndarray:
        """Lithium lost since the start, all channels."""
        return np.sum([np.zeros(self.number.size), *self.loss_in_all.values()], axis=0)

    @property
    def exhausted(self) -> np.ndarray:
        """Whether the cycle's stripping left less than `EXHAUSTED` of what it took: the reservoir is gone."""
        return (self.stripped > 0.0) & (self.live < EXHAUSTED * self.stripped)

    def to_dataframe(self) -> pd.DataFrame:
        """One row a cycle: mAh cm-2, losses also as um of dense lithium."""
        columns = {
            "plated / mAh cm-2": to_mah_cm2(self.plated),
            "stripped / mAh cm-2": to_mah_cm2(self.stripped),
            "coulombic efficiency / 1": self.coulombic_efficiency,
            "bottom fraction / 1": self.bottom_fraction,
        }
        columns |= {
            f"{name} / mAh cm-2": to_mah_cm2(v) for name, v in self.lithium.items() if name not in self.loss_in_all
        }
        for name, in_all in self.loss_in_all.items():
            columns[f"{name}, in cycle / mAh cm-2"] = to_mah_cm2(self.loss_in_cycle[name])
            columns[f"{name}, in all / mAh cm-2"] = to_mah_cm2(in_all)
            columns[f"{name}, in cycle / um"] = to_um(lithium_thickness(self.loss_in_cycle[name]))
            columns[f"{name}, in all / um"] = to_um(lithium_thickness(in_all))
        if self.cathode is not None:
            columns["cathode / mAh cm-2"] = to_mah_cm2(self.cathode)
        columns["imbalance / 1"] = self.imbalance
        return pd.DataFrame(columns, index=pd.Index(self.number, name="cycle"))


def cycle_ledger(solution: Solution) -> CycleLedger:
    """The ledger of a solution by cycle; see `CycleLedger`.

    Plating and stripping are told apart by the charge of each of the protocol's steps, so a replayed measurement, which
    is one step, is told apart row by row. Needs concrete values. Raises ValueError if the run reached no row.
    """
    taken, charge, directions = _flow(solution)
    ledger = lithium_ledger(solution)
    first, number = _cycles(directions)
    last = np.append(first[1:], taken.size) - 1
    plated_until = [_last_plating(directions, a, b) for a, b in zip(first, last, strict=True)]

    def since_start(change: Any) -> np.ndarray:
        """A row of the ledger at the reached times, with the start in front."""
        return np.concatenate([[0.0], np.asarray(change)[taken]])

    def added(change: Any, until: np.ndarray) -> np.ndarray:
        rows = since_start(change)
        return rows[until + 1] - rows[first]

    def passed(sign: float) -> np.ndarray:
        return np.add.reduceat(np.maximum(sign * charge, 0.0), first) / FARADAY

    plated, stripped = passed(1.0), passed(-1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        efficiency = np.where((plated > 0.0) & (stripped > 0.0), stripped / plated, np.nan)
    losses = lithium_losses(ledger)
    until = np.array(plated_until)
    live = [n for n in ledger.change if n.startswith(f"{_WORKING}live")]
    at_hand = sum(float(ledger.initial[n]) + since_start(ledger.change[n])[until + 1] for n in live)
    at_hand = at_hand - sum(since_start(row)[last + 1] - since_start(row)[until + 1] for row in losses.values())
    return CycleLedger(
        number=number,
        plated=plated,
        stripped=stripped,
        coulombic_efficiency=efficiency,
        lithium=_working(ledger, taken[last]),
        loss_in_cycle={name: added(row, last) for name, row in losses.items()},
        loss_in_all={name: np.asarray(row)[taken[last]] for name, row in losses.items()},
        bottom_fraction=_bottom_share(ledger, until, added),
        imbalance=np.asarray(ledger.imbalance)[taken[last]],
        at_hand=np.asarray(at_hand),
        cathode=_cathode(ledger, taken[last]),
    )


def cycle_starts(solution: Solution) -> tuple[np.ndarray, np.ndarray]:
    """Where cycles start among the rows that the run reached (`solution.taken`), and their numbers; see `CycleLedger`.

    Raises ValueError if the run reached no row.
    """
    return _cycles(_flow(solution)[2])


def _flow(solution: Solution) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows that were reached, their charge (positive plates the working electrode) and their direction."""
    taken = solution.taken
    if taken.size == 0:
        raise ValueError("solution must reach at least one of its times, but has none.")
    charge = np.asarray(solution.trajectory.charge)[taken]
    return taken, charge, _directions(np.asarray(solution.step)[taken], charge)


def _directions(steps: np.ndarray, charge: np.ndarray) -> np.ndarray:
    """+1 in the rows of plating steps, -1 in those of stripping steps, 0 at rest."""
    rows = charge
    if steps.max() > 0:
        rows = np.zeros(steps.max() + 1)
        np.add.at(rows, steps, charge)
        rows = rows[steps]
    return np.where(np.abs(rows) > NO_CHARGE * np.abs(rows).max(), np.sign(rows), 0.0)


def _cycles(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First row of each cycle, and its number."""
    flows = np.flatnonzero(directions)
    before = np.concatenate([[-1.0], directions[flows[:-1]]]) if flows.size else np.zeros(0)
    starts = flows[(directions[flows] > 0.0) & (before < 0.0)]
    leads = flows.size > 0 and directions[flows[0]] < 0.0
    if not leads:
        return (np.concatenate([[0], starts[1:]]) if starts.size else np.zeros(1, int)), 1 + np.arange(
            max(starts.size, 1)
        )
    return np.concatenate([[0], starts]), np.arange(starts.size + 1)


def _last_plating(directions: np.ndarray, first: int, last: int) -> int:
    """Last row of a cycle's plating; before its first row if there is none."""
    rows = np.flatnonzero(directions[first : last + 1] > 0.0)
    return first + int(rows[-1]) if rows.size else first - 1


def _working(ledger: Ledger, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Lithium of the working electrode by form and site."""
    names = [name for name in ledger.change if name.startswith(_WORKING)]
    names.sort(key=lambda name: FORMS.index(name.removeprefix(_WORKING).split()[0]))
    return {
        name.removeprefix(_WORKING): float(ledger.initial[name]) + np.asarray(ledger.change[name])[rows]
        for name in names
    }


def _cathode(ledger: Ledger, rows: np.ndarray) -> np.ndarray | None:
    if _CATHODE not in ledger.change:
        return None
    return float(ledger.initial[_CATHODE]) + np.asarray(ledger.change[_CATHODE])[rows]


def _bottom_share(ledger: Ledger, until: np.ndarray, added) -> np.ndarray:
    live = {name: added(row, until) for name, row in ledger.change.items() if name.startswith(f"{_WORKING}live")}
    everywhere = sum(live.values())
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(everywhere > 0.0, live[f"{_WORKING}live bottom"] / everywhere, np.nan)
