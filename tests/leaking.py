"""Runs of a model with a flux taken away, to see that the ledger notices."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from jaxcell import Cell, Protocol, Settings, assemble, lithium_ledger, simulate
from jaxcell.drive import schedule_of
from jaxcell.model import ChainModel
from jaxcell.solver.integrate import solve

LIMIT = 1e-10
"""Of the imbalance, per gross charge passed."""
COARSE = Settings(1e-3, 1e-3)


class Leaking(ChainModel):
    """A model some of whose fluxes are what they should be, times a weight each; which is for those who derive."""

    weights: Array


def largest_imbalance(leaking: type[Leaking], cell: Cell, protocol: Protocol, points: int) -> Callable[[Array], Array]:
    """... of a run with these weights: one compiled program for all."""
    sound = assemble(cell, points)
    schedule = schedule_of(protocol, cell)
    measured = simulate(cell, protocol, points=points, settings=COARSE)

    @jax.jit
    def run(weights: Array) -> Array:
        fields = {f.name: getattr(sound, f.name) for f in dataclasses.fields(sound)}
        model = leaking(**fields, weights=weights)
        trajectory = solve(model, model.initial_state, schedule, COARSE)
        solution = eqx.tree_at(
            lambda s: (s.state, s.charge, s.voltage),
            measured,
            (trajectory.state, trajectory.charge, trajectory.voltage),
        )
        return jnp.max(jnp.abs(lithium_ledger(solution).imbalance))

    return run
