"""Derivatives of a chain's laws at a state, and linear systems with the matrix of an implicit stage.

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

from jaxcell.solver.system import ChainSystem, EdgeLaw, State, balance, left_edge, right_neighbour
from jaxcell.solver.tridiagonal import solve_tridiagonal
from jaxcell.units import Edges, NodeMask, Nodes, Scalar


class Linearisation(NamedTuple):
    """Derivatives of the laws at a state, for a stage of length g [s]."""

    step: Scalar
    node_rate: Float[Array, "k nodes"]
    edge: EdgeLaw
    rate_field: Float[Array, "k nodes"]
    rate_node: Float[Array, "k k nodes"]
    flux_left: Edges
    flux_right: Edges
    flux_edge: Float[Array, "l nodes"]
    rate_left: Float[Array, "l nodes"]
    rate_right: Float[Array, "l nodes"]
    rate_edge: Float[Array, "l l nodes"]


def linearise(system: ChainSystem, state: State, step: Scalar, current: Scalar) -> Linearisation:
    """Laws and their derivatives at a state, by forward-mode differentiation with vectors of ones."""
    field, node_states, edge_states = state
    right = right_neighbour(field)
    nk, nl = node_states.shape[0], edge_states.shape[0]
    ones = jnp.ones_like(field)

    node_rate, rate_field = jax.jvp(lambda u: system.node(u, node_states), (field,), (ones,))
    by_node = [jax.jvp(lambda z: system.node(field, z), (node_states,), (_unit(node_states, i),))[1] for i in range(nk)]

    def edge_law(left, right, states):
        return system.edge(left, right, states, current)

    edge, (flux_left, rate_left) = _derivative(lambda u: edge_law(u, right, edge_states), field, ones)
    _, (flux_right, rate_right) = _derivative(lambda u: edge_law(field, u, edge_states), right, ones)
    by_edge = [
        _derivative(lambda w: edge_law(field, right, w), edge_states, _unit(edge_states, i))[1] for i in range(nl)
    ]
    return Linearisation(
        step=step,
        node_rate=node_rate,
        edge=EdgeLaw(*edge),
        rate_field=rate_field,
        rate_node=_stack_columns(by_node, node_states),
        flux_left=flux_left,
        flux_right=flux_right,
        flux_edge=_stack([d[0] for d in by_edge], edge_states),
        rate_left=rate_left,
        rate_right=rate_right,
        rate_edge=_stack_columns([d[1] for d in by_edge], edge_states),
    )


def multiply(system: ChainSystem, lin: Linearisation, state: State) -> State:
    """(M/g - rate') D: the matrix of a stage times a state."""
    field, node, edge = state
    right = right_neighbour(field)
    flux = lin.flux_left * field + lin.flux_right * right + _dot(lin.flux_edge, edge)
    node_rate = lin.rate_field * field[None] + _apply(lin.rate_node, node)
    edge_rate = lin.rate_left * field[None] + lin.rate_right * right[None] + _apply(lin.rate_edge, edge)
    rate = balance(system, node_rate, EdgeLaw(flux, edge_rate))
    return jax.tree.map(lambda stored, r: stored / lin.step - r, system.capacities.times(state), rate)


class Factors(NamedTuple):
    """The matrix of a stage, M/g minus the rates' derivatives, with the local states eliminated."""

    lower: Nodes
    diagonal: Nodes
    upper: Nodes
    """The tridiagonal matrix of the field."""
    node_inverse: Float[Array, "k k nodes"]
    node_gain: Float[Array, "k nodes"]
    """dz/du."""
    charge_rate: Float[Array, "k nodes"]
    """c/g."""
    edge_inverse: Float[Array, "l l nodes"]
    gain_left: Float[Array, "l nodes"]
    """dw/du_left."""
    gain_right: Float[Array, "l nodes"]
    flux_edge: Float[Array, "l nodes"]
    has_left: NodeMask


def factorise(system: ChainSystem, lin: Linearisation) -> Factors:
    """Eliminate the local states: their part of the matrix is inverted point by point."""
    nk, nl = lin.rate_field.shape[0], lin.rate_left.shape[0]
    capacities = system.capacities
    node_matrix = [[(1.0 / lin.step if i == j else 0.0) - lin.rate_node[i, j] for j in range(nk)] for i in range(nk)]
    edge_matrix = [
        [(capacities.edge[i] / lin.step if i == j else 0.0) - lin.rate_edge[i, j] for j in range(nl)] for i in range(nl)
    ]
    node_inverse = _inverse(node_matrix, lin.rate_node)
    edge_inverse = _inverse(edge_matrix, lin.rate_edge)
    node_gain = _apply(node_inverse, lin.rate_field)
    gain_left, gain_right = _apply(edge_inverse, lin.rate_left), _apply(edge_inverse, lin.rate_right)
    flux_left = lin.flux_left + _dot(lin.flux_edge, gain_left)
    flux_right = lin.flux_right + _dot(lin.flux_edge, gain_right)
    charge_rate = capacities.node_charge / lin.step
    stored = capacities.field / lin.step + _dot(charge_rate, node_gain)
    return Factors(
        lower=left_edge(flux_left, system.has_left),
        diagonal=stored - flux_left + left_edge(flux_right, system.has_left),
        upper=-flux_right,
        node_inverse=node_inverse,
        node_gain=node_gain,
        charge_rate=charge_rate,
        edge_inverse=edge_inverse,
        gain_left=gain_left,
        gain_right=gain_right,
        flux_edge=lin.flux_edge,
        has_left=system.has_left,
    )


def substitute(factors: Factors, rhs: State) -> State:
    """D with (M/g - rate') D = rhs; linear in `rhs`."""
    node_free = _apply(factors.node_inverse, rhs.node)
    edge_free = _apply(factors.edge_inverse, rhs.edge)
    flux_free = _dot(factors.flux_edge, edge_free)
    stored_free = _dot(factors.charge_rate, node_free)
    field = solve_tridiagonal(
        factors.lower,
        factors.diagonal,
        factors.upper,
        rhs.field + flux_free - left_edge(flux_free, factors.has_left) - stored_free,
    )
    right = right_neighbour(field)
    node = factors.node_gain * field[None] + node_free
    edge = factors.gain_left * field[None] + factors.gain_right * right[None] + edge_free
    return State(field, node, edge)


def no_factors(system: ChainSystem, state: State) -> Factors:
    """Zeros in the shape of factors, to start a loop with."""
    step = jnp.asarray(1.0)
    shapes = jax.eval_shape(lambda: factorise(system, linearise(system, state, step, step)))
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)


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


def _dot(rows: Array, columns: Array) -> Array:
    """Sum over the local states, point by point."""
    terms = [row * column for row, column in zip(list(rows), list(columns), strict=True)]
    return functools.reduce(jnp.add, terms, jnp.zeros(rows.shape[1:], dtype=rows.dtype))


def _apply(matrix: Float[Array, "n n nodes"], columns: Float[Array, "n nodes"]) -> Float[Array, "n nodes"]:
    return _stack([_dot(row, columns) for row in list(matrix)], columns)


def _inverse(matrix: list[list[Array]], like: Float[Array, "n n nodes"]) -> Float[Array, "n n nodes"]:
    """Inverses of n x n systems, one at each point, by elimination without pivoting written out for small n.

    The matrices are M/g minus the rates' derivatives: diagonally dominant for the short g that accuracy asks for.
    """
    n = len(matrix)
    if n == 0:
        return like
    one, zero = jnp.ones_like(matrix[0][0]), jnp.zeros_like(matrix[0][0])
    rows = [list(matrix[i]) + [one if i == j else zero for j in range(n)] for i in range(n)]
    for pivot in range(n):
        head = 1.0 / rows[pivot][pivot]
        rows[pivot] = [entry * head for entry in rows[pivot]]
        for other in range(n):
            if other != pivot:
                factor = rows[other][pivot]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[pivot], strict=True)]
    return jnp.stack([jnp.stack(row[n:]) for row in rows])
