"""Read-only copies of the arrays that the immutable tables hold."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxcell.io.errors import MeasurementError

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]


def frozen_floats(value: ArrayLike, name: str, unit: str, *, missing: bool = False) -> FloatArray:
    """A read-only float64 copy of a one-dimensional, finite array; shape (rows,). With `missing`, all may be NaN.

    Raises:
        MeasurementError: not numbers, not one-dimensional, or not finite.
    """
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MeasurementError(f"Argument `{name}` must hold numbers in {unit}, but could not be converted.") from error
    if array.ndim != 1:
        raise MeasurementError(f"Argument `{name}` must be one-dimensional, but has the shape {array.shape}.")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size and not (missing and np.isnan(array).all()):
        raise MeasurementError(
            f"Argument `{name}` must hold finite numbers in {unit}, but element {bad[0]} is {array[bad[0]]}."
        )
    array.setflags(write=False)
    return array


def frozen_integers(value: ArrayLike, name: str) -> IntArray:
    """A read-only int64 copy of a one-dimensional array of whole numbers; shape (rows,).

    Raises:
        MeasurementError: not numbers, not one-dimensional, or not whole.
    """
    floats = frozen_floats(value, name, "counts")
    bad = np.flatnonzero(floats != np.rint(floats))
    if bad.size:
        raise MeasurementError(f"Argument `{name}` must hold whole numbers, but element {bad[0]} is {floats[bad[0]]}.")
    array = floats.astype(np.int64)
    array.setflags(write=False)
    return array


def check_lengths(arrays: dict[str, Any], rows: int) -> None:
    """Refuse arrays of different lengths.

    Raises:
        MeasurementError: one of the arrays does not have `rows` elements.
    """
    for name, array in arrays.items():
        if len(array) != rows:
            raise MeasurementError(
                f"Argument `{name}` must have {rows} elements like the others, but has {len(array)}."
            )


def count(number: int, word: str) -> str:
    """A number and its noun: "1 row", "2 rows"."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def shown(values: Sequence[str], limit: int = 40) -> str:
    """The values separated by commas, with a count of what is left out after `limit`."""
    text = ", ".join(values[:limit])
    return text if len(values) <= limit else f"{text} and {len(values) - limit} more"
