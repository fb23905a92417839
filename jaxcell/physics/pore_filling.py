"""Room in the pores of a layer."""

from jaxtyping import Array, Float

from jaxcell.units import LITHIUM_MOLAR_VOLUME


def pore_filling(
    lithium: Float[Array, "..."], interphase: Float[Array, "..."], inverse_pore_capacity: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Share of a pore's volume that is taken [1], (q + v/V_Li)/q_pore = (q V_Li + v)/(eps L).

    q [mol m-2 of cell area] is the metal, live and dead; v [m3 m-2] the volume of the interphase grown since the start,
    V_int per mol of lithium it took, as if what it is made of came from outside the pores; 1/q_pore = V_Li/(eps L)
    [m2 mol-1] of a piece of layer L thick with porosity eps, zero on a surface, which has room without limit.
    """
    return (lithium + interphase / LITHIUM_MOLAR_VOLUME) * inverse_pore_capacity
