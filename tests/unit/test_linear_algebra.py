"""Order conditions of the schemes, and the structured solve against dense matrices."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax.flatten_util import ravel_pytree

from jaxcell import Cell, assemble
from jaxcell.solver.linear import factorise, linearise, multiply, substitute
from jaxcell.solver.newton import residual
from jaxcell.solver.pointwise import inverse
from jaxcell.solver.schedule import Plan, uniform_plan
from jaxcell.solver.system import State
from jaxcell.solver.tableau import BACKWARD_EULER, SDIRK2, SDIRK3, Tableau
from jaxcell.solver.tridiagonal import solve_tridiagonal


@pytest.mark.parametrize("tableau", [SDIRK3, SDIRK2, BACKWARD_EULER], ids=["SDIRK3", "SDIRK2", "Euler"])
def test_order_conditions(tableau: Tableau) -> None:
    a, c = np.array(tableau.a), np.array(tableau.nodes)
    b = a[-1]  # stiffly accurate: the last stage is the step's end
    assert c[-1] == 1.0
    np.testing.assert_allclose(a.sum(axis=1), c, atol=1e-15)
    np.testing.assert_allclose(np.diag(a), tableau.gamma)
    np.testing.assert_array_equal(np.triu(a, 1), 0.0)
    conditions = [[(b, 1)], [(b @ c, 2)], [(b @ c**2, 3), (b @ a @ c, 6)]]
    for order in conditions[: tableau.order]:
        for value, denominator in order:
            assert np.sum(value) == pytest.approx(1 / denominator, abs=1e-14)
    if tableau.order > 1:
        embedded = b - np.array(tableau.error)
        assert np.sum(embedded) == pytest.approx(1.0, abs=1e-14)
        if tableau.order > 2:
            assert embedded @ c == pytest.approx(1 / 2, abs=1e-14)
        # One order lower, not more: the estimate is not blind.
        value = {2: embedded @ c - 1 / 2, 3: embedded @ c**2 - 1 / 3}[tableau.order]
        assert abs(value) > 0.01


def _amplification(tableau: Tableau, z: complex) -> complex:
    a = np.array(tableau.a)
    identity, ones = np.eye(len(a)), np.ones(len(a))
    return 1.0 + z * a[-1] @ np.linalg.solve(identity - z * a, ones)


@pytest.mark.parametrize("tableau", [SDIRK3, SDIRK2, BACKWARD_EULER], ids=["SDIRK3", "SDIRK2", "Euler"])
def test_l_stability(tableau: Tableau) -> None:
    assert abs(_amplification(tableau, -1e12)) < 1e-10
    for y in np.logspace(-3, 3, 40):
        assert abs(_amplification(tableau, 1j * y)) <= 1.0 + 1e-12


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
def test_local_systems_against_numpy(n: int) -> None:
    rng = np.random.default_rng(n)
    points = 7
    matrices = rng.normal(size=(n, n, points)) + 4.0 * np.eye(n)[:, :, None]
    matrix = [[jnp.asarray(matrices[i, j]) for j in range(n)] for i in range(n)]
    found = inverse(tuple(tuple(row) for row in matrix))
    for p in range(points):
        own = np.array([[entry[p] for entry in row] for row in found]).reshape(n, n)
        np.testing.assert_allclose(own, np.linalg.inv(matrices[:, :, p]), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("size", [1, 2])
def test_tridiagonal_against_numpy(size: int) -> None:
    rng = np.random.default_rng(0)
    count = 9
    bands = rng.normal(size=(3, size, size, count))
    bands[1] += 8.0 * np.eye(size)[:, :, None]
    rhs = jnp.asarray(rng.normal(size=(size, count)))
    dense = np.zeros((size, count, size, count))
    for i in range(count):
        for band, j in zip(bands, (i - 1, i, i + 1), strict=True):
            if 0 <= j < count:
                dense[:, i, :, j] = band[:, :, i]
    dense = dense.reshape(size * count, size * count)
    lower, diagonal, upper = (tuple(tuple(jnp.asarray(row) for row in rows) for rows in band) for band in bands)

    def solve(flat: jax.Array) -> jax.Array:
        return jnp.concatenate(solve_tridiagonal(lower, diagonal, upper, tuple(flat.reshape(size, count))))

    np.testing.assert_allclose(solve(rhs.ravel()), np.linalg.solve(dense, rhs.ravel()), rtol=1e-12)
    # Linear in the right-hand side, in both modes.
    jacobians = [mode(solve)(rhs.ravel()) for mode in (jax.jacfwd, jax.jacrev)]
    for jacobian in jacobians:
        np.testing.assert_allclose(jacobian, np.linalg.inv(dense), rtol=1e-10, atol=1e-14)


CELLS = {
    "bare": sample_cells.bare(),
    "symmetric": sample_cells.symmetric(),
    "pores": sample_cells.porous(),
    "every loss": sample_cells.lossy(),
    "salt": sample_cells.salted(),
    "cathode": sample_cells.full(),
    "cathode, salt with laws": sample_cells.full(salted=True),
    "single particle": sample_cells.full(transport=None),
    "alloy": sample_cells.alloyed(),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("without", ["nothing", "capacitance"])
def test_structured_solve_against_the_dense_jacobian(name: str, without: str) -> None:
    cell: Cell = CELLS[name]
    if without == "capacitance":
        cell = sample_cells.replace(
            cell, working__interface__double_layer_capacitance=0.0, working__interface__film_capacitance=0.0
        )
    model = assemble(cell, points=3)
    rng = np.random.default_rng(5)
    shape = model.initial_state
    state = State(
        shape.field + jnp.asarray(0.03 * rng.normal(size=shape.field.shape)),
        jnp.asarray(200.0 * rng.normal(size=shape.salt.shape)),
        jnp.asarray(1e-4 * rng.uniform(size=shape.node.shape)),
        jnp.asarray(0.02 * rng.normal(size=shape.particle.shape)),
        jnp.asarray(0.01 * rng.normal(size=shape.edge.shape)),
        jnp.asarray(rng.uniform(size=shape.shared.shape)),
    )
    step, current = jnp.asarray(0.7), jnp.asarray(20.0)
    flat, unravel = ravel_pytree(state)

    @jax.jit
    def both() -> tuple[jax.Array, jax.Array, jax.Array]:
        dense = jax.jacfwd(lambda y: ravel_pytree(residual(model, unravel(y), model.initial_state, step, current))[0])(
            flat
        )
        lin = linearise(model, state, step, current)
        solve = functools.partial(substitute, factorise(model, lin))

        def as_matrix(apply: Callable[[State], State]) -> jax.Array:
            return jax.vmap(lambda rhs: ravel_pytree(apply(unravel(rhs)))[0])(jnp.eye(flat.size)).T

        return dense, as_matrix(solve), as_matrix(functools.partial(multiply, model, lin))

    dense, inverse, product = both()
    np.testing.assert_allclose(product, dense, rtol=1e-9, atol=1e-9)
    # Rows and columns span 1e-8 to 1e8: scale before asking for the identity.
    scale = np.max(np.abs(inverse), axis=1)
    np.testing.assert_allclose(inverse @ dense / scale[:, None] * scale[None], np.eye(flat.size), atol=1e-8)


def test_uniform_and_refined_plans() -> None:
    plan = uniform_plan(3, 4)
    assert int(plan.used) == 12
    np.testing.assert_array_equal(plan.last_step, [3, 7, 11])
    fine = plan.refined(5)
    assert int(fine.used) == 60
    np.testing.assert_array_equal(fine.last_step, [19, 39, 59])
    assert fine.fraction.shape == (64,)
    for k in range(3):
        assert float(jnp.sum(jnp.where(fine.interval == k, fine.fraction, 0.0))) == pytest.approx(1.0)
    unreached = Plan(plan.fraction, plan.interval, plan.used, plan.outcome, jnp.asarray([3, 7, -1])).refined(2)
    np.testing.assert_array_equal(unreached.last_step, [7, 15, -1])
    np.testing.assert_array_equal(np.asarray(plan.trimmed(100).fraction)[12:], 0.0)
