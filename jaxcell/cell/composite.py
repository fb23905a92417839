"""A protection layer from what it is mixed of."""

from typing import Any, Literal

import jax.numpy as jnp

from jaxcell.cell.cell import ProtectionLayer
from jaxcell.cell.losses import Storage, Trap
from jaxcell.component import Component, check_when_concrete, quantity
from jaxcell.physics.effective_medium import (
    bruggeman_factor,
    maxwell_factor,
    percolation_conductivity,
    stored_lithium,
)
from jaxcell.units import FARADAY, Quantity, strong_float64


class Filler(Component):
    """An electron-conducting powder, such as carbon black; see `jaxcell.physics.effective_medium`. Numbers: priors but
    where a source is given."""

    conductivity: Quantity = quantity("S m-1", above=0.0, default=1000.0)
    """sigma_f [S m-1] of the powder alone. Prior: 100 to 1e4."""
    percolation_threshold: Quantity = quantity("1", above=0.0, at_most=0.9, default=0.16)
    """phi_c [1] of the layer's volume. Default for spheres: Scher and Zallen, J. Chem. Phys. 53 (1970) 3759. For carbon
    blacks 0.01 to 0.2, by structure and mixing: a prior."""
    percolation_exponent: Quantity = quantity("1", at_least=1.0, at_most=5.0, default=2.0)
    """t [1]; Stauffer and Aharony, Introduction to Percolation Theory, 2nd ed."""
    percolation_width: Quantity = quantity("1", above=0.0, at_most=0.1, default=0.01)
    """w [1]: share over which the network forms. Prior."""
    density: Quantity = quantity("kg m-3", above=0.0, default=1850.0)
    """rho [kg m-3] of the solid. Prior for carbon black: 1700 to 1900."""
    reversible_capacity: Quantity = quantity("C kg-1", at_least=0.0, default=75.0 * 3600.0)
    """Of lithium stored and given back [C kg-1]; 1 mAh g-1 is 3600 C kg-1. Prior, x/3 to x3."""
    trapped_capacity: Quantity = quantity("C kg-1", at_least=0.0, default=75.0 * 3600.0)
    """Of lithium never given back [C kg-1]. Prior, x/3 to x3."""
    specific_surface: Quantity = quantity("m2 kg-1", above=0.0, default=6e4)
    """Outer surface per mass [m2 kg-1], of both stores; 60 m2 g-1. Prior."""


def composite_layer(
    thickness: Any,
    filler_fraction: Any,
    polymer_conductivity: Any,
    filler: Filler | None = None,
    *,
    medium: Literal["bruggeman", "maxwell"] = "bruggeman",
    polymer_electronic_conductivity: Any = 1e-8,
    stores: bool = True,
    **layer: Any,
) -> ProtectionLayer:
    """The layer of `filler_fraction` phi [1] of filler in a polymer of `polymer_conductivity` [S m-1] for ions.

    kappa = kappa0 (1 - phi)^(3/2), or Maxwell's law; sigma by percolation, `polymer_electronic_conductivity` [S m-1]
    (a prior) below the threshold; storage and trap in proportion to phi (left out with stores=False, or where their
    capacity is 0).  Smooth in phi, so that a mixture can be fitted or optimised; interfaces, pores and activation
    energy go through `layer` to `ProtectionLayer`.

    Raises:
        ValueError: a fraction not above 0 and below 1, an unknown medium, or what `ProtectionLayer` refuses.
    """
    own = Filler() if filler is None else filler
    phi = strong_float64(filler_fraction)
    check_when_concrete(
        lambda: 0.0 < float(phi) < 1.0,
        lambda: f"Argument filler_fraction must be above 0 and below 1 [1], but is {float(phi):g}.",
    )
    if medium not in ("bruggeman", "maxwell"):
        raise ValueError(f"Argument medium must be 'bruggeman' or 'maxwell', but is {medium!r}.")
    factor = bruggeman_factor(phi, jnp.asarray(1.5)) if medium == "bruggeman" else maxwell_factor(phi)
    sigma = percolation_conductivity(
        phi,
        filler_conductivity=own.conductivity,
        matrix_conductivity=strong_float64(polymer_electronic_conductivity),
        threshold=own.percolation_threshold,
        exponent=own.percolation_exponent,
        width=own.percolation_width,
    )
    if stores:
        surface = phi * own.density * own.specific_surface
        for name, part, capacity in (
            ("storage", Storage, own.reversible_capacity),
            ("trap", Trap, own.trapped_capacity),
        ):
            if _positive(capacity) and name not in layer:
                held = stored_lithium(phi, own.density, capacity, FARADAY)
                layer[name] = part(capacity=held, specific_surface_area=surface)
    return ProtectionLayer(thickness, strong_float64(polymer_conductivity) * factor, sigma, **layer)


def _positive(value: Any) -> bool:
    """Whether a number is above zero; one that is traced counts as such."""
    try:
        return float(value) > 0.0
    except TypeError:
        return True
