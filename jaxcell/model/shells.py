"""Shells of a spherical particle: finite volumes that are thin at the surface, where a pulse is felt first.

Faces at r/R = 1 - (1 - j/N)^2.5.  With r in units of R and V_i = r_i^3 - r_(i-1)^3, mean stoichiometries obey
V_i dx_i/dt = K_i - K_(i-1).  A particle that takes up lithium at a steady rate has x = a + b r^2, so differences are
taken over the mean of r^2 in each shell, m_i, which makes that state exact on any grid:

    dx/dr at r_i = 2 r_i (x_(i+1) - x_i)/(m_(i+1) - m_i),    K_i = (D/R^2) 6 r_i^3 (x_(i+1) - x_i)/(m_(i+1) - m_i).

Beyond the last shell lies the surface, m = 1, whose own equation is K_N = i a L/(F eps L c_max): what goes in is what
the shells gain, to rounding.
"""

import numpy as np

GRADING = 2.5
"""Of the shells; of 2, 2.5 and 3 the best at the start of a discharge."""


def shell_faces(shells: int) -> np.ndarray:
    """r/R of the faces, from the centre to the surface."""
    return 1.0 - (1.0 - np.arange(shells + 1) / shells) ** GRADING


def shell_volumes(shells: int) -> np.ndarray:
    """V [1]; their sum is one."""
    return np.diff(shell_faces(shells) ** 3)


def shell_conductances(shells: int) -> np.ndarray:
    """6 r^3/(m_(i+1) - m_i) at each shell's outer face [1]; the last is the surface."""
    faces = shell_faces(shells)
    mean_square = 0.6 * np.diff(faces**5) / np.diff(faces**3)
    return 6.0 * faces[1:] ** 3 / np.diff(np.append(mean_square, 1.0))
