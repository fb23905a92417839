"""What the salt of a separator adds to the cell's voltage."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.model.tables import SaltCoefficients
from jaxcell.physics.binary_electrolyte import concentration_potential, ohmic_resistance
from jaxcell.units import Nodes, Scalar


def relative_concentration(salt: SaltCoefficients, field: Nodes) -> Float[Array, " points"]:
    """c/c0 [1] of its finite volumes, which are the last nodes of the chain."""
    return 1.0 + salt.per_volt * field[-salt.widths.shape[0] :]


def across_salt(salt: SaltCoefficients, field: Nodes, ions: Scalar, f: Scalar) -> Scalar:
    """Potential of the ions at the counter's face over that at the working electrode's [V]; `ions` [A m-2] plate it.

    Concentrations at the faces follow from those half a cell away and the slope that the current asks for.
    """
    ratio = relative_concentration(salt, field)
    slope = salt.gradient * ions
    ohmic = ohmic_resistance(ratio, salt.widths, salt.conductivity, salt.conductivity_exponent)
    return ohmic * ions + concentration_potential(
        ratio[0] - 0.5 * salt.widths[0] * slope,
        ratio[-1] + 0.5 * salt.widths[-1] * slope,
        transference_number=salt.transference_number,
        thermodynamic_factor=salt.thermodynamic_factor,
        f=f,
    )


def settled_resistance(salt: SaltCoefficients, f: Scalar) -> Scalar:
    """d/dI of the above once a small current's gradient has settled [Ohm m2]."""
    gradient = 2.0 / f * (1.0 - salt.transference_number) * salt.thermodynamic_factor * salt.gradient
    return jnp.sum(salt.widths) * (1.0 / salt.conductivity + gradient)
