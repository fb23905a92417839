"""What the user says about a measurement, checked before any file is opened."""

from dataclasses import dataclass
from typing import Literal

from jaxcell.io.errors import MeasurementError
from jaxcell.io.geometry import check_length


@dataclass(frozen=True)
class ReadOptions:
    """The user's part of a measurement.

    Attributes:
        area: geometric area of the electrode [m2], or None.
        thickness: thickness of the layer under test [m], or None.
        positive_current: what a positive current does in the file; "discharge" turns the sign.
        rest_below: largest current of a rest [A]; None decides from the data.
        electrode: whose impedance and voltage to read where three electrodes were recorded.

    Raises:
        MeasurementError: a length that is not positive and finite, or an unknown word.
    """

    area: float | None = None
    thickness: float | None = None
    positive_current: Literal["charge", "discharge"] = "charge"
    rest_below: float | None = None
    electrode: Literal["working", "counter", "full"] = "working"

    def __post_init__(self) -> None:
        object.__setattr__(self, "area", check_length(self.area, "area", "m2"))
        object.__setattr__(self, "thickness", check_length(self.thickness, "thickness", "m"))
        object.__setattr__(self, "rest_below", check_length(self.rest_below, "rest_below", "A"))
        if self.positive_current not in ("charge", "discharge"):
            raise MeasurementError(
                f"Argument `positive_current` must be 'charge' or 'discharge', but is {self.positive_current!r}."
            )
        if self.electrode not in ("working", "counter", "full"):
            raise MeasurementError(
                f"Argument `electrode` must be 'working', 'counter' or 'full', but is {self.electrode!r}."
            )
