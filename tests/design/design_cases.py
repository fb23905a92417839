"""Design problems that need no run: a layer's thickness against the current at which its top begins to plate."""

import jax.numpy as jnp

from jaxcell import (
    Cell,
    Filler,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    ProtectionLayer,
    Separator,
)
from jaxcell.design import DesignCase, LayerRecipe
from jaxcell.inference import Parameter

BARRIER, I0, F_RT = 0.04, 30.0, 96485.33212 / (8.314462618 * 298.15)


def layered(thickness: float = 8e-6, conductivity: float = 5e-3) -> Cell:
    """A foil below a layer whose top has 40 mV of barrier; no films."""
    top = Interface(nucleation=Nucleation(BARRIER))
    layer = ProtectionLayer(thickness, conductivity, top=top)
    foil = LithiumElectrode(5e-6, Interface(LithiumKinetics(I0)), layer)
    return Cell(foil, Separator(30e-6, 0.24), LithiumElectrode(50e-6))


def steady(recipe: bool = False) -> DesignCase:
    """A case without steps; with a recipe, 10 % of filler in 1e-4 S/cm."""
    return DesignCase(layered(), recipe=LayerRecipe(0.1, 1e-2, Filler(), stores=False) if recipe else None)


def thickest(current: float, conductivity: float = 5e-3) -> float:
    """Closed form: L/kappa = (eta_t - (2/f) asinh(I/2 i0))/I at the onset I."""
    return float(conductivity * (BARRIER - 2.0 / F_RT * jnp.arcsinh(current / (2.0 * I0))) / current)


def thickness(bounds: tuple[float, float] = (1e-6, 2e-5)) -> Parameter:
    """The layer's, in its logarithm."""
    return Parameter("thickness", "cell.working.layer.thickness", "m", bounds)


def toy(case: dict, names: tuple[str, ...]) -> dict:
    """gain = -(x - 3)^2 - (y - 2)^2 - w x; sum = x + y; w may be uncertain."""
    x, y, w = case["x"], case["y"], case["w"]
    found = {"gain": -((x - 3.0) ** 2) - (y - 2.0) ** 2 - w * x, "sum": x + y, "load": w * x}
    return {name: found[name] for name in names}


def toy_case() -> dict:
    """Where the toy starts."""
    return {name: jnp.asarray(value) for name, value in (("x", 0.5), ("y", 0.5), ("w", 0.0))}


def toy_variables() -> list[Parameter]:
    """x and y between 0.1 and 5."""
    return [Parameter(name, name, "1", (0.1, 5.0), "linear") for name in ("x", "y")]
