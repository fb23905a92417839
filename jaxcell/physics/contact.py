"""Contact between a deposit and what it is stripped through.

chi [1] is the share of the area in contact, y = -ln(chi) its state: zero with full contact, without bound as the last
of it goes, so that a hundredth of the area has as many digits as all of it.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.physics.corner import softplus

ROUNDING = 0.05
"""Width of the corner at the critical current [its share]."""


def contact_share(worn: Float[Array, "..."]) -> Float[Array, "..."]:
    """chi = exp(-y) [1]."""
    return jnp.exp(-worn)


def contact_resistance(
    worn: Float[Array, "..."],
    *,
    resistance: Float[Array, "..."],
    relative_pressure: Float[Array, "..."],
    pressure_exponent: Float[Array, "..."],
) -> Float[Array, "..."]:
    """R_c = R_c0 (P/P0)^-m/chi [Ohm m2].

    Source of the exponents (R_c ~ P^-0.5 A^-1): arXiv 2501.00600.
    """
    return resistance * relative_pressure**-pressure_exponent * jnp.exp(worn)


def contact_wear_rate(
    stripping_current: Float[Array, "..."],
    worn: Float[Array, "..."],
    *,
    loss_per_charge: Float[Array, "..."],
    critical_current_density: Float[Array, "..."],
    healing_rate: Float[Array, "..."],
    relative_pressure: Float[Array, "..."],
) -> Float[Array, "..."]:
    """dy/dt = k_v softplus_w(i_strip - i_crit) - k_h (e^y - 1) [s-1].

    This is dchi/dt = -k_v softplus_w(i_strip - i_crit) chi + k_h (1 - chi), divided by -chi.  Voids grow where lithium
    leaves faster than creep brings it; creep, hence i_crit and k_h, is taken as proportional to the stack pressure (a
    prior).
    """
    critical = critical_current_density * relative_pressure
    width = ROUNDING * critical
    excess = width * softplus((stripping_current - critical) / width)
    return loss_per_charge * excess - healing_rate * relative_pressure * jnp.expm1(worn)
