"""What every part of a cell shares: immutable, float64 leaves, checked when it is built."""

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax
import numpy as np

from jaxcell.units import is_traced, strong_float64


def quantity(
    unit: str,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    optional: bool = False,
    **kwargs,
) -> Any:
    """A field holding one physical number in SI, with its unit and the interval it must lie in.

    An `optional` one may be None, which leaves the thing it describes out of the model.
    """
    metadata = {"unit": unit, "above": above, "at_least": at_least, "at_most": at_most, "optional": optional}
    return eqx.field(converter=_number, metadata=metadata, **kwargs)


class Component(eqx.Module):
    """Base of the parts of a cell: fields made by `quantity` are validated at construction.

    `equinox.tree_at` and JAX transformations rebuild components without these checks; bounds on fitted
    parameters are the inference layer's business.
    """

    def __check_init__(self) -> None:
        for field in dataclasses.fields(self):
            if "unit" in field.metadata:
                _check(type(self).__name__, field.name, getattr(self, field.name), field.metadata)


def _number(value: Any) -> Any:
    if isinstance(value, (bool, str, bytes)) or value is None:
        return value  # refused by the check, which knows the field's name
    try:
        return strong_float64(value)
    except (TypeError, ValueError):
        return value


def _check(owner: str, name: str, value: Any, metadata: Any) -> None:
    if value is None and metadata["optional"]:
        return
    unit = metadata["unit"]
    expected = _expectation(metadata)
    if not isinstance(value, jax.Array):
        raise ValueError(f"{owner}.{name} must be {expected} [{unit}], but is {value!r}.")
    if is_traced(value):
        return  # values are unknown while a function of the cell is being transformed
    if value.ndim != 0:
        raise ValueError(f"{owner}.{name} must be one number [{unit}], but has shape {value.shape}.")
    number = float(np.asarray(value))
    inside = metadata["at_least"] <= number <= metadata["at_most"] and number > metadata["above"]
    if not (math.isfinite(number) and inside):
        raise ValueError(f"{owner}.{name} must be {expected} [{unit}], but is {number:g} {unit}.")


def _expectation(metadata: Any) -> str:
    parts = []
    if metadata["above"] > -math.inf:
        parts.append(f"above {metadata['above']:g}")
    if metadata["at_least"] > -math.inf:
        parts.append(f"at least {metadata['at_least']:g}")
    if metadata["at_most"] < math.inf:
        parts.append(f"at most {metadata['at_most']:g}")
    return " ".join(["a finite number", " and ".join(parts)]) if parts else "a finite number"
