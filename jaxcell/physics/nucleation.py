"""Nucleation barrier and exhaustion of a lithium site."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.physics.corner import corner

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


@jax.custom_jvp
def effective_driving_force(u: Float[Array, "..."], barrier: Float[Array, "..."]) -> Float[Array, "..."]:
    """w(u, eta) [V]: u for u < 0, about zero for 0 < u < eta, u - eta above; smooth.

    w = u - s [softplus(u/s) - softplus((u - eta)/s)].  Without a barrier w = u exactly.
    """
    return _driving_force(u, barrier)[0]


@effective_driving_force.defjvp
def _effective_driving_force_jvp(primals, tangents):
    (u, barrier), (du, dbarrier) = primals, tangents
    w, at_foot, at_top = _driving_force(u, barrier)
    return w, (1.0 - at_foot + at_top) * du - at_top * dbarrier


def _driving_force(u, barrier):
    """w and the slopes of both softplus terms; their two logarithms are taken as one."""
    s = SHARPNESS
    foot, top = corner(u / s), corner((u - barrier) / s)
    return u - s * (foot.ramp - top.ramp + jnp.log(foot.rounding / top.rounding)), foot.slope, top.slope
