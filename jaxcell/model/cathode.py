"""Particles of a composite cathode at the nodes of a chain, and the potential of an alloy.

Shells are spherical finite volumes with faces at r/R = 1 - (1 - j/N)^2.5, thin at the surface, where a pulse is felt
first.  With r in units of R and V_i = r_i^3 - r_(i-1)^3, mean stoichiometries obey V_i dx_i/dt = K_i - K_(i-1).  A
particle that takes up lithium at a steady rate has x = a + b r^2, so differences are taken over the mean of r^2 in each
shell, m_i, which makes that state exact on any grid:

    dx/dr at r_i = 2 r_i (x_(i+1) - x_i)/(m_(i+1) - m_i),    K_i = (D/R^2) 6 r_i^3 (x_(i+1) - x_i)/(m_(i+1) - m_i).

Beyond the last shell lies the surface, m = 1, whose own equation is K_N = i a L/(F eps L c_max): what goes in is what
the shells gain, to rounding.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.cell import AlloyElectrode, CompositeCathode, DiffusivityLaw, OpenCircuitPotential
from jaxcell.physics.intercalation import intercalation_current
from jaxcell.units import FARADAY, Scalar

GRADING = 2.5
"""Of the shells; of 2, 2.5 and 3 the best at the start of a discharge."""

Points = Float[Array, " points"]
Shells = Float[Array, "shells points"]


class ParticleCoefficients(NamedTuple):
    """Particles of a cathode, one size at each of its nodes."""

    area: Points
    """Their surface per cell area [1]."""
    sites: Points
    """eps L c_max of each volume [mol m-2]."""
    exchange_current_density: Scalar
    transfer_coefficient: Scalar
    start: Scalar
    """Stoichiometry at the start [1]."""
    diffusion: Scalar
    """D/R^2 [s-1]."""
    volumes: Float[Array, "shells 1"]
    """V [1]; their sum is one."""
    conductances: Float[Array, "shells 1"]
    """6 r^3/(m_(i+1) - m_i) [1]."""
    open_circuit: OpenCircuitPotential
    diffusivity_law: DiffusivityLaw | None

    @property
    def empty(self) -> Shells:
        """Zeros in the shape of all shells."""
        return 0.0 * self.volumes * self.sites[None]

    def current(self, u: Points, surface: Points, exchange_factor: Points | float, f: Scalar) -> Points:
        """Lithium that goes into the particles [mol m-2 s-1], from u [V] and the change of x at their surface."""
        x = self.start + surface
        density = intercalation_current(
            u,
            x,
            exchange_current_density=self.exchange_current_density * exchange_factor,
            potential=self.open_circuit(x),
            transfer_coefficient=self.transfer_coefficient,
            f=f,
        )
        return self.area * density / FARADAY

    def flux(self, inside: Shells, outside: Shells) -> Shells:
        """K [s-1] from changes of x on both sides of the outermost faces, as many as there are rows."""
        rate = self.diffusion * self.conductances[-inside.shape[0] :]
        if self.diffusivity_law is not None:
            rate = rate * self.diffusivity_law(self.start + 0.5 * (inside + outside))
        return rate * (outside - inside)

    def gained(self, shells: Shells) -> Points:
        """Change of x of whole particles."""
        return jnp.sum(self.volumes * shells, axis=0)

    def enthalpy_released(self, shells: Shells, gains: Shells) -> Scalar:
        """Heat of lithium that goes into the shells, sum of U(x) F rate [W m-2]; U as if without entropy."""
        return jnp.sum(FARADAY * self.sites[None] * self.open_circuit(self.start + shells) * gains)


class AlloyCoefficients(NamedTuple):
    """What makes a node's potential an alloy's; the rest is as for lithium."""

    open_circuit: OpenCircuitPotential
    start: Scalar
    inverse_capacity: Scalar
    """[m2 mol-1]; zero for an alloy that never fills."""

    def potential(self, gained: Scalar) -> Scalar:
        """U [V] after so much lithium [mol m-2]."""
        return self.open_circuit(self.start + gained * self.inverse_capacity)


def shell_faces(shells: int) -> np.ndarray:
    """r/R of the faces, from the centre to the surface."""
    return 1.0 - (1.0 - np.arange(shells + 1) / shells) ** GRADING


def _conductances(faces: np.ndarray) -> np.ndarray:
    """6 r^3/(m_(i+1) - m_i) at each shell's outer face [1]; the last is the surface."""
    mean_square = 0.6 * np.diff(faces**5) / np.diff(faces**3)
    return 6.0 * faces[1:] ** 3 / np.diff(np.append(mean_square, 1.0))


def particles_of(cathode: CompositeCathode, widths: Float[Array, " points"], shells: int) -> ParticleCoefficients:
    """The numbers of a cathode's particles in volumes of these widths [m]."""
    faces = shell_faces(shells)
    return ParticleCoefficients(
        area=cathode.specific_surface_area * widths,
        sites=cathode.active_fraction * cathode.maximum_concentration * widths,
        exchange_current_density=cathode.kinetics.exchange_current_density,
        transfer_coefficient=cathode.kinetics.transfer_coefficient,
        start=cathode.initial_stoichiometry,
        diffusion=cathode.particle_diffusivity / cathode.particle_radius**2,
        volumes=jnp.asarray(np.diff(faces**3))[:, None],
        conductances=jnp.asarray(_conductances(faces))[:, None],
        open_circuit=cathode.open_circuit,
        diffusivity_law=cathode.diffusivity_law,
    )


def alloy_of(electrode: AlloyElectrode) -> AlloyCoefficients:
    """The numbers of an alloy's potential."""
    zero = electrode.initial_filling * 0.0
    inverse = zero if electrode.capacity is None else 1.0 / electrode.capacity
    return AlloyCoefficients(electrode.open_circuit, electrode.initial_filling, inverse)
