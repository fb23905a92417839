"""Lithium that loses electrical contact."""

from jaxtyping import Array, Float

from jaxcell.physics.corner import softplus

ROUNDING = 1e-3
"""Width [A m-2] of the corner between plating and stripping; a wider one would lose lithium at rest."""


def dying_current(
    plating_current: Float[Array, "..."], activity: Float[Array, "..."], per_stripped: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Live lithium that dies because it is stripped, as a current density: xi a softplus_w(-i) [A m-2 of site surface].

    softplus_w(x) = w ln[1 + exp(x/w)]; a = tanh(q/q*) fades the loss with the live lithium, so that none dies where
    none is left.  Of lithium plated once and stripped to the end, xi/(1 + xi) dies: CE = 1/(1 + xi).
    """
    return per_stripped * activity * ROUNDING * softplus(-plating_current / ROUNDING)
