"""Integration over a schedule: error-controlled, or replayed on a planned step grid.

`solve` runs with error control; differentiated, it replays the very steps it took, so that its derivatives are
those of the discrete solution.  `replay` takes a plan made earlier: same shapes, same steps, one compiled program
for every parameter value and for whole batches.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.solver.newton import STEEPNESS, NewtonSettings
from jaxcell.solver.results import RESULTS
from jaxcell.solver.schedule import Plan, Schedule
from jaxcell.solver.step import StepResult, implicit_step
from jaxcell.solver.system import ChainSystem, State
from jaxcell.solver.tableau import SDIRK3, Tableau
from jaxcell.units import Counter, Flag, Scalar

SMALLEST_FRACTION = 1e-13
"""Steps below this fraction of their interval end the run: the clock no longer resolves them."""
SMALLEST_STEP = 1e-12
"""... and below this many seconds, which no double layer needs."""
GUARD_MARGIN = 0.01
"""The step that crosses the voltage guard is shortened until it overshoots by no more than this fraction."""
NEWTON_SHARE = 0.03
"""Part of the absolute tolerance that Newton's method may leave."""
SMALLEST_NEWTON = 1e-10
"""Dimensionless increments below this are rounding."""
SLACK_STEP = 1e-9
"""Length of slack steps [s]: computed and thrown away, they must converge from any state, and zero would divide."""
BLOCK = 32
"""Steps replayed at a time; a block of slack steps only is skipped."""


def _tolerance(value: Any) -> Any:
    return float(value) if isinstance(value, np.floating | np.integer) else value


class Settings(eqx.Module):
    """Accuracy and limits of a run."""

    rtol: float = eqx.field(static=True, converter=_tolerance)
    """Tolerance of each step's local error in the potentials, relative to them."""
    atol: float = eqx.field(static=True, converter=_tolerance)
    """Absolute tolerance of potentials [V]; amounts are held to what shifts a potential by as much near exhaustion,
    atol F/RT of the depletion capacity."""
    max_steps: int = eqx.field(static=True, default=4096)
    first_fraction: float = eqx.field(static=True, default=1e-3)
    """First step after a jump of the current, as a fraction of its interval; rejected if too long."""
    voltage_guard: float = eqx.field(static=True, default=20.0)
    """|E| [V] at which the run ends with a code."""
    tableau: Tableau = eqx.field(static=True, default=SDIRK3)
    newton: NewtonSettings = eqx.field(static=True, default=NewtonSettings())
    """Tightened where `atol` asks for more; see `stage_newton`."""

    def __check_init__(self) -> None:
        for name in ("rtol", "atol", "max_steps", "first_fraction", "voltage_guard"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and value > 0.0):
                raise ValueError(f"Settings.{name} must be a number above 0, but is {value!r}.")

    @property
    def stage_newton(self) -> NewtonSettings:
        """Newton's tolerances with an error well below that of the steps."""
        most = max(SMALLEST_NEWTON, NEWTON_SHARE * STEEPNESS * self.atol)
        own = self.newton
        return own._replace(
            tolerance=min(own.tolerance, most), differentiable_tolerance=min(own.differentiable_tolerance, most)
        )


class Trajectory(NamedTuple):
    """States at the ends of the intervals, and how the run went."""

    state: State
    """Leading axis: intervals. NaN where the run did not get."""
    voltage: Float[Array, " intervals"]
    """E [V] at the ends of the intervals."""
    voltage_error: Float[Array, " intervals"]
    """Largest estimated local error of E [V] among the steps of the interval; NaN in a replay, which has none."""
    final: State
    """Last accepted state."""
    final_time: Scalar
    """Its time [s] since the start."""
    final_voltage: Scalar
    final_current: Scalar
    status: Counter
    """A `RESULTS` code."""
    plan: Plan
    rejected: Counter
    newton_iterations: Counter


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
    return _adaptive(system, initial, schedule, settings)


@solve.def_jvp
def _solve_jvp(primals, tangents):
    system, initial, schedule, settings = primals
    planned = jax.lax.stop_gradient(_adaptive(*primals))
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
        state=jax.tree.map(lambda rows: _only(reached, rows), end.out),
        voltage=_only(reached, end.out_voltage),
        voltage_error=_only(reached, end.out_error),
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
    result = implicit_step(system, p.state, slope, step, current, tableau, settings.stage_newton, differentiable=False)
    voltage = system.voltage(result.state, current)
    voltage_error = jnp.abs(system.voltage(jax.tree.map(jnp.add, result.state, result.error), current) - voltage)
    size = _error_size(system, p.state, result, settings)
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


def _error_size(system: ChainSystem, old: State, result: StepResult, settings: Settings) -> Scalar:
    """Largest local error in units of its tolerance; one is the limit."""
    new, error = result.state, result.error
    field = settings.atol + settings.rtol * jnp.maximum(jnp.abs(old.field), jnp.abs(new.field))
    edge = settings.atol + settings.rtol * jnp.maximum(jnp.abs(old.edge), jnp.abs(new.edge))
    # Amounts count from the start of the run, so their size says nothing about the digits that matter.
    node = settings.atol * system.node_tolerance
    sizes = [jnp.abs(error.field) / field, jnp.abs(error.edge) / edge, jnp.abs(error.node) / node]
    return jnp.max(jnp.stack([jnp.max(s, initial=0.0) for s in sizes]))


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
    after = implicit_step(*frozen, settings.tableau, settings.stage_newton, differentiable=False).state
    constant = jax.lax.stop_gradient(voltage)
    rate = jax.lax.stop_gradient((system.voltage(after, current) - constant) / probe)
    return jnp.where(guarded, -(voltage - constant) / jnp.where(guarded & (rate != 0.0), rate, 1.0), 0.0)


def _either(condition: Array, yes, no):
    """Leaf by leaf, `yes` where the condition holds, else `no`."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def _only(reached: Array, rows: Array) -> Array:
    mask = reached.reshape(reached.shape + (1,) * (rows.ndim - 1))
    return jnp.where(mask, rows, jnp.nan)


def replay(system: ChainSystem, initial: State, schedule: Schedule, plan: Plan, settings: Settings) -> Trajectory:
    """Integrate on a given grid: no error control, fixed shapes, both differentiation modes, vmap.

    If Newton fails at a step, `status` says so and everything from there on is NaN.  A voltage beyond the guard at the
    end of an interval is reported as such; a plan of a run that ended at the guard serves only where the run still
    does.
    """
    steps = plan.fraction.shape[0]
    block = min(BLOCK, steps)
    padding = -steps % block
    index = jnp.arange(steps + padding).reshape(-1, block)
    fraction = jnp.pad(plan.fraction, (0, padding)).reshape(-1, block)
    interval = jnp.pad(plan.interval, (0, padding)).reshape(-1, block)

    def one(carry, inputs):
        state, slope, healthy, iterations = carry
        j, part, k = inputs
        active = j < plan.used
        fresh = schedule.jump[k] & ((j == 0) | (plan.interval[jnp.maximum(j - 1, 0)] != k))
        slope = jax.tree.map(lambda s: jnp.where(fresh, 0.0, s), slope)
        step = jnp.where(active, part * schedule.duration[k], SLACK_STEP)
        result = implicit_step(
            system, state, slope, step, schedule.current[k], settings.tableau, settings.stage_newton,
            differentiable=True,
        )  # fmt: skip
        done = active & result.converged
        new = _either(done, result.state, state)
        new_slope = _either(done, result.slope, slope)
        healthy = healthy & (result.converged | ~active)
        carry = (new, new_slope, healthy, iterations + jnp.where(active, result.iterations, 0))
        return carry, (new, healthy)

    def many(carry, inputs):
        def run(carry):
            return jax.lax.scan(one, carry, inputs)

        def skip(carry):
            rows = jax.tree.map(lambda y: jnp.broadcast_to(y[None], (block, *y.shape)), carry[0])
            return carry, (rows, jnp.broadcast_to(carry[2], (block,)))

        return jax.lax.cond(inputs[0][0] < plan.used, run, skip, carry)

    zero = jax.tree.map(jnp.zeros_like, initial)
    carry = (initial, zero, jnp.asarray(True), jnp.asarray(0))
    (final, _, healthy, iterations), (rows, fine) = jax.lax.scan(many, carry, (index, fraction, interval))
    rows = jax.tree.map(lambda y: y.reshape((y.shape[0] * y.shape[1], *y.shape[2:])), rows)
    fine = fine.reshape(-1)

    last = jnp.maximum(plan.last_step, 0)
    good = (plan.last_step >= 0) & fine[last]
    ends = jax.tree.map(lambda y: y[last], rows)
    # Masked after the voltage is computed: derivatives of a voltage of NaN would spoil those of the other rows.
    voltage = _only(good, jax.vmap(system.voltage)(ends, schedule.current))
    state = jax.tree.map(lambda y: _only(good, y), ends)
    final_interval = plan.interval[jnp.maximum(plan.used - 1, 0)]
    final_current = schedule.current[final_interval]
    sound = (jnp.arange(steps) < plan.used) & fine[:steps]
    covered = jnp.where(sound, plan.fraction * schedule.duration[plan.interval], 0.0)
    reached = jnp.max(jnp.where(good, jnp.abs(voltage), 0.0), initial=0.0)
    planned_guard = plan.outcome == int(RESULTS.voltage_guard)
    final_voltage = system.voltage(final, final_current)
    at_guard = jnp.abs(final_voltage) > (1 - GUARD_MARGIN) * settings.voltage_guard
    beyond = reached > (1 + GUARD_MARGIN) * settings.voltage_guard
    guarded = healthy & planned_guard & at_guard
    status = jnp.where(beyond, int(RESULTS.voltage_guard), plan.outcome)
    status = jnp.where(planned_guard & ~at_guard, int(RESULTS.plan_outdated), status)
    status = jnp.where(healthy, status, int(RESULTS.newton_failed))
    last_step = covered[jnp.maximum(plan.used - 1, 0)]
    moving = _moving_end(system, final, guarded, final_voltage, final_current, last_step, settings)
    return Trajectory(
        state=state,
        voltage=voltage,
        voltage_error=jnp.full_like(voltage, jnp.nan),
        final=final,
        final_time=jnp.sum(covered) + moving,
        final_voltage=final_voltage,
        final_current=final_current,
        status=status,
        plan=plan,
        rejected=jnp.asarray(0),
        newton_iterations=iterations,
    )
