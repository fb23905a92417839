"""Coordinates in which parameters are fitted: the optimiser sees theta, the model sees the physical value."""

import abc
import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Transform(eqx.Module):
    """A smooth, strictly increasing map between a physical value and its fitted coordinate theta [1]."""

    name: ClassVar[str]

    @abc.abstractmethod
    def forward(self, value: Float[Array, ""]) -> Float[Array, ""]:
        """Theta of a physical value."""

    @abc.abstractmethod
    def inverse(self, theta: Float[Array, ""]) -> Float[Array, ""]:
        """Physical value of theta."""

    @abc.abstractmethod
    def refusal(self, low: float, high: float) -> str | None:
        """Why bounds (low, high) do not suit this coordinate, or None when they do."""


class Linear(Transform):
    """theta = value / scale, for quantities of either sign; `scale` [unit of the value] brings theta to order
    one."""

    name = "linear"
    scale: Float[Array, ""]

    def __init__(self, scale: float) -> None:
        if not (math.isfinite(scale) and scale > 0.0):
            raise ValueError(f"Argument 'scale' of a linear transform must be positive, but is {scale:g}.")
        self.scale = jnp.asarray(scale, dtype=jnp.float64)

    def forward(self, value: Float[Array, ""]) -> Float[Array, ""]:
        return value / self.scale

    def inverse(self, theta: Float[Array, ""]) -> Float[Array, ""]:
        return theta * self.scale

    def refusal(self, low: float, high: float) -> str | None:
        return None


class Log(Transform):
    """theta = ln(value), for rates, conductivities and resistances known to within factors."""

    name = "log"

    def forward(self, value: Float[Array, ""]) -> Float[Array, ""]:
        return jnp.log(value)

    def inverse(self, theta: Float[Array, ""]) -> Float[Array, ""]:
        return jnp.exp(theta)

    def refusal(self, low: float, high: float) -> str | None:
        return None if low > 0.0 else "a log transform needs positive bounds"


class Logit(Transform):
    """theta = ln[(value - lower) / (upper - value)], for fractions; (lower, upper) is (0, 1) unless given.

    The bounds of the parameter must lie strictly inside the interval, so that theta stays finite on them.
    """

    name = "logit"
    lower: Float[Array, ""]
    upper: Float[Array, ""]
    _interval: tuple[float, float] = eqx.field(static=True)

    def __init__(self, lower: float = 0.0, upper: float = 1.0) -> None:
        if not lower < upper:
            raise ValueError(f"A logit transform needs lower < upper, but got ({lower:g}, {upper:g}).")
        self.lower = jnp.asarray(lower, dtype=jnp.float64)
        self.upper = jnp.asarray(upper, dtype=jnp.float64)
        self._interval = (float(lower), float(upper))

    def forward(self, value: Float[Array, ""]) -> Float[Array, ""]:
        return jnp.log((value - self.lower) / (self.upper - value))

    def inverse(self, theta: Float[Array, ""]) -> Float[Array, ""]:
        return self.lower + (self.upper - self.lower) * jax.nn.sigmoid(theta)

    def refusal(self, low: float, high: float) -> str | None:
        a, b = self._interval
        inside = a < low and high < b
        return None if inside else f"a logit transform needs bounds strictly inside ({a:g}, {b:g})"


def named_transform(name: str, low: float, high: float) -> Transform | None:
    """The transform called `name` for a parameter bounded by (low, high); None when there is no such name."""
    if name == "linear":
        return Linear(scale=high - low)
    if name == "log":
        return Log()
    if name == "logit":
        return Logit()
    return None


TRANSFORM_NAMES = ("linear", "log", "logit")


def log_slope(transform: Transform, theta: Float[Array, ""]) -> Float[Array, ""]:
    """ln(d value / d theta), the Jacobian that carries a density from physical values to theta."""
    return jnp.log(jax.grad(transform.inverse)(theta))
