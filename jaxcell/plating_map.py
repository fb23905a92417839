"""Where lithium plates, over the current and the layer's ionic conductivity."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxcell.cell import Cell
from jaxcell.model import BOTTOM, PORE, TOP, WORKING
from jaxcell.onset import top_onset_current
from jaxcell.protocol import Protocol, plate
from jaxcell.simulation import DEFAULT_SETTINGS, simulate
from jaxcell.solver.settings import Settings
from jaxcell.units import to_ma_cm2


class PlatingMap(eqx.Module):
    """Shares of a plated capacity by place; rows are conductivities, columns currents. NaN where a run ended early."""

    current_density: Float[Array, " currents"]
    """[A m-2]."""
    ionic_conductivity: Float[Array, " conductivities"]
    """Of the layer [S m-1]."""
    bottom: Float[Array, "conductivities currents"]
    """Share of the live lithium that lies between collector and layer [1]."""
    inside: Float[Array, "conductivities currents"]
    top: Float[Array, "conductivities currents"]
    onset: Float[Array, " conductivities"] | None
    """I* of `top_onset_current` [A m-2]; None for a layer with pores or a salt."""
    capacity_mah_cm2: float = eqx.field(static=True)
    status: Int[Array, "conductivities currents"]
    """`RESULTS` codes."""


def _with_conductivity(cell: Cell, kappa: Array) -> Cell:
    return eqx.tree_at(lambda c: c.working.layer.ionic_conductivity, cell, kappa)


@eqx.filter_jit
def _shares(cell: Cell, currents: Array, kappas: Array, capacity: Array, points: int, settings: Settings):
    def run(kappa: Array, current: Array):
        varied = _with_conductivity(cell, kappa)
        protocol = Protocol.of(plate(to_ma_cm2(current), capacity, points=1))
        solution = simulate(varied, protocol, points=points, settings=settings, throw=False)
        gained = solution.state.node[-1, 0]
        sites = [jnp.sum(jnp.where(solution.model.members(WORKING, s), gained, 0.0)) for s in (BOTTOM, PORE, TOP)]
        return jnp.stack(sites) / sum(sites), solution.status

    return jax.vmap(lambda kappa: jax.vmap(lambda current: run(kappa, current))(currents))(kappas)


def map_plating(
    cell: Cell,
    current_density: Any,
    ionic_conductivity: Any,
    *,
    capacity_mah_cm2: float = 1.0,
    points: int = 20,
    settings: Settings = DEFAULT_SETTINGS,
) -> PlatingMap:
    """Plate `capacity_mah_cm2` at every pair of a current [A m-2] and a conductivity of the working layer [S m-1].

    One compiled program for the whole map. Raises ValueError for a cell without a layer at its working electrode.
    """
    if cell.working.layer is None:
        raise ValueError("map_plating needs cell.working.layer to be a ProtectionLayer, but is None.")
    currents, kappas = (
        jnp.atleast_1d(jnp.asarray(v, dtype=jnp.float64)) for v in (current_density, ionic_conductivity)
    )
    shares, status = _shares(cell, currents, kappas, jnp.asarray(float(capacity_mah_cm2)), points, settings)
    onset = None
    layer = cell.working.layer
    if layer.pores is None and layer.salt is None and layer.top is not None:
        onset = jax.vmap(lambda kappa: top_onset_current(_with_conductivity(cell, kappa)))(kappas)
    return PlatingMap(currents, kappas, shares[..., 0], shares[..., 1], shares[..., 2], onset, capacity_mah_cm2, status)
