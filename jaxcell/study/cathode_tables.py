"""Tables of electrodes with a potential of their own, in lab units; see `jaxcell.study.schema`."""

from typing import Annotated

from pydantic import Field, model_validator

from jaxcell.study.part_tables import BinarySalt, Fraction, NotNegative, Number, Positive, Table

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class IntercalationKinetics(Table):
    """Butler-Volmer kinetics of a host; i0 at x = 1/2, per area of particles."""

    exchange_current_density_ma_cm2: Positive
    transfer_coefficient: Fraction | None = None
    concentration_exponent: Share | None = None
    activation_energy_ev: NotNegative | None = None


class CathodeTransport(Table):
    """Ions and electrons through the thickness of a cathode; left out for a single particle."""

    ionic_conductivity_s_cm: Positive
    electronic_conductivity_s_cm: Positive
    salt: BinarySalt | None = None
    activation_energy_ev: NotNegative | None = None


class Cathode(Table):
    """A composite cathode. Starts at `initial_voltage_v` of the cell or at `initial_stoichiometry`, one of the two.

    `open_circuit` is "nmc532", "nmc811", "lfp" or a CSV file with a column of stoichiometries and one of V against
    lithium; `diffusivity_law` a CSV file with stoichiometries and factors on the diffusivity.
    """

    thickness_um: Positive
    active_fraction: Fraction
    particle_radius_um: Positive
    maximum_concentration_mol_l: Positive
    particle_diffusivity_cm2_s: Positive
    open_circuit: str
    kinetics: IntercalationKinetics
    initial_voltage_v: Number | None = None
    initial_stoichiometry: Fraction | None = None
    transport: CathodeTransport | None = None
    diffusivity_law: str | None = None
    double_layer_capacitance_uf_cm2: NotNegative | None = None
    contact_resistance_ohm_cm2: NotNegative | None = None
    lowest_stoichiometry: Share | None = None
    highest_stoichiometry: Share | None = None
    diffusivity_activation_energy_ev: NotNegative | None = None
    double_layer_exponent: Fraction | None = None

    @model_validator(mode="after")
    def _one_start(self) -> "Cathode":
        if (self.initial_voltage_v is None) == (self.initial_stoichiometry is None):
            raise ValueError("needs exactly one of initial_voltage_v (of the cell at rest) and initial_stoichiometry")
        return self
