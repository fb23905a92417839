"""Singly diagonally implicit Runge-Kutta schemes (SDIRK).

All stages are implicit, so a jump of the current needs no re-initialisation and algebraic unknowns (no double
layer) are consistent at every stage; the last stage is the step's end (stiffly accurate), hence L-stable.
"""

from typing import NamedTuple

import numpy as np


class Tableau(NamedTuple):
    """Coefficients: stage i solves y_i = y_n + h sum_j a_ij f_j; the error estimate is h sum_i e_i f_i."""

    a: tuple[tuple[float, ...], ...]
    nodes: tuple[float, ...]
    error: tuple[float, ...]
    """Weights minus the weights of an embedded scheme one order lower."""
    order: int

    @property
    def gamma(self) -> float:
        """The common diagonal coefficient."""
        return self.a[0][0]

    @property
    def stages(self) -> int:
        return len(self.nodes)

    @property
    def base_of_start(self) -> np.ndarray:
        """c of B_i = c_i y_n + sum_j b_ij Y_j, with B_i = Y_i - gamma h f_i what stage i steps from."""
        return np.linalg.solve(self._stepping, np.ones(self.stages))

    @property
    def base_of_stages(self) -> np.ndarray:
        """b of the same, strictly lower triangular."""
        return np.tril(np.eye(self.stages) - np.linalg.inv(self._stepping), -1)

    @property
    def _stepping(self) -> np.ndarray:
        """B = 1 y_n + (A/gamma - 1)(Y - B), so (A/gamma) B = 1 y_n + (A/gamma - 1) Y."""
        return np.asarray(self.a) / self.gamma

    @property
    def error_of_start(self) -> float:
        """Weight of y_n in the error estimate sum_i e_i (Y_i - B_i)/gamma."""
        return -float(np.asarray(self.error) @ self.base_of_start) / self.gamma

    @property
    def error_of_stages(self) -> np.ndarray:
        """Weights of the stages in it."""
        return np.asarray(self.error) @ (np.eye(self.stages) - self.base_of_stages) / self.gamma


def _sdirk3() -> Tableau:
    """Three stages, third order; gamma is the middle root of g^3 - 3 g^2 + 3 g/2 - 1/6 = 0.

    Source: Alexander, SIAM J. Numer. Anal. 14 (1977) 1006. The embedded second-order weights are the ones that
    do without the third stage: b1 + b2 = 1, b1 c1 + b2 c2 = 1/2.
    """
    g = float(np.sort(np.roots([1.0, -3.0, 1.5, -1.0 / 6.0]).real)[1])
    c = (g, (1 + g) / 2, 1.0)
    b1, b2 = -(6 * g * g - 16 * g + 1) / 4, (6 * g * g - 20 * g + 5) / 4
    lower2 = (0.5 - g) / (c[1] - c[0])
    return Tableau(
        a=((g, 0.0, 0.0), ((1 - g) / 2, g, 0.0), (b1, b2, g)),
        nodes=c,
        error=(b1 - (1 - lower2), b2 - lower2, g),
        order=3,
    )


def _sdirk2() -> Tableau:
    """Two stages, second order, gamma = 1 - 1/sqrt(2); embedded first-order weights (1, 0).

    Source: Alexander, SIAM J. Numer. Anal. 14 (1977) 1006.
    """
    g = 1.0 - 0.5**0.5
    return Tableau(a=((g, 0.0), (1 - g, g)), nodes=(g, 1.0), error=(-g, g), order=2)


def _backward_euler() -> Tableau:
    """One stage, first order; no error estimate, for tests and for replaying coarse grids."""
    return Tableau(a=((1.0,),), nodes=(1.0,), error=(0.0,), order=1)


SDIRK3 = _sdirk3()
SDIRK2 = _sdirk2()
BACKWARD_EULER = _backward_euler()
