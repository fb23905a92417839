"""What a mixture of an ion-conducting polymer and an electron-conducting filler conducts and stores."""

from jaxtyping import Array, Float

from jaxcell.physics.corner import softplus


def bruggeman_factor(filler: Float[Array, "..."], exponent: Float[Array, "..."]) -> Float[Array, "..."]:
    """kappa/kappa0 = (1 - phi)^n [1] of a conductor that holds a share phi of insulating grains of all sizes.

    n = 3/2 for spheres.  Source: Bruggeman, Ann. Phys. 416 (1935) 636, doi 10.1002/andp.19354160705.
    """
    return (1.0 - filler) ** exponent


def maxwell_factor(filler: Float[Array, "..."]) -> Float[Array, "..."]:
    """kappa/kappa0 = 2 (1 - phi)/(2 + phi) [1] of a conductor with insulating spheres far apart.

    The upper bound of Hashin and Shtrikman for insulating grains; 1 - 3 phi/2 for few of them, as Bruggeman's law.
    Source: Maxwell, A Treatise on Electricity and Magnetism (1873), art. 314.
    """
    return 2.0 * (1.0 - filler) / (2.0 + filler)


def percolation_conductivity(
    filler: Float[Array, "..."],
    *,
    filler_conductivity: Float[Array, "..."],
    matrix_conductivity: Float[Array, "..."],
    threshold: Float[Array, "..."],
    exponent: Float[Array, "..."],
    width: Float[Array, "..."],
) -> Float[Array, "..."]:
    """sigma = sigma_m + (sigma_f - sigma_m) [s(phi)/s(1)]^t [S m-1], s = w softplus[(phi - phi_c)/w].

    sigma_f [((phi - phi_c)/(1 - phi_c))]^t above the threshold phi_c, sigma_m below, with a corner of width w between:
    few grains, or a layer some grains thick, percolate by chance, and derivatives to phi exist throughout.  t = 2.0 in
    three dimensions.  Sources: Kirkpatrick, Rev. Mod. Phys. 45 (1973) 574, doi 10.1103/RevModPhys.45.574, for the law
    (1.6 in his lattices); Stauffer and Aharony, Introduction to Percolation Theory, 2nd ed. (1994), for t.
    """
    rise = softplus((filler - threshold) / width) / softplus((1.0 - threshold) / width)
    return matrix_conductivity + (filler_conductivity - matrix_conductivity) * rise**exponent


def stored_lithium(
    filler: Float[Array, "..."], density: Float[Array, "..."], specific_capacity: Float[Array, "..."], faraday: float
) -> Float[Array, "..."]:
    """phi rho q/F [mol m-3 of layer]: filler of density rho [kg m-3] that takes q [C kg-1]."""
    return filler * density * specific_capacity / faraday
