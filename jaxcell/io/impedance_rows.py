"""From the columns of an impedance table, with or without time, current and voltage, to a measurement."""

from dataclasses import replace

import numpy as np

from jaxcell.io._arrays import FloatArray, IntArray, count
from jaxcell.io.assemble import Columns, assemble
from jaxcell.io.errors import ArgumentError, MeasurementError
from jaxcell.io.impedance_units import Unit
from jaxcell.io.kinds import Control
from jaxcell.io.measurement import Measurement
from jaxcell.io.options import ReadOptions
from jaxcell.io.provenance import Provenance


def in_ohm(values: FloatArray, unit: Unit, column: str, source: str, options: ReadOptions) -> FloatArray:
    """A resistance column in ohm; an area-specific one is divided by the user's area.

    Raises:
        MeasurementError: an area-specific unit, and no area was given.
    """
    if not unit.per_area:
        return values * unit.factor
    if options.area is None:
        told = f"{source}: column `{column}` is area-specific, so "
        raise ArgumentError("area", told, "the argument `area` in m2", " is needed, but none was given.")
    return values * (unit.factor / options.area)


def measured_sweeps(
    source: str,
    rows: IntArray,
    frequency: FloatArray,
    real: FloatArray,
    imaginary: FloatArray,
    *,
    options: ReadOptions,
    origin: Provenance,
    time: FloatArray | None = None,
    current: FloatArray | None = None,
    voltage: FloatArray | None = None,
    cycle: IntArray | None = None,
    sweep: IntArray | None = None,
) -> Measurement:
    """The measurement of a table of impedances; every array (rows,), SI units, Im(Z) negative where capacitive.

    Without a time (none, or the same in every row) rows count as 1 s apart; without current or voltage these are NaN.
    Both are said in notices.

    Raises:
        MeasurementError: a row without a positive frequency where current or voltage is not recorded, or as
            `assemble`.
    """
    notices: list[str] = []
    size = len(frequency)
    if time is None or (size > 1 and (time == time[0]).all()):
        notices.append("no time was recorded: rows count as 1 s apart.")
        time = np.arange(size, dtype=np.float64)
    absent = [name for name, values in (("current", current), ("voltage", voltage)) if values is None]
    if absent:
        direct = np.flatnonzero(~(frequency > 0))
        if direct.size:
            raise MeasurementError(
                f"{source}, row {rows[direct[0]]}: the frequency is {frequency[direct[0]]:g} Hz, but a positive number "
                f"was expected, since the table has no {' and '.join(absent)}."
            )
        notices.append(f"no {' and '.join(absent)} recorded.")
    nothing = np.full(size, np.nan)
    zeros = np.zeros(size, dtype=np.int64)
    columns = Columns(
        source=source,
        rows=rows,
        row_word="row",
        time=time,
        current=nothing if current is None else current,
        voltage=nothing if voltage is None else voltage,
        cycle=zeros if cycle is None else cycle,
        step=zeros if sweep is None else sweep,
        control=np.full(size, Control.UNKNOWN, dtype=np.int8),
        frequency=frequency,
        real=real,
        imaginary=imaginary,
    )
    measurement = assemble(columns, options, origin.with_notices(*notices))
    if len(measurement.spectra) == 1:
        return measurement
    told = measurement.provenance.with_notices(f"{count(len(measurement.spectra), 'sweep')} of frequencies found.")
    return replace(measurement, provenance=told)
