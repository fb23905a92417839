"""A measured impedance spectrum, with the noise of its points."""

import numbers
import warnings
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

    Raises ValueError naming the argument that is no row of numbers or the point that is not finite or not above 0 Hz, a
    frequency that is there twice, lengths that differ, a noise that is not above zero, a factor below 1, flags on every
    point, or too few points to estimate a noise.
    """
    f, z = _row("frequency", "Hz", frequency, np.float64), _row("impedance", "Ohm m2", impedance, np.complex128)
    doubtful = np.zeros(f.shape, dtype=bool) if flagged is None else _row("flagged", "1", flagged, np.float64) != 0.0
    for name, column in (("impedance", z), ("flagged", doubtful)):
        if column.shape != f.shape:
            raise ValueError(f"{name} must have as many points as frequency ({f.size}), but has {column.size}.")
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
        if value is not None and not (_is_number(value) and value > 0.0):
            raise ValueError(f"{name} must be a finite number above 0 [{unit}], but is {value!r}.")
    if not (_is_number(flagged_factor) and flagged_factor >= 1.0):
        raise ValueError(f"flagged_factor must be a finite number of at least 1 [1], but is {flagged_factor!r}.")
    if f.size and doubtful.all():
        raise ValueError(f"flagged must leave some points to trust, but all {f.size} are flagged.")
    order = np.argsort(f)
    f, z, doubtful = f[order], z[order], doubtful[order]
    estimated = relative_noise is None and absolute_noise is None
    relative = relative_noise_of(f[~doubtful], z[~doubtful]) if estimated else relative_noise or 0.0
    noise = np.hypot(relative * np.abs(z), absolute_noise or 0.0) * np.where(doubtful, flagged_factor, 1.0)
    return SpectrumData(jnp.asarray(f), jnp.asarray(z), jnp.asarray(noise), estimated, jnp.asarray(doubtful))


def _row(name: str, unit: str, values: Any, kind: type) -> np.ndarray:
    """One-dimensional numbers; the other checks are the caller's."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            row = np.asarray(values, dtype=kind)
    except (TypeError, ValueError, np.exceptions.ComplexWarning):
        row = np.empty(())
    if row.ndim != 1:
        what = "complex numbers" if kind is np.complex128 else "numbers"
        raise ValueError(f"{name} must be a row of {what} [{unit}], but is {_told(values)}.")
    return row


def _told(values: Any) -> str:
    text = repr(values)
    return text if len(text) <= 40 else f"a {type(values).__name__} of something else"


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and bool(np.isfinite(float(value)))


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
