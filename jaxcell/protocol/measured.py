"""The replay of a measured current."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from jaxcell.protocol.protocol import Protocol


def replay(
    time: Sequence[float] | np.ndarray, current_density: Sequence[float] | np.ndarray, noise: float = 0.01
) -> Protocol:
    """A measured current: `current_density[j]` [A m-2] flows from `time[j-1]` to `time[j]` [s], j >= 1.

    Cyclers write a row at the end of the interval that its current belongs to. The solution is given at time[1:].
    Changes below `noise` times the largest current are not treated as jumps, which only affects the step grid.

    Raises ValueError unless both are one-dimensional, equally long, finite, and time increases.
    """
    t = np.asarray(time, dtype=np.float64)
    i = np.asarray(current_density, dtype=np.float64)
    if t.ndim != 1 or i.shape != t.shape or t.size < 2:
        raise ValueError(
            f"time and current_density must be one-dimensional and equally long with at least 2 rows, "
            f"but have shapes {t.shape} and {i.shape}."
        )
    for name, values, unit in (("time", t, "s"), ("current_density", i, "A m-2")):
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise ValueError(f"{name} must be finite [{unit}], but row {bad[0]} is {values[bad[0]]}.")
    backwards = np.flatnonzero(np.diff(t) <= 0)
    if backwards.size:
        row = int(backwards[0]) + 1
        raise ValueError(f"time must increase, but row {row} is {t[row]:g} s after {t[row - 1]:g} s.")
    flows = i[1:]
    largest = float(np.max(np.abs(flows)))
    change = np.abs(np.diff(flows, prepend=0.0))
    jump = change > noise * largest
    jump[0] = True
    return Protocol.of_currents(jnp.asarray(np.diff(t)), jnp.asarray(flows), jnp.asarray(jump))
