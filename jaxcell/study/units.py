"""Lab units of study files: the ending of a key (`thickness_um`) and the unit of a parameter (`S/cm`).

Every value enters the model in SI and every estimate leaves it in the unit of the study.
"""

import difflib

FARADAY = 96485.33212
"""As in `jaxcell.units`, which would import JAX only to check a file."""

ENDINGS: dict[str, tuple[str, float]] = {
    "_ohm_cm2": ("ohm cm2", 1e-4),
    "_ma_cm2": ("mA/cm2", 10.0),
    "_uf_cm2": ("uF/cm2", 1e-2),
    "_mah_cm2": ("mAh/cm2", 36000.0 / FARADAY),
    "_uh_cm2": ("uH cm2", 1e-10),
    "_uah_cm2": ("uAh/cm2", 36.0 / FARADAY),
    "_m2_cm3": ("m2/cm3", 1e6),
    "_s_cm2": ("S/cm2", 1e4),
    "_s_cm": ("S/cm", 100.0),
    "_mah_cm3": ("mAh/cm3", 3.6e6 / FARADAY),
    "_mol_l": ("mol/l", 1e3),
    "_cm2_s": ("cm2/s", 1e-4),
    "_cm3_mol": ("cm3/mol", 1e-6),
    "_cm2_c": ("cm2/C", 1e-4),
    "_j_cm2_k": ("J/cm2/K", 1e4),
    "_w_cm2_k": ("W/cm2/K", 1e4),
    "_mpa": ("MPa", 1e6),
    "_per_s": ("1/s", 1.0),
    "_ev": ("eV", FARADAY),
    "_nm": ("nm", 1e-9),
    "_um": ("um", 1e-6),
    "_mv": ("mV", 1e-3),
    "_v": ("V", 1.0),
    "_k": ("K", 1.0),
}
"""Ending of a key: lab unit, and factor to SI. A key without one is a pure number."""

CELSIUS = 273.15

PARAMETER_UNITS: dict[str, dict[str, float]] = {
    "m": {"um": 1e-6, "nm": 1e-9, "mm": 1e-3, "m": 1.0},
    "S m-1": {"S/cm": 100.0, "mS/cm": 0.1, "uS/cm": 1e-4, "S/m": 1.0},
    "A m-2": {"mA/cm2": 10.0, "uA/cm2": 1e-2, "A/m2": 1.0},
    "F m-2": {"uF/cm2": 1e-2, "mF/cm2": 10.0, "F/cm2": 1e4, "F/m2": 1.0},
    "Ohm m2": {"ohm cm2": 1e-4, "ohm m2": 1.0},
    "H m2": {"uH cm2": 1e-10, "nH cm2": 1e-13, "H m2": 1.0},
    "mol m-2": {"mAh/cm2": 36000.0 / FARADAY, "uAh/cm2": 36.0 / FARADAY, "mol/m2": 1.0},
    "m-1": {"m2/cm3": 1e6, "1/m": 1.0},
    "mol m-3": {"mAh/cm3": 3.6e6 / FARADAY, "mol/l": 1e3, "mol/m3": 1.0},
    "m2 s-1": {"cm2/s": 1e-4, "m2/s": 1.0},
    "m3 mol-1": {"cm3/mol": 1e-6, "m3/mol": 1.0},
    "J mol-1": {"eV": FARADAY, "kJ/mol": 1e3, "J/mol": 1.0},
    "s-1": {"1/s": 1.0, "1/h": 1.0 / 3600.0},
    "S m-2": {"S/cm2": 1e4, "mS/cm2": 10.0, "S/m2": 1.0},
    "m2 C-1": {"cm2/C": 1e-4, "m2/C": 1.0},
    "Pa": {"MPa": 1e6, "Pa": 1.0},
    "J m-2 K-1": {"J/cm2/K": 1e4, "J/m2/K": 1.0},
    "W m-2 K-1": {"W/cm2/K": 1e4, "W/m2/K": 1.0},
    "V": {"mV": 1e-3, "V": 1.0},
    "K": {"K": 1.0},
    "1": {"1": 1.0},
}
"""Units in which a parameter may be given, by the SI unit of what it stands for, with the factor to SI."""


def split_key(key: str) -> tuple[str, str, float]:
    """Name, lab unit and factor to SI of a key: "thickness_um" -> ("thickness", "um", 1e-6)."""
    for ending, (unit, factor) in ENDINGS.items():
        if key.endswith(ending):
            return key.removesuffix(ending), unit, factor
    return key, "1", 1.0


def factor_of(unit: str, si_unit: str) -> float | None:
    """Factor from a parameter's unit to `si_unit`; None if the unit does not fit. Spelling may vary (Ω, µ, cm^2)."""
    known = {_plain(name): factor for name, factor in PARAMETER_UNITS.get(si_unit, {}).items()}
    return known.get(_plain(unit))


def units_for(si_unit: str) -> str:
    """The units in which a quantity may be given, in words."""
    return " or ".join(PARAMETER_UNITS[si_unit])


def closest(word: str, known: list[str]) -> str | None:
    """The known word most like `word`, or None when none is like it."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.55)
    return found[0] if found else None


def _plain(unit: str) -> str:
    text = unit.strip().replace("µ", "u").replace("μ", "u").replace("Ω", "ohm").replace("Ω", "ohm").replace("²", "2")
    return text.replace("Ohm", "ohm").replace("^", "").replace("·", " ").replace("*", " ")
