"""The structured response against dense matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax.flatten_util import ravel_pytree

from jaxcell import (
    Cell,
    GrainBoundary,
    HeatBalance,
    LithiumElectrode,
    OperatingPoint,
    Separator,
    SoftShort,
    assemble,
    impedance,
)
from jaxcell.solver.system import State, rates
from jaxcell.spectroscopy.dispersion import bulk_of

FREQUENCIES = np.logspace(-3, 5, 5)
CURRENT = 5.0


def disturbed(cell: Cell, points: int, shells: int) -> State:
    """A state far from rest, so that every coupling counts."""
    rng = np.random.default_rng(5)
    own = assemble(cell, points, shells).initial_state
    return State(
        own.field + jnp.asarray(0.02 * rng.normal(size=own.field.shape)),
        jnp.asarray(100.0 * rng.normal(size=own.salt.shape)),
        jnp.asarray(1e-4 * rng.uniform(size=own.node.shape)),
        jnp.asarray(0.02 * rng.normal(size=own.particle.shape)),
        jnp.asarray(0.01 * rng.normal(size=own.edge.shape)),
        jnp.asarray(rng.uniform(size=own.shared.shape)),
    )


def dense(cell: Cell, state: State, current: float, frequencies: np.ndarray, points: int, shells: int) -> np.ndarray:
    """dE/dI + dE/dY (j omega M - J)^-1 df/dI by numpy."""
    model = assemble(cell, points, shells)
    flat, unravel = ravel_pytree(state)
    i = jnp.asarray(current)

    @jax.jit
    def matrices() -> tuple[jax.Array, ...]:
        def law(y: jax.Array, i: jax.Array) -> jax.Array:
            return ravel_pytree(rates(model, unravel(y), i))[0]

        def voltage(y: jax.Array, i: jax.Array) -> jax.Array:
            return model.voltage(unravel(y), i)

        mass = jax.vmap(lambda y: ravel_pytree(model.capacities.times(unravel(y)))[0])(jnp.eye(flat.size)).T
        return (
            mass,
            jax.jacfwd(law)(flat, i),
            jax.jacfwd(law, 1)(flat, i),
            jax.jacfwd(voltage)(flat, i),
            jax.jacfwd(voltage, 1)(flat, i),
        )

    mass, jacobian, push, row, direct = (np.asarray(m) for m in matrices())
    return np.array([solved(2j * np.pi * frequency * mass - jacobian, push, row, direct) for frequency in frequencies])


def solved(matrix: np.ndarray, push: np.ndarray, row: np.ndarray, direct: np.ndarray) -> complex:
    """direct + row . matrix^-1 push, equilibrated first: rows and columns span many decades."""
    rows = 1.0 / np.abs(matrix).max(axis=1)
    columns = 1.0 / np.abs(matrix * rows[:, None]).max(axis=0)
    return direct + row @ (columns * np.linalg.solve(matrix * rows[:, None] * columns, push * rows))


CELLS = {
    "bare": sample_cells.bare,
    "pores": sample_cells.porous,
    "every loss, short, heat": sample_cells.lossy,
    "salt": sample_cells.salted,
    "cathode": sample_cells.full,
    "cathode, salt with laws": lambda: sample_cells.full(salted=True),
    "single particle": lambda: sample_cells.full(transport=None),
    "alloy": sample_cells.alloyed,
}


@pytest.mark.filterwarnings("ignore:3 points do not resolve")  # dense matrices of many points are large
@pytest.mark.parametrize("name", CELLS)
def test_against_dense_matrices(name: str) -> None:
    cell = CELLS[name]()
    state = disturbed(cell, 3, 3)
    point = OperatingPoint(state, jnp.asarray(CURRENT))
    spectrum = impedance(cell, FREQUENCIES, point, points=3, shells=3)
    expected = dense(cell, state, cell.plating_sign * CURRENT, FREQUENCIES, 3, 3)
    np.testing.assert_allclose(spectrum.impedance, expected, rtol=1e-10)
    total = sum(np.asarray(part) for part in spectrum.parts.values())
    scale = sum(np.abs(part) for part in spectrum.parts.values())
    np.testing.assert_array_less(np.abs(total - spectrum.impedance), 1e-12 * scale)
    assert float(spectrum.current_density) == CURRENT


def test_capacitances_of_a_separator_that_leaks_and_warms() -> None:
    # R || C as states of their own, whose voltages the short and the heat balance hear.
    separator = Separator(
        1e-3,
        0.05,
        short=SoftShort(20.0, 0.1),
        grain_boundary=GrainBoundary(2e-3, 0.1, activation_energy=3e4),
        relative_permittivity=1e9,
    )
    foil = LithiumElectrode(50e-6, sample_cells.interface())
    cell = Cell(foil, separator, foil, heat_balance=HeatBalance(200.0, 0.1))
    model, state, sign = assemble(cell), disturbed(cell, 20, 16), cell.plating_sign
    flat, unravel = ravel_pytree(state)
    capacitance = jnp.asarray([8.8541878188e-12 * 1e9 / 1e-3, 0.1])
    i = jnp.asarray(sign * CURRENT)

    def ohmic(y: State, i: jax.Array) -> jax.Array:
        at = bulk_of(cell, cell.temperature + y.shared[-1]).resistance
        return at * model.ionic_current(i, y.shared)

    def voltage(z: jax.Array, i: jax.Array) -> jax.Array:
        y = unravel(z[:-2])
        return model.voltage(y, i) - jnp.sum(ohmic(y, i) - z[-2:])

    def law(z: jax.Array, i: jax.Array) -> jax.Array:
        y = unravel(z[:-2])
        whole = model.settled(y.shared).whole_at(y, i, voltage(z, i))
        charging = model.ionic_current(i, y.shared) * (1.0 - z[-2:] / ohmic(y, i))
        return jnp.concatenate([ravel_pytree(rates(model, y, i)._replace(shared=whole))[0], charging])

    z = jnp.concatenate([flat, ohmic(state, i)])
    jacobian, push = (np.asarray(jax.jit(jax.jacfwd(law, k))(z, i)) for k in (0, 1))
    row, direct = (np.asarray(jax.jit(jax.jacfwd(voltage, k))(z, i)) for k in (0, 1))
    mass = np.zeros((z.size, z.size))
    own = jax.vmap(lambda y: ravel_pytree(model.capacities.times(unravel(y)))[0])(jnp.eye(flat.size)).T
    mass[:-2, :-2], mass[-2:, -2:] = own, np.diag(capacitance)
    expected = [solved(2j * np.pi * f * mass - jacobian, push, row, direct) for f in FREQUENCIES]
    found = impedance(cell, FREQUENCIES, OperatingPoint(state, jnp.asarray(CURRENT))).impedance
    np.testing.assert_allclose(found, expected, rtol=1e-10)
