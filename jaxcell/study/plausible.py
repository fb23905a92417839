"""What no material is: numbers of a study file that lie orders of magnitude off, most often in another unit."""

from collections.abc import Iterator

from jaxcell.study.units import CELSIUS, PARAMETER_UNITS, split_key

_RESISTANCE, _CAPACITANCE, _ENERGY, _POTENTIAL = (1e-6, 1e10), (1e-7, 1e6), (1e-3, 5.0), (-10.0, 10.0)
_TEMPERATURE = (-150.0, 250.0)
PLAUSIBLE: dict[str, tuple[float, float]] = {
    # From a nanometre to the model's own 5 cm.
    "thickness_um": (1e-3, 5e4),
    "lithium_thickness_um": (1e-3, 5e4),
    "initial_thickness_nm": (1e-2, 1e5),
    "particle_radius_um": (1e-3, 1e3),
    # Ions: the best acids reach 1 S/cm. Electrons: silver has 6e5 S/cm.
    "ionic_conductivity_s_cm": (1e-14, 1.0),
    "electronic_conductivity_s_cm": (1e-20, 1e6),
    "ambipolar_conductivity_s_cm": (1e-24, 1e-2),
    "diffusivity_cm2_s": (1e-16, 1e-2),
    "particle_diffusivity_cm2_s": (1e-20, 1e-4),
    # Lithium itself holds 77 mol/l, 2062 mAh/cm3.
    "maximum_concentration_mol_l": (0.1, 200.0),
    "concentration_mol_l": (1e-2, 20.0),
    "capacity_mah_cm3": (1e-3, 5e3),
    "molar_volume_cm3_mol": (1.0, 1e3),
    "capacity_mah_cm2": (1e-6, 1e5),
    "nucleation_capacity_uah_cm2": (1e-4, 1e5),
    "depletion_capacity_uah_cm2": (1e-6, 1e4),
    "half_capacity_uah_cm2": (1e-4, 1e6),
    "exchange_current_density_ma_cm2": (1e-9, 1e5),
    "critical_current_density_ma_cm2": (1e-6, 1e4),
    "specific_surface_area_m2_cm3": (1e-4, 1e4),
    "double_layer_capacitance_uf_cm2": (1e-2, 1e6),
    "film_capacitance_uf_cm2": _CAPACITANCE,
    "capacitance_uf_cm2": _CAPACITANCE,
    "resistance_ohm_cm2": _RESISTANCE,
    "film_resistance_ohm_cm2": _RESISTANCE,
    "contact_resistance_ohm_cm2": _RESISTANCE,
    "electronic_contact_resistance_ohm_cm2": _RESISTANCE,
    "series_resistance_ohm_cm2": _RESISTANCE,
    "reaction_resistance_ohm_cm2": _RESISTANCE,
    "conductance_s_cm2": (1e-12, 1e4),
    # A barrier below 0.1 mV is none: its corners are rounded by 0.5 mV.
    "overpotential_mv": (0.1, 2e3),
    "potential_v": _POTENTIAL,
    "initial_potential_v": _POTENTIAL,
    "initial_voltage_v": _POTENTIAL,
    "reduction_potential_v": (1e-3, 10.0),
    "activation_energy_ev": _ENERGY,
    "ionic_activation_energy_ev": _ENERGY,
    "film_activation_energy_ev": _ENERGY,
    "diffusivity_activation_energy_ev": _ENERGY,
    "reorganisation_energy_ev": (1e-2, 10.0),
    "rate_per_s": (1e-24, 1e3),
    "healing_rate_per_s": (1e-20, 1e3),
    "loss_per_charge_cm2_c": (1e-12, 1e4),
    "stack_pressure_mpa": (1e-5, 1e4),
    "reference_pressure_mpa": (1e-5, 1e4),
    "heat_capacity_j_cm2_k": (1e-4, 1e2),
    "heat_transfer_w_cm2_k": (1e-9, 1.0),
    "highest_temperature_k": (150.0, 2e3),
    "temperature_c": _TEMPERATURE,
    "reference_temperature_c": _TEMPERATURE,
}
"""Smallest and largest value by key, in its lab unit, with decades to spare: beyond is a slip, not a rare material.
Zero, where a key takes it, says that there is none."""


def check_plausible(key: str, value: float) -> None:
    """Refuse an implausible number by key, value and unit, with the unit that it is likely in.

    Raises:
        ValueError: a clause for the sentence that names table and file.
    """
    if key not in PLAUSIBLE or value == 0.0:
        return
    low, high = PLAUSIBLE[key]
    if low <= value <= high:
        return
    unit = "degC" if key.endswith("temperature_c") else split_key(key)[1]
    slips = (
        f"; if it is in {other}, write {there:.6g}" for other, there in _elsewhere(key, value) if low <= there <= high
    )
    raise ValueError(
        f"needs {key} between {low:g} and {high:g} {unit}, which holds for every material, but it is {value:g}"
        f"{next(slips, '')}"
    )


def _elsewhere(key: str, value: float) -> Iterator[tuple[str, float]]:
    """The number in the key's own unit if it was written in another one; the SI unit first, the usual slip,
    then larger ones first."""
    if key.endswith("temperature_c"):
        yield "K", value - CELSIUS
        return
    _, unit, factor = split_key(key)
    for units in PARAMETER_UNITS.values():
        if units.get(unit) == factor:
            for other, to_si in sorted(units.items(), key=lambda entry: (entry[1] != 1.0, -entry[1])):
                if other != unit:
                    yield other, value * to_si / factor
