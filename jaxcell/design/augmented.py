"""Augmented Lagrangian around optax, in one compiled program: no solver outside JAX."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

Vector = Float[Array, " variables"]


class AugmentedLagrangian(eqx.Module):
    """min f(z) with c(z) >= 0 and 0 <= z <= 1, by

        L(z) = f(z) + sum_i [max(0, m_i - p c_i(z))^2 - m_i^2]/(2 p),     m_i <- max(0, m_i - p c_i(z))

    J. Nocedal, S. J. Wright, Numerical Optimization, 2nd ed., section 17.4.  Each of `outer` rounds minimises L by
    `inner` projected steps of Adam, whose size falls along a cosine from `learning_rate` (in units of the box), a tenth
    of it in the last; the penalty p grows by `growth` from `penalty` up to `largest`.
    """

    outer: int = 12
    inner: int = 120
    learning_rate: float = 0.03
    penalty: float = 10.0
    growth: float = 2.0
    largest: float = 1e3

    def __check_init__(self) -> None:
        for name in ("outer", "inner", "learning_rate", "penalty", "growth", "largest"):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"AugmentedLagrangian.{name} must be a number above 0 [1], but is {getattr(self, name)!r}."
                )


class AugmentedResult(NamedTuple):
    """Where the rounds end."""

    z: Vector
    multipliers: Float[Array, " limits"]
    """m at the end: df*/d(limit), in units of f per unit of c."""
    history: Float[Array, "outer variables"]
    """z after each round."""


def augmented_lagrangian(
    value_and_jacobian: Callable[[Vector], tuple[Array, Array]], z: Vector, settings: AugmentedLagrangian
) -> AugmentedResult:
    """Minimise the first of the entries of `value_and_jacobian` with all others >= 0; pure, to jit and vmap.

    Where an evaluation is not finite the step is not taken and the ones after it are smaller.
    """
    steps = settings.outer * settings.inner

    def rate(step: Any) -> Array:
        done = jnp.asarray(step, dtype=jnp.float64)
        within = 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.mod(done, float(settings.inner)) / settings.inner))
        return settings.learning_rate * jnp.exp(-jnp.log(10.0) * done / steps) * within

    adam = optax.adam(rate, b1=0.8, b2=0.95)

    def inner(carry, _):
        z, memory, multipliers, penalty, good = carry
        values, jacobian = value_and_jacobian(z)
        pushed = jnp.maximum(0.0, multipliers - penalty * values[1:])
        gradient = jacobian[0] - pushed @ jacobian[1:]
        sound = jnp.all(jnp.isfinite(values)) & jnp.all(jnp.isfinite(jacobian))
        with jax.numpy_dtype_promotion("standard"):  # optax mixes its integer count with floats
            raw, after = adam.update(jnp.where(sound, gradient, 0.0), memory)
        update: Array = jnp.asarray(raw)  # optax types its updates as any pytree
        moved = jnp.where(sound, jnp.clip(z + update, 0.0, 1.0), 0.5 * (z + good))
        return (moved, after, multipliers, penalty, jnp.where(sound, z, good)), None

    def outer(carry, _):
        z, memory, multipliers, penalty, good = jax.lax.scan(inner, carry, None, length=settings.inner)[0]
        values, _ = value_and_jacobian(z)
        pushed = jnp.maximum(0.0, multipliers - penalty * values[1:])
        multipliers = jnp.where(jnp.all(jnp.isfinite(values)), pushed, multipliers)
        penalty = jnp.minimum(settings.growth * penalty, settings.largest)
        return (z, memory, multipliers, penalty, good), z

    limits = jax.eval_shape(value_and_jacobian, z)[0].shape[0] - 1
    start = (z, adam.init(z), jnp.zeros(limits), jnp.asarray(settings.penalty, dtype=jnp.float64), z)
    (z, _, multipliers, _, _), history = jax.lax.scan(outer, start, None, length=settings.outer)
    return AugmentedResult(z, multipliers, history)
