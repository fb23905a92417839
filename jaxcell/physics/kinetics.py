"""Charge-transfer kinetics of lithium plating and stripping."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def butler_volmer(
    driving_force: Float[Array, "..."],
    activity: Float[Array, "..."],
    free_volume: Float[Array, "..."],
    exchange_current_density: Float[Array, "..."],
    cathodic_transfer_coefficient: Float[Array, "..."],
    anodic_transfer_coefficient: Float[Array, "..."],
    f: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Plating current density i = i0 [v exp(alpha_c f w) - a exp(-alpha_a f w)] [A m-2 of site surface].

    w [V] is the driving force (positive plates), a [1] the activity of the lithium present, v [1] the share of
    the site's volume still free (1 where the deposit can grow without limit), f = F/RT [V-1].  With a = v = 1
    and both coefficients 1/2 this is 2 i0 sinh(f w/2): slope F i0/RT at w = 0, and 118.3 mV per decade of
    current at 298.15 K.  Source: Newman and Thomas-Alyea, Electrochemical Systems, 3rd ed., chapter 8.
    """
    plating = jnp.exp(cathodic_transfer_coefficient * f * driving_force)
    stripping = jnp.exp(-anodic_transfer_coefficient * f * driving_force)
    return exchange_current_density * (free_volume * plating - activity * stripping)
