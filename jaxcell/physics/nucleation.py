"""Nucleation barrier and exhaustion of a lithium site."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SHARPNESS = 0.5e-3
"""s [V]: half-width of the rounded corners of the barrier; a numerical choice far below RT/F."""


def nucleation_barrier(
    lithium: Float[Array, "..."], overpotential: Float[Array, "..."], nucleation_capacity: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Barrier eta_n = eta_n0 exp[-(q/q_n)^2] [V] of a site holding q [mol m-2].

    Flat at q = 0, so that a few adatoms do not lower it, and gone after some q_n: the nucleation dip of a
    galvanostatic curve has the depth eta_n0 whatever the current.
    """
    return overpotential * jnp.exp(-((lithium / nucleation_capacity) ** 2))


def lithium_activity(lithium: Float[Array, "..."], depletion_capacity: Float[Array, "..."]) -> Float[Array, "..."]:
    """Activity a = tanh(q/q*) [1] of the live lithium that stripping consumes.

    Odd in q: should a numerical step leave q slightly below zero, the same law brings it back.
    """
    return jnp.tanh(lithium / depletion_capacity)


def effective_driving_force(u: Float[Array, "..."], barrier: Float[Array, "..."]) -> Float[Array, "..."]:
    """w(u, eta) [V]: u for u < 0, about zero for 0 < u < eta, u - eta above; smooth.

    w = u - s [softplus(u/s) - softplus((u - eta)/s)].  Without a barrier w = u exactly.
    """
    s = SHARPNESS
    return u - s * (jax.nn.softplus(u / s) - jax.nn.softplus((u - barrier) / s))
