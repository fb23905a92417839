"""Step response of a bare interface, film R || C in series with reaction || double layer, from us to seconds."""

import closed_forms
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array

from jaxcell import Settings, replay, simulate

CURRENT = 0.05
TIMES = np.concatenate([[0.0], np.logspace(-6, 1, 29)])
SETTINGS = Settings(rtol=1e-7, atol=1e-13, max_steps=2048, newton=sample_cells.SHARP)
NAMES = (
    "kinetics__exchange_current_density",
    "double_layer_capacitance",
    "film_resistance",
    "film_capacitance",
    "contact_resistance",
)
# Film: 20 Ohm cm2 and 0.5 mF m-2, 1 us. Reaction: 26 Ohm cm2 and 0.2 F m-2, 0.5 ms.
USUAL = (10.0, 0.2, 2e-3, 5e-4, 1e-4)


def simulated(p: Array) -> Array:
    changes = {f"{side}__interface__{name}": p[k] for side in ("working", "counter") for k, name in enumerate(NAMES)}
    cell = sample_cells.replace(sample_cells.bare(), **changes)
    protocol = replay(TIMES, np.full(TIMES.size, -CURRENT))
    return simulate(cell, protocol, settings=SETTINGS, throw=False).voltage


def exact(p: Array) -> Array:
    time = jnp.asarray(TIMES[1:])
    foil = jax.vmap(lambda t: closed_forms.foil_step_response(t, jnp.asarray(CURRENT), p[0], p[1], p[2], p[3], p[4]))(
        time
    )
    return -(2.0 * foil + CURRENT * 50e-6 / 0.24)


run = eqx.filter_jit(simulated)


@pytest.mark.parametrize(
    "p",
    [USUAL, (10.0, 0.2, 0.0, 5e-4, 1e-4), (10.0, 0.2, 2e-3, 0.0, 0.0), (10.0, 0.0, 2e-3, 5e-4, 0.0)],
    ids=["both", "no film", "film without capacitance", "no double layer"],
)
def test_step_response(p: tuple[float, ...]) -> None:
    # In the limit of a vanishing resistance or capacitance the closed form needs something to divide by.
    limit = jnp.asarray([value if value > 0.0 else 1e-30 for value in p])
    # 2e-6: the reaction is (I/2i0)^2/6 = 1e-6 off its slope.
    np.testing.assert_allclose(run(jnp.asarray(p)), exact(limit), rtol=2e-6)


def test_gradients_of_the_step_response() -> None:
    p = jnp.asarray(USUAL)
    weights = jnp.asarray(np.random.default_rng(1).normal(size=TIMES.size - 1))
    found = eqx.filter_jit(jax.grad(lambda q: jnp.sum(weights * simulated(q))))(p)
    expected = jax.grad(lambda q: jnp.sum(weights * exact(q)))(p)
    # The discrete solution's derivative: the steps' tolerance of 1e-7, and the reaction's 3e-6.
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_relaxation_after_a_pulse() -> None:
    # 2 ms of current, then rest: the superposition of two steps.
    time = np.concatenate([[0.0, 1e-3, 2e-3], 2e-3 + np.logspace(-6, -2, 26)])
    current = np.where(np.arange(time.size) < 3, -CURRENT, 0.0)
    settings = Settings(rtol=1e-7, atol=1e-10, max_steps=2048, newton=sample_cells.SHARP)
    solution = simulate(sample_cells.bare(), replay(time, current), settings=settings)

    def foil(t: Array) -> Array:
        numbers = (jnp.asarray(value) for value in (CURRENT, 10.0, 0.2, 5e-4, 0.01, 1e-4))
        return closed_forms.foil_step_response(t, *numbers)

    after = jnp.asarray(time[3:])
    expected = -2.0 * (jax.vmap(foil)(after) - jax.vmap(foil)(after - 2e-3))
    # Twice the sinh's deviation; 1 nV: the steps' tolerance, many times over.
    np.testing.assert_allclose(solution.voltage[2:], expected, rtol=4e-6, atol=1e-9)
