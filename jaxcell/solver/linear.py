"""Derivatives of a chain's laws at a state, and linear systems with the matrix of an implicit stage.

All derivatives of the laws along the chain are diagonal, so a handful of forward-mode derivatives with vectors of
ones gives every block.  Local states are eliminated point by point (small systems, vectorised along the chain, whose
zeros are known beforehand and left out), the field by one tridiagonal solve, the states of the whole cell by a Schur
complement.
"""

import functools
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.solver.system import (
    Capacities,
    ChainSystem,
    EdgeLaw,
    Rows,
    Site,
    State,
    balance,
    inner,
    left_edge,
    neighbours,
    rates,
    right_neighbour,
    row_of,
    stack_states,
    stacked,
)
from jaxcell.solver.tridiagonal import solve_tridiagonal
from jaxcell.units import Edges, NodeMask, Nodes, Scalar

Row: TypeAlias = tuple[Array | None, ...]
"""Coefficients of the local states at each point; None for zero."""
Matrix: TypeAlias = tuple[Row, ...]


class Border(NamedTuple):
    """Coupling of the states of the whole cell; leading axes without names are those states."""

    columns: State
    """d(M dY/dt)/ds, all but its own part."""
    rows: State
    """d(S ds/dt)/dY, all but its own part."""
    own: Float[Array, "s s"]
    """d(S ds/dt)/ds."""


class Linearisation(NamedTuple):
    """Derivatives of the laws at a state, for a stage of length g [s]."""

    step: Scalar
    rate: State
    """M dY/dt."""
    rate_field: Rows
    rate_node: Matrix
    flux_left: Edges
    flux_right: Edges
    flux_edge: Row
    flux_seen: Matrix
    """By the node states on the left and on the right."""
    rate_left: Rows
    rate_right: Rows
    rate_edge: Matrix
    rate_seen: tuple[Matrix, ...]
    border: Border


def linearise(system: ChainSystem, state: State, step: Scalar, current: Scalar) -> Linearisation:
    """Laws and their derivatives at a state, by forward-mode differentiation with vectors of ones."""
    own = system.settled(state.shared)
    field, nodes, edges = state.field, tuple(state.node), tuple(state.edge)
    left, right = neighbours(state)
    ones = jnp.ones_like(field)

    def by(law, row: Nodes):
        """Value of a law at a row, and its derivative by that row."""
        return jax.jvp(law, (row,), (ones,))

    node_rate, rate_field = by(lambda u: own.node(u, nodes), field)
    read = sorted({j for reads in system.node_reads for j in reads})
    by_node = {j: by(lambda z, j=j: own.node(field, _with(nodes, j, z)), nodes[j])[1] for j in read}

    def edge_law(left: Site, right: Site, states: Rows) -> EdgeLaw:
        return own.edge(left, right, states, current, state.shared)

    edge, from_left = by(lambda u: edge_law(left._replace(field=u), right, edges), left.field)
    _, from_right = by(lambda u: edge_law(left, right._replace(field=u), edges), right.field)
    by_edge = [by(lambda w, j=j: edge_law(left, right, _with(edges, j, w)), edges[j])[1] for j in range(len(edges))]
    on_left = {
        j: by(lambda z, j=j: edge_law(_state_with(left, j, z), right, edges), nodes[j])[1] for j in system.edge_reads
    }
    on_right = {
        j: by(lambda z, j=j: edge_law(left, _state_with(right, j, z), edges), right.states[j])[1]
        for j in system.edge_reads
    }
    sides = (on_left, on_right)
    k, m = range(len(nodes)), range(len(edges))
    return Linearisation(
        step=step,
        rate=balance(system, node_rate, edge, own.whole(state, current)),
        rate_field=rate_field,
        rate_node=tuple(
            tuple(by_node[j][i] if j in reads else None for j in k) for i, reads in enumerate(system.node_reads)
        ),
        flux_left=from_left.flux,
        flux_right=from_right.flux,
        flux_edge=tuple(law.flux for law in by_edge),
        flux_seen=tuple(tuple(side[j].flux if j in side else None for j in k) for side in sides),
        rate_left=from_left.rate,
        rate_right=from_right.rate,
        rate_edge=tuple(tuple(law.rate[i] for law in by_edge) for i in m),
        rate_seen=tuple(tuple(tuple(side[j].rate[i] if j in side else None for j in k) for i in m) for side in sides),
        border=_border(system, state, current),
    )


def _border(system: ChainSystem, state: State, current: Scalar) -> Border:
    """Derivatives by and of the states of the whole cell; each is one more forward or reverse pass."""
    count = state.shared.shape[0]
    if count == 0:
        nothing = jax.tree.map(lambda y: jnp.zeros((0, *y.shape)), state)
        return Border(nothing, nothing, jnp.zeros((0, 0)))
    units = [jnp.asarray(unit) for unit in np.eye(count)]
    columns = [
        jax.jvp(lambda s: rates(system, state._replace(shared=s), current), (state.shared,), (unit,))[1]
        for unit in units
    ]
    rows = [jax.grad(lambda y, i=i: system.settled(y.shared).whole(y, current)[i])(state) for i in range(count)]
    stacked_columns, stacked_rows = stack_states(columns), stack_states(rows)
    return Border(_without_shared(stacked_columns), _without_shared(stacked_rows), stacked_rows.shared)


def multiply(system: ChainSystem, lin: Linearisation, state: State) -> State:
    """(M/g - rate') D: the matrix of a stage times a state."""
    field, node, edge, shared = state
    right, node_right = right_neighbour(field), right_neighbour(node)
    flux = lin.flux_left * field + lin.flux_right * right + _dot(lin.flux_edge, edge, field)
    node_rate = tuple(_plus_product(d * field, row, node) for d, row in zip(lin.rate_field, lin.rate_node, strict=True))
    pushed = [a * field + b * right for a, b in zip(lin.rate_left, lin.rate_right, strict=True)]
    edge_rate = [_plus_product(p, row, edge) for p, row in zip(pushed, lin.rate_edge, strict=True)]
    for side, values in enumerate((node, node_right)):
        flux = _plus_product(flux, lin.flux_seen[side], values)
        edge_rate = [_plus_product(r, row, values) for r, row in zip(edge_rate, lin.rate_seen[side], strict=True)]
    whole = _times(lin.border.rows, state) + jnp.sum(lin.border.own * shared[None], axis=1)
    rate = _plus(balance(system, node_rate, EdgeLaw(flux, tuple(edge_rate)), whole), lin.border.columns, shared)
    return jax.tree.map(lambda stored, r: stored / lin.step - r, system.capacities.times(state), rate)


class Factors(NamedTuple):
    """The matrix of a stage, M/g minus the rates' derivatives, with the local states eliminated."""

    lower: Nodes
    diagonal: Nodes
    upper: Nodes
    """The tridiagonal matrix of the field."""
    node_inverse: Matrix
    node_gain: Rows
    """dz/du."""
    charge_rate: Rows
    """c/g."""
    edge_inverse: Matrix
    gain_left: Rows
    """dw/du_left."""
    gain_right: Rows
    flux_edge: Row
    flux_seen: Matrix
    rate_seen: tuple[Matrix, ...]
    has_left: NodeMask
    response: State
    """Of the chain to a unit of each state of the whole cell."""
    rows: State
    """How the chain drives them."""
    whole_inverse: Float[Array, "s s"]
    """Inverse of their Schur complement."""


def factorise(system: ChainSystem, lin: Linearisation) -> Factors:
    """Eliminate the local states: their part of the matrix is inverted point by point."""
    capacities = system.capacities
    node_inverse = _inverse(_less(1.0 / lin.step, lin.rate_node, list(capacities.node)))
    edge_inverse = _inverse(_less(1.0 / lin.step, lin.rate_edge, list(capacities.edge)))
    node_gain = _apply(node_inverse, lin.rate_field)
    gain_next = tuple(right_neighbour(row) for row in node_gain)
    by_left = _apply_to(lin.rate_left, lin.rate_seen[0], node_gain)
    by_right = _apply_to(lin.rate_right, lin.rate_seen[1], gain_next)
    gain_left, gain_right = _apply(edge_inverse, by_left), _apply(edge_inverse, by_right)
    flux_left = _plus_product(_plus_product(lin.flux_left, lin.flux_edge, gain_left), lin.flux_seen[0], node_gain)
    flux_right = _plus_product(_plus_product(lin.flux_right, lin.flux_edge, gain_right), lin.flux_seen[1], gain_next)
    charge_rate = tuple(row / lin.step for row in capacities.node_charge)
    stored = _plus_product(capacities.field / lin.step, charge_rate, node_gain)
    chain = Factors(
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
        flux_seen=lin.flux_seen,
        rate_seen=lin.rate_seen,
        has_left=system.has_left,
        response=lin.border.columns,
        rows=lin.border.rows,
        whole_inverse=lin.border.own,
    )
    return chain if lin.border.own.shape[0] == 0 else _with_border(chain, lin, capacities)


def _with_border(chain: Factors, lin: Linearisation, capacities: Capacities) -> Factors:
    """Responses to the states of the whole cell, and the matrix that is left for these."""
    response = jax.vmap(lambda column: _substitute_chain(chain, column))(lin.border.columns)
    count = lin.border.own.shape[0]

    def left(i: int, j: int) -> Array:
        stored = capacities.shared[i] / lin.step if i == j else 0.0
        return stored - lin.border.own[i, j] - inner(row_of(lin.border.rows, i), row_of(response, j))

    inverse = _inverse(tuple(tuple(left(i, j) for j in range(count)) for i in range(count)))
    entries = jnp.stack([entry for row in inverse for entry in row if entry is not None])
    return chain._replace(response=response, whole_inverse=jnp.reshape(entries, (count, count)))


def substitute(factors: Factors, rhs: State) -> State:
    """D with (M/g - rate') D = rhs; linear in `rhs`."""
    chain = _substitute_chain(factors, rhs)
    if rhs.shared.shape[0] == 0:
        return chain
    driven = rhs.shared + _times(factors.rows, chain)
    shared = jnp.sum(factors.whole_inverse * driven[None], axis=1)
    return _plus(chain, factors.response, shared)._replace(shared=shared)


def _substitute_chain(factors: Factors, rhs: State) -> State:
    """... with the states of the whole cell at rest."""
    node_free = _apply(factors.node_inverse, tuple(rhs.node))
    free_next = tuple(right_neighbour(row) for row in node_free)
    pushed = _apply_to(_apply_to(tuple(rhs.edge), factors.rate_seen[0], node_free), factors.rate_seen[1], free_next)
    edge_free = _apply(factors.edge_inverse, pushed)
    flux_free = _dot(factors.flux_edge, edge_free, rhs.field)
    flux_free = _plus_product(
        _plus_product(flux_free, factors.flux_seen[0], node_free), factors.flux_seen[1], free_next
    )
    stored_free = _dot(factors.charge_rate, node_free, rhs.field)
    field = solve_tridiagonal(
        factors.lower,
        factors.diagonal,
        factors.upper,
        rhs.field + flux_free - left_edge(flux_free, factors.has_left) - stored_free,
    )
    right = right_neighbour(field)
    node = tuple(gain * field + free for gain, free in zip(factors.node_gain, node_free, strict=True))
    gains = zip(factors.gain_left, factors.gain_right, edge_free, strict=True)
    edge = tuple(a * field + b * right + free for a, b, free in gains)
    return State(field, stacked(node, field), stacked(edge, field), jnp.zeros_like(rhs.shared))


def no_factors(system: ChainSystem, state: State) -> Factors:
    """Zeros in the shape of factors, to start a loop with."""
    step = jnp.asarray(1.0)
    shapes = jax.eval_shape(lambda: factorise(system, linearise(system, state, step, step)))
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)


def _with(rows: Rows, index: int, row: Nodes) -> Rows:
    return (*rows[:index], row, *rows[index + 1 :])


def _state_with(site: Site, index: int, row: Nodes) -> Site:
    return site._replace(states=_with(site.states, index, row))


def _without_shared(states: State) -> State:
    return states._replace(shared=jnp.zeros_like(states.shared))


def _times(rows: State, state: State) -> Float[Array, " s"]:
    """Each row times the state."""
    count = rows.shared.shape[0]
    return jnp.stack([inner(row_of(rows, i), state) for i in range(count)]) if count else state.shared


def _plus(state: State, columns: State, amounts: Float[Array, " s"]) -> State:
    """The state plus so much of each column."""
    for j in range(amounts.shape[0]):
        state = jax.tree.map(lambda y, column, j=j: y + amounts[j] * column[j], state, columns)
    return state


def _plus_product(start: Array, row: Row | Rows, columns: Iterable[Array]) -> Array:
    """Start plus the sum over the local states, point by point."""
    terms = [a * b for a, b in zip(row, columns, strict=True) if a is not None]
    return functools.reduce(jnp.add, terms, start)


def _dot(row: Row | Rows, columns: Iterable[Array], like: Nodes) -> Array:
    return _plus_product(jnp.zeros_like(like), row, columns)


def _apply_to(start: Rows, matrix: Matrix, columns: Rows) -> Rows:
    return tuple(_plus_product(s, row, columns) for s, row in zip(start, matrix, strict=True))


def _apply(matrix: Matrix, columns: Rows) -> Rows:
    """Matrix times columns, point by point; no row is empty."""
    return tuple(
        functools.reduce(jnp.add, [a * b for a, b in zip(row, columns, strict=True) if a is not None]) for row in matrix
    )


def _less(diagonal: Array, matrix: Matrix, weights: list[Array]) -> Matrix:
    """weights diagonal - matrix."""

    def entry(i: int, j: int) -> Array | None:
        own = matrix[i][j]
        if i != j:
            return None if own is None else -own
        return weights[i] * diagonal if own is None else weights[i] * diagonal - own

    return tuple(tuple(entry(i, j) for j in range(len(matrix))) for i in range(len(matrix)))


def _inverse(matrix: Matrix) -> Matrix:
    """Inverses of n x n systems, one at each point, by elimination without pivoting, written out for small n.

    The matrices are M/g minus the rates' derivatives: diagonally dominant for the short g that accuracy asks for.
    Zeros (None) stay zeros where elimination does not fill them.
    """
    n = len(matrix)
    rows: list[list[Array | None]] = [[*matrix[i], *([None] * n)] for i in range(n)]
    for i in range(n):
        own = matrix[i][i]
        rows[i][n + i] = None if own is None else jnp.ones_like(own)
    for pivot in range(n):
        head = rows[pivot][pivot]
        if head is None:
            raise ValueError("a local state must have a rate or a capacity of its own.")
        scale = 1.0 / head
        rows[pivot] = [None if entry is None else entry * scale for entry in rows[pivot]]
        for other in range(n):
            factor = rows[other][pivot]
            if other != pivot and factor is not None:
                rows[other] = [_minus(a, factor, b) for a, b in zip(rows[other], rows[pivot], strict=True)]
    return tuple(tuple(row[n:]) for row in rows)


def _minus(entry: Array | None, factor: Array, other: Array | None) -> Array | None:
    """entry - factor other."""
    if other is None:
        return entry
    return -factor * other if entry is None else entry - factor * other
