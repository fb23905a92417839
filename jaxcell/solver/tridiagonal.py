"""Solution of one tridiagonal system."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

CUSTOM_CALLS = ("tridiagonal_solve_perturbed_ffi", "lapack_dgtsv_ffi", "cusparse_gtsv2_ffi")
"""Library routines behind the solve, for `jax.export`, which asks to name those it has no version promise for."""


def solve_tridiagonal(
    lower: Float[Array, " n"],
    diagonal: Float[Array, " n"],
    upper: Float[Array, " n"],
    rhs: Float[Array, " n"],
) -> Float[Array, " n"]:
    """x with lower_i x_(i-1) + diagonal_i x_i + upper_i x_(i+1) = rhs_i; lower_0 and upper_(n-1) are ignored.

    Linear in `rhs` with a transpose rule, so both differentiation modes pass through it.
    """
    first = jnp.arange(lower.shape[0]) == 0
    last = jnp.arange(lower.shape[0]) == lower.shape[0] - 1
    lower = jnp.where(first, 0.0, lower)
    upper = jnp.where(last, 0.0, upper)
    return jax.lax.linalg.tridiagonal_solve(lower, diagonal, upper, rhs[:, None])[:, 0]
