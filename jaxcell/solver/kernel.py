"""Small loops compiled into one kernel on CPU.

XLA's CPU runtime dispatches every operation of a compiled loop by itself, some 80 ns each; a Newton iteration on a chain
of 23 nodes is 30 of them with little to do in each.  Loops that the compiler takes for small become one kernel instead,
but its limit (1 kB touched) is far below a Newton iteration, so the call is marked by hand.
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


def in_one_kernel(function: Callable[..., Any], *, batched: bool = False) -> Callable[..., Any]:
    """`function`, compiled into one kernel where it runs on a CPU; the same values.

    For functions of pytrees of arrays that are not differentiated, call no library routine and write at no index that depends on the member of a batch: inside such a kernel there is neither
    library nor scatter.  A function that does the latter is left as it is when batched, unless `batched` says otherwise.
    """

    def marked(*args):
        # One array goes in: the compiler aborts on a parameter of the call that nothing uses, an empty one say.
        leaves, structure = jax.tree.flatten(args)
        whole = jax.jit(lambda packed: function(*jax.tree.unflatten(structure, _unpack(packed, leaves))))
        return set_xla_metadata(whole(_pack(leaves)), **MARK)

    @custom_vmap
    def call(*args):
        return jax.lax.platform_dependent(*args, cpu=marked, default=function)

    @call.def_vmap
    def _(axis_size, in_batched, *args):
        axes = jax.tree.map(lambda own: 0 if own else None, tuple(in_batched))
        member = jax.vmap(function, in_axes=axes, axis_size=axis_size)
        out = (in_one_kernel(member, batched=True) if batched else member)(*args)
        return out, jax.tree.map(lambda _: True, out)

    return call


def _pack(leaves: list[Array]) -> Float[Array, " n"]:
    """All leaves in one array; counters and flags are exact in it."""
    return jnp.concatenate([jnp.ravel(leaf).astype(jnp.float64) for leaf in leaves])


def _unpack(packed: Float[Array, " n"], like: list[Array]) -> list[Array]:
    start, out = 0, []
    for leaf in like:
        out.append(packed[start : start + leaf.size].reshape(leaf.shape).astype(leaf.dtype))
        start += leaf.size
    return out
