"""Whether a composite cathode has points enough for the frequencies of a spectrum.

Ions and electrons through the thickness, and the particles' surfaces between them, are a transmission line: with
y = a (F i0/RT + j omega C_dl) [S m-3] and S = 1/kappa + 1/sigma the current passes from one to the other over
1/sqrt(y S), which a fast signal makes far thinner than a volume.  The line alone is solved on the cathode's volumes and
in closed form,

    Z = L/(kappa + sigma) [1 + (2 + (sigma/kappa + kappa/sigma) cosh nu)/(nu sinh nu)],  nu = L sqrt(y S),

and their difference is compared with the whole impedance.  Source: J. S. Newman, C. W. Tobias, J. Electrochem. Soc. 109
(1962) 1183, with a capacitance in parallel to the reaction.
"""

import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from jaxcell.cell import Cell, CompositeCathode
from jaxcell.grid import graded_widths
from jaxcell.resolution import ResolutionWarning
from jaxcell.units import FARADAY, GAS, is_traced

LARGEST_ERROR = 0.01
"""Of |Z| [1], above which a warning is given."""
MOST_POINTS = 1024
"""Up to which a number of points that would do is looked for."""


def line_impedance(
    thickness: float, kappa: float, sigma: float, admittance: Complex[np.ndarray, " frequencies"]
) -> Complex[np.ndarray, " frequencies"]:
    """Z [Ohm m2] of the line in closed form; kappa, sigma [S m-1], `admittance` y [S m-3]."""
    nu = thickness * np.sqrt(admittance * (1.0 / kappa + 1.0 / sigma))
    fall = np.exp(-nu)
    coth, csch = (1.0 + fall**2) / (1.0 - fall**2), 2.0 * fall / (1.0 - fall**2)
    return thickness / (kappa + sigma) * (1.0 + (2.0 * csch + (sigma / kappa + kappa / sigma) * coth) / nu)


def line_on_volumes(
    widths: Float[np.ndarray, " points"], kappa: float, sigma: float, admittance: Complex[np.ndarray, " frequencies"]
) -> Complex[np.ndarray, " frequencies"]:
    """The same on finite volumes of these widths [m], from the separator.

    Unknown is the ions' current i_j across each inner face: v_k = (i_(k-1) - i_k)/(y w_k) between ions and electrons in
    a volume, v_(k+1) - v_k = -d (S i_k - 1/sigma) across a face, by Thomas's sweep.
    """
    series = 1.0 / kappa + 1.0 / sigma
    between = 0.5 * (widths[1:] + widths[:-1])
    each = 1.0 / (admittance[None, :] * widths[:, None])  # v of a volume that takes up a current of 1
    diagonal = each[1:] + each[:-1] + between[:, None] * series
    right = np.tile((between / sigma)[:, None].astype(complex), (1, admittance.size))
    right[:1] += each[0]  # all of the current enters as ions
    for k in range(1, between.size):
        ratio = each[k] / diagonal[k - 1]
        diagonal[k] -= ratio * each[k]
        right[k] += ratio * right[k - 1]
    ions = np.zeros((widths.size + 1, admittance.size), dtype=complex)
    ions[0] = 1.0
    for k in range(between.size - 1, -1, -1):
        below = each[k + 1] * ions[k + 2] if k + 1 < between.size else 0.0
        ions[k + 1] = (right[k] + below) / diagonal[k]
    ends = 0.5 * widths[0] / kappa + 0.5 * widths[-1] / sigma
    return ends + each[0] * (1.0 - ions[1]) + np.sum(between[:, None] * (1.0 - ions[1:-1]), axis=0) / sigma


def warn_of_few_points(
    cell: Cell, frequencies: Float[Array, " frequencies"], total: Complex[Array, " frequencies"], points: int
) -> None:
    """Warn where the cathode's line on `points` volumes is off by more than `LARGEST_ERROR` of `total` [Ohm m2].

    Exchange current and conductivities as given, at the cell's temperature; nothing is said of a single particle, of a
    salt inside the cathode, of constant-phase elements, or where anything is traced.
    """
    cathode = cell.counter
    if not isinstance(cathode, CompositeCathode) or cathode.transport is None or cathode.transport.salt is not None:
        return
    if cathode.double_layer_exponent is not None:
        return
    transport, kinetics = cathode.transport, cathode.kinetics
    needed = (
        cathode.thickness,
        (transport.ionic_conductivity, transport.activation_energy, transport.electronic_conductivity),
        (kinetics.exchange_current_density, kinetics.activation_energy, cathode.double_layer_capacitance),
        (cathode.active_fraction, cathode.particle_radius, cell.temperature, cell.reference_temperature),
        (frequencies, total),
    )
    if any(is_traced(leaf) for leaf in jax.tree.leaves(needed)):
        return
    thickness, ions, surface, (fraction, radius, temperature, reference), (frequency, whole) = jax.device_get(needed)
    pace = (1.0 / reference - 1.0 / temperature) / GAS
    kappa, sigma = float(ions[0] * math.exp(ions[1] * pace)), float(ions[2])
    transfer = surface[0] * math.exp(surface[1] * pace) * FARADAY / (GAS * temperature)
    admittance = 3.0 * fraction / radius * (transfer + 2j * np.pi * frequency * surface[2])
    exact = line_impedance(float(thickness), kappa, sigma, admittance)

    def off(count: int) -> Complex[np.ndarray, " frequencies"]:
        widths = np.asarray(graded_widths(jnp.asarray(thickness), count))
        return line_on_volumes(widths, kappa, sigma, admittance) - exact

    whole = np.abs(whole - off(points))

    def error(count: int) -> Float[np.ndarray, " frequencies"]:
        return np.abs(off(count)) / whole

    here = error(points)
    worst = int(np.argmax(here))
    if not here[worst] > LARGEST_ERROR:
        return
    enough = points
    while enough < MOST_POINTS and np.max(error(enough)) > LARGEST_ERROR:
        enough = 2 * enough
    remedy = f"points={enough} keep it below" if np.max(error(enough)) <= LARGEST_ERROR else "nor would many more reach"
    warnings.warn(
        f"{points} points do not resolve how the current passes from ions to electrons inside the cathode: at "
        f"{frequency[worst]:.3g} Hz the impedance is off by {100.0 * here[worst]:.2g} %; {remedy} "
        f"{100.0 * LARGEST_ERROR:g} %.",
        ResolutionWarning,
        stacklevel=3,
    )
