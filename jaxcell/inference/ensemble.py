"""Draws from a posterior that need not be Gaussian: the affine-invariant ensemble of Goodman and Weare (Commun. Appl.
Math. Comput. Sci. 5, 65, 2010).

Each walker moves along the line through a walker of the other half, x' = y + z (x - y), z from g(z) ~ 1/sqrt(z) on
[1/a, a], and is accepted with probability min(1, z^(d-1) p(x')/p(x)).  Ridges and skewed tails need no tuning.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

STRETCH = 2.0
"""a of the proposal."""
Walkers = Float[Array, "walkers parameters"]


@eqx.filter_jit
def ensemble(
    log_density: Callable[[Any, Float[Array, " parameters"]], Float[Array, ""]],
    context: Any,
    start: Float[Array, "walkers parameters"],
    seed: Int[Array, ""],
    steps: int,
) -> Float[Array, "steps walkers parameters"]:
    """Positions of all walkers after every step; `log_density(context, theta)` may be -inf but not at the start.

    `start` holds an even number of walkers, more than twice the parameters and not in one plane.
    """
    half, dimension = start.shape[0] // 2, start.shape[1]
    density = jax.vmap(lambda theta: log_density(context, theta))

    def move(
        key: Array, moving: Walkers, height: Float[Array, " walkers"], other: Walkers
    ) -> tuple[Walkers, Float[Array, " walkers"]]:
        pick, stretch, accept = jax.random.split(key, 3)
        partner = other[jax.random.randint(pick, (half,), 0, half)]
        root = 1.0 + (STRETCH - 1.0) * jax.random.uniform(stretch, (half,), dtype=jnp.float64)
        z = root**2 / STRETCH
        tried = partner + z[:, None] * (moving - partner)
        there = density(tried)
        chance = (dimension - 1) * jnp.log(z) + there - height
        taken = jnp.log(jax.random.uniform(accept, (half,), dtype=jnp.float64)) < chance
        return jnp.where(taken[:, None], tried, moving), jnp.where(taken, there, height)

    def step(state: Any, key: Array) -> tuple[Any, Walkers]:
        (first, high_first), (second, high_second) = state
        one, two = jax.random.split(key)
        first, high_first = move(one, first, high_first, second)
        second, high_second = move(two, second, high_second, first)
        return ((first, high_first), (second, high_second)), jnp.concatenate([first, second])

    halves = (start[:half], start[half:])
    state = tuple((walkers, density(walkers)) for walkers in halves)
    _, positions = jax.lax.scan(step, state, jax.random.split(jax.random.key(seed), steps))
    return positions
