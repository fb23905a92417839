"""Derivatives through steps that end on a stop or hold a voltage: of the discrete solution, to rounding, in both modes.

Three cycles deep: each strips until a voltage, so every later time and charge hangs on the ends before.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array

from jaxcell import (
    Cell,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    ProtectionLayer,
    Protocol,
    Separator,
    Settings,
    Until,
    hold,
    plate,
    rest,
    simulate,
    strip,
)

SETTINGS = Settings(1e-6, 1e-6, newton=sample_cells.SHARP)
NAMES = ("layer conductivity", "initial lithium", "stop", "current", "counter exchange current")


def cell(x: Array) -> Cell:
    layer = ProtectionLayer(5e-6, 5e-3 * jnp.exp(x[0]), top=None)
    counter = LithiumElectrode(50e-6, Interface(LithiumKinetics(20.0 * jnp.exp(x[4]))))
    # The lithium runs out over 20 uAh cm-2, a minute and more: differences need an end that is smooth on their scale.
    slow = Interface(nucleation=Nucleation(0.0, nucleation_capacity=1.0, depletion_capacity=0.0075))
    return Cell(LithiumElectrode(1e-6 * jnp.exp(x[1]), slow, layer), Separator(30e-6, 0.24), counter)


def stripping(x: Array) -> Protocol:
    until = Until(voltage_above=0.15 * jnp.exp(x[2]))
    steps = [plate(jnp.exp(x[3]), 0.1, points=2), strip(1.0, until=until, duration=3600.0, points=4)]
    return Protocol.of([*steps, rest(60.0, points=2)] * 3)


def holding(x: Array) -> Protocol:
    """Held until the current has fallen, and held until a charge has passed."""
    falls = hold(0.1 * jnp.exp(x[2]), until=Until(current_below=2.0 * jnp.exp(x[3])), duration=3600.0, points=2)
    passes = hold(-0.1, until=Until(charge=700.0 * jnp.exp(x[3])), duration=3600.0, points=2)
    return Protocol.of([falls, passes] * 3)


class Case:
    """A protocol, its plan, and what is watched: times, voltages, charges and currents of the rows reached."""

    def __init__(self, protocol, settings: Settings = SETTINGS):
        self.protocol = protocol
        start = jnp.zeros(len(NAMES))
        planned = simulate(cell(start), protocol(start), settings=settings)
        self.plan, self.rows = planned.plan, jnp.asarray(planned.taken)
        lengths = self.plan.fraction * protocol(start).duration[self.plan.interval]
        self.shortest = float(jnp.min(lengths[self.plan.stop >= 0]))
        self.status = jax.jit(lambda x: self._run(x, self.plan).status)
        self.replayed = jax.jit(lambda x: self.watched(x, self.plan))
        self.adaptive = jax.jit(lambda x: self.watched(x, None))

    def _run(self, x: Array, plan):
        return simulate(cell(x), self.protocol(x), settings=SETTINGS, plan=plan, throw=False)

    def watched(self, x: Array, plan) -> Array:
        run = self._run(x, plan)
        values = (run.time / 1000.0, run.voltage, run.charge / 1e3, run.current_density / 10.0)
        return jnp.concatenate([value[self.rows] for value in values])


@pytest.fixture(scope="module", params=[stripping, holding], ids=["strip until a voltage", "hold until"])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


@pytest.fixture(scope="module")
def jacobian(case: Case) -> np.ndarray:
    return np.asarray(jax.jit(jax.jacfwd(lambda x: case.watched(x, case.plan)))(jnp.zeros(len(NAMES))))


def test_central_differences_of_the_replay(case: Case, jacobian: np.ndarray) -> None:
    x = jnp.zeros(len(NAMES))
    for k, name in enumerate(NAMES):
        # A step that ends on a stop can be short: the change must leave the end inside it.
        h = min(1e-4, 0.1 * case.shortest / max(1e-12, 1e3 * np.max(np.abs(jacobian[: case.rows.size, k]))))
        ahead, behind = x.at[k].add(h), x.at[k].add(-h)
        assert int(case.status(ahead)) == int(case.status(behind)) == 0, name
        found = np.asarray(case.replayed(ahead) - case.replayed(behind)) / (2 * h)
        size = np.max(np.abs(jacobian[:, k]))
        # Rounding of values of order one over the change.
        np.testing.assert_allclose(found, jacobian[:, k], atol=1e-5 * size + 1e-14 / h, err_msg=name)


def test_forward_and_reverse_mode_agree(case: Case, jacobian: np.ndarray) -> None:
    weights = jnp.asarray(np.random.default_rng(3).normal(size=jacobian.shape[0]))
    x = jnp.zeros(len(NAMES))
    reverse = jax.jit(jax.grad(lambda x: jnp.sum(weights * case.watched(x, case.plan))))(x)
    forward = np.asarray(weights) @ jacobian
    np.testing.assert_allclose(reverse, forward, rtol=1e-8, atol=1e-8 * np.max(np.abs(forward)))


def test_derivative_of_the_error_controlled_run(case: Case, jacobian: np.ndarray) -> None:
    x = jnp.zeros(len(NAMES))
    own = np.asarray(jax.jit(jax.jacfwd(lambda x: case.watched(x, None)))(x))
    np.testing.assert_allclose(own, jacobian, atol=1e-6 * np.max(np.abs(jacobian)))


def test_times_and_charges_against_runs_that_choose_their_own_steps() -> None:
    """The end of a strip follows the lithium by Faraday's law, whatever the steps.

    To 1e-4: the step grid stays where it is under the derivative, and with it the error of the discrete solution.
    """
    case = Case(stripping)
    x, h = jnp.zeros(len(NAMES)), 1e-3
    third = case.rows.shape[0]
    slope = np.asarray(jax.jit(jax.jacfwd(lambda x: case.watched(x, None)))(x))
    for k in (0, 1, 3):
        found = np.asarray(case.adaptive(x.at[k].add(h)) - case.adaptive(x.at[k].add(-h))) / (2 * h)
        size = np.max(np.abs(slope[:, k]))
        for part in (slice(0, third), slice(2 * third, 3 * third)):
            np.testing.assert_allclose(slope[part, k], found[part], atol=1e-4 * size)
    # 0.2062 mAh cm-2 a micrometre at 1 mA cm-2.
    assert slope[third - 1, 1] == pytest.approx(0.7422, rel=1e-3)


def test_many_cycles_in_bounded_memory() -> None:
    """The gradient of 60 cycles recomputes what it needs block by block: 10 kB a step would otherwise be kept."""
    x = jnp.zeros(len(NAMES))

    def protocol(x: Array) -> Protocol:
        until = Until(voltage_above=0.15)
        return Protocol.of(plate(1.0, 0.1, points=1), strip(1.0, until=until, duration=3600.0, points=1), repeat=60)

    def end(x: Array) -> Array:
        return simulate(cell(x), protocol(x), throw=False).trajectory.final_time

    compiled = jax.jit(jax.value_and_grad(end)).lower(x).compile()
    value, gradient = compiled(x)
    # All that was there at first came off once; the rest is what was plated, over and over.
    assert float(value) == pytest.approx(60 * 720.0 + 742.2, rel=5e-3)
    assert float(gradient[1]) == pytest.approx(742.2, rel=5e-3)
    steps = simulate(cell(x), protocol(x)).trajectory.plan.fraction.size
    assert compiled.memory_analysis().temp_size_in_bytes < 4e3 * steps
