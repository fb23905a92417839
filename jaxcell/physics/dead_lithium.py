"""Lithium that loses electrical contact."""

import jax.numpy as jnp
from jaxtyping import Array, Float

ROUNDING = 1e-3
"""Width w [A m-2 of cell area] of the corner between rest and stripping: a numerical choice far below any current."""


def dying_current(
    plating_current: Float[Array, "..."],
    activity: Float[Array, "..."],
    per_stripped: Float[Array, "..."],
    share: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Live lithium that dies because it is stripped, as a current density: xi a c(-i) [A m-2 of cell area].

    c(x) = x^3/(x^2 + w^2) for x > 0, else zero: nothing dies while lithium plates or rests, and beyond a few w the loss
    is xi of what is stripped, to (w/x)^2.  i [A m-2 of cell area] is the part of a site's current that comes from
    `share` [1] of it (the piece of a layer in one finite volume), whose corner is w `share` wide, so that neither the
    surface of a filler nor the grid moves it.  Lithium that leaves at less than w, as it does to feed an interphase,
    hardly dies.  a = tanh(q/q*) fades the loss with the live lithium, so that none dies where none is left.  Of lithium
    plated once and stripped to the end, xi/(1 + xi) dies: CE = 1/(1 + xi).  The form of the corner has no source; it is
    chosen because it has two derivatives and no tail.
    """
    stripped = jnp.maximum(-plating_current, 0.0)
    return per_stripped * activity * stripped**3 / (stripped**2 + (ROUNDING * share) ** 2)
