"""Integration over a schedule with error control.

Differentiated, a run replays the very steps it took, so that its derivatives are those of the discrete solution.
"""

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxcell.solver.kernel import in_one_kernel
from jaxcell.solver.replay import GUARD_MARGIN, replay
from jaxcell.solver.results import RESULTS
from jaxcell.solver.schedule import Plan, Schedule
from jaxcell.solver.settings import Settings
from jaxcell.solver.step import implicit_step, local_error
from jaxcell.solver.system import ChainSystem, State
from jaxcell.solver.trajectory import Trajectory, reached_only
from jaxcell.units import Counter, Scalar

SMALLEST_FRACTION = 1e-13
"""Steps below this fraction of their interval end the run: the clock no longer resolves them."""
SMALLEST_STEP = 1e-12
"""... and below this many seconds, which no double layer needs."""


class _Progress(NamedTuple):
    interval: Counter
    elapsed: Scalar
    step: Scalar
    state: State
    slope: State
    voltage: Scalar
    steps: Counter
    rejected: Counter
    iterations: Counter
    status: Counter
    running: Array
    retried: Array
    out: State
    out_voltage: Array
    out_error: Array
    fraction: Array
    interval_of: Array
    last_step: Array


@eqx.filter_custom_jvp
def solve(system: ChainSystem, initial: State, schedule: Schedule, settings: Settings) -> Trajectory:
    """Integrate with error control; see `Trajectory`. Differentiable in both modes in system, initial, schedule."""
    return in_one_kernel(partial(_adaptive, settings=settings))(system, initial, schedule)


@solve.def_jvp
def _solve_jvp(primals, tangents):
    system, initial, schedule, settings = primals
    planned = jax.lax.stop_gradient(solve(*primals))
    plan = planned.plan
    out, tangent = eqx.filter_jvp(
        lambda s, i, q: replay(s, i, q, plan, settings), (system, initial, schedule), tangents[:3]
    )
    # How the steps were found belongs to the run with error control.
    return out._replace(rejected=planned.rejected, newton_iterations=planned.newton_iterations), tangent


def _adaptive(system: ChainSystem, initial: State, schedule: Schedule, settings: Settings) -> Trajectory:
    if not any(settings.tableau.error):
        raise ValueError(
            "settings.tableau must have an error estimate to choose steps by; this one can only be replayed."
        )
    intervals = schedule.duration.shape[0]
    nan_rows = jax.tree.map(lambda y: jnp.full((intervals, *y.shape), jnp.nan), initial)
    start = _Progress(
        interval=jnp.asarray(0),
        elapsed=jnp.asarray(0.0),
        step=schedule.duration[0] * settings.first_fraction,
        state=initial,
        slope=jax.tree.map(jnp.zeros_like, initial),
        voltage=system.voltage(initial, schedule.current[0] * 0.0),
        steps=jnp.asarray(0),
        rejected=jnp.asarray(0),
        iterations=jnp.asarray(0),
        status=jnp.asarray(int(RESULTS.successful)),
        running=jnp.asarray(True),
        retried=jnp.asarray(False),
        out=nan_rows,
        out_voltage=jnp.full(intervals, jnp.nan),
        out_error=jnp.full(intervals, jnp.nan),
        fraction=jnp.zeros(settings.max_steps),
        interval_of=jnp.zeros(settings.max_steps, dtype=jnp.int64),
        last_step=jnp.full(intervals, -1, dtype=jnp.int64),
    )
    end = jax.lax.while_loop(lambda p: p.running, lambda p: _advance(p, system, schedule, settings), start)
    interval = jnp.minimum(end.interval, intervals - 1)
    reached = jnp.arange(intervals) < end.interval
    done = jnp.sum(jnp.where(reached, schedule.duration, 0.0))
    return Trajectory(
        state=jax.tree.map(lambda rows: reached_only(reached, rows), end.out),
        voltage=reached_only(reached, end.out_voltage),
        voltage_error=reached_only(reached, end.out_error),
        final=end.state,
        final_time=done + end.elapsed,
        final_voltage=end.voltage,
        final_current=schedule.current[interval],
        status=end.status,
        plan=Plan(end.fraction, end.interval_of, end.steps, end.status, end.last_step, schedule.duration),
        rejected=end.rejected,
        newton_iterations=end.iterations,
    )


def _advance(p: _Progress, system: ChainSystem, schedule: Schedule, settings: Settings) -> _Progress:
    """Try one step; accept it or shorten it."""
    tableau = settings.tableau
    k = p.interval
    length, current = schedule.duration[k], schedule.current[k]
    fresh = schedule.jump[k] & (p.elapsed == 0.0)
    slope = jax.tree.map(lambda s: jnp.where(fresh, 0.0, s), p.slope)
    remaining = length - p.elapsed
    # Two equal steps rather than a full one and a sliver.
    step = jnp.where(p.step >= remaining * (1 - 1e-9), remaining, jnp.minimum(p.step, 0.5 * remaining))
    result = implicit_step(system, p.state, slope, step, current, tableau, settings.stage_newton)
    error = local_error(system, p.state, result, step, tableau)
    voltage = system.voltage(result.state, current)
    voltage_error = jnp.abs(system.voltage(jax.tree.map(jnp.add, result.state, error), current) - voltage)
    size = _error_size(system, p.state, result.state, error, settings)
    sound = result.converged & jnp.isfinite(size) & jnp.isfinite(voltage)
    accurate = sound & (size <= 1.0)
    beyond = sound & (jnp.abs(voltage) > settings.voltage_guard)
    near_guard = jnp.abs(voltage) <= (1 + GUARD_MARGIN) * settings.voltage_guard
    accepted = accurate & (~beyond | near_guard)

    factor = 0.8 * jnp.maximum(size, 1e-8) ** (-1.0 / tableau.order)
    most = jnp.where(p.retried, 1.0, 3.0)
    factor = jnp.where(sound, jnp.clip(factor, 0.1, most), 0.25)
    factor = jnp.where(accurate & beyond, 0.5, factor)
    # A step cut short to land on an output time says nothing against the longer one.
    proposal = jnp.where(accepted, jnp.maximum(step * factor, jnp.where(step < p.step, p.step, 0.0)), step * factor)
    too_small = ~accepted & ((proposal < SMALLEST_FRACTION * length) | (proposal < SMALLEST_STEP))

    reached = accepted & (step == remaining)
    next_interval = k + jnp.where(reached, 1, 0)
    ahead = jnp.minimum(next_interval, schedule.duration.shape[0] - 1)
    fresh_next = reached & schedule.jump[ahead]
    proposal = jnp.where(
        fresh_next, jnp.minimum(proposal, settings.first_fraction * schedule.duration[ahead]), proposal
    )
    count = p.steps + jnp.where(accepted, 1, 0)
    status = jnp.where(
        accepted & beyond | too_small & beyond,
        int(RESULTS.voltage_guard),
        jnp.where(
            too_small,
            int(RESULTS.step_too_small),
            jnp.where(
                (count >= settings.max_steps) & (next_interval < schedule.duration.shape[0]),
                int(RESULTS.step_limit),
                p.status,
            ),
        ),
    )

    error_so_far = jnp.where(p.elapsed == 0.0, 0.0, p.out_error[k])
    return _Progress(
        interval=next_interval,
        elapsed=jnp.where(reached, 0.0, jnp.where(accepted, p.elapsed + step, p.elapsed)),
        step=proposal,
        state=_either(accepted, result.state, p.state),
        slope=_either(accepted, result.slope, p.slope),
        voltage=_either(accepted, voltage, p.voltage),
        steps=count,
        rejected=p.rejected + jnp.where(accepted, 0, 1),
        iterations=p.iterations + result.iterations,
        status=status,
        retried=~accepted,
        running=(status == int(RESULTS.successful)) & (next_interval < schedule.duration.shape[0]),
        # Rows are written at every try; the last accepted step of the interval writes last.
        out=jax.tree.map(lambda rows, y: rows.at[k].set(y), p.out, result.state),
        out_voltage=p.out_voltage.at[k].set(voltage),
        out_error=p.out_error.at[k].set(jnp.where(accepted, jnp.maximum(error_so_far, voltage_error), error_so_far)),
        fraction=p.fraction.at[p.steps].set(step / length),
        interval_of=p.interval_of.at[p.steps].set(k),
        last_step=p.last_step.at[k].set(jnp.where(reached, p.steps, -1)),
    )


def _error_size(system: ChainSystem, old: State, new: State, error: State, settings: Settings) -> Scalar:
    """Largest local error in units of its tolerance; one is the limit."""
    field = settings.atol + settings.rtol * jnp.maximum(jnp.abs(old.field), jnp.abs(new.field))
    edge = settings.atol + settings.rtol * jnp.maximum(jnp.abs(old.edge), jnp.abs(new.edge))
    # Amounts count from the start of the run, so their size says nothing about the digits that matter.
    node = settings.atol * system.node_tolerance
    sizes = [jnp.abs(error.field) / field, jnp.abs(error.edge) / edge, jnp.abs(error.node) / node]
    return jnp.max(jnp.stack([jnp.max(s, initial=0.0) for s in sizes]))


def _either(condition: Array, yes, no):
    """Leaf by leaf, `yes` where the condition holds, else `no`."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
