"""LiPF6 in a mixture of carbonates (PC, EC, DMC): transport as functions of concentration and temperature.

Source: Valoen and Reimers, J. Electrochem. Soc. 152 (2005) A882, doi 10.1149/1.1872737, equations 14 and 17; measured
for 0.1 < c < 3 mol/l (their tables extrapolate below) and -10 to 60 degC.
"""

from jaxtyping import Array, Float


def lipf6_diffusivity(concentration: Float[Array, "..."], temperature: Float[Array, "..."]) -> Float[Array, "..."]:
    """D [m2 s-1] of the salt at c [mol m-3] and T [K]: log10(D/(cm2 s-1)) = -4.43 - 54/(T - 229 - 5 c) - 0.22 c, c in
    mol/l."""
    c = concentration * 1e-3
    exponent = -4.43 - 54.0 / (temperature - 229.0 - 5.0 * c) - 0.22 * c
    return 1e-4 * 10.0**exponent


def lipf6_conductivity(concentration: Float[Array, "..."], temperature: Float[Array, "..."]) -> Float[Array, "..."]:
    """kappa [S m-1] at c [mol m-3] and T [K]: 0.1 c (p0 + p1 c + p2 c^2)^2, c in mol/l and p_i polynomials of T."""
    c, T = concentration * 1e-3, temperature
    p0 = -10.5 + T * (0.0740 - 6.96e-5 * T)
    p1 = 0.668 + T * (-0.0178 + 2.80e-5 * T)
    p2 = 0.494 - 8.86e-4 * T
    return 0.1 * c * (p0 + c * (p1 + c * p2)) ** 2
