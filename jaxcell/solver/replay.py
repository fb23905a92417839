"""Integration on a planned step grid: same shapes, same steps, one program for every value and for batches.

No error control; differentiable in both modes in the system, the initial state and the schedule.
"""

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxcell.solver.kernel import in_one_kernel
from jaxcell.solver.results import RESULTS
from jaxcell.solver.schedule import Plan, Schedule
from jaxcell.solver.sensitivity import Grid, filled, stage_tangents
from jaxcell.solver.settings import Settings
from jaxcell.solver.step import implicit_step
from jaxcell.solver.system import ChainSystem, State
from jaxcell.solver.tableau import Tableau
from jaxcell.solver.trajectory import Trajectory, reached_only
from jaxcell.units import Counter, Flag, Scalar

GUARD_MARGIN = 0.01
"""The step that crosses the voltage guard is shortened until it overshoots by no more than this fraction."""
SLACK_STEP = 1e-9
"""Length given to slack steps [s], which are not taken: zero would divide."""
BLOCK = 32
"""Steps whose derivatives are evaluated at a time; a block of slack steps only is skipped."""


def replay(system: ChainSystem, initial: State, schedule: Schedule, plan: Plan, settings: Settings) -> Trajectory:
    """Integrate on a given grid.

    If Newton fails at a step, `status` says so and everything from there on is NaN.  A voltage beyond the guard at the
    end of an interval is reported as such; a plan of a run that ended at the guard serves only where the run still
    does.
    """
    run = _run(system, initial, schedule, plan, settings)
    rows = jax.tree.map(lambda y: y[:, -1], run.stages)
    last = jnp.maximum(plan.last_step, 0)
    good = (plan.last_step >= 0) & run.healthy[last]
    ends = jax.tree.map(lambda y: y[last], rows)
    # Masked after the voltage is computed: derivatives of a voltage of NaN would spoil those of the other rows.
    voltage = reached_only(good, jax.vmap(system.voltage)(ends, schedule.current))
    final = jax.tree.map(lambda y, all_rows: jnp.where(plan.used > 0, all_rows[-1], y), initial, rows)
    final_interval = plan.interval[jnp.maximum(plan.used - 1, 0)]
    final_current = schedule.current[final_interval]
    steps = plan.fraction.shape[0]
    sound = (jnp.arange(steps) < plan.used) & run.healthy
    covered = jnp.where(sound, plan.fraction * schedule.duration[plan.interval], 0.0)
    reached = jnp.max(jnp.where(good, jnp.abs(voltage), 0.0), initial=0.0)
    planned_guard = plan.outcome == int(RESULTS.voltage_guard)
    final_voltage = system.voltage(final, final_current)
    at_guard = jnp.abs(final_voltage) > (1 - GUARD_MARGIN) * settings.voltage_guard
    beyond = reached > (1 + GUARD_MARGIN) * settings.voltage_guard
    healthy = run.healthy[-1]
    guarded = healthy & planned_guard & at_guard
    status = jnp.where(beyond, int(RESULTS.voltage_guard), plan.outcome)
    status = jnp.where(planned_guard & ~at_guard, int(RESULTS.plan_outdated), status)
    status = jnp.where(healthy, status, int(RESULTS.newton_failed))
    last_step = covered[jnp.maximum(plan.used - 1, 0)]
    moving = _moving_end(system, final, guarded, final_voltage, final_current, last_step, settings)
    return Trajectory(
        state=jax.tree.map(lambda y: reached_only(good, y), ends),
        voltage=voltage,
        voltage_error=jnp.full_like(voltage, jnp.nan),
        final=final,
        final_time=jnp.sum(covered) + moving,
        final_voltage=final_voltage,
        final_current=final_current,
        status=status,
        plan=plan,
        rejected=jnp.asarray(0),
        newton_iterations=run.iterations,
    )


NO_TANGENT: Any = {"healthy": None, "iterations": None}


class _Run(NamedTuple):
    stages: State
    """Leading axes: steps, stages; where no step was taken, the state before."""
    healthy: Bool[Array, " steps"]
    """Whether every step so far converged."""
    iterations: Counter


@eqx.filter_custom_jvp
def _run(system: ChainSystem, initial: State, schedule: Schedule, plan: Plan, settings: Settings) -> _Run:
    take = partial(_take_steps, settings=settings)
    return in_one_kernel(take)(system, initial, schedule, (plan.fraction, plan.interval, plan.used))


@_run.def_jvp
def _run_jvp(primals, tangents):
    system, initial, schedule, plan, settings = primals
    system_tangent, initial_tangent, schedule_tangent, *_ = tangents
    run = _run(*primals)
    active = (jnp.arange(plan.fraction.shape[0]) < plan.used) & run.healthy
    grid, grid_tangent = eqx.filter_jvp(
        lambda own: _grid(own, plan, active, settings.tableau), (schedule,), (schedule_tangent,)
    )
    start_tangent = filled(initial, initial_tangent)
    blocks = jax.tree.map(_blocks, (grid, grid_tangent, run.stages))
    count = jnp.arange(blocks[0].active.size).reshape(blocks[0].active.shape)
    blocks = (blocks[0]._replace(active=blocks[0].active & (count < active.size)), *blocks[1:])
    starts = jax.tree.map(lambda y, rows: jnp.concatenate([y[None], rows[:-1, -1, -1]]), initial, blocks[2])

    def block(start_tangent, inputs):
        (grid, grid_tangent, stages), start = inputs

        def taken(start_tangent):
            return stage_tangents(
                system, grid, stages, start, system_tangent, grid_tangent, start_tangent, settings.tableau
            )

        def skipped(start_tangent):
            return jax.tree.map(lambda y, rows: jnp.broadcast_to(y, rows.shape), start_tangent, stages)

        rows = jax.lax.cond(jnp.any(grid.active), taken, skipped, start_tangent)
        return jax.tree.map(lambda y: y[-1, -1], rows), rows

    _, stage_tangent = jax.lax.scan(block, start_tangent, (blocks, starts))
    stage_tangent = jax.tree.map(
        lambda rows, like: jnp.reshape(rows, (count.size, *like.shape[1:]))[: like.shape[0]],
        stage_tangent,
        run.stages,
    )
    return run, run._replace(stages=stage_tangent, **NO_TANGENT)


def _grid(schedule: Schedule, plan: Plan, active: Array, tableau: Tableau) -> Grid:
    step = plan.fraction * schedule.duration[plan.interval]
    return Grid(tableau.gamma * jnp.where(active, step, SLACK_STEP), schedule.current[plan.interval], active)


def _blocks(rows: Array) -> Array:
    """Steps in blocks; the last step is repeated to fill up."""
    steps = rows.shape[0]
    block = min(BLOCK, steps)
    count = -(-steps // block)
    index = jnp.minimum(jnp.arange(count * block), steps - 1)
    return rows[index].reshape((count, block, *rows.shape[1:]))


def _take_steps(system: ChainSystem, initial: State, schedule: Schedule, grid: tuple, settings: Settings) -> _Run:
    fraction, interval, used = grid
    tableau = settings.tableau

    def take(inputs, carry):
        state, slope, healthy, iterations = carry
        j, part, k, before = inputs
        fresh = schedule.jump[k] & ((j == 0) | (before != k))
        slope = jax.tree.map(lambda s: jnp.where(fresh, 0.0, s), slope)
        result = implicit_step(
            system, state, slope, part * schedule.duration[k], schedule.current[k], tableau, settings.stage_newton,
            refined=True,
        )  # fmt: skip
        done = result.converged
        stages = jax.tree.map(lambda new, old: jnp.where(done, new, old), result.stages, _hold(state, tableau))
        kept = jax.tree.map(lambda new, old: jnp.where(done, new, old), (result.state, result.slope), (state, slope))
        return (*kept, healthy & done, iterations + result.iterations), stages

    def one(carry, inputs):
        active = inputs[0] < used
        carry, stages = jax.lax.cond(active, take, lambda _, carry: (carry, _hold(carry[0], tableau)), inputs, carry)
        return carry, (stages, carry[2])

    zero = jax.tree.map(jnp.zeros_like, initial)
    carry = (initial, zero, jnp.asarray(True), jnp.asarray(0))
    before = jnp.concatenate([interval[:1], interval[:-1]])
    rows = (jnp.arange(fraction.shape[0]), fraction, interval, before)
    (_, _, _, iterations), (stages, healthy) = jax.lax.scan(one, carry, rows)
    return _Run(stages, healthy, iterations)


def _hold(state: State, tableau: Tableau) -> State:
    return jax.tree.map(lambda y: jnp.broadcast_to(y[None], (tableau.stages, *y.shape)), state)


def _moving_end(
    system: ChainSystem, final: State, guarded: Flag, voltage: Scalar, current: Scalar, step: Scalar, settings: Settings
) -> Scalar:
    """Zero, with the derivative of the time at which the voltage passes its final value: dt/dp = -(dV/dp)/(dV/dt).

    For runs that the voltage guard ended (`guarded`); no derivative for others. dV/dt comes from one more step, a
    millionth of the last.
    """
    probe = 1e-6 * step
    still = jax.tree.map(jnp.zeros_like, final)
    frozen = jax.lax.stop_gradient((system, final, still, probe, current))
    after = implicit_step(*frozen, settings.tableau, settings.stage_newton, refined=True).state
    constant = jax.lax.stop_gradient(voltage)
    rate = jax.lax.stop_gradient((system.voltage(after, current) - constant) / probe)
    return jnp.where(guarded, -(voltage - constant) / jnp.where(guarded & (rate != 0.0), rate, 1.0), 0.0)
