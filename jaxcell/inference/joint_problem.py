"""Several measurements in one fit: any kinds, on one cell or many, with parameters shared or not."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxcell.inference.analysis import FitSettings
from jaxcell.inference.batches import batches, level, stacked
from jaxcell.inference.inventory_problem import INVENTORY_FIT, InventoryProblem
from jaxcell.inference.least_squares import LevenbergMarquardt
from jaxcell.inference.parameters import Parameter, ParameterSet
from jaxcell.inference.problem import Member, Physical, Problem
from jaxcell.inference.protocol_problem import PROTOCOL_FIT, ProtocolProblem

Shared: TypeAlias = Sequence[str] | Mapping[str, Sequence[str] | Mapping[str, str]]


class JointProblem(Problem):
    """The residuals of several problems, one after the other, over all their parameters.

    Each problem has its own cell, data, noise and `ParameterSet`; it would be a fit by itself.  What is known of each
    cell (a series of thicknesses, temperatures, stack pressures) stands in that cell, and where a parameter sits may
    differ: in the working layer of a half cell, in both layers of a symmetric one.  A shared parameter is one number,
    with one prior; all others are named "problem.parameter".

    loss = 0.5 sum over problems of |residuals|^2 + 0.5 |prior residuals|^2

    Problems that differ in numbers alone (equal cells, lengths of data, names) are run as one batch: a series of cells
    compiles once.  `fit` weighs each problem by its noise as found, its autocorrelation included; `joint_settings`
    suit it.
    """

    parameters: ParameterSet
    segments: Int[Array, " residuals"]
    data_scale: Float[Array, " residuals"] | None
    data_unit: str = eqx.field(static=True)
    """Of all problems where they have one in common, else ""."""
    problems: tuple[Problem, ...]
    names: tuple[str, ...] = eqx.field(static=True)
    places: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    """Of each problem's parameters, in its own order, among the parameters of all."""

    def __init__(self, problems: Mapping[str, Problem], shared: Shared) -> None:
        """`problems` by name.  `shared` names the parameters that are one number for every problem that has one of that
        name, or maps such a name to the problems that share it: {"kappa": ["thin", "thick"]}, or, where they call it
        differently, {"kappa": {"thin": "kappa", "foil": "conductivity"}}.

        Raises ValueError for a name that is no word, a joint problem inside another, a shared parameter or a problem
        that does not exist, one claimed twice, and shared parameters whose unit, bounds, transform or prior differ.
        """
        _check(problems)
        sharing = _resolved(problems, shared)
        parameters: dict[str, Parameter] = {}
        places = []
        for member, problem in problems.items():
            own = []
            for parameter in problem.parameters.parameters:
                joint = sharing.get((member, parameter.name))
                name = f"{member}.{parameter.name}" if joint is None else joint
                paths = tuple(f"{member}.{path.lstrip('.')}" for path in parameter.paths)
                parameters[name] = _joined(name, parameters.get(name), parameter, paths, member)
                own.append(name)
            places.append(own)
        order = {name: place for place, name in enumerate(parameters)}
        self.parameters = ParameterSet(tuple(parameters.values()))
        self.names = tuple(problems)
        self.places = tuple(tuple(order[name] for name in own) for own in places)
        self.problems = level(tuple(problems.values()))
        units = {one.data_unit for one in self.problems}
        self.data_unit = units.pop() if len(units) == 1 else ""
        self.data_scale = _scale(self.problems) if self.data_unit else None
        self.segments = jnp.asarray(_stretches([np.asarray(one.segments) for one in self.problems]))

    @property
    def noise_estimated(self) -> bool:
        return all(one.noise_estimated for one in self.problems)

    @property
    def noise_segments(self) -> Int[Array, " residuals"]:
        return jnp.asarray(_stretches([np.asarray(one.noise_segments) for one in self.problems]))

    @property
    def members(self) -> tuple[Member, ...]:
        """The measurements by name, in the order of the residuals."""
        ends = np.cumsum([one.segments.shape[0] for one in self.problems])
        return tuple(
            one.members[0]._replace(name=name, rows=slice(int(end) - one.segments.shape[0], int(end)))
            for name, one, end in zip(self.names, self.problems, ends, strict=True)
        )

    def member(self, name: str) -> Problem:
        """One of the problems; raises ValueError for a name that there is not."""
        return self.problems[self._number(name)]

    def theta_of(self, name: str, theta: Float[Array, " parameters"]) -> Float[Array, " own"]:
        """What one problem takes of theta; raises as `member`."""
        return jnp.asarray(theta)[np.asarray(self.places[self._number(name)])]

    def with_problems(self, changed: Mapping[str, Problem]) -> "JointProblem":
        """The same with some problems in another form, of as many residuals; raises as `member`."""
        places = {self._number(name): problem for name, problem in changed.items()}
        return self._with(tuple(places.get(k, problem) for k, problem in enumerate(self.problems)))

    def residuals(self, theta: Float[Array, " parameters"]) -> Float[Array, " residuals"]:
        return jnp.concatenate(self._each(lambda problem, own: problem.residuals(own), theta))

    def combinations(self, theta: Float[Array, " parameters"]) -> Physical:
        found = self._each(lambda problem, own: problem.combinations(own), theta)
        return {
            f"{name}.{key}": value
            for name, own in zip(self.names, found, strict=True)
            for key, value in own.items()
        }  # fmt: skip

    def combination_units(self) -> dict[str, str]:
        return {
            f"{name}.{key}": unit
            for name, problem in zip(self.names, self.problems, strict=True)
            for key, unit in problem.combination_units().items()
        }

    @property
    def rests_on(self) -> dict[str, tuple[str, ...]]:
        found = {}
        for name, problem, places in zip(self.names, self.problems, self.places, strict=True):
            here = {
                own: self.parameters.names[place] for own, place in zip(problem.parameters.names, places, strict=True)
            }
            found |= {f"{name}.{key}": tuple(here[one] for one in ones) for key, ones in problem.rests_on.items()}
        return found

    def renewed(self, theta: Float[Array, " parameters"]) -> "JointProblem":
        """Every problem renewed at its part of theta."""
        return self._renewed(theta, None)

    def renewed_at(
        self, theta: Float[Array, " parameters"], jacobian: Float[Array, "residuals parameters"]
    ) -> "JointProblem":
        """As `renewed`; parameters that other problems determine are not taken from a problem's own residuals."""
        return self._renewed(theta, np.asarray(jacobian))

    def _renewed(
        self, theta: Float[Array, " parameters"], jacobian: Float[np.ndarray, "residuals parameters"] | None
    ) -> "JointProblem":
        after: list[Problem] = []
        for name, problem in zip(self.names, self.problems, strict=True):
            own = self.theta_of(name, theta)
            if jacobian is not None and isinstance(problem, InventoryProblem):
                after.append(problem.renewed(own, self._told_by_others(name, theta, jacobian)))
            else:
                after.append(problem.renewed(own))
        same = all(new is old for new, old in zip(after, self.problems, strict=True))
        return self if same else self._with(tuple(after))

    def _told_by_others(
        self, name: str, theta: Float[Array, " parameters"], jacobian: Float[np.ndarray, "residuals parameters"]
    ) -> Float[np.ndarray, "own own"]:
        """Information that all other problems and their priors hold on one problem's parameters, the rest being free:
        the Schur complement of theirs."""
        number = self._number(name)
        rows = np.delete(jacobian, np.r_[self.members[number].rows], axis=0)
        own = np.asarray(self.places[number])
        rest = np.setdiff1d(np.arange(jacobian.shape[1]), own)
        precision = np.diag(np.asarray(self.parameters.prior_precision(theta)))
        others = rows.T @ rows
        free = np.linalg.solve((others + precision)[np.ix_(rest, rest)], others[np.ix_(rest, own)])
        return others[np.ix_(own, own)] - others[np.ix_(own, rest)] @ free

    def _with(self, problems: tuple[Problem, ...]) -> "JointProblem":
        scale = None if self.data_scale is None else _scale(problems)
        where = lambda p: (p.problems, p.data_scale)  # noqa: E731
        return eqx.tree_at(where, self, (level(problems), scale), is_leaf=lambda x: x is None)

    def _each(
        self, function: Callable[[Any, Float[Array, " own"]], Any], theta: Float[Array, " parameters"]
    ) -> list[Any]:
        """The function of every problem and its theta, those that differ in numbers alone as one batch."""
        found: list[Any] = [None] * len(self.problems)
        for group in batches(self.problems):
            thetas = theta[np.asarray([self.places[k] for k in group])]
            if len(group) == 1:
                found[group[0]] = function(self.problems[group[0]], thetas[0])
                continue
            rows = eqx.filter_vmap(function)(stacked([self.problems[k] for k in group]), thetas)
            for row, k in enumerate(group):
                found[k] = jax.tree.map(lambda leaf, row=row: leaf[row], rows)
        return found

    def _number(self, name: str) -> int:
        if name not in self.names:
            raise ValueError(f"There is no problem '{name}'; there are {', '.join(self.names)}.")
        return self.names.index(name)


def joint_settings(problem: JointProblem) -> FitSettings:
    """Settings for `fit` that suit all its problems: the widest tolerances and the most steps among theirs."""
    usual = [FitSettings().solver]
    usual += [PROTOCOL_FIT.solver] * any(isinstance(one, ProtocolProblem) for one in problem.problems)
    usual += [INVENTORY_FIT.solver] * any(isinstance(one, InventoryProblem) for one in problem.problems)
    largest = {name: max(getattr(one, name) for one in usual) for name in LevenbergMarquardt.__dataclass_fields__}
    return FitSettings(LevenbergMarquardt(**largest))


def _check(problems: Mapping[str, Problem]) -> None:
    if not isinstance(problems, Mapping):
        raise ValueError(f"JointProblem.problems must map names to problems, but is of type {type(problems).__name__}.")
    if not problems:
        raise ValueError("JointProblem.problems must hold at least one problem, but is empty.")
    for name, problem in problems.items():
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z]\w*", name):
            raise ValueError(f"Names in JointProblem.problems must be letters, digits and _, but one is '{name}'.")
        if not isinstance(problem, Problem):
            raise ValueError(f"JointProblem.problems must hold problems, but '{name}' is {type(problem).__name__}.")
        if isinstance(problem, JointProblem):
            raise ValueError(f"JointProblem.problems must hold single problems, but '{name}' is a joint one.")


def _resolved(problems: Mapping[str, Problem], shared: Shared) -> dict[tuple[str, str], str]:
    """Name in the joint problem by (problem, own name)."""
    if isinstance(shared, str):
        raise ValueError(f"JointProblem.shared must be a list of names, but is the text '{shared}'.")
    if not isinstance(shared, Sequence | Mapping | set | frozenset):
        raise ValueError(
            f"JointProblem.shared must be a list of names, or map names to problems, but is {shared!r}; [] shares none."
        )
    own = {name: problem.parameters.names for name, problem in problems.items()}
    found: dict[tuple[str, str], str] = {}
    for joint in shared:
        if not isinstance(joint, str):
            raise ValueError(f"JointProblem.shared must hold names, but one is {joint!r}.")
        among = shared[joint] if isinstance(shared, Mapping) else [name for name in own if joint in own[name]]
        if isinstance(among, str) or not isinstance(among, Sequence | Mapping):
            raise ValueError(
                f"JointProblem.shared['{joint}'] must be a list of problems, or map problems to their own names, but "
                f"is {among!r}."
            )
        called = dict(among) if isinstance(among, Mapping) else dict.fromkeys(among, joint)
        if not called:
            known = sorted({name for names in own.values() for name in names})
            raise ValueError(
                f"JointProblem.shared names '{joint}', which no problem fits; they fit {', '.join(known)}."
            )
        for member, name in called.items():
            if member not in own:
                raise ValueError(
                    f"JointProblem.shared shares '{joint}' with '{member}', which is no problem; there are "
                    f"{', '.join(own)}."
                )
            if name not in own[member]:
                raise ValueError(
                    f"JointProblem.shared shares '{joint}' with '{member}', which does not fit '{name}'; it fits "
                    f"{', '.join(own[member])}."
                )
            if (member, name) in found:
                raise ValueError(
                    f"JointProblem.shared gives '{name}' of '{member}' to '{found[member, name]}' and to '{joint}'."
                )
            found[member, name] = joint
        if len(called) == 1:
            raise ValueError(
                f"JointProblem.shared must name parameters of at least two problems, but '{joint}' is fitted by "
                f"'{next(iter(called))}' alone."
            )
    return found


def _joined(
    name: str, before: Parameter | None, parameter: Parameter, paths: tuple[str, ...], member: str
) -> Parameter:
    """The parameter of all problems with the places of one more; it starts where it does in the first of them."""
    first = parameter if before is None else before
    same = {
        "unit": first.unit == parameter.unit,
        "bounds": all(float(a) == float(b) for a, b in zip(first.bounds, parameter.bounds, strict=True)),
        "transform": bool(eqx.tree_equal(first.transform, parameter.transform)),
        "prior": bool(eqx.tree_equal(first.prior, parameter.prior)),
    }
    for what, equal in same.items():
        if not equal:
            raise ValueError(
                f"The shared parameter '{name}' must have one {what}, but that of '{member}' is another: "
                f"{_shown(getattr(parameter, what))} against {_shown(getattr(first, what))}."
            )
    assert first.initial is not None, "ParameterSet fills in every start"
    low, high = (float(bound) for bound in first.bounds)
    places = paths if before is None else (*before.paths, *paths)
    start = float(first.initial)
    return Parameter(name, places, first.unit, (low, high), first.transform, first.prior, start)


def _shown(value: Any) -> str:
    """A unit, bounds, or the name and numbers of a transform or prior."""
    if isinstance(value, str):
        return value
    numbers = ", ".join(f"{float(leaf):g}" for leaf in jax.tree.leaves(value))
    return f"({numbers})" if isinstance(value, tuple) else f"{value.name} ({numbers})"


def _scale(problems: Sequence[Problem]) -> Float[Array, " residuals"] | None:
    """Noise of all residuals, where every problem has one."""
    known = [one.data_scale for one in problems if one.data_scale is not None]
    return jnp.concatenate(known) if len(known) == len(problems) else None


def _stretches(labels: Sequence[Int[np.ndarray, " _"]]) -> Int[np.ndarray, " residuals"]:
    """Labels of stretches, told apart by problem; negative where they are padding."""
    found, count = [], 0
    for own in labels:
        kinds, place = np.unique(own, return_inverse=True)
        found.append(np.where(own >= 0, place + count, -1))
        count += kinds.size
    return np.concatenate(found)
