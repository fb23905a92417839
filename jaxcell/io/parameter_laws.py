"""From a function or number in somebody's parameter set to the laws of this package."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from jaxcell.cell import (
    LFP,
    NMC532,
    NMC811,
    ConcentrationLaw,
    OpenCircuitPotential,
    TabulatedConcentration,
    TabulatedDiffusivity,
    TabulatedPotential,
)
from jaxcell.cell.open_circuit import HIGHEST_POTENTIAL
from jaxcell.io.errors import ParameterSetError
from jaxcell.units import GAS, strong_float64

SAMPLES = 1001
"""Stoichiometries at which a function becomes a table: 0 to 1 in steps of 0.001."""
WARMER = 10.0
"""K by which temperature is changed to find an activation energy."""
KNOWN = (NMC532(), NMC811(), LFP())
CONCENTRATIONS = np.concatenate([np.geomspace(1e-3, 0.1, 21), np.linspace(0.15, 3.0, 58)])
"""c/c0 at which a function of concentration becomes a table."""


def open_circuit_law(law: Callable[[float], float], name: str) -> OpenCircuitPotential:
    """The law of this package that a function of x [1] is, to 1 uV from 0.01 to 0.99, or else a table of it."""
    x = np.linspace(0.0, 1.0, SAMPLES)
    potential = np.array([_finite(law, float(one)) for one in x])
    inside = (x > 0.0095) & (x < 0.9905)
    if not np.all(np.isfinite(potential[inside])):
        raise ParameterSetError(f"{name} must be finite between 0.01 and 0.99, but is not.")
    for known in KNOWN:
        gap = np.asarray(known(strong_float64(x[inside]))) - potential[inside]
        if np.max(np.abs(gap)) < 1e-6:
            return known
    fine = np.isfinite(potential) & (np.abs(potential) <= HIGHEST_POTENTIAL)
    return TabulatedPotential(x[fine], potential[fine])


def open_circuit_table(x: Sequence[float], potential: Sequence[float], name: str) -> OpenCircuitPotential:
    """The table itself, refused by `name`."""
    try:
        return TabulatedPotential(x, potential)
    except ValueError as error:
        raise ParameterSetError(f"{name} cannot be used: {error}") from error


def diffusivity_law(law: Callable[[float], float], name: str) -> tuple[float, TabulatedDiffusivity | None]:
    """D at x = 1/2 [m2 s-1] and the factor on it, None where D does not change by 1e-9 of itself."""
    x = np.linspace(0.0, 1.0, SAMPLES)
    values = np.array([_finite(law, float(one)) for one in x])
    fine = np.isfinite(values)
    middle = float(values[SAMPLES // 2])
    if not np.all(values[fine] > 0.0) or np.count_nonzero(fine) < SAMPLES // 2 or not math.isfinite(middle):
        raise ParameterSetError(f"{name} must be above 0 [m2 s-1] between stoichiometries 0 and 1, but is not.")
    factor = values[fine] / middle
    if np.max(np.abs(factor - 1.0)) < 1e-9:
        return middle, None
    return middle, TabulatedDiffusivity(x[fine], factor)


def concentration_law(
    law: Callable[[float], float], at: float, known: ConcentrationLaw, name: str, *, power: bool
) -> ConcentrationLaw | None:
    """The `known` law if a function of c [mol m-3] has its shape, to 1e-6 from 0.1 to 3 c0, or else a table of it.

    None where it does not change from its value at c0 = `at` or, with `power`, where (c/c0)^n is all that it does.
    """
    c = at * CONCENTRATIONS
    values, own = np.array([_finite(law, float(one)) for one in c]), _finite(law, at)
    fine = np.isfinite(values) & (values > 0.0)
    if not own > 0.0 or not np.all(fine[(CONCENTRATIONS > 0.3) & (CONCENTRATIONS < 1.5)]):
        raise ParameterSetError(f"{name} must be above 0 near {at:g} mol m-3, but is not.")
    c, logarithm = c[fine], np.log(values[fine] / own)
    exponent = log_slope(law, at) if power else 0.0
    if np.max(np.abs(logarithm - exponent * np.log(c / at))) < 1e-9:
        return None
    inside = c > 0.095 * at
    shape = np.log(np.asarray(known(strong_float64(c)) / known(strong_float64(at))))
    return known if np.max(np.abs(shape - logarithm)[inside]) < 1e-6 else TabulatedConcentration(c, np.exp(logarithm))


def activation_energy(law: Callable[[float], float], temperature: float, name: str) -> float:
    """E [J mol-1] of a function of T [K], R ln[p(T + 10)/p(T)]/[1/T - 1/(T + 10)], at T."""
    warm, own = law(temperature + WARMER), law(temperature)
    energy = GAS * math.log(warm / own) / (1.0 / temperature - 1.0 / (temperature + WARMER))
    if energy < -1e-6:
        raise ParameterSetError(f"{name} must not fall as temperature [K] rises, but does near {temperature:g} K.")
    return max(energy, 0.0)


def log_slope(law: Callable[[float], float], at: float) -> float:
    """dln p/dln c [1] of a positive function at c, by central differences of 0.1 %, without their rounding."""
    return round(math.log(law(at * 1.001) / law(at / 1.001)) / (2.0 * math.log(1.001)), 10) + 0.0


def _finite(law: Callable[[float], float], x: float) -> float:
    try:
        return float(law(x))
    except (ArithmeticError, ValueError):
        return math.nan
