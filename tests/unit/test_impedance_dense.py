"""The structured response against dense matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax.flatten_util import ravel_pytree

from jaxcell import Cell, OperatingPoint, assemble, impedance
from jaxcell.solver.system import State, rates

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
    model, flat_state = assemble(cell, points, shells), ravel_pytree(state)
    flat, unravel = flat_state
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
    found = []
    for frequency in frequencies:
        matrix = 2j * np.pi * frequency * mass - jacobian
        # Rows and columns span many decades: equilibrated before numpy takes them.
        rows = 1.0 / np.abs(matrix).max(axis=1)
        columns = 1.0 / np.abs(matrix * rows[:, None]).max(axis=0)
        moved = columns * np.linalg.solve(matrix * rows[:, None] * columns, push * rows)
        found.append(direct + row @ moved)
    return np.array(found)


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
