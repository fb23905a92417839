"""The current at which the top begins to plate: closed form, full model, and what happens beyond it."""

import dataclasses

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
    ContactLoss,
    Film,
    Interface,
    Interphase,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    ProtectionLayer,
    Protocol,
    Separator,
    plate,
    simulate,
    top_onset_current,
)
from jaxcell.units import from_mah_cm2, to_ma_cm2

STANDING = from_mah_cm2(1e9)
"""A nucleation capacity that no deposit reaches: the barrier does not decay. q* stays as by default, q* < q_n/50."""
DECAYING = from_mah_cm2(10e-3)
NUMBERS = {"barrier": 0.04, "kappa": 5e-3, "film": 1e-4, "contact": 1e-4, "separator_film": 1e-4, "sigma": 0.05}
NUMBERS |= {"nucleation_capacity": STANDING, "i0": 100.0}
"""5 um: R_b = 2.57 + 2, L/kappa = 10, R_sl = 1 Ohm cm2; L/sigma = 1 Ohm cm2. I* is some 23 A m-2."""


def numbers(**changes: float) -> dict[str, Array]:
    return {name: jnp.asarray(float(value)) for name, value in (NUMBERS | changes).items()}


def build(p: dict[str, Array]) -> Cell:
    bottom = Interface(
        LithiumKinetics(p["i0"]), film_resistance=p["film"], film_capacitance=0.01, contact_resistance=p["contact"]
    )
    top = Interface(LithiumKinetics(p["i0"]), Nucleation(p["barrier"], p["nucleation_capacity"]))
    layer = ProtectionLayer(5e-6, p["kappa"], p["sigma"], top=top, separator_film=Film(p["separator_film"], 0.01))
    return Cell(LithiumElectrode(50e-6, bottom, layer), Separator(30e-6, 0.24), LithiumElectrode(50e-6))


def ohmic(p: dict[str, Array]) -> tuple[Array, Array]:
    """Of the bottom interface, and of layer and separator film [Ohm m2]."""
    return p["film"] + p["contact"], 5e-6 / p["kappa"] + p["separator_film"]


def linear_onset(p: dict[str, Array]) -> Array:
    """(eta_t - eta_b)/(R_b + L/kappa + R_sl) with the bottom nucleated."""
    bottom, layer = ohmic(p)
    return p["barrier"] / (bottom + sample_cells.THERMAL / p["i0"] + layer)


def exact_onset(p: dict[str, Array]) -> Array:
    bottom, layer = ohmic(p)
    return closed_forms.onset_current(p["i0"], bottom, layer, p["barrier"])


@eqx.filter_jit
def top_shares(p: dict[str, Array], currents: Array) -> tuple[Array, Array]:
    """Top's share of 1 mAh cm-2 plated, and of the current at its end; numbers and currents of four runs."""

    def run(p: dict[str, Array], current: Array) -> tuple[Array, Array]:
        protocol = Protocol.of(plate(to_ma_cm2(current), 1.0, points=1))
        solution = simulate(build(p), protocol, throw=False)
        gained = solution.state.node[-1, 0]
        end = sample_cells.site_currents(solution)
        return gained[2] / (gained[0] + gained[2]), end[2] / current

    return jax.vmap(run)(p, currents)


def four(p: dict[str, Array], *factors: float, **lists: list[float]) -> tuple[dict[str, Array], Array]:
    """Four copies of the numbers, and factors times their own onset."""
    many = {name: jnp.broadcast_to(jnp.asarray(lists.get(name, value)), (4,)) for name, value in p.items()}
    return many, jnp.asarray(factors) * jax.vmap(exact_onset)(many)


def linear_top(p: dict[str, Array], current: Array) -> float:
    bottom, layer = ohmic(p)
    transfer = sample_cells.THERMAL / p["i0"]
    zero = jnp.zeros_like(transfer)
    own = closed_forms.linear_divider(
        current, bottom + transfer, transfer, layer, 5e-6 / p["sigma"], zero, p["barrier"]
    )
    return float(1.0 - own / current)


def test_top_of_1_mah_cm2_below_and_above_the_onset() -> None:
    many, currents = four(numbers(), 0.8, 1.5, 3.0, 0.5)
    share, _ = top_shares(many, currents)
    assert float(share[0]) < 0.01
    assert float(share[3]) < 0.01
    for k in (1, 2):
        assert float(share[k]) == pytest.approx(linear_top(numbers(), currents[k]), abs=0.03)
    assert float(share[2]) > float(share[1]) > 0.1


def test_a_barrier_that_decays_lets_the_top_run_away() -> None:
    many, currents = four(numbers(nucleation_capacity=DECAYING), 0.8, 1.5, 3.0, 0.5)
    share, at_end = top_shares(many, currents)
    # Below the onset nothing breaks through, and the barrier never starts to decay.
    assert float(share[0]) < 0.01
    for k in (1, 2):
        # Past break-through the top has no barrier left: the divider without one, far above the one with it.
        without = linear_top(numbers(barrier=0.0), currents[k])
        assert float(at_end[k]) == pytest.approx(without, abs=0.02)
        assert float(share[k]) > linear_top(numbers(), currents[k]) + 0.1


def test_onset_of_the_full_model_follows_the_closed_form() -> None:
    changes = {
        "barrier": [0.02, 0.04, 0.06, 0.04],
        "kappa": [5e-3, 2e-2, 5e-3, 1e-3],
        "film": [1e-4, 1e-4, 1e-3, 2e-4],
        "separator_film": [1e-4, 5e-4, 0.0, 1e-4],
    }
    # The top's current, flat below the onset, rises in proportion to I - I*: two points above it meet zero there.
    shares = {f: top_shares(*four(numbers(), *([f] * 4), **changes)) for f in (0.9, 1.4, 1.6)}
    many, unit = four(numbers(), 1.0, 1.0, 1.0, 1.0, **changes)
    low, high = (np.asarray(shares[f][1]) * f * np.asarray(unit) for f in (1.4, 1.6))
    found = unit * (1.4 - 0.2 * low / (high - low))
    exact = jax.vmap(lambda p: top_onset_current(build(p)))(many)
    np.testing.assert_allclose(exact, unit, rtol=1e-12)
    np.testing.assert_allclose(found, exact, rtol=0.01)
    assert np.all(np.asarray(shares[0.9][0]) < 0.01)
    assert float(jnp.max(unit) / jnp.min(unit)) > 3.0


def test_linear_limit() -> None:
    p = numbers(barrier=1e-4)
    # sinh is off its slope by (f eta)^2/24 of the charge transfer's part.
    assert float(top_onset_current(build(p))) == pytest.approx(float(linear_onset(p)), rel=1e-6)


def test_derivatives_of_the_onset() -> None:
    p = numbers()
    found = jax.grad(lambda p: top_onset_current(build(p)))(p)
    expected = jax.grad(exact_onset)(p)
    for name in ("barrier", "kappa", "film", "contact", "separator_film", "i0"):
        assert float(found[name]) == pytest.approx(float(expected[name]), rel=1e-9), name
    assert float(found["sigma"]) == 0.0


def with_bottom(cell: Cell, **changes: object) -> Cell:
    interface = dataclasses.replace(cell.working.interface, **changes)
    return dataclasses.replace(cell, working=dataclasses.replace(cell.working, interface=interface))


def test_interphase_and_contact_of_the_bottom_count() -> None:
    cell = build(numbers())
    lossy = with_bottom(cell, interphase=Interphase(initial_thickness=2e-9), contact_loss=ContactLoss(resistance=1e-4))
    plain = with_bottom(cell, contact_resistance=1e-4 + 2e-9 / 2e-5 + 1e-4)
    assert float(top_onset_current(lossy)) == pytest.approx(float(top_onset_current(plain)), rel=1e-12)


def test_a_bottom_that_has_not_nucleated() -> None:
    cell = sample_cells.half()  # 20 mV below, 60 mV on top
    same = sample_cells.replace(cell, working__layer__top__nucleation__overpotential=0.04)
    nucleated = float(top_onset_current(same))
    assert float(top_onset_current(cell, nucleated=False)) == pytest.approx(nucleated, rel=1e-12)
    level = sample_cells.replace(cell, working__layer__top__nucleation__overpotential=0.02)
    assert float(top_onset_current(level, nucleated=False)) == 0.0


@pytest.mark.parametrize(("cell", "told"), [(sample_cells.bare(), "top site"), (sample_cells.porous(), "pores")])
def test_cells_without_a_closed_form_are_refused(cell: Cell, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        top_onset_current(cell)
