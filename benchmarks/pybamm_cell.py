"""The half cell of Xu et al. 2019 in PyBaMM, for the reference curves and for the comparison of speed.

Needs `pip install "jaxcell[peers]"`.
"""

import os
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("PYBAMM_DISABLE_TELEMETRY", "true")

pybamm: Any = import_module("pybamm")
pybamm.set_logging_level("CRITICAL")

CYCLE = (
    "Discharge at 1C until 3.5 V",
    "Charge at 1C until 4.2 V",
    "Hold at 4.2 V until C/20",
    "Rest for 30 minutes",
)
CHARGED = 4631.0
"""Lithium in the particles at the start [mol m-3]."""


@dataclass(frozen=True)
class Mesh:
    """Points of separator, cathode and particle; `stretch` crowds the particle's toward its surface."""

    separator: int = 20
    cathode: int = 20
    particle: int = 20
    stretch: float | None = None
    rtol: float = 1e-4
    atol: float = 1e-6

    def of(self, model: Any) -> dict[str, Any]:
        """What a pybamm.Simulation of `model` needs to know of this mesh."""
        kinds = dict(model.default_submesh_types)
        if self.stretch is not None:
            crowded = {"side": "right", "stretch": self.stretch}
            kinds["positive particle"] = pybamm.MeshGenerator(pybamm.Exponential1DSubMesh, submesh_params=crowded)
        points = {"x_n": 20, "x_s": self.separator, "x_p": self.cathode, "r_n": 20, "r_p": self.particle}
        return {"var_pts": points, "submesh_types": kinds}


DEFAULT = Mesh()
REFINED = Mesh(20, 40, 160, 2.5, 1e-8, 1e-10)
HALF = Mesh(10, 20, 80, 2.5, 1e-8, 1e-10)
"""Half the points of the refined one: how far that is from converged."""


@dataclass(frozen=True)
class Case:
    """A model, its options and what is changed in the set Xu2019."""

    model: str = "DFN"
    surface_form: str = "differential"
    changes: dict[str, Any] = field(default_factory=dict)

    def simulation(self, mesh: Mesh, steps: list[Any], **solver: Any) -> Any:
        """A pybamm.Simulation of `steps`."""
        model = self.equations()
        return pybamm.Simulation(
            model,
            parameter_values=self.parameters(),
            experiment=pybamm.Experiment(steps),
            solver=pybamm.IDAKLUSolver(rtol=mesh.rtol, atol=mesh.atol, **solver),
            **mesh.of(model),
        )

    def equations(self) -> Any:
        """The pybamm model."""
        options = {"working electrode": "positive", "surface form": self.surface_form}
        return getattr(pybamm.lithium_ion, self.model)(options)

    def parameters(self) -> Any:
        """The set Xu2019 with this case's changes."""
        values = pybamm.ParameterValues("Xu2019")
        values.update(self.changes)
        return values
