"""What every part of a cell shares: immutable, float64 leaves, checked when it is built."""

import dataclasses
import math
from collections.abc import Callable, Container
from typing import Any, get_args, get_type_hints

import equinox as eqx
import jax
import numpy as np

from jaxcell.units import from_ev, is_traced, strong_float64


def quantity(
    unit: str,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    optional: bool = False,
    activation: str | None = None,
    falls: bool = False,
    **kwargs,
) -> Any:
    """A field holding one physical number in SI, with its unit and the interval it must lie in.

    An `optional` one may be None, which leaves the thing it describes out of the model.  `activation` names the field
    of the same part that holds the activation energy [J mol-1] by which the number rises with temperature, or `falls`.
    """
    metadata = {"unit": unit, "above": above, "at_least": at_least, "at_most": at_most, "optional": optional}
    metadata |= {"activation": activation, "falls": falls}
    return eqx.field(converter=_number, metadata=metadata, **kwargs)


def part() -> Any:
    """A field holding a part that must be given, after fields made by `quantity`."""
    return eqx.field()


def energy_of_activation(default_ev: float = 0.0) -> Any:
    """A field holding an activation energy [J mol-1]; 1 eV is 96485 J mol-1. Zero: no change with temperature."""
    return quantity("J mol-1", at_least=0.0, at_most=1e6, default=from_ev(default_ev))


class Component(eqx.Module):
    """Base of the parts of a cell: fields made by `quantity` are validated at construction.

    `equinox.tree_at` and JAX transformations rebuild components without these checks; bounds on fitted
    parameters are the inference layer's business.
    """

    def __check_init__(self) -> None:
        owner = type(self)
        hints = get_type_hints(owner)
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if "unit" in field.metadata:
                _check(owner.__name__, field.name, value, field.metadata)
            else:
                _check_part(owner, field.name, value, hints[field.name])


def unphysical(component: Component, within: str, names: Container[str] | None = None) -> list[str]:
    """What its checks would say of numbers that `equinox.tree_at` put into a part and its parts; of fields with one of
    these `names`, or of all.  `within`: path of the part.  Values that are traced are not looked at."""
    found = []
    for field in dataclasses.fields(component):
        value = getattr(component, field.name)
        if isinstance(value, Component):
            found += unphysical(value, f"{within}.{field.name}", names)
        elif "unit" in field.metadata and (names is None or field.name in names):
            try:
                _check(within, field.name, _number(value), field.metadata)
            except ValueError as error:
                found.append(str(error))
    return found


def whole_number(value: Any, name: str, least: int) -> int:
    """`value` as an int, refused if it is not a whole number or below `least`."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= least:
        return int(value)
    raise ValueError(f"{name} must be a whole number of at least {least}, but is {value!r}.")


def check_when_concrete(holds: Callable[[], bool], message: Callable[[], str]) -> None:
    """Raise ValueError(message()) unless holds(); silent while values are traced or of the wrong type."""
    try:
        fine = holds()
    except (TypeError, ValueError):  # a tracer, or a field that its own check refuses with a better message
        return
    if not fine:
        raise ValueError(message())


def _number(value: Any) -> Any:
    if isinstance(value, (bool, str, bytes)) or value is None:
        return value  # refused by the check, which knows the field's name
    try:
        return strong_float64(value)
    except (TypeError, ValueError):
        return value


def _check_part(owner: type, name: str, value: Any, hint: Any) -> None:
    """Refuse anything but the parts that the field's annotation names; other fields are not looked at."""
    options = tuple(one for one in (get_args(hint) or (hint,)) if isinstance(one, type))
    if any(issubclass(one, Component) for one in options) and not isinstance(value, options):
        expected = " or ".join("None" if one is type(None) else one.__name__ for one in options)
        raise ValueError(f"{owner.__name__}.{name} must be {expected}, but is {_shown(value)}{_order(owner, name)}.")


def _shown(value: Any) -> str:
    """A part by its class alone: all of its numbers would fill a page."""
    return f"of class {type(value).__name__}" if isinstance(value, Component) else repr(value)


def _order(owner: type, name: str) -> str:
    """Where a part must be given, the order of all that must be."""
    must = [f.name for f in dataclasses.fields(owner) if f.default is f.default_factory is dataclasses.MISSING]
    return f"; the order is {owner.__name__}({', '.join(must)})" if name in must else ""


def _check(owner: str, name: str, value: Any, metadata: Any) -> None:
    if value is None and metadata["optional"]:
        return
    unit = metadata["unit"]
    expected = _expectation(metadata)
    if not isinstance(value, jax.Array):
        raise ValueError(f"{owner}.{name} must be {expected} [{unit}], but is {_shown(value)}.")
    if is_traced(value):
        return  # values are unknown while a function of the cell is being transformed
    if value.ndim != 0:
        raise ValueError(f"{owner}.{name} must be one number [{unit}], but has shape {value.shape}.")
    number = float(np.asarray(value))
    inside = metadata["at_least"] <= number <= metadata["at_most"] and number > metadata["above"]
    if not (math.isfinite(number) and inside):
        ending = "" if unit == "1" else f" {unit}"
        raise ValueError(f"{owner}.{name} must be {expected} [{unit}], but is {number:g}{ending}.")


def _expectation(metadata: Any) -> str:
    parts = []
    if metadata["above"] > -math.inf:
        parts.append(f"above {metadata['above']:g}")
    if metadata["at_least"] > -math.inf:
        parts.append(f"at least {metadata['at_least']:g}")
    if metadata["at_most"] < math.inf:
        parts.append(f"at most {metadata['at_most']:g}")
    return " ".join(["a finite number", " and ".join(parts)]) if parts else "a finite number"
