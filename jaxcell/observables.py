"""Quantities read off a cell or a solution."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.cell import Cell
from jaxcell.model import BETWEEN, BOTTOM, COUNTER, LIVE, PORE, SEPARATOR, TOP, WORKING, ChainModel, assemble
from jaxcell.model.salt import settled_resistance
from jaxcell.model.temperature import at_temperature
from jaxcell.physics.intercalation import occupancy_factor
from jaxcell.physics.nucleation import nucleation_barrier
from jaxcell.simulation import Solution
from jaxcell.solver.system import left_edge, right_neighbour
from jaxcell.solver.tridiagonal import solve_tridiagonal
from jaxcell.units import FARADAY, LITHIUM_MOLAR_VOLUME, Nodes, Scalar

NUCLEATED = 1e-3
"""Barrier [V] below which a site counts as open for small currents."""


class SmallSignal(NamedTuple):
    """Response to a small steady current of 1 A m-2, double layers and films settled."""

    share: Nodes
    """Part of the current at each node [1]: sums to +1 on the working side, which plates, and to -1 on the counter
    side, which strips."""
    resistance: Scalar
    """dE/dI of the cell [Ohm m2]."""


def small_signal(model: ChainModel) -> SmallSignal:
    """Linear steady response while the working electrode plates: open sites conduct with i0 (alpha_a + alpha_c) F/RT.

    Bottom sites count as nucleated. Pores and tops, which start without lithium, conduct on the working side if no
    nucleation barrier stands; on the counter side, which strips, they have nothing to give. With a bottom and a top
    site the working side is the current divider i_b/I = (R_t + L/sigma)/(R_b + L/kappa + R_sl + R_t + L/sigma).
    Particles of a cathode conduct with i0(x) F/RT at their initial stoichiometry: before diffusion in them sets in.
    """
    nodes, edges = model.nodes, model.edges
    barrier = nucleation_barrier(nodes.initial_lithium, nodes.nucleation_overpotential, nodes.nucleation_capacity)
    exponent = jnp.where(
        nodes.reorganisation > 0.0, 1.0, nodes.anodic_transfer_coefficient + nodes.cathodic_transfer_coefficient
    )
    slope = nodes.area * nodes.exchange_current_density * exponent * model.f
    bottom = model.members(WORKING, BOTTOM) | model.members(COUNTER, BOTTOM)
    open_sites = bottom | (jnp.asarray(model.on(WORKING)) & (barrier < NUCLEATED))
    # The separator has no u; a unit keeps its rows from being singular.
    slope = jnp.where(model.members(SEPARATOR, BETWEEN), 1.0, jnp.where(open_sites, slope, 0.0))
    host = model.coefficients.particles
    if host is not None:
        transfer = host.area * host.exchange_current_density * occupancy_factor(host.start) * model.f
        slope = slope + model.particles.along(transfer)
    if model.coefficients.losses.interphase is not None:
        s = model.coefficients.losses.interphase
        slope = slope / (1.0 + slope * s.initial_thickness * s.resistivity_inside)
    site = model.site_resistance(model.initial_state)
    after = right_neighbour(site)
    below = edges.bottom_left * site + edges.bottom_right * after
    above = edges.top_left * site + edges.top_right * after
    settled = 0.0 if model.coefficients.salt is None else settled_resistance(model.coefficients.salt)
    films = edges.film_resistance + edges.branch_resistance
    conductance = edges.open / (edges.resistance + settled + below + above + films)
    across_top = edges.top_resistance + above + edges.branch_resistance
    pushed = conductance * (edges.electronic_resistance + across_top) + edges.through
    (field,) = solve_tridiagonal(
        ((-left_edge(conductance),),),
        ((conductance + left_edge(conductance) + slope,),),
        ((-conductance,),),
        (pushed - left_edge(pushed),),
    )
    flux = conductance * (right_neighbour(field) - field) + pushed
    drop = (edges.ionic_resistance + settled + below + edges.film_resistance) * flux
    across = field[0] - field[-1] + jnp.sum(drop)
    share = jnp.where(model.members(SEPARATOR, BETWEEN), 0.0, slope * field)
    return SmallSignal(share, across + model.coefficients.separator_resistance)


def total_area_specific_resistance(cell: Cell, points: int = 20) -> Scalar:
    """Steady small-signal resistance of the whole cell [Ohm m2] while the working electrode plates.

    The one number that slow, small currents can tell (at first: lithium on a top site changes it).

    R_tot = R_s + R_series + sum over electrodes of (R_b + L/kappa + R_sl) || (R_t + L/sigma + R_contact), with
    R_int = R_film + RT/(F i0), R_s = L_s/kappa_s and, where the separator has a salt, what its settled gradient adds,
    (2RT/F) (1 - t+)^2 (1 + dln y/dln c) L_s/(F D c0). The second branch is there only on the plating side, and only
    where no nucleation barrier stands before the top site; pores likewise. A composite cathode adds charge transfer and
    transport through its thickness, not diffusion in its particles nor the slope of its open-circuit potential.
    """
    return small_signal(assemble(cell, points)).resistance


def resistances(cell: Cell) -> dict[str, Scalar]:
    """Area-specific resistances of a cell and its parts [Ohm m2], by name.

    `total_area_specific_resistance` of the whole cell; `separator_resistance` L_s/kappa_s + R_series; for the working
    electrode `interfacial_resistance` R_film + contact + RT/(F i0) of its bottom interface and, with a layer,
    `layer_resistance` L/kappa and `layer_and_interface_resistance`, their sum with the layer|separator film.
    """
    cell = at_temperature(cell, cell.temperature)
    electrode = cell.working
    interface = electrode.interface.resistance(cell.temperature)
    parts = {
        "total_area_specific_resistance": total_area_specific_resistance(cell),
        "separator_resistance": cell.separator.resistance,
        "interfacial_resistance": interface,
    }
    if electrode.layer is not None:
        layer = electrode.layer.thickness / electrode.layer.ionic_conductivity
        parts["layer_resistance"] = layer
        film = electrode.layer.separator_film
        parts["layer_and_interface_resistance"] = layer + interface + (0.0 if film is None else film.resistance)
    return parts


def bottom_fraction(solution: Solution) -> Float[Array, " times"]:
    """Share of the lithium gained by the working electrode that lies between collector and layer [1].

    NaN while the gain is below 1 % of the charge passed (nothing plated yet, or stripped again). While one site loses
    what another keeps, the share of the net gain may leave [0, 1].
    """
    model = solution.model
    working, bottom = model.on(WORKING), model.members(WORKING, BOTTOM)
    gained = solution.state.node[:, 0, :]
    all_sites = jnp.sum(jnp.where(working[None, :], gained, 0.0), axis=1)
    at_bottom = jnp.sum(jnp.where(bottom[None, :], gained, 0.0), axis=1)
    passed = solution.gross_charge / FARADAY
    gain = (all_sites > 0.0) & (all_sites > 0.01 * passed)
    return jnp.where(gain, at_bottom / jnp.where(gain, all_sites, 1.0), jnp.nan)


def deposit_thickness(solution: Solution) -> dict[str, Float[Array, " times"]]:
    """Live lithium of each site as a dense film [m], by "working, bottom", "working, inside", "counter, bottom" ...

    The points inside a layer count together: what a weighing would find there, spread over the cell's area.
    """
    model = solution.model
    amounts = model.nodes.initial_lithium[None, :] + solution.state.node[:, 0, :]
    sides, sites = {"working": WORKING, "counter": COUNTER}, {"bottom": BOTTOM, "inside": PORE, "top": TOP}
    members = {f"{side}, {site}": model.members(sides[side], sites[site], LIVE) for side in sides for site in sites}
    return {
        name: LITHIUM_MOLAR_VOLUME * jnp.sum(jnp.where(there[None, :], amounts, 0.0), axis=1)
        for name, there in members.items()
        if there.any()
    }
