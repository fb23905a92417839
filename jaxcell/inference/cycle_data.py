"""Capacities or coulombic efficiencies per cycle, ready to be compared with a lithium inventory."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxcell.inventory import Cycles
from jaxcell.units import Scalar

FEWEST = 3
"""Fitted cycles below which nothing is said."""
_LEAST_SCATTER = 1e-6
"""Scatter of an efficiency that no cycler resolves [1]."""
Column = Sequence[float | None] | np.ndarray


class CycleData(eqx.Module):
    """A cell's record by cycle."""

    cycles: Cycles
    capacity: Float[Array, " cycles"]
    """Charge stripped [Q], NaN where not recorded; the next cycle starts from it."""
    efficiency: Float[Array, " cycles"]
    """Coulombic efficiency [1], NaN where it is read off the capacities."""
    segments: Int[Array, " cycles"]
    """0 for fitted cycles, -1 for all others."""
    noise: Scalar
    """Standard deviation of a cycle's efficiency about the model [1], as given or from its neighbours."""
    noise_given: bool = eqx.field(static=True)

    @property
    def fitted(self) -> int:
        """Number of fitted cycles."""
        return int(np.sum(np.asarray(self.segments) >= 0))


def cycle_data(
    capacity: Column | None = None,
    efficiency: Column | None = None,
    *,
    cycles: Cycles | None = None,
    initial_known: bool = True,
    noise: float | None = None,
) -> CycleData:
    """A record from capacities [Q], efficiencies [1] or both, one entry a cycle; None or NaN is not recorded.

    An efficiency is compared with the model's, a capacity without one by its ratio to what the cycle plated.  Where a
    cycle has both they are one measurement and count once: the efficiency is fitted, the capacity sets the start of
    the next cycle.  `cycles` defaults to equal ones with time counted in cycles; it may be longer than the record.
    With `initial_known` False the first capacity only sets the start.  `noise` [1] of one efficiency is
    estimated when None.

    Raises ValueError naming argument, cycle and value for a capacity that is negative or not finite, an efficiency
    outside 0 to 1.5, fewer than 3 fitted cycles, lengths that do not fit, or noise that is not above zero.
    """
    if capacity is None and efficiency is None:
        raise ValueError("capacity or efficiency per cycle is needed, but both are None.")
    q = None if capacity is None else _column("capacity", capacity, np.inf, "a capacity of at least 0")
    e = None if efficiency is None else _column("efficiency", efficiency, 1.5, "a coulombic efficiency from 0 to 1.5")
    recorded = max(0 if one is None else one.size for one in (q, e))
    if cycles is None:
        cycles = Cycles.of(max(recorded, 1))
    count = cycles.duration.shape[0]
    if recorded > count:
        raise ValueError(f"cycles must cover the record of {recorded} cycles, but has {count}.")
    q, e = (_filled(one, count) for one in (q, e))
    known = np.isfinite(e) if efficiency is not None else np.isfinite(q)
    if efficiency is None and not initial_known:
        known[np.argmax(known)] = False
    if known.sum() < FEWEST:
        raise ValueError(f"{int(known.sum())} cycles can be fitted, but at least {FEWEST} are needed.")
    if noise is not None and not 0.0 < noise < np.inf:
        raise ValueError(f"noise must be a finite coulombic efficiency above 0, but is {noise!r}.")
    return CycleData(
        cycles=cycles,
        capacity=jnp.asarray(q),
        efficiency=jnp.asarray(e),
        segments=jnp.asarray(np.where(known, 0, -1)),
        noise=jnp.asarray(_scatter(q, e, cycles) if noise is None else noise, dtype=jnp.float64),
        noise_given=noise is not None,
    )


def recorded_before(data: CycleData, cycle: int) -> CycleData:
    """The record of the cycles before `cycle`, counted from 0, in the same shapes; noise that was not given is
    estimated from them alone."""
    known = np.arange(data.segments.shape[0]) < cycle
    capacity, efficiency = (np.where(known, np.asarray(one), np.nan) for one in (data.capacity, data.efficiency))
    found = data.noise if data.noise_given else _scatter(capacity, efficiency, data.cycles)
    noise = jnp.asarray(found, dtype=jnp.float64)
    segments = jnp.where(jnp.asarray(known), data.segments, -1)
    return CycleData(data.cycles, jnp.asarray(capacity), jnp.asarray(efficiency), segments, noise, data.noise_given)


def _column(name: str, values: Column, most: float, expected: str) -> np.ndarray:
    column = np.asarray([np.nan if v is None else v for v in values], dtype=np.float64)
    bad = np.flatnonzero((column < 0.0) | (column > most) | np.isinf(column))
    if bad.size:
        raise ValueError(f"{name} of cycle {bad[0] + 1} must be {expected}, but is {column[bad[0]]:g}.")
    return column


def _filled(column: np.ndarray | None, count: int) -> np.ndarray:
    given = np.zeros(0) if column is None else column
    return np.concatenate([given, np.full(count - given.size, np.nan)])


def _scatter(capacity: np.ndarray, efficiency: np.ndarray, cycles: Cycles) -> float:
    """Root mean square change of the efficiency over sqrt(2) from a cycle to the next of the same duration and depth,
    or to the next of any where no two are the same; the first cycle left out.

    For white noise the standard deviation of an efficiency; a trend makes it too large.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.append(np.nan, capacity[1:] / capacity[:-1])
    values = np.where(np.isfinite(efficiency), efficiency, ratio)[1:]
    kinds = np.stack([np.asarray(cycles.duration), np.asarray(cycles.depth)])[:, 1:]
    which = np.unique(kinds, axis=1, return_inverse=True)[1].reshape(-1)
    alike = np.concatenate(
        [np.diff(values[which == kind]) for kind in range(np.max(which, initial=-1) + 1)] or [values[:0]]
    )
    for changes in (alike, np.diff(values)):
        known = changes[np.isfinite(changes)]
        if known.size:
            return max(float(np.sqrt(0.5 * np.mean(known**2))), _LEAST_SCATTER)
    return 0.02
