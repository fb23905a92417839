"""Shells of particles: tridiagonal systems from the centre outwards, one at each point, eliminated before the chain.

Modes, which see the surface alone, are a diagonal instead.
"""

from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from jaxcell.solver.system import ChainSystem, State, beyond, inner_face
from jaxcell.units import Entry

Shells: TypeAlias = Inexact[Array, "shells points"]


class ShellDerivatives(NamedTuple):
    """Of the flux through each shell's outer face."""

    inside: Shells
    outside: Shells

    def times(self, own: Shells, next_one: Shells) -> Shells:
        """Change of the fluxes."""
        return self.inside * own + self.outside * next_one


def shell_derivatives(system: ChainSystem, state: State) -> tuple[Shells, ShellDerivatives]:
    """Fluxes of a settled system, and their derivatives."""
    own, outside, ones = state.particle, beyond(system, state), jnp.ones_like(state.particle)
    flux, by_inside = jax.jvp(lambda p: system.particle(p, outside), (own,), (ones,))
    _, by_outside = jax.jvp(lambda p: system.particle(own, p), (outside,), (ones,))
    return flux, ShellDerivatives(by_inside, by_outside)


class ShellFactors(NamedTuple):
    """Thomas's sweep of the shells' matrix, V/g minus the fluxes' derivatives."""

    factor: Shells
    """Of the row inside, which is taken from each row."""
    pivot: Shells
    """Its inverse."""
    upper: Shells
    gain: Shells
    """Of the shells for a unit at the surface."""


def no_shells(like: Shells) -> ShellFactors:
    """Of a chain without particles."""
    return ShellFactors(like, like, like, like)


def factorise_shells(lin: ShellDerivatives, volumes: Shells, step: Entry, *, modal: bool) -> ShellFactors:
    """Eliminate from the centre; the surface's part of the last row is a right-hand side."""
    if modal:
        pivot = 1.0 / (volumes / step - lin.inside)
        return ShellFactors(pivot[:0], pivot, pivot[:0], pivot * lin.outside)
    lower = inner_face(lin.inside)
    diagonal = volumes / step - lin.inside + inner_face(lin.outside)
    upper = -lin.outside

    def down(carry, row):
        pivot, upper_before = carry
        lower_i, diagonal_i, upper_i = row
        factor = lower_i * pivot
        pivot = 1.0 / (diagonal_i - factor * upper_before)
        return (pivot, upper_i), (factor, pivot)

    none = jnp.zeros_like(volumes[0])
    _, (factor, pivot) = jax.lax.scan(down, (none, none), (lower, diagonal, upper))
    factors = ShellFactors(factor, pivot, upper, upper)
    at_surface = jnp.concatenate([jnp.zeros_like(upper[:-1]), lin.outside[-1:]])
    return factors._replace(gain=substitute_shells(factors, at_surface, modal=False))


def substitute_shells(factors: ShellFactors, rhs: Shells, *, modal: bool) -> Shells:
    """Shells for a surface at rest; linear in `rhs`."""
    if modal:
        return factors.pivot * rhs

    def down(free, row):
        factor, rhs_i = row
        free = rhs_i - factor * free
        return free, free

    def up(after, row):
        free, pivot, upper = row
        x = pivot * (free - upper * after)
        return x, x

    none = jnp.zeros_like(rhs[0])
    _, free = jax.lax.scan(down, none, (factors.factor, rhs))
    return jax.lax.scan(up, none, (free, factors.pivot, factors.upper), reverse=True)[1]
