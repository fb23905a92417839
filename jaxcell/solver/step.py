"""One step of an SDIRK scheme on a chain."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

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
    differentiable: bool,
) -> StepResult:
    """Advance the chain by `step` [s] at constant `current` [A m-2].

    `differentiable`: each stage ends with one more Newton step, whose derivative with respect to system, state, step
    and current is the implicit-function rule, in both modes; no error estimate.  Otherwise: an error estimate, and no
    derivative.  Lithium balances either way: charge conservation is linear in the unknowns (what leaves the double
    layers becomes lithium), and a full Newton step fulfils linear equations exactly (the last
    increment of a converged stage is never limited).

    The error estimate d = h sum e_i f_i is passed through (M/g - rate')^(-1) M/g, the matrix of the last stage:
    components much faster than the step are damped to what they will really be off by (Shampine's device;
    Hairer and Wanner, Solving ODEs II, IV.8), so a double layer nobody looks at does not dictate the step.
    """
    a = np.asarray(tableau.a)
    c = np.asarray(tableau.nodes)
    stages = tableau.stages
    g = step * tableau.gamma
    tolerance = settings.differentiable_tolerance if differentiable else settings.tolerance

    def stage(carry, coefficients):
        previous, previous_time, guess_slope, weighted, iterations, converged = carry
        row, index, time = coefficients
        # weighted[j] holds h f_j = h dY_j/dt of the stages done so far, zero for those to come
        base = jax.tree.map(lambda y, f: y + _combine(row, f), state, weighted)
        guess = jax.tree.map(lambda y, s: y + (time - previous_time) * step * s, previous, guess_slope)
        found = newton(*jax.lax.stop_gradient((system, guess, base, g, current)), tolerance, settings.max_iterations)
        if differentiable:
            # From a failed iteration derivatives would be NaN and, in reverse mode, spoil those of the steps before.
            sound = jax.tree.map(lambda new, old: jnp.where(found.converged, new, old), found.state, state)
            y = polish(system, sound, base, g, current)
        else:
            y = found.state
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
    if differentiable:
        error = jax.tree.map(jnp.zeros_like, new)
    else:
        error = _estimate(system, new, weighted, g, current, tableau)
    return StepResult(new, new_slope, error, converged, iterations)


def _estimate(
    system: ChainSystem, state: State, weighted: State, g: Scalar, current: Scalar, tableau: Tableau
) -> State:
    raw = jax.tree.map(lambda f: _combine(jnp.asarray(tableau.error), f), weighted)
    rhs = State(system.field_capacity * raw.field / g, raw.node / g, system.edge_capacity * raw.edge / g)
    return solve_linear(system, linearise(system, state, g, current), rhs)


def _combine(coefficients: Array, rows: Array) -> Array:
    """Sum of the rows weighted by the coefficients, as one fused loop (a dot product of this size costs more)."""
    shape = coefficients.shape + (1,) * (rows.ndim - 1)
    return jnp.sum(coefficients.reshape(shape) * rows, axis=0)
