"""Run a design file: the optimum, what moving each number would cost, and a front where one is asked for."""

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from jaxcell.design import DesignError, Optimum, ParetoFront, optimise, pareto_front
from jaxcell.study.design_study import DesignStudy
from jaxcell.study.messages import StudyError
from jaxcell.study.progress import Progress, silent

MOVED = 0.1
"""By which share of its value a variable is moved to price it."""
CUT_POINTS = 9


@dataclass(frozen=True)
class Cut:
    """Objective and limited quantities along one variable, all others as in the optimum; SI, NaN where it failed."""

    variable: str
    value: np.ndarray
    entries: np.ndarray
    """Shape (points, 1 + limits)."""


@dataclass(frozen=True)
class DesignResult:
    """What a design file gave.

    - `prices`: by variable, (change of it, change of the best objective with all others chosen anew), SI.
    - `held`: share [1] of the uncertain samples in which each limit holds; empty where all is known.
    - `front`: None where none was asked for, or where it failed (`front_failure` says how).
    """

    study: DesignStudy
    optimum: Optimum
    prices: dict[str, tuple[float, float]]
    cuts: tuple[Cut, ...]
    held: tuple[float, ...]
    front: ParetoFront | None
    front_failure: str
    seconds: float


def run_design(study: DesignStudy, progress: Progress | None = None) -> DesignResult:
    """Find the optimum of a design file; interrupted after it, what there is.

    Raises:
        StudyError: the file cannot be used, or its design cannot be evaluated anywhere.
    """
    tell = progress if progress is not None else silent
    table = study.content.optimiser
    options: dict[str, Any] = {"starts": table.starts, "seed": table.seed, "max_steps": table.max_steps}
    tell("reading the design", 0, 0)
    design, second, begun = study.design(), study.second(), perf_counter()
    if second is not None:
        design = replace(design, watched=tuple(dict.fromkeys((second.quantity, *design.watched))))
    prices: dict[str, tuple[float, float]] = {}
    cuts: tuple[Cut, ...] = ()
    held: tuple[float, ...] = ()
    front, failure = None, ""
    try:
        tell("optimising (the first step compiles)", 0, 0)
        optimum = optimise(design, method=table.method, progress=lambda k, n: tell("optimising", k, n), **options)
    except (DesignError, ValueError) as error:
        raise StudyError(f"{study.source}: {error}") from error
    try:
        if not optimum.interrupted:
            tell("pricing the variables", 0, 0)
            prices = _prices(optimum) if optimum.feasible else {}
            cuts = tuple(_cut(optimum, place) for place in range(len(optimum.variables)))
            held = optimum.held()
        if second is not None and not optimum.interrupted:
            assert study.content.pareto is not None, "it named the second objective"
            method = "slsqp" if table.method == "augmented" else table.method
            front = pareto_front(
                design,
                second,
                points=study.content.pareto.points,
                method=method,
                progress=lambda k, n: tell("tracing the front", k, n),
                **options,
            )
    except KeyboardInterrupt:
        failure = "interrupted"
    except DesignError as error:
        failure = str(error)
    return DesignResult(study, optimum, prices, cuts, held, front, failure, perf_counter() - begun)


def _prices(optimum: Optimum) -> dict[str, tuple[float, float]]:
    found = {}
    for one in optimum.variables:
        for change in (MOVED * one.value, -MOVED * one.value):  # down where up leads out of bounds or limits
            if one.bounds[0] <= one.value + change <= one.bounds[1]:
                found[one.name] = (change, optimum.cost_of(one.name, change))
                if np.isfinite(found[one.name][1]):
                    break
    return found


def _cut(optimum: Optimum, place: int) -> Cut:
    programme, z = optimum.programme, np.array(optimum.point.z)
    values, entries = [], []
    for share in np.linspace(0.0, 1.0, CUT_POINTS):
        z[place] = share
        values.append(programme.physical(z)[optimum.variables[place].name])
        entries.append(programme.point(z).values)
    return Cut(optimum.variables[place].name, np.array(values), np.array(entries))
