"""A cycling record and a protocol: the record's steps must be the protocol's, and what of them is fitted."""

from itertools import pairwise

import numpy as np

from jaxcell.inference import StepData
from jaxcell.inference.dataset import noise_of
from jaxcell.io import RecordedStep, RecordedSteps
from jaxcell.study.end_noise import guessed_noise
from jaxcell.study.messages import StudyError
from jaxcell.study.planned_steps import PlannedStep
from jaxcell.study.protocol_schema import RecordTable

LEVEL = 0.05
"""Relative difference of a held current from the protocol's from which on the record is another experiment."""
LATE = 0.02
"""Relative difference of a duration that counts as the same."""
VOLTS = 0.02
"""Difference of a held voltage from the protocol's, and of a last sample from its stop, that counts as the same [V]."""
_WAYS = {1: "charges", -1: "discharges", 0: "rests"}


def data_of_record(
    record: RecordedSteps, planned: list[PlannedStep], table: RecordTable, source: str
) -> list[StepData]:
    """Charges, durations and voltages of the steps that are fitted.

    Raises:
        StudyError: a step of the record is not the protocol's: another number of steps, direction, size or end; or the
            noise of a voltage can neither be read nor estimated.
    """
    where = f"{source}: {record.name}"
    _same_steps(record, planned, where)
    pairs = list(zip(planned, record.steps, strict=True))
    for plan, step in pairs:
        _same_size(plan, step, where)
        _same_end(plan, step, where)
    noise = _voltage_noise(pairs, table, where) if table.shares else 0.0
    charges = {plan.number: (step.charge, plan.most) for plan, step in pairs}
    relative = table.capacity_noise or guessed_noise(charges, planned)
    data = [_data(plan, step, table, noise, relative) for plan, step in pairs]
    found = [one for one in data if one is not None]
    if not found:
        raise StudyError(f"{where} has nothing to fit: [protocol] fixes every step, and [data] shares is empty.")
    return found


def _same_steps(record: RecordedSteps, planned: list[PlannedStep], where: str) -> None:
    if not record.numbered:
        for plan, after in pairwise(planned):
            if plan.held or after.held or plan.direction == after.direction:
                raise StudyError(
                    f"{where} does not number its steps, so they are told by the direction of the current, which does "
                    f"not tell {plan.name} from the next, {after.sentence!r}; give it a column `Step Count / 1`."
                )
    for plan, step in zip(planned, record.steps, strict=False):
        if not plan.held and plan.direction != step.direction:
            raise StudyError(
                f"{where}: step {step.number} of the record, {_place(step)}, {_WAYS[step.direction]}, but {plan.name} "
                f"{_WAYS[plan.direction]}."
            )
    if len(record.steps) < len(planned):
        last, missing = record.steps[-1], planned[len(record.steps)]
        raise StudyError(
            f"{where} has {len(record.steps)} steps, but [protocol] has {len(planned)}: the record ends at "
            f"{last.time[-1]:.6g} s, before {missing.name} begins."
        )
    if len(record.steps) > len(planned):
        extra = record.steps[len(planned)]
        raise StudyError(
            f"{where} has {len(record.steps)} steps, but [protocol] has {len(planned)}: it goes on with a step that "
            f"{_WAYS[extra.direction]}, {_place(extra)}; add it to [protocol], or end [data] time_s before it."
        )


def _same_size(plan: PlannedStep, step: RecordedStep, where: str) -> None:
    if plan.held:
        volts = float(np.median(step.voltage[1:]))
        if abs(volts - plan.value) > VOLTS:
            raise StudyError(
                f"{where}: step {step.number} of the record, {_place(step)}, is at {volts:.4g} V, but {plan.name} "
                f"holds {plan.value:.4g} V."
            )
        return
    flows = float(np.median(step.current_density[1:]))
    value = flows * float(np.median(step.voltage[1:])) if plan.mode.name == "POWER" else flows
    if abs(value - plan.value) > LEVEL * abs(plan.value) and not plan.rests:
        unit = "mW cm-2" if plan.mode.name == "POWER" else "mA cm-2"
        raise StudyError(
            f"{where}: step {step.number} of the record, {_place(step)}, passes {value / 10.0:.4g} {unit}, but "
            f"{plan.name} {plan.value / 10.0:.4g} {unit}; is area_cm2 right?"
        )


def _same_end(plan: PlannedStep, step: RecordedStep, where: str) -> None:
    period = float(step.time[-1] - step.time[-2])
    late = (1.0 + LATE) * plan.longest + period
    if step.duration > late:
        raise StudyError(
            f"{where}: step {step.number} of the record, {_place(step)}, lasts {step.duration:.6g} s, but {plan.name} "
            f"lasts {plan.longest:.6g} s at most."
        )
    if step.duration >= (1.0 - LATE) * plan.longest - period or _stopped(plan, step):
        return
    ends = [f"{plan.longest:.6g} s"]
    ends += [f"{stop:.4g} V" for stop in (plan.above, plan.below) if np.isfinite(stop)]
    ends += [f"{plan.current_below / 10.0:.4g} mA cm-2"] if plan.current_below > 0.0 else []
    ends += [f"{plan.charge / 36000.0:.4g} mAh cm-2"] if np.isfinite(plan.charge) else []
    raise StudyError(
        f"{where}: step {step.number} of the record, {_place(step)}, ends after {step.duration:.6g} s at "
        f"{step.voltage[-1]:.4g} V and {abs(step.current_density[-1]) / 10.0:.4g} mA cm-2, but {plan.name} ends at "
        f"{' or '.join(ends)}."
    )


def _stopped(plan: PlannedStep, step: RecordedStep) -> bool:
    """Whether the last sample is at a stop, or within two more such changes of it."""
    ahead = 2.0 * abs(float(step.voltage[-1] - step.voltage[-2])) if step.time.size > 2 else 0.0
    volts, last = VOLTS + 0.02 * abs(float(step.voltage[-1])) + ahead, float(step.voltage[-1])
    falls = 2.0 * abs(float(step.current_density[-1] - step.current_density[-2])) if step.time.size > 2 else 0.0
    flows = abs(float(step.current_density[-1]))
    return (
        last >= plan.above - volts
        or last <= plan.below + volts
        or (plan.current_below > 0.0 and flows <= (1.0 + LEVEL) * plan.current_below + falls)
        or step.charge >= (1.0 - LATE) * plan.charge
    )


def _voltage_noise(pairs: list[tuple[PlannedStep, RecordedStep]], table: RecordTable, where: str) -> float:
    if table.noise_uv is not None:
        return table.noise_uv * 1e-6
    used = [step for plan, step in pairs if not plan.held and not (plan.rests and not table.fit_rests)]
    time = np.concatenate([step.time[1:] for step in used])
    volts = np.concatenate([step.voltage[1:] for step in used])
    labels = np.repeat(np.arange(len(used)), [step.time.size - 1 for step in used])
    try:
        return noise_of(time, volts, labels)
    except ValueError as error:
        raise StudyError(f"{where}: {str(error).rstrip('.')}: [data] noise_uv.") from error


def _data(plan: PlannedStep, step: RecordedStep, table: RecordTable, noise: float, relative: float) -> StepData | None:
    content: dict[str, object] = {}
    if plan.own_end:
        content |= {"charge": step.charge, "charge_noise": relative * step.charge}
    if plan.held and plan.current_below > 0.0:
        content |= {"duration": step.duration, "duration_noise": relative * step.duration}
    if table.shares and not plan.held and (table.fit_rests or not plan.rests):
        place = (step.time - step.time[0]) / step.duration
        nearest = np.unique([int(np.argmin(np.abs(place - share))) for share in table.shares])
        nearest = nearest[(place[nearest] > 0.0) & (place[nearest] <= 0.99)]
        if nearest.size:
            content |= {"shares": place[nearest], "voltage": step.voltage[nearest], "voltage_noise": noise}
    return StepData(plan.number - 1, **content) if content else None  # pyright: ignore[reportArgumentType]


def _place(step: RecordedStep) -> str:
    return f"from {step.time[0]:.6g} s to {step.time[-1]:.6g} s"
