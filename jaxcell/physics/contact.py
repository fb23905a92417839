"""Contact between a deposit and what it is stripped through."""

from jaxtyping import Array, Float

from jaxcell.physics.corner import softplus

ROUNDING = 0.05
"""Width of the corner at the critical current [its share]."""


def contact_resistance(
    lost: Float[Array, "..."],
    *,
    resistance: Float[Array, "..."],
    relative_pressure: Float[Array, "..."],
    pressure_exponent: Float[Array, "..."],
) -> Float[Array, "..."]:
    """R_c = R_c0 (P/P0)^-m/chi [Ohm m2], with chi = 1 - `lost` the share of the area in contact [1].

    Source of the exponents (R_c ~ P^-0.5 A^-1): arXiv 2501.00600.
    """
    return resistance * relative_pressure**-pressure_exponent / (1.0 - lost)


def contact_loss_rate(
    stripping_current: Float[Array, "..."],
    lost: Float[Array, "..."],
    *,
    loss_per_charge: Float[Array, "..."],
    critical_current_density: Float[Array, "..."],
    healing_rate: Float[Array, "..."],
    relative_pressure: Float[Array, "..."],
) -> Float[Array, "..."]:
    """d(1 - chi)/dt = k_v softplus_w(i_strip - i_crit) chi - k_h (1 - chi) [s-1].

    Voids grow where lithium leaves faster than creep brings it; creep, hence i_crit and k_h, is taken as proportional
    to the stack pressure (a prior).
    """
    critical = critical_current_density * relative_pressure
    width = ROUNDING * critical
    excess = width * softplus((stripping_current - critical) / width)
    return loss_per_charge * excess * (1.0 - lost) - healing_rate * relative_pressure * lost
