"""Full Newton iteration on one implicit stage, with the chain's structure.

A stage asks for a state Y with M (Y - B)/g = rate(Y, I), B and g given: backward Euler with a step g from B.
All derivatives of the laws are diagonal along the chain, so a handful of forward-mode derivatives with vectors of
ones gives every block.  Local states are eliminated point by point (small dense systems, vectorised along the
chain), the field by one tridiagonal solve.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.solver.system import ChainSystem, EdgeLaw, NodeLaw, State
from jaxcell.solver.tridiagonal import solve_tridiagonal
from jaxcell.units import Counter, Edges, Flag, NodeMask, Nodes, Scalar

STEEPNESS = 40.0
"""About F/RT [V-1]: Newton updates of kinetic nodes beyond 1/STEEPNESS grow with their logarithm only."""


class Linearisation(NamedTuple):
    """Derivatives of the laws at a state, for a stage of length g [s]."""

    step: Scalar
    node: NodeLaw
    edge: EdgeLaw
    source_field: Nodes
    source_node: Float[Array, "k nodes"]
    rate_field: Float[Array, "k nodes"]
    rate_node: Float[Array, "k k nodes"]
    flux_left: Edges
    flux_right: Edges
    flux_edge: Float[Array, "l nodes"]
    rate_left: Float[Array, "l nodes"]
    rate_right: Float[Array, "l nodes"]
    rate_edge: Float[Array, "l l nodes"]


def right_neighbour(field: Nodes) -> Nodes:
    """u_(m+1) at edge m; the last edge sees an arbitrary value, which its law must ignore."""
    return jnp.roll(field, -1)


def left_edge(flux: Edges, has_left: NodeMask) -> Nodes:
    """J_(m-1) at node m, zero at the first node of an electrode."""
    return jnp.where(has_left, jnp.roll(flux, 1), 0.0)


def evaluate(system: ChainSystem, state: State, current: Scalar) -> tuple[NodeLaw, EdgeLaw]:
    """The laws of all nodes and edges at a state."""
    field = state.field
    node = system.node(field, state.node)
    return node, system.edge(field, right_neighbour(field), state.edge, current)


def rates(system: ChainSystem, node: NodeLaw, edge: EdgeLaw) -> State:
    """M dY/dt: net current into each double layer, rates of the local states."""
    return State(edge.flux - left_edge(edge.flux, system.has_left) - node.source, node.rate, edge.rate)


def residual(system: ChainSystem, state: State, base: State, step: Scalar, current: Scalar) -> State:
    """M (Y - B)/g - rate(Y, I): A m-2 for the field, rates for the local states."""
    return _residual(system, state, base, step, rates(system, *evaluate(system, state, current)))


def _residual(system: ChainSystem, state: State, base: State, step: Scalar, rate: State) -> State:
    return State(
        system.field_capacity * (state.field - base.field) / step - rate.field,
        (state.node - base.node) / step - rate.node,
        system.edge_capacity * (state.edge - base.edge) / step - rate.edge,
    )


def linearise(system: ChainSystem, state: State, step: Scalar, current: Scalar) -> Linearisation:
    """Laws and their derivatives at a state, by forward-mode differentiation with vectors of ones."""
    field, node_states, edge_states = state
    right = right_neighbour(field)
    nk, nl = node_states.shape[0], edge_states.shape[0]
    ones = jnp.ones_like(field)

    node, (source_field, rate_field) = _derivative(lambda u: system.node(u, node_states), field, ones)
    by_node = [_derivative(lambda z: system.node(field, z), node_states, _unit(node_states, i))[1] for i in range(nk)]

    def edge_law(left, right, states):
        return system.edge(left, right, states, current)

    edge, (flux_left, rate_left) = _derivative(lambda u: edge_law(u, right, edge_states), field, ones)
    _, (flux_right, rate_right) = _derivative(lambda u: edge_law(field, u, edge_states), right, ones)
    by_edge = [
        _derivative(lambda w: edge_law(field, right, w), edge_states, _unit(edge_states, i))[1] for i in range(nl)
    ]
    return Linearisation(
        step=step,
        node=NodeLaw(*node),
        edge=EdgeLaw(*edge),
        source_field=source_field,
        source_node=_stack([d[0] for d in by_node], node_states),
        rate_field=rate_field,
        rate_node=_stack_columns([d[1] for d in by_node], node_states),
        flux_left=flux_left,
        flux_right=flux_right,
        flux_edge=_stack([d[0] for d in by_edge], edge_states),
        rate_left=rate_left,
        rate_right=rate_right,
        rate_edge=_stack_columns([d[1] for d in by_edge], edge_states),
    )


def solve_linear(system: ChainSystem, lin: Linearisation, rhs: State) -> State:
    """Increment D with (M/g - rate') D = rhs: eliminate local states, sweep the field, substitute back.

    Linear in `rhs`; the transpose follows from that of the tridiagonal solve.
    """
    nk, nl = rhs.node.shape[0], rhs.edge.shape[0]
    # dz = node_gain du + node_free, dw = gain_left du_left + gain_right du_right + edge_free
    node_matrix = [[(1.0 / lin.step if i == j else 0.0) - lin.rate_node[i, j] for j in range(nk)] for i in range(nk)]
    node_gain, node_free = _solve_local(node_matrix, [list(lin.rate_field), list(rhs.node)])
    edge_matrix = [
        [(system.edge_capacity[i] / lin.step if i == j else 0.0) - lin.rate_edge[i, j] for j in range(nl)]
        for i in range(nl)
    ]
    gain_left, gain_right, edge_free = _solve_local(
        edge_matrix, [list(lin.rate_left), list(lin.rate_right), list(rhs.edge)]
    )
    flux_left = lin.flux_left + _dot(lin.flux_edge, gain_left)
    flux_right = lin.flux_right + _dot(lin.flux_edge, gain_right)
    flux_free = _dot(lin.flux_edge, edge_free)
    source_field = lin.source_field + _dot(lin.source_node, node_gain)
    source_free = _dot(lin.source_node, node_free)

    diagonal = system.field_capacity / lin.step - flux_left + left_edge(flux_right, system.has_left) + source_field
    field = solve_tridiagonal(
        left_edge(flux_left, system.has_left),
        diagonal,
        -flux_right,
        rhs.field + flux_free - left_edge(flux_free, system.has_left) - source_free,
    )
    right = right_neighbour(field)
    node = [gain * field + free for gain, free in zip(node_gain, node_free, strict=True)]
    edge = [a * field + b * right + free for a, b, free in zip(gain_left, gain_right, edge_free, strict=True)]
    return State(field, _stack(node, rhs.node), _stack(edge, rhs.edge))


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
    """Where derivatives are taken: the matrix of the last step, hence they, are good to about this."""
    max_iterations: int = 40


class NewtonResult(NamedTuple):
    state: State
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
    """Solve a stage from a guess; not differentiated (see `polish`)."""

    def keep_going(carry):
        _, error_left, _, iteration = carry
        # A non-finite increment compares false: it ends the loop and counts as failure.
        return (error_left > tolerance) & (iteration < max_iterations)

    def iterate(carry):
        state, _, previous_size, iteration = carry
        increment = _increment(system, state, base, step, current)
        size = _size(system, state, increment)
        error_left = size**2 * jnp.maximum(size / previous_size**2, 1.0)
        return _limited(system, state, increment), error_left, size, iteration + 1

    infinite = jnp.asarray(jnp.inf, dtype=jnp.float64)
    start = (guess, infinite, infinite, jnp.asarray(0, dtype=jnp.int64))
    state, error_left, _, iterations = jax.lax.while_loop(keep_going, iterate, start)
    return NewtonResult(state, error_left <= tolerance, iterations)


def polish(system: ChainSystem, state: State, base: State, step: Scalar, current: Scalar) -> State:
    """One undamped Newton step from a converged state: squares its error and carries the exact derivative.

    The state and the matrix are constants, the residual is differentiated with respect to all it depends on, so
    the derivative is -(dR/dY)^(-1) dR/dp: the implicit-function rule, in either mode.
    """
    state = jax.lax.stop_gradient(state)
    frozen = jax.lax.stop_gradient((system, step, current))
    lin = linearise(frozen[0], state, frozen[1], frozen[2])
    r = residual(system, state, base, step, current)
    increment = solve_linear(frozen[0], lin, jax.tree.map(jnp.negative, r))
    return jax.tree.map(jnp.add, state, increment)


def _increment(system: ChainSystem, state: State, base: State, step: Scalar, current: Scalar) -> State:
    lin = linearise(system, state, step, current)
    r = _residual(system, state, base, step, rates(system, lin.node, lin.edge))
    return solve_linear(system, lin, jax.tree.map(jnp.negative, r))


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


def _derivative(law, x, tangent):
    value, derivative = jax.jvp(law, (x,), (tangent,))
    return value, tuple(derivative)


def _unit(states: Array, index: int) -> Array:
    rows = np.zeros(states.shape)
    rows[index] = 1.0
    return jnp.asarray(rows)


def _stack(rows: list[Array], like: Array) -> Array:
    return jnp.stack(rows) if rows else jnp.zeros_like(like)


def _stack_columns(columns: list[Array], like: Array) -> Array:
    return jnp.stack(columns, axis=1) if columns else jnp.zeros((0, 0, like.shape[1]), dtype=like.dtype)


def _dot(rows: Array, columns: list[Array]) -> Array:
    terms = [row * column for row, column in zip(list(rows), columns, strict=True)]
    return functools.reduce(jnp.add, terms, jnp.zeros(rows.shape[1:], dtype=rows.dtype))


def _solve_local(matrix: list[list[Array]], columns: list[list[Array]]) -> list[list[Array]]:
    """Gaussian elimination without pivoting on n x n systems, one at each point, written out for small n.

    The matrices are M/g minus the rates' derivatives: diagonally dominant for the short g that accuracy asks for.
    """
    n = len(matrix)
    matrix = [list(row) for row in matrix]
    columns = [list(column) for column in columns]
    for pivot in range(n):
        for row in range(pivot + 1, n):
            factor = matrix[row][pivot] / matrix[pivot][pivot]
            for j in range(pivot + 1, n):
                matrix[row][j] = matrix[row][j] - factor * matrix[pivot][j]
            for column in columns:
                column[row] = column[row] - factor * column[pivot]
    for column in columns:
        for row in reversed(range(n)):
            for j in range(row + 1, n):
                column[row] = column[row] - matrix[row][j] * column[j]
            column[row] = column[row] / matrix[row][row]
    return columns
