"""The geometry that the user gives, and what a file's header claims about it."""

import math

from jaxcell.io.errors import MeasurementError

TOLERANCE = 0.01
"""Relative difference between the user's area and the header's from which on a notice is given."""

_PROGRAM_DEFAULTS_CM2 = (0.0, 0.001, 1.0)


def check_length(value: object, name: str, unit: str) -> float | None:
    """`value` as a positive finite float, or None.

    Raises:
        MeasurementError: neither None nor a positive finite number.
    """
    if value is None:
        return None
    expected = f"Argument `{name}` must be a positive number in {unit} or None, but is {value!r}."
    if isinstance(value, bool | str | bytes):
        raise MeasurementError(expected)
    try:
        number = float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError) as error:
        raise MeasurementError(expected) from error
    if not math.isfinite(number) or number <= 0:
        raise MeasurementError(expected)
    return number


def area_notice(header: float | None, area: float | None) -> str | None:
    """What to tell the user about the electrode area in a header; None if there is nothing to tell.

    Args:
        header: area in the file's header [m2]; None if it has none.
        area: area given by the user [m2], or None.
    """
    if header is None:
        return None
    claimed = header * 1e4
    default = any(math.isclose(claimed, d, rel_tol=1e-6, abs_tol=1e-9) for d in _PROGRAM_DEFAULTS_CM2)
    says = f"the header says electrode area {claimed:.6g} cm2{', a default of the program' if default else ''}"
    if area is None:
        return f"{says}; it was not used and no area is known, so give `area` in m2."
    if abs(area - header) <= TOLERANCE * area:
        return None
    hint = ""
    if header > 0 and 0.5e4 < area / header < 2e4:
        hint = " (the two differ by about 10 000: `area` is in m2, not in cm2)"
    return f"{says}, the user says {area * 1e4:.6g} cm2: the user's area is used{hint}."
