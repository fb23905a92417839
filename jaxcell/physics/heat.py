"""Heat of a cell at one temperature."""

from jaxtyping import Array, Float


def heating(
    electrical: Float[Array, ""],
    released: Float[Array, "..."],
    heat_transfer: Float[Array, ""],
    rise: Float[Array, ""],
) -> Float[Array, "..."]:
    """C dT/dt = E I + sum_j U_j i_j - h (T - T_a) [W m-2 of cell area].

    The first law of a cell at constant pressure: what is done on it, E I (`electrical`; I > 0 plates the working
    electrode and E is the potential of the other one over it, so that a current through resistances has E I > 0), is
    heat but for the enthalpy that reactions store.  Metal plated here was stripped there and stores none.  A reaction
    that takes i_j [A m-2] of lithium ions and electrons into a compound with the potential U_j [V] against lithium
    stores -U_j i_j: a store that fills by itself, or an interphase that grows, warms a cell at rest by U_j for each
    charge (`released`).

    U_j is the enthalpy's, U - T dU/dT.  The reduction potential E_red of an interphase and U0 of a host are numbers
    without a temperature coefficient and count as they stand; the host's -(RT/F) ln[x/(1 - x)] is entropy of mixing,
    proportional to T, and gives no heat beyond what E I holds.  So it is with an ideal salt's concentration potential.
    What double layers and films hold, C u^2/2, counts as heat at once.  A cathode's U is summed shell by shell, which
    holds its particles' heat of mixing.  Source: Bernardi, Pawlikowski and Newman, J. Electrochem. Soc. 132 (1985) 5,
    without phase change.
    """
    return electrical + released - heat_transfer * rise
