"""Electronic leakage through a separator."""

from jaxtyping import Array, Float

from jaxcell.physics.corner import softplus

ROUNDING = 1e-2
"""Width of the corner at no lithium [share of the half capacity]."""


def short_conductance(
    lithium: Float[Array, "..."], *, conductance: Float[Array, "..."], half_capacity: Float[Array, "..."]
) -> Float[Array, "..."]:
    """g(q) = g x^2/(1 + x^2) [S m-2], x = q/q_half, of the lithium q [mol m-2] that faces the separator.

    Few filaments reach across at first, all of them in the end: a smooth step without a source, made for its limits.
    """
    x = ROUNDING * softplus(lithium / (half_capacity * ROUNDING))
    return conductance * x**2 / (1.0 + x**2)
