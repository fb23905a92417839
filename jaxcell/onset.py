"""The current above which lithium begins to plate on top of the layer."""

import jax
import jax.numpy as jnp

from jaxcell.cell import Cell
from jaxcell.model import BOTTOM, TOP, WORKING, assemble
from jaxcell.physics.nucleation import nucleation_barrier
from jaxcell.physics.plating import plating_current
from jaxcell.units import FARADAY, Scalar

_HALVINGS = 60


def top_onset_current(cell: Cell, *, nucleated: bool = True) -> Scalar:
    """Current density I* [A m-2] of the working electrode above which its top site plates, from the start's state.

    Below I* all of I crosses the layer as ions, so the top sees the drive of the bottom and what is lost on the way:

        w_b + I (R_film,b + R_contact,b + delta0/sigma_ion + R_c + L/kappa + R_sl) = eta_t - eta_b,   I = i(w_b),

    which for Butler-Volmer kinetics with both coefficients 1/2 has w_b = (2/f) asinh(I/2 i0), and for small currents is
    I* = (eta_t - eta_b)/(R_b + L/kappa + R_sl). L/sigma has no part in it: no electrons cross the layer. `nucleated`:
    the bottom's barrier eta_b is gone; otherwise it stands as at the start (a bare collector's first lithium) and I*
    is zero where it is not below the top's.

    Steady: films settled, and the currents of interphase growth and of filling the filler, small beside I, left out.
    The barrier's corners, rounded over 0.5 mV, count as sharp. Raises ValueError for a layer without a top site, with
    pores, which share the current along the layer, or with a salt, whose gradients make its resistance depend on the
    current. Differentiable.
    """
    layer = cell.working.layer
    if layer is None or layer.top is None:
        raise ValueError("top_onset_current needs a layer with a top site, but cell.working has none.")
    if layer.pores is not None:
        raise ValueError(
            "top_onset_current needs cell.working.layer.pores to be None, since pores take up lithium, too."
        )
    if layer.salt is not None:
        raise ValueError(
            "top_onset_current needs cell.working.layer.salt to be None, since a salt's gradients make the layer's "
            "resistance depend on the current; simulate a ramp of currents instead."
        )
    model = assemble(cell)
    nodes, edges = model.nodes, model.edges
    bottom, top = (int(model.members(WORKING, kind).argmax()) for kind in (BOTTOM, TOP))
    path = (
        edges.ionic_resistance + edges.film_resistance + edges.bottom_left * model.site_resistance(model.initial_state)
    )
    resistance = jnp.sum(jnp.where(model.on(WORKING) & (edges.through == 0.0), path, 0.0))
    barriers = nucleation_barrier(nodes.initial_lithium, nodes.nucleation_overpotential, nodes.nucleation_capacity)
    available = jnp.maximum(barriers[top] - (0.0 if nucleated else barriers[bottom]), 0.0)

    def current(drive: Scalar) -> Scalar:
        zero = drive * 0.0
        return plating_current(
            drive,
            zero + 1.0,
            exchange_current_density=nodes.exchange_current_density[bottom],
            cathodic_transfer_coefficient=nodes.cathodic_transfer_coefficient[bottom],
            anodic_transfer_coefficient=nodes.anodic_transfer_coefficient[bottom],
            nucleation_overpotential=zero,
            nucleation_capacity=zero + 1.0,
            depletion_capacity=zero + 1.0 / FARADAY,  # much less than the lithium there: unit activity
            filled=zero,
            f=model.f,
            reorganisation=nodes.reorganisation[bottom] if model.marcus else None,
        )

    def excess(drive: Scalar) -> Scalar:
        return drive + resistance * current(drive) - available

    def halve(_: int, bounds: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        low, high = bounds
        middle = 0.5 * (low + high)
        above = excess(middle) > 0.0
        return jnp.where(above, low, middle), jnp.where(above, middle, high)

    # The root by bisection; its derivative, and the last digits, by a step of Newton's method.
    bounds = jax.lax.stop_gradient((available * 0.0, available))
    root = jax.lax.stop_gradient(jax.lax.fori_loop(0, _HALVINGS, halve, bounds)[1])
    slope = jax.lax.stop_gradient(jax.grad(excess)(root))
    return current(root - excess(root) / slope)
