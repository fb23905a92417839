"""The compiled value and gradient lower for CPU and CUDA, and hold no host callback."""

from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from jax import export

from jaxcell import Cell, Interface, LithiumElectrode, ProtectionLayer, Protocol, Separator, plate, simulate, strip
from jaxcell.solver import kernel


@pytest.fixture(scope="module", autouse=True)
def _as_if_an_accelerator_were_there() -> Iterator[None]:
    """Both forms of a kernel, that for CPUs and that for the rest, are in the programs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "only_cpus", lambda: False)
        yield


@pytest.fixture(scope="module")
def value_and_gradient():
    electrode = LithiumElectrode(20e-6, Interface(), ProtectionLayer(5e-6, 1e-2, top=None))
    cell = Cell.symmetric(electrode, Separator(30e-6, 0.24))
    protocol = Protocol.of(plate(1.0, 0.1, 3), strip(1.0, 0.1, 3))
    plan = simulate(cell, protocol).plan
    numbers, structure = jax.tree.flatten(cell)  # every leaf of a cell is a float64 number

    def mean_square(leaves):
        cell = jax.tree.unflatten(structure, leaves)
        return jnp.mean(simulate(cell, protocol, plan=plan, throw=False).voltage ** 2)

    return jax.jit(jax.value_and_grad(mean_square)), numbers


def test_lowers_for_cpu_and_cuda_in_float64(value_and_gradient):
    function, numbers = value_and_gradient
    exported = export.export(function, platforms=("cpu", "cuda"))(numbers)
    assert exported.platforms == ("cpu", "cuda")
    assert all(aval.dtype == jnp.float64 for aval in exported.out_avals)
    again = export.deserialize(exported.serialize())
    leaves = jax.tree.leaves(again.call(numbers))
    for one, other in zip(leaves, jax.tree.leaves(function(numbers)), strict=True):
        assert jnp.allclose(one, other, rtol=1e-12, atol=1e-14)


def test_no_host_callback_inside(value_and_gradient):
    function, numbers = value_and_gradient
    text = function.lower(numbers).as_text()
    assert "callback" not in text


def test_error_controlled_run_holds_no_host_callback():
    cell = Cell.symmetric(LithiumElectrode(20e-6), Separator(30e-6, 0.24))
    protocol = Protocol.of(plate(1.0, 0.1, 3))
    numbers, structure = eqx.partition((cell, protocol), eqx.is_array)

    def run(leaves):
        return simulate(*eqx.combine(leaves, structure), throw=False).voltage

    assert "callback" not in jax.jit(run).lower(numbers).as_text()
