"""The tables of a study file, in lab units. The ending of a key is its unit: `thickness_um`, `area_cm2`.

Tables below [cell] mirror the parts of `jaxcell.cell.Cell`, so the path of a fitted number is its place in the file
without the unit: [cell.electrode.layer] ionic_conductivity_s_cm is `electrode.layer.ionic_conductivity`. A number that
is left out takes the default of the model.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from jaxcell.study.cathode_tables import Cathode as Cathode
from jaxcell.study.cathode_tables import CathodeTransport as CathodeTransport
from jaxcell.study.cathode_tables import IntercalationKinetics as IntercalationKinetics
from jaxcell.study.part_tables import BinarySalt as BinarySalt
from jaxcell.study.part_tables import Coefficient as Coefficient
from jaxcell.study.part_tables import ContactLoss as ContactLoss
from jaxcell.study.part_tables import DeadLithium as DeadLithium
from jaxcell.study.part_tables import Film as Film
from jaxcell.study.part_tables import Fraction as Fraction
from jaxcell.study.part_tables import GrainBoundary as GrainBoundary
from jaxcell.study.part_tables import HeatBalance as HeatBalance
from jaxcell.study.part_tables import Host as Host
from jaxcell.study.part_tables import Interface as Interface
from jaxcell.study.part_tables import Interphase as Interphase
from jaxcell.study.part_tables import Kinetics as Kinetics
from jaxcell.study.part_tables import NotNegative as NotNegative
from jaxcell.study.part_tables import Nucleation as Nucleation
from jaxcell.study.part_tables import Number as Number
from jaxcell.study.part_tables import Pores as Pores
from jaxcell.study.part_tables import Positive as Positive
from jaxcell.study.part_tables import ProtectionLayer as ProtectionLayer
from jaxcell.study.part_tables import Separator as Separator
from jaxcell.study.part_tables import SoftShort as SoftShort
from jaxcell.study.part_tables import Storage as Storage
from jaxcell.study.part_tables import Table as Table
from jaxcell.study.part_tables import TimeSpan as TimeSpan
from jaxcell.study.part_tables import Trap as Trap

if TYPE_CHECKING:  # JAX is imported when something is run
    from jaxcell.inference import Likelihood, NutsSettings

ALLOY_KEYS = (
    "potential_v",
    "capacity_mah_cm2",
    "initial_filling",
    "kinetics",
    "double_layer_capacitance_uf_cm2",
    "contact_resistance_ohm_cm2",
    "double_layer_exponent",
)
"""Keys of a counter electrode that only an alloy has."""


class Electrode(Table):
    """Lithium foil (`lithium_thickness_um`) or a bare collector (`collector = true`), with or without a layer."""

    lithium_thickness_um: Positive | None = None
    collector: bool = False
    initial_potential_v: Annotated[float, Field(le=0.5, allow_inf_nan=False)] | None = None
    interface: Interface = Interface()
    layer: ProtectionLayer | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Electrode":
        if self.collector == (self.lithium_thickness_um is not None):
            raise ValueError("needs either lithium_thickness_um (a foil) or collector = true (anode-free)")
        if self.initial_potential_v is not None and not self.collector:
            raise ValueError("takes initial_potential_v only with collector = true; lithium starts at equilibrium")
        return self


class Counter(Electrode):
    """Counter electrode of a half cell: lithium, or with `alloy = true` an alloy such as In-Li.

    An alloy has a plateau at `potential_v` (0.62 V unless given), kinetics and a filling of its own.
    """

    alloy: bool = False
    potential_v: Number | None = None
    capacity_mah_cm2: Positive | None = None
    initial_filling: Fraction | None = None
    kinetics: Kinetics | None = None
    double_layer_capacitance_uf_cm2: NotNegative | None = None
    contact_resistance_ohm_cm2: NotNegative | None = None
    double_layer_exponent: Fraction | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Counter":
        own = [key for key in ALLOY_KEYS if getattr(self, key) is not None]
        if not self.alloy:
            if own:
                raise ValueError(f"takes {own[0]} only with alloy = true")
            if not self.collector and self.lithium_thickness_um is None:
                raise ValueError("needs either lithium_thickness_um (a foil) or alloy = true")
            return self
        of_lithium = [
            k for k in self.model_fields_set - {"alloy", *ALLOY_KEYS} if getattr(self, k) not in (None, False)
        ]
        if of_lithium:
            raise ValueError(
                f"takes no {sorted(of_lithium)[0]} with alloy = true; an alloy has {', '.join(ALLOY_KEYS)}"
            )
        return self


class CellTable(Table):
    """What the cell is: `symmetric` has the electrode twice, `half` a counter electrode of lithium or of an alloy, and
    `full` a composite cathode."""

    kind: Literal["symmetric", "half", "full"]
    temperature_c: Annotated[float, Field(gt=-273.15, allow_inf_nan=False)] = 25.0
    separator: Separator
    electrode: Electrode
    counter: Counter | None = None
    cathode: Cathode | None = None
    stack_pressure_mpa: Positive = 5.0
    reference_temperature_c: Annotated[float, Field(gt=-273.15, allow_inf_nan=False)] = 25.0
    heat_balance: HeatBalance | None = None

    @model_validator(mode="after")
    def _counter_fits(self) -> "CellTable":
        if self.kind != "full" and self.cathode is not None:
            raise ValueError(f"takes [cell.cathode] only with kind = 'full', but kind = {self.kind!r}")
        if self.kind == "symmetric" and self.counter is not None:
            raise ValueError("takes no [cell.counter] when kind = 'symmetric': both electrodes are [cell.electrode]")
        if self.kind == "symmetric" and self.electrode.collector:
            raise ValueError(
                "with kind = 'symmetric' needs lithium on both electrodes, but [cell.electrode] is a collector"
            )
        if self.kind == "half" and self.counter is None:
            raise ValueError("needs a table [cell.counter] with lithium_thickness_um when kind = 'half'")
        if self.kind == "full" and (self.cathode is None or self.counter is not None):
            raise ValueError(
                "needs a table [cell.cathode] and no [cell.counter] when kind = 'full': the cathode is the counter "
                "electrode"
            )
        if self.counter is not None and self.counter.collector:
            raise ValueError("needs lithium on the counter electrode, but [cell.counter] is a collector")
        return self


class SelectionTable(Table):
    """Rows to fit; the current of all other rows is replayed all the same. `spacing_s` thins evenly, `per_decade` by
    the logarithm of the time since a step of the current."""

    cycles: list[int] | None = None
    steps: list[int] | None = None
    time_s: TimeSpan | None = None
    spacing_s: NotNegative = 0.0
    per_decade: Annotated[int, Field(ge=0)] = 0


class DataTable(Table):
    """The measurement."""

    file: str
    format: Literal["auto", "biologic-mpt", "biologic-mpr", "eclab-table", "bdf-csv"] = "auto"
    area_cm2: Positive
    thickness_um: Positive | None = None
    positive_current: Literal["charge", "discharge"] = "charge"
    selection: SelectionTable = SelectionTable()
    skip_after_step_s: NotNegative = 0.0
    noise_uv: Positive | None = None
    fit_rests: bool = False


class PriorTable(Table):
    """Belief before the data: `range95` (with a `median` or not), `median` and `factor95`, or `mean` and `sd`.

    In its place "default" (`docs/priors.md`) or "uniform" (flat between the bounds), which become its `kind`.
    """

    kind: Literal["default", "uniform"] | None = None
    range95: Annotated[list[Positive], Field(min_length=2, max_length=2)] | None = None
    median: Positive | None = None
    factor95: Annotated[float, Field(gt=1, allow_inf_nan=False)] | None = None
    mean: Number | None = None
    sd: Positive | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "PriorTable":
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if given not in ({"range95"}, {"range95", "median"}, {"median", "factor95"}, {"mean", "sd"}, {"kind"}):
            raise ValueError(
                "must be {range95}, {range95, median}, {median, factor95}, {mean, sd}, 'default' or 'uniform'"
            )
        if self.range95 is not None:
            low, high = self.range95
            if not low < high:
                raise ValueError("must have range95 = [low, high] with low < high")
            if self.median is not None and not low <= self.median <= high:
                raise ValueError("must have its median inside range95")
        return self

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        if value in ("default", "uniform"):
            return {"kind": value}
        if not isinstance(value, dict | PriorTable):
            known = "'default', 'uniform' or a table such as {range95 = [low, high]}"
            raise ValueError(f"must be {known}, but is {value!r}")
        return value

    @model_serializer(mode="wrap")
    def _as_written(self, usual: SerializerFunctionWrapHandler) -> Any:
        return usual(self) if self.kind is None else self.kind


class ParameterTable(Table):
    """A fitted number, in `unit`; several paths are tied to one value.

    Without a `prior` a number of the cell has the default at its path, where there is one that holds in this cell.
    """

    path: str | list[str]
    unit: str
    bounds: Annotated[list[Number], Field(min_length=2, max_length=2)]
    transform: Literal["log", "linear", "logit"] = "log"
    prior: PriorTable | None = None
    initial: Number | None = None

    @field_validator("path", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [value]
        if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
            return value
        raise ValueError("must be a path such as 'electrode.layer.ionic_conductivity', or a list of them")

    @model_validator(mode="after")
    def _consistent(self) -> "ParameterTable":
        low, high = self.bounds
        if not low < high:
            raise ValueError(f"must have bounds = [low, high] with low < high, but they are [{low:g}, {high:g}]")
        if self.transform == "log" and low <= 0:
            raise ValueError(f"needs a lower bound above 0 for transform = 'log', but it is {low:g} {self.unit}")
        if self.transform == "logit" and not (low > 0 and high < 1):
            raise ValueError("needs bounds strictly inside (0, 1) for transform = 'logit'")
        if self.initial is not None and not low <= self.initial <= high:
            raise ValueError(
                f"starts at {self.initial:g} {self.unit}, outside its bounds [{low:g}, {high:g}] {self.unit}"
            )
        return self

    @property
    def paths(self) -> list[str]:
        """The path, or the tied paths."""
        return [self.path] if isinstance(self.path, str) else self.path


class FitTable(Table):
    """How to fit: starting points, their seed, and the accuracy of the simulation.

    Without `rtol` and `atol` (in V) the tolerances follow the noise of the data.
    """

    starts: Annotated[int, Field(ge=1)] = 16
    seed: Annotated[int, Field(ge=0)] = 0
    rtol: Annotated[float, Field(gt=0, le=0.1)] | None = None
    atol: Annotated[float, Field(gt=0, le=0.1)] | None = None
    grid_points: Annotated[int, Field(ge=3)] = 20


class PosteriorTable(Table):
    """How to sample with --posterior: see `jaxcell.inference.NutsSettings` and `Likelihood`.

    `method` "nuts", or "laplace": `chains` times `draws` of the Gaussian at the optimum, between the bounds, in a
    moment.  `warmup` and `draws` of each chain are multiples of 100; the seed is that of [fit].
    """

    method: Literal["nuts", "laplace"] = "nuts"
    chains: Annotated[int, Field(ge=1)] = 4
    warmup: Annotated[int, Field(ge=100, multiple_of=100)] = 500
    draws: Annotated[int, Field(ge=100, multiple_of=100)] = 1000
    target_accept: Annotated[float, Field(gt=0, lt=1)] = 0.9
    max_tree_depth: Annotated[int, Field(ge=1, le=12)] = 8
    noise: Literal["sampled", "fitted", "stated"] = "sampled"
    student_dof: Annotated[float, Field(gt=1, allow_inf_nan=False)] | None = None
    discrepancy: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> "PosteriorTable":
        if self.student_dof is not None and self.discrepancy:
            raise ValueError("takes student_dof or discrepancy = true, not both")
        of_chains = ("discrepancy", "max_tree_depth", "noise", "student_dof", "target_accept", "warmup")
        asked = [name for name in of_chains if getattr(self, name) != type(self).model_fields[name].default]
        if self.method == "laplace" and asked:
            raise ValueError(f"needs method = 'nuts' with {asked[0]}, but it is 'laplace'")
        if self.noise == "fitted" and (self.student_dof is not None or self.discrepancy):
            raise ValueError("needs noise = 'sampled' or 'stated' with student_dof or discrepancy, but it is 'fitted'")
        return self

    def settings(self) -> "NutsSettings":
        """How the chains run."""
        from jaxcell.inference import NutsSettings

        return NutsSettings(self.chains, self.warmup, self.draws, self.target_accept, self.max_tree_depth)

    def likelihood(self) -> "Likelihood":
        """What is assumed of the residuals."""
        from jaxcell.inference import Likelihood

        return Likelihood(self.noise, self.student_dof, self.discrepancy)


class StudyTable(Table):
    """What the study is about; relative paths in the file start at `folder`, itself relative to where the file lies."""

    title: str
    description: str = ""
    folder: str = Field(default=".", exclude=True)


class StudyFile(Table):
    """The whole file."""

    study: StudyTable
    data: DataTable
    cell: CellTable
    parameters: Annotated[dict[str, ParameterTable], Field(min_length=1)]
    fit: FitTable = FitTable()
    posterior: PosteriorTable = PosteriorTable()
