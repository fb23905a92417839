"""The half cell of Xu et al. 2019 and its cycles that end on events, as several benchmarks run them."""

import dataclasses
import statistics
import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxcell import Cell, Protocol, Separator, Until, charge, discharge, hold, rest, simulate
from jaxcell.library import xu2019_half_cell

RATE = 1.5584415584415585  # mA cm-2
ROWS = 12
"""Times reported a step; the integration lands on each of them."""


def cells() -> dict[str, Cell]:
    """The same three models on this side."""
    found = {}
    for name, number in (("dfn_single_ion", 1.0), ("dfn_binary", 0.38)):
        parts = xu2019_half_cell(number)
        found[name] = Cell(parts.lithium, parts.separator, parts.cathode)
    parts = xu2019_half_cell(1.0, single_particle=True)
    found["spm"] = Cell(parts.lithium, Separator(25e-6, 1e6), parts.cathode)
    return found


def protocol(cycles: int, rows: int) -> Protocol:
    """Its steps report `rows` times each at the most."""
    longest = {"duration": 7200.0, "points": rows}
    return Protocol.of(
        discharge(RATE, until=Until(voltage_below=3.5), **longest),
        charge(RATE, until=Until(voltage_above=4.2), **longest),
        hold(4.2, until=Until(current_below=RATE / 2.0), **longest),
        rest(1800.0, points=rows),
        repeat=cycles,
    )


def run(cell: Cell, cycles: Protocol, chosen: dict[str, Any]) -> None:
    jax.block_until_ready(simulate(cell, cycles, throw=False, **chosen).voltage)


def work(call: Any, runs: int, cycles: int) -> float:
    """Median processor time of a warm call [ms per cycle]."""
    call()
    times = []
    for _ in range(runs):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1e3 * statistics.median(times) / cycles


def differentiated(cell: Cell, chosen: dict[str, Any], count: int) -> dict[str, Any]:
    """Calls that give the value and gradient of a misfit (reverse mode) and the voltages' derivatives (forward mode).

    Of the first `count` numbers of the cell that are not zero; three steps end on events before the last row. The run
    has room for 256 steps (it takes some 130): what is kept for derivatives is as long as the room.
    """
    chosen = chosen | {"settings": dataclasses.replace(chosen["settings"], max_steps=256)}
    cycle = protocol(1, ROWS)
    leaves, structure = jax.tree.flatten(cell)
    places = [i for i, leaf in enumerate(leaves) if leaf.shape == () and float(leaf) != 0.0][:count]

    def voltage(scale: jax.Array) -> jax.Array:
        own = list(leaves)
        for k, i in enumerate(places):
            own[i] = leaves[i] * scale[k]
        return simulate(jax.tree.unflatten(structure, own), cycle, throw=False, **chosen).voltage

    def misfit(scale: jax.Array) -> jax.Array:
        v = voltage(scale)
        return jnp.mean(jnp.where(jnp.isnan(v), 0.0, v - 3.8) ** 2)

    ones = jnp.ones(len(places))
    found: dict[str, Any] = {"parameters": len(places)}
    for name, call in (("gradient", jax.value_and_grad(misfit)), ("sensitivities", jax.jacfwd(voltage))):
        compiled, start = jax.jit(call), time.process_time()
        jax.block_until_ready(compiled(ones))
        found[f"{name}_first_call_s"] = time.process_time() - start
        found[name] = partial(lambda f: jax.block_until_ready(f(ones)), compiled)
    return found
