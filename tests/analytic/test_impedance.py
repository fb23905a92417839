"""Impedance in its limits: interfaces, transmission lines, diffusion; against a sine in time and a steady current."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array
from jaxtyping import Float

from jaxcell import (
    BinarySalt,
    Cell,
    Collector,
    CompositeCathode,
    Film,
    GrainBoundary,
    HeatBalance,
    IntercalationKinetics,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    OpenCircuitPotential,
    OperatingPoint,
    Pores,
    ProtectionLayer,
    Rig,
    Separator,
    Settings,
    SoftShort,
    assemble,
    impedance,
    replay,
    simulate,
    total_area_specific_resistance,
)
from jaxcell.component import quantity
from jaxcell.units import Quantity, from_mah_cm2, from_ohm_cm2, from_s_cm

F, THERMAL = sample_cells.F, sample_cells.THERMAL
FREQUENCIES = np.logspace(6, -3, 28)
S = 2j * np.pi * FREQUENCIES
FAST = Interface(LithiumKinetics(1e6), double_layer_capacitance=0.0)
EPSILON_0 = 8.8541878188e-12


def zarc(resistance: float, capacitance: float, exponent: float = 1.0) -> Any:
    return resistance / (1.0 + (S * resistance * capacitance) ** exponent)


def foil(**changes: Any) -> Interface:
    return sample_cells.interface(10.0, **changes)


def test_an_exponent_of_no_film_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Interface\.film_exponent needs a film: give film_resistance \[Ohm m2\]"):
        Interface(film_exponent=0.8)


def test_interfaces_and_separator_in_series() -> None:
    spectrum = impedance(sample_cells.bare(), FREQUENCIES)
    interface = 1e-4 + zarc(THERMAL / 10.0, 0.2) + zarc(5e-4, 0.01)
    np.testing.assert_allclose(spectrum.impedance, 2.0 * interface + 50e-6 / 0.24, rtol=1e-12)
    np.testing.assert_allclose(spectrum.parts["working, bottom interface"], interface, rtol=1e-12)
    np.testing.assert_allclose(spectrum.parts["counter, bottom interface"], interface, rtol=1e-12)
    np.testing.assert_allclose(spectrum.parts["separator"], 50e-6 / 0.24, rtol=1e-12)
    assert np.all(np.asarray(spectrum.impedance).imag < 0.0)
    # Lithium at rest stays at rest.
    np.testing.assert_array_equal(spectrum.drift, 0.0)
    assert spectrum.perturbed == ("potentials", "live", "films")
    assert list(spectrum.to_dataframe().columns[:3]) == ["Frequency / Hz", "Real / Ohm cm2", "Imaginary / Ohm cm2"]


def test_constant_phase_elements_grain_boundaries_and_rig() -> None:
    own = foil(double_layer_exponent=0.8, film_exponent=0.7)
    ceramic = Separator(
        1e-3,
        from_s_cm(5e-4),
        from_ohm_cm2(1.0),
        grain_boundary=GrainBoundary(2e-3, 1e-5, 0.9),
        relative_permittivity=50.0,
    )
    cell = Cell(LithiumElectrode(50e-6, own), ceramic, LithiumElectrode(50e-6, foil()))
    spectrum = impedance(cell, FREQUENCIES, rig=Rig(1e-10, 2e-5))
    double_layer = S * 0.2 * (S / (2.0 * np.pi * 1e3)) ** (0.8 - 1.0)
    working = 1e-4 + 1.0 / (10.0 / THERMAL + double_layer) + zarc(5e-4, 0.01, 0.7)
    expected = {
        "working, bottom interface": working,
        "counter, bottom interface": 1e-4 + zarc(THERMAL / 10.0, 0.2) + zarc(5e-4, 0.01),
        "separator": zarc(1e-3 / 0.05, EPSILON_0 * 50.0 / 1e-3),
        "grain boundaries": zarc(2e-3, 1e-5, 0.9),
        "rig": 1e-4 + 2e-5 + S * 1e-10,
    }
    assert set(spectrum.parts) == set(expected)
    for name, part in expected.items():
        np.testing.assert_allclose(spectrum.parts[name], part, rtol=1e-11, err_msg=name)
    np.testing.assert_allclose(spectrum.impedance, sum(expected.values()), rtol=1e-11)
    # In time a grain boundary is an ohmic resistance, and an exponent nothing.
    step = replay(np.array([0.0, 1e-9]), np.array([-0.1, -0.1]))
    plain = eqx.tree_at(lambda c: c.separator.grain_boundary, cell, None)
    higher = simulate(cell, step).voltage - simulate(plain, step).voltage
    np.testing.assert_allclose(higher, -0.1 * 2e-3, rtol=1e-9)


def test_a_short_beside_a_separator_with_capacitances() -> None:
    ceramic = Separator(
        1e-3,
        0.05,
        short=SoftShort(30.0, from_mah_cm2(1.0)),
        grain_boundary=GrainBoundary(2e-3, 1e-5, 0.9),
        relative_permittivity=50.0,
    )
    cell = Cell(LithiumElectrode(50e-6, foil()), ceramic, LithiumElectrode(50e-6, foil()))
    # As much lithium at both faces of the separator as half of it needs to conduct.
    model, half = assemble(cell), from_mah_cm2(1.0)
    state = model.initial_state
    state = state._replace(node=state.node.at[0].add(half * model.faces))
    spectrum = impedance(cell, FREQUENCIES, OperatingPoint(state, jnp.zeros(())))
    interface = 1e-4 + zarc(THERMAL / 10.0, 0.2) + zarc(5e-4, 0.01)
    ions = 2.0 * interface + zarc(0.02, EPSILON_0 * 50.0 / 1e-3) + zarc(2e-3, 1e-5, 0.9)
    electrons = 1.0 / (2.0 * 0.5 * 30.0)
    np.testing.assert_allclose(spectrum.impedance, 1.0 / (1.0 / ions + 1.0 / electrons), rtol=1e-11)
    # Each branch by the square of its share of the current.
    share = electrons / (ions + electrons)
    np.testing.assert_allclose(spectrum.parts["short"], electrons * (1.0 - share) ** 2, rtol=1e-10)
    np.testing.assert_allclose(spectrum.parts["working, bottom interface"], interface * share**2, rtol=1e-10)


def layered() -> LithiumElectrode:
    """Bottom and top both take part at rest once the top has lithium; every capacitance has an exponent of its own."""
    top = Interface(
        LithiumKinetics(15.0),
        film_resistance=3e-4,
        film_capacitance=0.02,
        contact_resistance=1e-4,
        double_layer_exponent=0.85,
        film_exponent=0.9,
    )
    layer = ProtectionLayer(
        5e-6,
        5e-3,
        1e-2,
        top=top,
        separator_film=Film(2e-4, 0.01, exponent=0.8),
        electronic_contact_resistance=5e-5,
    )
    return LithiumElectrode(50e-6, foil(double_layer_exponent=0.95), layer)


def nucleated(cell: Cell) -> OperatingPoint:
    """At rest, with lithium at every face of the separator."""
    model = assemble(cell)
    state = model.initial_state
    return OperatingPoint(state._replace(node=state.node.at[0].add(model.faces)), jnp.zeros(()))


def constant_phase(exponent: float) -> Any:
    """Admittance of 0.2 F m-2 at 1 kHz."""
    return S * 0.2 * (S / (2.0 * np.pi * 1e3)) ** (exponent - 1.0)


def test_parts_of_a_current_divider() -> None:
    bare = LithiumElectrode(50e-6, foil(film_exponent=0.75))
    cell = Cell(layered(), Separator(50e-6, 0.24), bare)
    spectrum = impedance(cell, FREQUENCIES, nucleated(cell))
    bottom = 1e-4 + 1.0 / (10.0 / THERMAL + constant_phase(0.95)) + zarc(5e-4, 0.01)
    top = 1e-4 + 1.0 / (15.0 / THERMAL + constant_phase(0.85)) + zarc(3e-4, 0.02, 0.9)
    ions, film, electrons, contact = 5e-6 / 5e-3, zarc(2e-4, 0.01, 0.8), 5e-6 / 1e-2, 5e-5
    # Electrons that plate at the top cross the layer; ions that plate at the bottom do.
    down = (top + electrons + contact) / (bottom + ions + film + top + electrons + contact)
    expected = {
        "working, bottom interface": bottom * down**2,
        "working, layer, ions": ions * down**2,
        "working, separator film": film * down**2,
        "working, layer, electrons": electrons * (1.0 - down) ** 2,
        "working, contact": contact * (1.0 - down) ** 2,
        "working, top interface": top * (1.0 - down) ** 2,
        "separator": 50e-6 / 0.24,
        "counter, bottom interface": 1e-4 + zarc(THERMAL / 10.0, 0.2) + zarc(5e-4, 0.01, 0.75),
        "rig": 0.0,
    }
    assert set(spectrum.parts) == set(expected)
    for name, part in expected.items():
        own = np.broadcast_to(part, S.shape)
        np.testing.assert_allclose(spectrum.parts[name], own, rtol=1e-10, atol=1e-18, err_msg=name)
    # As the counter electrode the same layer is the same.
    turned = Cell(bare, Separator(50e-6, 0.24), layered())
    other = impedance(turned, FREQUENCIES, nucleated(turned))
    np.testing.assert_allclose(other.impedance, spectrum.impedance, rtol=1e-12)
    for name, part in spectrum.parts.items():
        swapped = name.replace("working", "other").replace("counter", "working").replace("other", "counter")
        np.testing.assert_allclose(other.parts[swapped], part, rtol=1e-10, atol=1e-18, err_msg=name)


def blocking(points: int, thickness: float = 20e-6) -> Array:
    nothing = LithiumKinetics(1e-12)
    pores = Pores(1e7, kinetics=nothing, double_layer_capacitance=0.1)
    layer = ProtectionLayer(thickness, 1e-3, 1e6, top=None, pores=pores)
    collector = Collector(Interface(nothing, double_layer_capacitance=0.0), layer)
    cell = Cell(collector, Separator(50e-6, 0.24), LithiumElectrode(50e-6, FAST))
    spectrum = impedance(cell, FREQUENCIES, points=points)
    return spectrum.parts["working, layer, ions"] + spectrum.parts["working, pores"]


def test_blocking_transmission_line() -> None:
    resistance, capacitance = 20e-6 / 1e-3, 1e7 * 20e-6 * 0.1
    slow = 2.0 * np.pi * FREQUENCIES * resistance * capacitance < 10.0
    root = np.sqrt(S * resistance * capacitance)
    expected = (resistance / root / np.tanh(root))[slow]
    coarse, fine = (np.asarray(blocking(points))[slow] for points in (20, 40))
    error, less = (np.max(np.abs(found / expected - 1.0)) for found in (coarse, fine))
    assert error < 3e-3
    # Of second order.
    assert less < 0.3 * error
    np.testing.assert_allclose(fine[-1].real, resistance / 3.0, rtol=1e-3)
    np.testing.assert_allclose(fine[-1].imag, -1.0 / (2.0 * np.pi * FREQUENCIES[-1] * capacitance), rtol=1e-6)


SALT = BinarySalt(1000.0, 0.3, 1e-10, porosity=0.5, thermodynamic_factor=1.2)


def salted() -> Cell:
    electrode = LithiumElectrode(50e-6, foil())
    return Cell.symmetric(electrode, Separator(50e-6, 0.24, salt=SALT))


def warburg() -> Any:
    """Both halves of a salt between lithium: R_D tanh(root)/root, root = sqrt(j omega eps (L/2)^2/D)."""
    steady = 2.0 * THERMAL * 0.7 * 1.2 * 0.7 * 50e-6 / (F * 1e-10 * 1000.0)
    root = np.sqrt(S * 0.5 * (25e-6) ** 2 / 1e-10)
    return steady * np.tanh(root) / root


def test_transmissive_diffusion_of_a_salt() -> None:
    spectrum = impedance(salted(), FREQUENCIES, points=80)
    slow = FREQUENCIES < 10.0
    found = np.asarray(spectrum.parts["separator"]) - 50e-6 / 0.24
    np.testing.assert_allclose(found[slow], warburg()[slow], rtol=2e-3)


class Straight(OpenCircuitPotential):
    """U = 4 - slope x."""

    slope: Quantity = quantity("V")

    def __call__(self, stoichiometry: Float[Array, "..."]) -> Float[Array, "..."]:
        return 4.0 - self.slope * stoichiometry


def test_reflective_diffusion_in_a_sphere() -> None:
    radius, diffusivity, most, thickness, share = 5e-6, 1e-14, 5e4, 50e-6, 0.5
    kinetics = IntercalationKinetics(2.0)
    cathode = CompositeCathode(thickness, share, radius, most, 0.5, diffusivity, Straight(0.7), kinetics)
    cell = Cell(LithiumElectrode(500e-6, FAST), Separator(50e-6, 0.24), cathode)
    spectrum = impedance(cell, FREQUENCIES, shells=64)
    area = 3.0 * share / radius * thickness
    root = np.sqrt(S * radius**2 / diffusivity)
    sphere = 0.7 * radius / (F * most * diffusivity) * np.tanh(root) / (root - np.tanh(root))
    expected = 1.0 / (S * area * 0.2 + area / (THERMAL / 2.0 + sphere))
    np.testing.assert_allclose(spectrum.parts["cathode, particles"], expected, rtol=2e-3)
    slowest = impedance(cell, [1e-7], shells=64).impedance[0]
    capacity = F * most * share * thickness / 0.7 + 0.2 * area
    np.testing.assert_allclose(slowest.imag * 2e-7 * np.pi, -1.0 / capacity, rtol=1e-6)


def test_slow_limit_is_the_slope_of_a_steady_current() -> None:
    cell, small = salted(), 1e-3
    time = np.array([0.0, 1.0, 1e3, 2e4])
    settings = Settings(rtol=1e-7, atol=1e-9, newton=sample_cells.SHARP)
    steady = simulate(cell, replay(time, np.full(4, -small)), points=10, settings=settings)
    found = impedance(cell, [1e-6], points=10).impedance[0]
    np.testing.assert_allclose(found.real, steady.voltage[-1] / -small, rtol=1e-6)
    np.testing.assert_allclose(found.real, total_area_specific_resistance(cell), rtol=1e-6)
    assert abs(found.imag) < 1e-4 * found.real


PER_PERIOD, PERIODS = 16, 6


def diffusive() -> Cell:
    return Cell.symmetric(LithiumElectrode(50e-6, FAST), Separator(50e-6, 0.24, salt=SALT))


@pytest.mark.parametrize(
    ("build", "period", "reach"),
    [(diffusive, 20.0, 1000), (sample_cells.bare, 0.02, 100000)],
    ids=["diffusion", "interfaces"],
)
def test_against_a_sine_in_time(build: Callable[[], Cell], period: float, reach: int) -> None:
    # A staircase of 16 steps a period; the harmonics n = 1 + 16 m all look like the first to 16 samples. The sum runs
    # to where the arcs have ended.
    cell, small = build(), 0.05
    k = np.arange(PER_PERIOD * PERIODS + 1)
    current = small * np.cos(2.0 * np.pi * k / PER_PERIOD)
    settings = Settings(rtol=1e-6, atol=1e-10, max_steps=16384, newton=sample_cells.SHARP)
    solution = simulate(cell, replay(k * period / PER_PERIOD, current), points=6, settings=settings)
    last = slice(-PER_PERIOD, None)
    phase = np.exp(-2j * np.pi * np.arange(PER_PERIOD) / PER_PERIOD)
    voltage, passed = (np.asarray(rows)[last] for rows in (solution.voltage, solution.current_density))
    found = np.sum(phase * voltage) / np.sum(phase * passed)
    n = 1 + PER_PERIOD * np.arange(-reach, reach + 1)
    fastest = float(impedance(cell, [1e12], points=6).impedance[0].real)
    relative = np.asarray(impedance(cell, np.abs(n) / period, points=6).impedance) - fastest
    relative = np.where(n < 0, relative.conj(), relative)
    turn = 2j * np.pi * n / PER_PERIOD
    expected = fastest + np.sum(relative * np.expm1(turn) / turn)
    # The steps' tolerance, and what is left of the start after five periods.
    np.testing.assert_allclose(found, expected, rtol=3e-5)


def test_drift_under_bias_is_that_of_a_run() -> None:
    cell = sample_cells.full(transport=None)
    time = np.array([0.0, 600.0, 620.0])
    solution = simulate(cell, replay(time, np.full(3, 20.0)), shells=8)
    spectrum = impedance(cell, [1e3, 1.0 / 20.0], solution.state_at(0), shells=8)
    assert float(spectrum.current_density) == 20.0
    np.testing.assert_allclose(spectrum.voltage, solution.voltage[0], rtol=1e-9)
    # One Euler step of 20 s for the curve of the run.
    np.testing.assert_allclose(spectrum.drift[1], solution.voltage[1] - solution.voltage[0], rtol=0.05)
    assert abs(spectrum.drift[0]) < 1e-4 * abs(spectrum.drift[1])
    assert "particles" in spectrum.perturbed


def test_many_cells_at_once_and_under_jit() -> None:
    kappa = jnp.asarray([0.1, 0.2, 0.4])

    def of(value: Array) -> Array:
        return impedance(
            sample_cells.replace(sample_cells.bare(), separator__ionic_conductivity=value), [1e3]
        ).impedance

    found = jax.jit(jax.vmap(of))(kappa)[:, 0]
    np.testing.assert_allclose(jnp.real(found)[0] - jnp.real(found), 50e-6 / 0.1 - 50e-6 / kappa, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frequencies": [1.0, -2.0]}, r"frequencies must be finite and above 0 \[Hz\], but one of them is -2 Hz"),
        ({"frequencies": 3.0}, "frequencies must be one row of numbers"),
        ({"frequencies": [1.0], "current_density": np.nan}, "current_density must be None or one finite number"),
        ({"frequencies": [1.0], "current_density": [1.0, 2.0]}, r"one finite number \[A m-2\], but is \[1.0, 2.0\]"),
    ],
)
def test_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        impedance(sample_cells.bare(), **arguments)


def test_states_of_another_cell_and_empty_rows_are_refused() -> None:
    solution = simulate(sample_cells.bare(), replay(np.array([0.0, 1.0]), np.array([0.1, 0.1])))
    with pytest.raises(ValueError, match="state must be one of this cell with points=4"):
        impedance(sample_cells.symmetric(), [1.0], solution.state_at(0), points=4)
    for row in (2, -3, 10**6):
        with pytest.raises(ValueError, match="row must be None or a whole number from -"):
            solution.state_at(row)
    failed = eqx.tree_at(lambda s: s.voltage, solution, solution.voltage * jnp.nan)
    with pytest.raises(ValueError, match="row must be one that holds a result"):
        failed.state_at(0)
    with pytest.raises(ValueError, match="relative_permittivity"):
        Separator(50e-6, 0.24, salt=SALT, relative_permittivity=10.0)


def test_self_heating_under_bias() -> None:
    """Two reactions, a separator and one temperature, by hand: Z, drift, and a part that is not its resistance."""
    energy, activation, heat, loss, start, resistance = 3.4e4, 5e4, 300.0, 2.0, 300.0, 50e-6 / 0.24
    foils = [
        LithiumElectrode(80e-6, Interface(LithiumKinetics(i0, activation_energy=activation))) for i0 in (10.0, 25.0)
    ]
    separator = Separator(50e-6, 0.24, activation_energy=energy)
    cell = Cell(foils[0], separator, foils[1], start, heat_balance=HeatBalance(heat, loss))
    point = simulate(cell, replay(np.array([0.0, 100.0]), np.full(2, -150.0))).state_at(0)

    def laws(y: Any, current: Any) -> tuple[Any, Any]:
        kelvin = start + y[2]
        rise = (1.0 / 298.15 - 1.0 / kelvin) / 8.314462618
        half = 0.5 * F / (8.314462618 * kelvin)
        reaction = [i0 * np.exp(activation * rise) * 2.0 * np.sinh(half * u) for i0, u in ((10.0, y[0]), (25.0, y[1]))]
        voltage = y[0] - y[1] + current * resistance * np.exp(-energy * rise)
        power = voltage * current - loss * y[2]
        return np.array([(current - reaction[0]) / 0.2, (-current - reaction[1]) / 0.2, power / heat]), voltage

    y, small = np.array([point.state.field[0], point.state.field[-1], point.state.shared[-1]]), 1e-30
    moved = [laws(y + 1j * small * row, 150.0) for row in np.eye(3)]
    jacobian = np.stack([rates.imag for rates, _ in moved], axis=1) / small
    row = np.array([voltage.imag for _, voltage in moved]) / small
    push, direct = (part.imag / small for part in laws(y + 0j, 150.0 + 1j * small))
    frequency = np.logspace(3, -5, 9)
    expected = [direct + row @ np.linalg.solve(2j * np.pi * f * np.eye(3) - jacobian, push) for f in frequency]
    drifted = [-row @ np.linalg.solve(f * np.eye(3) - jacobian, laws(y, 150.0)[0]) for f in frequency]
    spectrum = impedance(cell, frequency, point)
    np.testing.assert_allclose(spectrum.impedance, expected, rtol=1e-9)
    np.testing.assert_allclose(spectrum.drift, drifted, rtol=1e-5)
    np.testing.assert_allclose(sum(spectrum.parts.values()), expected, rtol=1e-9)
    # At 1 kHz the separator's resistance; at 10 uHz less than half of it, since it warms.
    own = resistance * np.exp(-energy * (1.0 / 298.15 - 1.0 / (start + y[2])) / 8.314462618)
    np.testing.assert_allclose(spectrum.parts["separator"][0], own, rtol=1e-5)
    assert spectrum.parts["separator"][-1].real < 0.5 * own
