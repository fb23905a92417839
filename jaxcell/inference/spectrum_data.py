"""A measured impedance spectrum, with the noise of its points."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

FEWEST = 9
"""Points, flagged ones left out, from whose scatter a noise can be estimated."""
FLAGGED = 10.0
"""By how much the noise of a flagged point is larger, unless it is said."""
_LEAST = 1e-6
"""Relative noise that no instrument goes below [1]."""


class SpectrumData(eqx.Module):
    """An impedance by frequency, Im(Z) < 0 where capacitive."""

    frequency: Float[Array, " points"]
    """[Hz]."""
    impedance: Complex[Array, " points"]
    """[Ohm m2]."""
    noise: Float[Array, " points"]
    """Standard deviation [Ohm m2] of the real and of the imaginary part of each point."""
    noise_estimated: bool = eqx.field(static=True)
    """Whether `noise` was read off the scatter of neighbouring points rather than given."""
    flagged: Bool[Array, " points"]
    """Doubtful points: they count little in the estimate, and not at all in how large the noise is found to be."""


def spectrum_data(
    frequency: Sequence[float] | np.ndarray,
    impedance: Sequence[complex] | np.ndarray,
    *,
    relative_noise: float | None = None,
    absolute_noise: float | None = None,
    flagged: Sequence[bool] | np.ndarray | None = None,
    flagged_factor: float = FLAGGED,
) -> SpectrumData:
    """A spectrum from columns of equal length, in any order of frequency.

    The noise of either part is sqrt((relative_noise |Z|)^2 + absolute_noise^2), `relative_noise` [1] and
    `absolute_noise` [Ohm m2] 0 where only the other is given; without both the relative one is estimated from the
    scatter about cubics through neighbouring points, and the fit corrects it.  `flagged` points, doubtful by a
    Kramers-Kronig test, say, count with `flagged_factor` (10) times the noise: none is dropped. Artefacts as large as
    the impedance need a larger one, so that they do not pull the fit.

    Raises ValueError naming the argument and point that is not finite or not above 0 Hz, a frequency that is there
    twice, lengths that differ, a noise that is not above zero, a factor below 1, or too few points to estimate one.
    """
    f, z = np.asarray(frequency, dtype=np.float64), np.asarray(impedance, dtype=np.complex128)
    doubtful = np.zeros(f.shape, dtype=bool) if flagged is None else np.asarray(flagged, dtype=bool)
    for name, column in (("impedance", z), ("flagged", doubtful)):
        if f.ndim != 1 or column.shape != f.shape:
            raise ValueError(f"{name} must have as many points as frequency ({f.shape}), but has shape {column.shape}.")
    for name, unit, good in (("frequency", "Hz", np.isfinite(f) & (f > 0.0)), ("impedance", "Ohm m2", np.isfinite(z))):
        bad = np.flatnonzero(~good)
        if bad.size:
            value = (f if name == "frequency" else z)[bad[0]]
            kind = "finite and above 0" if name == "frequency" else "finite"
            raise ValueError(f"{name} must be {kind} [{unit}], but point {bad[0]} is {value}.")
    if np.unique(f).size < f.size:
        raise ValueError(
            "frequency must be different at every point [Hz]; give each sweep as a measurement of its own."
        )
    for name, unit, value in (("relative_noise", "1", relative_noise), ("absolute_noise", "Ohm m2", absolute_noise)):
        if value is not None and not (np.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} must be a finite number above 0 [{unit}], but is {value!r}.")
    if not (np.isfinite(flagged_factor) and flagged_factor >= 1.0):
        raise ValueError(f"flagged_factor must be a finite number of at least 1 [1], but is {flagged_factor!r}.")
    order = np.argsort(f)
    f, z, doubtful = f[order], z[order], doubtful[order]
    estimated = relative_noise is None and absolute_noise is None
    relative = relative_noise_of(f[~doubtful], z[~doubtful]) if estimated else relative_noise or 0.0
    noise = np.hypot(relative * np.abs(z), absolute_noise or 0.0) * np.where(doubtful, flagged_factor, 1.0)
    return SpectrumData(jnp.asarray(f), jnp.asarray(z), jnp.asarray(noise), estimated, jnp.asarray(doubtful))


def relative_noise_of(frequency: Float[np.ndarray, " n"], impedance: Complex[np.ndarray, " n"]) -> float:
    """Relative standard deviation [1] of either part from the scatter about cubics through neighbours in ln f.

    d = sum_k w_k Z_k over five points, w_k = 1/prod_m(x_k - x_m), is blind to cubics; over sqrt(sum w^2) it has the
    noise's standard deviation, which comes from the median of |d|/|Z| (normal noise: median |d|/sd = 0.6745).

    Raises ValueError with fewer than 9 points.
    """
    if frequency.size < FEWEST:
        raise ValueError(
            f"noise cannot be estimated from {frequency.size} points (at least {FEWEST} are needed); give "
            "relative_noise or absolute_noise."
        )
    windows = np.lib.stride_tricks.sliding_window_view
    x, z = windows(np.log(frequency), 5), windows(impedance, 5)
    apart = x[:, :, None] - x[:, None, :] + np.eye(5)
    weight = 1.0 / np.prod(apart, axis=2)
    scatter: Any = np.sum(weight * z, axis=1) / np.sqrt(np.sum(weight**2, axis=1)) / np.abs(z[:, 2])
    parts = np.concatenate([scatter.real, scatter.imag])
    return max(float(np.median(np.abs(parts)) / 0.6744897501960817), _LEAST)
