"""Write pybamm_curves.npz and pybamm_curves.json: the half cell of Xu et al. 2019 by PyBaMM, as a reference.

pip install "jaxcell[peers]" && python tests/reference/make_pybamm_curves.py

Signs as in the Battery Data Format (positive current charges), currents and capacities per electrode area.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "benchmarks"))

from pybamm_cell import CYCLE, DEFAULT, HALF, REFINED, Case, pybamm  # noqa: E402

AREA = 0.01 * 0.0154  # m2
FOIL = 7e-4  # m, where x begins
POINTS = 61
TRANSFERENCE = "Cation transference number"


def transport_at_one_molar() -> dict[str, float]:
    """D [m2 s-1], kappa [S m-1] and dln kappa/dln c of the set's electrolyte at 1 mol/l and 25 degC."""
    values = pybamm.ParameterValues("Xu2019")

    def law(name: str, c: float) -> float:
        return float(values[name](pybamm.Scalar(c), pybamm.Scalar(298.15)).evaluate())

    kappa = "Electrolyte conductivity [S.m-1]"
    step = 1e-4
    slope = math.log(law(kappa, 1000.0 * (1 + step)) / law(kappa, 1000.0 * (1 - step))) / (2 * step)
    one = {"D": law("Electrolyte diffusivity [m2.s-1]", 1000.0), "kappa": law(kappa, 1000.0), "exponent": slope}
    for c in (100.0, 500.0, 1500.0, 2500.0):
        one[f"kappa_{c:g}"], one[f"D_{c:g}"] = law(kappa, c), law("Electrolyte diffusivity [m2.s-1]", c)
    return one


def cases(at: dict[str, float]) -> dict[str, Case]:
    def conductivity(c, T):
        return at["kappa"] * (c / 1000.0) ** at["exponent"]

    power_law = {"Electrolyte diffusivity [m2.s-1]": at["D"], "Electrolyte conductivity [S.m-1]": conductivity}
    return {
        "single_ion": Case(changes={TRANSFERENCE: 1.0}),
        "single_ion_without_double_layers": Case(surface_form="false", changes={TRANSFERENCE: 1.0}),
        "binary": Case(),
        "binary_power_law": Case(changes=power_law),
        "single_particle": Case("SPM", surface_form="false"),
    }


PROTOCOLS = {
    "C/5": [("Discharge at C/5 until 3.5 V",)],
    "1C": [("Discharge at 1C until 3.5 V",)],
    "2C": [("Discharge at 2C until 3.5 V",)],
    "cycle": [CYCLE],
}


def steps_of(solution) -> list[dict[str, np.ndarray]]:
    """Each step on times that crowd toward its start."""
    result = []
    for step in solution.cycles[0].steps:
        start, end = step.t[0], step.t[-1]
        t = start + (end - start) * np.linspace(0.0, 1.0, POINTS) ** 2
        t[-1] = end
        current = -step["Current [A]"](t) / AREA
        charge = -step["Discharge capacity [A.h]"](t) * 3600.0 / AREA
        result.append({"time": t, "current": current, "voltage": step["Voltage [V]"](t), "charge": charge})
    return result


def distance(one, other) -> dict[str, float]:
    """Largest difference in voltage at the same time of a step [mV], past 1 % of it and ever, and in duration [s]."""
    late, ever, lengths = 0.0, 0.0, 0.0
    for a, b in zip(one.cycles[0].steps, other.cycles[0].steps, strict=True):
        spans = (a.t[-1] - a.t[0], b.t[-1] - b.t[0])
        s = min(spans) * np.linspace(0.0, 1.0, 201) ** 2
        gap = 1e3 * np.abs(a["Voltage [V]"](a.t[0] + s) - b["Voltage [V]"](b.t[0] + s))
        late, ever = max(late, gap[20:].max()), max(ever, gap.max())
        lengths = max(lengths, abs(spans[0] - spans[1]))
    return {"late_mV": float(late), "ever_mV": float(ever), "duration_s": float(lengths)}


def profiles(solution) -> dict[str, np.ndarray]:
    """Stoichiometry over radius next to separator and collector, and salt over x, at three times."""
    step = solution.cycles[0].steps[0]
    t = step.t[0] + (step.t[-1] - step.t[0]) * np.array([0.1, 0.5, 0.95])
    x = 42e-6 * np.array([0.0125, 0.9875])  # from the cathode's face: centres of the outermost of 40 volumes
    r = 5.3e-6 * np.linspace(0.0, 1.0, 41)
    inside = step["Positive particle concentration [mol.m-3]"](t=t, x=FOIL + 25e-6 + x, r=r) / 48230.0
    surface = step["Positive particle surface stoichiometry"](t=t, x=FOIL + 25e-6 + x)
    everywhere = np.linspace(0.0, 67e-6, 68)
    salt = step["Electrolyte concentration [mol.m-3]"](t=t, x=FOIL + everywhere)
    return {
        "time": t,
        "x_from_cathode_face": x,
        "r": r,
        "stoichiometry_r_x_t": inside,
        "surface_stoichiometry_x_t": surface,
        "salt_x_from_lithium": everywhere,
        "salt_x_t": salt,
    }


def main() -> None:
    at = transport_at_one_molar()
    arrays: dict[str, np.ndarray] = {}
    about: dict[str, dict] = {}
    for name, case in cases(at).items():
        for protocol, steps in PROTOCOLS.items():
            found, key, expected = {}, f"{name}/{protocol}", len(steps[0])
            about[key] = {"failed": {}}
            for label, mesh in (("default", DEFAULT), ("half", HALF), ("refined", REFINED)):
                try:
                    solution = case.simulation(mesh, steps).solve()
                    # A step that fails ends the experiment without an exception.
                    done = len(solution.cycles[0].steps)
                    if done < expected:
                        raise pybamm.SolverError(f"only {done} of {expected} steps were run")
                    found[label] = solution
                except pybamm.SolverError as error:
                    about[key]["failed"][label] = str(error)[:80]
            if "refined" not in found:
                print(key, about[key], flush=True)
                continue
            refined = steps_of(found["refined"])
            for i, step in enumerate(refined):
                for column, values in step.items():
                    arrays[f"{key}/{i}/{column}"] = values
            about[key] |= {
                "steps": len(refined),
                "end_s": [float(step["time"][-1]) for step in refined],
                "delivered_C_m2": [float(step["charge"][-1] - step["charge"][0]) for step in refined],
            }
            for label in ("default", "half"):
                if label in found:
                    about[key][f"{label}_minus_refined"] = distance(found[label], found["refined"])
            print(key, about[key], flush=True)
            if protocol == "1C" and case.model == "DFN":
                arrays |= {f"{key}/profile/{part}": values for part, values in profiles(found["refined"]).items()}
    assert all(np.all(np.isfinite(value)) for value in arrays.values())
    np.savez_compressed(HERE / "pybamm_curves.npz", **{key: value.astype(np.float64) for key, value in arrays.items()})
    note = {
        "pybamm": pybamm.__version__,
        "parameter_set": "Xu2019",
        "options": {name: {"model": c.model, "surface form": c.surface_form} for name, c in cases(at).items()},
        "changes": {
            "single_ion": "cation transference number 1",
            "binary_power_law": "t+ = 0.38, D(1 mol/l) and kappa(1 mol/l) (c/1 mol/l)^exponent, see `electrolyte`",
            "single_particle": "none; its voltage has no drop in separator or electrolyte",
        },
        "mesh": {name: vars(mesh) for name, mesh in (("default", DEFAULT), ("half", HALF), ("refined", REFINED))},
        "solver": "IDAKLUSolver",
        "electrolyte": at,
        "laws": {
            "temperature_K": 298.15,
            "open_circuit_potential": "4.3452 - 1.6518 x + 1.6225 x2 - 2.0843 x3 + 3.5146 x4 - 2.2166 x5 "
            "- 0.5623e-4 exp(109.451 x - 100.006), plus 1 mV at x = 0.001 falling fast (and its mirror at 1)",
            "cathode_i0_A_m2": "F 5.76e-11 sqrt(c_e x c_max (1 - x) c_max), c_max = 48230 mol m-3; powers are "
            "regularised: x^a -> x (x2 + 1e-6)^((a - 1)/2), up to 1e-4 of i0 at x = 0.07",
            "lithium_i0_A_m2": "F 3.5e-8 (1/13e-6)^0.7 c_e^0.3, c_e at the lithium",
            "kinetics": "2 i0 sinh(F eta/2RT) on both",
            "effective": "kappa and D times porosity^1.5 (0.39, 0.331); sigma 100 S m-1 times (1 - porosity)^1.5",
            "lithium_foil_ohmic_Ohm_m2": 0.0007 / 10776000.0,
            "double_layers_F_m2": "0.2 on particle and lithium surface, where surface form is differential; charging "
            "them changes the salt, by 0.65 mol m-3 over a discharge even with a cation transference number of 1",
        },
        "curves": about,
        "columns": {"time": "s", "current": "A m-2", "voltage": "V", "charge": "C m-2 since the start"}
        | {"profile": "at 3 times: stoichiometry over r and x (at separator and collector), salt in mol m-3 over x"},
    }
    (HERE / "pybamm_curves.json").write_text(json.dumps(note, indent=1) + "\n")


if __name__ == "__main__":
    main()
