"""Solution of one tridiagonal system, in the form that is fastest on the platform."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

CUSTOM_CALLS = ("tridiagonal_solve_perturbed_ffi", "lapack_dgtsv_ffi", "cusparse_gtsv2_ffi")
"""Library routines behind the solve, for `jax.export`, which asks to name those it has no version promise for."""

Band = Float[Array, " n"]


def solve_tridiagonal(lower: Band, diagonal: Band, upper: Band, rhs: Band) -> Band:
    """x with lower_i x_(i-1) + diagonal_i x_i + upper_i x_(i+1) = rhs_i; lower_0 and upper_(n-1) are ignored.

    Linear in `rhs` with a transpose rule, so both differentiation modes pass through it.
    """
    return jax.lax.platform_dependent(lower, diagonal, upper, rhs, cpu=by_library, default=by_scan)


def by_library(lower: Band, diagonal: Band, upper: Band, rhs: Band) -> Band:
    """LAPACK's gtsv on CPU."""
    first = jnp.arange(lower.shape[0]) == 0
    last = jnp.arange(lower.shape[0]) == lower.shape[0] - 1
    lower = jnp.where(first, 0.0, lower)
    upper = jnp.where(last, 0.0, upper)
    return jax.lax.linalg.tridiagonal_solve(lower, diagonal, upper, rhs[:, None])[:, 0]


def by_scan(lower: Band, diagonal: Band, upper: Band, rhs: Band) -> Band:
    """Thomas's sweep: a batch of systems advances together, element by element."""

    def down(carry, row):
        pivot, free, upper_before = carry
        lower_j, diagonal_j, upper_j, rhs_j = row
        factor = lower_j / pivot
        carry = (diagonal_j - factor * upper_before, rhs_j - factor * free, upper_j)
        return carry, carry[:2]

    def up(after, row):
        pivot, free, upper_j = row
        x = (free - upper_j * after) / pivot
        return x, x

    start = (jnp.ones_like(diagonal[0]), jnp.zeros_like(rhs[0]), jnp.zeros_like(upper[0]))
    bands = (lower.at[0].set(0.0), diagonal, upper.at[-1].set(0.0), rhs)
    _, (pivot, free) = jax.lax.scan(down, start, bands)
    _, x = jax.lax.scan(up, jnp.zeros_like(rhs[0]), (pivot, free, bands[2]), reverse=True)
    return x
