"""What is believed about a parameter before the data: densities, and residual rows where they are
Gaussian."""

import abc
import math
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .transforms import Transform, log_slope

NORMAL_95 = 1.959963984540054
"""Half-width of the central 95 % interval of a standard normal."""


class Prior(eqx.Module):
    """Belief about one physical value, before the data and within the parameter's bounds; `source` says in words where
    it comes from."""

    name: ClassVar[str]
    source: str = eqx.field(static=True, kw_only=True, default="")

    @property
    def words(self) -> str:
        """Where it comes from."""
        return self.source or ("flat between its bounds" if isinstance(self, Uniform) else "given")

    @abc.abstractmethod
    def outside(self, low: float, high: float) -> float:
        """Share of the belief [1] that lies beyond two bounds of the value."""

    @abc.abstractmethod
    def residuals(self, value: Float[Array, ""]) -> Float[Array, " rows"]:
        """Standardised rows r with ln density = -0.5 r^2 + constant in the prior's own Gaussian coordinate.

        That coordinate is ln(value) for `LogNormal` and the value for `Normal`; with the matching transform
        (log, linear) it is theta up to a scale, so the least-squares optimum is the mode in theta.
        """

    @abc.abstractmethod
    def log_density(self, transform: Transform, theta: Float[Array, ""]) -> Float[Array, ""]:
        """ln of the density in theta, up to a constant; with the Jacobian of the transform, for any
        sampler."""


class Uniform(Prior):
    """Flat in theta between the bounds: log-uniform in the value under a log transform."""

    name = "uniform"

    def outside(self, low: float, high: float) -> float:
        return 0.0

    def residuals(self, value: Float[Array, ""]) -> Float[Array, " rows"]:
        return jnp.zeros((0,), dtype=jnp.float64)

    def log_density(self, transform: Transform, theta: Float[Array, ""]) -> Float[Array, ""]:
        return jnp.zeros_like(theta)


class Normal(Prior):
    """value ~ N(mean, sd^2), both in the unit of the value."""

    name = "normal"
    mean: Float[Array, ""]
    sd: Float[Array, ""]

    def __init__(self, mean: float, sd: float, *, source: str = "") -> None:
        if not (math.isfinite(mean) and math.isfinite(sd) and sd > 0.0):
            raise ValueError(f"A normal prior needs a finite mean and sd > 0, but got ({mean:g}, {sd:g}).")
        self.mean = jnp.asarray(mean, dtype=jnp.float64)
        self.sd = jnp.asarray(sd, dtype=jnp.float64)
        self.source = source

    def outside(self, low: float, high: float) -> float:
        return _beyond((low - float(self.mean)) / float(self.sd), (high - float(self.mean)) / float(self.sd))

    def residuals(self, value: Float[Array, ""]) -> Float[Array, " rows"]:
        return jnp.reshape((value - self.mean) / self.sd, (1,))

    def log_density(self, transform: Transform, theta: Float[Array, ""]) -> Float[Array, ""]:
        r = (transform.inverse(theta) - self.mean) / self.sd
        return -0.5 * r**2 + log_slope(transform, theta)


class LogNormal(Prior):
    """ln(value) ~ N(ln median, s^2) with s = ln(high/low) / (2 * 1.96) from the 95 % range (low, high).

    `median` defaults to the geometric middle of the range; when it is not the middle, the width of the range
    is kept and the interval is centred (in the logarithm) on the median.
    """

    name = "lognormal"
    median: Float[Array, ""]
    log_sd: Float[Array, ""]

    def __init__(self, range95: tuple[float, float], median: float | None = None, *, source: str = "") -> None:
        low, high = range95
        if not 0.0 < low < high < math.inf:
            raise ValueError(f"A lognormal prior needs 0 < low < high, but range95 is ({low:g}, {high:g}).")
        centre = math.sqrt(low) * math.sqrt(high) if median is None else median
        if not low <= centre <= high:
            raise ValueError(
                f"The median of a lognormal prior must lie in range95 ({low:g}, {high:g}), but is {centre:g}."
            )
        self.median = jnp.asarray(centre, dtype=jnp.float64)
        self.log_sd = jnp.asarray(math.log(high / low) / (2.0 * NORMAL_95), dtype=jnp.float64)
        self.source = source

    def outside(self, low: float, high: float) -> float:
        ends = (math.log(end / float(self.median)) if end > 0.0 else -math.inf for end in (low, high))
        return _beyond(*(end / float(self.log_sd) for end in ends))

    def residuals(self, value: Float[Array, ""]) -> Float[Array, " rows"]:
        return jnp.reshape(jnp.log(value / self.median) / self.log_sd, (1,))

    def log_density(self, transform: Transform, theta: Float[Array, ""]) -> Float[Array, ""]:
        value = transform.inverse(theta)
        r = jnp.log(value / self.median) / self.log_sd
        return -0.5 * r**2 - jnp.log(value) + log_slope(transform, theta)


def _beyond(low: float, high: float) -> float:
    """Of a standard normal."""
    return 0.5 * (math.erfc(-low / math.sqrt(2.0)) + math.erfc(high / math.sqrt(2.0)))
