"""The set Xu2019 with some of its numbers as inputs, to which PyBaMM can give derivatives.

Not among them: what scales or offsets a variable of its models (largest concentrations; with transport also whatever
sets the open-circuit voltage at the start), because an experiment of several steps with such derivatives fails in
PyBaMM 26.10; and lengths, on which meshes depend.
"""

from typing import Any

from pybamm_cell import Case, pybamm

# The first eight of either model are what one would fit.
BOTH = {
    "Positive particle diffusivity [m2.s-1]": 1e-14,
    "Cathode rate constant": 5.76e-11,
    "Lithium rate constant": 3.5e-8,
    "Positive electrode active material volume fraction": 0.518,
}
EXPONENTS = {
    "Lithium concentration exponent": 0.3,
    "Lithium metal exponent": 0.7,
    "Salt exponent": 0.5,
    "Lithium metal partial molar volume [m3.mol-1]": 1.3e-5,
}
POTENTIAL = {
    "Initial concentration in positive electrode [mol.m-3]": 4631.0,
    **{f"U{i}": value for i, value in enumerate((4.3452, -1.6518, 1.6225, -2.0843, 3.5146, -2.2166))},
    "Exponential amplitude": -0.5623e-4,
    "Exponential rate": 109.451,
    "Exponential offset": -100.006,
}
KAPPA = (-10.5, 0.0740, -6.96e-5, 0.668, -0.0178, 2.80e-5, 0.494, -8.86e-4)
DIFFUSIVITY = (-4.43, -54.0, 229.0, 5.0)
TRANSPORT = {
    "Conductivity factor": 1.0,
    "Positive electrode conductivity [S.m-1]": 100.0,
    "Positive electrode porosity": 0.331,
    "Separator porosity": 0.39,
    "Positive electrode Bruggeman coefficient (electrolyte)": 1.5,
    "Positive electrode Bruggeman coefficient (electrode)": 1.5,
    "Separator Bruggeman coefficient (electrolyte)": 1.5,
    "Positive electrode double-layer capacity [F.m-2]": 0.2,
    "Negative electrode double-layer capacity [F.m-2]": 0.2,
    "Thermodynamic factor": 1.0,
    "Diffusivity factor": 1.0,
    "Cation transference number": 0.38,
    **{f"Conductivity coefficient {i}": value for i, value in enumerate(KAPPA)},
    **{f"Diffusivity coefficient {i}": value for i, value in enumerate(DIFFUSIVITY)},
}


def inputs_of(case: Case) -> dict[str, float]:
    """All that can be inputs of a case: 18 numbers of a single particle, 32 with transport and double layers, of which
    25 where the cation carries all the current (with derivatives to the salt's numbers a run does not end)."""
    known = BOTH | POTENTIAL | EXPONENTS if case.model == "SPM" else BOTH | TRANSPORT | EXPONENTS
    absent = ("double-layer",) if case.surface_form == "false" else ()
    absent += ("Thermodynamic", "Diffusivity", "Cation") if "Cation transference number" in case.changes else ()
    return {name: value for name, value in known.items() if not any(word in name for word in absent)}


def with_inputs(case: Case, count: int) -> tuple[Case, dict[str, float]]:
    """`case` with the first `count` of its numbers as inputs, and their values."""
    values = dict(list(inputs_of(case).items())[:count])
    rest = BOTH | POTENTIAL | EXPONENTS | TRANSPORT | case.changes
    original = pybamm.ParameterValues("Xu2019")
    F = pybamm.constants.F

    def number(name: str) -> Any:
        return pybamm.InputParameter(name) if name in values else rest[name]

    def potential(sto):
        powers = sum(number(f"U{i}") * sto**i for i in range(6))
        amplitude, rate, offset = (number(f"Exponential {part}") for part in ("amplitude", "rate", "offset"))
        return powers + amplitude * pybamm.exp(rate * sto + offset)

    def cathode(c_e, c_s_surf, c_s_max, T):
        k, n = F * number("Cathode rate constant"), number("Salt exponent")
        return k * c_e**n * c_s_surf**0.5 * (c_s_max - c_s_surf) ** 0.5

    def lithium(c_e, c_Li, T):
        k = F * number("Lithium rate constant")
        return k * c_Li ** number("Lithium metal exponent") * c_e ** number("Lithium concentration exponent")

    def conductivity(c_e, T):
        c, k = c_e / 1000.0, [number(f"Conductivity coefficient {i}") for i in range(8)]
        p0, p1, p2 = k[0] + k[1] * T + k[2] * T**2, k[3] + k[4] * T + k[5] * T**2, k[6] + k[7] * T
        return number("Conductivity factor") * 0.1 * c * (p0 + c * p1 + c**2 * p2) ** 2

    def diffusivity(c_e, T):
        c, d = c_e / 1000.0, [number(f"Diffusivity coefficient {i}") for i in range(4)]
        return number("Diffusivity factor") * 1e-4 * 10.0 ** (d[0] + d[1] / (T - d[2] - d[3] * c) - 0.22 * c)

    changes: dict[str, Any] = dict(case.changes)
    changes |= {
        "Positive electrode OCP [V]": potential,
        "Positive electrode exchange-current density [A.m-2]": cathode,
        "Exchange-current density for lithium metal electrode [A.m-2]": lithium,
        "Electrolyte conductivity [S.m-1]": conductivity,
        "Electrolyte diffusivity [m2.s-1]": diffusivity,
    }
    changes |= {name: "[input]" for name in values if name in original}
    return Case(case.model, case.surface_form, changes), values
