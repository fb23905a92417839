"""Cells of a layer, narrow at both faces."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.units import Scalar


def graded_widths(thickness: Scalar, points: int) -> Float[Array, " points"]:
    """Widths [m] of `points` finite-volume cells with faces at L (1 - cos(pi j/N))/2.

    Reaction and potential in a poorly conducting layer vary over lambda = 1/sqrt(a g S), down to 0.2 um at
    the faces; the cosine spacing puts cells of L (pi/2N)^2 there and keeps second order.
    """
    faces = 0.5 * (1.0 - np.cos(np.pi * np.arange(points + 1) / points))
    return thickness * jnp.asarray(np.diff(faces))
