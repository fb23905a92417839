"""Which of several models of the same record predicts what it has not seen best, and whether they are told apart."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np
import pandas as pd
import scipy.stats
from jaxtyping import Float, Int

from jaxcell.component import whole_number
from jaxcell.inference.analysis import FitSettings
from jaxcell.inference.autocorrelation import first_order_time
from jaxcell.inference.block_scores import BlockScore, block_score
from jaxcell.inference.calibration import Calibration, calibration
from jaxcell.inference.inventory_problem import INVENTORY_FIT, InventoryProblem
from jaxcell.inference.left_out import Fold, expanding_window, recorded_cycles
from jaxcell.inference.problem import Problem
from jaxcell.inference.protocol_problem import PROTOCOL_FIT, ProtocolProblem

Records: TypeAlias = Problem | Mapping[Any, Problem]
Place = tuple[Hashable, Fold]
FEWEST_BLOCKS = 8
"""Blocks of one record from which their correlation is estimated; of fewer the estimate is noise."""
LEAST_DIFFERENCE = 1e-3
"""Nats a cycle below which nothing is told: a thousand left-out cycles would speak for a model by a factor of e, and
where models predict alike, rounding and the ends of fits leave differences that are far smaller but have a sign."""


class Difference(NamedTuple):
    """How much worse a model scores than the best, per left-out cycle, the standard error of that, and the half-width
    of its 95 % interval; all zero for the best.  Of one block alone error and reach are infinite."""

    worse: float
    error: float
    reach: float

    @property
    def told(self) -> bool:
        """Whether a difference of log scores exceeds its error, and what counts at all."""
        return self.worse > max(self.reach, LEAST_DIFFERENCE)

    @property
    def words(self) -> str:
        """By how much, with the half-width where there is one."""
        return f"by {self.worse:.2g}" + (f" +- {self.reach:.2g}" if np.isfinite(self.reach) else "")


@dataclass(frozen=True)
class ModelScore:
    """How well one model predicts, per left-out cycle.

    - `log_score` [nats], larger is better; `crps` in the unit of `BlockScore`, smaller is better (NaN without
      capacities).
    - `by_log_score`, `by_crps`: against the model that is best by the log score.
    - `not_converged`: fits that did not converge.
    """

    log_score: float
    crps: float
    by_log_score: Difference
    by_crps: Difference
    not_converged: int


@dataclass(frozen=True)
class ModelComparison:
    """Models compared on the same left-out cycles.

    - `scores` by model, the best log score first; `blocks`: by model, then by record and fold.
    - `cycles`: left out in all; `failed`: record, fold and reason where a model could not be fitted, which then counts
      for none.
    """

    scores: dict[str, ModelScore]
    blocks: dict[str, dict[Place, BlockScore]] = field(repr=False)
    cycles: int
    failed: tuple[str, ...]

    @property
    def best(self) -> str:
        """The model of the best log score."""
        return next(iter(self.scores))

    @property
    def rivals(self) -> tuple[str, ...]:
        """The others that the log score does not tell from the best."""
        return tuple(n for n, one in self.scores.items() if n != self.best and not one.by_log_score.told)

    @property
    def verdict(self) -> str:
        """Which model predicts best, in one sentence."""
        by = {name: one.by_log_score for name, one in self.scores.items() if name != self.best}
        near = " and ".join(f"{name}, {by[name].words}" for name in self.rivals)
        behind = ", ".join(f"{name} {one.words}" for name, one in by.items() if name not in self.rivals)
        if not near:
            return f"{self.best} predicts left-out cycles best; worse are {behind} (nats a cycle, 95 %)."
        one_block = any(np.isinf(one.reach) for one in by.values())
        error = "; one block gives no error of the difference" if one_block else ", 95 %"
        tail = f"; worse are {behind}" if behind else ""
        return f"{self.best} is not told apart from {near}{tail} (nats a cycle{error})."

    def summary(self) -> str:
        """The verdict, every model's scores and what could not be compared, as readable text."""
        lines = [self.verdict]
        for name, one in self.scores.items():
            behind = "the best" if name == self.best else f"worse {one.by_log_score.words}"
            crps = "" if np.isnan(one.crps) else f", CRPS {one.crps:.3g}"
            slow = f", {one.not_converged} fits not converged" if one.not_converged else ""
            lines.append(f"  {name}: {one.log_score:.4g} nats a cycle, {behind}{crps}{slow}")
        count = len(self.blocks[self.best])
        lines.append(f"  {self.cycles} cycles left out in {'one block' if count == 1 else f'{count} blocks'}")
        return "\n".join(lines + [f"  not compared: {failure}" for failure in self.failed])

    def to_dataframe(self) -> pd.DataFrame:
        """One row a model, the best first."""
        rows = {
            name: {
                "log score / nats a cycle": one.log_score,
                "worse than the best": one.by_log_score.worse,
                "standard error": one.by_log_score.error,
                "95 % reach": one.by_log_score.reach,
                "CRPS": one.crps,
                "CRPS above the best": one.by_crps.worse,
                "CRPS standard error": one.by_crps.error,
                "told from the best": one.by_log_score.told,
                "not converged": one.not_converged,
            }
            for name, one in self.scores.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")

    def calibration(self, model: str, *, bins: int = 10) -> Calibration:
        """Whether the predictive intervals of a model hold, over all left-out values, clustered by record."""
        found = self.blocks[model]
        labels = np.repeat(_records(found), [one.pit.size for one in found.values()])
        return calibration(np.concatenate([one.pit for one in found.values()]), labels, bins=bins)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready but for numbers that are not finite."""
        table = self.to_dataframe()
        models = {str(name): {k: v if isinstance(v, bool) else float(v) for k, v in row.items()}
                  for name, row in table.to_dict(orient="index").items()}  # fmt: skip
        return {"models": models, "cycles": self.cycles, "failed": list(self.failed), "words": self.verdict}


def compare_models(
    models: Mapping[str, Records],
    *,
    folds: Callable[[int], Sequence[Fold]] = expanding_window,
    starts: int = 6,
    seed: int = 0,
    settings: FitSettings | None = None,
    progress: Callable[[int, int], Any] | None = None,
) -> ModelComparison:
    """Score models by the cycles that they were not fitted to.

    `models` by name: problems of the same measurement, or of the same records by their names.  `folds` makes the folds
    of a record from its number of cycles (measured steps of a `ProtocolProblem`); see `left_out` for why they are what
    comes next.  Each model compiles once for records of one shape: a fold changes what counts, not how many rows.

    **Difference.**  D = sum of the score differences over all left-out cycles; of several records its standard error is
    that of a ratio of sums over them, sqrt(m/(m-1) sum_r (D_r - D n_r/n)^2)/n, for cycles of one cell err together; of
    one record over its blocks, of 8 or more times the root of their first-order autocorrelation time.  It is told apart
    where it exceeds Student's 97.5 % quantile of m - 1 degrees of freedom times that.  Few blocks, and models that are
    alike, leave even that error too small at times (Sivula, Magnusson, Matamoros and Vehtari, arXiv 2008.10296):
    verdicts that rest on a record of a dozen cycles are hints.  Models are told apart by how they predict: one that is
    worse may be the truer, with more unknowns than the record settles.

    Raises ValueError for models that are no problems by name, fewer than two of them, models of different measurements,
    starts or a seed that are no whole numbers of at least 1 and 0, and where every fold fails.
    """
    starts, seed = whole_number(starts, "starts", least=1), whole_number(seed, "seed", least=0)
    _check_named(models)
    named = {name: _by_record(problem) for name, problem in models.items()}
    _check(named)
    places = [
        (record, fold) for record, one in next(iter(named.values())).items() for fold in folds(recorded_cycles(one))
    ]
    blocks: dict[str, dict[Place, BlockScore]] = {name: {} for name in named}
    failed: dict[Place, str] = {}
    for number, (name, (record, fold)) in enumerate((n, p) for n in named for p in places):
        problem = named[name][record]
        how = _usual(problem) if settings is None else settings
        try:
            score = block_score(problem, fold, starts=starts, seed=seed, settings=how)
            if not np.isfinite(score.log_score):
                raise ValueError("the prediction is not finite")
            blocks[name][record, fold] = score
        except ValueError as error:
            failed[record, fold] = f"{name}, {_label(record)}cycles {fold.fitted + 1} to {fold.until}: {error}"
        if progress is not None:
            progress(number + 1, len(named) * len(places))
    blocks = {name: {p: one for p, one in found.items() if p not in failed} for name, found in blocks.items()}
    kept = [place for place in places if place not in failed]
    if not kept:
        raise ValueError(f"No block can be scored under every model: {'; '.join(failed.values())}")
    scores = _scores(blocks)
    cycles = sum(fold.until - fold.fitted for _, fold in kept)
    return ModelComparison(scores, blocks, cycles, tuple(failed.values()))


def _scores(blocks: dict[str, dict[Place, BlockScore]]) -> dict[str, ModelScore]:
    tables = {name: _table(found) for name, found in blocks.items()}
    log = {name: float(t.log.sum() / t.cycles.sum()) for name, t in tables.items()}
    order = sorted(log, key=lambda name: -log[name])
    best = tables[order[0]]
    found = {}
    for name in order:
        mine = tables[name]
        behind = _difference(best.log - mine.log, mine.cycles, mine.records)
        above = _difference(mine.crps - best.crps, mine.values, mine.records)
        slow = sum(not one.converged for one in blocks[name].values())
        values = mine.values.sum()
        crps = float(mine.crps.sum() / values) if values else float("nan")
        found[name] = ModelScore(log[name], crps, behind, above, slow)
    return found


class _Table(NamedTuple):
    """Sums over each block."""

    records: Int[np.ndarray, " blocks"]
    cycles: Float[np.ndarray, " blocks"]
    log: Float[np.ndarray, " blocks"]
    values: Float[np.ndarray, " blocks"]
    crps: Float[np.ndarray, " blocks"]


def _table(found: dict[Place, BlockScore]) -> _Table:
    rows = [(one.cycles, one.log_score, one.crps.size, one.crps.sum()) for one in found.values()]
    return _Table(_records(found), *np.array(rows, dtype=np.float64).T)


def _records(found: dict[Place, BlockScore]) -> Int[np.ndarray, " blocks"]:
    """The number of each block's record."""
    names = list(dict.fromkeys(record for record, _ in found))
    return np.array([names.index(record) for record, _ in found])


def _difference(
    worse: Float[np.ndarray, " blocks"], counts: Float[np.ndarray, " blocks"], records: Int[np.ndarray, " blocks"]
) -> Difference:
    """Of the sums of each block."""
    total = counts.sum()
    if not total:
        return Difference(float("nan"), float("nan"), float("nan"))
    mean = float(worse.sum() / total)
    rest = worse - mean * counts
    tau = 1.0
    if records.max() > 0:
        rest = np.bincount(records, rest)
    elif rest.size >= FEWEST_BLOCKS:
        tau = first_order_time(rest, np.zeros(rest.size, dtype=np.int64))
    m = rest.size
    if m < 2:
        return Difference(mean, float("inf"), float("inf")) if np.any(worse) else Difference(0.0, 0.0, 0.0)
    error = float(np.sqrt(tau * m / (m - 1.0) * np.sum(rest**2)) / total)
    return Difference(mean, error, float(scipy.stats.t.ppf(0.975, m - 1)) * error)


def _label(record: Hashable) -> str:
    return "" if record is None else f"record {record}, "


def _by_record(problem: Records) -> dict[Hashable, Problem]:
    return dict(problem) if isinstance(problem, Mapping) else {None: problem}


def _usual(problem: Problem) -> FitSettings:
    """Settings of a fit whose trade-offs nobody reads."""
    if isinstance(problem, InventoryProblem):
        return FitSettings(INVENTORY_FIT.solver, ridges=0)
    if isinstance(problem, ProtocolProblem):
        return FitSettings(PROTOCOL_FIT.solver, adam_steps=0, ridges=0)
    return FitSettings(ridges=0)


def _check_named(models: Any) -> None:
    """Refuse what is no mapping of problems, or of problems by record."""
    expected = "problems by the names of the models, such as {'dead': problem, 'both': other}"
    if not isinstance(models, Mapping):
        raise ValueError(f"models must be {expected}, but is {_shown(models)}.")
    for name, one in models.items():
        for problem in one.values() if isinstance(one, Mapping) else [one]:
            if not isinstance(problem, Problem):
                raise ValueError(f"models must be {expected}, but that of {name!r} is {_shown(problem)}.")


def _shown(value: Any) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"


def _check(named: dict[str, dict[Hashable, Problem]]) -> None:
    if len(named) < 2:
        raise ValueError(f"At least two models are needed to choose from, but there are {len(named)}.")
    first, *others = named
    for other in others:
        if list(named[first]) != list(named[other]):
            raise ValueError(f"Models must be of the same records, but those of '{first}' and '{other}' differ.")
        for record, problem in named[first].items():
            if not _same_data(problem, named[other][record]):
                raise ValueError(
                    f"Models must be of the same measurement, but those of '{first}' and '{other}' differ."
                )


def _same_data(one: Problem, other: Problem) -> bool:
    """Whether two problems have equal data, with equal noise, in rows that mean the same."""
    if type(one) is not type(other) or not np.array_equal(one.segments, other.segments):
        return False
    held = [getattr(problem, "dataset", getattr(problem, "data", None)) for problem in (one, other)]
    (mine, shape), (theirs, other_shape) = (jax.tree.flatten(data) for data in held)
    return shape == other_shape and all(np.array_equal(a, b, equal_nan=True) for a, b in zip(mine, theirs, strict=True))
