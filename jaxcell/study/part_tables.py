"""Tables of the parts of a cell, in lab units; see `jaxcell.study.schema`."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from jaxcell.study.plausible import check_plausible

Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Coefficient = Annotated[float, Field(gt=0, le=2, allow_inf_nan=False)]


def _forwards(value: list[float]) -> list[float]:
    if not value[0] < value[1]:
        raise ValueError("must be [first, last] in s with first < last")
    return value


TimeSpan = Annotated[list[Number], Field(min_length=2, max_length=2), AfterValidator(_forwards)]
"""First and last time [s]."""


class Table(BaseModel):
    """A table of the file: immutable, strict about types, without unknown keys or numbers that no material has."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="after")
    def _plausible(self) -> Self:
        for key in type(self).model_fields:
            value = getattr(self, key)
            if isinstance(value, float):
                check_plausible(key, value)
        return self


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


class GrainBoundary(Table):
    """Grain boundaries of a ceramic separator."""

    resistance_ohm_cm2: NotNegative
    capacitance_uf_cm2: NotNegative
    exponent: Fraction | None = None
    activation_energy_ev: NotNegative | None = None


class Interface(Table):
    """A lithium interface: contact, film and reaction in series."""

    kinetics: Kinetics = Kinetics()
    nucleation: Nucleation = Nucleation()
    double_layer_capacitance_uf_cm2: NotNegative | None = None
    film_resistance_ohm_cm2: NotNegative | None = None
    film_capacitance_uf_cm2: NotNegative | None = None
    contact_resistance_ohm_cm2: NotNegative | None = None
    film_activation_energy_ev: NotNegative | None = None
    double_layer_exponent: Fraction | None = None
    film_exponent: Fraction | None = None
    interphase: Interphase | None = None
    dead_lithium: DeadLithium | None = None
    contact_loss: ContactLoss | None = None


class Film(Table):
    """An ionic interface without a deposit."""

    resistance_ohm_cm2: NotNegative | None = None
    capacitance_uf_cm2: NotNegative | None = None
    activation_energy_ev: NotNegative | None = None
    exponent: Fraction | None = None


class Pores(Table):
    """Lithium sites inside a protection layer."""

    specific_surface_area_m2_cm3: Positive
    porosity: Fraction | None = None
    kinetics: Kinetics = Kinetics()
    nucleation: Nucleation = Nucleation()
    double_layer_capacitance_uf_cm2: NotNegative | None = None
    interphase: Interphase | None = None
    dead_lithium: DeadLithium | None = None
    double_layer_exponent: Fraction | None = None


class BinarySalt(Table):
    """Salt of two ions in the separator, a layer or a cathode."""

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


class Separator(Table):
    """An ion conductor between the electrodes: single-ion, or with a salt."""

    thickness_um: Positive
    ionic_conductivity_s_cm: Positive
    series_resistance_ohm_cm2: NotNegative | None = None
    activation_energy_ev: NotNegative | None = None
    short: SoftShort | None = None
    salt: BinarySalt | None = None
    grain_boundary: GrainBoundary | None = None
    relative_permittivity: Positive | None = None
