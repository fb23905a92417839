"""Lithium in the layer's filler."""

from jaxtyping import Array, Float

from jaxcell.physics.kinetics import bounded_exponential

SYMMETRY = 0.5
"""alpha [1] of both directions."""


def storage_current(
    u: Float[Array, "..."],
    filling: Float[Array, "..."],
    *,
    exchange_current_density: Float[Array, "..."],
    potential: Float[Array, "..."],
    f: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Current density into a host of equal sites, i = i0 [(1 - x) exp(f (u + U0)/2) - x exp(-f (u + U0)/2)] [A m-2].

    x [1] is the filling, u = phi_i - phi_e [V].  At equilibrium the electrode's potential -u is a Langmuir host's,
    U(x) = U0 - (1/f) ln[x/(1 - x)]; the law is Butler-Volmer's with i0(x) = i0 sqrt[x (1 - x)], so that 0 < x < 1.
    Source: Newman and Thomas-Alyea, Electrochemical Systems, 3rd ed., chapter 22.
    """
    drive = SYMMETRY * f * (u + potential)
    return exchange_current_density * (
        (1.0 - filling) * bounded_exponential(drive) - filling * bounded_exponential(-drive)
    )


def trapping_current(
    u: Float[Array, "..."],
    filling: Float[Array, "..."],
    *,
    exchange_current_density: Float[Array, "..."],
    potential: Float[Array, "..."],
    f: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Current density into sites that never empty, i = i0 (1 - x) exp(f (u + U0)/2) [A m-2]: the law above, one way."""
    return exchange_current_density * (1.0 - filling) * bounded_exponential(SYMMETRY * f * (u + potential))
