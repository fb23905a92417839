"""Derivatives of replays: grids of any length, batches, second order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array

from jaxcell import Cell, Interface, LithiumElectrode, Plan, ProtectionLayer, Protocol, Separator, plate, simulate
from jaxcell.solver.schedule import uniform_plan

PROTOCOL = Protocol.of(plate(2.0, 0.2, points=1))


def cell(x: Array) -> Cell:
    """Film and layer resistance, each times exp of its parameter."""
    film = Interface(film_resistance=5e-4 * jnp.exp(x[0]), film_capacitance=0.05)
    layer = ProtectionLayer(5e-6, 1e-2 * jnp.exp(x[1]), top=None)
    return Cell.symmetric(LithiumElectrode(20e-6, film, layer), Separator(30e-6, 0.24))


def end_voltage(x: Array, plan: Plan) -> Array:
    return simulate(cell(x), PROTOCOL, plan=plan, throw=False).voltage[-1]


@pytest.mark.parametrize("steps", [1, 32, 70])
def test_any_number_of_steps(steps: int) -> None:
    plan, x = uniform_plan(1, steps), jnp.zeros(2)
    value = jax.jit(lambda y: end_voltage(y, plan))
    h = 1e-4
    expected = [(value(x.at[k].set(h)) - value(x.at[k].set(-h))) / (2 * h) for k in range(2)]
    assert min(abs(np.asarray(expected))) > 1e-3 * float(abs(value(x)))
    for mode in (jax.jacfwd, jax.jacrev):
        np.testing.assert_allclose(jax.jit(mode(lambda y: end_voltage(y, plan)))(x), expected, rtol=1e-6)


def test_batches_of_gradients_are_the_gradients() -> None:
    plan = uniform_plan(1, 40)
    gradient = jax.jit(jax.grad(lambda y: end_voltage(y, plan)))
    several = jnp.asarray(np.random.default_rng(0).normal(size=(3, 2)))
    found = jax.jit(jax.vmap(jax.jacfwd(lambda y: end_voltage(y, plan))))(several)
    np.testing.assert_allclose(found, [gradient(x) for x in several], rtol=1e-10)


def test_batches_with_error_control_choose_their_own_steps() -> None:
    several = jnp.asarray([[0.0, 0.0], [1.0, -2.0], [-3.0, 1.0]])
    alone = [simulate(cell(x), PROTOCOL) for x in several]

    def steps(x):
        trajectory = simulate(cell(x), PROTOCOL, throw=False).trajectory
        return trajectory.voltage, trajectory.plan.used

    voltage, used = jax.jit(jax.vmap(steps))(several)
    np.testing.assert_array_equal(used, [int(s.trajectory.plan.used) for s in alone])
    np.testing.assert_allclose(voltage, [s.trajectory.voltage for s in alone], rtol=1e-12)
    gradients = jax.jit(jax.vmap(jax.grad(lambda x: simulate(cell(x), PROTOCOL, throw=False).voltage[-1])))(several)
    for x, found in zip(several, gradients, strict=True):
        plan = simulate(cell(x), PROTOCOL).plan
        np.testing.assert_allclose(found, jax.grad(lambda y, p=plan: end_voltage(y, p))(x), rtol=1e-9)


def test_second_derivatives() -> None:
    half = sample_cells.half()
    protocol = Protocol.of(plate(3.0, 0.1, points=2))
    plan = simulate(half, protocol).plan

    def loss(x: Array) -> Array:
        own = sample_cells.replace(
            half,
            separator__ionic_conductivity=half.separator.ionic_conductivity * jnp.exp(x[0]),
            working__interface__kinetics__exchange_current_density=(
                half.working.interface.kinetics.exchange_current_density * jnp.exp(x[1])
            ),
        )
        return jnp.sum(simulate(own, protocol, plan=plan, throw=False).voltage ** 2)

    x, h = jnp.zeros(2), 1e-5
    gradient = jax.jit(jax.grad(loss))
    expected = [(gradient(x.at[k].set(h)) - gradient(x.at[k].set(-h))) / (2 * h) for k in range(2)]
    found = jax.jit(jax.hessian(loss))(x)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * float(jnp.max(jnp.abs(found))))
