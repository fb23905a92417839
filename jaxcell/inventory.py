"""Lithium inventory of a cycled cell, by capacities alone: what one cycle leaves for the next.

An ideal counter electrode gives all it holds, and takes back at most what it held at the start; the other electrode
plates and strips.  Every amount is lithium in one unit of capacity of the user's choice (mol m-2, mAh cm-2, a fraction
of the theoretical capacity), every time in one unit of time: the equations are homogeneous in both.  Cycle by cycle,

    plated      P = min(counter electrode, depth)
    trapped     T = min(trap still empty, P)                   storage in a layer or collector that is filled only once
    interphase  S = sqrt(s^2 + k t) - s,  at most what is there       t: duration of the cycle, k: `interphase_growth`
    stripped    D = min(live/(1 + xi), room in the counter electrode)
    dead        X = xi D                                       lithium cut off by stripping

with s the lithium in the interphase so far, `interphase_start` included: thin films grow linearly, at k/(2 s), thick
ones by the root of time.  `min` is where a step of a cycler ends, at the first of two events; at a tie the anode ends
it, so derivatives at zero loss are those for losses that can only be positive.

Closed forms: with `dead_fraction` alone D_N = Q CE^N, CE = 1/(1 + xi); an excess Q_x hides this for
N = Q_x/(xi Q) cycles.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float

from jaxcell.component import Component, quantity, whole_number
from jaxcell.units import Quantity, Scalar

CHANNELS = ("dead", "interphase", "trapped")
"""Rows of the ledger that take lithium and give none back."""


class LithiumInventory(Component):
    """Lithium of a cell before its first charge, and what takes it; [Q] is the unit of capacity, [t] that of time."""

    initial: Quantity = quantity("Q", above=0.0)
    """Lithium in the counter electrode, which holds no more than this [Q]."""
    excess: Quantity = quantity("Q", at_least=0.0, default=0.0)
    """Live lithium on the electrode before the first charge; 0 in an anode-free cell [Q]."""
    dead_fraction: Quantity = quantity("1", at_least=0.0, default=0.0)
    """xi, lithium cut off per lithium stripped [1]."""
    interphase_growth: Quantity = quantity("Q2/t", at_least=0.0, default=0.0)
    """k, parabolic growth constant of the interphase [Q2/t]."""
    interphase_start: Quantity = quantity("Q", above=0.0, default=1e-3)
    """Interphase at the start, or the one from which on its resistance, not its reaction, sets the rate [Q]."""
    trap: Quantity = quantity("Q", at_least=0.0, default=0.0)
    """Storage that is filled once and not emptied [Q]."""


class Cycles(eqx.Module):
    """How a cell is cycled."""

    duration: Float[Array, " cycles"]
    """Time for which lithium lies on the electrode in each cycle [t]."""
    depth: Float[Array, " cycles"]
    """Largest charge plated in each cycle [Q]; infinite where the counter electrode is emptied."""

    @staticmethod
    def of(count: int, duration: float = 1.0, depth: float = np.inf) -> "Cycles":
        """Equal cycles; with a duration of 1, time is counted in cycles.

        Raises ValueError for a count below 1, a negative duration or a depth that is not above zero.
        """
        count = whole_number(count, "count", 1)
        if not 0.0 <= duration < np.inf:
            raise ValueError(f"duration must be a finite time of at least 0, but is {duration!r}.")
        if not depth > 0.0:
            raise ValueError(f"depth must be a capacity above 0, but is {depth!r}.")
        return Cycles(jnp.full(count, duration, dtype=jnp.float64), jnp.full(count, depth, dtype=jnp.float64))


class Amounts(eqx.Module):
    """Rows of the ledger [Q], shape () or (cycles,)."""

    counter: Float[Array, "*cycles"]
    """Counter electrode."""
    live: Float[Array, "*cycles"]
    """Metal that can be stripped."""
    dead: Float[Array, "*cycles"]
    interphase: Float[Array, "*cycles"]
    """Grown since the start."""
    trapped: Float[Array, "*cycles"]
    unexplained: Float[Array, "*cycles"]
    """Missing beyond the model where each cycle starts from a measured capacity; zero elsewhere."""

    def total(self) -> Float[Array, "*cycles"]:
        """All lithium of the cell [Q]."""
        rows = (self.counter, self.live, self.dead, self.interphase, self.trapped, self.unexplained)
        return jnp.sum(jnp.stack(rows), axis=0)


class Fluxes(eqx.Module):
    """Lithium that moved in each cycle [Q], shape () or (cycles,)."""

    plated: Float[Array, "*cycles"]
    """Charge of the plating half-cycle."""
    stripped: Float[Array, "*cycles"]
    """Charge of the stripping half-cycle: the capacity of the cycle."""
    dead: Float[Array, "*cycles"]
    interphase: Float[Array, "*cycles"]
    trapped: Float[Array, "*cycles"]
    unexplained: Float[Array, "*cycles"]


class InventoryRun(eqx.Module):
    """Every cycle of a cell, and where its lithium is after each."""

    initial: Amounts
    after: Amounts
    flux: Fluxes

    @property
    def capacity(self) -> Float[Array, "*cycles"]:
        """Charge stripped in each cycle [Q]."""
        return self.flux.stripped

    @property
    def efficiency(self) -> Float[Array, "*cycles"]:
        """Coulombic efficiency, stripped over plated [1]; 0 where nothing was left to plate."""
        plated = self.flux.plated
        return self.flux.stripped / jnp.where(plated > 0.0, plated, 1.0)

    @property
    def lost(self) -> Float[Array, "*cycles"]:
        """Lithium lost in each cycle, the sum of all channels [Q]."""
        return self.flux.dead + self.flux.interphase + self.flux.trapped

    @property
    def imbalance(self) -> Float[Array, "*cycles"]:
        """Lithium that appeared from nowhere, relative to all there is [1]; zero but for rounding."""
        whole = self.initial.total()
        return (self.after.total() - whole) / whole

    def to_dataframe(self) -> pd.DataFrame:
        """Capacity, efficiency and ledger by cycle, counted from 1."""
        columns = {"capacity": self.capacity, "coulombic efficiency": self.efficiency, **vars(self.after)}
        values = {name: np.asarray(column) for name, column in columns.items()}
        index = pd.Index(np.arange(1, self.capacity.shape[0] + 1), name="cycle")
        return pd.DataFrame(values, index=index).assign(imbalance=np.asarray(self.imbalance))


@eqx.filter_jit
def cycle_inventory(
    cell: LithiumInventory,
    cycles: Cycles,
    *,
    measured: Float[Array, " cycles"] | None = None,
    scatter: Float[Array, " cycles"] | None = None,
) -> InventoryRun:
    """Cycle a cell; the losses of a cycle act on what the cycle before it left.

    - `measured` capacities [Q], NaN where a cycle was not recorded: the cycle after starts from what was measured, and
      what the measurement misses of the model's capacity is the ledger's `unexplained` row.
    - `scatter` [1], of cycles not recorded: coulombic efficiency beyond the model's, at most what leaves 0 to full.
    """
    shape = cycles.duration.shape
    measured = jnp.full(shape, jnp.nan, dtype=jnp.float64) if measured is None else measured
    scatter = jnp.zeros(shape, dtype=jnp.float64) if scatter is None else scatter
    zero = jnp.zeros((), dtype=jnp.float64)
    initial = Amounts(cell.initial, cell.excess, zero, zero, zero, zero)

    def step(before: Amounts, row: tuple[Scalar, Scalar, Scalar, Scalar]) -> tuple[Amounts, tuple[Amounts, Fluxes]]:
        flux = _one_cycle(cell, before, *row)
        after = _moved(before, flux)
        return after, (after, flux)

    _, (after, flux) = jax.lax.scan(step, initial, (cycles.duration, cycles.depth, measured, scatter))
    return InventoryRun(initial, after, flux)


def _one_cycle(
    cell: LithiumInventory, before: Amounts, duration: Scalar, depth: Scalar, measured: Scalar, scatter: Scalar
) -> Fluxes:
    plated = jnp.where(before.counter <= depth, before.counter, depth)
    trapped = jnp.minimum(cell.trap - before.trapped, plated)
    there = before.live + plated - trapped
    film = cell.interphase_start + before.interphase
    added = cell.interphase_growth * duration
    grown = jnp.minimum(added / (jnp.sqrt(film**2 + added) + film), there)
    reachable = (there - grown) / (1.0 + cell.dead_fraction)
    room = jnp.maximum(cell.initial - (before.counter - plated), 0.0)
    stripped = jnp.where(reachable <= room, reachable, room)
    by_chance = _between(-scatter * plated, stripped - room, stripped)
    unexplained = jnp.where(jnp.isnan(measured), by_chance, stripped - jnp.nan_to_num(measured))
    return Fluxes(plated, stripped, cell.dead_fraction * stripped, grown, trapped, unexplained)


def _between(value: Scalar, low: Scalar, high: Scalar) -> Scalar:
    """`value` within limits; on a limit the derivative is the value's."""
    return jnp.where(value < low, low, jnp.where(value > high, high, value))


def _moved(before: Amounts, flux: Fluxes) -> Amounts:
    """The rows after a cycle, each from its own fluxes."""
    return Amounts(
        counter=before.counter - flux.plated + flux.stripped - flux.unexplained,
        live=before.live + flux.plated - flux.trapped - flux.interphase - flux.stripped - flux.dead,
        dead=before.dead + flux.dead,
        interphase=before.interphase + flux.interphase,
        trapped=before.trapped + flux.trapped,
        unexplained=before.unexplained + flux.unexplained,
    )
