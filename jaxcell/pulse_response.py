"""The voltage that a measured spectrum foretells for any small current: do pulses and impedance describe one cell?"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxcell.impedance_validity import KramersKronig


def linear_response(model: KramersKronig, time: ArrayLike, current: ArrayLike) -> NDArray[np.float64]:
    r"""Voltage [V] against rest of the measurement model of a Kramers-Kronig test, shape (rows,).

    $$v = R_0 I + \frac{1}{C}\int I\,dt + \sum_k v_k, \qquad \tau_k \dot v_k = R_k I - v_k, \quad v_k(t_0) = 0$$

    exact for a current that is constant between rows. Free of any model of the cell: what it misses beyond the test's
    residuals is another cell, another state, or a response that is not linear. The inductance answers only to jumps and
    is left out. The spectrum says nothing of times longer than 1/(2 pi f) of its lowest frequency f.

    Args:
        model: `kramers_kronig(spectrum)`.
        time: [s], increasing; shape (rows,).
        current: [A] of the interval that ends with each row, positive charges; that of the first row flows never.

    Raises:
        ValueError: lengths that differ, fewer than two rows, numbers that are not finite, time that does not increase.
    """
    t, i = np.asarray(time, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if t.ndim != 1 or t.shape != i.shape or t.size < 2:
        raise ValueError(f"time and current must be two equal rows of 2 numbers or more, but are {t.shape}, {i.shape}.")
    step = np.diff(t)
    if not (np.isfinite(t).all() and np.isfinite(i).all() and (step > 0.0).all()):
        raise ValueError("time [s] and current [A] must be finite, and time must increase.")
    charge = np.concatenate([[0.0], np.cumsum(i[1:] * step)])
    voltage = model.resistance * np.concatenate([[0.0], i[1:]]) + model.elastance * charge
    own = np.zeros_like(model.resistances)
    for row, (length, flow) in enumerate(zip(step, i[1:], strict=True), start=1):
        kept = np.exp(-length / model.time_constants)
        own = kept * own + (1.0 - kept) * model.resistances * flow
        voltage[row] += own.sum()
    return voltage
