"""Virtual experiments whose truths are drawn from the priors of their fits."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxcell import (
    NMC532,
    Cell,
    CompositeCathode,
    Cycles,
    IntercalationKinetics,
    Interface,
    LithiumElectrode,
    LithiumInventory,
    LithiumKinetics,
    ProtectionLayer,
    Separator,
    cycle_inventory,
)
from jaxcell.inference import (
    INVENTORY_FIT,
    FitSettings,
    InventoryProblem,
    LevenbergMarquardt,
    LogNormal,
    Parameter,
    ParameterSet,
    Problem,
    cycle_data,
)
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.dataset import dataset

SETTINGS = FitSettings(LevenbergMarquardt(1e-5, 1e-7, 1e-8, max_steps=60), chunk=60, ridges=0)
"""One chunk of Levenberg-Marquardt to a hundred-thousandth of a standard error."""


class Experiment(NamedTuple):
    """A measurement that can be made again and again.

    - `measured(theta, rng)`: the problem of fitting one noisy record of the truth theta.
    - `starts`: of each fit, the first at the priors' medians; one more than there are parameters.
    - `seed`: with a draw's number, the seed of that draw. It was written down before the first run.
    - `settings`: of the fit; for the inventory those that the library has for it, ridges included.
    """

    parameters: ParameterSet
    measured: Callable[[np.ndarray, np.random.Generator], Problem]
    starts: int
    seed: int
    settings: FitSettings


def symmetric(noise: float = 1e-3) -> Experiment:
    """Li | layer | separator | layer | Li: 15 voltages on three pulses, from before the double layers charge to after.

    The noise of 1 mV against 20 to 200 mV is stated. It leaves i0 and the capacitance to some 10 to 30 %, so that
    curvature, skewness and priors count.
    """
    interface = Interface(LithiumKinetics(20.0), double_layer_capacitance=0.2)
    electrode = LithiumElectrode(20e-6, interface, ProtectionLayer(5e-6, 5e-3, electronic_conductivity=100.0, top=None))
    cell = Cell.symmetric(electrode, Separator(30e-6, 0.24))
    both = lambda path: (f"working.{path}", f"counter.{path}")  # noqa: E731
    parameters = ParameterSet(
        [
            believed("layer_conductivity", both("layer.ionic_conductivity"), "S m-1", (1.5e-3, 1.5e-2)),
            believed("exchange_current", both("interface.kinetics.exchange_current_density"), "A m-2", (5.0, 80.0)),
            believed("capacitance", both("interface.double_layer_capacitance"), "F m-2", (0.05, 0.8)),
        ]
    )
    samples = np.array([1e-5, 5e-5, 2e-4, 8e-4, 4e-3])
    return Experiment(
        parameters, _voltages(cell, parameters, (10.0, -20.0, 40.0), samples, noise), 4, 510_000, SETTINGS
    )


def half_cell(count: int = 24) -> Experiment:
    """Efficiencies of 24 cycles of lithium on a collector that holds a reservoir of a tenth of a cycle.

    Rests of two lengths tell dead lithium from the interphase. The scatter of the efficiencies, half a per cent, is not
    told to the fit, which estimates it.
    """
    cell = LithiumInventory(3.0, excess=0.1, dead_fraction=0.02, interphase_growth=1e-4, interphase_start=0.02)
    parameters = ParameterSet(
        [
            believed("dead_fraction", "dead_fraction", "1", (0.008, 0.06)),
            believed("interphase_growth", "interphase_growth", "Q2/t", (2e-5, 2e-3)),
        ]
    )
    duration = np.where(np.arange(count) % 2 == 0, 1.0, 10.0)
    cycles = Cycles(jnp.asarray(duration), jnp.ones(count))

    def measured(theta: np.ndarray, rng: np.random.Generator) -> Problem:
        scatter = jnp.asarray(5e-3 * rng.normal(size=count))
        run = _inventory_run(parameters.apply(cell, jnp.asarray(theta)), cycles, scatter)
        capacity = np.asarray(run.flux.stripped - run.flux.unexplained)
        return InventoryProblem(cell, cycle_data(capacity, cycles=cycles), parameters)

    return Experiment(parameters, measured, 3, 520_000, INVENTORY_FIT)


def full_cell(noise: float = 2e-3) -> Experiment:
    """Li | layer | separator | NMC532 as a single particle: two charges and a discharge, 15 voltages of 2 mV."""
    cathode = CompositeCathode(
        thickness=42e-6,
        active_fraction=0.518,
        particle_radius=5e-6,
        maximum_concentration=48230.0,
        initial_stoichiometry=0.7,
        particle_diffusivity=5e-15,
        open_circuit=NMC532(),
        kinetics=IntercalationKinetics(2.0),
    )
    electrode = LithiumElectrode(20e-6, Interface(LithiumKinetics(20.0)), ProtectionLayer(5e-6, 5e-3, top=None))
    cell = Cell(electrode, Separator(30e-6, 0.24), cathode)
    parameters = ParameterSet(
        [
            believed("layer_conductivity", "working.layer.ionic_conductivity", "S m-1", (1.5e-3, 1.5e-2)),
            believed("diffusivity", "counter.particle_diffusivity", "m2 s-1", (1.5e-15, 1.5e-14)),
            believed("stoichiometry", "counter.initial_stoichiometry", "1", (0.6, 0.75), (0.5, 0.9)),
        ]
    )
    samples = np.array([1.0, 20.0, 120.0, 400.0, 1200.0])
    return Experiment(parameters, _voltages(cell, parameters, (5.0, 15.0, -10.0), samples, noise), 4, 530_000, SETTINGS)


EXPERIMENTS = {"symmetric": symmetric, "half_cell": half_cell, "full_cell": full_cell}


def believed(
    name: str,
    paths: str | tuple[str, ...],
    unit: str,
    range95: tuple[float, float],
    bounds: tuple[float, float] | None = None,
) -> Parameter:
    """A lognormal prior from its 95 % range, bounded thirty times as far out where nothing else bounds it."""
    low, high = range95
    wide = (low / 30.0, high * 30.0) if bounds is None else bounds
    return Parameter(name, paths, unit, wide, prior=LogNormal(range95), initial=float(np.sqrt(low * high)))


def _voltages(
    cell: Cell, parameters: ParameterSet, currents: tuple[float, ...], samples: np.ndarray, noise: float
) -> Callable[[np.ndarray, np.random.Generator], Problem]:
    """Records of `cell` on steps of the current [A m-2], with stated noise [V]; the truth is run as a fit's models are,
    on a step grid of its own."""
    time = np.concatenate([[0.0], *(k * samples[-1] + samples for k in range(len(currents)))])
    current = np.concatenate([[0.0], np.repeat(currents, samples.size)])
    blank = dataset(time, current, np.zeros_like(time), fitted=np.arange(time.size) > 0, noise=noise)
    problem = CellProblem(cell, blank, parameters)

    def measured(theta: np.ndarray, rng: np.random.Generator) -> Problem:
        voltage = problem.solution(jnp.asarray(theta), replanned=True).voltage
        noisy = voltage + noise * jnp.asarray(rng.normal(size=voltage.shape))
        return eqx.tree_at(lambda p: p.dataset.voltage, problem, noisy)

    return measured


@eqx.filter_jit
def _inventory_run(cell: LithiumInventory, cycles: Cycles, scatter: jax.Array) -> Any:
    return cycle_inventory(cell, cycles, scatter=scatter)
