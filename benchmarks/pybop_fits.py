"""Fits of the half cell of `fitted_half_cell.py` with PyBaMM's model: by PyBOP's optimisers and by scipy.

Needs `pip install "jaxcell[peers]"`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from fitted_half_cell import BOUNDS, NOISE, TIME, TRUTH
from pybamm_cell import REFINED, Case, Mesh, pybamm
from scipy.optimize import least_squares

pybop: Any = import_module("pybop")

OUTPUT = "Voltage [V]"
CURRENT = "Current [A]"
EXCHANGE = "Positive electrode exchange-current density [A.m-2]"
SCALE = "Exchange current scale"
INPUTS = (
    "Positive particle diffusivity [m2.s-1]",
    SCALE,
    "Positive electrode active material volume fraction",
    "Initial concentration in positive electrode [mol.m-3]",
)
"""Names in PyBaMM, in the order of `fitted_half_cell.TRUTH`."""
OFFSET = np.log([1.0, 1.0 / TRUTH["exchange_current"], 1.0, 48230.0])
"""What theta, the logarithms of our values, needs to become the logarithm of PyBaMM's."""
LOWER, UPPER = (np.log([bounds[side] for bounds in BOUNDS.values()]) for side in (0, 1))
FULL_CURRENT = 0.0024  # A
TOLERANCE = 1e-6
"""Of the integrator, relative and absolute; PyBOP's own solver has the same."""
MESHES = [Mesh(5, 5, r, stretch, TOLERANCE, TOLERANCE) for r, stretch in ((16, 2.5), (20, 2.0), (30, 2.0), (40, 2.0))]


class Fits(NamedTuple):
    """What became of the starts, and what it took.

    - `theta`: logarithms of our values; `loss`: half the sum of squares over the noise's variance, infinite where a fit
      failed.
    - `runs`: simulations without sensitivities; `sensitivities`: with.
    """

    theta: np.ndarray
    loss: np.ndarray
    runs: int
    sensitivities: int
    wall_s: float
    processor_s: float


def case() -> Case:
    """The set Xu2019, its exchange current times a number."""
    original = pybamm.ParameterValues("Xu2019")[EXCHANGE]

    def exchange(c_e, c_s_surf, c_s_max, T):
        return pybamm.Parameter(SCALE) * original(c_e, c_s_surf, c_s_max, T)

    return Case("SPM", "false", {EXCHANGE: exchange, SCALE: 1.0})


def values() -> Any:
    """Its pybamm.ParameterValues."""
    found = pybamm.ParameterValues("Xu2019")
    found.update(case().changes, check_already_exists=False)
    return found


def solver(mesh: Mesh) -> Any:
    return pybamm.IDAKLUSolver(rtol=mesh.rtol, atol=mesh.atol, output_variables=[OUTPUT], on_failure="ignore")


class HalfCell:
    """The discharge by PyBaMM on one mesh; a run that ends early has voltages of NaN."""

    def __init__(self, mesh: Mesh) -> None:
        model, numbers = case().equations(), values()
        model.events = [event for event in model.events if "[V]" not in event.name]  # as PyBOP does
        numbers.update(dict.fromkeys(INPUTS, "[input]"))
        self.simulation = pybamm.Simulation(model, parameter_values=numbers, solver=solver(mesh), **mesh.of(model))
        self.runs = self.sensitivities = 0

    def voltage(self, theta: np.ndarray) -> np.ndarray:
        """At every time but the first [V]."""
        self.runs += 1
        found = self._solve(theta)
        return np.full(TIME.size - 1, np.nan) if found is None else found.data[1:]

    def with_derivatives(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Voltages and their derivatives by theta, shape (times, parameters)."""
        self.sensitivities += 1
        found, inputs = self._solve(theta, calculate_sensitivities=True), _inputs(theta)
        if found is None:
            return np.full(TIME.size - 1, np.nan), np.full((TIME.size - 1, theta.size), np.nan)
        columns = [inputs[name] * np.asarray(found.sensitivities[name]).ravel() for name in INPUTS]
        return found.data[1:], np.column_stack(columns)[1:]

    def standard_errors(self, theta: np.ndarray) -> np.ndarray:
        """Of theta, from the noise as stated."""
        jacobian = self.with_derivatives(theta)[1] / NOISE
        return np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)))

    def _solve(self, theta: np.ndarray, **asked: Any) -> Any | None:
        try:
            solution = self.simulation.solve([TIME[0], TIME[-1]], t_interp=TIME, inputs=_inputs(theta), **asked)
        except pybamm.SolverError:
            return None
        if solution.termination == "failure" or len(solution[OUTPUT].data) != TIME.size:
            return None
        return solution[OUTPUT]


def _inputs(theta: np.ndarray) -> dict[str, float]:
    return dict(zip(INPUTS, np.exp(theta + OFFSET).tolist(), strict=True))


def truth() -> np.ndarray:
    return np.log(list(TRUTH.values()))


def fastest_mesh(allowed_mV: float) -> tuple[Mesh, float]:
    """The first of the list whose voltage at the truth is near that of the refined mesh, and its error [mV]."""
    reference = HalfCell(REFINED).voltage(truth())
    for mesh in MESHES:
        error = 1e3 * float(np.abs(HalfCell(mesh).voltage(truth()) - reference).max())
        if error <= allowed_mV:
            return mesh, error
    raise RuntimeError("no mesh is accurate enough; lengthen the list.")


def by_scipy(cell: HalfCell, voltage: np.ndarray, starts: np.ndarray) -> Fits:
    """`scipy.optimize.least_squares` with its defaults on PyBaMM's sensitivities.

    It refuses a trial that fails; a start that fails is a failed fit. Each run is made with sensitivities, which nearly
    every point turns out to need.
    """
    latest: dict[str, np.ndarray] = {}

    def residuals(theta: np.ndarray) -> np.ndarray:
        found, latest["jacobian"] = cell.with_derivatives(theta)
        return (found - voltage) / NOISE

    def jacobian(theta: np.ndarray) -> np.ndarray:
        if not np.array_equal(latest["at"], theta):
            remembered(theta)
        return latest["jacobian"] / NOISE

    def remembered(theta: np.ndarray) -> np.ndarray:
        latest["at"] = theta.copy()
        return residuals(theta)

    def one(start: np.ndarray, _: int) -> tuple[np.ndarray, float]:
        by: Any = jacobian  # scipy's own types know only names of difference schemes
        found = least_squares(remembered, start, by, bounds=(LOWER, UPPER), method="trf")
        return found.x, float(found.cost)

    return _each(one, starts, cell)


def _each(one: Callable[[np.ndarray, int], tuple[np.ndarray, float]], starts: np.ndarray, counted: Any) -> Fits:
    """`one` from every start, with what it took; an exception is a failed fit."""
    thetas, losses = np.full(starts.shape, np.nan), np.full(len(starts), np.inf)
    before = counted.runs, counted.sensitivities
    wall, work = time.perf_counter(), time.process_time()
    for k, start in enumerate(starts):
        try:
            thetas[k], losses[k] = one(np.clip(start, LOWER, UPPER), k)
        except (ValueError, RuntimeError, pybamm.SolverError):
            continue
    wall, work = time.perf_counter() - wall, time.process_time() - work
    return Fits(thetas, losses, counted.runs - before[0], counted.sensitivities - before[1], wall, work)


class Counted(pybop.pybamm.Simulator):
    """Counts its simulations, those of all its copies together."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.counts = {False: 0, True: 0}
        super().__init__(*args, **kwargs)

    def solve_batch(self, inputs: list[Any], calculate_sensitivities: bool = False) -> Any:
        self.counts[calculate_sensitivities] += len(inputs)
        return super().solve_batch(inputs, calculate_sensitivities)

    @property
    def runs(self) -> int:
        return self.counts[False]

    @property
    def sensitivities(self) -> int:
        return self.counts[True]


def pybop_problem(mesh: Mesh, voltage: np.ndarray) -> tuple[Any, Counted]:
    """The fit in PyBOP, its cost half the sum of squares over the noise's variance, and its simulator."""
    numbers, model = values(), case().equations()
    for name, middle, low, high in zip(INPUTS, truth(), LOWER, UPPER, strict=True):
        offset = OFFSET[INPUTS.index(name)]
        numbers[name] = pybop.Parameter(
            bounds=np.exp([low + offset, high + offset]).tolist(),
            initial_value=float(np.exp(middle + offset)),
            transformation=pybop.LogTransformation(),
        )
    data = pybop.Dataset(
        {"Time [s]": TIME, CURRENT: np.full(TIME.size, FULL_CURRENT), OUTPUT: np.append(voltage[0], voltage)}
    )
    simulator = Counted(model, parameter_values=numbers, protocol=data, solver=solver(mesh), **mesh.of(model))
    cost = pybop.SumSquaredError(data)
    cost.weighting = np.where(TIME > 0.0, 0.5 / NOISE**2, 0.0)
    return pybop.Problem(simulator, cost), simulator


@dataclass(frozen=True)
class Method:
    """One of PyBOP's optimisers with options."""

    name: str
    optimiser: str
    options: Callable[[], Any]
    """None for its defaults."""


def _tight() -> Any:
    return pybop.PintsOptions(absolute_tolerance=1e-4, relative_tolerance=1e-6, max_unchanged_iterations=25)


def _lbfgsb(**options: float) -> Any:
    return pybop.SciPyMinimizeOptions(method="L-BFGS-B", jac=True, solver_options=options)


def _methods() -> list[Method]:
    found = [
        Method("L-BFGS-B", "SciPyMinimize", _lbfgsb),
        Method("L-BFGS-B, tight", "SciPyMinimize", lambda: _lbfgsb(ftol=1e-15, gtol=1e-12)),
    ]
    for name in ("CMAES", "XNES", "PSO", "IRPropPlus", "AdamW"):
        found += [Method(name, name, lambda: None), Method(f"{name}, tight", name, _tight)]
    return found


METHODS = {method.name: method for method in _methods()}
"""Each with the library's tolerances and with some that ask for 1e-4 of the cost."""


def by_pybop(problem: Any, simulator: Counted, method: Method, starts: np.ndarray, seed: int) -> Fits:
    """PyBOP's method from every start; it draws another start where the cost is infinite, in its own way.

    Population methods of PyBOP begin at the middle of the bounds, whatever the start.
    """

    def one(start: np.ndarray, k: int) -> tuple[np.ndarray, float]:
        np.random.seed(seed + k)  # noqa: NPY002 - what PyBOP and pints draw from
        begin = dict(zip(INPUTS, _inside(start).tolist(), strict=True))
        problem.parameters.update(initial_values=[begin[name] for name in problem.parameters.names])
        found = getattr(pybop, method.optimiser)(problem, method.options()).run()
        return np.log([float(found.best_inputs[name]) for name in INPUTS]) - OFFSET, float(found.best_cost)

    return _each(one, starts, simulator)


def _inside(start: np.ndarray) -> np.ndarray:
    """PyBaMM's values, not outside the bounds by rounding."""
    return np.clip(np.exp(start + OFFSET), np.exp(LOWER + OFFSET), np.exp(UPPER + OFFSET))
