"""The fit of a cell model to a record of current and voltage."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxcell.cell import Cell
from jaxcell.inference.bottom_share import SHARE, bottom_share, dividing
from jaxcell.inference.dataset import Dataset
from jaxcell.inference.lost_lithium import channels_of, lost_lithium, lost_lithium_units
from jaxcell.inference.parameters import ParameterSet
from jaxcell.inference.problem import Physical, Problem
from jaxcell.observables import resistances
from jaxcell.simulation import DEFAULT_SETTINGS, Solution, simulate
from jaxcell.solver.results import RESULTS
from jaxcell.solver.schedule import Plan
from jaxcell.solver.settings import Settings
from jaxcell.units import to_ohm_cm2


class CellProblem(Problem):
    """Residuals (V_model - V_measured)/noise of a cell that follows the measured current.

    The step grid is planned once by an error-controlled run and replayed for every theta, so that the residuals are a
    smooth function of theta; `renewed(theta)` gives the same problem on a grid made for theta.  A theta whose run
    fails on the grid has NaN residuals, never silently wrong ones.
    """

    parameters: ParameterSet
    segments: Int[Array, " residuals"]
    data_scale: Float[Array, " residuals"] | None
    cell: Cell
    dataset: Dataset
    plan: Plan
    settings: Settings = eqx.field(static=True)
    grid_points: int = eqx.field(static=True)
    data_unit: str = eqx.field(static=True)
    channels: tuple[str, ...] = eqx.field(static=True)
    """Loss channels of the cell; their lithium at the end of the record is among the combinations."""
    divided: tuple[str, ...] = eqx.field(static=True)
    """Parameters of sites inside and on top of the layer; where there are some, the share of the lithium below the
    layer at the end of the record is among the combinations."""

    def __init__(
        self,
        cell: Cell,
        dataset: Dataset,
        parameters: ParameterSet,
        *,
        settings: Settings = DEFAULT_SETTINGS,
        grid_points: int = 20,
        plan: Plan | None = None,
    ) -> None:
        """`cell` holds the fixed values; `grid_points` are the finite volumes of a layer with pores.

        Raises `SimulationError` if the cell with the parameters' initial values cannot follow the current.
        """
        self.parameters = parameters
        self.segments = dataset.segments
        self.data_scale = jnp.where(dataset.segments >= 0, dataset.noise, 1.0)
        self.cell = cell
        self.dataset = dataset
        self.settings = settings
        self.grid_points = grid_points
        self.data_unit = "V"
        self.channels = channels_of(cell, grid_points)
        self.divided = dividing(cell, parameters)
        self.plan = (
            _plan(cell, dataset, parameters, parameters.initial, settings, grid_points) if plan is None else plan
        )

    def cell_at(self, theta: Float[Array, " parameters"]) -> Cell:
        """The cell with the parameters' values put in."""
        return self.parameters.apply(self.cell, theta)

    def solution(self, theta: Float[Array, " parameters"], *, replanned: bool = False) -> Solution:
        """The simulation at theta, on the problem's grid or with error control of its own."""
        return simulate(
            self.cell_at(theta),
            self.dataset.protocol,
            points=self.grid_points,
            settings=self.settings,
            plan=None if replanned else self.plan,
            throw=False,
        )

    @property
    def noise_estimated(self) -> bool:
        return self.dataset.noise_estimated

    def renewed(self, theta: Float[Array, " parameters"]) -> "CellProblem":
        """The same problem with its step grid planned at theta; needs concrete values.

        Where the cell at theta cannot follow the current with error control, the problem keeps the grid it has.
        """
        solution = self.solution(theta, replanned=True)
        if solution.result is not RESULTS.successful:
            return self
        return eqx.tree_at(lambda p: p.plan, self, solution.plan)

    def residuals(self, theta: Float[Array, " parameters"]) -> Float[Array, " residuals"]:
        fitted = self.segments >= 0
        difference = (self.solution(theta).voltage - self.dataset.voltage) / self.dataset.noise
        return jnp.where(fitted, difference, 0.0)

    def combinations(self, theta: Float[Array, " parameters"]) -> Physical:
        found = reported_resistances(self.cell_at(theta))
        if not (self.channels or self.divided):
            return found
        return found | plated_and_lost(self.solution(theta), self.channels, bool(self.divided))

    @property
    def rests_on(self) -> dict[str, tuple[str, ...]]:
        return {SHARE: self.divided} if self.divided else {}

    def combination_units(self) -> dict[str, str]:
        return resistance_units(self.cell) | plated_and_lost_units(self.channels, bool(self.divided))


def reported_resistances(cell: Cell) -> Physical:
    """The combinations that a fit of a cell reports [ohm cm2]."""
    return {name: to_ohm_cm2(value) for name, value in resistances(cell).items()}


def resistance_units(cell: Cell) -> dict[str, str]:
    """Their units."""
    return dict.fromkeys(resistances(cell), "ohm cm2")


def plated_and_lost(solution: Solution, channels: tuple[str, ...], divided: bool) -> Physical:
    """The combinations that a fit of a cell reads off one simulation: shares [1], lithium [mAh cm-2]."""
    lost = lost_lithium(solution) if channels else {}
    return lost | bottom_share(solution) if divided else lost


def plated_and_lost_units(channels: tuple[str, ...], divided: bool) -> dict[str, str]:
    """Their units."""
    return lost_lithium_units(channels) | ({SHARE: "1"} if divided else {})


def _plan(
    cell: Cell,
    dataset: Dataset,
    parameters: ParameterSet,
    theta: Any,
    settings: Settings,
    grid_points: int,
) -> Plan:
    solution = simulate(
        parameters.apply(cell, jnp.asarray(np.asarray(theta))), dataset.protocol, points=grid_points, settings=settings
    )
    return solution.plan
