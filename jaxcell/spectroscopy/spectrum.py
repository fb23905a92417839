"""What `impedance` returns."""

import equinox as eqx
import numpy as np
import pandas as pd
from jaxtyping import Array, Complex, Float

from jaxcell.units import Scalar, to_ohm_cm2


class ImpedanceSpectrum(eqx.Module):
    """Impedance by frequency, of a cell and of its parts; Im(Z) < 0 where capacitive.

    A part's share of Z is the sum over its branches of dv di/dI^2, with the changes dv [V] of a branch's voltage and di
    [A m-2] of its current for a change dI of the cell's (no complex conjugate).  By Tellegen's theorem the parts add up
    to Z.  Of parts in series each is its own impedance; where paths divide, as bottom and top do, a branch of impedance
    z has z (di/dI)^2 = z dZ/dz: by how much Z changes when that branch's impedance is scaled.  This holds at rest.
    Under bias, where a current changes another branch's law (heat above all, a salt, a short that grows), the parts
    still add up to Z, but are no longer the branches' own impedances: they hold i dz/dI as well.
    """

    frequency: Float[Array, " frequencies"]
    """[Hz]."""
    impedance: Complex[Array, " frequencies"]
    """Z = dV/dI [Ohm m2]."""
    parts: dict[str, Complex[Array, " frequencies"]]
    """By part [Ohm m2]; "working, pores" is all sites inside a layer, "cathode, particles" reaction and diffusion."""
    drift: Float[Array, " frequencies"]
    """Change of the voltage [V] in one period without the small signal, by one implicit Euler step of that length: what
    a measurement with an amplitude not well above it would take for a response. Zero at a stationary state."""
    perturbed: tuple[str, ...] = eqx.field(static=True)
    """The states that move with the small signal."""
    voltage: Scalar
    """At the state [V]."""
    current_density: Scalar
    """At the state [A m-2]."""

    def to_dataframe(self) -> pd.DataFrame:
        """Z and its parts in Ohm cm2, real and imaginary, and the drift by frequency; needs concrete values."""
        columns: dict[str, np.ndarray] = {"Frequency / Hz": np.asarray(self.frequency)}
        for name, values in {"": self.impedance, **self.parts}.items():
            own = to_ohm_cm2(np.asarray(values))
            label = f"{name}: " if name else ""
            columns[f"{label}Real / Ohm cm2"], columns[f"{label}Imaginary / Ohm cm2"] = own.real, own.imag
        return pd.DataFrame(columns | {"Drift / V": np.asarray(self.drift)})
