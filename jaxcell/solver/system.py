"""What the solver needs to know of a model: a chain of nodes that talk to their neighbours.

The state is a field u at M nodes and, where there is a salt, its concentration c; k local states z at each node, l
local states w at each edge (edge m lies to the right of node m, and nothing flows in the last one) and a few states s
of the whole cell.  With I the cell's current density, the equations are

    C_m du_m/dt + sum_k c_k dz_mk/dt  =  J_m - J_(m-1)               (charge at node m)
                        B_m dc_m/dt  =  G_m - G_(m-1)                (salt at node m)
    Z_m dz_m/dt  =  z'(u_m, c_m, z_m, s)                             (local states of a node)
    T_m dw_m/dt  =  W(u, c, z on both sides, w_m, I, s)              (local states of an edge; its fluxes J, G likewise)
        S ds/dt  =  V(everything, I)                                 (states of the cell)

so eliminating z and w point by point leaves one tridiagonal system for u (of 2 x 2 blocks with c), however many local
states there are, with a border of as many rows and columns as there are s.  C, B, Z, T or S of zero make their row
algebraic.  Some nodes hold particles, shells p_1 ... p_N around a centre with fluxes between them and to the surface,
which is one of the node's local states, z_surface = p_(N+1):

        V_i dp_i/dt  =  K_i(p_i, p_(i+1)) - K_(i-1)                  (shell i)

Their shells are eliminated from the inside, before the local states.  Shells whose fluxes are linear can be given as
modes instead, each driven by the surface alone,

           dp_i/dt  =  K_i(p_i, z_surface),        outermost shell = sum w_i p_i,

which are eliminated one by one.  Charge that leaves the ionic phase is written as
what it is stored in, c dz/dt: the rates of a fast reaction, which are large and nearly cancel, do not enter the
balance.
"""

from abc import abstractmethod
from typing import Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxcell.units import Entries, Entry, NodeMask, Nodes, Scalar

Rows: TypeAlias = tuple[Entries, ...]
"""Fields, local states or their rates, a row each: laws take rows, so that derivatives by one do not drag the others
along."""


class State(NamedTuple):
    """Fields and local states of the chain; also used for their increments, residuals and rates, and for complex
    amplitudes."""

    field: Float[Array, " nodes"]
    """u [V] at the nodes."""
    salt: Float[Array, "salts nodes"]
    """Concentration of the salt less that at the start [mol m-3]; one row, or none."""
    node: Float[Array, "k nodes"]
    """z: local states of the nodes."""
    particle: Float[Array, "shells points"]
    """p: shells, from the inside, of the particles at some of the nodes."""
    edge: Float[Array, "l nodes"]
    """w: local states of the edges."""
    shared: Float[Array, " s"]
    """s: states of the whole cell."""

    @property
    def fields(self) -> Rows:
        """u and, where there is a salt, its concentration."""
        return (self.field, *self.salt)


class Site(NamedTuple):
    """What an edge sees of a node."""

    fields: Rows
    states: Rows


def stack_states(states: list[State]) -> State:
    """States as one, with a leading axis."""
    return jax.tree.map(lambda *rows: jnp.stack(rows), *states)


def row_of(tree: Any, index: int) -> Any:
    """One entry along the leading axis of every leaf."""
    return jax.tree.map(lambda rows: rows[index], tree)


def per_row(mask: Array, rows: Array) -> Array:
    """One entry for each of the rows, shaped to be used with all of them."""
    return mask.reshape(mask.shape + (1,) * (rows.ndim - mask.ndim))


def inner(one: State, other: State) -> Entry:
    """Sum of the products."""
    start = jnp.zeros((), dtype=one.field.dtype)
    return sum((jnp.sum(a * b) for a, b in zip(one, other, strict=True)), start=start)


class Particles(eqx.Module):
    """Which nodes hold particles, one after the other, and the local state that is their surface."""

    start: int = eqx.field(static=True)
    stop: int = eqx.field(static=True)
    nodes: int = eqx.field(static=True)
    """Of the whole chain."""
    surface: int = eqx.field(static=True)
    weights: tuple[float, ...] = eqx.field(static=True, default=())
    """w: of modes in the outermost shell; none for shells."""

    def at(self, row: Entries) -> Inexact[Array, " points"]:
        """Values at the nodes with particles."""
        return row[self.start : self.stop]

    def along(self, values: Inexact[Array, " points"]) -> Entries:
        """Such values along the chain, zero elsewhere."""
        return jnp.pad(values, (self.start, self.nodes - self.stop))

    def outermost(self, shells: Inexact[Array, "shells points"]) -> Entries:
        """Those of the outermost shells."""
        if not self.some:
            return jnp.zeros(self.nodes, dtype=shells.dtype)
        return self.along(
            jnp.sum(jnp.asarray(self.weights, dtype=shells.dtype)[:, None] * shells, axis=0)
            if self.modal
            else shells[-1]
        )

    def gains(self, fluxes: Inexact[Array, "shells points"]) -> Inexact[Array, "shells points"]:
        """What shells, or modes, gain by these fluxes."""
        return fluxes if self.modal else fluxes - inner_face(fluxes)

    @property
    def some(self) -> bool:
        return self.stop > self.start

    @property
    def modal(self) -> bool:
        return bool(self.weights)


class EdgeLaw(NamedTuple):
    """What an edge does at given fields on both sides, w and I."""

    flux: Rows
    """J [A m-2], toward the left, and of the salt's anions, G [A m-2]."""
    rate: Rows
    """T dw/dt."""


class Capacities(NamedTuple):
    """The mass matrix M of the equations above."""

    field: Nodes
    """C [F m-2]."""
    salt: Float[Array, "salts nodes"]
    """B [C m-2 per mol m-3]."""
    node: Float[Array, "k nodes"]
    """Z: one, or zero where a row is algebraic."""
    node_charge: Float[Array, "k nodes"]
    """c: charge in a unit of z."""
    particle: Float[Array, "shells points"]
    """V: volumes of the shells."""
    edge: Float[Array, "l nodes"]
    """T [s]."""
    shared: Float[Array, " s"]
    """S."""

    def times(self, state: State) -> State:
        """M Y."""
        field = self.field * state.field
        for charge, stored in zip(self.node_charge, state.node, strict=True):
            field = field + charge * stored
        return State(
            field,
            self.salt * state.salt,
            self.node * state.node,
            self.particle * state.particle,
            self.edge * state.edge,
            self.shared * state.shared,
        )


class ChainSystem(eqx.Module):
    """A model in the form above. Every law acts element by element along the chain."""

    @property
    @abstractmethod
    def capacities(self) -> Capacities:
        """The mass matrix; zeros make a row algebraic."""

    @property
    @abstractmethod
    def kinetic(self) -> NodeMask:
        """Whether the node's source grows exponentially in u (its Newton updates are limited)."""

    @property
    @abstractmethod
    def salt_origin(self) -> Float[Array, "salts nodes"]:
        """What the salt's concentration counts from [mol m-3]; also the change that alters its laws."""

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
    def edges_apart(self) -> bool:
        """Whether fluxes depend on no edge state, and so each of these on no other."""

    @property
    @abstractmethod
    def particles(self) -> Particles:
        """Where the particles are."""

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
    def node(self, fields: Rows, states: Rows, outermost: Nodes) -> Rows:
        """Z dz/dt of a settled system, element by element; `outermost`: p_N at the nodes, zero without particles."""

    @abstractmethod
    def particle(
        self, inside: Float[Array, "shells points"], outside: Float[Array, "shells points"]
    ) -> Float[Array, "shells points"]:
        """K of a settled system, from p on both sides."""

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


def right_neighbour(values: Inexact[Array, "*rows nodes"]) -> Inexact[Array, "*rows nodes"]:
    """Values at node m + 1, at edge m; the last edge sees arbitrary ones, which its law must ignore."""
    return jnp.roll(values, -1, axis=-1)


def left_edge(flux: Entries) -> Entries:
    """J_(m-1) at node m, zero at the first node."""
    return jnp.where(jnp.arange(flux.shape[-1]) == 0, 0.0, jnp.roll(flux, 1))


def neighbours(state: State) -> tuple[Site, Site]:
    """The nodes on either side of each edge."""
    here = Site(state.fields, tuple(state.node))
    return here, jax.tree.map(right_neighbour, here)


def beyond(system: ChainSystem, state: State) -> Inexact[Array, "shells points"]:
    """p_(i+1) of each shell: the next one's, and the surface's; modes all see the surface."""
    own = system.particles
    if not own.some:
        return state.particle
    surface = own.at(state.node[own.surface])[None]
    return surface + 0.0 * state.particle if own.modal else jnp.concatenate([state.particle[1:], surface])


def rates(system: ChainSystem, state: State, current: Scalar) -> State:
    """M dY/dt: net fluxes into each node, rates of the local states and of those of the whole cell."""
    own = system.settled(state.shared)
    edge = own.edge(*neighbours(state), tuple(state.edge), current, state.shared)
    node = own.node(state.fields, tuple(state.node), own.particles.outermost(state.particle))
    into = own.particles.gains(own.particle(state.particle, beyond(own, state)))
    return balance(node, into, edge, own.whole(state, current))


def balance(
    node_rate: Rows, into_shells: Inexact[Array, "shells points"], edge: EdgeLaw, whole: Inexact[Array, " s"]
) -> State:
    """M dY/dt from the laws' values."""
    charge, *salt = (flux - left_edge(flux) for flux in edge.flux)
    return State(
        charge,
        stacked(tuple(salt), charge),
        stacked(node_rate, charge),
        into_shells,
        stacked(edge.rate, charge),
        whole,
    )


def inner_face(values: Inexact[Array, "shells points"]) -> Inexact[Array, "shells points"]:
    """Values at the inner face of each shell, from those at the outer ones; zero at the centre."""
    return jnp.concatenate([jnp.zeros_like(values[:1]), values[:-1]])


def stacked(rows: Rows, like: Entries) -> Inexact[Array, "k nodes"]:
    """Rows as one array; no rows in the length of `like`."""
    return jnp.stack(rows) if rows else jnp.zeros((0, *like.shape), dtype=like.dtype)
