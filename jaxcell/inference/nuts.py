"""The no-U-turn sampler of numpyro (Hoffman and Gelman, JMLR 15, 1593, 2014) on a log posterior.

All chains advance together under one `vmap`, in chunks called from Python, where progress is shown. The density is an
argument of the compiled program: another data set of the same shapes runs the same program.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from .extras import import_hmc
from .log_posterior import LogPosterior

Progress = Callable[[int, int], Any]


class NutsSettings(eqx.Module):
    """How the chains run.

    - `chains`, `warmup`, `draws`: counts; `warmup` iterations adapt the step and the metric and are not kept.
    - `target_accept`: mean acceptance that the step size aims at, in (0, 1).
    - `max_tree_depth`: at most 2^depth - 1 leapfrog steps a draw. Narrow curved trade-offs want many: see
      `Posterior.sentences`.
    - `chunk`: iterations between two calls of the progress hook; divides `warmup` and `draws`.

    **Raises** `ValueError` for counts below 1 (`draws` below 4), or a chunk that does not divide them.
    """

    chains: int = eqx.field(static=True, default=4)
    warmup: int = eqx.field(static=True, default=500)
    draws: int = eqx.field(static=True, default=1000)
    target_accept: float = eqx.field(static=True, default=0.9)
    max_tree_depth: int = eqx.field(static=True, default=8)
    chunk: int = eqx.field(static=True, default=100)

    @property
    def most_steps(self) -> int:
        """Leapfrog steps of a draw at most."""
        return 2**self.max_tree_depth - 1

    def __check_init__(self) -> None:
        for name, least in (("chains", 1), ("warmup", 1), ("draws", 4), ("max_tree_depth", 1), ("chunk", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"Argument '{name}' must be at least {least}, but is {getattr(self, name)}.")
        if not 0.0 < self.target_accept < 1.0:
            raise ValueError(f"Argument 'target_accept' must lie in (0, 1), but is {self.target_accept:g}.")
        for name in ("warmup", "draws"):
            if getattr(self, name) % self.chunk:
                raise ValueError(
                    f"Argument '{name}' must be a multiple of chunk {self.chunk}, but is {getattr(self, name)}."
                )


class Chains(NamedTuple):
    """What the sampler kept, all of shape (chains, draws, ...); `steps` are leapfrog steps, `lp` = ln p(z)."""

    z: Float[Array, "chains draws unbounded"]
    lp: Float[Array, "chains draws"]
    energy: Float[Array, "chains draws"]
    diverging: Bool[Array, "chains draws"]
    steps: Int[Array, "chains draws"]
    acceptance: Float[Array, "chains draws"]


def sample(
    density: LogPosterior,
    centre: Float[np.ndarray, " unbounded"],
    covariance: Float[np.ndarray, "unbounded unbounded"],
    settings: NutsSettings,
    seed: int,
    progress: Progress | None = None,
) -> Chains:
    """Chains begun around `centre`, with `covariance` as the first inverse mass matrix.

    **Raises** `MissingExtraError` without numpyro, and `ValueError` when the density is not finite at the centre.
    """
    import_hmc()
    starts = _starts(density, centre, covariance, settings.chains, seed)
    keys = jax.random.split(jax.random.key(seed), settings.chains)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # numpyro mixes types and ranks
        state = _begin(density, starts, jnp.asarray(covariance), keys, settings)
        kept = []
        total = settings.warmup + settings.draws
        for done in range(0, total, settings.chunk):
            state, rows = jax.block_until_ready(_advance(density, state, settings))
            if done >= settings.warmup:
                kept.append(rows)
            if progress is not None:
                progress(done + settings.chunk, total)
    return Chains(*(jnp.concatenate(parts, axis=1) for parts in zip(*kept, strict=True)))


def _starts(
    density: LogPosterior,
    centre: Float[np.ndarray, " unbounded"],
    covariance: Float[np.ndarray, "unbounded unbounded"],
    chains: int,
    seed: int,
) -> Float[Array, "chains unbounded"]:
    """Draws from the Laplace approximation, moved toward its centre until the density is finite there."""
    if not np.isfinite(float(_density(density, jnp.asarray(centre)))):
        raise ValueError("The posterior is not finite at the optimum of the fit, so nothing can be sampled from there.")
    rng = np.random.default_rng(seed)
    apart = rng.multivariate_normal(np.zeros(centre.size), covariance, chains, method="eigh")
    for row in apart:
        for _ in range(20):
            if np.isfinite(float(_density(density, jnp.asarray(centre + row)))):
                break
            row *= 0.5
        else:
            row *= 0.0
    return jnp.asarray(centre + apart)


@eqx.filter_jit
def _density(density: LogPosterior, z: Float[Array, " unbounded"]) -> Float[Array, ""]:
    return density(z)


def _kernel(density: LogPosterior, settings: NutsSettings) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """numpyro's pair of init and step."""
    hmc, ParamInfo = import_hmc()
    init, step = hmc(lambda z: -density(z), algo="NUTS")

    def begin(at: Any, covariance: Array, key: Array) -> Any:
        return init(
            ParamInfo(*at) if isinstance(at, tuple) else at,
            num_warmup=settings.warmup,
            inverse_mass_matrix=covariance,
            dense_mass=True,
            target_accept_prob=settings.target_accept,
            max_tree_depth=settings.max_tree_depth,
            trajectory_length=None,
            rng_key=key,
        )

    return begin, step


@eqx.filter_jit
def _begin(
    density: LogPosterior,
    starts: Float[Array, "chains unbounded"],
    covariance: Float[Array, "unbounded unbounded"],
    keys: Array,
    settings: NutsSettings,
) -> Any:
    begin, _ = _kernel(density, settings)
    return jax.vmap(begin, in_axes=(0, None, 0))(starts, covariance, keys)


@eqx.filter_jit
def _advance(density: LogPosterior, state: Any, settings: NutsSettings) -> tuple[Any, Chains]:
    """One chunk of iterations of every chain."""
    begin, step = _kernel(density, settings)

    def one(state: Any) -> tuple[Any, Chains]:
        # numpyro's step knows its settings only after its init; what that returns is not used.
        begin((state.z, state.potential_energy, state.z_grad), state.adapt_state.inverse_mass_matrix, state.rng_key)

        def draw(state: Any, _: None) -> tuple[Any, Chains]:
            after = step(state)
            row = Chains(
                after.z, -after.potential_energy, after.energy, after.diverging, after.num_steps, after.accept_prob
            )
            return after, row

        return jax.lax.scan(draw, state, None, length=settings.chunk)

    return jax.vmap(one)(state)
