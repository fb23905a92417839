"""Plating and stripping on one site: kinetics behind a nucleation barrier, limited by what is there."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.physics.corner import softplus
from jaxcell.physics.kinetics import butler_volmer, marcus_hush_chidsey
from jaxcell.physics.nucleation import effective_driving_force, lithium_activity, nucleation_barrier

FULL = 1e-3
"""Free share of a pore [1] at which it counts as full; a numerical choice."""


def plating_current(
    u: Float[Array, "..."],
    lithium: Float[Array, "..."],
    *,
    exchange_current_density: Float[Array, "..."],
    cathodic_transfer_coefficient: Float[Array, "..."],
    anodic_transfer_coefficient: Float[Array, "..."],
    nucleation_overpotential: Float[Array, "..."],
    nucleation_capacity: Float[Array, "..."],
    depletion_capacity: Float[Array, "..."],
    filled: Float[Array, "..."],
    f: Float[Array, "..."],
    reorganisation: Float[Array, "..."] | None = None,
) -> Float[Array, "..."]:
    """Plating current density [A m-2 of site surface] at driving force u [V] and live lithium q [mol m-2].

    i = i0 (1 - filled) [exp(alpha_c f w) - tanh(q/q*) exp(-alpha_a f w)], w = w(u, eta_n(q)).

    No current below the barrier of a site that has not nucleated (apart from a deposit of some q*), one
    equilibrium u = 0 once it has, no ripening at rest, smooth exhaustion, and q >= 0.
    `filled` [1] is the share of a pore's volume that is taken, zero on a surface; see `pore_filling`.  The free share
    1 - filled is kept above zero by a softplus of width 1e-3: negative, it would turn an overfilled pore's stripping
    into plating.  Where `reorganisation` lambda/(R T) [1] is given and above zero, Marcus-Hush-Chidsey kinetics take
    the place of the exponentials.
    """
    barrier = nucleation_barrier(lithium, nucleation_overpotential, nucleation_capacity)
    drive = effective_driving_force(u, barrier)
    activity = lithium_activity(lithium, depletion_capacity)
    free = FULL * softplus((1.0 - filled) / FULL)
    exponential = butler_volmer(
        drive,
        activity,
        free,
        exchange_current_density,
        cathodic_transfer_coefficient,
        anodic_transfer_coefficient,
        f,
    )
    if reorganisation is None:
        return exponential
    there = reorganisation > 0.0
    levelled = marcus_hush_chidsey(
        drive, activity, free, exchange_current_density, jnp.where(there, reorganisation, 1.0), f
    )
    return jnp.where(there, levelled, exponential)
