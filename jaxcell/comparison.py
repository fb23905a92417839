"""The same protocol on two cells that differ in their working electrode."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pandas as pd

from jaxcell.cell import Cell
from jaxcell.cycles import CycleLedger, cycle_ledger
from jaxcell.ledger import Ledger, lithium_ledger
from jaxcell.protocol import Protocol
from jaxcell.simulation import DEFAULT_SETTINGS, Solution, simulate
from jaxcell.solver.settings import Settings
from jaxcell.units import lithium_thickness, to_mah_cm2, to_um


@dataclasses.dataclass(frozen=True)
class LayerComparison:
    """Two cells after the same protocol; every tuple holds the first cell's and the second cell's."""

    names: tuple[str, str]
    solutions: tuple[Solution, Solution]
    ledgers: tuple[Ledger, Ledger]
    cycles: tuple[CycleLedger, CycleLedger]

    def balance(self, which: int) -> dict[str, float]:
        """Lithium of a working electrode [mAh cm-2]: entries that add up to the last, `residual`.

        `at the start` (live) and `from the counter electrode` (`from the cathode` in a full cell), less what each loss
        took and what is stored, less the gain of double layers and salt, less what is `left` live. Each is a row of the
        ledger, none a difference of others, so that the residual, lithium that vanished, is zero but for rounding only
        if the ledger balances.
        """
        ledger, cycles = self.ledgers[which], self.cycles[which]
        row = self.solutions[which].taken[-1]
        initial = {n: float(v) for n, v in ledger.initial.items()}
        change = {n: float(np.asarray(v)[row]) for n, v in ledger.change.items()}
        live = [n for n in change if n.startswith("working, live")]
        entries = {
            "at the start": sum(initial[n] for n in live),
            f"from the {self._other(which)}": -sum(v for n, v in change.items() if n.startswith("counter")),
        }
        entries |= {name: -float(v[-1]) for name, v in cycles.lithium.items() if not name.startswith("live")}
        entries |= {name: -change[name] for name in ("double layers", "salt") if name in change}
        entries["left"] = -sum(initial[n] + change[n] for n in live)
        entries["residual"] = sum(entries.values())
        return {name: float(to_mah_cm2(v)) for name, v in entries.items()}

    def _other(self, which: int) -> str:
        return "counter electrode" if self.cycles[which].cathode is None else "cathode"

    @property
    def table(self) -> pd.DataFrame:
        """Losses by channel, coulombic efficiency, bottom fraction, lithium left: both cells and the difference."""
        columns = [self._column(which) for which in (0, 1)]
        keys = list(dict.fromkeys([*columns[0], *columns[1]]))
        order = sorted(keys, key=lambda key: (not key.startswith("lost"), "lost, " not in key))
        rows = [[column.get(key, 0.0) for column in columns] for key in order]
        table = pd.DataFrame(rows, index=pd.Index(order, name="quantity"), columns=list(self.names))
        return table.assign(difference=table[self.names[1]] - table[self.names[0]])

    def _column(self, which: int) -> dict[str, float]:
        cycles, balance = self.cycles[which], self.balance(which)
        lost = {name: float(v[-1]) for name, v in cycles.loss_in_all.items()}
        left, cathode = -balance["left"], cycles.cathode
        capacities = {} if cathode is None else _capacities(cycles)
        return {f"lost, {name} / mAh cm-2": float(to_mah_cm2(v)) for name, v in lost.items()} | {
            "lost in all / mAh cm-2": float(to_mah_cm2(sum(lost.values()))),
            "lost in all / um": float(to_um(lithium_thickness(sum(lost.values())))),
            **capacities,
            "mean coulombic efficiency / 1": _mean(cycles.coulombic_efficiency),
            "mean bottom fraction / 1": _mean(cycles.bottom_fraction),
            "lithium left / mAh cm-2": left,
            "cycles reached / 1": float(cycles.number[-1]),
            "ledger imbalance / 1": float(cycles.imbalance[-1]),
        }


def compare_layers(
    a: Cell,
    b: Cell,
    protocol: Protocol,
    *,
    names: tuple[str, str] = ("a", "b"),
    points: int = 20,
    settings: Settings = DEFAULT_SETTINGS,
) -> LayerComparison:
    """Run one protocol on two cells with different layers, or with and without one, and set their losses side by side.

    A run that ends early is kept as far as it went. Raises ValueError, naming the part and its values, if the cells
    differ in anything but their working electrode, and if the names are the same.
    """
    if names[0] == names[1]:
        raise ValueError(f"names must differ, but both are {names[0]!r}.")
    _check_alike(a, b, names)
    solutions = tuple(simulate(c, protocol, points=points, settings=settings, throw=False) for c in (a, b))
    one, other = solutions
    return LayerComparison(
        names, (one, other), (lithium_ledger(one), lithium_ledger(other)), (cycle_ledger(one), cycle_ledger(other))
    )


def _capacities(cycles: CycleLedger) -> dict[str, float]:
    """Of a full cell's discharges, its cathode and its reservoir at the end."""
    given = np.asarray(to_mah_cm2(cycles.stripped))
    known = np.flatnonzero(given > 0.0)
    first, last = (float(given[known[k]]) if known.size else float("nan") for k in (0, -1))
    gone = cycles.number[cycles.exhausted]
    return {
        "discharge capacity, first / mAh cm-2": first,
        "discharge capacity, last / mAh cm-2": last,
        "cathode / mAh cm-2": float(to_mah_cm2(cycles.cathode[-1])) if cycles.cathode is not None else float("nan"),
        "first cycle without reservoir / 1": float(gone[0]) if gone.size else float("nan"),
    }


def _check_alike(a: Cell, b: Cell, names: tuple[str, str]) -> None:
    for field in dataclasses.fields(Cell):
        if field.name == "working":
            continue
        ours, theirs = (_leaves(getattr(cell, field.name)) for cell in (a, b))
        kinds = [jax.tree_util.tree_structure(getattr(cell, field.name)) for cell in (a, b)]
        if kinds[0] != kinds[1] and ours.keys() == theirs.keys():
            raise ValueError(
                f"compare_layers needs cells that differ in their working electrode only, but {field.name} is of "
                f"another kind, or has other laws, in {names[0]!r} than in {names[1]!r}."
            )
        for path in [*ours, *[p for p in theirs if p not in ours]]:
            one, other = ours.get(path), theirs.get(path)
            if one is None or other is None or not np.array_equal(one, other):
                told = [
                    "left out" if v is None else f"{float(v):g}" if np.ndim(v) == 0 else "a table of its own"
                    for v in (one, other)
                ]
                raise ValueError(
                    f"compare_layers needs cells that differ in their working electrode only, but "
                    f"{field.name}{path} is {told[0]} in {names[0]!r} and {told[1]} in {names[1]!r} (SI)."
                )


def _leaves(part: Any) -> dict[str, Any]:
    """Numbers of a part, by path."""
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(part)}


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
