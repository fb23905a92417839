"""One impedance spectrum, and how a column of frequencies is cut into spectra."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxcell.io._arrays import FloatArray, IntArray, check_lengths, frozen_floats
from jaxcell.io.errors import MeasurementError


@dataclass(frozen=True, eq=False)
class Spectrum:
    """One sweep of frequencies.

    Attributes:
        index: number of the spectrum in its file, from 0.
        cycle: cycle of its first point.
        step: step of its first point.
        time: when each point was recorded [s]; shape (points,).
        frequency: frequency [Hz], positive, in the order measured; shape (points,).
        real: Re(Z) [ohm]; shape (points,).
        imaginary: Im(Z) [ohm], **negative for a capacitive response**; shape (points,).
        bias_current: median of the mean current during the sweep [A], positive charges; None if not recorded.
        bias_voltage: median of the mean voltage during the sweep [V]; None if not recorded.

    Raises:
        MeasurementError: empty, lengths differ, a number is not finite, or a frequency is not positive.
    """

    index: int
    cycle: int
    step: int
    time: FloatArray
    frequency: FloatArray
    real: FloatArray
    imaginary: FloatArray
    bias_current: float | None
    bias_voltage: float | None

    def __post_init__(self) -> None:
        units = {"time": "s", "frequency": "Hz", "real": "ohm", "imaginary": "ohm"}
        for name, unit in units.items():
            object.__setattr__(self, name, frozen_floats(getattr(self, name), name, unit))
        if not len(self.frequency):
            raise MeasurementError("Argument `frequency` must hold at least one point, but is empty.")
        check_lengths({name: getattr(self, name) for name in units}, len(self.frequency))
        if not (self.frequency > 0).all():
            bad = int(np.flatnonzero(self.frequency <= 0)[0])
            raise MeasurementError(
                f"Argument `frequency` must be positive in Hz, but element {bad} is {self.frequency[bad]}."
            )
        for name, unit in {"bias_current": "A", "bias_voltage": "V"}.items():
            bias = getattr(self, name)
            if bias is not None and not np.isfinite(bias):
                raise MeasurementError(f"Argument `{name}` must be finite in {unit} or None, but is {bias}.")

    @classmethod
    def of(cls, frequency: ArrayLike, impedance: ArrayLike) -> "Spectrum":
        """A spectrum from arrays in memory, without time, cycle or bias.

        Args:
            frequency: [Hz], positive; shape (points,).
            impedance: complex Z [ohm], Im(Z) negative where capacitive; shape (points,).
        """
        z = np.asarray(impedance, dtype=np.complex128)
        f = np.asarray(frequency, dtype=np.float64)
        return cls(0, 0, 0, np.arange(f.size, dtype=np.float64), f, z.real, z.imag, None, None)

    @property
    def impedance(self) -> NDArray[np.complex128]:
        """Z = Re(Z) + j Im(Z) [ohm]; shape (points,)."""
        return self.real + 1j * self.imaginary

    def __len__(self) -> int:
        return len(self.frequency)

    def __repr__(self) -> str:
        low, high = self.frequency.min(), self.frequency.max()
        return f"Spectrum(index={self.index}, {len(self)} points, {high:.4g} Hz to {low:.4g} Hz)"


def spectrum_starts(frequency: FloatArray, cycle: IntArray, step: IntArray) -> IntArray:
    """Rows at which a spectrum begins.

    A spectrum is a run of neighbouring rows with a positive frequency, in one cycle and one step,
    whose frequency moves in one direction: a turn begins the next sweep.

    Args:
        frequency: frequency of each row [Hz], 0 where the row is no impedance; shape (rows,).
        cycle: cycle of each row; shape (rows,).
        step: step of each row; shape (rows,).

    Returns:
        Row numbers from 0, increasing; shape (spectra,).
    """
    starts: list[int] = []
    direction = 0
    for row in np.flatnonzero(frequency > 0):
        before = row - 1
        joined = bool(starts) and frequency[before] > 0 and cycle[row] == cycle[before] and step[row] == step[before]
        turn = int(np.sign(frequency[row] - frequency[before])) if joined else 0
        if not joined or (direction and turn and turn != direction):
            starts.append(int(row))
            direction = 0
        else:
            direction = direction or turn
    return np.array(starts, dtype=np.int64)


def cut_spectra(
    *,
    time: FloatArray,
    current: FloatArray,
    voltage: FloatArray,
    cycle: IntArray,
    step: IntArray,
    frequency: FloatArray,
    real: FloatArray,
    imaginary: FloatArray,
) -> tuple[Spectrum, ...]:
    """The spectra in a table whose impedance rows have a positive frequency; every array (rows,).

    Units as in `Spectrum`; see `spectrum_starts` for where one ends and the next begins.
    """
    starts = spectrum_starts(frequency, cycle, step)
    if not starts.size:
        return ()
    impedance = np.flatnonzero(frequency > 0)
    ends = np.append(starts[1:], frequency.size)
    spectra: list[Spectrum] = []
    for index, (first, end) in enumerate(zip(starts, ends, strict=True)):
        rows = impedance[(impedance >= first) & (impedance < end)]
        spectra.append(
            Spectrum(
                index=index,
                cycle=int(cycle[first]),
                step=int(step[first]),
                time=time[rows],
                frequency=frequency[rows],
                real=real[rows],
                imaginary=imaginary[rows],
                bias_current=_median(current[rows]),
                bias_voltage=_median(voltage[rows]),
            )
        )
    return tuple(spectra)


def _median(values: FloatArray) -> float | None:
    """The median, or None where nothing was recorded, which is NaN."""
    return None if np.isnan(values).any() else float(np.median(values))
