"""Charge transfer at the surface of a host particle."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.physics.kinetics import bounded_exponential

LEAST = 1e-4
"""x (1 - x) below which the exchange current density levels off; a numerical choice."""


def occupancy_factor(stoichiometry: Float[Array, "..."]) -> Float[Array, "..."]:
    """sqrt[x (1 - x)]/0.5 [1]: one at x = 1/2, kept above zero outside 0 < x < 1.

    p = x (1 - x) is replaced by [p + sqrt(p^2 + LEAST^2)]/2, which is p to 3e-7 at x = 0.1 and to 3e-5 at 0.01, and
    falls to zero outside without reaching it: neither a current nor a derivative is ever exactly zero, or infinite.
    """
    p = stoichiometry * (1.0 - stoichiometry)
    return jnp.sqrt(2.0 * (p + jnp.sqrt(p**2 + LEAST**2)))


def intercalation_current(
    u: Float[Array, "..."],
    stoichiometry: Float[Array, "..."],
    *,
    exchange_current_density: Float[Array, "..."],
    potential: Float[Array, "..."],
    transfer_coefficient: Float[Array, "..."],
    f: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Current density into the host, i = i0(x) [exp(alpha f (u + U)) - exp(-(1 - alpha) f (u + U))] [A m-2 of surface].

    u = phi_i - phi_s [V] of ions over electrons, x [1] the stoichiometry at the surface, U = `potential` [V] the
    open-circuit potential there against Li/Li+: at equilibrium u = -U, and i > 0 intercalates lithium.  i0(x) = i0
    sqrt[x (1 - x)]/0.5, with i0 = `exchange_current_density` that of x = 1/2 in the electrolyte as it is.  Exponentials
    saturate at e^30.  Source: Newman and Thomas-Alyea, Electrochemical Systems, 3rd ed., chapters 8 and 22; Doyle,
    Fuller and Newman, J. Electrochem. Soc. 140 (1993) 1526, doi 10.1149/1.2221597.
    """
    drive = f * (u + potential)
    rate = bounded_exponential(transfer_coefficient * drive) - bounded_exponential((transfer_coefficient - 1.0) * drive)
    return exchange_current_density * occupancy_factor(stoichiometry) * rate
