"""A composite cathode in its limits: a sphere under constant flux, a porous electrode of linear kinetics."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array
from jaxtyping import Float
from scipy.optimize import brentq

from jaxcell import (
    AlloyElectrode,
    CathodeTransport,
    Cell,
    CompositeCathode,
    ConstantPotential,
    Current,
    IntercalationKinetics,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    OpenCircuitPotential,
    Protocol,
    Separator,
    Settings,
    Step,
    TabulatedDiffusivity,
    TabulatedPotential,
    simulate,
)
from jaxcell.component import quantity
from jaxcell.model.modes import relaxation_modes
from jaxcell.model.shells import shell_conductances, shell_volumes
from jaxcell.solver.schedule import uniform_plan
from jaxcell.units import Quantity

F, R, T = sample_cells.F, sample_cells.R, sample_cells.T
f = F / (R * T)
FOIL = LithiumElectrode(500e-6, Interface(LithiumKinetics(1e8), double_layer_capacitance=0.0))
BETWEEN = Separator(1e-9, 1e3)
FINE = Settings(1e-7, 1e-8, newton=sample_cells.SHARP)
THICKNESS, SHARE, RADIUS, MOST, X0, DIFFUSIVITY = 50e-6, 0.5, 5e-6, 50000.0, 0.4, 1e-14
CURRENT = 20.0


class Straight(OpenCircuitPotential):
    """U = 4 - slope x: reads the surface's stoichiometry off the voltage."""

    slope: Quantity = quantity("V")

    def __call__(self, stoichiometry: Float[Array, "..."]) -> Float[Array, "..."]:
        return 4.0 - self.slope * stoichiometry


def cell(
    potential: OpenCircuitPotential, *, i0: float = 1e6, transport: CathodeTransport | None = None, **changes
) -> Cell:
    numbers = {
        "thickness": THICKNESS,
        "active_fraction": SHARE,
        "particle_radius": RADIUS,
        "maximum_concentration": MOST,
        "initial_stoichiometry": X0,
        "particle_diffusivity": DIFFUSIVITY,
        "double_layer_capacitance": 0.0,
    }
    kinetics = IntercalationKinetics(i0)
    return Cell(
        FOIL,
        BETWEEN,
        CompositeCathode(**(numbers | changes), open_circuit=potential, kinetics=kinetics, transport=transport),
    )


ROOTS = np.array([brentq(lambda z: np.sin(z) - z * np.cos(z), n * np.pi, (n + 0.5) * np.pi) for n in range(1, 2001)])
TIMES = np.array([2.0, 10.0, 50.0, 200.0, 1000.0, 3000.0])
"""[s]; s = D t/R2 from 8e-4 to 1.2."""


def surface(t: Array, diffusivity: Array, radius: Array) -> Array:
    """c_s of a sphere under constant flux, as x: x0 + (J R/D) [3 s + 1/5 - 2 sum exp(-l2 s)/l2]."""
    flux = CURRENT * radius / (3 * SHARE * THICKNESS * F * MOST)
    s = diffusivity * t / radius**2
    squares = jnp.asarray(ROOTS**2)
    decay = jnp.sum(jnp.exp(-s[:, None] * squares[None]) / squares[None], axis=1)
    return X0 + flux * radius / diffusivity * (3 * s + 0.2 - 2 * decay)


def discharged(own: Cell, points: int = 20, settings: Settings = FINE, times: np.ndarray = TIMES) -> Array:
    """Voltage at constant current [V]."""
    protocol = Protocol.of(Step(Current(-CURRENT), float(times[-1]), points=len(times)))
    protocol = eqx.tree_at(lambda p: p.duration, protocol, jnp.asarray(np.diff(times, prepend=0.0)))
    shells = max(4, 4 * points // 5)
    return simulate(own, protocol, points=points, shells=shells, settings=settings, throw=False).voltage


@eqx.filter_jit
def stoichiometry(diffusivity: Array, radius: Array, points: int = 20) -> Array:
    """At the surface of a single particle, of which the kinetics are fast."""
    own = cell(Straight(1.0), particle_diffusivity=diffusivity, particle_radius=radius)
    return 4.0 - discharged(own, points)


D_R = (jnp.asarray(DIFFUSIVITY), jnp.asarray(RADIUS))


def test_sphere_under_constant_flux() -> None:
    """From before diffusion reaches a shell's width to a steady profile, of second order in the shells."""
    expected = np.asarray(surface(jnp.asarray(TIMES), *D_R)) - X0
    errors = np.abs([np.asarray(stoichiometry(*D_R, points)) - X0 - expected for points in (10, 20, 40)])
    assert np.all(errors[1] < 1.2e-4)
    # Later the profile is steady and exact on any grid, but for 7e-8 V of the kinetics.
    assert np.all(errors[:, -2:] < 3e-7)
    orders = np.log2(errors[:-1, :4] / errors[1:, :4])
    assert np.all(np.abs(orders - 2.0) < 0.2), orders


def test_derivatives_of_the_sphere() -> None:
    """By D and by R, at every time."""
    own = jax.jacfwd(lambda at: stoichiometry(*at, 40))(D_R)
    exact = jax.jacfwd(lambda at: surface(jnp.asarray(TIMES), *at))(D_R)
    for derivative, closed in zip(own, exact, strict=True):
        # Of second order in the shells: 1 % at 2 s, when diffusion is within the outermost six of them.
        np.testing.assert_allclose(derivative, closed, rtol=1.2e-2)
        np.testing.assert_allclose(derivative[3:], closed[3:], rtol=1.2e-3)


@pytest.mark.parametrize("shells", [2, 7, 64])
def test_modes_are_the_shells(shells: int) -> None:
    """Whatever state the shells are in, their modes change as they do, hold what they hold and end where they end."""
    volumes, conductances, modes = shell_volumes(shells), shell_conductances(shells), relaxation_modes(shells)
    x, at_surface = np.random.default_rng(shells).normal(size=shells), 0.7
    flux = conductances * (np.append(x[1:], at_surface) - x)
    y = np.linalg.solve(modes.shells, x)
    # The fastest mode is as many times faster than the slowest as rounding grows.
    close = {"rtol": 1e-9, "atol": 1e-12 * modes.rates[-1]}
    np.testing.assert_allclose(
        modes.shells @ (modes.rates * (at_surface - y)), (flux - np.append(0.0, flux[:-1])) / volumes, **close
    )
    np.testing.assert_allclose(modes.weights @ y, x[-1], rtol=1e-9)
    np.testing.assert_allclose(modes.shares @ y, volumes @ x, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(modes.shares * modes.rates, conductances[-1] * np.asarray(modes.weights), rtol=1e-12)
    np.testing.assert_allclose((sum(modes.weights), modes.shares.sum()), 1.0, rtol=1e-9)


def test_a_law_of_one_gives_the_same_voltages_without_modes() -> None:
    constant = TabulatedDiffusivity([0.1, 0.5, 0.9], [1.0, 1.0, 1.0])
    linear, shells = (
        4.0 - np.asarray(discharged(cell(Straight(1.0), diffusivity_law=law))) for law in (None, constant)
    )
    np.testing.assert_allclose(linear, shells, atol=1e-6)


class TestPorousElectrode:
    """Before anything fills up, at a small current, a cathode is the mixed conductor of blocking ends."""

    I0, SMALL = 10.0, 1e-3

    def settled(self, kappa: float, sigma: float, points: int) -> tuple[float, np.ndarray]:
        """Resistance [Ohm m2], and overpotential from the separator to the collector [V]."""
        own = cell(ConstantPotential(4.0), i0=self.I0, transport=CathodeTransport(kappa, sigma))
        protocol = Protocol.of(Step(Current(-self.SMALL), 1.0, points=1))
        solution = simulate(own, protocol, points=points, settings=FINE)
        at = solution.model.particles
        return (4.0 - float(solution.voltage[-1])) / self.SMALL, 4.0 + np.asarray(at.at(solution.state.field[-1]))

    @pytest.mark.parametrize(("kappa", "sigma"), [(0.05, 5.0), (0.05, 0.1)])
    def test_resistance_and_profile(self, kappa: float, sigma: float) -> None:
        slope = 3 * SHARE / RADIUS * f * self.I0 * 2 * np.sqrt(X0 * (1 - X0))
        S = 1 / kappa + 1 / sigma
        reach = 1 / np.sqrt(slope * S)
        nu = THICKNESS / reach
        assert nu > 2.0  # the reaction is not even
        mixed = (2 + (sigma / kappa + kappa / sigma) * np.cosh(nu)) / (nu * np.sinh(nu))
        expected = THICKNESS / (kappa + sigma) * (1 + mixed)
        runs = {points: self.settled(kappa, sigma, points) for points in (10, 20, 40)}
        errors = np.array([abs(resistance / expected - 1) for resistance, _ in runs.values()])
        assert errors[1] < 1e-2
        assert np.all(np.abs(np.log2(errors[:-1] / errors[1:]) - 2.0) < 0.2), errors
        # u = A cosh(x/l) + B sinh(x/l) with x from the collector: no ions leave there, and no electrons at the face.
        faces = 0.5 * THICKNESS * (1 - np.cos(np.pi * np.arange(41) / 40))
        x = np.flip(0.5 * (faces[1:] + faces[:-1]))
        A = reach * (1 / kappa + np.cosh(nu) / sigma) / np.sinh(nu)
        profile = self.SMALL * (A * np.cosh(x / reach) - reach / sigma * np.sinh(x / reach))
        np.testing.assert_allclose(runs[40][1], profile, rtol=5e-3)


ROWS = np.array([1e-3, 10.0, 1000.0])
"""[s]."""


def test_alloys_shift_the_voltage_by_their_potential() -> None:
    """At every current: an endless one by U, a finite one by its table at what it holds."""
    protocol = Protocol.of(Step(Current(CURRENT), 1.0, points=3), Step(Current(-3 * CURRENT), 1.0, points=3))
    protocol = eqx.tree_at(lambda p: p.duration, protocol, jnp.asarray(np.tile(np.diff(ROWS, prepend=0.0), 2)))
    kinetics = LithiumKinetics(30.0)
    numbers = {"kinetics": kinetics, "double_layer_capacitance": 0.0, "contact_resistance": 1e-4}
    table = TabulatedPotential([0.0, 0.2, 0.5, 0.8, 1.0], [0.9, 0.7, 0.62, 0.5, 0.1])
    plain = Interface(kinetics, double_layer_capacitance=0.0, contact_resistance=1e-4)
    counters = (
        LithiumElectrode(500e-6, plain),
        AlloyElectrode(**numbers, open_circuit=ConstantPotential(0.62)),
        AlloyElectrode(**numbers, open_circuit=table, capacity=1.2, initial_filling=0.4),
    )
    runs = [simulate(Cell(FOIL, sample_cells.separator(), one), protocol, settings=FINE) for one in counters]
    lithium, endless, finite = (np.asarray(run.voltage) for run in runs)
    assert np.ptp(lithium) > 0.03  # kinetics and resistance are seen
    np.testing.assert_allclose(lithium - endless, 0.62, atol=1e-8)
    # Charge, by its sign, strips the working electrode and fills the alloy.
    filling = 0.4 + np.cumsum(np.asarray(runs[2].charge)) / (F * 1.2)
    assert np.ptp(filling) > 0.3
    np.testing.assert_allclose(lithium - finite, np.asarray(table(jnp.asarray(filling))), atol=1e-7)


def test_third_order_in_time() -> None:
    """A particle whose outermost shell settles within some steps, on one grid of shells."""
    own = cell(Straight(0.3), i0=2.0, double_layer_capacitance=0.2)
    protocol = Protocol.of(Step(Current(-CURRENT), 40.0, points=2))

    def end(steps: int) -> float:
        plan = uniform_plan(2, steps).trimmed(1024)
        settings = Settings(1.0, 1.0, newton=sample_cells.SHARP)
        return float(simulate(own, protocol, points=5, plan=plan, settings=settings).voltage[-1])

    exact = end(512)
    errors = np.abs([end(steps) - exact for steps in (8, 16, 32, 64)])
    orders = np.log2(errors[:-1] / errors[1:])
    assert errors[-1] > 1e-11  # above rounding
    assert np.all(orders > 2.7), (errors, orders)
