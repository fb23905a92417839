"""Linear diffusion in a particle as relaxation modes: its shells, seen along their eigenvectors.

With a constant diffusivity the shells obey V dp/dt = d (K_N e_N p_s - T p), d = D/R^2, T tridiagonal and symmetric,
p_s the surface.  With V^(-1/2) T V^(-1/2) = Q diag(lambda) Q', the combinations y_n that the surface drives to one obey

    dy_n/dt = d lambda_n (p_s - y_n),        p = P y,   p_N = sum w_n y_n,   mean(p) = sum m_n y_n,

with w = P's last row and m_n = K_N w_n/lambda_n; both sums of shares are one.  The same discretisation to the last
digit, but every mode stands alone: no sweep through the shells.
"""

from functools import cache
from typing import NamedTuple

import equinox as eqx
import numpy as np
from scipy.linalg import eigh_tridiagonal

from jaxcell.model.shells import shell_conductances, shell_volumes


class Modes(NamedTuple):
    """Of a particle's shells; leading axis: modes, the slowest first."""

    rates: np.ndarray
    """lambda [1]."""
    weights: tuple[float, ...]
    """w: of the modes in the outermost shell."""
    shares: np.ndarray
    """m: of the modes in the mean."""
    shells: np.ndarray
    """P, from modes to shells; shape (shells, modes)."""


class LinearShells(eqx.Module):
    """Shells that are held as modes."""

    count: int = eqx.field(static=True)

    @property
    def modes(self) -> Modes:
        """Their numbers."""
        return relaxation_modes(self.count)


@cache
def relaxation_modes(count: int) -> Modes:
    """The modes of so many shells."""
    v, k = shell_volumes(count), shell_conductances(count)
    root = np.sqrt(v)
    diagonal = (k + np.concatenate([[0.0], k[:-1]])) / v
    rates, q = eigh_tridiagonal(diagonal, -k[:-1] / (root[:-1] * root[1:]))
    driven = k[-1] / root[-1] * q[-1] / rates
    shells = q / root[:, None] * driven[None]
    weights = shells[-1] / shells[-1].sum()
    return Modes(rates, tuple(float(w) for w in weights), k[-1] * weights / rates, shells)
