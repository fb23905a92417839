"""Lithium in the layer's filler."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.physics.kinetics import bounded_exponential

SYMMETRY = 0.5
"""alpha [1] of both directions."""
LARGEST_RATIO = 1e5
"""Current at which kinetics level off [i0]: half of it is reached 0.6 V from equilibrium. A numerical choice."""


def storage_current(
    u: Float[Array, "..."],
    filling: Float[Array, "..."],
    *,
    exchange_current_density: Float[Array, "..."],
    potential: Float[Array, "..."],
    f: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Current density into a host of equal sites, i = i0 [(1 - x) exp(f (u + U0)/2) - x exp(-f (u + U0)/2)] [A m-2].

    x [1] is the filling, u = phi_i - phi_e [V].  At equilibrium the electrode's potential -u is a Langmuir host's,
    U(x) = U0 - (1/f) ln[x/(1 - x)]; the law is Butler-Volmer's with i0(x) = i0 sqrt[x (1 - x)], so that 0 < x < 1.
    Source: Newman and Thomas-Alyea, Electrochemical Systems, 3rd ed., chapter 22.  Far from equilibrium it levels off;
    see `_levelled`.
    """
    drive = SYMMETRY * f * (u + potential)
    ratio = (1.0 - filling) * bounded_exponential(drive) - filling * bounded_exponential(-drive)
    return exchange_current_density * _levelled(ratio)


def trapping_current(
    u: Float[Array, "..."],
    filling: Float[Array, "..."],
    *,
    exchange_current_density: Float[Array, "..."],
    potential: Float[Array, "..."],
    f: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Current density into sites that never empty, i = i0 (1 - x) exp(f (u + U0)/2) [A m-2]: the law above, one way."""
    return exchange_current_density * _levelled((1.0 - filling) * bounded_exponential(SYMMETRY * f * (u + potential)))


def _levelled(ratio: Float[Array, "..."]) -> Float[Array, "..."]:
    """i/i0 = r/(1 + |r|/1e5), a transport limit in series with the reaction: no host takes e^30 i0.

    An empty host below lithium starts U0 away from equilibrium.  It leaves the equilibrium where it is, and what is
    below 100 i0 to 0.1 %; more than 1e5 i0 no layer delivers.
    """
    return ratio / (1.0 + jnp.abs(ratio) / LARGEST_RATIO)
