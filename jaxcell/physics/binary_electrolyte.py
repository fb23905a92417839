"""A salt of two ions: what its concentration does to the ions' conductivity and potential."""

import jax.numpy as jnp
from jaxtyping import Array, Float

LEAST = 1e-4
"""Relative concentration below which the laws level off, so that a depleted electrolyte is a very bad one."""


def present_salt(ratio: Float[Array, "..."]) -> Float[Array, "..."]:
    """c/c0 = r kept above zero, [r + sqrt(r^2 + LEAST^2)]/2: r to 3e-9 at r = 1, falling to zero below r = 0."""
    return 0.5 * (ratio + jnp.sqrt(ratio**2 + LEAST**2))


def concentration_potential(
    near: Float[Array, "..."], far: Float[Array, "..."], factor: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Potential of the ions at a far place over that at a near one, without current [V], from c/c0 at both.

    From J = kappa [d(phi)/dx - (2/f) (1 - t+) (1 + dln y/dln c) dln c/dx], J and x as in the chain: `factor`
    ln(c_far/c_near), factor = (2/f) (1 - t+) (1 + dln y/dln c) [V], against lithium.  Source: Newman and Thomas-Alyea,
    Electrochemical Systems, 3rd ed., chapter 12.
    """
    return factor * jnp.log(present_salt(far) / present_salt(near))
