"""Derivatives of a run on a fixed step grid: one linear system over its stages.

Stage s of step j solves R(Y_js, B_js, g_j, I_j; p) = 0 with B_js = c_s y_(j-1) + sum_i b_si Y_ji, y_j its last stage.
Differentiated at the solution, with A = dR/dY and M the capacities,

    A_js dY_js - (M/g_j) dB_js = -r_js,      r_js = dR/d(p, g, I) . d(p, g, I) at fixed Y and B,

which is the implicit-function rule.  The states are known, so r and A of a block of steps are evaluated all at once;
what is left to do in sequence is one substitution a stage: forward for tangents and, transposed, backward for
cotangents.
"""

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxcell.solver.kernel import in_one_kernel
from jaxcell.solver.linear import Factors, Linearisation, factorise, linearise, multiply, substitute
from jaxcell.solver.newton import residual
from jaxcell.solver.system import Capacities, ChainSystem, State
from jaxcell.solver.tableau import Tableau


class Grid(NamedTuple):
    """Steps of a run, or of a part of it."""

    g: Float[Array, " steps"]
    """gamma times the step [s]."""
    current: Float[Array, " steps"]
    active: Bool[Array, " steps"]
    """False where the state stays what it was."""


def stage_tangents(
    system: ChainSystem,
    grid: Grid,
    stages: State,
    start: State,
    system_tangent: ChainSystem,
    grid_tangent: Grid,
    start_tangent: State,
    tableau: Tableau,
) -> State:
    """dY of all stages of these steps, which begin at `start`; leading axes: steps, stages.

    Linear in the tangents, and transposable; `None` leaves among them are zero.
    """
    starts = _starts(start, stages)
    bases = jax.vmap(lambda y, rows: _bases(y, rows, tableau))(starts, stages)

    def defects(system: ChainSystem, grid: Grid) -> State:
        def of_step(y, base, g, current):
            return jax.vmap(lambda a, b: residual(system, a, b, g, current))(y, base)

        return jax.vmap(of_step)(stages, bases, grid.g, grid.current)

    forcing = filled(*eqx.filter_jvp(defects, (system, grid), (system_tangent, grid_tangent)))
    lin = jax.vmap(lambda rows, g, i: jax.vmap(lambda y: linearise(system, y, g, i))(rows))(
        stages, grid.g, grid.current
    )
    factors = jax.vmap(jax.vmap(lambda one: factorise(system, one)))(lin)
    capacities = system.capacities
    rhs = jax.tree.map(lambda r: jnp.where(_like(grid.active, r), -r, 0.0), forcing)
    first = _first_step(start_tangent, capacities, grid, tableau)
    rhs = jax.tree.map(lambda r, f: r.at[0].add(f), rhs, first)
    return _solve(system, lin, factors, capacities, grid, rhs, tableau)


def filled(state: State, tangent: State) -> State:
    """The tangent of a state, with zeros where it is None."""
    return jax.tree.map(lambda t, y: jnp.zeros_like(y) if t is None else t, tangent, state, is_leaf=lambda t: t is None)


def _starts(start: State, stages: State) -> State:
    """y_(j-1) of each step."""
    return jax.tree.map(lambda y, rows: jnp.concatenate([y[None], rows[:-1, -1]]), start, stages)


def _bases(start: State, stages: State, tableau: Tableau) -> State:
    """B of the stages of one step."""
    rows = [jax.tree.map(lambda row, s=s: row[s], stages) for s in range(tableau.stages)]
    return _stack([_base(start, rows[:s], tableau) for s in range(tableau.stages)])


def _base(start: State, earlier: list[State], tableau: Tableau) -> State:
    """B of the stage that comes after these of its step."""
    base = jax.tree.map(lambda y: tableau.base_of_start[len(earlier)] * y, start)
    for weight, row in zip(tableau.base_of_stages[len(earlier)], earlier, strict=False):
        base = jax.tree.map(lambda b, y, w=weight: b + w * y, base, row)
    return base


def _first_step(start: State, capacities: Capacities, grid: Grid, tableau: Tableau) -> State:
    """What a tangent of the start adds to the right-hand sides of the first step."""
    scaled = _over_step(start, capacities, grid.g[0])
    rows = [jax.tree.map(lambda y, c=c: c * y, scaled) for c in tableau.base_of_start]
    held = _stack([start] * tableau.stages)
    return jax.tree.map(lambda a, b: jnp.where(grid.active[0], a, b), _stack(rows), held)


def _over_step(state: State, capacities: Capacities, g: Array) -> State:
    """(M/g) D."""
    return jax.tree.map(lambda stored: stored / g, capacities.times(state))


def _solve(
    system: ChainSystem,
    lin: Linearisation,
    factors: Factors,
    capacities: Capacities,
    grid: Grid,
    rhs: State,
    tableau: Tableau,
) -> State:
    """X with A X - (M/g) B(X) = rhs, X held where a step is not active."""

    def product(x: State) -> State:
        starts = _starts(jax.tree.map(lambda rows: jnp.zeros_like(rows[0, 0]), x), x)

        def of_step(y, rows, lin, g, active):
            bases = _bases(y, rows, tableau)
            pulled = jax.vmap(lambda b: _over_step(b, capacities, g))(bases)
            pushed = jax.vmap(lambda one, row: multiply(system, one, row))(lin, rows)
            return jax.tree.map(
                lambda a, b, row, old: jnp.where(active, a - b, row - old[None]), pushed, pulled, rows, y
            )

        return jax.vmap(of_step)(starts, x, lin, grid.g, grid.active)

    def forward(factors: Factors, capacities: Capacities, g: Array, active: Array, rhs: State) -> State:
        return _recurrence(factors, capacities, g, active, rhs, tableau)

    def backward(factors: Factors, capacities: Capacities, g: Array, active: Array, cotangent: State) -> State:
        return jax.linear_transpose(lambda b: forward(factors, capacities, g, active, b), cotangent)(cotangent)[0]

    known = (factors, capacities, grid.g, grid.active)

    def as_rows(operator):
        return lambda rows: _to_rows(operator(_to_state(rows, rhs)))

    # One array of unknowns: there may be no edge states, and nothing is linear in an empty array.
    solution = jax.lax.custom_linear_solve(
        as_rows(product),
        _to_rows(rhs),
        lambda _, b: as_rows(partial(in_one_kernel(forward), *known))(b),
        lambda _, b: as_rows(partial(in_one_kernel(backward), *known))(b),
    )
    return _to_state(solution, rhs)


def _to_rows(state: State) -> Float[Array, "*leading states nodes"]:
    return jnp.concatenate([state.field[..., None, :], state.node, state.edge], axis=-2)


def _to_state(rows: Float[Array, "*leading states nodes"], like: State) -> State:
    k = 1 + like.node.shape[-2]
    return State(rows[..., 0, :], rows[..., 1:k, :], rows[..., k:, :])


def _recurrence(
    factors: Factors, capacities: Capacities, g: Array, active: Array, rhs: State, tableau: Tableau
) -> State:
    """The substitutions of all stages, step after step, from a start of zero."""

    def step(y: State, inputs):
        factors, g, active, rhs = inputs
        rows: list[State] = []
        for s in range(tableau.stages):
            matrix, own = jax.tree.map(lambda row, s=s: row[s], (factors, rhs))
            pushed = jax.tree.map(jnp.add, _over_step(_base(y, rows, tableau), capacities, g), own)
            held = jax.tree.map(jnp.add, y, own)
            rows.append(jax.tree.map(lambda a, b: jnp.where(active, a, b), substitute(matrix, pushed), held))
        return rows[-1], _stack(rows)

    zero = jax.tree.map(lambda row: jnp.zeros_like(row[0, 0]), rhs)
    return jax.lax.scan(step, zero, (factors, g, active, rhs))[1]


def _like(mask: Array, rows: Array) -> Array:
    return mask.reshape(mask.shape + (1,) * (rows.ndim - 1))


def _stack(states: list[State]) -> State:
    return jax.tree.map(lambda *rows: jnp.stack(rows), *states)
