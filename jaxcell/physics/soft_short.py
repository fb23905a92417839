"""Electronic leakage through a separator."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def short_conductance(
    lithium: Float[Array, "..."], *, conductance: Float[Array, "..."], half_capacity: Float[Array, "..."]
) -> Float[Array, "..."]:
    """g(q) = g x^2/(1 + x^2) [S m-2], x = max(q/q_half, 0), of the lithium q [mol m-2] that faces the separator.

    Few filaments reach across at first, all of them in the end: a smooth step without a source, made for its limits.
    Without lithium, q <= 0, it is zero and so is its slope: only the second derivative jumps, at q = 0.
    """
    x = jnp.maximum(lithium / half_capacity, 0.0)
    return conductance * x**2 / (1.0 + x**2)
