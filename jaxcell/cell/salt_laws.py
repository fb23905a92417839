"""Laws of an electrolyte: how conductivity and diffusivity change with the salt's concentration."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.component import Component, quantity
from jaxcell.physics.interpolation import monotone_slopes, piecewise_cubic
from jaxcell.physics.lipf6 import lipf6_conductivity, lipf6_diffusivity
from jaxcell.units import Quantity, is_traced, strong_float64

FEWEST = 3
"""Points of a table."""
MEASURED = 3000.0
"""Highest concentration [mol m-3] of the LiPF6 laws, which stay as they are there beyond."""


def _column(values: Any) -> Array:
    try:
        return strong_float64(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"A column of a table must be a list of numbers, but is {values!r}.") from error


class ConcentrationLaw(Component):
    """A property p of an electrolyte as a function of its salt's concentration, above zero for every c > 0.

    Only its shape counts: the model uses p(c)/p(c0) as a factor on the number of the part, which is that at the salt's
    initial concentration c0 (and at the temperature of the cell).  Laws of a user's own derive from this class.
    """

    @abc.abstractmethod
    def __call__(self, concentration: Float[Array, "..."]) -> Float[Array, "..."]:
        """p(c), in any unit, of c [mol m-3]."""


class LiPF6Conductivity(ConcentrationLaw):
    """kappa(c) of LiPF6 in carbonates after Valoen and Reimers 2005: `jaxcell.physics.lipf6.lipf6_conductivity`.

    Measured up to 3 mol/l, beyond which it stays as it is there.
    """

    temperature: Quantity = quantity("K", at_least=263.0, at_most=333.15, default=298.15)
    """T [K] whose shape is taken; it does not follow the cell's."""

    def __call__(self, concentration: Float[Array, "..."]) -> Float[Array, "..."]:
        return lipf6_conductivity(jnp.minimum(concentration, MEASURED), self.temperature)


class LiPF6Diffusivity(ConcentrationLaw):
    """D(c) of LiPF6 in carbonates after Valoen and Reimers 2005: `jaxcell.physics.lipf6.lipf6_diffusivity`.

    Measured up to 3 mol/l, beyond which it stays as it is there.
    """

    temperature: Quantity = quantity("K", at_least=263.0, at_most=333.15, default=298.15)
    """T [K] whose shape is taken; it does not follow the cell's."""

    def __call__(self, concentration: Float[Array, "..."]) -> Float[Array, "..."]:
        return lipf6_diffusivity(jnp.minimum(concentration, MEASURED), self.temperature)


class TabulatedConcentration(ConcentrationLaw):
    """p(c) from a table: a monotone cubic through the logarithms, constant beyond its ends.

    Raises:
        ValueError: fewer than three points, lengths that differ, concentrations that do not rise or lie below 0, a
            value that is not above zero; the row is named, counted from 1.
    """

    concentration: Float[Array, " points"] = eqx.field(converter=_column)
    """c [mol m-3], rising."""
    value: Float[Array, " points"] = eqx.field(converter=_column)
    """p at each of them, in any unit."""

    def __check_init__(self) -> None:
        c, p = self.concentration, self.value
        for name, column in (("concentration", c), ("value", p)):
            if column.ndim != 1 or column.shape[0] < FEWEST:
                raise ValueError(
                    f"TabulatedConcentration.{name} must be a list of at least {FEWEST} numbers, but has shape "
                    f"{column.shape}."
                )
        if c.shape != p.shape:
            raise ValueError(
                f"TabulatedConcentration.value must have one value for each concentration, but there are "
                f"{p.shape[0]} for {c.shape[0]}."
            )
        if is_traced(c) or is_traced(p):
            return
        cs, ps = np.asarray(c), np.asarray(p)
        _refuse("concentration", "mol m-3", cs, ~(np.isfinite(cs) & (cs >= 0.0)), "a finite number of at least 0")
        _refuse("concentration", "mol m-3", cs, np.diff(cs, prepend=-1.0) <= 0.0, "above the row before it")
        _refuse("value", "any unit", ps, ~(np.isfinite(ps) & (ps > 0.0)), "a finite number above 0")

    def __call__(self, concentration: Float[Array, "..."]) -> Float[Array, "..."]:
        c, logarithm = self.concentration, jnp.log(self.value)
        held = jnp.clip(concentration, c[0], c[-1])
        return jnp.exp(piecewise_cubic(held, c, logarithm, monotone_slopes(c, logarithm)))


def _refuse(name: str, unit: str, values: np.ndarray, wrong: np.ndarray, expected: str) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"TabulatedConcentration.{name} must be {expected} [{unit}], but row {row + 1} is {values[row]:g}."
        )
