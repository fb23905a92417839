"""One step of an SDIRK scheme on a chain."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcell.solver.newton import (
    NewtonSettings,
    linearise,
    newton,
    polish,
    solve_linear,
)
from jaxcell.solver.system import ChainSystem, State
from jaxcell.solver.tableau import Tableau
from jaxcell.units import Counter, Flag, Scalar


class StepResult(NamedTuple):
    state: State
    slope: State
    """Rate of change of the state near the step's end, for the next guess; no derivative."""
    error: State
    """Estimated local error of the state, with stiff components damped."""
    converged: Flag
    iterations: Counter


def implicit_step(
    system: ChainSystem,
    state: State,
    slope: State,
    step: Scalar,
    current: Scalar,
    tableau: Tableau,
    settings: NewtonSettings,
    *,
    estimate_error: bool,
) -> StepResult:
    """Advance the chain by `step` [s] at constant `current` [A m-2].

    Differentiable with respect to system, state, step and current in both modes: each stage ends with a Newton
    step whose derivative is the implicit-function rule.

    The error estimate d = h sum e_i f_i is passed through (M/g - rate')^(-1)/g, the matrix of the last stage:
    components much faster than the step are damped to what they will really be off by (Shampine's device;
    Hairer and Wanner, Solving ODEs II, IV.8), so a double layer nobody looks at does not dictate the step.
    """
    a = np.asarray(tableau.a)
    c = np.asarray(tableau.nodes)
    stages = tableau.stages
    g = step * tableau.gamma

    def stage(carry, coefficients):
        previous, previous_time, guess_slope, weighted, iterations, converged = carry
        row, index, time = coefficients
        # weighted[j] holds h f_j = h M dY_j/dt of the stages done so far, zero for those to come
        base = jax.tree.map(lambda y, f: y + jnp.tensordot(row, f, axes=1), state, weighted)
        guess = jax.tree.map(lambda y, s: y + (time - previous_time) * step * s, previous, guess_slope)
        found = newton(*jax.lax.stop_gradient((system, guess, base, g, current)), settings)
        y = polish(system, found.state, base, g, current)
        # From the stage equation: f = (Y - B)/g without a capacity in the way, so that C = 0 is no special case.
        f = jax.tree.map(lambda new, old: (new - old) / tableau.gamma, y, base)
        weighted = jax.tree.map(lambda all_f, one: all_f.at[index].set(one), weighted, f)
        new_slope = jax.lax.stop_gradient(
            jax.tree.map(lambda new, old: (new - old) / ((time - previous_time) * step), y, previous)
        )
        done = (y, time, new_slope, weighted, iterations + found.iterations, converged & found.converged)
        return done, None

    zeros = jax.tree.map(lambda y: jnp.zeros((stages, *y.shape), dtype=y.dtype), state)
    carry = (
        state,
        jnp.asarray(0.0, dtype=jnp.float64),
        jax.lax.stop_gradient(slope),
        zeros,
        jnp.asarray(0, dtype=jnp.int64),
        jnp.asarray(True),
    )
    strictly_lower = jnp.asarray(np.tril(a, -1))
    carry, _ = jax.lax.scan(stage, carry, (strictly_lower, jnp.arange(stages), jnp.asarray(c)))
    new, _, new_slope, weighted, iterations, converged = carry
    if estimate_error:
        error = _estimate(system, new, weighted, g, current, tableau)
    else:
        error = jax.tree.map(jnp.zeros_like, new)
    return StepResult(new, new_slope, error, converged, iterations)


def _estimate(
    system: ChainSystem, state: State, weighted: State, g: Scalar, current: Scalar, tableau: Tableau
) -> State:
    e = jnp.asarray(tableau.error)
    raw = jax.tree.map(lambda f: jnp.tensordot(e, f, axes=1), weighted)
    rhs = State(system.field_capacity * raw.field / g, raw.node / g, system.edge_capacity * raw.edge / g)
    return solve_linear(system, linearise(system, state, g, current), rhs)
