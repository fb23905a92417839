"""Small loops compiled into one kernel on CPU.

XLA's CPU runtime dispatches every operation of a compiled loop by itself, some 80 ns each; a Newton iteration on a
chain of 23 nodes is 30 of them with little to do in each.  Loops that the compiler takes for small become one kernel
instead, but its limit (1 kB touched) is far below a Newton iteration, so the call is marked by hand.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jax.experimental.xla_metadata import set_xla_metadata
from jaxtyping import Array, Float

MARK = {"inlineable": "false", "xla_cpu_small_call": "true"}
"""What XLA's own pass for small loops writes on the call it makes of one; the call must last until then."""


def in_one_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, compiled into one kernel where it runs on a CPU; the same values.

    For functions of pytrees of arrays that are not differentiated and call no library routine: inside such a kernel
    there is none.  A batch runs through the kernel one member after the other on a CPU, where members in lockstep gain
    nothing (1.3 ms each, alone or by 16), and abreast elsewhere.  A program exported for an accelerator by a machine
    that has none holds the form for CPUs: the same values, batches one by one.
    """

    def marked(*args):
        # One array goes in: the compiler aborts on a parameter of the call that nothing uses, an empty one say.
        leaves, structure = jax.tree.flatten(args)
        whole = jax.jit(lambda packed: function(*jax.tree.unflatten(structure, _unpack(packed, leaves))))
        return set_xla_metadata(whole(_pack(leaves)), **MARK)

    @custom_vmap
    def call(*args):
        return _by_platform(*args, cpu=marked, default=function)

    @call.def_vmap
    def _(axis_size, in_batched, *args):
        del axis_size
        leaves, structure = jax.tree.flatten(args)
        moving = jax.tree.leaves(tuple(in_batched))

        def one_by_one(*leaves):
            def member(own):
                own = iter(own)
                mixed = [next(own) if moves else leaf for leaf, moves in zip(leaves, moving, strict=True)]
                return call(*jax.tree.unflatten(structure, mixed))

            return jax.lax.map(member, [leaf for leaf, moves in zip(leaves, moving, strict=True) if moves])

        def abreast(*leaves):
            axes = [0 if moves else None for moves in moving]
            return jax.vmap(lambda *own: function(*jax.tree.unflatten(structure, own)), in_axes=axes)(*leaves)

        out = _by_platform(*leaves, cpu=one_by_one, default=abreast)
        return out, jax.tree.map(lambda _: True, out)

    return call


def only_cpus() -> bool:
    """Whether this machine computes on nothing else."""
    return jax.default_backend() == "cpu"


def _by_platform(*args, cpu: Callable[..., Any], default: Callable[..., Any]):
    """The form for the platform that it is compiled for; both are traced, so the second only where it may be used."""
    return cpu(*args) if only_cpus() else jax.lax.platform_dependent(*args, cpu=cpu, default=default)


def _pack(leaves: list[Array]) -> Float[Array, " n"]:
    """All leaves in one array; counters and flags are exact in it."""
    return jnp.concatenate([jnp.ravel(leaf).astype(jnp.float64) for leaf in leaves])


def _unpack(packed: Float[Array, " n"], like: list[Array]) -> list[Array]:
    start, out = 0, []
    for leaf in like:
        out.append(packed[start : start + leaf.size].reshape(leaf.shape).astype(leaf.dtype))
        start += leaf.size
    return out
