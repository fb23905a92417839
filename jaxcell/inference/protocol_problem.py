"""The fit of a cell model to a protocol whose steps end by themselves: on a voltage, a current, a charge."""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxcell.cell import Cell
from jaxcell.drive import schedule_of
from jaxcell.inference.analysis import FitSettings
from jaxcell.inference.bottom_share import SHARE, dividing
from jaxcell.inference.cell_problem import (
    plated_and_lost,
    plated_and_lost_units,
    reported_resistances,
    resistance_units,
)
from jaxcell.inference.least_squares import LevenbergMarquardt
from jaxcell.inference.lost_lithium import channels_of
from jaxcell.inference.parameters import ParameterSet
from jaxcell.inference.problem import Physical, Problem, without_padding
from jaxcell.inference.step_data import StepData
from jaxcell.protocol import Mode, Protocol
from jaxcell.simulation import Solution, simulate
from jaxcell.solver.settings import Settings
from jaxcell.units import Scalar

PROTOCOL_FIT = FitSettings(LevenbergMarquardt(1e-5, 1e-7, 1e-7, max_steps=60))
"""Settings for `fit`: runs with error control of their own are smooth to about 1e-7 of the loss, and cost more."""
RUNS = 2
"""The first run finds when the steps end, the second has rows at the shares of what the first found."""
SHARE_OF_NOISE = 0.01
"""Tolerance of the runs, as a part of the smallest noise of a voltage; see `ProtocolProblem`."""
SCATTER_DOF = 1.0
"""Degrees of freedom of the belief about an estimated noise, centred on the guess, before any residual."""
TOLERANCES = (1e-8, 1e-5)
"""Smallest and largest tolerance chosen so [V]; the largest where there are no voltages."""


class StepValues(NamedTuple):
    """What the model says of every step of a protocol."""

    duration: Float[Array, " steps"]
    """[s]; zero for a step that was passed over because its stop was met as it began, NaN where the run did not get."""
    charge: Float[Array, " steps"]
    """[C m-2], in either direction."""
    voltage: Float[Array, " rows"]
    """[V] at the rows of the layout; the last row of each step is its end."""


class ProtocolProblem(Problem):
    """Residuals (model - measured)/noise of durations, charges, efficiencies and voltages of the steps of a protocol.

    The model runs the protocol with its stops, so a step lasts as long as the cell makes it last; derivatives hold
    through the ends.  Voltages are compared at shares of the step (see `StepData`).  Every theta is run with error
    control: a grid planned elsewhere could serve only while every stop stays in the step, often of milliseconds, that
    it ended.

    **Tolerance.** With error control the loss is smooth but where the steps taken change; there it jumps by what the
    tolerance lets pass.  By default the tolerance is a hundredth of the voltages' noise: the estimates are then those
    of the exact solution to a hundredth of a standard error, and Levenberg-Marquardt converges as on a smooth function.
    A tenth of the noise serves to explore.

    A theta whose run fails, or that passes over a step with voltages to compare, has NaN residuals; where an end only
    grazes its stop the Jacobian is NaN.  The fit goes around both, and `solution(theta)` says why (`result`, `ends`).
    """

    parameters: ParameterSet
    segments: Int[Array, " residuals"]
    data_scale: Float[Array, " residuals"] | None
    data_unit: str = eqx.field(static=True)
    cell: Cell
    protocol: Protocol
    """One row a step and share, in the order of the data's steps; durations are filled in by each run."""
    data: tuple[StepData, ...]
    shares: Float[Array, " rows"]
    """Where in its step each row ends [1]; one at the last row of a step."""
    settings: Settings = eqx.field(static=True)
    grid_points: int = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    end_scale: Scalar
    """Factor [1] on the noise of durations, charges and efficiencies; one where it was given."""
    ends_estimated: bool = eqx.field(static=True)
    channels: tuple[str, ...] = eqx.field(static=True)
    """Loss channels of the cell; their lithium at the end of the record is among the combinations."""
    divided: tuple[str, ...] = eqx.field(static=True)
    """As `CellProblem.divided`."""

    def __init__(
        self,
        cell: Cell,
        protocol: Protocol,
        data: Sequence[StepData],
        parameters: ParameterSet,
        *,
        settings: Settings | None = None,
        grid_points: int = 20,
        ends_estimated: bool = False,
    ) -> None:
        """`cell` holds the fixed values; `data` are of any steps of the protocol, at most one a step.

        Without `settings` the tolerance follows from the noise; `grid_points` are the finite volumes of a layer with
        pores.  With `ends_estimated` the noise of durations, charges and efficiencies is a guess, which the fit
        replaces by what its residuals say; see `renewed`.

        Raises ValueError for a step that the protocol does not have or that is described twice, and for voltages of a
        step that holds the voltage.
        """
        numbers = np.asarray(protocol.step)
        self.steps = int(numbers[-1]) + 1
        self.data = tuple(sorted(data, key=lambda one: one.step))
        _check(self.data, protocol, self.steps)
        first = np.searchsorted(numbers, np.arange(self.steps))
        inside = {one.step: np.asarray(one.shares) for one in self.data}
        shares = [np.append(inside.get(step, np.zeros(0)), 1.0) for step in range(self.steps)]
        which = np.repeat(np.arange(self.steps), [s.size for s in shares])
        equal = (np.bincount(numbers, np.asarray(protocol.duration)) / np.bincount(which))[which]
        rows = jax.tree.map(lambda leaf: leaf[first[which]], protocol)
        changes = (jnp.asarray(equal), jnp.asarray(np.diff(which, prepend=-1) > 0))
        self.protocol = eqx.tree_at(lambda p: (p.duration, p.jump), rows, changes)
        self.shares = jnp.asarray(np.concatenate(shares))
        self.parameters, self.cell = parameters, cell
        self.settings = usual_settings(self.data) if settings is None else settings
        self.grid_points = grid_points
        self.segments = jnp.asarray(_stretches(self.data))
        self.data_scale, self.data_unit = None, ""
        self.end_scale, self.ends_estimated = jnp.asarray(1.0), ends_estimated
        self.channels = channels_of(cell, grid_points)
        self.divided = dividing(cell, parameters)

    @property
    def noise_stated(self) -> bool:
        return not self.ends_estimated

    def cell_at(self, theta: Float[Array, " parameters"]) -> Cell:
        """The cell with the parameters' values put in."""
        return self.parameters.apply(self.cell, theta)

    def values(self, theta: Float[Array, " parameters"]) -> StepValues:
        """Duration and charge of every step, and the voltages at the shares."""
        cell = self.cell_at(theta)
        longest = self.longest(cell)

        def run(durations: Float[Array, " steps"], _):
            found = self.step_values(self.run(cell, durations, longest))
            return found.duration, found

        _, found = jax.lax.scan(run, longest, None, length=RUNS)
        return jax.tree.map(lambda rows: rows[-1], found)

    def solution(self, theta: Float[Array, " parameters"]) -> Solution:
        """The simulation at theta, with a row at each share of each step that was measured and at its end."""
        return _solution(self, theta)

    def run(self, cell: Cell, durations: Float[Array, " steps"], longest: Float[Array, " steps"]) -> Solution:
        """The protocol with its rows at the shares of these durations; each step may go on to its longest duration."""
        which, last = self.protocol.step, self.shares == 1.0
        durations = jnp.where(jnp.isfinite(durations) & (durations > 0.0), durations, longest)
        ends = jnp.where(last, longest[which], self.shares * durations[which])
        before = jnp.concatenate([jnp.zeros(1), ends[:-1]])
        laid = jnp.where(self.protocol.jump, ends, ends - before)
        charge = schedule_of(self.protocol, cell).stops.charge
        protocol = eqx.tree_at(lambda p: (p.duration, p.charge), self.protocol, (laid, charge))
        return simulate(cell, protocol, points=self.grid_points, settings=self.settings, throw=False)

    def longest(self, cell: Cell) -> Float[Array, " steps"]:
        """Duration [s] of each step if no stop ends it: what the protocol says, or the time that a charge takes."""
        return jnp.zeros(self.steps).at[self.protocol.step].add(schedule_of(self.protocol, cell).duration)

    def step_values(self, solution: Solution) -> StepValues:
        """What a run says of every step; see `solution`."""
        which, rows = solution.step, jnp.arange(solution.step.shape[0])
        reached = jnp.isfinite(solution.voltage)
        last = jnp.full(self.steps, -1).at[which].max(jnp.where(reached, rows, -1))
        ended = last >= 0
        time = jnp.where(ended, solution.time[last], 0.0)
        # A step that was passed over ends where the one before it did.
        before = jax.lax.cummax(jnp.concatenate([jnp.full(1, -1), last[:-1]]))
        began = jnp.where(before >= 0, solution.time[before], 0.0)
        got = jnp.where(reached, solution.charge, 0.0)
        charge = jnp.abs(jnp.zeros(self.steps).at[which].add(got))
        sound = jnp.where(solution.status == 0, 1.0, jnp.nan)
        return StepValues(sound * jnp.where(ended, time - began, 0.0), sound * charge, sound * solution.voltage)

    def residuals(self, theta: Float[Array, " parameters"]) -> Float[Array, " residuals"]:
        return self.residuals_of(self.values(theta))

    def residuals_of(self, model: StepValues) -> Float[Array, " residuals"]:
        """The residuals of what a run says."""
        parts = []
        for one in self.data:
            ends = []
            if one.duration is not None:
                ends.append(_off(model.duration[one.step], one.duration, one.duration_noise))
            if one.charge is not None:
                ends.append(_off(model.charge[one.step], one.charge, one.charge_noise))
            if one.efficiency is not None:
                ratio = model.charge[one.step] / model.charge[one.relative_to]
                ends.append(_off(ratio, one.efficiency, one.efficiency_noise))
            parts += [end / self.end_scale for end in ends]
            if one.voltage_noise is not None:
                first = self._row_of(one.step)
                rows = model.voltage[first : first + one.shares.shape[0]]
                parts.append((rows - one.voltage) / one.voltage_noise)
        return without_padding(jnp.concatenate(parts), self.segments)

    @property
    def noise_scale(self) -> Float[Array, " residuals"]:
        ends = [np.arange(one.rows) < one.rows - one.shares.shape[0] for one in self.data]
        return jnp.where(jnp.asarray(np.concatenate(ends)), self.end_scale, 1.0)

    def renewed(self, theta: Float[Array, " parameters"]) -> "ProtocolProblem":
        """The same problem with the noise of its ends taken from their residuals at theta, unless it was given.

        s^2 = (sum of squared residuals + nu s0^2)/(dof + nu), s0 the guess, nu = `SCATTER_DOF`, dof = n - parameters
        but at least n/2.  An end that the protocol's clock sets says nothing of the noise and is not among the n.
        """
        if not self.ends_estimated:
            return self
        told, residuals = (np.asarray(rows) for rows in _told_ends(self, theta))
        found = residuals[told & (np.asarray(self.segments) >= 0)]
        dof = max(found.size - len(self.parameters.names), 0.5 * found.size)
        before = SCATTER_DOF / float(self.end_scale) ** 2
        scale = self.end_scale * np.sqrt((np.sum(found**2) + before) / (dof + SCATTER_DOF))
        return eqx.tree_at(lambda p: p.end_scale, self, scale)

    def told_ends(self, model: StepValues, longest: Float[Array, " steps"]) -> Bool[Array, " residuals"]:
        """Which residuals are ends that the cell set in the model, not the protocol's clock."""
        own = model.duration < longest * (1.0 - 1e-6)
        found = []
        for one in self.data:
            ends = one.rows - one.shares.shape[0]
            held = self.protocol.mode[self._row_of(one.step)] != int(Mode.CURRENT)
            found.append(jnp.concatenate([jnp.tile(own[one.step] | held, ends), jnp.zeros(one.shares.shape[0], bool)]))
        return jnp.concatenate(found)

    def _row_of(self, step: int) -> int:
        """First row of a step."""
        return step + sum(one.shares.shape[0] for one in self.data if one.step < step)

    def combinations(self, theta: Float[Array, " parameters"]) -> Physical:
        found = reported_resistances(self.cell_at(theta))
        if not (self.channels or self.divided):
            return found
        cell = self.cell_at(theta)
        longest = self.longest(cell)
        solution = self.run(cell, longest, longest)  # where its rows lie does not matter here
        return found | plated_and_lost(solution, self.channels, bool(self.divided))

    @property
    def rests_on(self) -> dict[str, tuple[str, ...]]:
        return {SHARE: self.divided} if self.divided else {}

    def combination_units(self) -> dict[str, str]:
        return resistance_units(self.cell) | plated_and_lost_units(self.channels, bool(self.divided))


@eqx.filter_jit
def _told_ends(
    problem: ProtocolProblem, theta: Float[Array, " parameters"]
) -> tuple[Bool[Array, " residuals"], Float[Array, " residuals"]]:
    model = problem.values(theta)
    return problem.told_ends(model, problem.longest(problem.cell_at(theta))), problem.residuals_of(model)


@eqx.filter_jit
def _solution(problem: ProtocolProblem, theta: Float[Array, " parameters"]) -> Solution:
    cell = problem.cell_at(theta)
    return problem.run(cell, problem.values(theta).duration, problem.longest(cell))


def _off(model: Scalar, measured: Scalar, noise: Scalar | None) -> Float[Array, " 1"]:
    """ln(model/measured) in units of the relative noise: (model - measured)/noise where they are close.

    A step that ends at once in the model, far from the optimum, would otherwise be off by a constant that calls for no
    change of any parameter.
    """
    assert noise is not None, "StepData has noise with every value"
    off = jnp.log(jnp.where(model > 0.0, model / measured, jnp.nan))
    return (off * measured / noise)[None]


def usual_settings(data: Sequence[StepData]) -> Settings:
    """The tolerance that follows from the noise of the voltages; see `ProtocolProblem`."""
    noise = min((float(one.voltage_noise) for one in data if one.voltage_noise is not None), default=np.inf)
    tolerance = float(np.clip(SHARE_OF_NOISE * noise, *TOLERANCES))
    return Settings(rtol=tolerance, atol=tolerance)


def _check(data: tuple[StepData, ...], protocol: Protocol, steps: int) -> None:
    if not data:
        raise ValueError("ProtocolProblem.data must describe at least one step, but is empty.")
    modes, numbers = np.asarray(protocol.mode), np.asarray(protocol.step)
    for one, following in zip(data, (*data[1:], None), strict=True):
        if one.step >= steps:
            raise ValueError(
                f"StepData.step must be the number of a step of the protocol, which has {steps}, but is {one.step}."
            )
        if one.relative_to is not None and one.relative_to >= steps:
            raise ValueError(
                f"StepData.relative_to must be a step of the protocol, which has {steps}, but is {one.relative_to}."
            )
        if following is not None and following.step == one.step:
            raise ValueError(f"ProtocolProblem.data must describe each step once, but has step {one.step} twice.")
        if one.voltage_noise is not None and modes[np.searchsorted(numbers, one.step)] == Mode.VOLTAGE:
            raise ValueError(f"StepData must have no voltages where the protocol holds them, but step {one.step} has.")


def _stretches(data: tuple[StepData, ...]) -> np.ndarray:
    """Each duration, charge and efficiency is a stretch of its own, the voltages of a step are one."""
    lengths: list[int] = []
    for one in data:
        lengths += [1] * (one.rows - one.shares.shape[0])
        lengths += [one.shares.shape[0]] if one.voltage_noise is not None else []
    return np.repeat(np.arange(len(lengths)), lengths)
