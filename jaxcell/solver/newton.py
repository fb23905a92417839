"""Full Newton iteration on one implicit stage of a chain.

A stage asks for a state Y with M (Y - B)/g = rate(Y, I), B and g given: backward Euler with a step g from B.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxcell.solver.control import control_error
from jaxcell.solver.linear import Factors, factorise, linearise, no_factors, substitute
from jaxcell.solver.schedule import Control
from jaxcell.solver.system import ChainSystem, State, rates
from jaxcell.units import Counter, Flag, Scalar

STEEPNESS = 40.0
"""About F/RT [V-1]: Newton updates of kinetic nodes beyond 1/STEEPNESS grow with their logarithm only."""

PARTICLE_SCALE = 0.1
"""Change of a particle's stoichiometry [1] that matters to the laws."""
SALT_JUMP = 1e-3
"""Share of its start by which Newton may take salt beyond exhaustion at a time."""


def residual(system: ChainSystem, state: State, base: State, step: Scalar, current: Scalar) -> State:
    """M (Y - B)/g - rate(Y, I): A m-2 for the field, rates for the local states."""
    return _residual(system, state, base, step, rates(system, state, current))


def _residual(system: ChainSystem, state: State, base: State, step: Scalar, rate: State) -> State:
    slope = jax.tree.map(lambda y, b: (y - b) / step, state, base)
    return jax.tree.map(jnp.subtract, system.capacities.times(slope), rate)


class NewtonSettings(NamedTuple):
    """When to stop iterating.

    Sizes are dimensionless: increments of the field over 1/STEEPNESS, of salt and node states over their scale.
    Convergence is quadratic, so after increments a and b the next is predicted as c b^2 with c = b/a^2, or 1 if that is
    more; the iteration stops once the predicted size, that is the error left, is below `tolerance`.
    """

    tolerance: float = 4e-5
    """About 1 uV and 4e-5 of the lithium that matters; more on the corner of a nucleation barrier,
    where c is larger."""
    differentiable_tolerance: float = 4e-7
    """Where derivatives may be taken: one more iteration squares what is left."""
    max_iterations: int = 40


class NewtonResult(NamedTuple):
    state: State
    current: Scalar
    """I [A m-2]."""
    factors: Factors
    """Of the last iteration's matrix."""
    converged: Flag
    iterations: Counter


class Stage(NamedTuple):
    """One implicit stage: what it steps from, over g, under which control."""

    base: State
    step: Scalar
    """g [s]."""
    control: Control


def newton(
    system: ChainSystem,
    guess: State,
    current: Scalar,
    stage: Stage,
    tolerance: float,
    max_iterations: int,
    *,
    controlled: bool,
) -> NewtonResult:
    """Solve a stage from a guess; not differentiated (see `jaxcell.solver.sensitivity`).

    `controlled`: the current is an unknown too, found so that the control is met; otherwise it stays as given.
    """

    def keep_going(carry):
        _, _, _, error_left, _, iteration = carry
        # A non-finite increment compares false: it ends the loop and counts as failure.
        return (error_left > tolerance) & (iteration < max_iterations)

    def iterate(carry):
        state, current, _, _, previous_size, iteration = carry
        factors, increment, swing = _increment(system, state, current, stage, controlled=controlled)
        size = _size(system, state, increment)
        error_left = size**2 * jnp.maximum(size / previous_size**2, 1.0)
        return _limited(system, state, increment), current + swing, factors, error_left, size, iteration + 1

    infinite = jnp.asarray(jnp.inf, dtype=jnp.float64)
    none_yet = no_factors(system, guess)
    start = (guess, current, none_yet, infinite, infinite, jnp.asarray(0, dtype=jnp.int64))
    state, current, factors, error_left, _, iterations = jax.lax.while_loop(keep_going, iterate, start)
    return NewtonResult(state, current, factors, error_left <= tolerance, iterations)


def refine(
    system: ChainSystem, state: State, current: Scalar, stage: Stage, *, controlled: bool
) -> tuple[State, Scalar]:
    """One more, undamped Newton step: squares the error of a converged state."""
    _, increment, swing = _increment(system, state, current, stage, controlled=controlled)
    return jax.tree.map(jnp.add, state, increment), current + swing


def _increment(
    system: ChainSystem, state: State, current: Scalar, stage: Stage, *, controlled: bool
) -> tuple[Factors, State, Scalar]:
    """Matrix, and Newton's increments of the state and the current.

    With the current as an unknown the matrix has a border: dY = D + dI P, where D solves the stage at fixed current, P
    is the response to a unit of current, and dI makes the control's error vanish to first order.
    """
    lin = linearise(system, state, stage.step, current)
    factors = factorise(system, lin)
    r = _residual(system, state, stage.base, stage.step, lin.rate)
    free = substitute(factors, jax.tree.map(jnp.negative, r))
    if not controlled:
        return factors, free, jnp.zeros_like(current)
    pushed = substitute(factors, rate_by_current(system, state, current))
    error, by_free = jax.jvp(
        lambda y, i: control_error(system, stage.control, y, i), (state, current), (free, jnp.zeros_like(current))
    )
    _, by_push = jax.jvp(
        lambda y, i: control_error(system, stage.control, y, i), (state, current), (pushed, jnp.ones_like(current))
    )
    swing = -(error + by_free) / by_push
    return factors, jax.tree.map(lambda d, p: d + swing * p, free, pushed), swing


def rate_by_current(system: ChainSystem, state: State, current: Scalar) -> State:
    """d(M dY/dt)/dI at a fixed state."""
    return jax.jvp(lambda i: rates(system, state, i), (current,), (jnp.ones_like(current),))[1]


def _size(system: ChainSystem, state: State, increment: State) -> Scalar:
    """Largest increment: of the field in thermal voltages, of salt and node states in what matters to them."""
    field = STEEPNESS * jnp.max(jnp.abs(increment.field))
    salt = jnp.max(jnp.abs(increment.salt) / system.salt_origin, initial=0.0)
    # A large amount cannot be resolved beyond rounding: 1e-9 of it counts as nothing.
    scale = system.node_scale + (1e-9 / 4e-5) * jnp.abs(state.node)
    local = jnp.max(jnp.abs(increment.node) / scale, initial=0.0)
    shells = jnp.max(jnp.abs(increment.particle), initial=0.0) / PARTICLE_SCALE
    whole = jnp.max(jnp.abs(increment.shared) / system.shared_scale, initial=0.0)
    return jnp.max(jnp.stack([field, salt, local, shells, whole]))


def _limited(system: ChainSystem, state: State, increment: State) -> State:
    """Apply an increment, kept inside the region where the exponentials can be trusted.

    Updates of kinetic nodes grow logarithmically beyond RT/F, and a live amount shrinks by at most ten to one
    (plus half its scale) at a time, so that it cannot jump across exhaustion; salt likewise.  The converged state is
    unaffected.
    """
    scaled = STEEPNESS * jnp.abs(increment.field)
    slow = jnp.sign(increment.field) * (1.0 + jnp.log(jnp.maximum(scaled, 1.0))) / STEEPNESS
    field = jnp.where(system.kinetic & (scaled > 1.0), slow, increment.field)
    amount = state.node + system.node_origin
    decrease = 0.9 * jnp.abs(amount) + 0.5 * system.node_scale
    node = state.node + jnp.maximum(increment.node, -decrease)
    concentration = system.salt_origin + state.salt
    salt = state.salt + jnp.maximum(increment.salt, -0.9 * jnp.abs(concentration) - SALT_JUMP * system.salt_origin)
    particle = state.particle + increment.particle
    return State(
        state.field + field, salt, node, particle, state.edge + increment.edge, state.shared + increment.shared
    )
