"""Every loss against its closed form, in one bare symmetric cell that has them all with numbers that can be neutral."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells

from jaxcell import (
    Cell,
    Collector,
    ContactLoss,
    Current,
    DeadLithium,
    HeatBalance,
    Interface,
    Interphase,
    LithiumElectrode,
    LithiumKinetics,
    Pores,
    ProtectionLayer,
    Protocol,
    Separator,
    Settings,
    SoftShort,
    Solution,
    Step,
    lithium_ledger,
    plate,
    rest,
    simulate,
    strip,
)

F, R, T = sample_cells.F, sample_cells.R, sample_cells.T
POINTS = 10
FINE = Settings(1e-6, 1e-7, newton=sample_cells.SHARP)
I0 = 100.0
SEPARATOR = 5e-4
"""[Ohm m2]"""


def cell(**changes: float) -> Cell:
    """Nothing is lost unless `changes` say so; names are fields of the parts of both interfaces, or paths."""
    interface = Interface(
        LithiumKinetics(I0),
        interphase=Interphase(ambipolar_conductivity=1e-40, initial_thickness=1e-9, ionic_conductivity=1e3),
        dead_lithium=DeadLithium(0.0),
        contact_loss=ContactLoss(resistance=0.0, loss_per_charge=0.0, healing_rate=0.0),
    )
    foil = LithiumElectrode(100e-6, interface)
    separator = Separator(50e-6, 0.1, short=SoftShort(0.0, 1e-9))
    neutral = Cell(foil, separator, foil, heat_balance=HeatBalance(1e12, 0.0))
    neutral = sample_cells.activated(neutral, energy=0.0, temperature=T)
    paths = {}
    for name, value in changes.items():
        both = name.startswith(("interphase", "dead", "contact"))
        paths |= {f"{side}__interface__{name}": value for side in ("working", "counter")} if both else {name: value}
    return sample_cells.replace(neutral, **paths)


def run(own: Cell, current: float, duration: float) -> Solution:
    """Constant I [A m-2], positive plates the working electrode; one compiled program for all."""
    return simulate(own, Protocol.of(Step(Current(-current), duration, points=POINTS)), settings=FINE)


def row(solution: Solution, name: str, node: int) -> np.ndarray:
    return np.asarray(solution.state.node[:, solution.model.rows.index(name), node])


class TestInterphase:
    SIGMA, E_RED, V_INT, DELTA0, R_K = 1.2e-10, 1.7, 24.4e-6, 1e-9, 20.0

    def grown(self, reaction_resistance: float, days: float) -> tuple[Solution, np.ndarray]:
        own = cell(
            interphase__ambipolar_conductivity=self.SIGMA,
            interphase__reaction_resistance=reaction_resistance,
            interphase__ionic_conductivity=2e-5,
        )
        solution = run(own, 0.0, days * 86400.0)
        return solution, self.DELTA0 + self.V_INT * row(solution, "interphase", 0)

    def closed_form(self, time: np.ndarray, reaction_resistance: float) -> np.ndarray:
        linear = self.SIGMA * reaction_resistance
        parabolic = 2.0 * self.V_INT * self.SIGMA * self.E_RED / F
        return -linear + np.sqrt((self.DELTA0 + linear) ** 2 + parabolic * time)

    @pytest.mark.parametrize("reaction_resistance", [0.0, 20.0, 2000.0])
    def test_linear_parabolic_growth(self, reaction_resistance: float) -> None:
        solution, thickness = self.grown(reaction_resistance, 10.0)
        # At rest u is not quite zero: the foil dissolves at the rate of growth, u = -i_SEI/(i0 f), 1e-5 of E_red.
        np.testing.assert_allclose(
            thickness, self.closed_form(np.asarray(solution.time), reaction_resistance), rtol=5e-5
        )

    def test_default_numbers_grow_some_90_nm_in_the_first_day(self) -> None:
        default = Interphase()
        parabolic = 2.0 * default.molar_volume * default.ambipolar_conductivity * default.reduction_potential / F
        assert float(jnp.sqrt(parabolic * 86400.0)) == pytest.approx(93e-9, rel=0.05)

    def test_slope_of_one_half(self) -> None:
        solution, thickness = self.grown(0.0, 1000.0)
        slope = np.diff(np.log(thickness)) / np.diff(np.log(np.asarray(solution.time)))
        np.testing.assert_allclose(slope, 0.5, atol=1e-4)

    def test_at_rest_live_lithium_falls_by_what_the_interphase_takes(self) -> None:
        solution, _ = self.grown(0.0, 10.0)
        live = row(solution, "live", 0) + row(solution, "live", -1)
        taken = row(solution, "interphase", 0) + row(solution, "interphase", -1)
        np.testing.assert_allclose(-live, taken, rtol=1e-9)
        assert taken[-1] * F / 36000.0 > 0.05  # mAh cm-2
        assert np.all(np.abs(np.asarray(lithium_ledger(solution).imbalance)) < 1e-10)

    def test_its_ionic_resistance_is_in_the_voltage(self) -> None:
        own = cell(interphase__ionic_conductivity=2e-5, interphase__initial_thickness=200e-9)
        with_it, without = run(own, 1.0, 1.0), run(cell(), 1.0, 1.0)
        added = float(without.voltage[-1] - with_it.voltage[-1])
        assert added == pytest.approx(2 * 200e-9 / 2e-5, rel=1e-6)


class TestDeadLithium:
    def test_share_of_what_is_stripped(self) -> None:
        solution = run(cell(dead_lithium__per_stripped=0.02), -20.0, 3600.0)
        stripped = 20.0 * np.asarray(solution.time) / F
        np.testing.assert_allclose(row(solution, "dead", 0), 0.02 * stripped, rtol=1e-4)
        np.testing.assert_allclose(row(solution, "live", 0), -1.02 * stripped, rtol=1e-5)
        # The electrode that plates loses nothing.
        np.testing.assert_array_equal(row(solution, "dead", -1), 0.0)

    def test_dying_in_time_is_exponential(self) -> None:
        rate = 2e-7
        solution = run(cell(dead_lithium__rate=rate), 0.0, 1e6)
        start = 100e-6 / 13e-6
        expected = start * -np.expm1(-rate * np.asarray(solution.time))
        np.testing.assert_allclose(row(solution, "dead", 0), expected, rtol=1e-6)

    def test_at_rest_none_dies_of_stripping(self) -> None:
        solution = run(cell(dead_lithium__per_stripped=0.05), 0.0, 86400.0)
        np.testing.assert_array_equal(row(solution, "dead", 0), 0.0)

    def test_at_rest_none_dies_on_a_large_filler(self) -> None:
        pores = Pores(1e8, dead_lithium=DeadLithium(0.05))
        layer = ProtectionLayer(5e-6, 5e-3, top=None, pores=pores)
        own = Cell(LithiumElectrode(50e-6, layer=layer), Separator(50e-6, 0.24), LithiumElectrode(50e-6))
        solution = simulate(own, Protocol.of(plate(0.3, 0.1, points=1), rest(30 * 86400.0, points=2)), points=3)
        inside = np.asarray(solution.state.node)[:, :, 1:4].sum(2) * F / 36.0  # uAh cm-2
        live, dead = (inside[:, solution.model.rows.index(name)] for name in ("live", "dead"))
        assert live[-1] > 10.0
        # What moves as the layer settles dies at xi; dying at rest, by a corner with a tail, was a hundred times that.
        assert dead[-1] < 0.05 * 2.0


class TestContactLoss:
    KV, KH, CRITICAL, RESISTANCE = 2e-5, 3e-5, 10.0, 1e-3

    def solution(self, current: float, pressure: float = 5e6, **changes: float) -> Solution:
        own = cell(
            contact_loss__loss_per_charge=self.KV,
            contact_loss__healing_rate=self.KH,
            contact_loss__critical_current_density=self.CRITICAL,
            contact_loss__resistance=self.RESISTANCE,
            stack_pressure=pressure,
            **changes,
        )
        return run(own, current, 3600.0)

    @pytest.mark.parametrize(("current", "pressure"), [(-30.0, 5e6), (-60.0, 10e6)])
    def test_voids_grow_above_the_critical_current(self, current: float, pressure: float) -> None:
        solution = self.solution(current, pressure)
        relative = pressure / 5e6
        loss, healing = self.KV * (-current - self.CRITICAL * relative), self.KH * relative
        time, both = np.asarray(solution.time), loss + healing
        lost = loss / both * -np.expm1(-both * time)
        np.testing.assert_allclose(row(solution, "contact", 0), -np.log1p(-lost), rtol=1e-5)
        # R_c/chi and i0 chi at the stripping side, R_c and i0 at the other.
        contact = self.RESISTANCE * relative**-0.5
        thermal = R * T / F
        expected = (
            -current * (SEPARATOR + contact / (1.0 - lost) + contact)
            + 2 * thermal * np.arcsinh(-current / (2 * I0 * (1.0 - lost)))
            + 2 * thermal * np.arcsinh(-current / (2 * I0))
        )
        np.testing.assert_allclose(np.asarray(solution.voltage), expected, rtol=1e-5)

    def test_voltage_with_a_hundredth_of_the_contact_left(self) -> None:
        """At the settings of every day, where 1e-4 V is what a step may be wrong by."""
        i0, current, rate, resistance = 10.0, 50.0, 3e-5, 1e-4
        worn = ContactLoss(resistance, loss_per_charge=rate, healing_rate=0.0)
        stripped = LithiumElectrode(100e-6, Interface(LithiumKinetics(i0), contact_loss=worn))
        own = Cell(stripped, Separator(50e-6, 0.1), LithiumElectrode(100e-6, Interface(LithiumKinetics(i0))))
        solution = simulate(own, Protocol.of(strip(5.0, 5.0, points=12)))
        y = rate * (current - 10.0) * np.asarray(solution.time)
        assert np.exp(-y[-1]) < 0.015
        thermal = R * T / F
        expected = (
            current * (SEPARATOR + resistance * np.exp(y))
            + 2 * thermal * np.arcsinh(current / (2 * i0 * np.exp(-y)))
            + 2 * thermal * np.arcsinh(current / (2 * i0))
        )
        np.testing.assert_allclose(solution.voltage, expected, rtol=0.0, atol=2e-5)

    def test_below_it_contact_stays(self) -> None:
        assert np.all(row(self.solution(-5.0), "contact", 0) < 1e-4)

    def test_plating_side_keeps_its_contact(self) -> None:
        assert np.all(row(self.solution(-60.0), "contact", -1) < 1e-4)


class TestSoftShort:
    def test_divides_the_current(self) -> None:
        conductance = 500.0
        # Half of the conductance is there after 1e-9 mol m-2: a constant resistor beside the separator.
        own = cell(separator__short__conductance=conductance)
        solution = run(own, 5.0, 1000.0)
        ions = np.asarray(5.0 - solution.state.shared[:, 0])
        thermal = R * T / F
        across = ions * SEPARATOR + 4 * thermal * np.arcsinh(ions / (2 * I0))
        np.testing.assert_allclose(-np.asarray(solution.voltage), across, rtol=1e-6)
        np.testing.assert_allclose(np.asarray(solution.state.shared[:, 0]), conductance * across, rtol=1e-6)
        # Only ions move lithium.
        np.testing.assert_allclose(row(solution, "live", 0), ions * np.asarray(solution.time) / F, rtol=1e-5)
        assert np.all(np.abs(np.asarray(lithium_ledger(solution).imbalance)) < 1e-10)

    def test_grows_with_the_lithium_at_the_separator(self) -> None:
        own = cell(separator__short__conductance=500.0, separator__short__half_capacity=0.05)
        solution = run(own, 5.0, 3600.0)
        x = row(solution, "live", 0) / 0.05
        expected = 500.0 * x**2 / (1 + x**2) * -np.asarray(solution.voltage)
        # At the other face lithium is stripped, and no short begins there.
        np.testing.assert_allclose(np.asarray(solution.state.shared[:, 0]), expected, rtol=1e-4)
        assert x[-1] > 2.0

    def test_there_is_none_without_lithium(self) -> None:
        collector = Collector(Interface(), initial_potential=-2.5)
        own = Cell(collector, Separator(50e-6, 0.24, short=SoftShort(1.0)), LithiumElectrode(50e-6))
        solution = simulate(own, Protocol.of(rest(250.0, points=2)))
        np.testing.assert_allclose(solution.voltage, 2.5, atol=1e-3)


class TestHeatBalance:
    def test_warms_to_the_steady_state(self) -> None:
        capacity, transfer = 500.0, 2.0
        own = cell(heat_balance__heat_capacity=capacity, heat_balance__heat_transfer=transfer)
        solution = run(own, 60.0, 1000.0)
        rise = np.asarray(solution.state.shared[:, -1])
        power = 60.0 * -float(solution.voltage[-1])
        # Warming changes RT/F, hence the voltage, by half a per cent.
        expected = power / transfer * -np.expm1(-transfer / capacity * np.asarray(solution.time))
        np.testing.assert_allclose(rise, expected, rtol=1e-2)
        assert rise[-1] > 1.0

    @pytest.mark.slow  # its derivative compiles for two minutes
    def test_derivative_by_the_heat_transfer(self) -> None:
        def rise(transfer):
            own = cell(heat_balance__heat_capacity=500.0, heat_balance__heat_transfer=transfer)
            return run(own, 60.0, 1000.0).state.shared[-1, -1]

        size = 1e-4
        difference = (rise(2.0 + size) - rise(2.0 - size)) / (2 * size)
        # Both runs choose steps of their own, to 1e-6.
        assert float(jax.grad(rise)(jnp.asarray(2.0))) == pytest.approx(float(difference), rel=1e-3)

    def test_activated_numbers_follow_the_temperature(self) -> None:
        energy = 0.4 * F
        own = cell(separator__activation_energy=energy, heat_balance__heat_capacity=50.0)
        solution = run(own, 60.0, 100.0)
        final = T + float(solution.state.shared[-1, -1])
        factor = np.exp(energy / R * (1 / T - 1 / final))
        expected = 60.0 * SEPARATOR / factor + 4 * R * final / F * np.arcsinh(60.0 / (2 * I0))
        assert final > T + 3.0
        assert -float(solution.voltage[-1]) == pytest.approx(expected, rel=1e-5)
