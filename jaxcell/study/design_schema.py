"""The tables of a design file: [cell], [cycle], [variables.NAME], [objective], [[limit]], and what else is asked."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from jaxcell.study.protocol_schema import check_steps, flat
from jaxcell.study.schema import CellTable, Fraction, NotNegative, ParameterTable, Positive, StudyTable, Table

Direction = Literal["maximise", "minimise"]


class RecipeTable(Table):
    """What the layer of [cell.electrode.layer] is mixed of; its conductivities and stores follow from it."""

    filler_fraction: Fraction
    polymer_conductivity_s_cm: Positive
    filler_conductivity_s_cm: Positive | None = None
    percolation_threshold: Fraction | None = None
    medium: Literal["bruggeman", "maxwell"] = "bruggeman"
    stores: bool = True


class MassesTable(Table):
    """Densities of a stack's layers, and its collectors; see `jaxcell.StackMasses`."""

    cathode_density_g_cm3: Positive
    separator_density_g_cm3: Positive
    layer_density_g_cm3: Positive | None = None
    positive_collector_mg_cm2: NotNegative | None = None
    negative_collector_mg_cm2: NotNegative | None = None
    collector_thickness_um: NotNegative | None = None


class CycleTable(Table):
    """Steps of one cycle as sentences, run `repeat` times; quantities are those of the last. `rows` of each step."""

    steps: Annotated[list[Any], Field(min_length=1)]
    repeat: Annotated[int, Field(ge=1)] = 2
    rows: Annotated[int, Field(ge=2)] = 16

    @model_validator(mode="after")
    def _sentences(self) -> "CycleTable":
        check_steps(self.steps)
        return self

    @property
    def sentences(self) -> list[str]:
        """One a step."""
        return list(flat(self.steps))


class ObjectiveTable(Table):
    """A quantity and its direction; `quantile` of it over uncertain samples, its mean where left out."""

    quantity: str
    direction: Direction = "maximise"
    quantile: Fraction | None = None


class LimitTable(Table):
    """What must hold, in `unit`: one of `at_most`, `at_least`; with `probability` where something is uncertain."""

    quantity: str
    at_most: float | None = None
    at_least: float | None = None
    unit: str
    probability: Fraction = 0.95

    @model_validator(mode="after")
    def _one_side(self) -> "LimitTable":
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError(f"needs one of at_most and at_least for {self.quantity}")
        return self


class ParetoTable(Table):
    """The second objective of a front."""

    quantity: str
    direction: Direction = "maximise"
    points: Annotated[int, Field(ge=3)] = 6


class DrawsTable(Table):
    """A posterior over which the design is to hold: a file of `jaxcell fit STUDY.toml --posterior`, and the place here
    of each of its numbers that counts."""

    file: str
    places: Annotated[dict[str, str | list[str]], Field(min_length=1)]


class OptimiserTable(Table):
    """How to look for it, and the accuracy of the simulation; `samples` and their `seed` of what is uncertain.

    A limit's probability p is held on average over the sampling; p = 0.95 needs 16 samples or more, 0.9 needs 8."""

    method: Literal["slsqp", "trust-constr", "augmented"] = "slsqp"
    starts: Annotated[int, Field(ge=1)] = 2
    seed: Annotated[int, Field(ge=0)] = 0
    max_steps: Annotated[int, Field(ge=1)] = 100
    samples: Annotated[int, Field(ge=2)] = 32
    rtol: Annotated[float, Field(gt=0, le=1e-2)] = 1e-6
    atol: Annotated[float, Field(gt=0, le=1e-2)] = 1e-6
    grid_points: Annotated[int, Field(ge=3)] = 20
    shells: Annotated[int, Field(ge=2)] = 16


class DesignFile(Table):
    """The whole file; `watched` names quantities that are reported without a limit."""

    study: StudyTable
    cell: CellTable
    recipe: RecipeTable | None = None
    masses: MassesTable | None = None
    cycle: CycleTable | None = None
    variables: Annotated[dict[str, ParameterTable], Field(min_length=1)]
    objective: ObjectiveTable
    limit: list[LimitTable] = Field(default=[])
    watched: list[str] = Field(default=[])
    pareto: ParetoTable | None = None
    uncertain: dict[str, ParameterTable] = Field(default={})
    draws: DrawsTable | None = None
    optimiser: OptimiserTable = OptimiserTable()
