"""Modes of particles, eliminated once a step instead of at every Newton iteration.

Each mode's stage equation is linear in it and in the surface, (p - B)/g = k (p_s - p), so that

    p = free + gain p_s,      free = B/(1 + g k),      gain = g k/(1 + g k),

k the same in every stage.  Newton then runs on the chain alone, whose outermost shells are such a line, too.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.solver.linear import Factors, substitute
from jaxcell.solver.shells import ShellFactors, Shells, factorise_shells, shell_derivatives, substitute_shells
from jaxcell.solver.system import Capacities, ChainSystem, EdgeLaw, Particles, Rows, Site, State
from jaxcell.units import NodeMask, Nodes, Scalar


class EliminatedModes(NamedTuple):
    """Modes in stages of one length."""

    factors: ShellFactors
    stored: Shells
    """1/g [s-1]."""
    surface_by_outermost: Nodes
    """Of the rate of the node state that is the surface, by the outermost shell."""

    def free(self, base: Shells) -> Shells:
        """The modes of a stage for a surface that stays at its start."""
        return substitute_shells(self.factors, self.stored * base, modal=True)

    def at(self, free: Shells, node: Float[Array, "k nodes"], particles: Particles) -> Shells:
        """The modes that belong to a surface."""
        return free + self.factors.gain * particles.at(node[particles.surface])[None]


def eliminated_modes(system: ChainSystem, state: State, step: Scalar) -> EliminatedModes:
    """For stages of g = `step` [s]."""
    capacity, outermost = system.capacities.particle, jnp.zeros_like(state.field)
    _, derivatives = shell_derivatives(system, state)
    surface = system.particles.surface
    _, pulled = jax.jvp(
        lambda p: system.node(state.fields, tuple(state.node), p)[surface], (outermost,), (jnp.ones_like(outermost),)
    )
    return EliminatedModes(factorise_shells(derivatives, capacity, step, modal=True), capacity / step, pulled)


def without_particles(state: State) -> State:
    """A state of the condensed chain."""
    return state._replace(particle=jnp.zeros((0, 0)))


def substitute_condensed(own: EliminatedModes, factors: Factors, particles: Particles, rhs: State) -> State:
    """`substitute` with the factors of the condensed chain, for the whole one."""
    free = substitute_shells(own.factors, rhs.particle, modal=True)
    pulled = rhs.node[particles.surface] + own.surface_by_outermost * particles.outermost(free)
    chain = substitute(factors, without_particles(rhs)._replace(node=rhs.node.at[particles.surface].set(pulled)))
    return chain._replace(particle=own.at(free, chain.node, particles))


class Condensed(ChainSystem):
    """A chain with its particles eliminated; its states hold none."""

    system: ChainSystem
    free: Nodes
    """The outermost shells for surfaces that stay at their start, along the chain."""
    gain: Nodes
    """Their change by the surfaces'."""

    @property
    def capacities(self) -> Capacities:
        return self.system.capacities._replace(particle=jnp.zeros((0, 0)))

    @property
    def kinetic(self) -> NodeMask:
        return self.system.kinetic

    @property
    def salt_origin(self) -> Float[Array, "salts nodes"]:
        return self.system.salt_origin

    @property
    def node_scale(self) -> Float[Array, "k nodes"]:
        return self.system.node_scale

    @property
    def node_tolerance(self) -> Float[Array, "k nodes"]:
        return self.system.node_tolerance

    @property
    def node_origin(self) -> Float[Array, "k nodes"]:
        return self.system.node_origin

    @property
    def node_reads(self) -> tuple[tuple[int, ...], ...]:
        return self.system.node_reads

    @property
    def edge_reads(self) -> tuple[int, ...]:
        return self.system.edge_reads

    @property
    def edges_apart(self) -> bool:
        return self.system.edges_apart

    @property
    def particles(self) -> Particles:
        return Particles(0, 0, self.system.particles.nodes, -1)

    @property
    def shared_scale(self) -> Float[Array, " s"]:
        return self.system.shared_scale

    def settled(self, shared: Float[Array, " s"]) -> "Condensed":
        return self

    def node(self, fields: Rows, states: Rows, outermost: Nodes) -> Rows:
        del outermost
        return self.system.node(fields, states, self.free + self.gain * states[self.system.particles.surface])

    def particle(self, inside: Shells, outside: Shells) -> Shells:
        del outside
        return inside

    def edge(self, left: Site, right: Site, states: Rows, current: Scalar, shared: Float[Array, " s"]) -> EdgeLaw:
        return self.system.edge(left, right, states, current, shared)

    def whole(self, state: State, current: Scalar) -> Float[Array, " s"]:
        return self.system.whole(state, current)

    def voltage(self, state: State, current: Scalar) -> Scalar:
        return self.system.voltage(state, current)
