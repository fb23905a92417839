"""Steps that end on a stop, or hold a voltage or a power: where they end, and what they pass."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells

from jaxcell import (
    RESULTS,
    Cell,
    Collector,
    Current,
    Interface,
    LithiumElectrode,
    Power,
    ProtectionLayer,
    Protocol,
    Separator,
    Settings,
    Solution,
    Step,
    Until,
    Voltage,
    hold,
    lithium_ledger,
    plate,
    rest,
    simulate,
    strip,
)

FINE = Settings(1e-6, 1e-6, newton=sample_cells.SHARP)
OHMIC = Cell.symmetric(LithiumElectrode(20e-6), Separator(30e-6, 0.24))
THIN = Cell(LithiumElectrode(1e-6), Separator(30e-6, 0.24), LithiumElectrode(50e-6))


def last_rows(solution: Solution) -> dict[int, int]:
    """Row at which each protocol step ended."""
    return {int(solution.step[row]): int(row) for row in solution.taken}


def test_voltage_stop_is_met_and_the_next_step_begins_there() -> None:
    protocol = Protocol.of("Strip at 1 mA/cm2 until 0.5 V", "Rest for 1 min", "Plate at 2 mA/cm2 for 6 min")
    solution = simulate(THIN, protocol, settings=FINE)
    ends = last_rows(solution)
    assert float(solution.voltage[ends[0]]) == pytest.approx(0.5, abs=1e-7)
    # 1 um of lithium holds 0.2062 mAh cm-2: some 742 s at 1 mA cm-2, and the double layers' charge.
    assert float(solution.time[ends[0]]) == pytest.approx(742.2, rel=1e-3)
    assert float(solution.time[ends[1]] - solution.time[ends[0]]) == pytest.approx(60.0, rel=1e-12)
    assert float(solution.time[ends[2]] - solution.time[ends[1]]) == pytest.approx(360.0, rel=1e-12)
    assert np.max(np.abs(lithium_ledger(solution).imbalance[solution.taken])) < 1e-10
    times = np.asarray(solution.time)[solution.taken]
    assert np.all(np.diff(times) > 0.0)
    skipped = np.setdiff1d(np.arange(protocol.duration.size), solution.taken)
    assert skipped.size > 0
    assert np.all(np.isnan(solution.time[skipped]))
    np.testing.assert_allclose(np.nansum(solution.charge[np.asarray(solution.step) == 2]), -20.0 * 360.0, rtol=1e-9)


def test_hold_takes_the_current_that_the_voltage_asks_for() -> None:
    solution = simulate(OHMIC, Protocol.of(hold(0.05, duration=60.0, points=3)), settings=FINE)
    np.testing.assert_allclose(solution.voltage, 0.05, atol=1e-12)
    same = simulate(OHMIC, Protocol.of(Step(Current(solution.current_density[-1]), 60.0, points=3)), settings=FINE)
    np.testing.assert_allclose(same.voltage[-1], 0.05, atol=1e-7)
    charge = np.sum(solution.charge)
    assert charge == pytest.approx(60.0 * float(solution.current_density[-1]), rel=1e-3)


def test_power_is_voltage_times_current() -> None:
    solution = simulate(OHMIC, Protocol.of(Step(Power(0.3), 60.0, points=3)), settings=FINE)
    np.testing.assert_allclose(solution.voltage * solution.current_density, 0.3, rtol=1e-9)


def test_hold_until_the_current_has_fallen() -> None:
    # Stripping pores and a thin foil at a held voltage: the current falls as the lithium runs out.
    protocol = Protocol.of(Step(Voltage(0.05), 7200.0, Until(current_below=5.0), points=20))
    solution = simulate(THIN, protocol, settings=FINE)
    end = solution.taken[-1]
    assert abs(float(solution.current_density[end])) == pytest.approx(5.0, rel=1e-6)
    assert float(solution.voltage[end]) == pytest.approx(0.05, abs=1e-9)
    assert abs(float(solution.current_density[solution.taken[0]])) > 7.5


def test_charge_stop_at_a_held_voltage() -> None:
    protocol = Protocol.of(Step(Voltage(-0.05), 7200.0, Until(charge=1000.0), points=20), rest(10.0, points=1))
    solution = simulate(OHMIC, protocol, settings=FINE)
    assert float(solution.gross_charge[-1]) == pytest.approx(1000.0, rel=1e-7)
    assert np.max(np.abs(lithium_ledger(solution).imbalance[solution.taken])) < 1e-10


def test_c_rates_need_a_capacity_and_mean_it() -> None:
    protocol = Protocol.of("Discharge at C/2 for 30 min")
    with pytest.raises(ValueError, match=r"nominal_capacity must be a number \[C m-2\]"):
        simulate(OHMIC, protocol)
    cell = dataclasses.replace(OHMIC, nominal_capacity=36000.0)
    solution = simulate(cell, protocol)
    np.testing.assert_allclose(solution.current_density, -5.0)
    by_charge = simulate(cell, Protocol.of("Discharge at C/2 until 0.25 mAh/cm2"))
    assert float(by_charge.time[-1]) == pytest.approx(1800.0)


@pytest.mark.parametrize("first", ["voltage", "time"])
def test_the_first_of_several_ends_counts(first: str) -> None:
    duration = 3600.0 if first == "voltage" else 100.0
    step = strip(1.0, until=Until(voltage_above=0.3), duration=duration)
    solution = simulate(THIN, Protocol.of(step, rest(1.0, points=1)), settings=FINE)
    end = last_rows(solution)[0]
    if first == "time":
        assert float(solution.time[end]) == pytest.approx(100.0)
    else:
        assert float(solution.voltage[end]) == pytest.approx(0.3, abs=1e-7)


@pytest.mark.parametrize("capacitance", [0.2, 0.0])
def test_a_stop_that_is_passed_as_the_step_begins_takes_no_time(capacitance: float) -> None:
    cell = Cell.symmetric(LithiumElectrode(20e-6, Interface(double_layer_capacitance=capacitance)), OHMIC.separator)
    protocol = Protocol.of(rest(10.0, points=1), plate(1.0, until=Until(voltage_below=-1e-3)), rest(10.0, points=1))
    solution = simulate(cell, protocol, settings=FINE)
    assert solution.result is RESULTS.successful
    assert float(solution.time[-1]) == pytest.approx(20.0, abs=1e-6)


def test_a_dip_inside_a_step_is_not_missed() -> None:
    """The nucleation dip passes the stop and comes back within what tolerances would take as one step."""
    electrode = Collector(
        Interface(nucleation=sample_cells.half().working.interface.nucleation),
        layer=ProtectionLayer(5e-6, 1e-2, top=None),
        initial_potential=0.0,
    )
    cell = Cell(electrode, Separator(30e-6, 0.24), LithiumElectrode(50e-6))
    free = simulate(cell, Protocol.of(plate(0.5, 0.2, points=400)), settings=FINE)
    deepest = float(jnp.min(free.voltage))
    assert deepest < float(free.voltage[-1]) - 5e-3
    stop = 0.5 * (deepest + float(free.voltage[-1]))
    for settings in (FINE, Settings(1e-2, 1e-2)):
        stopped = simulate(cell, Protocol.of(plate(0.5, until=Until(voltage_below=stop), points=1)), settings=settings)
        assert float(stopped.time[0]) < 0.2 * 7200.0
        assert float(stopped.voltage[0]) == pytest.approx(stop, abs=2e-4)


def test_a_plan_replays_with_its_stops_where_they_are_now() -> None:
    protocol = Protocol.of(strip(1.0, until=Until(voltage_above=0.3), duration=3600.0, points=2), rest(60.0, points=1))
    planned = simulate(THIN, protocol, settings=FINE)

    def end(stop):
        moved = Protocol.of(
            strip(1.0, until=Until(voltage_above=stop), duration=3600.0, points=2), rest(60.0, points=1)
        )
        return simulate(THIN, moved, settings=FINE, plan=planned.plan, throw=False)

    same = end(0.3)
    assert same.result is RESULTS.successful
    np.testing.assert_allclose(same.time, planned.time, rtol=1e-9)
    np.testing.assert_allclose(same.voltage, planned.voltage, atol=1e-6)
    near = end(0.3 + 1e-5)
    assert near.result is RESULTS.successful
    assert float(near.voltage[near.taken[0]]) == pytest.approx(0.3 + 1e-5, abs=1e-12)
    assert end(0.2).result is not RESULTS.successful


def test_hundred_times_the_current_ends_with_a_sentence_or_on_its_stop() -> None:
    solution = simulate(THIN, Protocol.of("Strip at 100 mA/cm2 until 1 V"), throw=False)
    assert solution.result is RESULTS.successful
    assert float(solution.voltage[solution.taken[-1]]) == pytest.approx(1.0, abs=1e-4)


def test_batches_stop_each_at_its_own_time() -> None:
    protocol = Protocol.of(strip(1.0, until=Until(voltage_above=0.3), duration=3600.0, points=1))

    def end(thickness):
        cell = sample_cells.replace(THIN, working__lithium_thickness=thickness)
        return simulate(cell, protocol, throw=False).time[0]

    thickness = jnp.asarray([0.5e-6, 1e-6, 2e-6])
    times = jax.jit(jax.vmap(end))(thickness)
    np.testing.assert_allclose(times / times[1], [0.5, 1.0, 2.0], rtol=5e-3)


def leaving(stop: float) -> Protocol:
    return Protocol.of(strip(1.0, until=Until(voltage_above=stop), duration=7200.0, points=4), rest(60.0, points=2))


def test_a_plan_that_left_a_step_out_is_outdated_where_the_step_runs() -> None:
    skipping = simulate(THIN, leaving(-1.0))
    assert simulate(THIN, leaving(-1.0), plan=skipping.plan).result is RESULTS.successful
    assert simulate(THIN, leaving(0.3), plan=skipping.plan, throw=False).result is RESULTS.plan_outdated


def test_a_plan_with_stops_is_refused_for_a_protocol_without() -> None:
    plan = simulate(THIN, leaving(0.3)).plan
    timed = Protocol.of(strip(1.0, duration=7200.0, points=4), rest(60.0, points=2))
    with pytest.raises(ValueError, match="made for one whose steps end on stops"):
        simulate(THIN, timed, plan=plan)


@pytest.mark.parametrize("kind", ["held, coarse grid", "no double layers"])
def test_ends_that_rounding_hides_keep_their_derivative(kind: str) -> None:
    """The replay of a run's own steps must find the ends again: a failure would leave derivatives of zero."""
    if kind == "no double layers":
        bare = Interface(double_layer_capacitance=0.0)
        cell = Cell(LithiumElectrode(2e-6, bare), OHMIC.separator, LithiumElectrode(50e-6, bare))
        protocol, at, h = (lambda v: leaving(v)), 0.2, 1e-3
    else:
        cell = sample_cells.replace(THIN, working__lithium_thickness=2e-6)
        protocol = lambda i: Protocol.of(hold(0.05, until=Until(current_below=i), duration=7200.0, points=6))  # noqa: E731
        at, h = 1.0, 1e-2

    def end(x):
        return simulate(cell, protocol(x), throw=False).trajectory.final_time

    found = jax.jvp(end, (at,), (1.0,))[1]
    expected = (end(at + h) - end(at - h)) / (2 * h)
    assert float(found) == pytest.approx(float(expected), rel=1e-3)


def test_batches_and_reverse_mode_in_either_order() -> None:
    protocol = leaving(0.3)

    def end(thickness):
        cell = sample_cells.replace(THIN, working__lithium_thickness=thickness)
        return simulate(cell, protocol, throw=False).trajectory.final_time

    several = jnp.asarray([0.5e-6, 1e-6])
    inside = jax.jit(jax.vmap(jax.grad(end)))(several)
    outside = jax.jit(jax.grad(lambda x: jnp.sum(jax.vmap(end)(x))))(several)
    np.testing.assert_allclose(inside, outside, rtol=1e-12)
    # Faraday's law: 742.2 s a micrometre.
    np.testing.assert_allclose(inside, 742.2e6, rtol=1e-3)
