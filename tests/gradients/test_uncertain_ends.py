"""Ends that have no derivative are told apart from ordinary ones: ties, and stops that are only grazed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells

from jaxcell import (
    Cell,
    LithiumElectrode,
    Protocol,
    Separator,
    Settings,
    Solution,
    StepEnd,
    Until,
    hold,
    plate,
    rest,
    simulate,
    strip,
)

ATOL = 1e-5
SETTINGS = Settings(ATOL, ATOL, newton=sample_cells.SHARP)
THIN = Cell(LithiumElectrode(1e-6), Separator(30e-6, 0.24), LithiumElectrode(50e-6))
FILM = sample_cells.bare()
"""Its voltage rises onto a plateau as films and double layers charge."""


def run(cell: Cell, *steps, settings: Settings = SETTINGS) -> Solution:
    return simulate(cell, Protocol.of(*steps), settings=settings)


@pytest.fixture(scope="module")
def plateau() -> float:
    """Voltage [V] that the film cell comes to at 1 mA cm-2."""
    return float(run(FILM, strip(1.0, until=Until(voltage_above=5.0), duration=60.0, points=1)).voltage[-1])


@pytest.mark.parametrize(("below", "expected"), [(2.0, StepEnd.grazed), (200.0, StepEnd.on_stop)])
def test_a_plateau_that_barely_reaches_the_stop(plateau: float, below: float, expected: StepEnd) -> None:
    """What is left to rise beyond the stop, in tolerances, decides; the film's time constant does not."""

    def ends(stop) -> tuple[jax.Array, jax.Array, Solution]:
        until = Until(voltage_above=stop)
        first = plate(1.0, duration=1.0, points=1)
        protocol = Protocol.of(first, strip(1.0, until=until, duration=60.0, points=1), rest(1.0, points=1))
        solution = simulate(FILM, protocol, settings=SETTINGS, throw=False)
        return solution.time, solution.voltage, solution

    stop = plateau - below * ATOL
    assert ends(stop)[2].ends == (StepEnd.on_time, expected, StepEnd.on_time)
    times, voltages = jax.jvp(lambda s: ends(s)[:2], (jnp.asarray(stop),), (jnp.asarray(1.0),))[1]
    # What comes before the end keeps its derivative.
    assert float(times[0]) == float(voltages[0]) == 0.0
    if expected is StepEnd.grazed:
        assert np.all(np.isnan(times[1:]))
        assert np.all(np.isnan(voltages[1:]))
    else:
        assert float(times[1]) > 0.0
        assert float(voltages[1]) == pytest.approx(1.0)


def test_the_bottom_of_a_nucleation_dip() -> None:
    cell = sample_cells.collector_alone()
    dip = run(cell, plate(0.5, 0.05, points=400))
    lowest = float(jnp.min(dip.voltage))
    for above, expected in ((1.0, StepEnd.grazed), (300.0, StepEnd.on_stop)):
        until = Until(voltage_below=lowest + above * ATOL)
        found = run(cell, plate(0.5, until=until, duration=360.0, points=1))
        assert found.ends == (expected,), above


@pytest.mark.parametrize("apart", [0.0, 1e-2])
def test_a_stop_and_the_time_of_the_step(apart: float) -> None:
    alone = run(THIN, strip(1.0, until=Until(voltage_above=0.3), duration=3600.0, points=1))
    assert alone.ends == (StepEnd.on_stop,)
    end = float(alone.time[0])
    for sign, otherwise in ((1.0, StepEnd.on_stop), (-1.0, StepEnd.on_time)):
        duration = end + sign * (1e-7 + apart)
        found = run(THIN, strip(1.0, until=Until(voltage_above=0.3), duration=duration, points=1))
        assert found.ends == (otherwise if apart else StepEnd.tie,)


@pytest.mark.parametrize("apart", [0.0, 1e-2])
def test_two_stops(apart: float) -> None:
    """A held voltage, until the current has fallen or a charge has passed."""
    fallen = run(THIN, hold(0.05, until=Until(current_below=5.0), duration=7200.0, points=1))
    passed = float(jnp.abs(fallen.charge[0]))
    for factor in (1.0 + apart, 1.0 - apart):
        until = Until(current_below=5.0, charge=passed * factor)
        found = run(THIN, hold(0.05, until=until, duration=7200.0, points=1))
        assert found.ends == (StepEnd.on_stop if apart else StepEnd.tie,)


@pytest.mark.parametrize("atol", [1e-4, 1e-6])
def test_ordinary_ends_are_not_flagged(atol: float) -> None:
    """Abrupt ends of bare foil, from 0.1 to 3 V, cycle after cycle, and ends of holds."""
    for stop in (0.1, 0.2, 1.0, 3.0):
        until = Until(voltage_above=stop)
        cycle = [plate(1.0, 0.1, points=10), strip(1.0, until=until, duration=7200.0, points=10), rest(60.0, points=2)]
        found = run(THIN, cycle * 3, settings=Settings(atol, atol))
        assert found.ends == (StepEnd.on_time, StepEnd.on_stop, StepEnd.on_time) * 3
        assert found.skipped == ()
    held = hold(0.05, until=Until(current_below=5.0), duration=7200.0, points=5)
    passes = hold(-0.05, until=Until(charge=300.0), duration=7200.0, points=5)
    assert run(THIN, held, passes, settings=Settings(atol, atol)).ends == (StepEnd.on_stop, StepEnd.on_stop)


def test_steps_that_take_no_time_are_named() -> None:
    cell = Cell.symmetric(LithiumElectrode(20e-6), Separator(30e-6, 0.24))
    passed = plate(1.0, until=Until(voltage_below=-1e-3), duration=60.0, points=3)
    found = run(cell, rest(10.0, points=2), passed, rest(10.0, points=2))
    assert found.skipped == (1,)
    assert found.ends == (StepEnd.on_time, StepEnd.skipped, StepEnd.on_time)


def test_every_end_has_a_sentence() -> None:
    for end in StepEnd:
        assert end.sentence.endswith(".")


def test_an_early_end_of_the_run_is_no_end_of_its_step() -> None:
    free = Protocol.of(plate(1.0, 0.1, points=2), strip(1.0, duration=3600.0, points=10), rest(1.0))
    stopped = Protocol.of(
        plate(1.0, 0.1, points=2), strip(1.0, until=Until(voltage_above=19.0), duration=10.0), rest(1.0)
    )
    assert simulate(THIN, free, throw=False).ends == (StepEnd.on_time, StepEnd.not_reached, StepEnd.not_reached)
    assert simulate(THIN, stopped).ends == (StepEnd.on_time, StepEnd.on_time, StepEnd.on_time)
