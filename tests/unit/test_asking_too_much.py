"""What no run can do is said by name: powers beyond the cell's, voltages beyond the guard, too many rows."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from jaxcell import (
    RESULTS,
    Cell,
    Collector,
    Interface,
    LithiumElectrode,
    Power,
    Protocol,
    Separator,
    Settings,
    SimulationError,
    Step,
    Until,
    charge,
    hold,
    plate,
    simulate,
    strip,
    xu2019_half_cell,
)

FOIL = LithiumElectrode(50e-6)
SYMMETRIC = Cell.symmetric(LithiumElectrode(20e-6), Separator(30e-6, 0.24))
BATTERY = Cell(Collector(Interface(), initial_potential=-2.5), Separator(300e-6, 0.024), FOIL)
"""2.5 V of its own for as long as the double layers are charged, and 125 ohm cm2: 125 W m-2 at most."""


@pytest.mark.parametrize("power", [-130.0, -1e4])
def test_more_than_the_cell_delivers_from_the_first(power: float) -> None:
    solution = simulate(BATTERY, Protocol.of(Step(Power(power), 100.0, points=2)), throw=False)
    assert solution.result is RESULTS.power_limit
    assert float(solution.trajectory.final_time) == 0.0
    assert "cannot take or deliver the power" in solution.result.sentence


def test_a_voltage_that_gives_way() -> None:
    """The double layers run down until E = 2 I R at constant fields, where E I is largest."""
    solution = simulate(BATTERY, Protocol.of(Step(Power(-60.0), 100.0, points=2)), throw=False)
    assert solution.result is RESULTS.power_limit
    last = solution.trajectory
    resistance = 300e-6 / 0.024
    # To 5 %: the square root of what the last step misses.
    assert float(jnp.abs(last.final_voltage / last.final_current)) == pytest.approx(resistance, rel=0.05)
    assert float(last.final_voltage * last.final_current) == pytest.approx(-60.0, rel=1e-3)


def test_stops_that_are_all_passed_as_they_begin() -> None:
    """At 1 mA cm-2 this cell is 1 mV from 0 V: it is below 1 V from the first."""
    passed = strip(1.0, until=Until(voltage_below=1.0), duration=60.0, points=2)
    nothing = Protocol.of(passed, repeat=2)
    solution = simulate(SYMMETRIC, nothing, throw=False)
    assert solution.result is RESULTS.all_skipped
    assert solution.skipped == (0, 1)
    assert solution.taken.size == 0
    assert simulate(SYMMETRIC, nothing, plan=solution.plan, throw=False).result is RESULTS.all_skipped
    with pytest.raises(SimulationError, match=r"^No step of the protocol took any time: .* It ended at 0 s of 120 s"):
        simulate(SYMMETRIC, nothing)
    some = simulate(SYMMETRIC, Protocol.of(passed, strip(1.0, duration=60.0, points=2)))
    assert some.result is RESULTS.successful
    assert some.skipped == (0,)


@pytest.mark.parametrize("value", [float("nan"), 1.5, 1.001, -0.2])
def test_a_start_that_tree_at_made_impossible(value: float) -> None:
    parts = xu2019_half_cell(1.0, single_particle=True)
    cell, protocol = Cell(FOIL, parts.separator, parts.cathode), Protocol.of(charge(1.0, duration=1.0, points=1))

    def starting(x):
        return eqx.tree_at(lambda c: c.counter.initial_stoichiometry, cell, x)

    message = rf"^cell.counter.initial_stoichiometry must be .* at most 1 \[1\], but is {value:g}; equinox.tree_at does"
    with pytest.raises(ValueError, match=message):
        simulate(starting(jnp.asarray(value)), protocol)
    simulate(starting(0.5), protocol)
    traced = jax.jit(lambda x: simulate(starting(x), protocol, throw=False).status)(jnp.asarray(value))
    assert int(traced) == (RESULTS.successful if value == 1.001 else RESULTS.no_start)


def test_a_run_that_fails_names_what_is_impossible() -> None:
    cell = eqx.tree_at(lambda c: c.separator.thickness, SYMMETRIC, jnp.asarray(float("nan")))
    with pytest.raises(SimulationError, match=r"^cell.separator.thickness must be .* but is nan m; equinox.tree_at "):
        simulate(cell, Protocol.of(strip(1.0, duration=60.0, points=2)))


def test_a_power_against_no_voltage_at_all() -> None:
    """A symmetric cell delivers nothing; it takes any power."""
    delivered, taken = (Protocol.of(Step(Power(power), 10.0, points=2)) for power in (-0.3, 0.3))
    assert simulate(SYMMETRIC, delivered, throw=False).result is RESULTS.power_limit
    assert simulate(SYMMETRIC, taken).result is RESULTS.successful


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (strip(1.0, until=Until(voltage_above=25.0)), r"step 1 stops at a voltage above 25 V, .*voltage_guard, 20 V"),
        (plate(1.0, until=Until(voltage_below=-20.0)), r"step 1 stops at a voltage below -20 V, .*voltage_guard, 20 V"),
        (hold(30.0, duration=1.0), r"step 1 holds a voltage of 30 V, .*voltage_guard, 20 V"),
    ],
)
def test_voltages_beyond_the_guard(step: Step, message: str) -> None:
    protocol = Protocol.of(plate(1.0, duration=1.0, points=1), step)
    with pytest.raises(ValueError, match=message):
        simulate(SYMMETRIC, protocol)
    # Traced, the run itself says where it ended.
    jax.eval_shape(lambda p: simulate(SYMMETRIC, p, throw=False), protocol)


def test_a_higher_guard_lets_them_pass() -> None:
    protocol = Protocol.of(hold(30.0, duration=1.0, points=1))
    settings = Settings(1e-4, 1e-4, voltage_guard=50.0)
    assert simulate(SYMMETRIC, protocol, settings=settings).result is RESULTS.successful


def test_too_many_rows() -> None:
    with pytest.raises(ValueError, match=r"Step.points must be at most 1000000, but is 1000001"):
        plate(1.0, 1.0, points=1_000_001)
