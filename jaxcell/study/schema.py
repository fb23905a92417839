"""The tables of a study file, in lab units. The ending of a key is its unit: `thickness_um`, `area_cm2`.

Tables below [cell] mirror the parts of `jaxcell.cell.Cell`, so the path of a fitted number is its place in the file
without the unit: [cell.electrode.layer] ionic_conductivity_s_cm is `electrode.layer.ionic_conductivity`. A number that
is left out takes the default of the model.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Coefficient = Annotated[float, Field(gt=0, le=2, allow_inf_nan=False)]


class Table(BaseModel):
    """A table of the file: immutable, strict about types, without unknown keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Kinetics(Table):
    """Kinetics of lithium on lithium: Butler-Volmer's or, with a reorganisation energy, Marcus-Hush-Chidsey's."""

    exchange_current_density_ma_cm2: Positive | None = None
    cathodic_transfer_coefficient: Coefficient | None = None
    anodic_transfer_coefficient: Coefficient | None = None
    reorganisation_energy_ev: Positive | None = None
    activation_energy_ev: NotNegative | None = None
    concentration_exponent: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _one_law(self) -> "Kinetics":
        coefficients = (self.cathodic_transfer_coefficient, self.anodic_transfer_coefficient)
        if self.reorganisation_energy_ev is not None and coefficients != (None, None):
            raise ValueError("takes either transfer coefficients or reorganisation_energy_ev, not both")
        return self


class Nucleation(Table):
    """Barrier against the first lithium on a site."""

    overpotential_mv: NotNegative | None = None
    nucleation_capacity_uah_cm2: Positive | None = None
    depletion_capacity_uah_cm2: Positive | None = None

    @model_validator(mode="after")
    def _depletes_last(self) -> "Nucleation":
        nucleation, depletion = self.nucleation_capacity_uah_cm2 or 10.0, self.depletion_capacity_uah_cm2 or 0.2
        if 50.0 * depletion > nucleation * (1.0 + 1e-9):
            raise ValueError(
                "needs a depletion_capacity_uah_cm2 of at most 1/50 of nucleation_capacity_uah_cm2, but they are "
                f"{depletion:g} and {nucleation:g}"
            )
        return self


class Interphase(Table):
    """Growth of an interphase."""

    ambipolar_conductivity_s_cm: Positive | None = None
    ionic_conductivity_s_cm: Positive | None = None
    reduction_potential_v: NotNegative | None = None
    molar_volume_cm3_mol: Positive | None = None
    initial_thickness_nm: Positive | None = None
    reaction_resistance_ohm_cm2: NotNegative | None = None
    activation_energy_ev: NotNegative | None = None
    ionic_activation_energy_ev: NotNegative | None = None


class DeadLithium(Table):
    """Live lithium that loses contact."""

    per_stripped: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    rate_per_s: NotNegative | None = None
    activation_energy_ev: NotNegative | None = None


class ContactLoss(Table):
    """Voids and healing under stack pressure."""

    resistance_ohm_cm2: NotNegative | None = None
    pressure_exponent: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    reference_pressure_mpa: Positive | None = None
    loss_per_charge_cm2_c: NotNegative | None = None
    critical_current_density_ma_cm2: Positive | None = None
    healing_rate_per_s: NotNegative | None = None
    activation_energy_ev: NotNegative | None = None


class Host(Table):
    """Lithium in the layer's filler, given back (`storage`) or not (`trap`)."""

    capacity_mah_cm3: Positive | None = None
    potential_v: Number | None = None
    exchange_current_density_ma_cm2: Positive | None = None
    specific_surface_area_m2_cm3: Positive | None = None
    activation_energy_ev: NotNegative | None = None


class Storage(Host):
    """Given back."""


class Trap(Host):
    """Kept."""


class SoftShort(Table):
    """Electronic leakage along lithium in the separator."""

    conductance_s_cm2: NotNegative
    half_capacity_uah_cm2: Positive | None = None


class HeatBalance(Table):
    """One temperature for the whole cell."""

    heat_capacity_j_cm2_k: Positive
    heat_transfer_w_cm2_k: NotNegative
    highest_temperature_k: Positive | None = None


class Interface(Table):
    """A lithium interface: contact, film and reaction in series."""

    kinetics: Kinetics = Kinetics()
    nucleation: Nucleation = Nucleation()
    double_layer_capacitance_uf_cm2: NotNegative | None = None
    film_resistance_ohm_cm2: NotNegative | None = None
    film_capacitance_uf_cm2: NotNegative | None = None
    contact_resistance_ohm_cm2: NotNegative | None = None
    film_activation_energy_ev: NotNegative | None = None
    interphase: Interphase | None = None
    dead_lithium: DeadLithium | None = None
    contact_loss: ContactLoss | None = None


class Film(Table):
    """An ionic interface without a deposit."""

    resistance_ohm_cm2: NotNegative | None = None
    capacitance_uf_cm2: NotNegative | None = None
    activation_energy_ev: NotNegative | None = None


class Pores(Table):
    """Lithium sites inside a protection layer."""

    specific_surface_area_m2_cm3: Positive
    porosity: Fraction | None = None
    kinetics: Kinetics = Kinetics()
    nucleation: Nucleation = Nucleation()
    double_layer_capacitance_uf_cm2: NotNegative | None = None
    interphase: Interphase | None = None
    dead_lithium: DeadLithium | None = None


class BinarySalt(Table):
    """Salt of two ions in the separator or a layer."""

    concentration_mol_l: Positive | None = None
    transference_number: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    diffusivity_cm2_s: Positive | None = None
    porosity: Fraction | None = None
    conductivity_exponent: Annotated[float, Field(ge=-2, le=4, allow_inf_nan=False)] | None = None
    thermodynamic_factor: Positive | None = None
    activation_energy_ev: NotNegative | None = None
    conductivity_law: Literal["LiPF6"] | None = None
    diffusivity_law: Literal["LiPF6"] | None = None


class ProtectionLayer(Table):
    """A mixed conductor on the electrode; `top = false` where lithium cannot plate below the separator."""

    thickness_um: Positive
    ionic_conductivity_s_cm: Positive
    electronic_conductivity_s_cm: Positive | None = None
    top: Interface | None = Interface(nucleation=Nucleation(overpotential_mv=40.0))
    pores: Pores | None = None
    separator_film: Film = Film()
    electronic_contact_resistance_ohm_cm2: NotNegative | None = None
    activation_energy_ev: NotNegative | None = None
    storage: Storage | None = None
    trap: Trap | None = None
    salt: BinarySalt | None = None

    @field_validator("top", mode="before")
    @classmethod
    def _none_when_false(cls, value: Any) -> Any:
        return None if value is False else value


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


class Separator(Table):
    """An ion conductor between the electrodes: single-ion, or with a salt."""

    thickness_um: Positive
    ionic_conductivity_s_cm: Positive
    series_resistance_ohm_cm2: NotNegative | None = None
    activation_energy_ev: NotNegative | None = None
    short: SoftShort | None = None
    salt: BinarySalt | None = None


class CellTable(Table):
    """What the cell is: `symmetric` has the electrode twice, `half` a lithium counter electrode of its own."""

    kind: Literal["symmetric", "half"]
    temperature_c: Annotated[float, Field(gt=-273.15, allow_inf_nan=False)] = 25.0
    separator: Separator
    electrode: Electrode
    counter: Electrode | None = None
    stack_pressure_mpa: Positive = 5.0
    reference_temperature_c: Annotated[float, Field(gt=-273.15, allow_inf_nan=False)] = 25.0
    heat_balance: HeatBalance | None = None

    @model_validator(mode="after")
    def _counter_fits(self) -> "CellTable":
        if self.kind == "symmetric" and self.counter is not None:
            raise ValueError("takes no [cell.counter] when kind = 'symmetric': both electrodes are [cell.electrode]")
        if self.kind == "symmetric" and self.electrode.collector:
            raise ValueError(
                "with kind = 'symmetric' needs lithium on both electrodes, but [cell.electrode] is a collector"
            )
        if self.kind == "half" and self.counter is None:
            raise ValueError("needs a table [cell.counter] with lithium_thickness_um when kind = 'half'")
        if self.counter is not None and self.counter.collector:
            raise ValueError("needs lithium on the counter electrode, but [cell.counter] is a collector")
        return self


class SelectionTable(Table):
    """Rows to fit; the current of all other rows is replayed all the same."""

    cycles: list[int] | None = None
    steps: list[int] | None = None
    time_s: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = None
    spacing_s: NotNegative = 0.0

    @field_validator("time_s")
    @classmethod
    def _forwards(cls, value: list[float] | None) -> list[float] | None:
        if value is not None and not value[0] < value[1]:
            raise ValueError("must be [first, last] in s with first < last")
        return value


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
    """Belief before the data: `range95` (with a `median` or not), `median` and `factor95`, or `mean` and `sd`."""

    range95: Annotated[list[Positive], Field(min_length=2, max_length=2)] | None = None
    median: Positive | None = None
    factor95: Annotated[float, Field(gt=1, allow_inf_nan=False)] | None = None
    mean: Number | None = None
    sd: Positive | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "PriorTable":
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if given not in ({"range95"}, {"range95", "median"}, {"median", "factor95"}, {"mean", "sd"}):
            raise ValueError("must be {range95}, {range95, median}, {median, factor95} or {mean, sd}")
        if self.range95 is not None:
            low, high = self.range95
            if not low < high:
                raise ValueError("must have range95 = [low, high] with low < high")
            if self.median is not None and not low <= self.median <= high:
                raise ValueError("must have its median inside range95")
        return self


class ParameterTable(Table):
    """A fitted number, in `unit`; several paths are tied to one value."""

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


class StudyTable(Table):
    """What the study is about."""

    title: str
    description: str = ""


class StudyFile(Table):
    """The whole file."""

    study: StudyTable
    data: DataTable
    cell: CellTable
    parameters: Annotated[dict[str, ParameterTable], Field(min_length=1)]
    fit: FitTable = FitTable()
