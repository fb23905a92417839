"""What size of a node's states matters, row by row: for Newton's method and the error control."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.model.loss_coefficients import CONTACT, DROP, LIVE, STORED, TRAPPED
from jaxcell.model.node_laws import CHARGE, SURFACE
from jaxcell.model.tables import Coefficients
from jaxcell.units import Nodes


def node_scale(c: Coefficients, rows: tuple[str, ...], particles: Nodes) -> Float[Array, "k nodes"]:
    """Change that alters the node's law by its own order; `particles`: one at a cathode's nodes, zero elsewhere."""
    live = _unless_counted(c.nodes.depletion_capacity, particles)
    lost = c.nodes.site_depletion_capacity
    return _by_row(c, rows, live=live, lost=lost, share=0.1, volt=0.025, counted=live)


def node_tolerance(c: Coefficients, rows: tuple[str, ...], particles: Nodes) -> Float[Array, "k nodes"]:
    """Error that shifts u by about 1 V."""
    lost = c.f * c.nodes.site_depletion_capacity
    endless = jnp.full_like(lost, jnp.inf)
    return _by_row(c, rows, live=_unless_counted(lost, particles), lost=lost, share=1.0, volt=1.0, counted=endless)


def node_origin(c: Coefficients, rows: tuple[str, ...], particles: Nodes) -> Float[Array, "k nodes"]:
    """What each row counts from, where it is an amount that stays positive."""
    endless = jnp.full_like(particles, jnp.inf)
    own = {LIVE: _unless_counted(c.nodes.initial_lithium, particles)}
    if c.particles is not None:
        own[SURFACE] = jnp.where(particles > 0.0, c.particles.start, jnp.inf)
    return jnp.stack([own.get(name, endless) for name in rows])


def _unless_counted(live: Nodes, particles: Nodes) -> Nodes:
    """Live lithium matters; what a cathode takes is only counted in that row, its law reads the surface."""
    return jnp.where(particles > 0.0, jnp.inf, live)


def _by_row(
    c: Coefficients, rows: tuple[str, ...], *, live: Nodes, lost: Nodes, share: float, volt: float, counted: Nodes
) -> Float[Array, "k nodes"]:
    """Amounts of live and lost lithium, a share of what is full, a voltage, and the counted charge."""
    hosts = {STORED: c.losses.stored, TRAPPED: c.losses.trapped}
    full = {name: share * host.capacity for name, host in hosts.items() if host is not None}
    one = jnp.ones_like(lost)
    own = {LIVE: live, CHARGE: counted, CONTACT: share * one, DROP: volt * one, SURFACE: share * one, **full}
    return jnp.stack([own.get(name, lost) for name in rows])
