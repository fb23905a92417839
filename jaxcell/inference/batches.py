"""Problems that differ in numbers alone run as one batch: their model is traced and compiled once."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from .cell_problem import CellProblem
from .problem import Problem


def batches(problems: Sequence[Problem]) -> list[list[int]]:
    """Places of the problems that differ in numbers alone, in the order of their first."""
    found: list[list[int]] = []
    for place, problem in enumerate(problems):
        like = next((group for group in found if _alike(problems[group[0]], problem)), None)
        if like is None:
            found.append([place])
        else:
            like.append(place)
    return found


def stacked(problems: Sequence[Problem]) -> Any:
    """One problem whose arrays hold those of all along a leading axis."""
    numbers, rest = zip(*(eqx.partition(problem, eqx.is_array) for problem in problems), strict=True)
    return eqx.combine(jax.tree.map(lambda *leaves: jnp.stack(leaves), *numbers), rest[0])


def level(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The same problems, step grids of otherwise equal ones filled up with slack to one length; concrete values."""
    after = list(problems)
    for group in batches([_without_grid(problem) for problem in problems]):
        members = [(place, one) for place in group if isinstance(one := problems[place], CellProblem)]
        longest = max((one.plan.fraction.shape[0] for _, one in members), default=0)
        for place, one in members:
            if one.plan.fraction.shape[0] != longest:
                after[place] = eqx.tree_at(lambda p: p.plan, one, one.plan.trimmed(longest))
    return tuple(after)


def _without_grid(problem: Problem) -> Problem:
    return eqx.tree_at(lambda p: p.plan, problem, None) if isinstance(problem, CellProblem) else problem


def _alike(one: Problem, other: Problem) -> bool:
    ours, ours_static = jax.tree.flatten(one)
    theirs, theirs_static = jax.tree.flatten(other)
    return ours_static == theirs_static and all(_same_kind(a, b) for a, b in zip(ours, theirs, strict=True))


def _same_kind(one: Any, other: Any) -> bool:
    if eqx.is_array(one) and eqx.is_array(other):
        return one.shape == other.shape and one.dtype == other.dtype
    return not eqx.is_array(one) and not eqx.is_array(other) and one == other
