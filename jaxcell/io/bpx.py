"""Cathodes from files of the Battery Parameter eXchange format (BPX 1.1)."""

import copy
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from jaxcell.cell import (
    BinarySalt,
    CathodeTransport,
    CompositeCathode,
    IntercalationKinetics,
    LiPF6Conductivity,
    LiPF6Diffusivity,
    OpenCircuitPotential,
    TabulatedDiffusivity,
)
from jaxcell.io.errors import ParameterSetError
from jaxcell.io.parameter_laws import (
    concentration_law,
    diffusivity_law,
    log_slope,
    open_circuit_law,
    open_circuit_table,
)
from jaxcell.units import FARADAY, strong_float64

CONCENTRATION = 1000.0
"""Of the electrolyte [mol m-3] where a file has none."""


def cathode_from_bpx(source: str | Path | dict, initial_stoichiometry: float | None = None) -> CompositeCathode:
    """The positive electrode of a BPX file (or of its contents as a dictionary), with the electrolyte inside it.

    Needs `pip install "jaxcell[bpx]"`.  i0 = F K sqrt[(c_e/c_e0) x (1 - x)] with K the reaction rate constant, so that
    i0 = F K/2 at x = 1/2; functions of stoichiometry become tables at 1001 points, or the law here that they are;
    conductivity and diffusivity of the electrolyte are taken at its initial concentration, times the transport
    efficiency, with the laws of concentration there; electronic conductivity is effective already.  Sets
    for single-particle models have no transport.  Stoichiometry starts at `initial_stoichiometry`, or where the file's
    state of charge (else 1) puts it.  Entropy, hysteresis and the heat balance are left out; numbers hold at the file's
    reference temperature.

    Raises:
        ParameterSetError: bpx is not installed, the file is not BPX, has no positive electrode or one of several
            materials, or a number is refused; in one sentence.
    """
    parameters, state = _parsed(source)
    electrode = parameters.positive_electrode
    if electrode is None:
        raise ParameterSetError("The BPX file must have a `Positive electrode`, but has none.")
    if hasattr(electrode, "particle"):
        raise ParameterSetError(
            "`Positive electrode` must be of one active material, but has "
            f"{len(electrode.particle)} under `Particle`: take one of them as an electrode of its own."
        )
    low, high = electrode.minimum_stoichiometry, electrode.maximum_stoichiometry
    charge = _initial(state, "initial_soc", 1.0)
    start = high - charge * (high - low) if initial_stoichiometry is None else initial_stoichiometry
    middle, law = _diffusivity(electrode.diffusivity)
    try:
        return CompositeCathode(
            thickness=electrode.thickness,
            active_fraction=electrode.surface_area_per_unit_volume * electrode.particle_radius / 3.0,
            particle_radius=electrode.particle_radius,
            maximum_concentration=electrode.maximum_concentration,
            initial_stoichiometry=start,
            particle_diffusivity=middle,
            diffusivity_law=law,
            open_circuit=_open_circuit(electrode.ocp),
            kinetics=IntercalationKinetics(
                FARADAY * electrode.reaction_rate_constant * 0.5,
                activation_energy=electrode.reaction_rate_constant_activation_energy or 0.0,
            ),
            transport=_transport(electrode, parameters, state),
            lowest_stoichiometry=low,
            highest_stoichiometry=high,
            diffusivity_activation_energy=electrode.diffusivity_activation_energy or 0.0,
        )
    except ParameterSetError:
        raise
    except ValueError as error:
        raise ParameterSetError(f"The BPX file's positive electrode cannot be used: {error}") from error


def _parsed(source: str | Path | dict) -> tuple[Any, Any]:
    try:
        bpx: Any = import_module("bpx")
    except ImportError as error:
        raise ParameterSetError('BPX files need the package bpx: pip install "jaxcell[bpx]".') from error
    try:
        read = bpx.parse_bpx_obj(copy.deepcopy(source)) if isinstance(source, dict) else bpx.parse_bpx_file(str(source))
    except FileNotFoundError as error:
        raise ParameterSetError(f"The BPX file {str(source)!r} does not exist.") from error
    except ValueError as error:
        first = " ".join(str(error).split())[:300]
        raise ParameterSetError(f"The source must be BPX, but is not: {first}") from error
    return read.parameterisation, getattr(read, "state", None)


def _initial(state: Any, name: str, default: float) -> float:
    value = getattr(getattr(state, "initial_conditions", None), name, None)
    return default if value is None else float(value)


def _function(entry: Any) -> Callable[[float], float]:
    """A number, an expression, or a table of concentrations, as a function of one number."""
    if isinstance(entry, (int, float)):
        return lambda x: float(entry)
    if hasattr(entry, "to_python_function"):
        return entry.to_python_function()
    return lambda x: float(np.interp(x, entry.x, entry.y))


def _diffusivity(entry: Any) -> tuple[float, TabulatedDiffusivity | None]:
    name = "`Positive electrode: Diffusivity [m2.s-1]`"
    if not hasattr(entry, "x"):
        return diffusivity_law(_function(entry), name)
    try:
        law = TabulatedDiffusivity(entry.x, entry.y)
        middle = float(law(strong_float64(0.5)))
        return middle, TabulatedDiffusivity(entry.x, np.asarray(entry.y) / middle)
    except ValueError as error:
        raise ParameterSetError(f"{name} cannot be used: {error}") from error


def _open_circuit(entry: Any) -> OpenCircuitPotential:
    name = "`Positive electrode: OCP [V]`"
    if hasattr(entry, "x"):
        return open_circuit_table(entry.x, entry.y, name)
    return open_circuit_law(_function(entry), name)


def _transport(electrode: Any, parameters: Any, state: Any) -> CathodeTransport | None:
    electrolyte = getattr(parameters, "electrolyte", None)
    if electrolyte is None or not hasattr(electrode, "transport_efficiency"):
        return None
    salt = _initial(state, "initial_electrolyte_concentration", CONCENTRATION)
    share = electrode.transport_efficiency
    conductivity, diffusivity = _function(electrolyte.conductivity), _function(electrolyte.diffusivity)
    number = electrolyte.cation_transference_number
    binary = BinarySalt(
        concentration=salt,
        transference_number=number,
        diffusivity=share * diffusivity(salt),
        porosity=electrode.porosity,
        conductivity_exponent=log_slope(conductivity, salt),
        activation_energy=electrolyte.diffusivity_activation_energy or 0.0,
        conductivity_law=concentration_law(
            conductivity, salt, LiPF6Conductivity(), "`Electrolyte: Conductivity [S.m-1]`", power=True
        ),
        diffusivity_law=concentration_law(
            diffusivity, salt, LiPF6Diffusivity(), "`Electrolyte: Diffusivity [m2.s-1]`", power=False
        ),
    )
    return CathodeTransport(
        ionic_conductivity=share * conductivity(salt),
        electronic_conductivity=electrode.conductivity,
        salt=None if number == 1.0 else binary,
        activation_energy=electrolyte.conductivity_activation_energy or 0.0,
    )
