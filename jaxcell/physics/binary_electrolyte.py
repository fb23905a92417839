"""A salt of two ions: what its gradients do to the potential."""

import jax.numpy as jnp
from jaxtyping import Array, Float

LEAST = 1e-4
"""Relative concentration below which the laws level off, so that a depleted electrolyte is a very bad one."""


def present_salt(ratio: Float[Array, "..."]) -> Float[Array, "..."]:
    """c/c0 = r kept above zero, [r + sqrt(r^2 + LEAST^2)]/2: r to 3e-9 at r = 1, falling to zero below r = 0."""
    return 0.5 * (ratio + jnp.sqrt(ratio**2 + LEAST**2))


def ohmic_resistance(
    ratio: Float[Array, " points"],
    widths: Float[Array, " points"],
    conductivity: Float[Array, ""],
    exponent: Float[Array, ""],
) -> Float[Array, ""]:
    """int dx/kappa(c) [Ohm m2] with kappa = kappa0 (c/c0)^n."""
    return jnp.sum(widths / (conductivity * present_salt(ratio) ** exponent))


def concentration_potential(
    near: Float[Array, ""],
    far: Float[Array, ""],
    *,
    transference_number: Float[Array, ""],
    thermodynamic_factor: Float[Array, ""],
    f: Float[Array, ""],
) -> Float[Array, ""]:
    """Potential of the ions at a far face over that at a near one, without current [V].

    From J = kappa [d(phi)/dx - (2/f) (1 - t+) (1 + dln y/dln c) dln c/dx], J and x as in the chain: (2/f) (1 - t+)
    (1 + dln y/dln c) ln(c_far/c_near), against lithium.  Source: Newman and Thomas-Alyea, Electrochemical Systems,
    3rd ed., chapter 12.
    """
    factor = 2.0 / f * (1.0 - transference_number) * thermodynamic_factor
    return factor * jnp.log(present_salt(far) / present_salt(near))
