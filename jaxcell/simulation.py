"""simulate(cell, protocol) -> Solution."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxcell.cell import Cell
from jaxcell.component import unphysical, whole_number
from jaxcell.drive import check_rates, schedule_of
from jaxcell.model import ChainModel, assemble
from jaxcell.operating_point import OperatingPoint
from jaxcell.protocol import Mode, Protocol
from jaxcell.resolution import warn_of_few_shells
from jaxcell.solver.ends import StepEnd
from jaxcell.solver.integrate import solve
from jaxcell.solver.replay import replay
from jaxcell.solver.results import RESULTS
from jaxcell.solver.schedule import Plan
from jaxcell.solver.settings import Settings
from jaxcell.solver.system import State, row_of
from jaxcell.solver.trajectory import Trajectory
from jaxcell.units import Counter, is_traced

DEFAULT_SETTINGS = Settings(rtol=1e-4, atol=1e-4)
"""Local errors of 0.1 mV and 1e-4 of the amounts; see Settings."""

STARTS = ("initial_stoichiometry", "initial_filling")
"""Numbers of a cell that every run needs between 0 and 1."""


class SimulationError(RuntimeError):
    """A run that did not reach its end, raised by `simulate(..., throw=True)`; carries the solution so far."""

    def __init__(self, message: str, solution: "Solution"):
        super().__init__(message)
        self.solution = solution


class Solution(eqx.Module):
    """What the model says at the protocol's times.

    NaN from where a run ended early (`status` says why), and in rows that a stop skipped: the last row of a step that a
    stop ended is the moment of the stop. `ends` says how each step ended, `skipped` which took no time.
    """

    time: Float[Array, " times"]
    """Since the start [s]; NaN where skipped."""
    voltage: Float[Array, " times"]
    """Terminal voltage [V], Battery Data Format sign."""
    current_density: Float[Array, " times"]
    """Terminal current density [A m-2], positive charges the working electrode."""
    charge: Float[Array, " times"]
    """Charge [C m-2] passed since the time before, same sign."""
    step: Int[Array, " times"]
    """Number of the protocol's step, counted through all repeats."""
    state: State
    """Field and local states, leading axis: times."""
    model: ChainModel
    trajectory: Trajectory
    """How the integration went: step plan, error estimate, counts, last accepted state."""
    power: Float[Array, " times"] | None = None
    """Power density that the protocol holds [W m-2], positive charges the working electrode; NaN in rows of another
    control, None where every row holds a current."""

    @property
    def status(self) -> Counter:
        """A `RESULTS` code; zero is success."""
        return self.trajectory.status

    @property
    def result(self) -> RESULTS:
        """The outcome as a readable code; needs concrete values."""
        return RESULTS(int(self.status))

    @property
    def ends(self) -> tuple[StepEnd, ...]:
        """How each of the protocol's steps ended, and whether that has a derivative; needs concrete values."""
        plan, step = self.trajectory.plan, np.asarray(self.step)
        codes = np.where(np.asarray(plan.last_step) >= 0, int(StepEnd.on_time), int(StepEnd.not_reached))
        codes = codes if plan.end is None else np.asarray(plan.end)
        last = np.flatnonzero(np.diff(step, append=step[-1] + 1))
        found = codes[last]
        # A row inside a step has a code of its own only if the step ended there.
        early = np.flatnonzero(codes > int(StepEnd.on_time))
        found[step[early]] = codes[early]
        return tuple(StepEnd(int(code)) for code in found)

    @property
    def skipped(self) -> tuple[int, ...]:
        """Numbers of the steps that took no time because their stop was passed as they began; needs concrete values."""
        return tuple(k for k, end in enumerate(self.ends) if end is StepEnd.skipped)

    @property
    def reached(self) -> int:
        """Number of the protocol's times that the run reached; needs concrete values."""
        return self.taken.size

    @property
    def taken(self) -> np.ndarray:
        """Indices of the rows that hold a result; needs concrete values."""
        return np.flatnonzero(np.isfinite(np.asarray(self.voltage)))

    def state_at(self, row: int | None = None) -> OperatingPoint:
        """State and current of a row, or of the end of the run, also of one that ended early.

        Raises ValueError where there is no such row, or it holds no result; see `taken`.
        """
        if row is None:
            # As `Cell.plating_sign`: only against a composite cathode does plating charge the cell.
            sign = 1.0 if self.model.particles.some else -1.0
            return OperatingPoint(self.trajectory.final, sign * self.trajectory.final_current)
        if not is_traced(row):  # an array takes a number beyond its end for its last one
            count = self.voltage.shape[0]
            if not hasattr(row, "__index__") or np.ndim(row) or not -count <= int(row) < count:
                raise ValueError(f"row must be None or a whole number from {-count} to {count - 1}, but is {row!r}.")
        voltage = self.voltage[row]
        if not is_traced(voltage) and not np.isfinite(np.asarray(voltage)):
            raise ValueError(f"row must be one that holds a result (see Solution.taken), but is {row}.")
        return OperatingPoint(row_of(self.state, row), self.current_density[row])

    @property
    def gross_charge(self) -> Float[Array, " times"]:
        """Charge [C m-2] passed in either direction since the start."""
        passed = jnp.where(jnp.isnan(self.charge), 0.0, jnp.abs(self.charge))
        return jnp.cumsum(passed)

    @property
    def plan(self) -> Plan:
        """The step grid, to be replayed by `simulate(..., plan=...)`."""
        return self.trajectory.plan.trimmed()


def simulate(
    cell: Cell,
    protocol: Protocol,
    *,
    points: int = 20,
    shells: int = 16,
    settings: Settings = DEFAULT_SETTINGS,
    plan: Plan | None = None,
    throw: bool = True,
) -> Solution:
    """Run a protocol on a cell.

    Without `plan` the steps are chosen by error control; with one (`Solution.plan` of an earlier run) they are
    replayed: the same program for every parameter value, with steps that suit values near those they were made for.
    Differentiable in cell and protocol in both modes, either way, and a pure function to jit and vmap with
    `throw=False`.

    `points`: finite volumes of each layer with pores or a salt, of a separator with a salt and of a cathode.
    `shells`: of each of its particles; 16 are within 0.1 mV a minute after a typical 1C step and within 0.01 mV
    later.  Slow diffusion needs more: a `ResolutionWarning` says how many (see `jaxcell.resolution`), where values are
    concrete and no plan is given.

    Raises `SimulationError` (with the solution so far) if the run ends early or no step took any time, unless `throw`
    is False or values are traced; the message names numbers of the cell that `equinox.tree_at` made impossible.
    """
    if not isinstance(cell, Cell):
        raise ValueError(f"cell must be a Cell, but is {type(cell).__name__}.")
    if not isinstance(protocol, Protocol):
        raise ValueError(f"protocol must be a Protocol, but is {type(protocol).__name__}.")
    points, shells = whole_number(points, "points", least=1), whole_number(shells, "shells", least=2)
    _check_start(cell)
    check_rates(protocol, cell)
    _check_guard(protocol, settings)
    if plan is not None:
        _check_plan(plan, protocol)
    if plan is None:
        warn_of_few_shells(cell, protocol, shells)
    solution = _run(cell, protocol, plan, points, shells, settings)
    if throw and not is_traced(solution.status) and solution.result is not RESULTS.successful:
        trajectory = solution.trajectory
        wrong = [f"{one.removesuffix('.')}; equinox.tree_at does not check. " for one in unphysical(cell, "cell")]
        raise SimulationError(
            f"{''.join(wrong)}{solution.result.sentence} It ended at {float(trajectory.final_time):.6g} s of "
            f"{float(protocol.time[-1]):.6g} s, with {float(cell.plating_sign * trajectory.final_voltage):.4g} V "
            f"at the terminal.",
            solution,
        )
    return solution


def _check_start(cell: Cell) -> None:
    """Refuse concrete starts outside 0 to 1: a run from there can come to its end all the same."""
    for side, electrode in (("working", cell.working), ("counter", cell.counter)):
        if any(hasattr(electrode, name) for name in STARTS):
            for wrong in unphysical(electrode, f"cell.{side}", STARTS):
                raise ValueError(f"{wrong.removesuffix('.')}; equinox.tree_at does not check.")


def _check_guard(protocol: Protocol, settings: Settings) -> None:
    """Refuse voltages that no run gets to, as far as concrete values tell."""
    asked = {
        "stops at a voltage above": (protocol.voltage_above, jnp.isfinite(protocol.voltage_above)),
        "stops at a voltage below": (protocol.voltage_below, jnp.isfinite(protocol.voltage_below)),
        "holds a voltage of": (protocol.value, protocol.mode == int(Mode.VOLTAGE)),
    }
    for what, (voltage, given) in asked.items():
        if is_traced(voltage) or is_traced(given):
            continue
        beyond = np.flatnonzero(np.asarray(given) & (np.abs(np.asarray(voltage)) >= settings.voltage_guard))
        if beyond.size:
            step, asks = (np.asarray(rows)[beyond[0]] for rows in (protocol.step, voltage))
            raise ValueError(
                f"protocol step {step} {what} {asks:g} V, but every run ends at Settings.voltage_guard, "
                f"{settings.voltage_guard:g} V; lower the one or raise the other."
            )


def _check_plan(plan: Plan, protocol: Protocol) -> None:
    """Refuse a plan that was made for another protocol, as far as concrete values tell."""
    if not isinstance(plan, Plan):
        raise ValueError(f"plan must be a Plan (Solution.plan of an earlier run), but is {type(plan).__name__}.")
    if plan.last_step.shape != protocol.duration.shape:
        raise ValueError(
            f"plan must belong to this protocol, but was made for {plan.last_step.shape[0]} intervals and the protocol "
            f"has {protocol.duration.shape[0]}."
        )
    if plan.stop is not None and not protocol.stopped:
        raise ValueError("plan must belong to this protocol, but was made for one whose steps end on stops.")
    if plan.duration is None or is_traced(plan.duration) or is_traced(protocol.duration):
        return
    made, asked = np.asarray(plan.duration), np.asarray(protocol.duration)
    different = np.flatnonzero(np.abs(made - asked) > 0.1 * asked)
    if different.size:
        k = int(different[0])
        raise ValueError(
            f"plan must belong to this protocol, but interval {k} lasts {asked[k]:g} s and the plan's {made[k]:g} s."
        )


@partial(jax.jit, static_argnames=("points", "shells"))
def _run(cell: Cell, protocol: Protocol, plan: Plan | None, points: int, shells: int, settings: Settings) -> Solution:
    model = assemble(cell, points, shells)
    sign = cell.plating_sign
    schedule = schedule_of(protocol, cell)
    initial = model.initial_state
    if plan is None:
        trajectory = solve(model, initial, schedule, settings)
    else:
        trajectory = replay(model, initial, schedule, plan, settings)
    given = not (schedule.controlled or schedule.stopped)
    current = schedule.control.target if given else trajectory.current
    return Solution(
        time=trajectory.time if schedule.stopped else jnp.cumsum(schedule.duration),
        voltage=sign * trajectory.voltage,
        current_density=sign * current,
        charge=sign * trajectory.charge,
        step=protocol.step,
        state=trajectory.state,
        model=model,
        trajectory=trajectory,
        power=jnp.where(protocol.mode == int(Mode.POWER), protocol.value, jnp.nan) if schedule.controlled else None,
    )
