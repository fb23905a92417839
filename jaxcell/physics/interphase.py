"""Growth of an interphase (SEI) between lithium and an electrolyte that it reduces."""

from jaxtyping import Array, Float

from jaxcell.physics.corner import softplus


def interphase_current(
    u: Float[Array, "..."],
    thickness: Float[Array, "..."],
    *,
    reduction_potential: Float[Array, "..."],
    ambipolar_conductivity: Float[Array, "..."],
    reaction_resistance: Float[Array, "..."],
    f: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Current density i = (1/f) ln[1 + exp(f (E_red + u))]/(delta/sigma_amb + R_k) that growth consumes [A m-2].

    Electrons cross what has grown; u = phi_i - phi_e [V] is minus the electrode's potential against Li/Li+, so growth
    stops where the potential is above E_red, and the current is never negative.  With d(delta)/dt = V_int i/F and u
    constant, delta = -d_r + sqrt[(delta0 + d_r)^2 + k_p t], d_r = sigma_amb R_k, k_p = 2 V_int sigma_amb (E_red + u)/F:
    linear at first, parabolic later.  Source: Deal and Grove 1965 for the law; Peled 1979 for electrons as the limit.
    """
    driven = softplus(f * (reduction_potential + u)) / f
    return driven / (thickness / ambipolar_conductivity + reaction_resistance)
