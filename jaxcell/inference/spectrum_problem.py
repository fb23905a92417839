"""The fit of a cell model to an impedance spectrum."""

from typing import Any, get_args

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from jaxcell.cell import Cell
from jaxcell.component import whole_number
from jaxcell.inference.cell_problem import reported_resistances, resistance_units
from jaxcell.inference.parameters import ParameterSet
from jaxcell.inference.paths import check_path, replace
from jaxcell.inference.problem import Physical, Problem
from jaxcell.inference.spectrum_data import SpectrumData
from jaxcell.operating_point import OperatingPoint
from jaxcell.protocol import Protocol
from jaxcell.simulation import simulate
from jaxcell.solver.results import RESULTS
from jaxcell.spectroscopy import Rig, impedance

_RIG = "rig."


def _kind(kinds: Any) -> str:
    """A type, or the types of a union, in words."""
    names = ["None" if one is type(None) else one.__name__ for one in get_args(kinds) or (kinds,)]
    return f"a {' or '.join(names)}"


class SpectrumProblem(Problem):
    """Residuals (Re Z_model - Re Z)/noise of every frequency, then the same of Im Z.

    Real and imaginary parts are a stretch each, by increasing frequency.  Paths that begin with "rig." are of the leads
    and fixture, all others of the cell.
    """

    parameters: ParameterSet
    segments: Int[Array, " residuals"]
    data_scale: Float[Array, " residuals"] | None
    data_unit: str = eqx.field(static=True)
    cell: Cell
    data: SpectrumData
    state: OperatingPoint | None
    rig: Rig | None
    before: Protocol | None
    grid_points: int = eqx.field(static=True)
    shells: int = eqx.field(static=True)

    def __init__(
        self,
        cell: Cell,
        data: SpectrumData,
        parameters: ParameterSet,
        *,
        state: OperatingPoint | None = None,
        before: Protocol | None = None,
        rig: Rig | None = None,
        grid_points: int = 20,
        shells: int = 16,
    ) -> None:
        """`cell` holds the fixed values, `state` is that of a run (see `impedance`; None: the cell as built) and stays
        what it is while parameters move.  `before` in its place is what the cell went through, at whose end the
        spectrum was taken, under the current that flows then: it is run at the parameters' starts, and again between
        the stages of a fit (`renewed`), so that derivatives and intervals are those at a fixed state.

        `grid_points` and `shells` are the `points` and `shells` of `impedance`.

        Raises ValueError for an argument of the wrong kind, for `state` beside `before`, and for a path that leads to
        no number; SimulationError where the cell cannot run `before`.
        """
        for name, value, kinds in (
            ("cell", cell, Cell),
            ("data", data, SpectrumData),
            ("parameters", parameters, ParameterSet),
            ("state", state, OperatingPoint | None),
            ("before", before, Protocol | None),
            ("rig", rig, Rig | None),
        ):
            if not isinstance(value, kinds):
                raise ValueError(
                    f"SpectrumProblem.{name} must be {_kind(kinds)}, but is of type {type(value).__name__}."
                )
        if state is not None and before is not None:
            raise ValueError("SpectrumProblem takes a state or what came before the spectrum, but not both.")
        grid_points = whole_number(grid_points, "grid_points", least=1)
        shells = whole_number(shells, "shells", least=2)
        for parameter in parameters.parameters:
            for path in parameter.paths:
                own = path.startswith(_RIG)
                if own and rig is None:
                    raise ValueError(f"Parameter '{parameter.name}' points at '{path}', but there is no rig.")
                check_path(rig if own else cell, path.removeprefix(_RIG), parameter.name)
        self.parameters, self.cell, self.data = parameters, cell, data
        self.rig, self.before, self.grid_points, self.shells = rig, before, grid_points, shells
        self.segments = jnp.asarray(np.repeat([0, 1], data.frequency.shape[0]))
        self.data_scale, self.data_unit = jnp.concatenate([data.noise, data.noise]), "Ohm m2"
        self.state = state
        if before is not None:
            start = self.cell_at(parameters.initial)
            self.state = simulate(start, before, points=grid_points, shells=shells).state_at()

    @property
    def noise_estimated(self) -> bool:
        return self.data.noise_estimated

    @property
    def noise_segments(self) -> Int[Array, " residuals"]:
        """Without flagged points, whose noise is a guess."""
        return jnp.where(jnp.tile(self.data.flagged, 2), -1, self.segments)

    def cell_at(self, theta: Float[Array, " parameters"]) -> Cell:
        """The cell with the parameters' values put in."""
        return self._at(theta)[0]

    def impedance(self, theta: Float[Array, " parameters"]) -> Complex[Array, " points"]:
        """The model's impedance at the frequencies of the data [Ohm m2]."""
        cell, rig = self._at(theta)
        size = {"points": self.grid_points, "shells": self.shells}
        return impedance(cell, self.data.frequency, self.state, rig=rig, **size).impedance

    def renewed(self, theta: Float[Array, " parameters"]) -> "SpectrumProblem":
        """The same problem with the state after `before` at theta; that it has where the cell there cannot run it."""
        if self.before is None:
            return self
        cell = self.cell_at(theta)
        solution = simulate(cell, self.before, points=self.grid_points, shells=self.shells, throw=False)
        if solution.result is not RESULTS.successful:
            return self
        return eqx.tree_at(lambda p: p.state, self, solution.state_at())

    def residuals(self, theta: Float[Array, " parameters"]) -> Float[Array, " residuals"]:
        off = self.impedance(theta) - self.data.impedance
        return jnp.concatenate([jnp.real(off), jnp.imag(off)]) / jnp.concatenate([self.data.noise, self.data.noise])

    def combinations(self, theta: Float[Array, " parameters"]) -> Physical:
        return reported_resistances(self.cell_at(theta))

    def combination_units(self) -> dict[str, str]:
        return resistance_units(self.cell)

    def _at(self, theta: Float[Array, " parameters"]) -> tuple[Cell, Rig | None]:
        values = self.parameters.to_physical(theta)
        placed = [(path, values[p.name]) for p in self.parameters.parameters for path in p.paths]
        cell = replace(self.cell, [(path, value) for path, value in placed if not path.startswith(_RIG)])
        rig = [(path.removeprefix(_RIG), value) for path, value in placed if path.startswith(_RIG)]
        return cell, replace(self.rig, rig)
