"""Salt gradients in a separator between two lithium foils: steady, transient, up to the limiting current."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array

from jaxcell import (
    RESULTS,
    BinarySalt,
    Cell,
    Current,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    Protocol,
    Separator,
    Settings,
    Solution,
    Step,
    lithium_ledger,
    simulate,
    total_area_specific_resistance,
)

F, R, T = sample_cells.F, sample_cells.R, sample_cells.T
THICKNESS, C0, DIFFUSIVITY, TRANSFERENCE = 50e-6, 1000.0, 1e-10, 0.35
NUMBERS = {"thickness": THICKNESS, "c0": C0, "D": DIFFUSIVITY, "t": TRANSFERENCE}
LIMITING = 2 * F * DIFFUSIVITY * C0 / ((1 - TRANSFERENCE) * THICKNESS)
"""[A m-2]."""
I0 = 1e5
POINTS = 20
SETTINGS = Settings(1e-6, 1e-7, newton=sample_cells.SHARP)
SHARE = 0.6
"""Of the limiting current."""


def dilute_conductivity(p: dict[str, Array]) -> Array:
    return F**2 * p["D"] * p["c0"] / (2 * R * T * p["t"] * (1 - p["t"]))


def build(p: dict[str, Array], conductivity: Array | None = None, exponent: float = 1.0) -> Cell:
    foil = LithiumElectrode(
        100e-6, Interface(LithiumKinetics(I0, concentration_exponent=0.0), double_layer_capacitance=0.0)
    )
    salt = BinarySalt(p["c0"], p["t"], p["D"], conductivity_exponent=exponent)
    kappa = dilute_conductivity(p) if conductivity is None else conductivity
    return Cell.symmetric(foil, Separator(p["thickness"], kappa, salt=salt))


def numbers(**changes: float) -> dict[str, Array]:
    return {name: jnp.asarray(value) for name, value in (NUMBERS | changes).items()}


@eqx.filter_jit
def run(cell: Cell, current: Array, duration: Array, points: int = POINTS) -> Solution:
    """Constant I [A m-2] that plates the working electrode."""
    protocol = Protocol.of(Step(Current(-current), duration, points=10))
    return simulate(cell, protocol, points=points, settings=SETTINGS, throw=False)


def polarisation(solution: Solution, current: float) -> np.ndarray:
    """-V less the charge transfer [V]."""
    return -np.asarray(solution.voltage) - 4 * R * T / F * np.arcsinh(current / (2 * I0))


def steady(p: dict[str, Array], share: float = SHARE) -> Solution:
    time = 20 * THICKNESS**2 / (np.pi**2 * DIFFUSIVITY)
    return run(build(p), jnp.asarray(share * LIMITING), jnp.asarray(time))


@pytest.mark.parametrize("share", [0.1, 0.6, 0.9])
def test_steady_polarisation_of_a_dilute_electrolyte(share: float) -> None:
    solution = steady(numbers(), share)
    expected = 4 * R * T / F * np.arctanh(share)
    # Second order in the width of the finite volumes, 20 of them; steepest where the salt is nearly gone.
    assert polarisation(solution, share * LIMITING)[-1] == pytest.approx(expected, rel=4e-3)
    state = jax.tree.map(lambda rows: rows[-1], solution.state)
    faces = THICKNESS * 0.5 * (1 - np.cos(np.pi * np.arange(POINTS + 1) / POINTS))
    # Both foils are faces of the separator: nodes without volume.
    places = np.concatenate([[0.0], 0.5 * (faces[1:] + faces[:-1]), [THICKNESS]])
    exact = C0 * (1.0 + share * (2 * places / THICKNESS - 1.0))
    np.testing.assert_allclose(solution.model.salt_concentration(state), exact, atol=2e-4 * C0)


def test_constant_conductivity_gives_another_number() -> None:
    conductivity = 0.5
    cell = build(numbers(), jnp.asarray(conductivity), exponent=0.0)
    current = SHARE * LIMITING
    solution = run(cell, jnp.asarray(current), jnp.asarray(2e3))
    expected = current * THICKNESS / conductivity + 4 * R * T / F * (1 - TRANSFERENCE) * np.arctanh(SHARE)
    assert polarisation(solution, current)[-1] == pytest.approx(expected, rel=1e-4)


def face_concentration(time: np.ndarray, current: float) -> np.ndarray:
    """c/c0 at the plating face, by the cosine series."""
    slope = (1 - TRANSFERENCE) * current / (F * DIFFUSIVITY * C0)
    n = np.arange(1, 4001, 2)[:, None]
    decay = np.exp(-(n**2) * np.pi**2 * DIFFUSIVITY * time[None] / THICKNESS**2)
    return 1.0 - slope * THICKNESS * (0.5 - np.sum(4 / (n**2 * np.pi**2) * decay, axis=0))


def model_face(solution: Solution) -> np.ndarray:
    return np.asarray(jax.vmap(solution.model.salt_concentration)(solution.state))[:, 0] / C0


@pytest.mark.parametrize("share", [0.6, 3.0])
def test_transient_at_the_plating_face(share: float) -> None:
    current = share * LIMITING
    time = 0.9 * sand_time(current) if share > 1 else 5.0
    solution = run(build(numbers()), jnp.asarray(current), jnp.asarray(time), 40)
    exact = face_concentration(np.asarray(solution.time), current)
    np.testing.assert_allclose(model_face(solution), exact, atol=3e-3)


def sand_time(current: float) -> float:
    return np.pi * DIFFUSIVITY * (F * C0 / (2 * current * (1 - TRANSFERENCE))) ** 2


def test_salt_is_gone_at_sands_time() -> None:
    current = 4.0 * LIMITING
    expected = sand_time(current)
    assert expected < 0.05 * THICKNESS**2 / DIFFUSIVITY
    solution = run(build(numbers()), jnp.asarray(current), jnp.asarray(1.5 * expected), 40)
    # A depleted electrolyte conducts ten thousand times worse: the voltage leaves for the guard.
    assert solution.result is RESULTS.voltage_guard
    assert float(solution.trajectory.final_time) == pytest.approx(expected, rel=0.03)


def test_salt_is_conserved_and_a_row_of_the_ledger() -> None:
    ledger = lithium_ledger(steady(numbers()))
    assert float(ledger.initial["salt"]) == pytest.approx(C0 * THICKNESS)
    assert np.all(np.abs(np.asarray(ledger.change["salt"])) < 1e-12 * C0 * THICKNESS)
    assert np.all(np.abs(np.asarray(ledger.imbalance)) < 1e-10)


def test_gradients_of_the_steady_polarisation() -> None:
    time, current = jnp.asarray(2e3), jnp.asarray(SHARE * LIMITING)

    def modelled(p: dict[str, Array]) -> Array:
        return -run(build(p), current, time).voltage[-1]

    def exact(p: dict[str, Array]) -> Array:
        limiting = 2 * F * p["D"] * p["c0"] / ((1 - p["t"]) * p["thickness"])
        return 4 * R * T / F * (jnp.arctanh(current / limiting) + jnp.arcsinh(current / (2 * I0)))

    found, expected = jax.grad(modelled)(numbers()), jax.grad(exact)(numbers())
    for name in NUMBERS:
        assert float(found[name]) == pytest.approx(float(expected[name]), rel=1e-2), name


def test_second_order_in_space() -> None:
    current = jnp.asarray(SHARE * LIMITING)
    errors = []
    for points in (8, 16, 32):
        solution = run(build(numbers()), current, jnp.asarray(2e3), points)
        errors.append(abs(polarisation(solution, SHARE * LIMITING)[-1] - 4 * R * T / F * np.arctanh(SHARE)))
    orders = np.log2(np.array(errors)[:-1] / np.array(errors)[1:])
    assert np.all(orders > 1.8), (orders, errors)


def test_small_signal_resistance_with_a_settled_gradient() -> None:
    solution = steady(numbers(), 1e-3)
    current = 1e-3 * LIMITING
    expected = -float(solution.voltage[-1]) / current
    assert float(total_area_specific_resistance(build(numbers()))) == pytest.approx(expected, rel=1e-4)


def test_a_transference_number_of_one_is_a_single_ion_conductor() -> None:
    foil = LithiumElectrode(100e-6)
    single = Cell.symmetric(foil, Separator(THICKNESS, 0.3))
    binary = Cell.symmetric(foil, Separator(THICKNESS, 0.3, salt=BinarySalt(transference_number=1.0)))
    voltages = [np.asarray(run(cell, jnp.asarray(30.0), jnp.asarray(100.0)).voltage) for cell in (single, binary)]
    np.testing.assert_allclose(*voltages, rtol=1e-9)
