"""Physical constants, lab-unit conversions and the float64 converter.

Everything inside jaxcell is SI: m, s, A m-2, S m-1, V, mol m-2, K.  Lab units (mA cm-2, mAh cm-2, um,
Ohm cm2) enter and leave through the functions here and nowhere else.

Importing this module switches JAX to 64-bit: nucleation barriers, microvolt residuals and a lithium balance
to 1e-10 are out of reach of float32.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Inexact, Int

jax.config.update("jax_enable_x64", True)

Scalar: TypeAlias = Float[Array, ""]
"""A traced float64 number."""
if TYPE_CHECKING:
    Quantity: TypeAlias = Any  # built from any number, always held as a Scalar
else:
    Quantity: TypeAlias = Scalar
"""A field of a cell: any number goes in, a traced float64 comes out."""
Nodes: TypeAlias = Float[Array, " nodes"]
"""One value at each node of the chain of plating sites."""
Edges: TypeAlias = Float[Array, " nodes"]
"""One value at each right-hand edge of a node (as many edges as nodes: nothing flows in the last one)."""
Entries: TypeAlias = Inexact[Array, " nodes"]
"""Values along the chain, real or complex: what linear algebra takes."""
Entry: TypeAlias = Inexact[Array, ""]
"""One of them."""
NodeMask: TypeAlias = Bool[Array, " nodes"]
Flag: TypeAlias = Bool[Array, ""]
Counter: TypeAlias = Int[Array, ""]

FARADAY = 96485.33212
"""Faraday constant [C mol-1]; CODATA 2022, exact in the 2019 SI (e N_A)."""
GAS = 8.314462618
"""Molar gas constant [J mol-1 K-1]; CODATA 2022, exact in the 2019 SI (k N_A)."""
VACUUM_PERMITTIVITY = 8.8541878188e-12
"""[F m-1]; CODATA 2022."""
HOUR = 3600.0
"""[s]"""
LITHIUM_MOLAR_VOLUME = 13.0e-6
"""Molar volume of lithium metal [m3 mol-1] (6.94 g mol-1 over 0.534 g cm-3)."""


def strong_float64(value: Any) -> Array:
    """`value` as a strongly typed float64 array, so that a new number never means a new compilation."""
    return jnp.asarray(value, dtype=jnp.float64)


def is_traced(value: Any) -> bool:
    """Whether `value` is unknown because a function of it is being transformed (jit, grad, vmap)."""
    return isinstance(value, Tracer)


def inverse_thermal_voltage(temperature: Scalar) -> Scalar:
    """f = F/(R T) [V-1] from the temperature [K]; 38.92 V-1 at 298.15 K."""
    return FARADAY / (GAS * temperature)


# Lab units. Each name reads "to SI from the lab unit" or the reverse; numbers and arrays of any shape.


def from_ma_cm2(current_density: Any) -> Any:
    """A m-2 from mA cm-2."""
    return current_density * 10.0


def to_ma_cm2(current_density: Any) -> Any:
    """mA cm-2 from A m-2."""
    return current_density / 10.0


def from_mah_cm2(areal_capacity: Any) -> Any:
    """mol m-2 of lithium from mAh cm-2 (Faraday's law, one electron)."""
    return areal_capacity * (36000.0 / FARADAY)


def to_mah_cm2(lithium: Any) -> Any:
    """mAh cm-2 from mol m-2 of lithium (Faraday's law, one electron)."""
    return lithium * (FARADAY / 36000.0)


def from_ohm_cm2(resistance: Any) -> Any:
    """Ohm m2 from Ohm cm2."""
    return resistance * 1e-4


def to_ohm_cm2(resistance: Any) -> Any:
    """Ohm cm2 from Ohm m2."""
    return resistance * 1e4


def from_um(length: Any) -> Any:
    """m from micrometres."""
    return length * 1e-6


def to_um(length: Any) -> Any:
    """Micrometres from m."""
    return length * 1e6


def from_s_cm(conductivity: Any) -> Any:
    """S m-1 from S cm-1."""
    return conductivity * 100.0


def from_ev(energy: Any) -> Any:
    """J mol-1 from eV (a particle's energy times Avogadro's number)."""
    return energy * FARADAY


def from_cm2(area: Any) -> Any:
    """m2 from cm2."""
    return area * 1e-4


def to_wh_m2(energy: Any) -> Any:
    """Wh m-2 from J m-2."""
    return energy / HOUR


def to_mwh_cm2(energy: Any) -> Any:
    """mWh cm-2 from J m-2."""
    return energy / (10.0 * HOUR)


def lithium_thickness(lithium: Any, molar_volume: Any = LITHIUM_MOLAR_VOLUME) -> Any:
    """Thickness [m] of a dense film holding `lithium` [mol m-2]: 1 mAh cm-2 is 4.8505 um at 13.0 cm3 mol-1."""
    return lithium * molar_volume
