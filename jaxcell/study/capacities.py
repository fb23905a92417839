"""Studies of capacities per cycle: which table, which of its cells, which losses."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator

from jaxcell.study.folders import portable_file
from jaxcell.study.messages import StudyError
from jaxcell.study.progress import Progress
from jaxcell.study.schema import NotNegative, Positive, StudyTable, Table
from jaxcell.study.study import data_place, with_fit_options

if TYPE_CHECKING:
    from jaxcell.inference import FitResult, Fold, InventoryProblem, LithiumLoss, ModelComparison
    from jaxcell.io import CycleTable

Channel = Literal["dead", "interphase", "trapped"]


def _once(channels: list[Channel]) -> list[Channel]:
    if len(set(channels)) < len(channels):
        raise ValueError(f"must name each channel once, but is {channels}")
    return channels


Channels = Annotated[list[Channel], Field(min_length=1), AfterValidator(_once)]


class CapacitiesTable(Table):
    """The measurement: a table with one row a cell, and what the cells held at the start, in its unit of capacity.

    Without `cell` every row with at least `fewest_cycles` recorded cycles is fitted; without `initial` the first
    capacity only sets the start.
    """

    file: str
    unit: str
    prefix: str | None = None
    cell: Annotated[int, Field(ge=1)] | None = None
    fewest_cycles: Annotated[int, Field(ge=4)] = 5
    initial: Positive | None = None
    excess: NotNegative = 0.0


class LossesTable(Table):
    """The channels that may take lithium, and the scatter of a cycle's efficiency, estimated where it is not given."""

    channels: Channels = Field(default=["dead", "interphase", "trapped"])
    noise: Positive | None = None


class ModelChoiceTable(Table):
    """Models to compare by how well they predict blocks of later cycles, each named with the channels that it has; see
    `jaxcell.inference.compare_models`. Of every cell the `first` cycles are always fitted (a third unless given)."""

    models: dict[str, Channels]
    first: Annotated[int, Field(ge=3)] | None = None
    blocks: Annotated[int, Field(ge=1)] = 6

    @field_validator("models")
    @classmethod
    def _several(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        if len(value) < 2:
            raise ValueError(f"must name at least two models, each models.NAME = [channels], but names {len(value)}")
        return value

    def folds(self, cycles: int) -> "tuple[Fold, ...]":
        """What is left out of a record of so many cycles; raises as `expanding_window`."""
        from jaxcell.inference import expanding_window

        return expanding_window(cycles, first=self.first, blocks=self.blocks)


class CapacityFitTable(Table):
    """How to fit."""

    starts: Annotated[int, Field(ge=1)] = 8
    seed: Annotated[int, Field(ge=0)] = 0


class CapacityStudyFile(Table):
    """The whole file."""

    study: StudyTable
    capacities: CapacitiesTable
    losses: LossesTable = LossesTable()
    fit: CapacityFitTable = CapacityFitTable()
    model_choice: ModelChoiceTable | None = None


@dataclass(frozen=True)
class CapacityStudy:
    """A checked study file of capacities per cycle; attributes as in `Study`."""

    name: str
    source: str
    folder: Path
    content: CapacityStudyFile
    data_file: str | None = None

    def with_options(
        self, *, data: str | os.PathLike[str] | None = None, starts: int | None = None, seed: int | None = None
    ) -> "CapacityStudy":
        """As `Study.with_options`."""
        content = with_fit_options(self.content, starts=starts, seed=seed)
        return replace(self, content=content, data_file=self.data_file if data is None else os.fspath(data))

    def table(self) -> "CycleTable":
        """Read the table.

        Raises:
            StudyError: there is no such file.
            MeasurementError: it is no table of capacities per cycle.
        """
        from jaxcell.io import read_cycle_table

        written = self.content.capacities
        path = self.data_file or data_place("capacities", written.file, self.folder, self.source)
        return read_cycle_table(path, prefix=written.prefix)

    def cells(self, table: "CycleTable") -> list[int]:
        """Numbers of the cells to fit, counted from 1.

        Raises:
            StudyError: the chosen cell, or every cell, has too few recorded cycles; or there is no such cell.
        """
        chosen, fewest = self.content.capacities.cell, self.content.capacities.fewest_cycles
        count = len(table.recorded)
        if chosen is not None and chosen > count:
            raise StudyError(f"{self.source}: [capacities] cell must be 1 to {count}, but is {chosen}.")
        wanted = range(1, count + 1) if chosen is None else [chosen]
        enough = [n for n in wanted if table.recorded[n - 1] >= fewest]
        if not enough:
            most = max(int(table.recorded[n - 1]) for n in wanted)
            who = "no cell has" if chosen is None else f"cell {chosen} does not have"
            raise StudyError(
                f"{self.source}: {who} the fewest_cycles = {fewest} recorded cycles that [capacities] asks for; "
                f"{most} are recorded."
            )
        return enough

    def problem(self, table: "CycleTable", cell: int, channels: list[Channel] | None = None) -> "InventoryProblem":
        """The fitting problem of one cell, with the channels of [losses] or others.

        Raises:
            StudyError: its capacities cannot be fitted.
        """
        from jaxcell.inference import InventoryProblem, cycle_data, loss_parameters
        from jaxcell.inventory import Cycles, LithiumInventory

        content, capacity = self.content, table.cell(cell)
        known = content.capacities.initial
        start = float(capacity[0]) if known is None else known
        try:
            held = LithiumInventory(start, excess=content.capacities.excess)  # pyright: ignore[reportArgumentType]
            data = cycle_data(
                capacity,
                cycles=Cycles.of(table.capacity.shape[1]),
                initial_known=known is not None,
                noise=content.losses.noise,
            )
        except ValueError as error:
            raise StudyError(f"{self.source}: cell {cell}: {error}") from error
        unit = content.capacities.unit
        chosen = content.losses.channels if channels is None else channels
        parameters = loss_parameters(held, chosen, capacity_unit=unit)
        return InventoryProblem(held, data, parameters, capacity_unit=unit)

    def resolved(self) -> dict[str, Any]:
        """Every table with defaults filled in; without absolute paths."""
        tables = self.content.model_dump(exclude_none=True)
        tables["capacities"]["file"] = portable_file(self.content.capacities.file, self.data_file, self.folder)
        return tables


@dataclass(frozen=True)
class CapacityResult:
    """Fits of a study, by number of the cell."""

    study: CapacityStudy
    table: "CycleTable"
    problems: "dict[int, InventoryProblem]"
    fits: "dict[int, FitResult]"
    losses: "dict[int, LithiumLoss]"
    choice: "ModelComparison | None" = None

    @property
    def converged(self) -> bool:
        """Whether every fit converged."""
        return all(fit.converged for fit in self.fits.values())


def run_capacities(study: CapacityStudy, tell: Progress) -> CapacityResult:
    """Read the table and fit its cells; raises as `CapacityStudy.table`, `cells` and `problem`, and StudyError where a
    cell has too few cycles for [model_choice]."""
    from jaxcell.inference import INVENTORY_FIT, fit, lithium_loss

    tell("reading the study and its data", 0, 0)
    table = study.table()
    cells = study.cells(table)
    problems = {cell: study.problem(table, cell) for cell in cells}
    _check_folds(study, problems)
    fits, losses, options = {}, {}, study.content.fit
    for done, (cell, problem) in enumerate(problems.items()):
        tell("fitting (the first step compiles)" if done == 0 else "fitting", done, len(cells))
        fits[cell] = fit(problem, starts=options.starts, seed=options.seed, settings=INVENTORY_FIT)
        losses[cell] = lithium_loss(problem, fits[cell], seed=options.seed)
    return CapacityResult(study, table, problems, fits, losses, _choice(study, table, cells, tell))


def _check_folds(study: CapacityStudy, problems: "dict[int, InventoryProblem]") -> None:
    """Before anything is fitted, whether [model_choice] has cycles to leave out; the same of all channels.

    Raises:
        StudyError: a cell has too few of them.
    """
    from jaxcell.inference.left_out import recorded_cycles

    written = study.content.model_choice
    if written is None:
        return
    for cell, problem in problems.items():
        try:
            written.folds(recorded_cycles(problem))
        except ValueError as error:
            told = f"cell {cell}: {str(error).rstrip('.')}; fewest_cycles leaves out short records."
            raise StudyError(f"{study.source}: [model_choice] {told}") from error


def _choice(study: CapacityStudy, table: "CycleTable", cells: list[int], tell: Progress) -> "ModelComparison | None":
    """The comparison that [model_choice] asks for.

    Raises:
        StudyError: no block can be scored under every model.
    """
    from jaxcell.inference import compare_models

    written, options = study.content.model_choice, study.content.fit
    if written is None:
        return None
    models = {
        name: {cell: study.problem(table, cell, channels) for cell in cells}
        for name, channels in written.models.items()
    }
    try:
        return compare_models(
            models,
            folds=written.folds,
            starts=options.starts,
            seed=options.seed,
            progress=lambda done, total: tell("comparing models", done, total),
        )
    except ValueError as error:
        raise StudyError(f"{study.source}: [model_choice]: {error}") from error
