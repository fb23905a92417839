"""A curve through tabulated points that is as monotone as they are."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def monotone_slopes(x: Float[Array, " points"], y: Float[Array, " points"]) -> Float[Array, " points"]:
    """Slopes dy/dx at three or more points of a table, x rising.

    Inside, the harmonic mean of the secants d on both sides, weighted by h + 2h' and 2h + h' with h and h' the interval
    widths, and 0 where they differ in sign; at an end, that of the parabola through three points, kept between 0 and
    3 d.  Source: Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300, doi 10.1137/0905021.  Differentiable in
    x and y, except where a secant is exactly flat.
    """
    widths, secants = jnp.diff(x), jnp.diff(y) / jnp.diff(x)
    before, after = secants[:-1], secants[1:]
    weight, other = 2.0 * widths[1:] + widths[:-1], widths[1:] + 2.0 * widths[:-1]
    same = before * after > 0.0
    denominator = jnp.where(same, weight * after + other * before, 1.0)
    inside = jnp.where(same, (weight + other) * before * after / denominator, 0.0)
    first = _end_slope(widths[0], widths[1], secants[0], secants[1])
    last = _end_slope(widths[-1], widths[-2], secants[-1], secants[-2])
    return jnp.concatenate([first[None], inside, last[None]])


def _end_slope(width, next_width, secant, next_secant):
    slope = ((2.0 * width + next_width) * secant - width * next_secant) / (width + next_width)
    turns = (secant * next_secant < 0.0) & (jnp.abs(slope) > 3.0 * jnp.abs(secant))
    return jnp.where(slope * secant <= 0.0, 0.0, jnp.where(turns, 3.0 * secant, slope))


def piecewise_cubic(
    at: Float[Array, "..."],
    x: Float[Array, " points"],
    y: Float[Array, " points"],
    slopes: Float[Array, " points"],
) -> Float[Array, "..."]:
    """y at `at` by Hermite cubics of given slopes; beyond the table, the straight line through its end.

    Continuous with its first derivative everywhere.
    """
    inside = jnp.where(at < x[0], x[0], jnp.where(at > x[-1], x[-1], at))  # of slope one at the ends, unlike a clip
    i = jnp.clip(jnp.searchsorted(x, inside, side="right") - 1, 0, x.shape[0] - 2)
    width = x[i + 1] - x[i]
    t = (inside - x[i]) / width
    rise = y[i + 1] - y[i]
    left, right = width * slopes[i] - rise, rise - width * slopes[i + 1]
    cubic = y[i] + t * rise + t * (1.0 - t) * ((1.0 - t) * left + t * right)
    slope = jnp.where(at < x[0], slopes[0], slopes[-1])
    return cubic + slope * (at - inside)
