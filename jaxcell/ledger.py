"""Where every lithium atom is.

Rows are mol per m2 of cell area, each integrated from its own flux: lithium by side, form and site, the ions held by
the double layers (sum of C u/F), those of a salt, and what a cathode's particles hold, shell by shell. Nothing is a
difference of other rows, so the total can fail to stay constant; how far it does, relative to the charge passed, is
`imbalance`.
"""

from collections.abc import Iterator
from typing import Literal, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float

from jaxcell.model import (
    BETWEEN,
    BOTTOM,
    COUNTER,
    DEAD,
    INTERPHASE,
    LIVE,
    PORE,
    SEPARATOR,
    STORED,
    TOP,
    TRAPPED,
    WORKING,
    ChainModel,
)
from jaxcell.simulation import Solution
from jaxcell.units import FARADAY, Scalar, to_mah_cm2

NOTHING = 1e-9
"""Lithium [mol m-2] below which nothing has moved: 0.1 mC m-2, 1e-4 of what a double layer holds at 5 V."""
LOSSES = (INTERPHASE, DEAD, TRAPPED)
"""Forms from which no lithium comes back; what is stored does."""
FORMS = (LIVE, INTERPHASE, STORED, TRAPPED, DEAD)
"""Forms of lithium in an electrode."""
_SITES = {BOTTOM: "bottom", PORE: "inside", TOP: "top"}
Side: TypeAlias = Literal["working", "counter"]
SIDES: dict[int, Side] = {WORKING: "working", COUNTER: "counter"}


class Ledger(eqx.Module):
    """Lithium by row and time; amounts are initial + change."""

    time: Float[Array, " times"]
    initial: dict[str, Scalar]
    """[mol m-2] at the start, by row."""
    change: dict[str, Float[Array, " times"]]
    """[mol m-2] since the start, by row."""
    gross_charge: Float[Array, " times"]
    """Charge passed in either direction over F [mol m-2]."""

    @property
    def imbalance(self) -> Float[Array, " times"]:
        """Lithium that appeared from nowhere, relative to what moved [1]; zero but for rounding.

        What moved is the charge passed or, if that is more, what went from row to row inside the cell (a bare collector
        plates out of its own double layer without any charge).
        """
        rows = jnp.stack(list(self.change.values()))
        moved = jnp.maximum(self.gross_charge, 0.5 * jnp.sum(jnp.abs(rows), axis=0))
        return jnp.sum(rows, axis=0) / jnp.maximum(moved, NOTHING)

    def to_dataframe(self) -> pd.DataFrame:
        """Amounts in mAh cm-2 by time [s], with the relative imbalance as the last column."""
        rows = {
            f"{name} / mAh cm-2": np.asarray(to_mah_cm2(self.initial[name] + change))
            for name, change in self.change.items()
        }
        index = pd.Index(np.asarray(self.time), name="time / s")
        return pd.DataFrame(rows, index=index).assign(**{"imbalance / 1": np.asarray(self.imbalance)})


def lithium_losses(ledger: Ledger, side: Side = "working") -> dict[str, Float[Array, " times"]]:
    """Lithium lost by an electrode since the start [mol m-2], by channel: "interphase top", "dead bottom" ...

    The ledger's rows of those forms, so differentiable wherever the simulation is. Charge that leaks through the
    separator is no loss of lithium and not among them.
    """
    start = f"{side}, "
    names = [name for name in ledger.change if name.startswith(start) and name.removeprefix(start).split()[0] in LOSSES]
    return {name.removeprefix(start): ledger.initial[name] + ledger.change[name] for name in names}


def loss_channels(model: ChainModel) -> tuple[str, ...]:
    """Names of all rows from which no lithium comes back: "working, interphase top", "counter, dead bottom" ..."""
    return tuple(name for name, _, form, _ in _lithium_rows(model) if form in LOSSES)


def _lithium_rows(model: ChainModel) -> Iterator[tuple[str, int, str, np.ndarray]]:
    """Name, row of the state, form and nodes of everything in the electrodes."""
    for side, side_name in SIDES.items():
        for row, form in enumerate(model.rows):
            if form not in FORMS:
                continue
            for site, site_name in _SITES.items():
                members = model.members(side, site, form)
                if members.any():
                    yield f"{side_name}, {form} {site_name}", row, form, members


def lithium_ledger(solution: Solution) -> Ledger:
    """The lithium ledger of a solution, at its times (NaN from where a run ended early)."""
    model = solution.model
    initial: dict[str, Scalar] = {}
    change: dict[str, Array] = {}
    for name, row, form, members in _lithium_rows(model):
        initial[name] = jnp.sum(jnp.where(members & (form == LIVE), model.nodes.initial_lithium, 0.0))
        change[name] = jnp.sum(jnp.where(members, solution.state.node[:, row], 0.0), axis=1)
    particles = model.coefficients.particles
    if particles is not None:
        name = "counter, intercalated"
        initial[name] = jnp.sum(particles.sites * particles.start)
        gained = jax.vmap(particles.gained)(solution.state.particle)
        change[name] = jnp.sum(particles.sites[None, :] * gained, axis=1)
    start = model.initial_state.field
    held = jnp.where(model.members(SEPARATOR, BETWEEN), 0.0, model.nodes.capacitance / FARADAY)
    initial["double layers"] = jnp.sum(held * start)
    change["double layers"] = jnp.sum(held[None, :] * (solution.state.field - start[None, :]), axis=1)
    if model.coefficients.salt is not None:
        salt = model.coefficients.salt.nodes
        holds = salt.capacity / FARADAY
        initial["salt"] = jnp.sum(holds * salt.start * salt.present)
        change["salt"] = jnp.sum(holds[None, :] * solution.state.salt[:, 0], axis=1)
    gross = solution.gross_charge / FARADAY
    return Ledger(solution.time, initial, change, gross)
