"""Currents and durations of a measurement, chosen by gradient so that it tells most."""

from collections.abc import Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.cell import Cell
from jaxcell.component import whole_number
from jaxcell.design.design import Design, Limit, Objective
from jaxcell.design.measurement import information_on, interval_of
from jaxcell.design.optimum import Optimum
from jaxcell.design.virtual import VIRTUAL_SETTINGS, virtual_curve
from jaxcell.inference import Parameter, ParameterSet, Problem
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.evaluation import value_and_jacobian
from jaxcell.protocol import Protocol
from jaxcell.simulation import simulate
from jaxcell.units import Scalar, strong_float64

PROGRAM_UNITS = {
    "target_sd": "1",
    "information": "nat",
    "largest_charge": "C m-2",
    "total_time": "s",
}


class ProgramCase(eqx.Module):
    """A cell, steps of constant current, and what is to be learnt from the voltage.

    Variables of a design are "current[0]" ... [A m-2], terminal sign, and "duration[0]" ... [s].
    """

    cell: Cell
    """Its own numbers are the truth."""
    current: tuple[Scalar, ...]
    duration: tuple[Scalar, ...]
    parameters: ParameterSet
    known: Float[Array, "parameters parameters"]
    """Precision of the parameters' coordinates before: priors and earlier measurements."""
    noise: Scalar
    """Of a voltage sample [V]."""
    target: str = eqx.field(static=True)
    shares: tuple[float, ...] = eqx.field(static=True)
    """Of a step's duration, at which the voltage is read; the last is 1."""
    grid_points: int = eqx.field(static=True)

    def protocol(self) -> Protocol:
        """The steps, read at their shares."""
        parts = np.diff(np.asarray(self.shares), prepend=0.0)
        duration = jnp.concatenate([one * parts for one in self.duration])
        current = jnp.concatenate([one * jnp.ones(parts.size) for one in self.current])
        first = np.tile(np.arange(parts.size) == 0, len(self.current))
        return Protocol.of_currents(duration, current, jnp.asarray(first))

    def voltage(self, theta: Float[Array, " parameters"]) -> Float[Array, " samples"]:
        """Terminal voltage [V]; NaN from where a run ended early."""
        cell = self.parameters.apply(self.cell, theta)
        run = simulate(cell, self.protocol(), points=self.grid_points, settings=VIRTUAL_SETTINGS, throw=False)
        return run.voltage

    def problem(self, seed: int | None = None) -> CellProblem:
        """The fit that the measurement would be; needs concrete values."""
        run = self.protocol()
        time = np.concatenate([[0.0], np.asarray(run.time)])
        current = np.concatenate([[0.0], np.asarray(run.current_density)])
        return virtual_curve(
            self.cell,
            time,
            current,
            self.parameters,
            noise=float(self.noise),
            seed=seed,
            grid_points=self.grid_points,
        )


def program_quantities(case: ProgramCase, names: tuple[str, ...]) -> dict[str, Any]:
    """target_sd: of the target's coordinate after the measurement [1]; information: gain over all parameters [nat];
    highest_voltage[k], lowest_voltage[k]: in step k [V]; largest_charge: net, in either direction [C m-2];
    total_time [s]."""
    theta = case.parameters.initial
    voltage, jacobian = value_and_jacobian(case.voltage, theta)
    jacobian = jacobian / case.noise
    scale = jax.lax.rsqrt(jnp.diagonal(case.known))
    earlier = case.known * scale[:, None] * scale[None, :]
    after = earlier + (jacobian.T @ jacobian) * scale[:, None] * scale[None, :]
    place = case.parameters.names.index(case.target)
    charge = jnp.cumsum(jnp.stack([i * t for i, t in zip(case.current, case.duration, strict=True)]))
    found = {
        "target_sd": scale[place] * jnp.sqrt(jnp.linalg.inv(after)[place, place]),
        "information": 0.5 * (jnp.linalg.slogdet(after)[1] - jnp.linalg.slogdet(earlier)[1]),
        "largest_charge": jnp.max(jnp.abs(charge)),
        "total_time": jnp.sum(jnp.stack(case.duration)),
    }
    by_step = voltage.reshape(len(case.current), len(case.shares))
    for k in range(by_step.shape[0]):
        found |= {f"highest_voltage[{k}]": jnp.max(by_step[k]), f"lowest_voltage[{k}]": jnp.min(by_step[k])}
    return {name: found[name] for name in names}


def program_design(
    cell: Cell,
    parameters: Sequence[Parameter] | ParameterSet,
    target: str,
    *,
    steps: int,
    largest_current: float,
    durations: tuple[float, float],
    noise: float,
    voltages: tuple[float, float] | None = None,
    largest_charge: float | None = None,
    total_time: float | None = None,
    already: Problem | None = None,
    criterion: Literal["c", "d"] = "c",
    shares: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    grid_points: int = 20,
) -> Design:
    """The design, for `optimise`, of `steps` steps of constant current that tell most of `target`.

    Limits of the rig: `largest_current` [A m-2], `durations` (shortest, longest) [s] of a step, `voltages` (lowest,
    highest) [V], `largest_charge` [C m-2] passed in either direction, `total_time` [s].  Each step is read at `shares`
    [1] of its duration, with `noise` [V].  The cell's own numbers are taken for true, `parameters` are not known but by
    their priors and what `already` told.  `criterion`: see `next_measurement`.

    Raises ValueError for a target that is no parameter, or limits that are none.
    """
    steps = whole_number(steps, "steps", least=1)
    truth = _at_truth(parameters, cell)
    if target not in truth.names:
        raise ValueError(f"target must be one of {', '.join(truth.names)}, but is '{target}'.")
    if not (largest_current > 0.0 and 0.0 < durations[0] < durations[1] and noise > 0.0):
        raise ValueError(
            f"largest_current [A m-2], noise [V] and durations [s] must be above 0 and durations increase, but they "
            f"are {largest_current:g}, {noise:g} and {durations}."
        )
    if not (all(a < b for a, b in zip((0.0, *shares), shares, strict=False)) and shares[-1] == 1.0):
        raise ValueError(f"shares must increase from above 0 to 1 [1], but are {tuple(shares)}.")
    known = np.diag(np.asarray(truth.prior_precision(truth.initial)))
    if already is not None:
        known = known + information_on(already, truth, truth.initial)
    middle = float(np.sqrt(durations[0] * durations[1]))
    if total_time is not None:
        middle = float(np.clip(total_time / steps, durations[0], durations[1]))
    signs = [1.0 if k % 2 else -1.0 for k in range(steps)]
    case = ProgramCase(
        cell,
        tuple(strong_float64(0.5 * sign * largest_current) for sign in signs),
        tuple(strong_float64(middle) for _ in signs),
        truth,
        jnp.asarray(known),
        strong_float64(noise),
        target,
        tuple(float(share) for share in shares),
        grid_points,
    )
    around = (-largest_current, largest_current)
    variables = [Parameter(f"current_{k}", f"current[{k}]", "A/m2", around, "linear") for k in range(steps)]
    variables += [Parameter(f"duration_{k}", f"duration[{k}]", "s", durations) for k in range(steps)]
    limits, units = [], dict(PROGRAM_UNITS)
    for k in range(steps if voltages is not None else 0):
        assert voltages is not None, "there is a step to be limited"
        low, high = f"lowest_voltage[{k}]", f"highest_voltage[{k}]"
        limits += [Limit(low, at_least=voltages[0]), Limit(high, at_most=voltages[1])]
        units |= {low: "V", high: "V"}
    limits += [] if largest_charge is None else [Limit("largest_charge", at_most=largest_charge)]
    limits += [] if total_time is None else [Limit("total_time", at_most=total_time)]
    objective = Objective("target_sd", maximise=False) if criterion == "c" else Objective("information")
    wanted = ParameterSet(variables, case)
    return Design(case, wanted, objective, tuple(limits), None, program_quantities, units)


def chosen_program(optimum: Optimum) -> ProgramCase:
    """The program of an optimum of `program_design`."""
    design = optimum.design
    return design.variables.apply(design.case, design.variables.from_physical(optimum.values))


def expected_interval(optimum: Optimum) -> tuple[float, float]:
    """95 % interval of the target that a fit of the chosen program would give, in its unit."""
    case = chosen_program(optimum)
    place = case.parameters.names.index(case.target)
    sd = float(program_quantities(case, ("target_sd",))["target_sd"])
    return interval_of(case.parameters.parameters[place], case.parameters.initial[place], sd)


def _at_truth(parameters: Sequence[Parameter] | ParameterSet, cell: Cell) -> ParameterSet:
    """The parameters, starting at the cell's own numbers."""
    given = parameters.parameters if isinstance(parameters, ParameterSet) else parameters
    return ParameterSet([eqx.tree_at(lambda p: p.initial, p, None, is_leaf=lambda x: x is None) for p in given], cell)
