"""Salt of two ions in an ion conductor."""

from jaxcell.cell.salt_laws import ConcentrationLaw
from jaxcell.component import Component, energy_of_activation, quantity
from jaxcell.units import Quantity


class BinarySalt(Component):
    """Salt of two ions in a separator, a layer or a cathode: a liquid, or a polymer with t+ below one.

    With J the ionic current towards the electrode, eps dc/dt = d(D dc/dx)/dx - (1 - t+)/F dJ/dx, and
    D dc/dx = (1 - t+) J/F at a face that the anions cannot cross.  It is the same salt in layer and separator where
    both have one: its concentration is continuous.  Diffusivity and conductivity are effective ones, per cell area:
    porosity and tortuosity included.
    """

    concentration: Quantity = quantity("mol m-3", at_least=10.0, at_most=2e4, default=1000.0)
    """c0 [mol m-3] at the start, everywhere; 1 mol/l is 1000 mol m-3. A cell takes no other value in a layer or
    cathode than in the separator beside it."""
    transference_number: Quantity = quantity("1", at_least=0.0, at_most=1.0, default=0.4)
    """t+ [1] of lithium. Prior: 0.2 to 1."""
    diffusivity: Quantity = quantity("m2 s-1", above=0.0, default=1e-10, activation="activation_energy")
    """D [m2 s-1] of the salt, effective. Prior."""
    porosity: Quantity = quantity("1", above=0.0, at_most=1.0, default=1.0)
    """eps [1]: share of the volume that the electrolyte fills."""
    conductivity_exponent: Quantity = quantity("1", at_least=-2.0, at_most=4.0, default=1.0)
    """n in kappa = kappa0 (c/c0)^n [1]; one for dilute solutions, zero near the maximum of kappa(c); without
    effect beside a `conductivity_law`."""
    thermodynamic_factor: Quantity = quantity("1", above=0.0, at_most=20.0, default=1.0)
    """1 + dln(activity coefficient)/dln c [1]."""
    activation_energy: Quantity = energy_of_activation()
    """Of D."""
    conductivity_law: ConcentrationLaw | None = None
    """kappa(c), of which kappa(c)/kappa(c0) replaces (c/c0)^n; None for the power law."""
    diffusivity_law: ConcentrationLaw | None = None
    """D(c), of which D(c)/D(c0) is a factor on `diffusivity`; None for a constant D."""
