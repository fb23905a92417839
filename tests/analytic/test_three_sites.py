"""A layer with linear sites at the bottom, inside and at the top; and one whose ends block."""

import closed_forms
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array

from jaxcell import (
    Cell,
    Current,
    Interface,
    Interphase,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    Pores,
    ProtectionLayer,
    Protocol,
    Settings,
    Step,
    assemble,
    simulate,
    small_signal,
)
from jaxcell.model import BOTTOM, PORE, TOP, WORKING, ChainModel

CURRENT = 60.0
SURFACE = 1e7
"""Filler surface per volume [m-1]."""
# thickness [m], kappa, sigma [S m-1], exchange current densities inside, bottom, top [A m-2]: these make
# a g = 3e8 S m-3, g_b = 1e3, g_t = 3e2 S m-2.
PARAMETERS = jnp.asarray([10e-6, 0.01, 10.0, *(np.array([30.0, 1e3, 3e2]) * sample_cells.THERMAL)])
EXPECTED = (6.6747, 44.3433, 8.9820)
STANDING = Nucleation(0.0, 1e4, 1e-10)


def build(p: Array) -> Cell:
    layer = ProtectionLayer(
        p[0],
        p[1],
        p[2],
        top=Interface(LithiumKinetics(p[5]), STANDING),
        pores=Pores(SURFACE, 1.0, LithiumKinetics(p[3]), STANDING, 0.02),
    )
    return Cell(LithiumElectrode(50e-6, Interface(LithiumKinetics(p[4])), layer), sample_cells.separator(), _foil())


def _foil() -> LithiumElectrode:
    return LithiumElectrode(50e-6)


def exact(p: Array) -> Array:
    g = p[3:] / sample_cells.THERMAL
    return closed_forms.three_sites(jnp.asarray(CURRENT), p[0], p[1], p[2], SURFACE * g[0], g[1], g[2])


def by_site(model: ChainModel, values: Array) -> Array:
    """Sums over the working electrode's bottom, inside and top."""
    places = list(zip(model.sides, model.kinds, strict=True))
    return jnp.stack(
        [sum(values[j] for j, place in enumerate(places) if place == (WORKING, kind)) for kind in (BOTTOM, PORE, TOP)]
    )


def test_closed_form_gives_the_quoted_numbers() -> None:
    np.testing.assert_allclose(exact(PARAMETERS), EXPECTED, atol=5e-5)


@eqx.filter_jit
def shares(p: Array, points: int) -> tuple[Array, Array]:
    """Site currents, and their logarithmic derivatives with respect to every parameter."""

    def currents(log_p: Array) -> Array:
        model = assemble(build(jnp.exp(log_p)), points)
        return CURRENT * by_site(model, small_signal(model).share)

    return currents(jnp.log(p)), jax.jacrev(currents)(jnp.log(p))


def test_small_signal_converges_at_second_order_with_its_gradients() -> None:
    expected = exact(PARAMETERS), jax.jacfwd(lambda q: exact(jnp.exp(q)))(jnp.log(PARAMETERS))
    errors = []
    for points in (20, 40, 80):
        found = shares(PARAMETERS, points)
        errors.append([float(jnp.max(jnp.abs(a - b))) for a, b in zip(found, expected, strict=True)])
    orders = np.log2(np.array(errors)[:-1] / np.array(errors)[1:])
    assert np.all(orders > 1.9), orders
    assert errors[-1][0] < 1e-3 * CURRENT


def test_small_signal_shares_add_up() -> None:
    model = assemble(build(PARAMETERS), 20)
    share = eqx.filter_jit(small_signal)(model).share
    working = jnp.asarray(model.sides) == WORKING
    assert float(jnp.sum(jnp.where(working, share, 0.0))) == pytest.approx(1.0, rel=1e-12)
    assert float(jnp.sum(jnp.where(working, 0.0, share))) == pytest.approx(-1.0, rel=1e-12)


def test_an_interphase_inside_is_in_series_with_its_site() -> None:
    """a g becomes a/(1/g + delta/sigma_ion), in the small-signal response and in a run."""
    film = 2e-2  # Ohm m2 of filler, six tenths of 1/g
    interphase = Interphase(ambipolar_conductivity=1e-30, ionic_conductivity=1e-6, initial_thickness=film * 1e-6)
    cell = eqx.tree_at(
        lambda c: c.working.layer.pores.interphase, build(PARAMETERS), interphase, is_leaf=lambda leaf: leaf is None
    )
    g = np.asarray(PARAMETERS[3:]) / sample_cells.THERMAL
    inside = SURFACE / (1.0 / g[0] + film)
    expected = closed_forms.three_sites(jnp.asarray(CURRENT), *PARAMETERS[:3], *map(jnp.asarray, (inside, *g[1:])))
    small = 0.01
    protocol = Protocol.of(Step(Current(-small * CURRENT), 0.05, points=1))
    solution = simulate(cell, protocol, points=40, settings=Settings(1e-4, 1e-6, newton=sample_cells.SHARP))
    model, final = solution.model, solution.trajectory.final
    live = sample_cells.F * model.node(final.fields, tuple(final.node), jnp.zeros_like(final.field))[0]
    shares = CURRENT * by_site(model, small_signal(model).share)
    np.testing.assert_allclose(by_site(model, live) / small, shares, rtol=2e-4)
    np.testing.assert_allclose(shares, expected, rtol=5e-3)  # 40 points
    assert float(expected[1]) < 0.97 * EXPECTED[1]


def test_transient_settles_to_the_linear_split() -> None:
    small = 0.01
    cell = build(PARAMETERS)
    # Short, because what plates inside takes room from the pores.
    protocol = Protocol.of(Step(Current(-small * CURRENT), 0.05, points=1))
    solution = simulate(cell, protocol, points=40, settings=Settings(1e-4, 1e-6, newton=sample_cells.SHARP))
    found = by_site(solution.model, sample_cells.site_currents(solution)) / small
    limit = CURRENT * by_site(solution.model, small_signal(solution.model).share)
    # The pores hold 74 kC m-2: 0.03 C m-2 in them weigh 1e-4 of the small driving force.
    np.testing.assert_allclose(found, limit, rtol=2e-4)
    np.testing.assert_allclose(found, EXPECTED, rtol=5e-3)  # 40 points


@eqx.filter_jit
def blocking(p: Array, points: int) -> Array:
    """Resistance of the layer alone and its logarithmic derivatives: no top, and a bottom that hardly reacts."""

    def resistance(log_p: Array) -> Array:
        thickness, kappa, sigma, i0 = jnp.exp(log_p)
        pores = Pores(SURFACE, 1.0, LithiumKinetics(i0), STANDING)
        layer = ProtectionLayer(thickness, kappa, sigma, top=None, pores=pores)
        bottom = Interface(LithiumKinetics(1e-20))
        cell = Cell(LithiumElectrode(50e-6, bottom, layer), sample_cells.separator(), _foil())
        rest = sample_cells.THERMAL / 10.0 + cell.separator.resistance
        return small_signal(assemble(cell, points)).resistance - rest

    return jnp.append(jax.grad(resistance)(jnp.log(p)), resistance(jnp.log(p)))


@pytest.mark.parametrize("kappa", [0.01, 10.0])
def test_blocking_ends(kappa: float) -> None:
    p = jnp.asarray([10e-6, kappa, 1.0, 30.0 * sample_cells.THERMAL])

    def formula(log_p: Array) -> Array:
        thickness, kappa, sigma, i0 = jnp.exp(log_p)
        return closed_forms.blocking_resistance(thickness, kappa, sigma, SURFACE * i0 / sample_cells.THERMAL)

    expected = jnp.append(jax.grad(formula)(jnp.log(p)), formula(jnp.log(p)))
    errors = np.array([np.abs(blocking(p, points) - expected) for points in (20, 40, 80)])
    assert np.all(np.log2(errors[:-1] / errors[1:]) > 1.9)
    # 80 points; the bottom's 1e-20 A m-2 would show at 1e-20.
    np.testing.assert_allclose(blocking(p, 80)[-1], expected[-1], rtol=1e-3)
