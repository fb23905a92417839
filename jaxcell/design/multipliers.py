"""Which limits and bounds hold an optimum where it is, and what moving them would change."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.optimize import nnls

from jaxcell.design.programme import Point, Programme

ACTIVE = 1e-3
"""Distance from a limit, in units of its scale, or from a bound, in widths, below which it counts as active."""


class Multipliers(NamedTuple):
    """The first-order conditions grad f = sum m_i grad c_i + m_low - m_high, all m >= 0.

    - `limits`, `low`, `high`: multipliers in units of f; 0 where not active.
    - `residual`: |grad f - ...|/|grad f| [1]: how far they are from being met.
    """

    limits: Float[np.ndarray, " limits"]
    low: Float[np.ndarray, " variables"]
    high: Float[np.ndarray, " variables"]
    residual: float


def multipliers(programme: Programme, point: Point) -> Multipliers:
    """Multipliers at a point, by non-negative least squares over what is active there."""
    _, gradient = programme.objective(point)
    c, jacobian = programme.constraints(point)
    n, m = point.z.size, c.size
    tight, low, high = c < ACTIVE, point.z < ACTIVE, point.z > 1.0 - ACTIVE
    columns = np.concatenate([jacobian.T, np.eye(n), -np.eye(n)], axis=1)
    active = np.concatenate([tight, low, high])
    found = np.zeros(m + 2 * n)
    rest = float(np.linalg.norm(gradient))
    if active.any():
        # Columns of like size: a limit that is steep where it is active weighs no more than a flat one.
        sizes = np.maximum(np.linalg.norm(columns[:, active], axis=0), 1e-300)
        weights, rest = nnls(columns[:, active] / sizes, gradient)
        found[active] = weights / sizes
    size = float(np.linalg.norm(gradient))
    residual = 0.0 if size == 0.0 else float(rest) / size
    return Multipliers(found[:m], found[m : m + n], found[m + n :], residual)


def per_limit(programme: Programme, found: Multipliers) -> Float[np.ndarray, " limits"]:
    """d(objective at the optimum)/d(limit's number), in the units of both."""
    assert programme.scales is not None, "the point was evaluated"
    # f* rises by m for each unit by which c is tightened; c = -(value - bound)/scale of an upper limit.
    signs = np.array([1.0 if limit.upper else -1.0 for limit in programme.limits])
    return -programme.sign * signs * found.limits * programme.goal_scale / programme.scales[1 : 1 + signs.size]


def per_bound(programme: Programme, point: Point, found: Multipliers) -> Float[np.ndarray, " variables"]:
    """d(objective at the optimum)/d(variable's bound) where it lies on one, in the units of both; 0 elsewhere."""
    return programme.sign * programme.goal_scale * (found.low - found.high) * slopes(programme, point)


def slopes(programme: Programme, point: Point) -> Float[np.ndarray, " variables"]:
    """dz/d(physical value) of each variable."""

    theta = jnp.asarray(programme.theta(point.z))
    parameters = programme.design.variables.parameters
    rises = np.array([float(jax.grad(p.transform.inverse)(theta[i])) for i, p in enumerate(parameters)])
    return 1.0 / (rises * programme.width)
