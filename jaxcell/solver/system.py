"""What the solver needs to know of a model: a chain of nodes that talk to their neighbours.

The state is a field u at M nodes, k local states z at each node, l local states w at each edge (edge m lies
to the right of node m, and the last edge of an electrode meets the separator) and a few states s of the whole cell.
With I the cell's current density, the equations are

    C_m du_m/dt + sum_k c_k dz_mk/dt  =  J_m - left_m J_(m-1)       (charge at node m)
    Z_m dz_m/dt  =  z'(u_m, z_m, s)                                  (local states of a node)
    T_m dw_m/dt  =  W(u_m, z_m, u_(m+1), z_(m+1), w_m, I, s)         (local states of an edge; its flux J_m likewise)
        S ds/dt  =  V(everything, I)                                 (states of the cell)

so eliminating z and w point by point leaves one tridiagonal system for u, however many local states there are, with a
border of as many rows and columns as there are s.  C_m, Z_m, T_m or S of zero make their row algebraic.  Charge that
leaves the ionic phase is written as what it is stored in, c dz/dt: the rates of a fast reaction, which are large and
nearly cancel, do not enter the balance.
"""

from abc import abstractmethod
from typing import Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.units import Edges, NodeMask, Nodes, Scalar


class State(NamedTuple):
    """Field and local states of the chain; also used for their increments, residuals and rates."""

    field: Float[Array, " nodes"]
    """u [V] at the nodes."""
    node: Float[Array, "k nodes"]
    """z: local states of the nodes."""
    edge: Float[Array, "l nodes"]
    """w: local states of the edges."""
    shared: Float[Array, " s"]
    """s: states of the whole cell."""


Rows: TypeAlias = tuple[Nodes, ...]
"""Local states or their rates, a row each: laws take rows, so that derivatives by one do not drag the others along."""


class Site(NamedTuple):
    """What an edge sees of a node."""

    field: Nodes
    states: Rows


def stack_states(states: list[State]) -> State:
    """States as one, with a leading axis."""
    return jax.tree.map(lambda *rows: jnp.stack(rows), *states)


def row_of(tree: Any, index: int) -> Any:
    """One entry along the leading axis of every leaf."""
    return jax.tree.map(lambda rows: rows[index], tree)


def inner(one: State, other: State) -> Scalar:
    """Sum of the products."""
    return sum((jnp.sum(a * b) for a, b in zip(one, other, strict=True)), start=jnp.zeros(()))


class EdgeLaw(NamedTuple):
    """What an edge does at given u on both sides, w and I."""

    flux: Edges
    """J [A m-2], toward the collector."""
    rate: Rows
    """T dw/dt."""


class Capacities(NamedTuple):
    """The mass matrix M of the equations above."""

    field: Nodes
    """C [F m-2]."""
    node: Float[Array, "k nodes"]
    """Z: one, or zero where a row is algebraic."""
    node_charge: Float[Array, "k nodes"]
    """c: charge in a unit of z."""
    edge: Float[Array, "l nodes"]
    """T [s]."""
    shared: Float[Array, " s"]
    """S."""

    def times(self, state: State) -> State:
        """M Y."""
        field = self.field * state.field
        for charge, stored in zip(self.node_charge, state.node, strict=True):
            field = field + charge * stored
        return State(field, self.node * state.node, self.edge * state.edge, self.shared * state.shared)


class ChainSystem(eqx.Module):
    """A model in the form above. Every law acts element by element along the chain."""

    @property
    @abstractmethod
    def capacities(self) -> Capacities:
        """The mass matrix; zeros make a row algebraic."""

    @property
    @abstractmethod
    def has_left(self) -> NodeMask:
        """Whether the node has an edge on its left (False at the first node of an electrode)."""

    @property
    @abstractmethod
    def kinetic(self) -> NodeMask:
        """Whether the node's source grows exponentially in u (its Newton updates are limited)."""

    @property
    @abstractmethod
    def node_scale(self) -> Float[Array, "k nodes"]:
        """Change of z that alters the node's law by its own order: scales the Newton iteration."""

    @property
    @abstractmethod
    def node_tolerance(self) -> Float[Array, "k nodes"]:
        """Error of z that shifts u by about 1 V: scales the error control [unit of z per V]."""

    @property
    @abstractmethod
    def node_origin(self) -> Float[Array, "k nodes"]:
        """What z counts from: z + origin is the amount that stays positive.

        Counting changes from the start, not amounts, keeps a short pulse on a thick foil exact.
        """

    @property
    @abstractmethod
    def node_reads(self) -> tuple[tuple[int, ...], ...]:
        """Which node states the rate of each one reads."""

    @property
    @abstractmethod
    def edge_reads(self) -> tuple[int, ...]:
        """Which node states the edges read."""

    @property
    @abstractmethod
    def shared_scale(self) -> Float[Array, " s"]:
        """Change of s that alters the laws by their own order."""

    @property
    def shared_limit(self) -> Float[Array, " s"]:
        """s beyond which the laws hold no more, where a run ends."""
        return jnp.full_like(self.shared_scale, jnp.inf)

    @abstractmethod
    def settled(self, shared: Float[Array, " s"]) -> "ChainSystem":
        """This system with the numbers of its laws at given states of the whole cell, once for many evaluations."""

    @abstractmethod
    def node(self, field: Nodes, states: Rows) -> Rows:
        """Z dz/dt of a settled system, element by element."""

    @abstractmethod
    def edge(self, left: Site, right: Site, states: Rows, current: Scalar, shared: Float[Array, " s"]) -> EdgeLaw:
        """Edge laws of a settled system, element by element.

        `current` is the cell's I [A m-2], positive plates the working side.
        """

    @abstractmethod
    def whole(self, state: State, current: Scalar) -> Float[Array, " s"]:
        """S ds/dt of a settled system."""

    @abstractmethod
    def voltage(self, state: State, current: Scalar) -> Scalar:
        """Cell voltage E = phi_e(counter) - phi_e(working) [V]: for the guard and the error report."""


def right_neighbour(values: Float[Array, "*rows nodes"]) -> Float[Array, "*rows nodes"]:
    """Values at node m + 1, at edge m; the last edge sees arbitrary ones, which its law must ignore."""
    return jnp.roll(values, -1, axis=-1)


def left_edge(flux: Edges, has_left: NodeMask) -> Nodes:
    """J_(m-1) at node m, zero at the first node of an electrode."""
    return jnp.where(has_left, jnp.roll(flux, 1), 0.0)


def neighbours(state: State) -> tuple[Site, Site]:
    """The nodes on either side of each edge."""
    right = right_neighbour(state.field), tuple(right_neighbour(state.node))
    return Site(state.field, tuple(state.node)), Site(*right)


def rates(system: ChainSystem, state: State, current: Scalar) -> State:
    """M dY/dt: net current into each node, rates of the local states and of those of the whole cell."""
    own = system.settled(state.shared)
    edge = own.edge(*neighbours(state), tuple(state.edge), current, state.shared)
    return balance(system, own.node(state.field, tuple(state.node)), edge, own.whole(state, current))


def balance(system: ChainSystem, node_rate: Rows, edge: EdgeLaw, whole: Float[Array, " s"]) -> State:
    """M dY/dt from the laws' values."""
    net = edge.flux - left_edge(edge.flux, system.has_left)
    return State(net, stacked(node_rate, net), stacked(edge.rate, net), whole)


def stacked(rows: Rows, like: Nodes) -> Float[Array, "k nodes"]:
    """Rows as one array; no rows in the length of `like`."""
    return jnp.stack(rows) if rows else jnp.zeros((0, *like.shape), dtype=like.dtype)
