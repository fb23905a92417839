"""Open-circuit potentials of cathode materials against Li/Li+, and what holds them inside 0 < x < 1."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.physics.corner import softplus

END_WIDTH = 1e-4
"""s [1]: stoichiometry over which an end is felt; a numerical choice."""
END_POTENTIAL = 1.0
"""V_end [V]: an end changes the potential by V_end per END_WIDTH; a numerical choice."""


def within_ends(stoichiometry: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """The stoichiometry at which to read a law, kept in 0 < x < 1, and the potential [V] to add there.

    With b = s softplus(-x/s) and a = s softplus((x - 1)/s), which are the distances below 0 and above 1 behind rounded
    corners: x + b - a, and V_end (b - a)/s.  The addition is 0.7 V at x = 0, 45 uV at 0.001, 2 nV at 0.002 (the same
    downwards at 1) and 10 kV per unit of x outside, so that no polynomial runs away and every step beyond an end is
    pushed back.  Smooth everywhere.
    """
    below = softplus(-stoichiometry / END_WIDTH)
    above = softplus((stoichiometry - 1.0) / END_WIDTH)
    return stoichiometry + END_WIDTH * (below - above), END_POTENTIAL * (below - above)


def nmc532_potential(stoichiometry: Float[Array, "..."]) -> Float[Array, "..."]:
    """U(x) [V] of LiNi0.5Mn0.3Co0.2O2: a polynomial and an exponential that ends it near x = 0.95.

    Source: Mohtat, Lee, Sulzer, Siegel and Stefanopoulou, J. Electrochem. Soc. 167 (2020) 110561, doi
    10.1149/1945-7111/aba5d1, as used with the half cell of Xu et al., J. Electrochem. Soc. 166 (2019) A3456.  Between
    about 3.4 V and 4.3 V.
    """
    x = stoichiometry
    powers = 4.3452 + x * (-1.6518 + x * (1.6225 + x * (-2.0843 + x * (3.5146 - 2.2166 * x))))
    return powers - 0.5623e-4 * jnp.exp(109.451 * x - 100.006)


def nmc811_potential(stoichiometry: Float[Array, "..."]) -> Float[Array, "..."]:
    """U(x) [V] of the LiNi0.8Mn0.1Co0.1O2 of an LG M50 cell: a line and three steps.

    Source: Chen et al., J. Electrochem. Soc. 167 (2020) 080534, doi 10.1149/1945-7111/ab9050; fitted for
    0.27 < x < 0.91.
    """
    x = stoichiometry
    steps = (
        -0.0428 * jnp.tanh(18.5138 * (x - 0.5542))
        - 17.7326 * jnp.tanh(15.7890 * (x - 0.3117))
        + 17.5842 * jnp.tanh(15.9308 * (x - 0.3120))
    )
    return 4.4875 - 0.8090 * x + steps


def lfp_potential(stoichiometry: Float[Array, "..."]) -> Float[Array, "..."]:
    """U(x) [V] of LiFePO4: a plateau of 3.39 to 3.41 V between two exponentials.

    Source: Afshar, Morris and Khajepour, arXiv 1709.03970 (2017).  A fit for 0 < x < 1 without hysteresis.
    """
    x = stoichiometry
    return 3.4077 - 0.020269 * x + 0.5 * jnp.exp(-150.0 * x) - 0.9 * jnp.exp(-30.0 * (1.0 - x))
