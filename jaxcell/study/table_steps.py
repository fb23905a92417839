"""A table of steps and a protocol: which step each row is, whether it can be, and what of it is fitted."""

from typing import Any

import numpy as np

from jaxcell.inference import StepData
from jaxcell.io import StepTable
from jaxcell.study.end_noise import guessed_noise
from jaxcell.study.messages import StudyError
from jaxcell.study.planned_steps import PlannedStep
from jaxcell.study.protocol_schema import StepTableTable

SAME = 0.05
"""Relative difference from what the protocol fixes from which on a row is another experiment."""
_C_M2 = 36000.0
"""C m-2 in one mAh cm-2."""


def data_of_table(
    table: StepTable, planned: list[PlannedStep], written: StepTableTable, plating_sign: float, source: str
) -> list[StepData]:
    """What the rows say of the steps that are fitted; values that the protocol fixes are only compared with it.

    `plating_sign` as in `Cell`: what plates the working electrode is a current of this sign.

    Raises:
        StudyError: a row belongs to no step of the protocol or to one that has a row, holds values that say the same or
            cannot be, or has a voltage without noise_uv.
    """
    numbers = [_step_of(table, row, planned, plating_sign, source) for row in range(len(table.rows))]
    for row, number in enumerate(numbers):
        if number in numbers[:row]:
            before = table.rows[numbers.index(number)]
            raise StudyError(f"{_at(table, row, source)} is step {number} of [protocol], as is row {before}.")
    if table.shares.size and np.isfinite(table.voltage).any() and written.noise_uv is None:
        raise StudyError(f"{source}: [step_table] needs noise_uv, because {table.given} has voltages.")
    rows = [_values(table, row, planned[n - 1], planned, plating_sign, source) for row, n in enumerate(numbers)]
    ends = {n: _with_most(r["ends"], planned[n - 1]) for n, r in zip(numbers, rows, strict=True) if r["ends"]}
    relative = written.capacity_noise or guessed_noise(ends, planned)
    found = []
    for number, row in zip(numbers, rows, strict=True):
        content: dict[str, Any] = dict(row["ends"])
        content |= {f"{name}_noise": relative * value for name, value in row["ends"].items()} | row["of"]
        if row["shares"].size:
            assert written.noise_uv is not None, "asked for above"
            content |= {"shares": row["shares"], "voltage": row["voltage"], "voltage_noise": written.noise_uv * 1e-6}
        if content:
            found.append(StepData(number - 1, **content))
    if not found:
        raise StudyError(f"{source}: {table.given} has nothing to fit: [protocol] fixes all that it holds.")
    return found


def _with_most(ends: dict[str, float], plan: PlannedStep) -> tuple[float, float]:
    """The first of a step's ends, and the most that the protocol's clock allows."""
    name, value = next(iter(ends.items()))
    return value, {"duration": plan.longest, "charge": plan.most}.get(name, np.inf)


def _step_of(table: StepTable, row: int, planned: list[PlannedStep], plating_sign: float, source: str) -> int:
    """Number of the row's step, from 1."""
    if table.step is not None:
        number = int(table.step[row])
        if number > len(planned):
            raise StudyError(f"{_at(table, row, source)} is about step {number}, but [protocol] has {len(planned)}.")
        return number
    assert table.cycle is not None, "a table has steps, or cycles and halves"
    assert table.half is not None, "a table has steps, or cycles and halves"
    cycle, half = int(table.cycle[row]), table.half[row]
    sign = {"plate": plating_sign, "strip": -plating_sign, "charge": 1.0, "discharge": -1.0}[half]
    like = [plan.number for plan in planned if plan.direction == sign]
    if cycle > len(like):
        raise StudyError(
            f"{_at(table, row, source)} is about cycle {cycle}, {half}, but [protocol] has {len(like)} steps "
            f"that {half}."
        )
    return like[cycle - 1]


def _values(
    table: StepTable, row: int, plan: PlannedStep, planned: list[PlannedStep], plating_sign: float, source: str
) -> dict[str, Any]:
    """Ends in SI by name, `relative_to` of an efficiency, and voltages at shares."""
    at = _at(table, row, source)
    given = {name: float(column[row]) for name, column in table.values.items() if np.isfinite(column[row])}
    if len(given) > 1 and not (plan.held and set(given) == {"duration_s", "capacity_mah_cm2"}):
        raise StudyError(f"{at} has {' and '.join(given)}, which say the same of {plan.name} so give one.")
    ends: dict[str, float] = {}
    of: dict[str, int] = {}
    if "duration_s" in given:
        _possible(given["duration_s"], plan.longest, plan, f"{at}: column `duration_s` is", "s")
        ends["duration"] = given["duration_s"]
    if "capacity_mah_cm2" in given:
        most = plan.most / _C_M2
        _possible(given["capacity_mah_cm2"], most, plan, f"{at}: column `capacity_mah_cm2` is", "mAh cm-2")
        ends["charge"] = given["capacity_mah_cm2"] * _C_M2
    if "efficiency" in given:
        plated = [p.number for p in planned[: plan.number] if p.direction == plating_sign]
        if plan.direction != -plating_sign or not plated:
            raise StudyError(f"{at} has an efficiency, but {plan.name} does not strip what a step before it plated.")
        if given["efficiency"] > 1.5:
            raise StudyError(
                f"{at}: column `efficiency` is {given['efficiency']:g}, but a coulombic efficiency up to 1.5 was "
                "expected; it is no percentage."
            )
        ends["efficiency"], of["relative_to"] = given["efficiency"], plated[-1] - 1
    if not plan.own_end:
        ends, of = {}, {}
    volts = table.voltage[row]
    measured = np.isfinite(volts)
    if plan.held and measured.any():
        raise StudyError(f"{at} has voltages, but {plan.name} holds the voltage.")
    return {"ends": ends, "of": of, "shares": table.shares[measured], "voltage": volts[measured]}


def _possible(value: float, most: float, plan: PlannedStep, what: str, unit: str) -> None:
    if value > (1.0 + SAME) * most:
        raise StudyError(f"{what} {value:g} {unit}, but {plan.name} ends at {most:.4g} {unit} at the latest.")
    if not plan.own_end and value < (1.0 - SAME) * most:
        raise StudyError(f"{what} {value:g} {unit}, but {plan.name} has no other end than {most:.4g} {unit}.")


def _at(table: StepTable, row: int, source: str) -> str:
    return f"{source}: {table.given}, row {table.rows[row]}"
