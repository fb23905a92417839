"""Full Newton iteration on one implicit stage of a chain.

A stage asks for a state Y with M (Y - B)/g = rate(Y, I), B and g given: backward Euler with a step g from B.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxcell.solver.linear import Factors, factorise, linearise, no_factors, substitute
from jaxcell.solver.system import ChainSystem, State, balance, rates
from jaxcell.units import Counter, Flag, Scalar

STEEPNESS = 40.0
"""About F/RT [V-1]: Newton updates of kinetic nodes beyond 1/STEEPNESS grow with their logarithm only."""


def residual(system: ChainSystem, state: State, base: State, step: Scalar, current: Scalar) -> State:
    """M (Y - B)/g - rate(Y, I): A m-2 for the field, rates for the local states."""
    return _residual(system, state, base, step, rates(system, state, current))


def _residual(system: ChainSystem, state: State, base: State, step: Scalar, rate: State) -> State:
    slope = jax.tree.map(lambda y, b: (y - b) / step, state, base)
    return jax.tree.map(jnp.subtract, system.capacities.times(slope), rate)


class NewtonSettings(NamedTuple):
    """When to stop iterating.

    Sizes are dimensionless: increments of the field over 1/STEEPNESS, of node states over their scale.  Convergence is
    quadratic, so after increments a and b the next is predicted as c b^2 with c = b/a^2, or 1 if that is more; the
    iteration stops once the predicted size, that is the error left, is below `tolerance`.
    """

    tolerance: float = 4e-5
    """About 1 uV and 4e-5 of the lithium that matters; more on the corner of a nucleation barrier,
    where c is larger."""
    differentiable_tolerance: float = 4e-7
    """Where derivatives may be taken: one more iteration squares what is left."""
    max_iterations: int = 40


class NewtonResult(NamedTuple):
    state: State
    factors: Factors
    """Of the last iteration's matrix."""
    converged: Flag
    iterations: Counter


def newton(
    system: ChainSystem,
    guess: State,
    base: State,
    step: Scalar,
    current: Scalar,
    tolerance: float,
    max_iterations: int,
) -> NewtonResult:
    """Solve a stage from a guess; not differentiated (see `jaxcell.solver.sensitivity`)."""

    def keep_going(carry):
        _, _, error_left, _, iteration = carry
        # A non-finite increment compares false: it ends the loop and counts as failure.
        return (error_left > tolerance) & (iteration < max_iterations)

    def iterate(carry):
        state, _, _, previous_size, iteration = carry
        factors, increment = _increment(system, state, base, step, current)
        size = _size(system, state, increment)
        error_left = size**2 * jnp.maximum(size / previous_size**2, 1.0)
        return _limited(system, state, increment), factors, error_left, size, iteration + 1

    infinite = jnp.asarray(jnp.inf, dtype=jnp.float64)
    none_yet = no_factors(system, guess)
    start = (guess, none_yet, infinite, infinite, jnp.asarray(0, dtype=jnp.int64))
    state, factors, error_left, _, iterations = jax.lax.while_loop(keep_going, iterate, start)
    return NewtonResult(state, factors, error_left <= tolerance, iterations)


def refine(system: ChainSystem, state: State, base: State, step: Scalar, current: Scalar) -> State:
    """One more, undamped Newton step: squares the error of a converged state."""
    return jax.tree.map(jnp.add, state, _increment(system, state, base, step, current)[1])


def _increment(system: ChainSystem, state: State, base: State, step: Scalar, current: Scalar) -> tuple[Factors, State]:
    lin = linearise(system, state, step, current)
    factors = factorise(system, lin)
    r = _residual(system, state, base, step, balance(system, lin.node_rate, lin.edge))
    return factors, substitute(factors, jax.tree.map(jnp.negative, r))


def _size(system: ChainSystem, state: State, increment: State) -> Scalar:
    """Largest increment: of the field in thermal voltages, of node states in what matters to them."""
    field = STEEPNESS * jnp.max(jnp.abs(increment.field))
    # A large amount cannot be resolved beyond rounding: 1e-9 of it counts as nothing.
    scale = system.node_scale + (1e-9 / 4e-5) * jnp.abs(state.node)
    return jnp.maximum(field, jnp.max(jnp.abs(increment.node) / scale, initial=0.0))


def _limited(system: ChainSystem, state: State, increment: State) -> State:
    """Apply an increment, kept inside the region where the exponentials can be trusted.

    Updates of kinetic nodes grow logarithmically beyond RT/F, and a live amount shrinks by at most ten to one
    (plus half its scale) at a time, so that it cannot jump across exhaustion.  The converged state is unaffected.
    """
    scaled = STEEPNESS * jnp.abs(increment.field)
    slow = jnp.sign(increment.field) * (1.0 + jnp.log(jnp.maximum(scaled, 1.0))) / STEEPNESS
    field = jnp.where(system.kinetic & (scaled > 1.0), slow, increment.field)
    amount = state.node + system.node_origin
    decrease = 0.9 * jnp.abs(amount) + 0.5 * system.node_scale
    node = state.node + jnp.maximum(increment.node, -decrease)
    return State(state.field + field, node, state.edge + increment.edge)
