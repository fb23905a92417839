"""What may not be built says so: the argument, its value, its unit and what was expected."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jaxtyping import TypeCheckError

from jaxcell import (
    BinarySalt,
    Cell,
    Collector,
    Current,
    Interface,
    Interphase,
    LithiumElectrode,
    LithiumKinetics,
    MarcusHushChidseyKinetics,
    Nucleation,
    Pores,
    ProtectionLayer,
    Protocol,
    Separator,
    Settings,
    Step,
    plate,
    replay,
    rest,
    simulate,
    strip,
)
from jaxcell.component import Component
from jaxcell.solver.schedule import uniform_plan

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: LithiumElectrode(-1e-6),
            r"LithiumElectrode.lithium_thickness must be .*above 0 .*\[m\], .* -1e-06 m",
        ),
        (lambda: LithiumElectrode(0.0), r"lithium_thickness must be .*above 0"),
        (lambda: LithiumElectrode(20.0), r"lithium_thickness must be .*at most 0.05 \[m\], but is 20 m"),
        (lambda: LithiumElectrode(NAN), r"lithium_thickness .* is nan"),
        (lambda: LithiumElectrode(INF), r"lithium_thickness .* is inf"),
        (lambda: ProtectionLayer(5e-6, -1.0), r"ProtectionLayer.ionic_conductivity .*\[S m-1\]"),
        (lambda: ProtectionLayer(5e-6, 5e-3, 0.0), r"ProtectionLayer.electronic_conductivity .*above 0"),
        (lambda: Separator(50e-6, 0.24, -1e-4), r"Separator.series_resistance .*at least 0 \[Ohm m2\]"),
        (lambda: LithiumKinetics(0.0), r"exchange_current_density .*\[A m-2\]"),
        (lambda: LithiumKinetics(1.0, 2.5), r"cathodic_transfer_coefficient .*above 0 and at most 2"),
        (lambda: Interface(double_layer_capacitance=-0.1), r"double_layer_capacitance .*\[F m-2\]"),
        (lambda: Pores(1e6, 1.5), r"Pores.porosity .*at most 1"),
        (lambda: Nucleation(-0.01), r"Nucleation.overpotential .*\[V\]"),
        (lambda: Collector(Interface(), None, 0.7), r"Collector.initial_potential .*at most 0.5"),
        (lambda: Step(Current(1.0), 0.0), r"Step.duration .*above 0 \[s\]"),
        (lambda: Step(Current(1.0), -5.0), r"Step.duration .* is -5 s"),
        (lambda: Step(Current(NAN), 1.0), r"Current.current_density must be a finite number \[A m-2\], but is nan"),
        (lambda: rest(NAN), r"Step.duration"),
        (lambda: plate(0.0, 1.0), r"current_density_ma_cm2 must be a finite number above 0 \[mA cm-2\]"),
        (lambda: plate(-1.0, 1.0), r"current_density_ma_cm2"),
        (lambda: strip(1.0, NAN), r"capacity_mah_cm2 .*\[mAh cm-2\]"),
        (lambda: strip(1.0, INF), r"capacity_mah_cm2"),
    ],
)
def test_numbers_out_of_range(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("value", ["5 um", None, True, b"1", [1.0, "x"]])
def test_not_numbers(value) -> None:
    with pytest.raises(ValueError, match=r"Separator.thickness must be a finite number above 0 .*\[m\], but is"):
        Separator(value, 0.24)


@pytest.mark.parametrize("value", [[1e-6, 2e-6], np.ones((1,)), jnp.ones((2, 2))])
def test_wrong_shapes(value) -> None:
    with pytest.raises(ValueError, match=r"Separator.thickness must be one number \[m\], but has shape"):
        Separator(value, 0.24)


class Pair(Component):
    """Built like a cell, but in a module whose types are not checked at run time."""

    working: LithiumElectrode | Collector
    separator: Separator
    layer: ProtectionLayer | None = None


def test_parts_in_the_wrong_order_are_told_the_order() -> None:
    separator, foil = sample_cells.separator(), LithiumElectrode(50e-6)
    message = (
        "Pair.working must be LithiumElectrode or Collector, but is of class Separator; "
        "the order is Pair(working, separator)."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Pair(separator, foil)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"^Pair.layer must be ProtectionLayer or None, but is 3.0.$"):
        Pair(foil, separator, 3.0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"lithium_thickness must be .* \[m\], but is of class Separator\.$"):
        LithiumElectrode(separator)


@pytest.mark.parametrize("side", ["working", "counter"])
def test_a_liquid_junction_is_refused(side: str) -> None:
    separator = Separator(30e-6, 0.5, salt=BinarySalt(1000.0))
    foil = LithiumElectrode(50e-6)
    layered = LithiumElectrode(50e-6, layer=sample_cells.layer(salt=BinarySalt(800.0)))
    message = rf"Cell.{side}.layer.salt.concentration must be .*Cell.separator.salt, 1000 mol m-3, but is 800 mol m-3"
    ends = (layered, foil) if side == "working" else (foil, layered)
    with pytest.raises(ValueError, match=message):
        Cell(ends[0], separator, ends[1])
    # Without a salt between them they do not meet.
    Cell(layered, Separator(30e-6, 0.5), foil)
    cathode = sample_cells.cathode(salted=True)
    with pytest.raises(ValueError, match=r"Cell.counter.transport.salt.concentration .* 1200 mol m-3, but is 1000 mol"):
        Cell(foil, Separator(30e-6, 0.5, salt=BinarySalt(1200.0)), cathode)


def test_depletion_capacity_too_large_for_the_barrier() -> None:
    with pytest.raises(ValueError, match=r"depletion_capacity must be at most 1/50 of nucleation_capacity \(0.001 mol"):
        Nucleation(0.04, 1e-3, 1e-4)
    Nucleation(0.04, 1e-3, 1e-3 / 50)


def test_a_nucleation_capacity_of_the_wrong_kind_is_refused_by_its_own_check() -> None:
    with pytest.raises(ValueError, match=r"Nucleation.nucleation_capacity must be a finite number"):
        Nucleation(0.04, "10 uAh")


def test_values_under_a_transformation_are_let_through() -> None:
    def thickness(x):
        return LithiumElectrode(x).initial_lithium

    assert float(jax.grad(thickness)(jnp.asarray(-1.0))) == pytest.approx(1 / 13.0e-6)


@pytest.mark.parametrize("points", [0, -1, 2.5, "10"])
def test_points_of_a_step(points) -> None:
    # A wrong type is caught first where types are checked at run time.
    with pytest.raises((ValueError, TypeCheckError), match=r"points"):
        Step(Current(1.0), 1.0, points=points)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Protocol.of(), r"at least one step"),
        (lambda: Protocol.of(rest(1.0), repeat=0), r"repeat must be a whole number of at least 1, but is 0"),
        (lambda: replay([0.0, 1.0, 2.0], [1.0, 1.0]), r"equally long .* shapes \(3,\) and \(2,\)"),
        (lambda: replay([0.0], [1.0]), r"at least 2 rows"),
        (lambda: replay(np.zeros((2, 2)), np.zeros((2, 2))), r"one-dimensional"),
        (lambda: replay([0.0, 2.0, 1.0], [1.0] * 3), r"time must increase, but row 2 is 1 s after 2 s"),
        (lambda: replay([0.0, 1.0, 1.0], [1.0] * 3), r"time must increase, but row 2"),
        (lambda: replay([0.0, NAN, 1.0], [1.0] * 3), r"time must be finite \[s\], but row 1 is nan"),
        (lambda: replay([0.0, 1.0], [1.0, INF]), r"current_density must be finite \[A m-2\], but row 1 is inf"),
    ],
)
def test_protocols(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_simulate_refuses_what_it_cannot_run() -> None:
    protocol = Protocol.of(rest(1.0))
    with pytest.raises((ValueError, TypeCheckError), match=r"cell"):
        simulate("a cell", protocol)
    with pytest.raises((ValueError, TypeCheckError), match=r"protocol"):
        simulate(sample_cells.bare(), rest(1.0))
    with pytest.raises((ValueError, TypeCheckError), match=r"steps?"):
        Protocol.of(protocol)


def test_settings_points_and_plans_are_checked() -> None:
    cell, protocol = sample_cells.bare(), Protocol.of(rest(1.0, points=3))
    for tolerances in ((-1e-4, 1e-4), (1e-4, NAN), (0.0, 1e-4)):
        with pytest.raises(ValueError, match=r"Settings\.[ra]tol must be a number above 0, but is"):
            Settings(*tolerances)
    with pytest.raises((ValueError, TypeCheckError), match=r"points"):
        simulate(cell, protocol, points=0)
    with pytest.raises(ValueError, match=r"made for 4 intervals and the protocol has 3"):
        simulate(cell, protocol, plan=uniform_plan(4, 2))


def test_temperature_of_a_symmetric_cell_may_be_any_number() -> None:
    foil, separator = LithiumElectrode(50e-6), Separator(50e-6, 0.24)
    for temperature in (300, 300.0, np.float64(300.0), jnp.asarray(300.0)):
        assert float(Cell.symmetric(foil, separator, temperature).temperature) == 300.0


def test_protocol_layout() -> None:
    protocol = Protocol.of(plate(1.0, 1.0, points=3), rest(60.0, points=2), repeat=2)
    assert protocol.duration.shape == (10,)
    np.testing.assert_allclose(protocol.duration[:5], [1200.0, 1200.0, 1200.0, 30.0, 30.0])
    np.testing.assert_allclose(protocol.current_density[:5], [-10.0, -10.0, -10.0, 0.0, 0.0])
    np.testing.assert_array_equal(protocol.jump, [True, False, False, True, False] * 2)
    assert float(protocol.time[-1]) == pytest.approx(7320.0)


def test_replay_layout() -> None:
    protocol = replay([10.0, 11.0, 13.0, 14.0], [9.0, -5.0, -5.01, 0.0])
    np.testing.assert_allclose(protocol.duration, [1.0, 2.0, 1.0])
    np.testing.assert_allclose(protocol.current_density, [-5.0, -5.01, 0.0])
    np.testing.assert_array_equal(protocol.jump, [True, False, True])


def test_defaults_that_are_priors() -> None:
    """The barrier of a layer's top, and what warms: eV as for a particle, J mol-1 in the fields."""
    layer, separator = ProtectionLayer(5e-6, 5e-3), Separator(50e-6, 0.24)
    assert layer.top is not None
    assert float(layer.top.nucleation.overpotential) == 0.04
    assert float(Interface().nucleation.overpotential) == 0.0
    electronvolt = 96485.33212
    activated = (layer, separator, LithiumKinetics(), MarcusHushChidseyKinetics(), Interphase())
    energies = [float(part.activation_energy) / electronvolt for part in activated]
    np.testing.assert_allclose(energies, [0.5, 0.35, 0.5, 0.5, 0.5])


def test_a_warm_cell_conducts_as_its_default_energies_say() -> None:
    cell = Cell.symmetric(LithiumElectrode(50e-6), Separator(50e-6, 0.24), temperature=318.15)
    solution = simulate(cell, Protocol.of(plate(1.0, 0.01, points=1)))

    def factor(energy: float) -> float:
        return float(np.exp(energy * 96485.33212 / 8.314462618 * (1 / 298.15 - 1 / 318.15)))

    thermal = 8.314462618 * 318.15 / 96485.33212
    foils = 4.0 * thermal * np.arcsinh(10.0 / (2.0 * 10.0 * factor(0.5)))
    expected = foils + 10.0 * 50e-6 / (0.24 * factor(0.35))
    assert -float(solution.voltage[-1]) == pytest.approx(expected, rel=1e-4)
    assert factor(0.35) > 2.0
