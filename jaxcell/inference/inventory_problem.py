"""The fit of a lithium inventory to capacities or coulombic efficiencies per cycle."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxcell.inference.analysis import FitSettings
from jaxcell.inference.covariance import noise_level
from jaxcell.inference.cycle_data import CycleData, recorded_before
from jaxcell.inference.evaluation import value_and_jacobian
from jaxcell.inference.least_squares import LevenbergMarquardt
from jaxcell.inference.parameters import Parameter, ParameterSet
from jaxcell.inference.priors import LogNormal
from jaxcell.inference.problem import Physical, Problem
from jaxcell.inventory import CHANNELS, InventoryRun, LithiumInventory, cycle_inventory
from jaxcell.units import Scalar

INVENTORY_FIT = FitSettings(LevenbergMarquardt(1e-8, 1e-10, 1e-9, max_steps=1000))
"""Settings for `fit`: steps cost microseconds, and capacities that no channel explains need some hundred of them."""
SCATTER_DOF = 1.0
"""Degrees of freedom of the belief about the noise, centred on the change from cycle to cycle, before any residual."""


class InventoryProblem(Problem):
    """Residuals (CE_model - CE_measured)/noise of a cell whose losses vary from cycle to cycle.

    A cycler counts charge to 1e-3 or better; what scatters is the loss itself, and what one cycle loses is missing in
    all later ones.  So each cycle starts from the capacity that the one before was measured to return, and residuals
    are efficiencies, independent where the losses are.  (Scatter of readings instead makes neighbouring residuals
    alternate, and the intervals too wide, not too narrow.)  The combinations are
    `dead_lithium`, `interphase_lithium`, `trapped_lithium` [Q], lost to each channel up to the last fitted cycle, and
    their sum `lost_lithium`.
    """

    parameters: ParameterSet
    segments: Int[Array, " cycles"]
    data_scale: Float[Array, " cycles"] | None
    data: CycleData
    cell: LithiumInventory
    noise: Scalar
    """Standard deviation of a cycle's efficiency [1]: as given, or renewed from the residuals."""
    data_unit: str = eqx.field(static=True)
    capacity_unit: str = eqx.field(static=True)

    def __init__(
        self,
        cell: LithiumInventory,
        data: CycleData,
        parameters: ParameterSet | None = None,
        *,
        capacity_unit: str = "Q",
    ) -> None:
        """`cell` holds the fixed values; `parameters` default to every channel, see `loss_parameters`."""
        self.cell = cell
        self.data = data
        self.parameters = loss_parameters(cell, capacity_unit=capacity_unit) if parameters is None else parameters
        self.segments = data.segments
        self.data_scale = jnp.broadcast_to(data.noise, data.segments.shape)
        self.data_unit = "1"
        self.capacity_unit = capacity_unit
        self.noise = data.noise

    @property
    def noise_stated(self) -> bool:
        return self.data.noise_given

    def run(self, theta: Float[Array, " parameters"], scatter: Float[Array, " cycles"] | None = None) -> InventoryRun:
        """The cell at theta, every cycle begun from the measured capacity before it; `scatter` beyond the record."""
        cell = self.parameters.apply(self.cell, theta)
        return cycle_inventory(cell, self.data.cycles, measured=self.data.capacity, scatter=scatter)

    def residuals(self, theta: Float[Array, " parameters"]) -> Float[Array, " cycles"]:
        run = self.run(theta)
        return jnp.where(self.segments >= 0, (run.efficiency - self.measured_efficiency(run)) / self.noise, 0.0)

    def measured_efficiency(self, run: InventoryRun) -> Float[Array, " cycles"]:
        """The efficiency [1] as recorded, or the recorded capacity over what the run plated; 0 where neither is."""
        plated = jnp.where(run.flux.plated > 0.0, run.flux.plated, 1.0)
        ratio = jnp.nan_to_num(self.data.capacity) / plated
        return jnp.where(jnp.isnan(self.data.efficiency), ratio, jnp.nan_to_num(self.data.efficiency))

    def renewed(
        self, theta: Float[Array, " parameters"], others: Float[np.ndarray, "parameters parameters"] | None = None
    ) -> "InventoryProblem":
        """The same problem with its noise taken from the residuals at theta, unless it was given.

        s^2 = (sum of squared residuals + nu s0^2)/(dof + nu), s0 the change from cycle to cycle, nu = `SCATTER_DOF`;
        dof = n less the parameters that these cycles determine. `others`: what other measurements tell of them.
        """
        if self.data.noise_given:
            return self
        residuals, jacobian = linearised(self, theta)
        precision = np.asarray(self.parameters.prior_precision(theta))
        rows = np.asarray(residuals)
        found = noise_level(
            rows, np.asarray(self.segments), np.asarray(jacobian.T @ jacobian), precision, others=others
        )
        before = SCATTER_DOF * float(self.data.noise / self.noise) ** 2
        noise = self.noise * np.sqrt((found.chi2 + before) / (found.dof + SCATTER_DOF))
        where = lambda p: (p.noise, p.data_scale)  # noqa: E731
        return eqx.tree_at(where, self, (noise, jnp.broadcast_to(noise, self.segments.shape)))

    def up_to(self, cycle: int) -> "InventoryProblem":
        """The problem of the record before `cycle`, counted from 0, in the same shapes: as if it had ended there."""
        data = recorded_before(self.data, cycle)
        where = lambda p: (p.data, p.segments, p.noise, p.data_scale)  # noqa: E731
        scale = jnp.broadcast_to(data.noise, data.segments.shape)
        return eqx.tree_at(where, self, (data, data.segments, data.noise, scale))

    def log_posterior(self, theta: Float[Array, " parameters"], autocorrelation_time: Scalar) -> Scalar:
        """ln of the posterior density in theta up to a constant; n/tau residuals are worth one each.

        Noise that was not given is integrated out under its belief, which leaves a power of the sum of squares.
        """
        chi2 = jnp.sum(self.residuals(theta) ** 2) / autocorrelation_time
        if self.data.noise_given:
            data = -0.5 * chi2
        else:
            n = jnp.sum(self.segments >= 0, dtype=jnp.float64) / autocorrelation_time
            before = SCATTER_DOF * (self.data.noise / self.noise) ** 2
            data = -0.5 * (n + SCATTER_DOF) * jnp.log(chi2 + before)
        return data + self.parameters.log_prior(theta)

    def combinations(self, theta: Float[Array, " parameters"]) -> Physical:
        run = self.run(theta)
        last = self.segments.shape[0] - 1 - jnp.argmax((self.segments >= 0)[::-1])
        lost = {f"{name}_lithium": getattr(run.after, name)[last] for name in CHANNELS}
        return {**lost, "lost_lithium": sum(lost.values(), jnp.zeros((), dtype=jnp.float64))}

    def combination_units(self) -> dict[str, str]:
        return dict.fromkeys([*(f"{name}_lithium" for name in CHANNELS), "lost_lithium"], self.capacity_unit)


@eqx.filter_jit
def linearised(
    problem: InventoryProblem, theta: Float[Array, " parameters"]
) -> tuple[Float[Array, " cycles"], Float[Array, "cycles parameters"]]:
    """Residuals at theta and their Jacobian."""
    return value_and_jacobian(problem.residuals, theta)


def loss_parameters(
    cell: LithiumInventory,
    channels: Sequence[str] = CHANNELS,
    *,
    duration: float = 1.0,
    capacity_unit: str = "Q",
    time_unit: str = "cycle",
) -> ParameterSet:
    """Parameters of the chosen loss channels with wide priors, in units of the initial inventory.

    95 % ranges: dead lithium per stripped 1e-4 to 1; interphase growth 1e-8 to 1 (inventory squared per cycle of
    `duration` [t]) and its start 1e-4 to 10, from parabolic to linear growth; trap 1e-3 to 0.5.  They are guesses that
    span cells from excellent to useless, not citations.

    Raises ValueError for a channel that does not exist.
    """
    unknown = sorted(set(channels) - set(_OF_CHANNEL))
    if unknown or not channels:
        raise ValueError(f"channels must be some of {tuple(_OF_CHANNEL)}, but are {tuple(channels)}.")
    whole, square = float(cell.initial), float(cell.initial) ** 2 / duration
    growth_unit = f"{capacity_unit}^2/{time_unit}"
    table = {
        "dead_fraction": ("1", 1.0, (1e-6, 1e3), (1e-4, 1.0)),
        "interphase_growth": (growth_unit, square, (1e-12, 1e3), (1e-8, 1.0)),
        "interphase_start": (capacity_unit, whole, (1e-6, 1e3), (1e-4, 10.0)),
        "trap": (capacity_unit, whole, (1e-9, 0.999), (1e-3, 0.5)),
    }
    chosen = [name for channel in channels for name in _OF_CHANNEL[channel]]
    return ParameterSet([_parameter(name, *table[name]) for name in chosen])


_OF_CHANNEL = {
    "dead": ("dead_fraction",),
    "interphase": ("interphase_growth", "interphase_start"),
    "trapped": ("trap",),
}


def _parameter(
    name: str, unit: str, scale: float, bounds: tuple[float, float], range95: tuple[float, float]
) -> Parameter:
    low, high = range95[0] * scale, range95[1] * scale
    prior = LogNormal((low, high), source="default: wide, a guess [gen]")
    return Parameter(name, name, unit, (bounds[0] * scale, bounds[1] * scale), "log", prior, float(np.sqrt(low * high)))
