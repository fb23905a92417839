"""Which cycles of a record are left out of a fit and predicted by it: blocks of what comes next, never single cycles.

Cycles follow one another: what one loses the next lacks, and scatter wanders.  A single cycle between fitted neighbours
is all but given by them under any model, so leaving out random points rewards whatever interpolates (Roberts et al.,
Ecography 40, 913, 2017, doi 10.1111/ecog.02881) and asks a question that nobody has: a model of losses is there to say
what comes.  So the window of fitted cycles expands, and each block after it is predicted from it: leave-future-out
(Buerkner, Gabry and Vehtari, J. Stat. Comput. Simul. 90, 2499, 2020, doi 10.1080/00949655.2020.1783262), fitted anew
for each block rather than by reweighted draws.
"""

from itertools import pairwise
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.cycle_data import FEWEST
from jaxcell.inference.dataset import noise_of
from jaxcell.inference.inventory_problem import InventoryProblem
from jaxcell.inference.problem import FunctionProblem, Problem
from jaxcell.inference.protocol_problem import ProtocolProblem

BLOCKS = 6
"""Blocks that the part of a record which is predicted is cut into, unless it has fewer cycles."""


class Fold(NamedTuple):
    """The first `fitted` cycles are fitted, those from there to `until` predicted; later ones are not looked at."""

    fitted: int
    until: int


def expanding_window(cycles: int, *, first: int | None = None, blocks: int = BLOCKS) -> tuple[Fold, ...]:
    """Folds of a record of so many cycles: the first `first` are always fitted (a third of them, but 4 or more, unless
    given), the rest is cut into `blocks` blocks as equal as can be, each predicted from all cycles before it.

    Raises ValueError where a fit would have fewer than 3 cycles, or no cycle is left to predict.
    """
    begin = max(FEWEST + 1, cycles // 3) if first is None else first
    if not FEWEST <= begin < cycles:
        raise ValueError(f"first must be from {FEWEST} to below the {cycles} cycles of the record, but is {begin}.")
    if blocks < 1:
        raise ValueError(f"blocks must be at least 1, but is {blocks}.")
    edges = np.linspace(begin, cycles, min(blocks, cycles - begin) + 1).round().astype(int)
    return tuple(Fold(int(a), int(b)) for a, b in pairwise(edges))


def second_half(cycles: int) -> tuple[Fold, ...]:
    """One fold: the first half is fitted, but 3 cycles or more, and the rest predicted at once."""
    return (Fold(max(FEWEST, cycles // 2), cycles),)


def cycle_of_rows(problem: Problem) -> Int[np.ndarray, " residuals"]:
    """Number of the cycle that each residual is of, from 0 in the order of time; -1 for padding.

    Of a `ProtocolProblem` the measured steps count, one after the other; of a `FunctionProblem` and a `CellProblem` the
    residuals.

    Raises ValueError for other problems, whose residuals have no order in time.
    """
    if isinstance(problem, ProtocolProblem):
        when = np.repeat([one.step for one in problem.data], [one.rows for one in problem.data])
    elif isinstance(problem, InventoryProblem | FunctionProblem | CellProblem):
        when = np.arange(problem.segments.shape[0])
    else:
        raise ValueError(f"Folds need residuals in the order of time, which those of a {type(problem).__name__} lack.")
    counted = np.asarray(problem.segments) >= 0
    place = np.searchsorted(np.unique(when[counted]), when)
    return np.where(counted, place, -1)


def recorded_cycles(problem: Problem) -> int:
    """How many cycles a record has: what folds are made of; raises as `cycle_of_rows`."""
    return int(cycle_of_rows(problem).max()) + 1


def fitted_only(problem: Problem, fold: Fold) -> Problem:
    """The same problem without what the fold does not fit, in the same shapes, so that nothing compiles anew.

    A noise that was estimated is estimated anew, from what is fitted.  Raises ValueError where that is too little.
    """
    place = cycle_of_rows(problem)
    if isinstance(problem, InventoryProblem):
        return problem.up_to(int(np.flatnonzero(place == fold.fitted)[0]))
    segments = jnp.where(jnp.asarray(place < fold.fitted), problem.segments, -1)
    part = eqx.tree_at(lambda p: p.segments, problem, segments)
    if not (isinstance(part, CellProblem) and part.noise_estimated):
        return part
    record = part.dataset
    noise = jnp.asarray(noise_of(*(np.asarray(rows) for rows in (record.time, record.voltage, segments))))
    scale = jnp.where(segments >= 0, noise, 1.0)
    return eqx.tree_at(lambda p: (p.dataset.noise, p.data_scale), part, (noise, scale))
