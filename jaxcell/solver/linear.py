"""Derivatives of a chain's laws at a state, and linear systems with the matrix of an implicit stage.

All derivatives of the laws along the chain are diagonal, so a handful of forward-mode derivatives with vectors of
ones gives every block.  Particles are eliminated shell by shell, local states point by point (small systems, vectorised
along the chain, whose zeros are known beforehand and left out), the fields by one tridiagonal solve, the states of the
whole cell by a Schur complement.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Inexact

from jaxcell.solver.pointwise import (
    Full,
    Matrix,
    diagonal_less,
    inverse,
    plus_matrices,
    plus_product,
    plus_times,
    times,
    times_matrix,
)
from jaxcell.solver.shells import (
    ShellDerivatives,
    ShellFactors,
    factorise_shells,
    no_shells,
    shell_derivatives,
    substitute_shells,
)
from jaxcell.solver.system import (
    Capacities,
    ChainSystem,
    EdgeLaw,
    Particles,
    Rows,
    Site,
    State,
    balance,
    beyond,
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
from jaxcell.units import Entries, Entry, Scalar


class Border(NamedTuple):
    """Coupling of the states of the whole cell; leading axes without names are those states."""

    columns: State
    """d(M dY/dt)/ds, all but its own part."""
    rows: State
    """d(S ds/dt)/dY, all but its own part."""
    own: Inexact[Array, "s s"]
    """d(S ds/dt)/ds."""


class Linearisation(NamedTuple):
    """Derivatives of the laws at a state, for a stage of length g [s]: a row for each thing that is differentiated."""

    step: Entry
    """g; 1/(j omega) for the response to an alternating current."""
    rate: State
    """M dY/dt."""
    rate_fields: Full
    """Of the node states."""
    rate_node: Matrix
    rate_outermost: Entries
    """Of the particles' surfaces, by their outermost shells."""
    diffusion: ShellDerivatives
    flux_left: Full
    """By the fields on the left."""
    flux_right: Full
    flux_edge: Matrix
    flux_seen: tuple[Matrix, ...]
    """By the node states on the left and on the right."""
    rate_left: Full
    """Of the edge states."""
    rate_right: Full
    rate_edge: Matrix
    rate_seen: tuple[Matrix, ...]
    border: Border


def linearise(system: ChainSystem, state: State, step: Scalar, current: Scalar) -> Linearisation:
    """Laws and their derivatives at a state, by forward-mode differentiation with vectors of ones."""
    own = system.settled(state.shared)
    fields, nodes, edges = state.fields, tuple(state.node), tuple(state.edge)
    left, right = neighbours(state)
    ones = jnp.ones_like(state.field)
    every, k, m = range(len(fields)), range(len(nodes)), range(len(edges))

    def by(law, row: Entries):
        """Value of a law at a row, and its derivative by that row."""
        return jax.jvp(law, (row,), (ones,))

    particles = system.particles
    outermost = particles.outermost(state.particle)
    by_field = [by(lambda u, j=j: own.node(_with(fields, j, u), nodes, outermost), fields[j]) for j in every]
    read = sorted({j for reads in system.node_reads for j in reads})
    by_node = {j: by(lambda z, j=j: own.node(fields, _with(nodes, j, z), outermost), nodes[j])[1] for j in read}
    rate_outermost = jnp.zeros_like(outermost)
    if particles.some:
        rate_outermost = by(lambda p: own.node(fields, nodes, p), outermost)[1][particles.surface]
    diffusion, shells = shell_derivatives(own, state)

    def edge_law(left: Site, right: Site, states: Rows) -> EdgeLaw:
        return own.edge(left, right, states, current, state.shared)

    by_left = [by(lambda u, j=j: edge_law(_field_with(left, j, u), right, edges), left.fields[j]) for j in every]
    by_right = [by(lambda u, j=j: edge_law(left, _field_with(right, j, u), edges), right.fields[j])[1] for j in every]
    by_edge = [by(lambda w, j=j: edge_law(left, right, _with(edges, j, w)), edges[j])[1] for j in m]
    on_left = {
        j: by(lambda z, j=j: edge_law(_state_with(left, j, z), right, edges), nodes[j])[1] for j in system.edge_reads
    }
    on_right = {
        j: by(lambda z, j=j: edge_law(left, _state_with(right, j, z), edges), right.states[j])[1]
        for j in system.edge_reads
    }
    sides = (on_left, on_right)
    (edge, _), from_left = by_left[0], [law for _, law in by_left]
    return Linearisation(
        step=step,
        rate=balance(by_field[0][0], particles.gains(diffusion), edge, own.whole(state, current)),
        rate_fields=tuple(tuple(rate[i] for _, rate in by_field) for i in k),
        rate_node=tuple(
            tuple(by_node[j][i] if j in reads else None for j in k) for i, reads in enumerate(system.node_reads)
        ),
        rate_outermost=rate_outermost,
        diffusion=shells,
        flux_left=tuple(tuple(law.flux[i] for law in from_left) for i in every),
        flux_right=tuple(tuple(law.flux[i] for law in by_right) for i in every),
        flux_edge=tuple(tuple(None if system.edges_apart else law.flux[i] for law in by_edge) for i in every),
        flux_seen=tuple(_seen([side[j].flux if j in side else None for j in k], len(fields)) for side in sides),
        rate_left=tuple(tuple(law.rate[i] for law in from_left) for i in m),
        rate_right=tuple(tuple(law.rate[i] for law in by_right) for i in m),
        rate_edge=tuple(
            tuple(None if system.edges_apart and i != j else law.rate[i] for j, law in enumerate(by_edge)) for i in m
        ),
        rate_seen=tuple(_seen([side[j].rate if j in side else None for j in k], len(edges)) for side in sides),
        border=_border(system, state, current),
    )


def _seen(derivatives: list[Rows | None], rows: int) -> Matrix:
    """A matrix of that many rows from its columns; None for a column of zeros."""
    return tuple(tuple(None if column is None else column[i] for column in derivatives) for i in range(rows))


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


def multiply(system: ChainSystem, lin: Linearisation, state: State, capacities: Capacities | None = None) -> State:
    """(M/g - rate') D: the matrix of a stage times a state; `capacities` in place of the system's own."""
    capacities = system.capacities if capacities is None else capacities
    fields, node, edge = state.fields, tuple(state.node), tuple(state.edge)
    right, node_right = ([right_neighbour(row) for row in rows] for rows in (fields, node))
    none = jnp.zeros_like(state.field)
    node_rate = plus_times(plus_times((none,) * len(node), lin.rate_fields, fields), lin.rate_node, node)
    particles = system.particles
    if particles.some:
        pulled = lin.rate_outermost * particles.outermost(state.particle)
        node_rate = _with(node_rate, particles.surface, node_rate[particles.surface] + pulled)
    diffusion = lin.diffusion.times(state.particle, beyond(system, state))

    def along(by_left: Full, by_right: Full, by_edge: Matrix, seen: tuple[Matrix, ...]) -> Rows:
        out = (none,) * len(by_left)
        for matrix, column in (
            (by_left, fields),
            (by_right, right),
            (by_edge, edge),
            (seen[0], node),
            (seen[1], node_right),
        ):
            out = plus_times(out, matrix, column)
        return out

    flux = along(lin.flux_left, lin.flux_right, lin.flux_edge, lin.flux_seen)
    edge_rate = along(lin.rate_left, lin.rate_right, lin.rate_edge, lin.rate_seen)
    whole = _times(lin.border.rows, state) + jnp.sum(lin.border.own * state.shared[None], axis=1)
    own_rate = balance(node_rate, particles.gains(diffusion), EdgeLaw(flux, edge_rate), whole)
    rate = _plus(own_rate, lin.border.columns, state.shared)
    return jax.tree.map(lambda stored, r: stored / lin.step - r, capacities.times(state), rate)


class Factors(NamedTuple):
    """The matrix of a stage, M/g minus the rates' derivatives, with the local states eliminated."""

    lower: Full
    diagonal: Full
    upper: Full
    """The tridiagonal matrix of the fields."""
    particles: Particles
    shells: ShellFactors
    rate_outermost: Entries
    node_inverse: Matrix
    node_gain: Full
    """dz/d(fields)."""
    charge_rate: Rows
    """c/g."""
    edge_inverse: Matrix
    gain_left: Full
    """dw/d(fields on the left)."""
    gain_right: Full
    flux_edge: Matrix
    flux_seen: tuple[Matrix, ...]
    rate_seen: tuple[Matrix, ...]
    response: State
    """Of the chain to a unit of each state of the whole cell."""
    rows: State
    """How the chain drives them."""
    whole_inverse: Inexact[Array, "s s"]
    """Inverse of their Schur complement."""


def factorise(system: ChainSystem, lin: Linearisation, capacities: Capacities | None = None) -> Factors:
    """Eliminate the local states: their part of the matrix is inverted point by point.

    `capacities` in place of the system's own, complex where `lin` is.
    """
    capacities = system.capacities if capacities is None else capacities
    particles = system.particles
    shells, rate_node = no_shells(capacities.particle), lin.rate_node
    if particles.some:
        shells = factorise_shells(lin.diffusion, capacities.particle, lin.step, modal=particles.modal)
        # What the shells answer to their surface.
        own, k = lin.rate_outermost * particles.outermost(shells.gain), particles.surface
        rate_node = tuple(
            tuple(_sum(entry, own) if i == j == k else entry for j, entry in enumerate(row))
            for i, row in enumerate(rate_node)
        )
    node_inverse = inverse(diagonal_less(1.0 / lin.step, rate_node, tuple(capacities.node)))
    edge_inverse = inverse(diagonal_less(1.0 / lin.step, lin.rate_edge, tuple(capacities.edge)))
    node_gain = times_matrix(node_inverse, lin.rate_fields)
    gain_next = jax.tree.map(right_neighbour, node_gain)
    gain_left = times_matrix(edge_inverse, plus_matrices(lin.rate_left, lin.rate_seen[0], node_gain))
    gain_right = times_matrix(edge_inverse, plus_matrices(lin.rate_right, lin.rate_seen[1], gain_next))
    flux_left = plus_matrices(plus_matrices(lin.flux_left, lin.flux_edge, gain_left), lin.flux_seen[0], node_gain)
    flux_right = plus_matrices(plus_matrices(lin.flux_right, lin.flux_edge, gain_right), lin.flux_seen[1], gain_next)
    charge_rate = tuple(row / lin.step for row in capacities.node_charge)
    stored = _stored(capacities, lin.step, charge_rate, node_gain)
    chain = Factors(
        lower=jax.tree.map(left_edge, flux_left),
        diagonal=jax.tree.map(lambda s, a, b: s - a + left_edge(b), stored, flux_left, flux_right),
        upper=jax.tree.map(jnp.negative, flux_right),
        particles=particles,
        shells=shells,
        rate_outermost=lin.rate_outermost,
        node_inverse=node_inverse,
        node_gain=node_gain,
        charge_rate=charge_rate,
        edge_inverse=edge_inverse,
        gain_left=gain_left,
        gain_right=gain_right,
        flux_edge=lin.flux_edge,
        flux_seen=lin.flux_seen,
        rate_seen=lin.rate_seen,
        response=lin.border.columns,
        rows=lin.border.rows,
        whole_inverse=lin.border.own,
    )
    return chain if lin.border.own.shape[0] == 0 else _with_border(chain, lin, capacities)


def _stored(capacities: Capacities, step: Entry, charge_rate: Rows, node_gain: Full) -> Full:
    """What the nodes store, by the fields."""
    none = jnp.zeros_like(capacities.field)
    charge = (capacities.field / step, *(none for _ in capacities.salt))
    charge = plus_matrices((charge,), (charge_rate,), node_gain)
    return (*charge, *((none, row / step) for row in capacities.salt))


def _with_border(chain: Factors, lin: Linearisation, capacities: Capacities) -> Factors:
    """Responses to the states of the whole cell, and the matrix that is left for these."""
    response = jax.vmap(lambda column: _substitute_chain(chain, column))(lin.border.columns)
    count = lin.border.own.shape[0]

    def left(i: int, j: int) -> Array:
        stored = capacities.shared[i] / lin.step if i == j else 0.0
        return stored - lin.border.own[i, j] - inner(row_of(lin.border.rows, i), row_of(response, j))

    solved = inverse(tuple(tuple(left(i, j) for j in range(count)) for i in range(count)))
    entries = jnp.stack([entry for row in solved for entry in row if entry is not None])
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
    node, shells_free, particles = tuple(rhs.node), rhs.particle, factors.particles
    if particles.some:
        shells_free = substitute_shells(factors.shells, rhs.particle, modal=particles.modal)
        pulled = node[particles.surface] + factors.rate_outermost * particles.outermost(shells_free)
        node = _with(node, particles.surface, pulled)
    node_free = times(factors.node_inverse, node)
    free_next = tuple(right_neighbour(row) for row in node_free)
    pushed = plus_times(plus_times(tuple(rhs.edge), factors.rate_seen[0], node_free), factors.rate_seen[1], free_next)
    edge_free = times(factors.edge_inverse, pushed)
    flux_free: Rows = tuple(jnp.zeros_like(rhs.field) for _ in rhs.fields)
    for matrix, column in (
        (factors.flux_edge, edge_free),
        *zip(factors.flux_seen, (node_free, free_next), strict=True),
    ):
        flux_free = plus_times(flux_free, matrix, column)
    free = [row + flux - left_edge(flux) for row, flux in zip(rhs.fields, flux_free, strict=True)]
    stored_free = plus_product(jnp.zeros_like(rhs.field), factors.charge_rate, node_free)
    fields = solve_tridiagonal(factors.lower, factors.diagonal, factors.upper, (free[0] - stored_free, *free[1:]))
    node = plus_times(node_free, factors.node_gain, fields)
    edge = plus_times(
        plus_times(edge_free, factors.gain_left, fields), factors.gain_right, jax.tree.map(right_neighbour, fields)
    )
    like, shells = rhs.field, shells_free
    if particles.some:
        shells = shells_free + factors.shells.gain * particles.at(node[particles.surface])[None]
    return State(
        fields[0],
        stacked(fields[1:], like),
        stacked(node, like),
        shells,
        stacked(edge, like),
        jnp.zeros_like(rhs.shared),
    )


def no_factors(system: ChainSystem, state: State) -> Factors:
    """Zeros in the shape of factors, to start a loop with."""
    step = jnp.asarray(1.0)
    shapes = jax.eval_shape(lambda: factorise(system, linearise(system, state, step, step)))
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)


def _with(rows: Rows, index: int, row: Entries) -> Rows:
    return (*rows[:index], row, *rows[index + 1 :])


def _sum(entry: Array | None, other: Array) -> Array:
    return other if entry is None else entry + other


def _field_with(site: Site, index: int, row: Entries) -> Site:
    return site._replace(fields=_with(site.fields, index, row))


def _state_with(site: Site, index: int, row: Entries) -> Site:
    return site._replace(states=_with(site.states, index, row))


def _without_shared(states: State) -> State:
    return states._replace(shared=jnp.zeros_like(states.shared))


def _times(rows: State, state: State) -> Inexact[Array, " s"]:
    """Each row times the state."""
    count = rows.shared.shape[0]
    return jnp.stack([inner(row_of(rows, i), state) for i in range(count)]) if count else state.shared


def _plus(state: State, columns: State, amounts: Inexact[Array, " s"]) -> State:
    """The state plus so much of each column."""
    for j in range(amounts.shape[0]):
        state = jax.tree.map(lambda y, column, j=j: y + amounts[j] * column[j], state, columns)
    return state
