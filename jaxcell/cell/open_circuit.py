"""Laws of a host material: open-circuit potential and diffusivity as functions of stoichiometry."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.component import Component, quantity
from jaxcell.physics.interpolation import monotone_slopes, piecewise_cubic
from jaxcell.physics.open_circuit import lfp_potential, nmc532_potential, nmc811_potential, within_ends
from jaxcell.units import Quantity, Scalar, is_traced, strong_float64

FEWEST = 3
"""Points of a table."""
HIGHEST_POTENTIAL = 10.0
"""[V] in a table, of either sign: beyond, it is one of mV."""
NET_RISE = 5e-3
"""[V]: by so much a table may rise as a whole, for the scatter of a plateau."""


def _column(values: Any) -> Array:
    try:
        return strong_float64(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"A column of a table must be a list of numbers, but is {values!r}.") from error


class OpenCircuitPotential(Component):
    """A material's potential against Li/Li+ [V] as a function of its stoichiometry [1].

    Every law holds for 0 < x < 1, is smooth there, and outside rises (below 0) or falls (above 1) by 10 kV per unit of
    x; see `jaxcell.physics.open_circuit.within_ends`, which changes the published laws by 45 uV at x = 0.001 and by
    nothing from 0.002 to 0.998.  No change with temperature.  Laws of a user's own derive from this class.
    """

    @abc.abstractmethod
    def __call__(self, stoichiometry: Float[Array, "..."]) -> Float[Array, "..."]:
        """U(x) [V]."""

    @property
    def limits(self) -> tuple[Scalar, Scalar]:
        """Lowest and highest stoichiometry [1] that a window may have: all of a law, up to what it is kept between."""
        return strong_float64(0.0), strong_float64(1.0)


class NMC532(OpenCircuitPotential):
    """LiNi0.5Mn0.3Co0.2O2 after Mohtat et al. 2020, doi 10.1149/1945-7111/aba5d1; equation:
    `jaxcell.physics.open_circuit.nmc532_potential`."""

    def __call__(self, stoichiometry: Float[Array, "..."]) -> Float[Array, "..."]:
        x, end = within_ends(stoichiometry)
        return nmc532_potential(x) + end


class NMC811(OpenCircuitPotential):
    """LiNi0.8Mn0.1Co0.1O2 after Chen et al. 2020, doi 10.1149/1945-7111/ab9050; equation:
    `jaxcell.physics.open_circuit.nmc811_potential`."""

    def __call__(self, stoichiometry: Float[Array, "..."]) -> Float[Array, "..."]:
        x, end = within_ends(stoichiometry)
        return nmc811_potential(x) + end


class LFP(OpenCircuitPotential):
    """LiFePO4 after Afshar et al. 2017, arXiv 1709.03970; equation: `jaxcell.physics.open_circuit.lfp_potential`."""

    def __call__(self, stoichiometry: Float[Array, "..."]) -> Float[Array, "..."]:
        x, end = within_ends(stoichiometry)
        return lfp_potential(x) + end


class ConstantPotential(OpenCircuitPotential):
    """A two-phase plateau, the same at every stoichiometry between its ends.

    Default 0.62 V, of In and InLi: Santhosha et al., Batteries & Supercaps 2 (2019) 524.
    """

    potential: Quantity = quantity("V", at_least=-1.0, at_most=6.0, default=0.62)
    """U [V] against Li/Li+."""

    def __call__(self, stoichiometry: Float[Array, "..."]) -> Float[Array, "..."]:
        _, end = within_ends(stoichiometry)
        return self.potential + end


class TabulatedPotential(OpenCircuitPotential):
    """A measured or published table: a monotone cubic through its points (`jaxcell.physics.interpolation`).

    U is continuous with its first derivative, passes through every point and overshoots nowhere; derivatives flow to
    the table's values.  Beyond the table and within 0 < x < 1 it goes on as a straight line of the slope at its end.

    Raises:
        ValueError: fewer than three points, lengths that differ, a value that is not finite, stoichiometries that do
            not rise or lie outside 0 to 1, a potential beyond 10 V of either sign; the row is named, counted from 1.
            Potentials that rise with x, by 5 mV in all and over more than half of the table.
    """

    stoichiometry: Float[Array, " points"] = eqx.field(converter=_column)
    """x [1], rising."""
    potential: Float[Array, " points"] = eqx.field(converter=_column)
    """U [V] against Li/Li+ at each of them."""

    def __check_init__(self) -> None:
        _check_table("TabulatedPotential", "potential", "V", self.stoichiometry, self.potential)
        _check_potentials(self.stoichiometry, self.potential)

    @property
    def limits(self) -> tuple[Scalar, Scalar]:
        """First and last stoichiometry of the table [1]."""
        return self.stoichiometry[0], self.stoichiometry[-1]

    def __call__(self, stoichiometry: Float[Array, "..."]) -> Float[Array, "..."]:
        x, end = within_ends(stoichiometry)
        slopes = monotone_slopes(self.stoichiometry, self.potential)
        return piecewise_cubic(x, self.stoichiometry, self.potential, slopes) + end


class DiffusivityLaw(Component):
    """A factor [1] on the diffusivity of a particle as a function of stoichiometry; above zero everywhere."""

    @abc.abstractmethod
    def __call__(self, stoichiometry: Float[Array, "..."]) -> Float[Array, "..."]:
        """D(x)/D [1]."""


class TabulatedDiffusivity(DiffusivityLaw):
    """D(x)/D from a table: a monotone cubic through the logarithms, constant beyond its ends.

    Raises:
        ValueError: as `TabulatedPotential`, and for a factor that is not above zero.
    """

    stoichiometry: Float[Array, " points"] = eqx.field(converter=_column)
    """x [1], rising."""
    factor: Float[Array, " points"] = eqx.field(converter=_column)
    """D(x)/D [1] at each of them."""

    def __check_init__(self) -> None:
        _check_table("TabulatedDiffusivity", "factor", "1", self.stoichiometry, self.factor, positive=True)

    def __call__(self, stoichiometry: Float[Array, "..."]) -> Float[Array, "..."]:
        x, logarithm = self.stoichiometry, jnp.log(self.factor)
        held = jnp.clip(stoichiometry, x[0], x[-1])
        return jnp.exp(piecewise_cubic(held, x, logarithm, monotone_slopes(x, logarithm)))


def _check_table(owner: str, name: str, unit: str, x: Array, y: Array, positive: bool = False) -> None:
    """Refuse a table that no curve passes through; values that are traced are not looked at."""
    for field, column in (("stoichiometry", x), (name, y)):
        if column.ndim != 1 or column.shape[0] < FEWEST:
            raise ValueError(
                f"{owner}.{field} must be a list of at least {FEWEST} numbers, but has shape {column.shape}."
            )
    if x.shape != y.shape:
        raise ValueError(
            f"{owner}.{name} must have one value for each stoichiometry, but there are {y.shape[0]} for {x.shape[0]}."
        )
    if is_traced(x) or is_traced(y):
        return
    xs, ys = np.asarray(x), np.asarray(y)
    _refuse(owner, "stoichiometry", "1", xs, ~((xs >= 0.0) & (xs <= 1.0)), "between 0 and 1")
    falls = np.concatenate([[False], np.diff(xs) <= 0.0])
    _refuse(owner, "stoichiometry", "1", xs, falls, "above the row before it")
    _refuse(owner, name, unit, ys, ~np.isfinite(ys), "a finite number")
    if positive:
        _refuse(owner, name, unit, ys, ys <= 0.0, "above 0")


def _check_potentials(x: Array, potential: Array) -> None:
    """Refuse what is no potential of a host in V against its lithium; values that are traced are not looked at."""
    if is_traced(x) or is_traced(potential):
        return
    xs, volts = np.asarray(x), np.asarray(potential)
    expected = f"between {-HIGHEST_POTENTIAL:g} and {HIGHEST_POTENTIAL:g}"
    hint = "; a table in mV must be divided by 1000" if np.median(np.abs(volts)) > HIGHEST_POTENTIAL else ""
    _refuse("TabulatedPotential", "potential", "V", volts, np.abs(volts) > HIGHEST_POTENTIAL, expected, hint)
    rising = np.sum(np.diff(xs)[np.diff(volts) > 0.0])
    if volts[-1] - volts[0] > NET_RISE and rising > 0.5 * (xs[-1] - xs[0]):
        raise ValueError(
            f"TabulatedPotential.potential must fall as the stoichiometry, lithium in the host, rises, but rises from "
            f"{volts[0]:g} V at {xs[0]:g} to {volts[-1]:g} V at {xs[-1]:g}; where the column counts lithium that is "
            f"taken out, give 1 - x."
        )


def _refuse(
    owner: str, name: str, unit: str, values: np.ndarray, wrong: np.ndarray, expected: str, hint: str = ""
) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"{owner}.{name} must be {expected} [{unit}], but row {row + 1} is {values[row]:g}{hint}.")
