"""Which measurement to make next: how far each would narrow what is asked for, before any is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float

from jaxcell.inference import Parameter, ParameterSet, Problem, fisher_information, posterior_covariance
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.covariance import student_95

Z95 = student_95(float("inf"))
"""Half-width of a 95 % interval in standard errors."""


@dataclass(frozen=True)
class Expected:
    """What one measurement would tell.

    - `interval95`: of the target once it is made, in its unit; `sd` there in its coordinate [1] (relative, under a
      log transform).
    - `narrowing` [1]: sd before over sd after.
    - `information` [nat]: 0.5 ln(det C_before/det C_after), over all parameters.
    """

    name: str
    sd: float
    interval95: tuple[float, float]
    narrowing: float
    information: float


@dataclass(frozen=True)
class NextMeasurement:
    """Candidates, best first by `criterion`; `before`: what is known without any of them."""

    target: str
    unit: str
    criterion: Literal["c", "d"]
    value: float
    before: Expected
    candidates: tuple[Expected, ...]

    @property
    def best(self) -> Expected:
        """The candidate to make."""
        return self.candidates[0]

    @property
    def sentence(self) -> str:
        """The choice with its numbers."""
        low, high = self.best.interval95
        was_low, was_high = self.before.interval95
        return (
            f"'{self.best.name}' tells most of {self.target}: from {was_low:.3g}-{was_high:.3g} {self.unit} (95 %) to "
            f"{low:.3g}-{high:.3g} {self.unit}, {self.best.narrowing:.3g} times narrower."
        )

    def to_dataframe(self) -> pd.DataFrame:
        """One row a candidate, the state of knowledge first."""
        rows = [self.before, *self.candidates]
        columns = {
            f"low / {self.unit}": [one.interval95[0] for one in rows],
            f"high / {self.unit}": [one.interval95[1] for one in rows],
            "sd of coordinate / 1": [one.sd for one in rows],
            "narrowing / 1": [one.narrowing for one in rows],
            "information / nat": [one.information for one in rows],
        }
        return pd.DataFrame(columns, index=pd.Index([one.name for one in rows], name="measurement"))


def next_measurement(
    candidates: Mapping[str, Problem],
    target: str,
    *,
    already: Problem | None = None,
    values: Mapping[str, float] | None = None,
    criterion: Literal["c", "d"] = "c",
) -> NextMeasurement:
    """Rank measurements by what they would tell of the parameter `target`, on top of the priors and of `already`.

    Each candidate is the problem that its fit would be (`virtual_curve`, `virtual_spectrum`, or any `Problem`: data do
    not matter, their noise does).  Parameters of one name are one number.  With F = J^T J of the data and P of the
    priors, all at `values` (by name, SI; where parameters start unless given),

        C = (P + F_already + F_candidate)^-1;    "c": smallest variance of the target,    "d": smallest det C.

    Expected intervals are theta +- 1.96 sd carried to physical values and cut at the bounds: local, and for independent
    noise of the stated size; a fit inflates them where residuals say so.  F. Pukelsheim, Optimal Design of Experiments
    (SIAM, 2006).

    Raises ValueError for no candidates, a target that no problem has, or parameters of one name that differ in
    transform or prior.
    """
    if not candidates:
        raise ValueError("next_measurement needs at least one candidate.")
    if criterion not in ("c", "d"):
        raise ValueError(f"criterion must be 'c' or 'd', but is {criterion!r}.")
    problems = {**candidates} if already is None else {"": already, **candidates}
    parameters = _all_parameters(problems)
    if target not in parameters.names:
        raise ValueError(f"There is no parameter '{target}'; the candidates have {', '.join(parameters.names)}.")
    theta = parameters.from_physical(dict(values or {}))
    place = parameters.names.index(target)
    precision = parameters.prior_precision(theta)
    told = {name: information_on(problem, parameters, theta) for name, problem in problems.items()}
    known = told.pop("", np.zeros((theta.shape[0],) * 2))
    before = np.asarray(posterior_covariance(jnp.asarray(known), precision))

    def expected(name: str, covariance: np.ndarray) -> Expected:
        sd = float(np.sqrt(covariance[place, place]))
        gain = 0.5 * (np.linalg.slogdet(before)[1] - np.linalg.slogdet(covariance)[1])
        narrowing = float(np.sqrt(before[place, place])) / sd
        return Expected(name, sd, interval_of(parameters.parameters[place], theta[place], sd), narrowing, float(gain))

    found = [
        expected(name, np.asarray(posterior_covariance(jnp.asarray(known + own), precision)))
        for name, own in told.items()
    ]
    found.sort(key=lambda one: one.sd if criterion == "c" else -one.information)
    own = parameters.parameters[place]
    value = float(own.transform.inverse(theta[place]))
    return NextMeasurement(target, own.unit, criterion, value, expected("before", before), tuple(found))


def information_on(
    problem: Problem, parameters: ParameterSet, theta: Float[Array, " parameters"]
) -> Float[np.ndarray, "parameters parameters"]:
    """Fisher's information of a problem's data on all `parameters`, by name; zero on those that it has not."""
    places = [parameters.names.index(name) for name in problem.parameters.names]
    own = theta[np.asarray(places)]
    if isinstance(problem, CellProblem):
        problem = problem.renewed(own)  # its step grid was made for other values
    found = np.zeros((len(parameters.names),) * 2)
    found[np.ix_(places, places)] = np.asarray(_information(problem, own))
    return found


def interval_of(parameter: Parameter, theta: Float[Array, ""], sd: float) -> tuple[float, float]:
    """95 % interval in physical values, within the parameter's bounds."""
    ends = (float(parameter.transform.inverse(theta + sign * Z95 * sd)) for sign in (-1.0, 1.0))
    least, most = (float(bound) for bound in parameter.bounds)
    low, high = (min(max(end, least), most) for end in ends)
    return low, high


@eqx.filter_jit
def _information(problem: Problem, theta: Float[Array, " parameters"]) -> Float[Array, "parameters parameters"]:
    return fisher_information(problem, theta)


def _all_parameters(problems: Mapping[str, Problem]) -> ParameterSet:
    """Parameters of all problems, each name once."""
    found: dict[str, Parameter] = {}
    for name, problem in problems.items():
        for parameter in problem.parameters.parameters:
            first = found.setdefault(parameter.name, parameter)
            for what in ("transform", "prior"):
                if not eqx.tree_equal(getattr(first, what), getattr(parameter, what)):
                    raise ValueError(
                        f"The parameter '{parameter.name}' must have one {what} in all measurements, but that of "
                        f"'{name}' is another."
                    )
    # Places differ from problem to problem; here each is a number of its own name.
    return ParameterSet([_named(p) for p in found.values()])


def _named(parameter: Parameter) -> Parameter:
    low, high = (float(bound) for bound in parameter.bounds)
    assert parameter.initial is not None, "ParameterSet fills in every start"
    start = float(parameter.initial)
    return Parameter(
        parameter.name, f"p_{parameter.name}", parameter.unit, (low, high), parameter.transform, parameter.prior, start
    )
