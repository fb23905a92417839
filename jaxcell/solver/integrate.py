"""Integration over a schedule with error control.

Differentiated, a run keeps the steps it took, so that its derivatives are those of the discrete solution.
"""

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxcell.solver.control import current_to_begin_with, excesses
from jaxcell.solver.ends import StepEnd, judged, judged_on_time, look_again, look_ahead, reach
from jaxcell.solver.kept import Kept, as_run, room_for
from jaxcell.solver.kernel import in_one_kernel
from jaxcell.solver.newton import STEEPNESS
from jaxcell.solver.replay import GUARD_MARGIN, Run, run_tangent, toward_guard, trajectory_of
from jaxcell.solver.results import RESULTS
from jaxcell.solver.schedule import NO_STOP, POWER, Plan, Schedule
from jaxcell.solver.settings import Settings
from jaxcell.solver.step import implicit_step, local_error
from jaxcell.solver.stopping import STOP_SHARE, Search, StepView, look_for_stop, no_search
from jaxcell.solver.system import ChainSystem, State
from jaxcell.solver.trajectory import Trajectory, charge_by_interval, reached_only
from jaxcell.units import Counter, Scalar

SMALLEST_FRACTION = 1e-13
"""Steps below this fraction of their interval end the run: the clock no longer resolves them."""
SMALLEST_STEP = 1e-12
"""... and below this many seconds, which no double layer needs."""
MOST_REJECTED = 10
"""A run ends when it has rejected so many times the steps it may take."""


class _Rows(NamedTuple):
    """What is kept of each interval."""

    state: State
    time: Array
    voltage: Array
    current: Array
    charge: Array
    """Since the protocol's step began."""
    error: Array
    last_step: Array
    end: Array
    """`StepEnd` codes."""


class _Progress(NamedTuple):
    interval: Counter
    elapsed: Scalar
    """Since the interval's start [s]."""
    time: Scalar
    """Since the run's start [s]."""
    step: Scalar
    state: State
    current: Scalar
    slope: State
    voltage: Scalar
    charge: Scalar
    """Passed since the protocol's step began [C m-2]."""
    search: Search
    ahead: Scalar
    """Length of a look past the stop that the last step ended on [s]; zero while there is none."""
    looks: Counter
    which: Counter
    """That stop."""
    steps: Counter
    rejected: Counter
    iterations: Counter
    status: Counter
    running: Array
    retried: Array
    rows: _Rows
    fraction: Array
    interval_of: Array
    stop: Array
    kept: Kept | None


@eqx.filter_custom_jvp
def solve(system: ChainSystem, initial: State, schedule: Schedule, settings: Settings) -> Trajectory:
    """Integrate with error control; see `Trajectory`. Differentiable in both modes in system, initial, schedule."""
    return in_one_kernel(partial(_adaptive, settings=settings))(system, initial, schedule)


@solve.def_jvp
def _solve_jvp(primals, tangents):
    *moving, settings = primals

    def kept(system: ChainSystem, initial: State, schedule: Schedule) -> Trajectory:
        planned, run = _with_steps(system, initial, schedule, settings)
        found = trajectory_of(system, initial, schedule, planned.plan, run, settings)
        # How the steps were found belongs to the run with error control.
        return found._replace(
            voltage_error=planned.voltage_error,
            rejected=planned.rejected,
            newton_iterations=planned.newton_iterations,
        )

    return eqx.filter_jvp(kept, tuple(moving), tangents[:3])


@eqx.filter_custom_jvp
def _with_steps(system: ChainSystem, initial: State, schedule: Schedule, settings: Settings) -> tuple[Trajectory, Run]:
    planned, kept = in_one_kernel(partial(_adaptive, settings=settings, keep=True))(system, initial, schedule)
    return planned, as_run(kept, planned, initial)


@_with_steps.def_jvp
def _with_steps_jvp(primals, tangents):
    *moving, settings = primals
    planned, run = _with_steps(*primals)
    nothing = jax.tree.map(lambda _: None, planned)
    return (planned, run), (nothing, run_tangent(moving, tangents[:3], planned.plan, run, settings))


def _adaptive(system: ChainSystem, initial: State, schedule: Schedule, settings: Settings, *, keep: bool = False):
    """The trajectory, and with `keep` what derivatives need of each step, which then is refined."""
    if not any(settings.tableau.error):
        raise ValueError(
            "settings.tableau must have an error estimate to choose steps by; this one can only be replayed."
        )
    intervals = schedule.duration.shape[0]
    most = settings.most_steps(intervals, stopped=schedule.stopped)
    none = jnp.full(intervals, jnp.nan)
    rest = jnp.asarray(0.0)
    built = system.voltage(initial, rest)
    starts = jnp.abs(built) <= settings.voltage_guard
    start = _Progress(
        interval=jnp.asarray(0),
        elapsed=jnp.asarray(0.0),
        time=jnp.asarray(0.0),
        step=schedule.duration[0] * settings.first_fraction,
        state=initial,
        current=rest,
        slope=jax.tree.map(jnp.zeros_like, initial),
        voltage=built,
        charge=jnp.asarray(0.0),
        search=no_search(),
        ahead=jnp.asarray(0.0),
        looks=jnp.asarray(0),
        which=jnp.asarray(NO_STOP),
        steps=jnp.asarray(0),
        rejected=jnp.asarray(0),
        iterations=jnp.asarray(0),
        status=jnp.where(starts, int(RESULTS.successful), int(RESULTS.no_start)),
        running=starts,
        retried=jnp.asarray(False),
        rows=_Rows(
            jax.tree.map(lambda y: jnp.full((intervals, *y.shape), jnp.nan), initial),
            none,
            none,
            none,
            none,
            none,
            jnp.full(intervals, -1, dtype=jnp.int64),
            jnp.full(intervals, int(StepEnd.not_reached), dtype=jnp.int64),
        ),
        fraction=jnp.zeros(most),
        interval_of=jnp.zeros(most, dtype=jnp.int64),
        stop=jnp.full(most, NO_STOP, dtype=jnp.int64),
        kept=room_for(initial, most, settings.tableau) if keep else None,
    )
    end = jax.lax.while_loop(lambda p: p.running, lambda p: _advance(p, system, schedule, settings), start)
    rows = end.rows
    reached = rows.last_step >= 0
    nothing = (end.status == int(RESULTS.successful)) & ~jnp.any(reached)
    status = jnp.where(nothing, int(RESULTS.all_skipped), end.status)
    state, time, voltage, current, charge, error = jax.tree.map(partial(reached_only, reached), rows[:-2])
    plan = Plan(
        end.fraction,
        end.interval_of,
        end.steps,
        status,
        rows.last_step,
        schedule.duration,
        end.stop if schedule.stopped else None,
        rows.end if schedule.stopped else None,
    )
    trajectory = Trajectory(
        time=time,
        state=state,
        voltage=voltage,
        current=current,
        charge=charge_by_interval(charge, schedule),
        voltage_error=error,
        final=end.state,
        final_time=end.time,
        final_voltage=end.voltage,
        final_current=end.current,
        status=status,
        plan=plan,
        rejected=end.rejected,
        newton_iterations=end.iterations,
    )
    return (trajectory, end.kept) if keep else trajectory


def _advance(p: _Progress, system: ChainSystem, schedule: Schedule, settings: Settings) -> _Progress:
    """Try one step; accept it, shorten it, or look for the moment at which it should stop."""
    tableau = settings.tableau
    k = p.interval
    length, control, stops = schedule.at(k)
    begins = schedule.jump[k] & (p.elapsed == 0.0)
    slope = jax.tree.map(lambda s: jnp.where(begins, 0.0, s), p.slope)
    current = current_to_begin_with(system, schedule, control, p.state, p.current, begins)
    remaining = length - p.elapsed
    # Two equal steps rather than a full one and a sliver.
    step = jnp.where(p.step >= remaining * (1 - 1e-9), remaining, jnp.minimum(p.step, 0.5 * remaining))
    if schedule.stopped:
        step = jnp.where(p.search.active, p.search.trial, step)
        step = jnp.where(p.ahead > 0.0, p.ahead, step)
    result = implicit_step(
        system, p.state, current, slope, step, control, tableau, settings.stage_newton,
        controlled=schedule.controlled, refined=p.kept is not None,
    )  # fmt: skip
    error = local_error(system, p.state, result, step, tableau)
    voltage = system.voltage(result.state, result.current)
    off = system.voltage(jax.tree.map(jnp.add, result.state, error), result.current)
    voltage_error = jnp.abs(off - voltage)
    size = _error_size(system, p.state, result.state, error, settings)
    charge = p.charge + result.charge(step, tableau)
    sound = result.converged & jnp.isfinite(size) & jnp.isfinite(voltage)
    accurate = sound & (size <= 1.0)
    share, guard = toward_guard(system, result.state, voltage, settings)
    beyond = sound & (share > 1.0)
    near_guard = share <= 1 + GUARD_MARGIN
    accepted = accurate & (~beyond | near_guard)

    at_once, stopped, looked, search, which = *[jnp.asarray(False)] * 3, p.search, jnp.asarray(NO_STOP)
    ahead, which_next, code = p.ahead, p.which, jnp.asarray(int(StepEnd.on_time))
    if schedule.stopped:
        looked = p.ahead > 0.0
        accepted = accepted & ~looked
        smallest = jnp.maximum(SMALLEST_FRACTION * length, SMALLEST_STEP)
        began = system.voltage(p.state, current)
        # A step whose stop is passed as it begins takes no time.
        at_once = begins & jnp.any(excesses(stops, began, current, p.charge) >= 0.0)
        view = StepView(p.charge, began, current, step, charge, voltage, result)
        verdict = look_for_stop(
            p.search, stops, system, view, tableau, smallest=smallest, tolerance=STOP_SHARE * settings.atol
        )
        at_once = at_once | (accepted & verdict.at_once)
        stopped = accepted & verdict.stopped & ~at_once
        search = _either(accepted & ~at_once, verdict.search, no_search())
        which = jnp.where(stopped, verdict.which, NO_STOP)
        accepted = accepted & ~verdict.search.active & ~at_once
        near = reach(stops, system, view, tableau)
        look = look_ahead(near, which, step, smallest=smallest, longest=length, atol=settings.atol)
        again = look_again(near, p.which, sound, p.looks, step, longest=length, atol=settings.atol)
        ahead = jnp.where(stopped, look, jnp.where(looked, again, 0.0))
        which_next = jnp.where(looked, p.which, which)
        last = schedule.next_step[k] == k + 1
        left = jnp.where(last, remaining, jnp.inf) / step
        code = jnp.where(
            looked,
            judged(near, p.which, sound, left, settings.atol),
            jnp.where(stopped, int(StepEnd.on_stop), judged_on_time(near.end, last, settings.atol)),
        )
        code = jnp.where(at_once, jnp.where(begins, int(StepEnd.skipped), int(StepEnd.tie)), code)

    factor = 0.8 * jnp.maximum(size, 1e-8) ** (-1.0 / tableau.order)
    most = jnp.where(p.retried, 1.0, 3.0)
    factor = jnp.where(sound, jnp.clip(factor, 0.1, most), 0.25)
    factor = jnp.where(accurate & beyond, 0.5, factor)
    # A step cut short to land on an output time says nothing against the longer one.
    proposal = jnp.where(accepted, jnp.maximum(step * factor, jnp.where(step < p.step, p.step, 0.0)), step * factor)
    small = ~((proposal >= SMALLEST_FRACTION * length) & (proposal >= SMALLEST_STEP))
    too_small = ~accepted & small & ~search.active & ~at_once & ~looked

    # From a stop the run goes on once it has looked past it.
    reached = accepted & (step == remaining) & ~stopped
    looking = looked & (ahead > 0.0)
    leaves = (looked & ~looking) | at_once
    done = reached | leaves
    following = jnp.where(stopped | looked | at_once, schedule.next_step[k], k + jnp.where(reached, 1, 0))
    next_interval = jnp.where(stopped | looking, k, following)
    beginning = jnp.minimum(next_interval, schedule.duration.shape[0] - 1)
    jumps = done & (schedule.jump[beginning] | leaves)
    first = settings.first_fraction * schedule.duration[beginning]
    proposal = jnp.where(jumps, jnp.where(leaves, first, jnp.minimum(proposal, first)), proposal)
    count = p.steps + jnp.where(accepted, 1, 0)
    unfinished = following < schedule.duration.shape[0]
    room, limit = p.fraction.shape[0], int(RESULTS.step_limit)
    status = jnp.where(
        accepted & beyond | too_small & beyond,
        guard,
        jnp.where(
            too_small,
            jnp.where(control.mode == POWER, int(RESULTS.power_limit), int(RESULTS.step_too_small)),
            jnp.where((count >= room) & unfinished | (p.rejected >= MOST_REJECTED * room), limit, p.status),
        ),
    )

    rows = p.rows
    error_so_far = jnp.where(p.elapsed == 0.0, 0.0, rows.error[k])
    error_so_far = jnp.where(accepted, jnp.maximum(error_so_far, voltage_error), error_so_far)
    time = p.time + step
    values = (result.state, time, voltage, result.current, charge)
    elapsed = jnp.where(accepted, p.elapsed + step, p.elapsed)
    next_charge = jnp.where(accepted, charge, p.charge)
    ended = reached | stopped

    def put(all_rows: Array, one: Array) -> Array:
        """Its row of the interval; a look past a stop leaves none."""
        one = jnp.where(looked, all_rows[k], one)
        return jax.lax.dynamic_update_index_in_dim(all_rows, one, k, 0)

    return _Progress(
        interval=next_interval,
        elapsed=jnp.where(done, 0.0, elapsed),
        time=jnp.where(accepted, time, p.time),
        step=proposal,
        state=_either(accepted, result.state, p.state),
        current=jnp.where(accepted, result.current, p.current),
        slope=_either(accepted, result.slope, p.slope),
        voltage=jnp.where(accepted, voltage, p.voltage),
        charge=jnp.where(done & (next_interval == schedule.next_step[k]), 0.0, next_charge),
        search=search,
        ahead=ahead,
        looks=jnp.where(looked, p.looks + 1, 0),
        which=which_next,
        steps=count,
        rejected=p.rejected + jnp.where(accepted | looked | at_once, 0, 1),
        iterations=p.iterations + result.iterations,
        status=status,
        retried=~accepted & ~looked & ~at_once,
        running=(status == int(RESULTS.successful)) & (unfinished | stopped | looking),
        # Rows are written at every try, but for looks past a stop; the last accepted step of the interval writes last.
        rows=_Rows(
            *jax.tree.map(put, tuple(rows[:5]), values),
            error=put(rows.error, error_so_far),
            last_step=put(rows.last_step, jnp.where(ended, p.steps, -1)),
            end=rows.end.at[k].set(jnp.where(ended | looked | at_once, code, int(StepEnd.not_reached))),
        ),
        fraction=p.fraction.at[p.steps].set(step / length),
        interval_of=p.interval_of.at[p.steps].set(k),
        stop=p.stop.at[p.steps].set(which),
        # Of every try; the accepted one writes last.
        kept=None
        if p.kept is None
        else jax.tree.map(
            lambda rows, one: jax.lax.dynamic_update_index_in_dim(rows, one, p.steps, 0),
            p.kept,
            Kept(result.stages, result.currents, step, charge),
        ),
    )


def _error_size(system: ChainSystem, old: State, new: State, error: State, settings: Settings) -> Scalar:
    """Largest local error in units of its tolerance; one is the limit."""
    field = settings.atol + settings.rtol * jnp.maximum(jnp.abs(old.field), jnp.abs(new.field))
    edge = settings.atol + settings.rtol * jnp.maximum(jnp.abs(old.edge), jnp.abs(new.edge))
    # A relative change of the salt by x shifts u by some x RT/F.
    salt = settings.atol * STEEPNESS * system.salt_origin + settings.rtol * jnp.abs(new.salt)
    # Amounts count from the start of the run, so their size says nothing about the digits that matter.
    node = settings.atol * system.node_tolerance
    # Potentials change by about 1 V from empty to full. Shells count alike; modes do, which bounds the outermost shell
    # and the mean as well, and the shell at the centre by 10 to 40 times as much with 16 to 64 shells.
    shells = settings.atol * jnp.ones_like(new.particle)
    # What changes the laws by their own order shifts u by some RT/F: a tenth of a volt at most.
    whole = settings.atol * 10.0 * system.shared_scale
    relative = zip(error, (field, salt, node, shells, edge, whole), strict=True)
    sizes = [jnp.abs(one) / allowed for one, allowed in relative]
    return jnp.max(jnp.stack([jnp.max(s, initial=0.0) for s in sizes]))


def _either(condition: Array, yes, no):
    """Leaf by leaf, `yes` where the condition holds, else `no`."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
