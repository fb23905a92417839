"""Thermal activation."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.units import GAS


def arrhenius_factor(
    activation_energy: Float[Array, "..."], temperature: Float[Array, "..."], reference: Float[Array, "..."]
) -> Float[Array, "..."]:
    """p(T)/p(T_ref) = exp[(E/R)(1/T_ref - 1/T)] [1]; E [J mol-1], T [K]. Source: Arrhenius 1889."""
    return jnp.exp(activation_energy / GAS * (1.0 / reference - 1.0 / temperature))
