"""Whether a cathode's particles have shells enough for the currents that a protocol asks for.

A current density I makes the surface of spherical particles, at rest before, rise by delta g(s), with s = D t/R^2,
delta = I R^2/(3 eps L F c_max D) and g = 2 sqrt(s/pi) + s for s << 1.  Of this rise, N shells
(`jaxcell.model.cathode`) miss a share of 0.33/(N^2 s^0.4) for s < 0.01, by comparison with the series of Carslaw and
Jaeger for a constant flux (`tests/analytic/test_particle.py`); later the error dies out, since a steady rate is exact.
It is largest at the step's end, when the surface is full (or empty), or at s = 0.01, whichever comes first, and close
to 0.2 delta/N^2.
"""

import math
import warnings

import jax
import numpy as np
from jaxtyping import Float

from jaxcell.cell import Cell, CompositeCathode
from jaxcell.protocol import Mode, Protocol
from jaxcell.units import FARADAY, GAS, HOUR, is_traced

LARGEST_ERROR = 5e-3
"""Of the stoichiometry at the surface [1]: twice that of the time in which it runs full, hence of the capacity."""
MISSED = 0.33
LATEST = 0.01
"""s [1] from which the error falls."""


class ResolutionWarning(UserWarning):
    """A run on a grid too coarse for what it is asked; the message says which grid would do."""


def surface_error(
    delta: Float[np.ndarray, " steps"], s: Float[np.ndarray, " steps"], shells: int
) -> Float[np.ndarray, " steps"]:
    """Largest error [1] of the surface's stoichiometry in steps of dimensionless current `delta` and length `s`."""
    full = np.pi / (4.0 * np.maximum(delta, 1e-30) ** 2)
    s = np.minimum(np.minimum(s, full), LATEST)
    return delta * (2.0 * np.sqrt(s / np.pi) + s) * MISSED / (shells**2 * s**0.4)


def warn_of_few_shells(cell: Cell, protocol: Protocol, shells: int) -> None:
    """Warn where the currents of a protocol need more shells than these.

    Currents that are given count, alone and from rest, with the particles' D as given (no law of stoichiometry) and
    the mean over the thickness; held voltages and powers are not looked at, nor is anything that is traced.
    """
    cathode = cell.counter
    if not isinstance(cathode, CompositeCathode):
        return
    needed = (
        cathode.thickness,
        cathode.active_fraction,
        cathode.particle_radius,
        cathode.maximum_concentration,
        cathode.particle_diffusivity,
        cathode.diffusivity_activation_energy,
        cathode.lowest_stoichiometry,
        cathode.highest_stoichiometry,
        cell.nominal_capacity,
        cell.temperature,
        cell.reference_temperature,
        (protocol.mode, protocol.value, protocol.value_is_rate, protocol.step, protocol.duration, protocol.charge),
    )
    if any(is_traced(leaf) for leaf in jax.tree.leaves(needed)):
        return
    L, eps, R, c_max, D, energy, low, high, nominal, temperature, reference, asked = jax.device_get(needed)
    mode, value, is_rate, step, duration, charge = asked
    capacity = FARADAY * eps * L * c_max
    window = (1.0 if high is None else high) - (0.0 if low is None else low)
    rated = capacity * window if nominal is None else nominal
    current = np.abs(np.where(mode == Mode.CURRENT, np.where(is_rate, value * rated / HOUR, value), 0.0))
    pace = D / R**2 * math.exp(energy / GAS * (1.0 / reference - 1.0 / temperature))
    starts = np.flatnonzero(np.diff(step, prepend=-1))
    highest = np.maximum.reduceat(current, starts)
    # How long about so much flows.
    flows = current >= 0.5 * np.repeat(highest, np.diff(starts, append=step.size))
    lasts = np.minimum(np.add.reduceat(duration * flows, starts), charge[starts] / np.maximum(highest, 1e-30))
    errors = surface_error(highest / (3.0 * capacity * pace), pace * lasts, shells)
    worst = int(np.argmax(errors))
    if errors[worst] > LARGEST_ERROR:
        enough = 8 * math.ceil(shells * math.sqrt(errors[worst] / LARGEST_ERROR) / 8)
        warnings.warn(
            f"{shells} shells do not resolve how lithium spreads in the cathode's particles at the current of protocol "
            f"step {step[starts[worst]]}: the stoichiometry at their surface is off by up to {errors[worst]:.2g}, and "
            f"the time until they are full by twice that share; shells={enough} keep it below {LARGEST_ERROR:g}.",
            ResolutionWarning,
            stacklevel=3,
        )
