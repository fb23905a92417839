"""What is measured of a step that ends by itself: how long it took, what it passed, its voltage on the way."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.units import Scalar

LATEST_SHARE = 0.99
"""Latest place in a step at which a voltage may be compared: two runs agree on the end to a small part of the rest."""


class StepData(eqx.Module):
    """Measurements of one step of a protocol, each with the standard deviation of its noise.

    - `step`: number of the step, counted through all repeats from zero.
    - `duration` [s] and `charge` [C m-2, in either direction]: of the whole step. At constant current they say the
      same: give one.
    - `efficiency` [1]: charge of the step over that of step `relative_to`, the plating before it, say.
    - `voltage` [V]: at the terminal, Battery Data Format sign, at the `shares` of the step's duration, which at
      constant current are shares of its charge; increasing, above 0 and up to `LATEST_SHARE`.

    Voltages are compared at the same share, not at the same time: a step that ends later in the model than in the
    measurement counts once, in its duration or charge, and not again in every voltage near its end.

    Raises ValueError naming the argument, its value, unit and what was expected.
    """

    step: int = eqx.field(static=True)
    duration: Scalar | None
    duration_noise: Scalar | None
    charge: Scalar | None
    charge_noise: Scalar | None
    efficiency: Scalar | None
    efficiency_noise: Scalar | None
    relative_to: int | None = eqx.field(static=True)
    shares: Float[Array, " samples"]
    voltage: Float[Array, " samples"]
    voltage_noise: Scalar | None

    def __init__(
        self,
        step: int,
        *,
        duration: float | None = None,
        duration_noise: float | None = None,
        charge: float | None = None,
        charge_noise: float | None = None,
        efficiency: float | None = None,
        efficiency_noise: float | None = None,
        relative_to: int | None = None,
        shares: Sequence[float] | np.ndarray = (),
        voltage: Sequence[float] | np.ndarray = (),
        voltage_noise: float | None = None,
    ) -> None:
        if isinstance(step, bool) or not isinstance(step, int | np.integer) or step < 0:
            raise ValueError(f"StepData.step must be a whole number of at least 0, but is {step!r}.")
        self.step = int(step)
        self.duration, self.duration_noise = _measured("duration", duration, duration_noise, "s")
        self.charge, self.charge_noise = _measured("charge", charge, charge_noise, "C m-2")
        self.efficiency, self.efficiency_noise = _measured("efficiency", efficiency, efficiency_noise, "1")
        if (efficiency is None) != (relative_to is None):
            raise ValueError(
                "StepData.relative_to must be the number of a step where efficiency is given, and only there."
            )
        self.relative_to = relative_to
        at, values = np.asarray(shares, dtype=np.float64), np.asarray(voltage, dtype=np.float64)
        if at.ndim != 1 or at.shape != values.shape:
            raise ValueError(
                f"StepData.shares and voltage must be one-dimensional and equally long, but have shapes {at.shape} and "
                f"{values.shape}."
            )
        if at.size and not (at[0] > 0.0 and at[-1] <= LATEST_SHARE and np.all(np.diff(at) > 0.0)):
            raise ValueError(
                f"StepData.shares must increase, above 0 and up to {LATEST_SHARE} [1], but step {step} has {at}."
            )
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise ValueError(f"StepData.voltage must be finite [V], but sample {bad[0]} is {values[bad[0]]}.")
        self.shares, self.voltage = jnp.asarray(at), jnp.asarray(values)
        self.voltage_noise = _measured("voltage", None if at.size == 0 else 1.0, voltage_noise, "V")[1]
        if self.rows == 0:
            raise ValueError(
                f"StepData must have a duration, a charge, an efficiency or voltages, but step {step} has none."
            )

    @property
    def rows(self) -> int:
        """Number of measurements."""
        ends = (self.duration, self.charge, self.efficiency)
        return sum(end is not None for end in ends) + self.shares.shape[0]


def step_data(
    step: int,
    time: Sequence[float] | np.ndarray,
    current_density: Sequence[float] | np.ndarray,
    voltage: Sequence[float] | np.ndarray,
    *,
    shares: Sequence[float] | np.ndarray,
    voltage_noise: float,
    charge_noise: float,
) -> StepData:
    """Charge and voltages of one step from its samples, the first where it begins and the last where it ends.

    `time` [s], `current_density` [A m-2] of the interval before each sample, `voltage` [V].  Of the samples those
    nearest to the `shares` of the charge are taken as they are, at their own shares: no interpolation averages noise.
    For steps of constant current.  Raises ValueError for columns of different length, or as `StepData` does.
    """
    t, i, v = (np.asarray(column, dtype=np.float64) for column in (time, current_density, voltage))
    if not (t.ndim == 1 and t.size > 2 and t.shape == i.shape == v.shape):
        raise ValueError(
            f"time, current_density and voltage must be equally long with at least 3 samples, but have shapes "
            f"{t.shape}, {i.shape} and {v.shape}."
        )
    passed = np.concatenate([[0.0], np.cumsum(np.abs(i[1:]) * np.diff(t))])
    place = passed / passed[-1]
    nearest = np.unique([np.argmin(np.abs(place - share)) for share in np.asarray(shares, dtype=np.float64)])
    nearest = nearest[(place[nearest] > 0.0) & (place[nearest] <= LATEST_SHARE)]
    return StepData(
        step,
        charge=float(passed[-1]),
        charge_noise=charge_noise,
        shares=place[nearest],
        voltage=v[nearest],
        voltage_noise=voltage_noise,
    )


def _measured(name: str, value: Any, noise: Any, unit: str) -> tuple[Scalar | None, Scalar | None]:
    """A value and its noise, both above zero, or neither."""
    if (value is None) != (noise is None):
        given, missing = (name, f"{name}_noise") if noise is None else (f"{name}_noise", name)
        raise ValueError(f"StepData.{missing} must be given [{unit}] where {given} is, but is missing.")
    if value is None:
        return None, None
    for which, number in ((name, value), (f"{name}_noise", noise)):
        if not (np.isfinite(number) and number > 0.0):
            raise ValueError(f"StepData.{which} must be a finite number above 0 [{unit}], but is {number!r}.")
    return jnp.asarray(value, dtype=jnp.float64), jnp.asarray(noise, dtype=jnp.float64)
