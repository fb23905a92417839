"""Exact solutions the simulations are held against, as differentiable functions of SI numbers."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

FARADAY = 96485.33212
GAS = 8.314462618


def implicit_root(equation: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Root of an increasing function in [low, high] by bisection, with the derivative of the implicit function."""

    def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        a, b = bounds
        middle = 0.5 * (a + b)
        above = equation(middle) > 0.0
        return jnp.where(above, a, middle), jnp.where(above, middle, b)

    bounds = jax.lax.stop_gradient((low, high))
    a, b = jax.lax.fori_loop(0, 200, halve, bounds)
    root = jax.lax.stop_gradient(0.5 * (a + b))
    slope = jax.grad(lambda x: equation(x))(root)
    return root - equation(root) / jax.lax.stop_gradient(slope)


def charge_transfer_overpotential(current: Array, i0: Array, temperature: float = 298.15) -> Array:
    """(2RT/F) asinh(i/2 i0) [V]: Butler-Volmer with both coefficients 1/2."""
    return 2.0 * GAS * temperature / FARADAY * jnp.arcsinh(0.5 * current / i0)


def linear_divider(
    current: Array,
    bottom: Array,
    top: Array,
    ionic: Array,
    electronic: Array,
    barrier_bottom: Array,
    barrier_top: Array,
) -> Array:
    """i_b = [I (R_t + L/sigma) + eta_t - eta_b]/(R_b + L/kappa + R_sl + R_t + L/sigma), clipped to [0, I].

    `ionic` is L/kappa + R_sl, `electronic` L/sigma + the collector|layer contact [Ohm m2].
    """
    split = (current * (top + electronic) + barrier_top - barrier_bottom) / (bottom + ionic + top + electronic)
    return jnp.clip(split, 0.0, current)


def divider(
    current: Array,
    i0_bottom: Array,
    i0_top: Array,
    ohmic_bottom: Array,
    ohmic_top: Array,
    ionic: Array,
    electronic: Array,
    barrier_top: Array,
) -> Array:
    """The same with Butler-Volmer at both sites: i_b where both paths take the same voltage, both sites plating."""

    def equation(bottom: Array) -> Array:
        through_bottom = charge_transfer_overpotential(bottom, i0_bottom) + bottom * (ohmic_bottom + ionic)
        top = current - bottom
        return (
            through_bottom - charge_transfer_overpotential(top, i0_top) - barrier_top - top * (ohmic_top + electronic)
        )

    return implicit_root(equation, 0.0 * current, current)


def onset_current(i0_bottom: Array, ohmic_bottom: Array, ionic: Array, barrier_top: Array) -> Array:
    """I* above which the top plates: (2/f) asinh(I/2i0) + I (R_ohm,b + L/kappa + R_sl) = eta_t."""
    resistance = ohmic_bottom + ionic
    return implicit_root(
        lambda i: charge_transfer_overpotential(i, i0_bottom) + i * resistance - barrier_top,
        0.0 * barrier_top,
        barrier_top / resistance,
    )


def three_sites(
    current: Array, thickness: Array, kappa: Array, sigma: Array, inside: Array, bottom: Array, top: Array
) -> Array:
    """(i_b, i_v, i_t) of a layer with linear sites at the bottom, inside and at the top.

    `inside` is a g [S m-3]; `bottom` and `top` are g_b and g_t [S m-2], g = F i0/RT.
    """
    s = 1.0 / kappa + 1.0 / sigma
    length = 1.0 / jnp.sqrt(inside * s)
    nu = thickness / length
    sinh, cosh = jnp.sinh(nu), jnp.cosh(nu)
    a = (
        current
        * (1.0 / kappa + cosh / sigma + top * s * length * sinh / sigma)
        / (sinh / length + (bottom + top) * s * cosh + bottom * top * s**2 * length * sinh)
    )
    b = length * (bottom * s * a - current / sigma)
    i_bottom, i_top = bottom * a, top * (a * cosh + b * sinh)
    return jnp.stack([i_bottom, current - i_bottom - i_top, i_top])


def blocking_resistance(thickness: Array, kappa: Array, sigma: Array, inside: Array) -> Array:
    """ASR [Ohm m2] of a layer whose ends block: L/(kappa + sigma) [1 + (2 + (s/k + k/s) cosh nu)/(nu sinh nu)]."""
    nu = thickness * jnp.sqrt(inside * (1.0 / kappa + 1.0 / sigma))
    ratio = sigma / kappa + kappa / sigma
    return thickness / (kappa + sigma) * (1.0 + (2.0 + ratio * jnp.cosh(nu)) / (nu * jnp.sinh(nu)))


def foil_step_response(
    time: Array, current: Array, i0: Array, capacitance: Array, film: Array, film_capacitance: Array, contact: Array
) -> Array:
    """Voltage across one linear foil interface after a step of current from rest: contact + two R || C in series."""
    transfer = GAS * 298.15 / (FARADAY * i0)
    reaction = transfer * -jnp.expm1(-time / (transfer * capacitance))
    through_film = film * -jnp.expm1(-time / (film * film_capacitance))
    return current * (contact + reaction + through_film)


def subcritical_deposit(time: Array, i0: Array, depletion: Array) -> Array:
    """q [mol m-2] on a site held between u = 0 and its barrier: F dq/dt = i0 [1 - tanh(q/q*)] from q = 0.

    With x = q/q*: x/2 + (exp(2x) - 1)/4 = i0 t/(F q*), so q grows as (q*/2) ln(4 i0 t/(F q*)).
    """
    target = i0 * time / (FARADAY * depletion)
    high = 0.5 * jnp.log1p(4.0 * target)
    return depletion * implicit_root(lambda x: 0.5 * x + 0.25 * jnp.expm1(2.0 * x) - target, 0.0 * high, high)
