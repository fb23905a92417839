"""What a run with error control keeps of its steps where derivatives are asked for."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.solver.replay import SLACK_STEP, Run
from jaxcell.solver.system import State, per_row
from jaxcell.solver.tableau import Tableau
from jaxcell.solver.trajectory import Trajectory


class Kept(NamedTuple):
    """Steps accepted so far, and room for more; leading axis: steps."""

    stages: State
    currents: Float[Array, "steps stages"]
    duration: Float[Array, " steps"]
    """[s]."""
    charge: Float[Array, " steps"]
    """Passed since the protocol's step began [C m-2]."""


def room_for(initial: State, steps: int, tableau: Tableau) -> Kept:
    """Nothing yet."""
    stages = jax.tree.map(lambda y: jnp.zeros((steps, tableau.stages, *y.shape)), initial)
    return Kept(stages, jnp.zeros((steps, tableau.stages)), jnp.zeros(steps), jnp.zeros(steps))


def as_run(kept: Kept, planned: Trajectory, initial: State) -> Run:
    """The steps as a replay of the plan would have taken them; in slack ones the state stays where it ended."""
    used, room = planned.plan.used, kept.duration.shape[0]
    slack = jnp.arange(room) >= used

    def held(rows: Array, start: Array) -> Array:
        end = jnp.where(used > 0, rows[jnp.maximum(used - 1, 0), -1], start)
        return jnp.where(per_row(slack, rows), end, rows)

    return Run(
        stages=jax.tree.map(held, kept.stages, initial),
        currents=kept.currents,
        duration=jnp.where(slack, SLACK_STEP, kept.duration),
        charge=kept.charge,
        healthy=jnp.ones(room, dtype=bool),
        overrun=jnp.asarray(False),
        iterations=planned.newton_iterations,
    )
