"""Lithium lost by the end of a simulated record, by channel, as combinations of a fit's parameters."""

import jax
import jax.numpy as jnp

from jaxcell.cell import Cell
from jaxcell.inference.problem import Physical
from jaxcell.ledger import SIDES, lithium_ledger, lithium_losses, loss_channels
from jaxcell.model import assemble
from jaxcell.simulation import Solution
from jaxcell.units import to_mah_cm2

LOST = "lost_lithium"
"""Name of the sum over all channels of the cell, both electrodes."""
UNIT = "mAh/cm2"


def channels_of(cell: Cell, grid_points: int) -> tuple[str, ...]:
    """The loss channels of a cell, as in the ledger: "working, dead bottom"; no value of the cell is used."""
    return loss_channels(jax.eval_shape(lambda: assemble(cell, grid_points)))


def lithium_of(channel: str) -> str:
    """Name of the combination that is a channel's lithium: "working_dead_bottom_lithium"."""
    return f"{channel.replace(', ', '_').replace(' ', '_')}_lithium"


def share_of(channel: str) -> str:
    """Name of the combination that is a channel's share of all lost lithium."""
    return f"{channel.replace(', ', '_').replace(' ', '_')}_share"


def lost_lithium(solution: Solution) -> Physical:
    """The sum, each channel and its share of the sum, at the last time that the run reached; NaN if the run failed.

    Rows of the ledger, so they have the derivatives of the simulation.  [mAh cm-2], shares [1].
    """
    ledger = lithium_ledger(solution)
    rows = jnp.arange(solution.voltage.shape[0])
    last = jnp.max(jnp.where(jnp.isfinite(solution.voltage), rows, 0))
    sound = jnp.where(solution.status == 0, 1.0, jnp.nan)
    losses = {f"{side}, {n}": row for side in SIDES.values() for n, row in lithium_losses(ledger, side).items()}
    amounts = {channel: sound * to_mah_cm2(row[last]) for channel, row in losses.items()}
    total = sum(amounts.values(), jnp.zeros((), dtype=jnp.float64))
    found = {LOST: total} | {lithium_of(channel): amount for channel, amount in amounts.items()}
    return found | {share_of(channel): amount / total for channel, amount in amounts.items()}


def lost_lithium_units(channels: tuple[str, ...]) -> dict[str, str]:
    """Units of `lost_lithium`; nothing for a cell without channels."""
    if not channels:
        return {}
    units = {LOST: UNIT} | {lithium_of(channel): UNIT for channel in channels}
    return units | {share_of(channel): "1" for channel in channels}
