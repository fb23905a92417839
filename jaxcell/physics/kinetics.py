"""Charge-transfer kinetics of lithium plating and stripping."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.physics.corner import softplus

LARGEST_EXPONENT = 30.0
"""Where the exponential saturates: i0 e^30 is far beyond any current."""
_SPACING = 1.25
_ENERGIES = _SPACING * np.arange(-52, 53)
"""Of the metal's electrons from its Fermi level [RT]."""


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
    """Plating current density i = i0 v [exp(h/2) - a exp(-h/2)] G(h)/G(0), h = f w [A m-2 of site surface].

    G(h) = int exp[-(x + h)^2/(4 l)]/(2 cosh(x/2)) dx is the Marcus-Hush-Chidsey integral over the metal's electrons,
    k(h) = int exp[-(x - l + h)^2/(4 l)]/(1 + e^x) dx, without its factor exp(h/2 - l/4); l = `reorganisation` =
    lambda/(R T).  Its slope at equilibrium is i0 f, its limit for large l Butler-Volmer's law, and beyond |h| > l it
    levels off (h itself does at 60, like the exponentials above).  Source: Chidsey, Science 251 (1991) 919.

    The integrand is analytic up to x = pi i, so that a sum of step 1.25 is the integral to 3e-7 exp(pi^2/4l).
    """
    h = f * driving_force
    h = h - softplus(h - 2.0 * LARGEST_EXPONENT) + softplus(-h - 2.0 * LARGEST_EXPONENT)
    share = _over_electrons(h, reorganisation) / _over_electrons(jnp.zeros_like(h), reorganisation)
    return exchange_current_density * free_volume * share * (jnp.exp(0.5 * h) - activity * jnp.exp(-0.5 * h))


def _over_electrons(h: Float[Array, "..."], reorganisation: Float[Array, "..."]) -> Float[Array, "..."]:
    """G(h)."""
    energies = jnp.asarray(_ENERGIES).reshape((-1,) + (1,) * h.ndim)
    weights = jnp.asarray(0.5 * _SPACING / np.cosh(0.5 * _ENERGIES)).reshape(energies.shape)
    variance = jnp.broadcast_to(2.0 * reorganisation, h.shape)[None]
    return jnp.sum(weights * jnp.exp(-((energies + h[None]) ** 2) / (2.0 * variance)), axis=0)
