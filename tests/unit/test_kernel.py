"""Functions compiled into one kernel give the values of the functions."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells

from jaxcell import Protocol, plate, simulate
from jaxcell.solver import kernel
from jaxcell.solver.kernel import in_one_kernel


def collatz(start: dict[str, jax.Array], limit: jax.Array) -> dict[str, jax.Array]:
    """Loops whose length depends on the values, flags and counters, an empty and an unused argument."""

    def step(carry):
        n, count, total = carry
        return jnp.where(n % 2 == 0, n // 2, 3 * n + 1), count + 1, total + n.astype(jnp.float64) * start["weight"]

    going = lambda carry: (carry[0] > 1) & (carry[1] < limit) & start["flag"]  # noqa: E731
    n, count, total = jax.lax.while_loop(going, step, (start["n"], jnp.asarray(0), jnp.asarray(0.0)))
    return {"n": n, "count": count, "total": total, "reached": n == 1}


def start(n: int) -> dict[str, jax.Array]:
    return {
        "n": jnp.asarray(n), "flag": jnp.asarray(True), "weight": jnp.asarray(0.1),
        "empty": jnp.zeros((0, 5)), "unused": jnp.ones((3, 2)),
    }  # fmt: skip


def same(one, other) -> None:
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_array_equal(a, b)


@pytest.fixture(params=[True, False], ids=["only CPUs", "accelerators too"])
def platforms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "only_cpus", lambda: request.param)


@pytest.mark.usefixtures("platforms")
def test_values_types_and_shapes() -> None:
    limit = jnp.asarray(1000)
    same(jax.jit(in_one_kernel(collatz))(start(27), limit), collatz(start(27), limit))


@pytest.mark.usefixtures("platforms")
def test_batches_nested_and_of_some_arguments() -> None:
    limits = jnp.asarray([3, 1000])
    many = {**start(1), "n": jnp.arange(1, 9)}
    axes = ({**dict.fromkeys(many), "n": 0}, None)

    def table(function):
        by_n = jax.vmap(function, in_axes=axes)
        return jax.jit(jax.vmap(by_n, in_axes=(None, 0)))(many, limits)

    same(table(in_one_kernel(collatz)), table(collatz))


def test_a_run_is_one_kernel() -> None:
    if jax.default_backend() != "cpu":
        pytest.skip("kernels are merged on CPU only")
    protocol = Protocol.of(plate(1.0, 0.1, 3))
    numbers, structure = jax.tree.flatten(sample_cells.bare())
    run = jax.jit(lambda leaves: simulate(jax.tree.unflatten(structure, leaves), protocol, throw=False).voltage)
    quick = "xla_cpu_use_fusion_emitters" in os.environ.get("XLA_FLAGS", "")
    as_users_compile: dict[str, str | bool] = {"xla_cpu_use_fusion_emitters": True} if quick else {}
    entry = run.lower(numbers).compile(compiler_options=as_users_compile).as_text().split("\nENTRY")[1]
    assert entry.count(" call(") == 1
    assert " while(" not in entry
