"""Made records of cycled cells, and how often intervals hold their truth."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxcell import Cycles, LithiumInventory, cycle_inventory
from jaxcell.inference import (
    FitSettings,
    InventoryProblem,
    cycle_data,
    fit,
    forecast,
    lithium_loss,
    loss_parameters,
)

WHOLE = LithiumInventory(1.0)
QUICK = FitSettings(ridges=0)
LENGTH = 26
"""Cycles of every problem, so that all share one program."""


def wandering(rng, phi, size=LENGTH):
    """Unit-variance first-order autoregression."""
    rows = rng.normal(size=size)
    for k in range(1, size):
        rows[k] = phi * rows[k - 1] + np.sqrt(1.0 - phi**2) * rows[k]
    return rows


def record(cell, scatter, cycles=None):
    """Capacities of a cell whose efficiency scatters."""
    run = cycle_inventory(cell, Cycles.of(LENGTH) if cycles is None else cycles, scatter=jnp.asarray(scatter))
    return np.asarray(run.flux.stripped - run.flux.unexplained)


def expected_loss(cell, problem):
    """Loss per cycle of a cell [1] at the inventories that were measured, mean over the fitted cycles but the first."""
    run = cycle_inventory(cell, problem.data.cycles, measured=problem.data.capacity)
    return float(np.mean(np.asarray(run.lost / run.flux.plated)[1 : problem.data.fitted]))


def loss_held(cell, capacity, count):
    """Whether the interval of the loss per cycle holds the truth, from the first `count` cycles of a record."""
    problem = InventoryProblem(WHOLE, cycle_data(capacity[:count], cycles=Cycles.of(LENGTH)))
    low, high = lithium_loss(problem, fit(problem, starts=4, settings=QUICK)).per_cycle95
    return low <= expected_loss(cell, problem) <= high


class Held(NamedTuple):
    """Whether each 95 % interval held its truth: loss per cycle, channels, and forecast capacities."""

    loss: bool
    channels: dict[str, bool]
    told: dict[str, bool]
    ahead: np.ndarray


def held(cell, capacity, count, noise=None, ahead=6):
    """Fit the first `count` cycles of a record and compare all intervals with the truth."""
    problem = InventoryProblem(WHOLE, cycle_data(capacity[:count], cycles=Cycles.of(LENGTH), noise=noise))
    result = fit(problem, starts=6, settings=QUICK)
    loss = lithium_loss(problem, result)
    low, high = loss.per_cycle95
    run = cycle_inventory(cell, problem.data.cycles, measured=problem.data.capacity)
    channels = {}
    for name, found in loss.channels.items():
        true = float(getattr(run.after, name)[count - 1])
        channels[name] = found.interval95[0] <= true <= found.interval95[1]
    told = {name: found.told for name, found in loss.channels.items()}
    covered = forecast(problem, result).covers(capacity)[count : count + ahead]
    return Held(low <= expected_loss(cell, problem) <= high, channels, told, covered)


def believed_cells(count, seed):
    """Cells drawn from the default priors."""
    parameters = loss_parameters(WHOLE)
    draws = parameters.prior_quantiles(np.random.default_rng(seed).random((4, count))).T
    return [parameters.apply(WHOLE, jnp.asarray(theta)) for theta in draws]
