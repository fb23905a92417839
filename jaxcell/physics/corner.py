"""A rounded corner, softplus(x) = log(1 + exp(x)), with its slope from the same exponential.

Node laws are evaluated some thousand times a cycle and their transcendental functions are most of the cost; log1p,
which the library softplus uses, is several times slower here than log and exp.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Corner(NamedTuple):
    """softplus(x) = ramp + log(rounding)."""

    ramp: Float[Array, "..."]
    """max(x, 0)."""
    rounding: Float[Array, "..."]
    """1 + exp(-|x|), between 1 and 2."""
    slope: Float[Array, "..."]
    """1/(1 + exp(-x))."""


def corner(x: Float[Array, "..."]) -> Corner:
    """The parts of softplus(x); exact to rounding of 1, that is of the corner's width."""
    small = jnp.exp(-jnp.abs(x))
    rounding = 1.0 + small
    return Corner(jnp.maximum(x, 0.0), rounding, jnp.where(x >= 0.0, 1.0, small) / rounding)


@jax.custom_jvp
def softplus(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """log(1 + exp(x)), to an absolute error of 2e-16."""
    parts = corner(x)
    return parts.ramp + jnp.log(parts.rounding)


@softplus.defjvp
def _softplus_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    parts = corner(x)
    return parts.ramp + jnp.log(parts.rounding), parts.slope * dx
