"""Integration on a planned step grid: same shapes, same steps, one program for every value and for batches.

No error control; differentiable in both modes in the system, the initial state and the schedule.
"""

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Bool, Float

from jaxcell.solver.control import current_to_begin_with, excess, excesses, starting_current
from jaxcell.solver.ends import StepEnd
from jaxcell.solver.kernel import in_one_kernel
from jaxcell.solver.results import RESULTS
from jaxcell.solver.schedule import NO_STOP, Control, Interval, Plan, Schedule
from jaxcell.solver.sensitivity import Carried, Grid, Scheme, filled, step_tangents
from jaxcell.solver.settings import Settings
from jaxcell.solver.step import StepResult, implicit_step
from jaxcell.solver.system import ChainSystem, State, per_row
from jaxcell.solver.trajectory import Trajectory, reached_only
from jaxcell.units import Counter, Flag, Scalar

GUARD_MARGIN = 0.01
"""The step that crosses a guard is shortened until it overshoots by no more than this fraction."""
SLACK_STEP = 1e-9
"""Length given to slack steps [s], which are not taken: zero would divide."""
LANDED = 1e-13
"""A stop is met within this [V, or share of the current or charge]."""
MOST_SECANTS = 40
"""Lengths tried for a step that ends on a stop; some five are usual."""
NO_TANGENT: Any = {"charge": None, "healthy": None, "overrun": None, "iterations": None}
BLOCK = 32
"""Steps whose derivatives are evaluated at a time, and recomputed on the way back, which bounds the memory; a block of
slack steps only is skipped."""


class Run(NamedTuple):
    """The steps of a plan as they were taken."""

    stages: State
    """Leading axes: steps, stages; where no step was taken, the state before."""
    currents: Float[Array, "steps stages"]
    duration: Float[Array, " steps"]
    """[s]; of steps not taken, something above zero."""
    charge: Float[Array, " steps"]
    """Passed since the protocol's step began [C m-2]."""
    healthy: Bool[Array, " steps"]
    """Whether every step so far converged."""
    overrun: Flag
    """Whether a stop was passed where none was planned."""
    iterations: Counter


def toward_guard(system: ChainSystem, state: State, voltage: Scalar, settings: Settings) -> tuple[Scalar, Counter]:
    """How far the nearer guard is approached, one where it is met, and the result that it gives."""
    pushed = jnp.abs(voltage) / settings.voltage_guard
    warmed = jnp.max(state.shared / system.shared_limit, initial=0.0)
    code = jnp.where(warmed > pushed, int(RESULTS.too_hot), int(RESULTS.voltage_guard))
    return jnp.maximum(pushed, warmed), code


def replay(system: ChainSystem, initial: State, schedule: Schedule, plan: Plan, settings: Settings) -> Trajectory:
    """Integrate on a given grid; the lengths of steps that end on a stop are found anew.

    If Newton fails at a step, `status` says so and everything from there on is NaN.  A voltage beyond the guard at the
    end of an interval, or a stop that is passed where none was planned, is reported as such; a plan of a run that ended
    at the guard serves only where the run still does.
    """
    return trajectory_of(system, initial, schedule, plan, _run(system, initial, schedule, plan, settings), settings)


def trajectory_of(
    system: ChainSystem, initial: State, schedule: Schedule, plan: Plan, run: Run, settings: Settings
) -> Trajectory:
    """What the steps of a plan amount to."""
    steps = plan.fraction.shape[0]
    taken = jnp.arange(steps) < plan.used
    sound = taken & run.healthy
    rows = jax.tree.map(lambda y: y[:, -1], run.stages)
    last = jnp.maximum(plan.last_step, 0)
    good = (plan.last_step >= 0) & run.healthy[last]
    ends, current = jax.tree.map(lambda y: y[last], (rows, run.currents[:, -1]))
    # Masked after the voltage is computed: derivatives of a voltage of NaN would spoil those of the other rows.
    voltage = reached_only(good, jax.vmap(system.voltage)(ends, current))
    covered = jnp.where(sound, run.duration, 0.0)
    passed = covered * jnp.sum(run.currents * jnp.asarray(settings.tableau.a[-1])[None], axis=1)
    charge = jnp.zeros_like(schedule.duration).at[plan.interval].add(passed)
    final = jax.tree.map(lambda y, all_rows: jnp.where(plan.used > 0, all_rows[-1], y), initial, rows)
    final_current = run.currents[jnp.maximum(plan.used - 1, 0), -1]
    share, code = jax.vmap(lambda y, v: toward_guard(system, y, v, settings))(ends, voltage)
    furthest = jnp.argmax(jnp.where(good, share, 0.0))
    planned_guard = (plan.outcome == int(RESULTS.voltage_guard)) | (plan.outcome == int(RESULTS.too_hot))
    final_voltage = system.voltage(final, final_current)
    final_share, final_code = toward_guard(system, final, final_voltage, settings)
    at_guard = (final_share > 1 - GUARD_MARGIN) & (final_code == plan.outcome)
    beyond = good[furthest] & (share[furthest] > 1 + GUARD_MARGIN)
    healthy = run.healthy[-1]
    guarded = healthy & planned_guard & at_guard
    status = jnp.where(beyond, code[furthest], plan.outcome)
    status = jnp.where((planned_guard & ~at_guard) | run.overrun, int(RESULTS.plan_outdated), status)
    status = jnp.where(healthy, status, int(RESULTS.newton_failed))
    last_step = covered[jnp.maximum(plan.used - 1, 0)]
    control = jax.tree.map(lambda x: x[plan.interval[jnp.maximum(plan.used - 1, 0)]], schedule.control)
    moving = _moving_end(system, final, guarded, final_share, final_current, control, last_step, settings)
    return Trajectory(
        time=reached_only(good, jnp.cumsum(covered)[last]),
        state=jax.tree.map(lambda y: reached_only(good, y), ends),
        voltage=voltage,
        current=reached_only(good, current),
        charge=reached_only(good, charge),
        voltage_error=jnp.full_like(voltage, jnp.nan),
        final=final,
        # A product, so that derivatives of a failed replay are not silently those of the part that was run.
        final_time=jnp.where(healthy, 1.0, jnp.nan) * (jnp.sum(covered) + moving),
        final_voltage=final_voltage,
        final_current=final_current,
        status=status,
        plan=plan,
        rejected=jnp.asarray(0),
        newton_iterations=run.iterations,
    )


@eqx.filter_custom_jvp
def _run(system: ChainSystem, initial: State, schedule: Schedule, plan: Plan, settings: Settings) -> Run:
    return in_one_kernel(partial(_take_steps, settings=settings))(system, initial, schedule, plan)


@_run.def_jvp
def _run_jvp(primals, tangents):
    system, initial, schedule, plan, settings = primals
    run = _run(*primals)
    return run, run_tangent((system, initial, schedule), tangents[:3], plan, run, settings)


def run_tangent(primals: Any, tangents: Any, plan: Plan, run: Run, settings: Settings) -> Run:
    """Of a run, from those of its system, start and schedule."""
    system, initial, schedule = primals
    system_tangent, initial_tangent, schedule_tangent = tangents
    scheme = Scheme(settings.tableau, schedule.controlled, schedule.stopped)
    active = (jnp.arange(plan.fraction.shape[0]) < plan.used) & run.healthy
    grid, grid_tangent = eqx.filter_jvp(
        lambda own: _grid(own, plan, run, active, controlled=scheme.controlled), (schedule,), (schedule_tangent,)
    )
    blocks = jax.tree.map(_blocks, (grid, grid_tangent, run.stages))
    count = jnp.arange(blocks[0].active.size).reshape(blocks[0].active.shape)
    blocks = (blocks[0]._replace(active=blocks[0].active & (count < active.size)), *blocks[1:])
    starts = jax.tree.map(lambda y, rows: jnp.concatenate([y[None], rows[:-1, -1, -1]]), initial, blocks[2])

    @jax.checkpoint
    def block(carried: Carried, inputs):
        (grid, grid_tangent, stages), start = inputs

        def taken(carried: Carried):
            return step_tangents(system, grid, stages, start, system_tangent, grid_tangent, carried, scheme)

        def slack(carried: Carried):
            found = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), jax.eval_shape(taken, carried)[0])
            held = jax.tree.map(lambda y, rows: jnp.broadcast_to(y, rows.shape), carried.state, found.stages)
            return found._replace(stages=held), carried

        found, carried = jax.lax.cond(_in_any_member(jnp.any(grid.active)), taken, slack, carried)
        return carried, found

    carried = Carried(filled(initial, initial_tangent), jnp.asarray(0.0))
    _, found = jax.lax.scan(block, carried, (blocks, starts))
    found = jax.tree.map(lambda rows: jnp.reshape(rows, (count.size, *rows.shape[2:]))[: active.size], found)
    currents = found.currents if scheme.controlled else grid_tangent.currents
    duration = found.duration if scheme.stopped else grid_tangent.duration
    found = _known_to(plan, (found.stages, currents, duration))
    return run._replace(stages=found[0], currents=found[1], duration=found[2], **NO_TANGENT)


def _known_to(plan: Plan, tangents):
    """The tangents of the steps up to the first end that only grazed its stop, NaN from there on."""
    if plan.end is None:
        return tangents
    grazed = (plan.end[plan.interval] == int(StepEnd.grazed)) & (_which(plan) != NO_STOP)
    factor = jnp.where(jnp.cumsum(grazed) > 0, jnp.nan, 1.0)
    return jax.tree.map(lambda t: t * per_row(factor, t), tangents)


@custom_vmap
def _in_any_member(flag: Flag) -> Flag:
    """A flag that, batched, is the same for all members: a branch on it stays a branch."""
    return flag


@_in_any_member.def_vmap
def _(axis_size, in_batched, flag):
    del axis_size, in_batched
    return _in_any_member(jnp.any(flag, axis=0)), False


def _grid(schedule: Schedule, plan: Plan, run: Run, active: Array, *, controlled: bool) -> Grid:
    k = plan.interval
    timed = plan.fraction * schedule.duration[k]
    which = _which(plan)
    duration = jnp.where(active, jnp.where(which == NO_STOP, timed, run.duration), SLACK_STEP)
    control, stops = jax.tree.map(lambda rows: rows[k], (schedule.control, schedule.stops))
    currents = run.currents
    if not controlled:
        currents = jnp.broadcast_to(control.target[:, None], run.currents.shape)
    return Grid(duration, currents, control, stops, which, run.charge, _begins(schedule, plan), active)


def _which(plan: Plan) -> Array:
    return jnp.full(plan.fraction.shape, NO_STOP) if plan.stop is None else plan.stop


def _begins(schedule: Schedule, plan: Plan) -> Array:
    """Whether a protocol's step begins with this step of the grid."""
    after = schedule.next_step[plan.interval]
    return jnp.concatenate([jnp.ones(1, dtype=bool), after[1:] != after[:-1]])


def _blocks(rows: Array) -> Array:
    """Steps in blocks; the last step is repeated to fill up."""
    steps = rows.shape[0]
    block = min(BLOCK, steps)
    count = -(-steps // block)
    index = jnp.minimum(jnp.arange(count * block), steps - 1)
    return rows[index].reshape((count, block, *rows.shape[1:]))


class _Place(NamedTuple):
    """Where a replay stands."""

    state: State
    current: Scalar
    slope: State
    charge: Scalar
    healthy: Flag
    overrun: Flag
    iterations: Counter


def _take_steps(system: ChainSystem, initial: State, schedule: Schedule, plan: Plan, settings: Settings) -> Run:
    tableau = settings.tableau
    which, begins = _which(plan), _begins(schedule, plan)
    before = jnp.concatenate([plan.interval[:1], plan.interval[:-1]])
    steps = jnp.arange(plan.fraction.shape[0])

    def held(place: _Place):
        rows = jax.tree.map(lambda y: jnp.broadcast_to(y[None], (tableau.stages, *y.shape)), place.state)
        return place, (rows, jnp.full(tableau.stages, place.current), jnp.asarray(SLACK_STEP), place.charge)

    def take(place: _Place, inputs):
        j, part, k, previous, which, begins = inputs
        interval = schedule.at(k)
        jumps = schedule.jump[k] & ((j == 0) | (previous != k))
        slope = jax.tree.map(lambda s: jnp.where(jumps, 0.0, s), place.slope)
        current = current_to_begin_with(system, schedule, interval.control, place.state, place.current, jumps)
        charge = jnp.where(begins, 0.0, place.charge)
        length, result, landed = _step_to_end(
            system, place._replace(current=current, slope=slope, charge=charge), part * interval.duration, interval,
            which, settings, schedule,
        )  # fmt: skip
        done = result.converged & landed
        charge = charge + result.charge(length, tableau)
        overrun = place.overrun
        if schedule.stopped:
            overrun = overrun | (
                jumps & _left_out(system, schedule, place, jnp.where(j == 0, -1, previous), k, settings)
            )
            voltage = system.voltage(result.state, result.current)
            passed = excesses(interval.stops, voltage, result.current, charge)
            overrun = overrun | (done & (jnp.max(passed) > settings.atol))
        new = _Place(
            result.state, result.current, result.slope, charge, done, overrun, place.iterations + result.iterations
        )
        rows = (result.stages, result.currents, length, charge)
        stay = place._replace(healthy=jnp.asarray(False), iterations=new.iterations)
        return jax.tree.map(lambda a, b: jnp.where(done, a, b), (new._replace(healthy=place.healthy), rows), held(stay))

    def one(place: _Place, inputs):
        active = inputs[0] < plan.used
        place, rows = jax.lax.cond(active, take, lambda place, _: held(place), place, inputs)
        return place, (*rows, place.healthy)

    rest = jnp.asarray(0.0)
    still = jax.tree.map(jnp.zeros_like, initial)
    place = _Place(initial, rest, still, rest, jnp.asarray(True), jnp.asarray(False), jnp.asarray(0))
    inputs = (steps, plan.fraction, plan.interval, before, which, begins)
    place, (stages, currents, duration, charge, healthy) = jax.lax.scan(one, place, inputs)
    return Run(stages, currents, duration, charge, healthy, place.overrun, place.iterations)


def _left_out(
    system: ChainSystem, schedule: Schedule, place: _Place, previous: Counter, interval: Counter, settings: Settings
) -> Flag:
    """Whether the plan leaves out a step, because its stop was passed as it began, that would run here."""
    skipped = jnp.where(previous < 0, 0, schedule.next_step[jnp.maximum(previous, 0)])
    inside = (previous >= 0) & (schedule.next_step[jnp.maximum(previous, 0)] == schedule.next_step[interval])
    _, control, stops = schedule.at(skipped)
    current = starting_current(system, control, place.state, place.current)
    passed = excesses(stops, system.voltage(place.state, current), current, jnp.zeros_like(current))
    return ~inside & (skipped < interval) & (jnp.max(passed) < -settings.atol)


def _step_to_end(
    system: ChainSystem,
    place: _Place,
    length: Scalar,
    interval: Interval,
    which: Counter,
    settings: Settings,
    schedule: Schedule,
) -> tuple[Scalar, StepResult, Flag]:
    """One refined step; if a stop ends it, of the length at which that stop is met, by secants from the given one."""

    def step(length: Scalar) -> StepResult:
        return implicit_step(
            system, place.state, place.current, place.slope, length, interval.control, settings.tableau,
            settings.stage_newton, controlled=schedule.controlled, refined=True,
        )  # fmt: skip

    if not schedule.stopped:
        return length, step(length), jnp.asarray(True)
    timed = which == NO_STOP

    def again(carry):
        length, before, error_before, _, count, _, _ = carry
        result = step(length)
        charge = place.charge + result.charge(length, settings.tableau)
        error = excess(which, interval.stops, system.voltage(result.state, result.current), result.current, charge)
        first = count == 0
        nudge = length * jnp.where(error < 0.0, 1e-3, -1e-3)
        secant = -error * (length - before) / jnp.where(error == error_before, 1.0, error - error_before)
        change = jnp.where(first, nudge, secant)
        landed = timed | (jnp.abs(error) <= LANDED) | (~first & (jnp.abs(change) <= 1e-14 * length))
        stuck = ~landed & ((error == error_before) | ~result.converged | (count >= MOST_SECANTS))
        # Rounding can hide the root: no length that the clock resolves comes closer.
        landed = landed | (stuck & result.converged & (jnp.abs(error) <= settings.atol))
        stuck = stuck & ~landed
        following = jnp.clip(length + change, 0.05 * length, 20.0 * length)
        running = ~landed & ~stuck
        return jnp.where(running, following, length), length, error, result, count + 1, landed, running

    nothing = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(lambda: step(length)))
    zero = jnp.asarray(0.0)
    carry = (length, zero, jnp.asarray(jnp.inf), nothing, jnp.asarray(0), jnp.asarray(False), jnp.asarray(True))
    length, _, _, result, _, landed, _ = jax.lax.while_loop(lambda carry: carry[-1], again, carry)
    return length, result, landed


def _moving_end(
    system: ChainSystem,
    final: State,
    guarded: Flag,
    share: Scalar,
    current: Scalar,
    control: Control,
    step: Scalar,
    settings: Settings,
) -> Scalar:
    """Zero, with the derivative of the time at which the guard's share passes its final value: -(ds/dp)/(ds/dt).

    For runs that a guard ended (`guarded`); no derivative for others. ds/dt comes from one more step, a millionth of
    the last.
    """
    probe = 1e-6 * step
    still = jax.tree.map(jnp.zeros_like, final)
    frozen = jax.lax.stop_gradient((system, final, current, still, probe, control))
    after = implicit_step(
        *frozen, settings.tableau, settings.stage_newton, controlled=False, refined=True
    ).state  # a run under voltage or power control has no business at the guard
    constant = jax.lax.stop_gradient(share)
    later, _ = toward_guard(system, after, system.voltage(after, current), settings)
    rate = jax.lax.stop_gradient((later - constant) / probe)
    return jnp.where(guarded, -(share - constant) / jnp.where(guarded & (rate != 0.0), rate, 1.0), 0.0)
