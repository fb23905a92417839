"""Charge-transfer kinetics of lithium plating and stripping."""

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import erfc
from jaxtyping import Array, Float

LARGEST_EXPONENT = 30.0
"""Where the exponential saturates: i0 e^30 is far beyond any current."""


@jax.custom_jvp
def bounded_exponential(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """exp(x)/(1 + exp(x - 30)): smooth, exact to 2e-9 up to x = 10 (0.5 V at alpha = 1/2).

    A site that has run out of lithium is driven volts away from equilibrium, where exp(alpha f u) of some 1e100 leaves
    no digits to derivatives. The derivative y (1 - y e^-30) needs no second exponential and cannot overflow.
    """
    return 1.0 / (jnp.exp(-x) + math.exp(-LARGEST_EXPONENT))


@bounded_exponential.defjvp
def _bounded_exponential_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    y = bounded_exponential(x)
    return y, y * (1.0 - y * math.exp(-LARGEST_EXPONENT)) * dx


def butler_volmer(
    driving_force: Float[Array, "..."],
    activity: Float[Array, "..."],
    free_volume: Float[Array, "..."],
    exchange_current_density: Float[Array, "..."],
    cathodic_transfer_coefficient: Float[Array, "..."],
    anodic_transfer_coefficient: Float[Array, "..."],
    f: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Plating current density i = i0 v [exp(alpha_c f w) - a exp(-alpha_a f w)] [A m-2 of site surface].

    w [V] is the driving force (positive plates), a [1] the activity of the lithium present, v [1] the share of
    the site's volume still free (1 where the deposit can grow without limit), f = F/RT [V-1].  With a = v = 1
    and both coefficients 1/2 this is 2 i0 sinh(f w/2): slope F i0/RT at w = 0, and 118.3 mV per decade of
    current at 298.15 K.  Source: Newman and Thomas-Alyea, Electrochemical Systems, 3rd ed., chapter 8.

    The free share scales both directions, as the reacting surface of a pore does while it fills: on the plating term
    alone it would move the equilibrium of half-full pores by (RT/F) ln 2 = 18 mV and let them ripen onto other sites at
    rest.  The price: a pore that is nearly full empties as slowly as it filled.
    """
    plating = bounded_exponential(cathodic_transfer_coefficient * f * driving_force)
    stripping = bounded_exponential(-anodic_transfer_coefficient * f * driving_force)
    return exchange_current_density * free_volume * (plating - activity * stripping)


def marcus_hush_chidsey(
    driving_force: Float[Array, "..."],
    activity: Float[Array, "..."],
    free_volume: Float[Array, "..."],
    exchange_current_density: Float[Array, "..."],
    reorganisation: Float[Array, "..."],
    f: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Plating current density i = 2 i0 v [k(h) - a k(-h)]/k0 with k0 = erfc[(l - sqrt(1 + sqrt l))/(2 sqrt l)] [A m-2].

    k(h) = erfc[(l - sqrt(1 + sqrt(l) + h^2))/(2 sqrt l)]/(1 + e^-h) is the closed form of the Marcus-Hush-Chidsey
    integral, h = f w, l = `reorganisation` = lambda/(R T); within a few per cent of the integral for l above 1.
    Divided by its slope, so that i = i0 f w at small w and a = 1; becomes 2 i0 sinh(f w/2) for large l, levels off
    at |h| > l.  Source: Zeng, Smith, Bai, Bazant, J. Electroanal. Chem. 735 (2014) 77.
    """
    root = jnp.sqrt(reorganisation)
    h = f * driving_force

    def electrons(h):
        return erfc((reorganisation - jnp.sqrt(1.0 + root + h**2)) / (2.0 * root))

    rate = 2.0 * electrons(h) / electrons(jnp.zeros_like(h))
    plating = jax.nn.sigmoid(h)
    return exchange_current_density * free_volume * rate * (plating - activity * (1.0 - plating))
