"""One step of an SDIRK scheme on a chain."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.solver.condensed import (
    Condensed,
    EliminatedModes,
    eliminated_modes,
    substitute_condensed,
    without_particles,
)
from jaxcell.solver.control import control_is_met
from jaxcell.solver.linear import Factors, no_factors, substitute
from jaxcell.solver.newton import NewtonSettings, Stage, newton, refine
from jaxcell.solver.schedule import Control
from jaxcell.solver.system import ChainSystem, State
from jaxcell.solver.tableau import Tableau
from jaxcell.units import Counter, Flag, Scalar


class StepResult(NamedTuple):
    state: State
    current: Scalar
    """I [A m-2] at the step's end."""
    stages: State
    """Solutions of all stages, the last of which is `state`; leading axis: stages."""
    currents: Float[Array, " stages"]
    slope: State
    """Rate of change of the state near the step's end, for the next guess."""
    factors: Factors
    """Of the last stage's matrix, of the condensed chain where particles are modes."""
    modes: EliminatedModes | None
    converged: Flag
    iterations: Counter

    def charge(self, step: Scalar, tableau: Tableau) -> Scalar:
        """Charge [C m-2] that passed in the step of this length [s]."""
        return step * weighted(jnp.asarray(tableau.a[-1]), self.currents)


def implicit_step(
    system: ChainSystem,
    state: State,
    current: Scalar,
    slope: State,
    step: Scalar,
    control: Control,
    tableau: Tableau,
    settings: NewtonSettings,
    *,
    controlled: bool,
    refined: bool = False,
) -> StepResult:
    """Advance the chain by `step` [s] under a control; not differentiated.

    `current`: the current, or a guess of it where it is `controlled`.  `refined`: each stage ends with one more Newton
    step, so that derivatives of the stage equations are derivatives of its result.  Lithium balances either way: charge
    conservation is linear in the unknowns (what leaves the double layers becomes lithium), and a full Newton step
    fulfils linear equations exactly (the last increment of a converged stage is never limited).
    """
    nodes, from_start, from_stages = np.asarray(tableau.nodes), tableau.base_of_start, tableau.base_of_stages
    tolerance = settings.differentiable_tolerance if refined else settings.tolerance
    particles = system.particles
    modes = eliminated_modes(system, state, step * tableau.gamma) if particles.modal else None

    def solve_stage(carry, coefficients):
        previous, current, guess_slope, stages, currents, _, iterations, converged = carry
        index, elapsed, of_start, of_stages = coefficients
        # stages to come are zero in `stages`, and have weight zero
        base = jax.tree.map(lambda y, rows: of_start * y + weighted(of_stages, rows), state, stages)
        guess = jax.tree.map(lambda y, s: y + elapsed * step * s, previous, guess_slope)
        chain, free = system, base.particle
        if modes is not None:
            free = modes.free(base.particle)
            chain = Condensed(system, particles.outermost(free), particles.outermost(modes.factors.gain))
            base, guess = without_particles(base), without_particles(guess)
        stage = Stage(base, step * tableau.gamma, control)
        found = newton(chain, guess, current, stage, tolerance, settings.max_iterations, controlled=controlled)
        y, current = found.state, found.current
        if refined:
            y, current = refine(chain, y, current, stage, controlled=controlled)
        if modes is not None:
            y = y._replace(particle=modes.at(free, y.node, particles))
        stages = jax.tree.map(lambda rows, one: _put(rows, one, index), stages, y)
        new_slope = jax.tree.map(lambda new, old: (new - old) / (elapsed * step), y, previous)
        solved = found.converged
        if controlled:
            solved = solved & control_is_met(system, control, y, current)
        counts = (iterations + found.iterations, converged & solved)
        return (y, current, new_slope, stages, _put(currents, current, index), found.factors, *counts), None

    stages = jax.tree.map(lambda y: jnp.zeros((tableau.stages, *y.shape), dtype=y.dtype), state)
    carry = (
        state,
        current,
        slope,
        stages,
        jnp.zeros(tableau.stages),
        _no_factors(system, state),
        jnp.asarray(0, dtype=jnp.int64),
        jnp.asarray(True),
    )
    coefficients = (np.arange(tableau.stages), np.diff(nodes, prepend=0.0), from_start, from_stages)
    carry, _ = jax.lax.scan(solve_stage, carry, jax.tree.map(jnp.asarray, coefficients))
    new, current, new_slope, stages, currents, factors, iterations, converged = carry
    return StepResult(new, current, stages, currents, new_slope, factors, modes, converged, iterations)


def _no_factors(system: ChainSystem, state: State) -> Factors:
    if not system.particles.modal:
        return no_factors(system, state)
    nothing = jnp.zeros_like(state.field)
    return no_factors(Condensed(system, nothing, nothing), without_particles(state))


def _put(rows: Array, one: Array, index: Array) -> Array:
    return jax.lax.dynamic_update_index_in_dim(rows, one, index, 0)


def local_error(system: ChainSystem, old: State, result: StepResult, step: Scalar, tableau: Tableau) -> State:
    """Estimated local error of a step, with stiff components damped.

    The estimate d = h sum e_i f_i is passed through (M/g - rate')^(-1) M/g, the matrix of the last stage:
    components much faster than the step are damped to what they will really be off by (Shampine's device;
    Hairer and Wanner, Solving ODEs II, IV.8), so a double layer nobody looks at does not dictate the step.
    """
    g = step * tableau.gamma
    of_stages = jnp.asarray(tableau.error_of_stages)
    raw = jax.tree.map(lambda y, rows: tableau.error_of_start * y + weighted(of_stages, rows), old, result.stages)
    rhs = jax.tree.map(lambda stored: stored / g, system.capacities.times(raw))
    if result.modes is None:
        return substitute(result.factors, rhs)
    return substitute_condensed(result.modes, result.factors, system.particles, rhs)


def weighted(weights: Array, rows: Array) -> Array:
    """Sum of the rows with their weights, written out: a few terms in one loop.

    As a reduction, some thousand elements would become a call of a library, which no kernel can hold.
    """
    return sum((weights[i] * rows[i] for i in range(1, rows.shape[0])), start=weights[0] * rows[0])
