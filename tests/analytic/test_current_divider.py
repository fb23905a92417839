"""Where lithium goes with a bottom and a top site: the current divider, linear and with barriers."""

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
    Film,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    ProtectionLayer,
    Protocol,
    Settings,
    Step,
    assemble,
    bottom_fraction,
    plate,
    simulate,
    small_signal,
)
from jaxcell.units import from_mah_cm2, to_mah_cm2

NUMBERS = {
    "thickness": 5e-6,
    "kappa": 5e-3,
    "sigma": 0.05,
    "i0_bottom": 10.0,
    "i0_top": 25.0,
    "film_bottom": 4e-4,
    "contact_bottom": 1e-4,
    "film_top": 3e-4,
    "contact_top": 2e-4,
    "separator_film": 2e-4,
    "electronic_contact": 1e-4,
    "barrier": 0.04,
}
NAMES = tuple(NUMBERS)
# A top that never gets rid of its barrier, and sub-critical deposits of no account.
STANDING = {"nucleation_capacity": 1e4, "depletion_capacity": 1e-9}
# The state settles at a steady split, whose accuracy is Newton's, whatever the path to it.
SETTINGS = Settings(rtol=1e-4, atol=1e-5, max_steps=256, newton=sample_cells.SHARP)


def build(p: dict[str, Array]) -> Cell:
    bottom = Interface(
        LithiumKinetics(p["i0_bottom"]),
        film_resistance=p["film_bottom"],
        film_capacitance=0.01,
        contact_resistance=p["contact_bottom"],
    )
    top = Interface(
        LithiumKinetics(p["i0_top"]),
        Nucleation(p["barrier"], **STANDING),
        film_resistance=p["film_top"],
        film_capacitance=0.02,
        contact_resistance=p["contact_top"],
    )
    layer = ProtectionLayer(
        p["thickness"],
        p["kappa"],
        p["sigma"],
        top=top,
        separator_film=Film(p["separator_film"], 0.01),
        electronic_contact_resistance=p["electronic_contact"],
    )
    foil = LithiumElectrode(50e-6)
    return Cell(LithiumElectrode(50e-6, bottom, layer), sample_cells.separator(), foil)


def ohmic(p: dict[str, Array]) -> dict[str, Array]:
    return {
        "ohmic_bottom": p["film_bottom"] + p["contact_bottom"],
        "ohmic_top": p["film_top"] + p["contact_top"],
        "ionic": p["thickness"] / p["kappa"] + p["separator_film"],
        "electronic": p["thickness"] / p["sigma"] + p["electronic_contact"],
    }


def exact(p: dict[str, Array], current: Array) -> Array:
    return closed_forms.divider(current, p["i0_bottom"], p["i0_top"], barrier_top=p["barrier"], **ohmic(p))


def exact_linear(p: dict[str, Array], current: Array) -> Array:
    r = ohmic(p)
    bottom = r["ohmic_bottom"] + sample_cells.THERMAL / p["i0_bottom"]
    top = r["ohmic_top"] + sample_cells.THERMAL / p["i0_top"]
    return closed_forms.linear_divider(current, bottom, top, r["ionic"], r["electronic"], 0.0 * bottom, p["barrier"])


def plated(p: dict[str, Array], current: Array) -> Array:
    """(i_b, i_t) after 20 s of constant current, when double layers and films have long settled."""
    protocol = Protocol.of(Step(Current(-current), 20.0, points=1))
    solution = simulate(build(p), protocol, settings=SETTINGS, throw=False)
    sites = sample_cells.site_currents(solution)
    return jnp.where(solution.status == 0, jnp.stack([sites[0], sites[2]]), jnp.nan)


_plated_at_four = eqx.filter_jit(jax.vmap(plated, in_axes=(None, 0)))


def plated_many(p: dict[str, Array], currents: Array) -> Array:
    """(i_b, i_t) for up to four currents: one compiled program."""
    return _plated_at_four(p, jnp.pad(currents, (0, 4 - currents.size), mode="edge"))[: currents.size]


def numbers(**changes: float) -> dict[str, Array]:
    return {name: jnp.asarray(value) for name, value in (NUMBERS | changes).items()}


def onset(p: dict[str, Array]) -> float:
    r = ohmic(p)
    return float(closed_forms.onset_current(p["i0_bottom"], r["ohmic_bottom"], r["ionic"], p["barrier"]))


def test_small_currents_follow_the_linear_divider() -> None:
    p = numbers(barrier=0.0)
    currents = jnp.asarray([1e-3, 1e-2, 3e-2])
    expected = jax.vmap(lambda i: exact_linear(p, i))(currents)
    # sinh differs from its slope by (I/2i0)^2/6 = 4e-7 at the largest of these currents.
    np.testing.assert_allclose(plated_many(p, currents)[:, 0], expected, rtol=1e-6)


def test_any_current_follows_the_nonlinear_divider() -> None:
    p = numbers(barrier=0.0)
    currents = jnp.asarray([1.0, 60.0, 300.0])
    expected = jax.vmap(lambda i: exact(p, i))(currents)
    found = plated_many(p, currents)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-9)
    np.testing.assert_allclose(found[:, 0] + found[:, 1], currents, rtol=1e-9)


def test_top_stays_bare_below_the_onset_and_follows_the_divider_above() -> None:
    p = numbers()
    start = onset(p)
    below, above = start * jnp.asarray([0.3, 0.8, 0.95]), start * jnp.asarray([2.0, 3.0, 6.0])
    found = plated_many(p, below)
    assert np.all(found[:, 1] < 0.01 * below)
    found = plated_many(p, above)
    expected = jax.vmap(lambda i: exact(p, i))(above)
    # The corner of the barrier is rounded over 0.5 mV; at twice the onset the top works 12 mV above it.
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-5)


def test_top_current_starts_at_the_onset() -> None:
    p = numbers()
    start = onset(p)
    # The top's share grows in proportion to I - I*: the line through two currents above meets zero at I*.
    currents = start * jnp.asarray([0.9, 1.02, 1.25, 1.3])
    found = plated_many(p, currents)[:, 1]
    zero = currents[2] - found[2] * (currents[3] - currents[2]) / (found[3] - found[2])
    # The line's slope is not quite constant: Butler-Volmer, and the barrier's rounded corner.
    assert float(zero) == pytest.approx(start, rel=0.01)
    assert float(found[0]) < 0.01 * float(found[2]) < float(found[1])


def test_linear_divider_with_a_barrier() -> None:
    # Large ohmic resistances make the charge transfer, nonlinear far above the corner, a small part.
    p = numbers(contact_top=0.05, contact_bottom=0.05, i0_bottom=1000.0, i0_top=1000.0)
    current = jnp.asarray([400.0])
    expected = exact_linear(p, current[0])
    found = plated_many(p, current)[0, 0]
    assert float(expected) < 0.9 * 400.0
    # Both sites plate some 200 A m-2 at i0 = 1000: sinh is 0.2 % off its slope, in 1e-3 of the resistance.
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(("barrier", "factor"), [(0.0, 0.5), (0.04, 3.0)])
def test_gradients_of_the_split(barrier: float, factor: float) -> None:
    p = numbers(barrier=barrier)
    current = jnp.asarray(factor * onset(numbers()))
    expected, expected_current = jax.grad(exact, argnums=(0, 1))(p, current)
    found, found_current = BOTTOM_GRADIENT(p, current)
    assert float(found_current) == pytest.approx(float(expected_current), rel=1e-6)
    for name in NAMES:
        if name == "barrier" and barrier == 0.0:
            continue  # the closed form is one-sided there
        # 1e-6: what the rounded corner leaves 12 mV above the barrier.
        assert float(found[name]) == pytest.approx(float(expected[name]), rel=1e-6), name


BOTTOM_GRADIENT = eqx.filter_jit(jax.grad(lambda p, current: plated(p, current)[0], argnums=(0, 1)))


def test_small_signal_is_the_linear_divider() -> None:
    p = numbers(barrier=0.0)

    def share(p: dict[str, Array]) -> Array:
        return small_signal(assemble(build(p))).share[0]

    one = jnp.asarray(1.0)
    value, found = eqx.filter_jit(jax.value_and_grad(share))(p)
    expected_value, expected = jax.value_and_grad(exact_linear)(p, one)
    assert float(value) == pytest.approx(float(expected_value), rel=1e-12)
    for name in NAMES:
        if name != "barrier":
            assert float(found[name]) == pytest.approx(float(expected[name]), rel=1e-10, abs=1e-15), name


def test_small_signal_leaves_out_a_standing_barrier() -> None:
    p = numbers()
    response = eqx.filter_jit(lambda p: small_signal(assemble(build(p))))(p)
    assert float(response.share[2]) == 0.0
    assert float(response.share[0]) == pytest.approx(1.0, rel=1e-12)
    r = ohmic(p)
    foil = sample_cells.THERMAL / 10.0
    separator = 50e-6 / 0.24
    expected = r["ohmic_bottom"] + sample_cells.THERMAL / p["i0_bottom"] + r["ionic"] + foil + separator
    assert float(response.resistance) == pytest.approx(float(expected), rel=1e-12)


FAST = {"i0_bottom": 100.0, "i0_top": 10.0, "thickness": 1.5e-6, "film_bottom": 1e-4, "contact_bottom": 0.0}
"""An onset near 60 A m-2 (with the separator film left out), and the default i0 at the top."""


def _one_mah(fraction_of_onset: float) -> tuple[float, float]:
    """Top share of 1 mAh cm-2 plated with the default nucleation capacities, and the sub-critical deposit's."""
    p = numbers(**FAST, separator_film=0.0)
    cell = sample_cells.replace(
        build(p),
        working__layer__top__nucleation__nucleation_capacity=from_mah_cm2(10e-3),
        working__layer__top__nucleation__depletion_capacity=from_mah_cm2(0.2e-3),
    )
    current = fraction_of_onset * onset(p) / 10.0
    share = 1.0 - float(bottom_fraction(simulate(cell, Protocol.of(plate(current, 1.0, points=1))))[-1])
    depletion = cell.working.layer.top.nucleation.depletion_capacity
    deposit = closed_forms.subcritical_deposit(jnp.asarray(3600.0 / current), p["i0_top"], depletion)
    return share, float(to_mah_cm2(deposit))


def test_top_share_of_a_real_deposit_below_and_above_the_onset() -> None:
    share, subcritical = _one_mah(0.5)
    # The deposit grows as the logarithm of i0 t, to some five q* of 0.2 uAh cm-2; 1e-3: the time steps' tolerance.
    assert share == pytest.approx(subcritical, rel=1e-3)
    assert share < 1e-3
    # Within some 1 mV of the barrier its rounded corner (0.5 mV) and the sub-critical deposit let the top open early.
    assert _one_mah(0.95)[0] < 1e-3
    assert _one_mah(1.05)[0] > 0.1  # once nucleated, the top keeps its share without a barrier
