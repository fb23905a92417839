"""What a study believes of its numbers before the data: as it says, or by default."""

from collections.abc import Mapping, Sequence

import equinox as eqx

from jaxcell.cell import Cell
from jaxcell.inference import LogNormal, Normal, Prior, Problem, Uniform
from jaxcell.inference.default_priors import DefaultRange, default_range
from jaxcell.study import schema

STUDY = "the study"
"""Source of a prior that the study gives."""
MOST = 0.5
"""Share of a stated prior that may lie outside its bounds."""


def written_prior(table: schema.ParameterTable, factor: float, places: Sequence[str]) -> Prior | None:
    """The prior that a table gives, its unit being `factor` SI units; None where it gives none.

    Raises:
        ValueError: it asks for the default, and there is none at these places or none of it lies between the bounds; or
            most of what it states lies outside them.
    """
    told = table.prior
    if told is None:
        return None
    if told.kind == "uniform":
        return Uniform(source=STUDY)
    if told.kind == "default":
        return _asked_for(table, factor, places)
    stated = _stated(told, factor)
    outside = stated.outside(*(bound * factor for bound in table.bounds))
    if outside > MOST:
        raise ValueError(
            f"the prior contradicts the bounds: {100.0 * outside:.3g} % of it lies outside of {_bounds(table)}."
        )
    return stated


def _stated(told: schema.PriorTable, factor: float) -> Prior:
    if told.mean is not None and told.sd is not None:
        return Normal(told.mean * factor, told.sd * factor, source=STUDY)
    median = None if told.median is None else told.median * factor
    if told.range95 is not None:
        return LogNormal((told.range95[0] * factor, told.range95[1] * factor), median, source=STUDY)
    assert median is not None, "the schema asks for a median beside factor95"
    assert told.factor95 is not None, "the schema asks for factor95 beside a lone median"
    return LogNormal((median / told.factor95, median * told.factor95), median, source=STUDY)


def prior_or_default(
    table: schema.ParameterTable, factor: float, places: Sequence[str], cell: Cell, start: float
) -> Prior:
    """The prior that a table gives; else the default of these places of the cell; else flat.

    The default holds if nothing in the cell and not the start [SI] is against it; else the source of the flat prior
    says what is.  Raises as `written_prior`.
    """
    given = written_prior(table, factor, places)
    found = default_range(places)
    if given is not None:
        return given
    if found is None:
        return Uniform()
    why = found.refusal(cell, places) or _off_range(table, factor, found, start)
    if why is None:
        return found.prior
    return Uniform(source=f"flat: the default, {_shown(table, factor, found)}, is not used as {why}")


def with_common_priors(
    problems: Mapping[str, Problem], shared: Mapping[str, list[str]], tables: Mapping[str, schema.ParameterTable]
) -> dict[str, Problem]:
    """The problems with one prior for each shared number that the study leaves to the default: that of those which have
    one (capacities of cycles have none), or flat where theirs differ."""
    found = dict(problems)
    for name, among in shared.items():
        own = {member: _prior(found[member], name) for member in among}
        told = [prior for prior in own.values() if prior.source]
        alike = all(bool(eqx.tree_equal(told[0], other)) for other in told)
        given = tables[name].prior
        if not told or (given is not None and not (given.kind == "default" and alike)):
            continue
        one = told[0] if alike else Uniform(source="flat: the default does not hold in all measurements that share it")
        for member in among:
            found[member] = _with_prior(found[member], name, one)
    return found


def _asked_for(table: schema.ParameterTable, factor: float, places: Sequence[str]) -> Prior:
    found = default_range(places)
    if found is None:
        raise ValueError(
            f"prior = 'default' has no range for {' and '.join(table.paths)}; give {{range95 = [low, high]}} or "
            "'uniform'."
        )
    low, high = (bound * factor for bound in table.bounds)
    if low <= 0.0:
        raise ValueError(f"prior = 'default' is lognormal and needs bounds above 0, but they are {_bounds(table)}.")
    if high <= found.range95[0] or low >= found.range95[1]:
        raise ValueError(
            f"prior = 'default' is {_shown(table, factor, found)}, all of which lies outside its bounds "
            f"{_bounds(table)}."
        )
    return found.prior


def _off_range(table: schema.ParameterTable, factor: float, found: DefaultRange, start: float) -> str | None:
    low, high = found.range95
    if not low * (1.0 - 1e-9) <= start <= high * (1.0 + 1e-9):
        return f"it leaves out the start, {start / factor:.4g} {table.unit}"
    return "it is lognormal and the bounds reach 0" if table.bounds[0] <= 0.0 else None


def _shown(table: schema.ParameterTable, factor: float, found: DefaultRange) -> str:
    low, high = (value / factor for value in found.range95)
    return f"{low:.3g} to {high:.3g} {table.unit} ({found.words})"


def _bounds(table: schema.ParameterTable) -> str:
    low, high = table.bounds
    return f"[{low:g}, {high:g}] {table.unit}"


def _prior(problem: Problem, name: str) -> Prior:
    return problem.parameters.parameters[problem.parameters.names.index(name)].prior


def _with_prior(problem: Problem, name: str, prior: Prior) -> Problem:
    return eqx.tree_at(lambda one: _prior(one, name), problem, prior)
