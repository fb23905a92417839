"""Energy that passes the terminals, by time, step and cycle."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float, Int

from jaxcell.cycles import cycle_starts
from jaxcell.simulation import Solution
from jaxcell.units import to_mwh_cm2, to_wh_m2

LONGEST_SHARE = 1.5
"""Length of a step's first interval, relative to the next, up to which its voltage is continued to the step's start."""


def energy_passed(solution: Solution) -> Float[Array, " times"]:
    """Energy that went into the cell since the time before [J m-2 of cell area]; below 0 where the cell gives it.

    Power times time where the protocol holds a power, exact for any number of `points`.  Else charge times the mean
    voltage at both ends of the interval, exact where a voltage is held; at the start of a step, whose voltage no row
    holds, the line through the step's first two rows is continued.  At constant current the error falls with the square
    of a step's `points`; a step of one point is taken at its last voltage, too low for a discharge.  NaN where the
    solution has no result.
    """
    by_voltage = energy_of_rows(solution.voltage, solution.charge, solution.step)
    if solution.power is None:
        return by_voltage
    held = jnp.isfinite(solution.power) & jnp.isfinite(solution.voltage)
    began = _one_before(solution.time, solution.voltage, jnp.zeros(()))
    power, duration = (jnp.where(held, rows, 0.0) for rows in (solution.power, solution.time - began))
    return jnp.where(held, power * duration, by_voltage)


def energy_of_rows(
    voltage: Float[Array, " times"], charge: Float[Array, " times"], step: Int[Array, " times"]
) -> Float[Array, " times"]:
    """`energy_passed` of rows that hold no power: V, C m-2 since the row before, number of the step."""
    first = jnp.concatenate([jnp.array([True]), step[1:] != step[:-1]])
    next_voltage, next_charge = (jnp.concatenate([x[1:], jnp.full(1, jnp.nan)]) for x in (voltage, charge))
    goes_on = jnp.concatenate([~first[1:], jnp.array([False])]) & jnp.isfinite(next_voltage) & (next_charge != 0.0)
    share = jnp.where(goes_on, charge, 0.0) / jnp.where(goes_on, next_charge, 1.0)
    continued = voltage - jnp.where(goes_on, next_voltage - voltage, 0.0) * share
    usable = goes_on & (share > 0.0) & (share <= LONGEST_SHARE)
    before = jnp.where(first, jnp.where(usable, continued, voltage), _one_before(voltage, voltage, voltage[0]))
    return charge * 0.5 * (before + voltage)


def _one_before(
    values: Float[Array, " times"], voltage: Float[Array, " times"], start: Float[Array, ""]
) -> Float[Array, " times"]:
    """Value of the last row with a result before each, `start` where there is none."""
    rows = jnp.arange(voltage.shape[0])
    latest = jax.lax.cummax(jnp.where(jnp.isfinite(voltage), rows, -1))
    before = jnp.concatenate([jnp.array([-1]), latest[:-1]])
    return jnp.where(before < 0, start, values[before])


def step_energy(solution: Solution) -> np.ndarray:
    """Energy that went into the cell in each of the protocol's steps [J m-2], 0 in those that were not reached; needs
    concrete values."""
    found = np.zeros(int(solution.step[-1]) + 1)
    np.add.at(found, np.asarray(solution.step), np.nan_to_num(np.asarray(energy_passed(solution))))
    return found


@dataclasses.dataclass(frozen=True)
class CycleEnergy:
    """Energy by cycle, J m-2 of cell area; cycles as in `cycle_ledger`."""

    number: np.ndarray
    charged: np.ndarray
    """That went into the cell."""
    discharged: np.ndarray
    """That the cell gave, above 0."""

    @property
    def efficiency(self) -> np.ndarray:
        """Discharged/charged energy [1]; NaN in a cycle that has not both."""
        both = (self.charged > 0.0) & (self.discharged > 0.0)
        return np.where(both, self.discharged, np.nan) / np.where(both, self.charged, 1.0)

    def to_dataframe(self) -> pd.DataFrame:
        """One row a cycle: Wh m-2 and mWh cm-2."""
        columns = {}
        for unit, convert in (("Wh m-2", to_wh_m2), ("mWh cm-2", to_mwh_cm2)):
            columns[f"charged / {unit}"] = convert(self.charged)
            columns[f"discharged / {unit}"] = convert(self.discharged)
        columns["energy efficiency / 1"] = self.efficiency
        return pd.DataFrame(columns, index=pd.Index(self.number, name="cycle"))


def cycle_energy(solution: Solution) -> CycleEnergy:
    """Energy by cycle, see `energy_passed` for how well it is known; needs concrete values.

    Raises ValueError if the run reached no row.
    """
    first, number = cycle_starts(solution)
    passed = np.asarray(energy_passed(solution))[solution.taken]
    charged, discharged = (np.add.reduceat(np.maximum(sign * passed, 0.0), first) for sign in (1.0, -1.0))
    return CycleEnergy(number, charged, discharged)
