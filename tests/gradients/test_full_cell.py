"""Derivatives of a full cell through cycles of which every half ends on a voltage, to rounding, in both modes."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array

from jaxcell import (
    NMC811,
    Cell,
    CompositeCathode,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    ProtectionLayer,
    Protocol,
    Settings,
    StepEnd,
    Until,
    charge,
    discharge,
    simulate,
)

SETTINGS = Settings(1e-6, 1e-6, newton=sample_cells.SHARP)
NAMES = (
    "particle diffusivity",
    "particle radius",
    "active fraction",
    "exchange current density",
    "ionic conductivity of the cathode",
    "ionic conductivity of the layer",
    "stop of the discharge",
)
POINTS = 4


def cell(x: Array) -> Cell:
    e = jnp.exp(x)
    own = sample_cells.cathode(open_circuit=NMC811())
    assert own.transport is not None
    transport = dataclasses.replace(own.transport, ionic_conductivity=own.transport.ionic_conductivity * e[4])
    cathode: CompositeCathode = dataclasses.replace(
        own,
        particle_diffusivity=own.particle_diffusivity * e[0],
        particle_radius=own.particle_radius * e[1],
        active_fraction=own.active_fraction * e[2],
        kinetics=dataclasses.replace(own.kinetics, exchange_current_density=3.0 * e[3]),
        transport=transport,
    )
    layer = ProtectionLayer(5e-6, 5e-3 * e[5], top=None)
    return Cell(LithiumElectrode(50e-6, Interface(LithiumKinetics(10.0)), layer), sample_cells.separator(), cathode)


def protocol(x: Array) -> Protocol:
    down = discharge(2.0, until=Until(voltage_below=3.5 * jnp.exp(x[6])), duration=7200.0, points=3)
    up = charge(1.5, until=Until(voltage_above=4.2), duration=14400.0, points=3)
    return Protocol.of([up, down] * 2)


class Case:
    """A plan of steps, and what is watched: times, voltages, and charges of the rows reached."""

    def __init__(self) -> None:
        self.start = jnp.zeros(len(NAMES))
        planned = simulate(cell(self.start), protocol(self.start), points=POINTS, settings=SETTINGS)
        self.plan, self.rows = planned.plan, jnp.asarray(planned.taken)
        self.ends = planned.ends
        self.replayed = jax.jit(self.watched)

    def watched(self, x: Array) -> Array:
        run = simulate(cell(x), protocol(x), points=POINTS, settings=SETTINGS, plan=self.plan, throw=False)
        values = (run.time / 1e4, run.voltage, run.charge / 1e4)
        return jnp.concatenate([value[self.rows] for value in values])


@pytest.fixture(scope="module")
def case() -> Case:
    return Case()


@pytest.fixture(scope="module")
def jacobian(case: Case) -> np.ndarray:
    return np.asarray(jax.jit(jax.jacfwd(case.watched))(case.start))


def test_every_half_cycle_ends_on_its_voltage(case: Case) -> None:
    assert case.ends == (StepEnd.on_stop,) * 4


def test_central_differences(case: Case, jacobian: np.ndarray) -> None:
    for k, name in enumerate(NAMES):
        h = 1e-5
        ahead, behind = case.start.at[k].add(h), case.start.at[k].add(-h)
        found = np.asarray(case.replayed(ahead) - case.replayed(behind)) / (2 * h)
        size = np.max(np.abs(jacobian[:, k]))
        assert size > 1e-3, name
        # Newton leaves 1e-12 or so of values of order one, over the change.
        np.testing.assert_allclose(found, jacobian[:, k], atol=1e-5 * size + 1e-13 / h, err_msg=name)


def test_forward_and_reverse_mode_agree(case: Case, jacobian: np.ndarray) -> None:
    weights = jnp.asarray(np.random.default_rng(3).normal(size=jacobian.shape[0]))
    reverse = jax.jit(jax.grad(lambda x: jnp.sum(weights * case.watched(x))))(case.start)
    forward = np.asarray(weights) @ jacobian
    np.testing.assert_allclose(reverse, forward, rtol=1e-8, atol=1e-8 * np.max(np.abs(forward)))
