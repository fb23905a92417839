"""Derivatives of the discrete solution: exact, the same in both modes, whatever the steps came from."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array

import jaxcell.simulation
from jaxcell import (
    Cell,
    Collector,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    Plan,
    Protocol,
    Separator,
    Settings,
    plate,
    rest,
    simulate,
    strip,
)
from jaxcell.solver.schedule import uniform_plan

SETTINGS = Settings(1e-4, 1e-5, max_steps=1024, newton=sample_cells.SHARP)


class Case:
    """A cell and a protocol, with one plan and the compiled functions the tests share."""

    def __init__(self, cell: Cell, protocol: Protocol, points: int = 20):
        self.points = points
        self.cell, self.protocol = cell, protocol
        self.nucleates = isinstance(cell.working, Collector)
        weights = np.random.default_rng(7).normal(size=(2, protocol.duration.size))
        self.weights = jnp.asarray(weights)
        found = simulate(cell, protocol, points=points, settings=SETTINGS)
        self.plan: Plan = found.plan
        self.model = found.model
        self.replayed = eqx.filter_jit(lambda c, p: self.loss(c, p, self.plan))
        self.reverse = eqx.filter_jit(eqx.filter_grad(lambda both: self.loss(*both, self.plan)))
        self.forward = eqx.filter_jit(
            lambda both, tangent: eqx.filter_jvp(lambda b: self.loss(*b, self.plan), (both,), (tangent,))[1]
        )

    def loss(self, cell: Cell, protocol: Protocol, plan: Plan | None) -> Array:
        """Voltages and amounts below the layer (of every form where there are losses), weighted at random."""
        solution = simulate(cell, protocol, points=self.points, plan=plan, settings=SETTINGS, throw=False)
        lithium = jnp.sum(solution.state.node[:, :, 0], axis=1) / 1e-3
        return jnp.sum(self.weights[0] * solution.voltage + self.weights[1] * lithium)

    @property
    def gradient(self) -> tuple[Cell, Protocol]:
        return self.reverse((self.cell, self.protocol))

    def direction(self, seed: int, protocol: bool = True) -> tuple[Cell, Protocol]:
        """A random relative change of every number of the cell and, optionally, of the protocol."""
        rng = np.random.default_rng(seed)

        def change(leaf: Array) -> Array | None:
            if not eqx.is_inexact_array(leaf):
                return None
            # Stops that are never reached stay where they are: at infinity.
            return jnp.where(jnp.isfinite(leaf), leaf, 0.0) * jnp.asarray(rng.normal(size=leaf.shape))

        cell, plan = jax.tree.map(change, (self.cell, self.protocol))
        return cell, plan if protocol else jax.tree.map(jnp.zeros_like, plan)


def _inner(gradient: tuple[Cell, Protocol], direction: tuple[Cell, Protocol]) -> float:
    products = jax.tree.map(lambda g, d: jnp.sum(g * d), gradient, direction)
    return float(sum(jax.tree.leaves(products)))


def _moved(case: Case, direction: tuple[Cell, Protocol], size: float) -> float:
    cell, protocol = eqx.apply_updates((case.cell, case.protocol), jax.tree.map(lambda d: size * d, direction))
    return float(case.replayed(cell, protocol))


@pytest.fixture(
    scope="module",
    params=[
        "LLZO, bare",
        "layer, through nucleation",
        # Its derivative compiles for two minutes.
        pytest.param("every loss", marks=pytest.mark.slow),
    ],
)
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "LLZO, bare":
        steps = (plate(0.5, 0.1, points=5), rest(60.0, points=2), strip(0.5, 0.1, points=5))
        return Case(sample_cells.llzo(), Protocol.of(*steps))
    if request.param == "every loss":
        steps = (plate(3.0, 0.2, points=2), rest(600.0, points=1), strip(2.0, 0.05, points=2))
        # Without the heat balance, whose programs compile for minutes; tests/analytic has its derivative.
        return Case(sample_cells.activated(sample_cells.lossy(heat_balance=None)), Protocol.of(*steps), points=2)
    # Bottom and top both nucleate; nearly all that was plated is stripped.
    steps = (plate(3.0, 0.1, points=5), rest(60.0, points=2), strip(1.0, 0.09, points=5))
    return Case(sample_cells.half(), Protocol.of(*steps))


def test_taylor_remainder_is_of_second_order(case: Case) -> None:
    direction = case.direction(1)
    start, slope = _moved(case, direction, 0.0), _inner(case.gradient, direction)
    sizes = 2e-4 * 0.5 ** np.arange(4)
    remainders = np.array([abs(_moved(case, direction, size) - start - size * slope) for size in sizes])
    orders = np.log2(remainders[:-1] / remainders[1:])
    # Half of the largest step moves the barrier's corners; third-order terms show.
    assert np.all(np.abs(orders - 2.0) < 0.1), orders


def test_central_differences(case: Case) -> None:
    for seed in (2, 3):
        direction = case.direction(seed)
        size = 1e-6
        difference = (_moved(case, direction, size) - _moved(case, direction, -size)) / (2 * size)
        # Rounding: 1e-15 of a loss of order one, over 1e-6.
        assert _inner(case.gradient, direction) == pytest.approx(difference, rel=1e-6)


def test_forward_and_reverse_mode_agree(case: Case) -> None:
    if not case.nucleates or case.model.losses:
        return  # one more program to compile, for less than the other case asks for
    for seed in (4, 5):
        direction = case.direction(seed)
        forward = float(case.forward((case.cell, case.protocol), direction))
        assert forward == pytest.approx(_inner(case.gradient, direction), rel=1e-10)


def test_error_controlled_gradient_is_the_replayed_one(case: Case) -> None:
    if not case.nucleates or case.model.losses:
        return  # as above
    controlled = eqx.filter_jit(eqx.filter_grad(lambda both: case.loss(*both, None)))((case.cell, case.protocol))
    for a, b in zip(jax.tree.leaves(controlled), jax.tree.leaves(case.gradient), strict=True):
        # Differentiated, the run refines its stages, and chooses its steps by them: the same but for the ninth digit.
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9)


def test_gradient_with_respect_to_current_and_durations(case: Case) -> None:
    for name in ("value", "duration"):
        zero = jax.tree.map(lambda leaf: jnp.zeros_like(leaf) if eqx.is_inexact_array(leaf) else None, case.protocol)
        change = getattr(case.protocol, name) * jnp.linspace(0.5, 1.0, case.protocol.duration.size)
        direction = (
            case.direction(1, protocol=False)[0],
            eqx.tree_at(lambda p, name=name: getattr(p, name), zero, change),
        )
        direction = (jax.tree.map(jnp.zeros_like, direction[0]), direction[1])
        size = 1e-6
        difference = (_moved(case, direction, size) - _moved(case, direction, -size)) / (2 * size)
        assert abs(difference) > 1e-4
        assert _inner(case.gradient, direction) == pytest.approx(difference, rel=1e-6), name


def test_no_parameter_is_forgotten(case: Case) -> None:
    """Every number of the cell has a finite gradient, not zero unless the run does not depend on it."""
    leaves = jax.tree_util.tree_leaves_with_path(case.gradient[0])
    values = {"/".join(str(getattr(k, "name", k)) for k in path): float(leaf) for path, leaf in leaves}
    assert np.all(np.isfinite(list(values.values())))
    silent = {name for name, value in values.items() if value == 0.0}
    # On a thick foil nothing depends on how much lithium is left, or on a barrier it has long passed.
    foils = ("working", "counter") if not case.nucleates else ("counter",)
    idle = {name for name in values if name.startswith(foils) and ("nucleation" in name or "thickness" in name)}
    if not case.model.losses:
        idle |= {name for name in values if name.endswith(("activation_energy", "reference_temperature", "pressure"))}
    # Exchange current densities follow a salt, and there is none.
    idle |= {name for name in values if name.endswith("concentration_exponent")}
    assert silent <= idle, silent - idle


def test_vmap_over_cells_equals_a_loop() -> None:
    cell, protocol = sample_cells.bare(), Protocol.of(plate(3.0, 0.1, points=6))
    plan = uniform_plan(6, 5)
    factors = jnp.asarray([0.8, 1.0, 1.3])

    def run(factor: Array) -> tuple[Array, Array]:
        changed = jax.tree.map(lambda leaf: leaf * factor, cell)
        changed = eqx.tree_at(lambda c: c.temperature, changed, cell.temperature)
        solution = simulate(changed, protocol, plan=plan, settings=SETTINGS, throw=False)
        return solution.voltage, solution.state.node

    batch = jax.jit(jax.vmap(run))(factors)
    single = jax.jit(run)
    for k, factor in enumerate(factors):
        for many, one in zip(batch, single(factor), strict=True):
            np.testing.assert_allclose(many[k], one, rtol=1e-9)
    assert float(jnp.max(jnp.abs(batch[0][0] - batch[0][2]))) > 1e-3


def _from_numbers(k: int) -> tuple[Cell, Protocol]:
    """A cell from Python floats, a different one for every k."""
    x = 1.0 + 0.01 * k
    foil = LithiumElectrode(
        100e-6 * x,
        Interface(
            LithiumKinetics(10.0 * x, 0.5 * x, 0.5),
            double_layer_capacitance=0.2 * x,
            film_resistance=1e-3 * x,
            film_capacitance=1e-2 * x,
        ),
    )
    cell = Cell.symmetric(foil, Separator(50e-6 * x, 0.2 * x), 298.15 * x)
    return cell, Protocol.of(plate(1.0 * x, 0.01 * x, points=3))


def test_one_trace_for_a_hundred_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    traces = []

    def counting(*arguments, **options):
        traces.append(1)
        return assemble(*arguments, **options)

    assemble = jaxcell.simulation.assemble
    monkeypatch.setattr(jaxcell.simulation, "assemble", counting)
    # Settings nobody else uses: the first run of these cells is not compiled yet.
    settings = Settings(1.1e-3, 1.2e-3, max_steps=200)
    voltages = {float(simulate(*_from_numbers(k), settings=settings).voltage[-1]) for k in range(100)}
    assert len(traces) == 1
    assert len(voltages) == 100


def test_gradients_reach_numbers_given_to_constructors() -> None:
    def final_voltage(i0: Array, thickness: Array) -> Array:
        foil = LithiumElectrode(100e-6, Interface(LithiumKinetics(i0)))
        cell = Cell.symmetric(foil, Separator(thickness, 0.2))
        protocol = Protocol.of(plate(1.0, 0.01, points=3))
        return simulate(cell, protocol, plan=uniform_plan(3, 5), settings=SETTINGS, throw=False).voltage[-1]

    di0, dthickness = jax.jit(jax.grad(final_voltage, argnums=(0, 1)))(jnp.asarray(10.0), jnp.asarray(50e-6))
    # dV/di0 = -2 d/di0 (2RT/F) asinh(I/2i0), dV/dL = -I/kappa.
    i, i0 = 10.0, 10.0
    expected = 4 * sample_cells.THERMAL * i / (2 * i0**2) / np.sqrt(1 + (i / 2 / i0) ** 2)
    assert float(di0) == pytest.approx(expected, rel=1e-9)
    assert float(dthickness) == pytest.approx(-10.0 / 0.2, rel=1e-9)
