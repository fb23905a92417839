"""impedance(cell, frequencies, state) -> ImpedanceSpectrum."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from jaxcell.cell import Cell
from jaxcell.component import whole_number
from jaxcell.model import ChainModel, assemble
from jaxcell.operating_point import OperatingPoint
from jaxcell.solver.system import State, stacked
from jaxcell.spectroscopy.branches import RIG_PART, branches_of, bulk_at, bulk_voltages, divide, members
from jaxcell.spectroscopy.dispersion import bulk_share, capacities_at, exponents_of, phasor
from jaxcell.spectroscopy.resolution import warn_of_few_points
from jaxcell.spectroscopy.response import AtFrequency, drift, linear_at, response
from jaxcell.spectroscopy.rig import Rig
from jaxcell.spectroscopy.spectrum import ImpedanceSpectrum
from jaxcell.units import Scalar, is_traced, strong_float64


def impedance(
    cell: Cell,
    frequencies: Any,
    state: OperatingPoint | None = None,
    *,
    current_density: Any = None,
    rig: Rig | None = None,
    points: int = 20,
    shells: int = 16,
) -> ImpedanceSpectrum:
    """Z(omega) = dV/dI [Ohm m2] of the model that `simulate` integrates, linearised at a state.

    With the equations M dY/dt = f(Y, I) and E(Y, I), J = df/dY: (j omega M - J) dY = df/dI dI and
    Z = dE/dI + dE/dY dY/dI.  Every state moves: potentials, salt, particles, lithium, films, short, temperature.  Only
    here count the exponents of double layers and films and the separator's capacitances; see
    `Interface.double_layer_exponent`, `GrainBoundary`, `Separator.relative_permittivity`.

    Args:
        cell: the cell; its structure, `points` and `shells` must be those of the run that `state` comes from.
        frequencies: [Hz], one-dimensional, above zero.
        state: `Solution.state_at(row)` of a run; None for the cell as built.
        current_density: bias [A m-2], positive charges the working electrode; None for that of the state. Another
            one is that right after a switch, before anything has moved: nor has what has no capacitance and would
            follow at once (a reaction without a double layer keeps the slope of its old current).
        rig: leads and fixture in series.

    Under bias, and while anything slow goes on, the state is not stationary: `ImpedanceSpectrum.drift` says by how much
    the voltage moves in a period by itself.  A cathode with slow ions needs more points at high frequencies: a
    `ResolutionWarning` says how many.  Differentiable in cell, state, bias and frequencies in both modes, and a
    pure function to jit and vmap.

    Raises:
        ValueError: frequencies that are not positive numbers in one row, or a state of a cell of another structure.
    """
    if not isinstance(cell, Cell):
        raise ValueError(f"cell must be a Cell, but is {type(cell).__name__}.")
    if state is not None and not isinstance(state, OperatingPoint):
        raise ValueError(f"state must be None or Solution.state_at(row), but is {type(state).__name__}.")
    if rig is not None and not isinstance(rig, Rig):
        raise ValueError(f"rig must be None or a Rig, but is {type(rig).__name__}.")
    points, shells = whole_number(points, "points", least=1), whole_number(shells, "shells", least=2)
    given = strong_float64(frequencies)
    if given.ndim != 1:
        raise ValueError(f"frequencies must be one row of numbers [Hz], but have shape {given.shape}.")
    if not is_traced(given):
        refused = [value for value in np.asarray(given) if not 0.0 < value < np.inf]
        if refused:
            raise ValueError(f"frequencies must be finite and above 0 [Hz], but one of them is {refused[0]:g} Hz.")
    bias = None if current_density is None else strong_float64(current_density)
    if bias is not None and (bias.ndim or not (is_traced(bias) or np.isfinite(bias))):
        raise ValueError(f"current_density must be None or one finite number [A m-2], but is {current_density}.")
    found = _run(cell, given, state, bias, rig, points, shells)
    warn_of_few_points(cell, given, found.impedance, points)
    return found


@partial(jax.jit, static_argnames=("points", "shells"))
def _run(
    cell: Cell,
    frequencies: Float[Array, " frequencies"],
    point: OperatingPoint | None,
    bias: Scalar | None,
    rig: Rig | None,
    points: int,
    shells: int,
) -> ImpedanceSpectrum:
    model, sign = assemble(cell, points, shells, film_elements=1), cell.plating_sign
    state = model.initial_state
    if point is not None:
        in_time = assemble(cell, points, shells)
        _check_shape(point.state, in_time.initial_state, points, shells)
        state = _one_voltage_a_film(point.state, in_time)
    if bias is None:
        bias = jnp.zeros(()) if point is None else point.current_density
    current = sign * bias
    capacities, exponents, parts = model.capacities, exponents_of(cell, model), members(cell, model)
    now, change = jax.linearize(lambda y, i: branches_of(cell, model, y, i), state, current)
    linear = linear_at(model, state, current, lambda s, i: bulk_voltages(cell, model, state._replace(shared=s), i))
    bulk = bulk_at(cell, model, state)

    def at(frequency: Scalar) -> tuple[Complex[Array, ""], dict[str, Complex[Array, ""]], Scalar]:
        omega = 2.0 * np.pi * frequency
        share = bulk_share(bulk, omega)
        own = AtFrequency(capacities_at(capacities, exponents, omega), 1.0 / phasor(omega), 1.0 - share)
        total, moved = response(model, linear, own)
        real = change(jax.tree.map(jnp.real, moved), jnp.ones_like(current))
        imaginary = change(jax.tree.map(jnp.imag, moved), jnp.zeros_like(current))
        series = jnp.zeros_like(total) if rig is None else rig.impedance(omega)
        divided = divide(jax.tree.map(jax.lax.complex, real, imaginary), parts, share)
        divided[RIG_PART] = divided[RIG_PART] + series
        return total + series, divided, sign * drift(model, linear, 1.0 / frequency)

    total, divided, drifted = jax.vmap(at)(frequencies)
    return ImpedanceSpectrum(
        frequency=frequencies,
        impedance=total,
        parts=divided,
        drift=drifted,
        perturbed=_perturbed(model),
        voltage=sign * now.total,
        current_density=bias,
    )


def _one_voltage_a_film(state: State, model: ChainModel) -> State:
    """The state with the elements of each film as one."""
    series, branch = model.film_voltages(tuple(state.edge))
    there = [row for row, count in ((series, model.series_films), (branch, model.branch_films)) if count]
    return state._replace(edge=stacked(tuple(jnp.asarray(row) for row in there), state.field))


def _perturbed(model: ChainModel) -> tuple[str, ...]:
    salt = () if model.coefficients.salt is None else ("salt",)
    shells = ("particles",) if model.particles.some else ()
    films = ("films",) if model.series_films or model.branch_films else ()
    return ("potentials", *salt, *model.rows, *shells, *films, *model.shared_rows)


def _check_shape(state: State, like: State, points: int, shells: int) -> None:
    found, expected = ([leaf.shape for leaf in one] for one in (state, like))
    if found != expected:
        raise ValueError(
            f"state must be one of this cell with points={points} and shells={shells}, whose parts have the shapes "
            f"{expected}, but has {found}; give the points and shells of the run that it comes from."
        )
