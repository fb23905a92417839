"""Particles of a composite cathode at the nodes of a chain, and the potential of an alloy."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcell.cell import AlloyElectrode, CompositeCathode, DiffusivityLaw, OpenCircuitPotential
from jaxcell.model.modes import LinearShells
from jaxcell.model.shells import shell_conductances, shell_volumes
from jaxcell.physics.intercalation import intercalation_current
from jaxcell.units import FARADAY, Scalar

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
    linear: LinearShells | None
    """Where diffusion is linear: the solver's particles are modes instead of the shells."""

    @property
    def capacities(self) -> Shells:
        """Of what the solver takes for shells, at all points."""
        each = self.volumes if self.linear is None else jnp.ones_like(self.volumes)
        return each + self.empty

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

    def relaxation(self, inside: Shells, surface: Shells) -> Shells:
        """dy/dt of the modes [s-1] under a surface."""
        assert self.linear is not None
        return self.diffusion * jnp.asarray(self.linear.modes.rates)[:, None] * (surface - inside)

    def gained(self, particle: Shells) -> Points:
        """Change of x of whole particles."""
        shares = self.volumes if self.linear is None else jnp.asarray(self.linear.modes.shares)[:, None]
        return jnp.sum(shares * particle, axis=0)

    def shells(self, particle: Shells) -> Shells:
        """Change of x in the shells, from the inside."""
        return particle if self.linear is None else jnp.asarray(self.linear.modes.shells) @ particle

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


def particles_of(
    cathode: CompositeCathode, widths: Float[Array, " points"], shells: int, *, isothermal: bool
) -> ParticleCoefficients:
    """The numbers of a cathode's particles in volumes of these widths [m]."""
    linear = isothermal and cathode.diffusivity_law is None
    return ParticleCoefficients(
        area=cathode.specific_surface_area * widths,
        sites=cathode.active_fraction * cathode.maximum_concentration * widths,
        exchange_current_density=cathode.kinetics.exchange_current_density,
        transfer_coefficient=cathode.kinetics.transfer_coefficient,
        start=cathode.initial_stoichiometry,
        diffusion=cathode.particle_diffusivity / cathode.particle_radius**2,
        volumes=jnp.asarray(shell_volumes(shells))[:, None],
        conductances=jnp.asarray(shell_conductances(shells))[:, None],
        open_circuit=cathode.open_circuit,
        diffusivity_law=cathode.diffusivity_law,
        linear=LinearShells(shells) if linear else None,
    )


def alloy_of(electrode: AlloyElectrode) -> AlloyCoefficients:
    """The numbers of an alloy's potential."""
    zero = electrode.initial_filling * 0.0
    inverse = zero if electrode.capacity is None else 1.0 / electrode.capacity
    return AlloyCoefficients(electrode.open_circuit, electrode.initial_filling, inverse)
