"""The cells and cycles that the benchmarks share, and how a call is timed."""

import os
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax

from jaxcell import (
    Cell,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    Pores,
    ProtectionLayer,
    Protocol,
    Separator,
    plate,
    strip,
)


def porous_cell() -> Cell:
    """Lithium below a layer with 20 points of pore lithium | separator | lithium counter; the model's defaults."""
    pores = Pores(specific_surface_area=1e6)
    top = Interface(nucleation=Nucleation(0.04))
    layer = ProtectionLayer(thickness=5e-6, ionic_conductivity=1e-2, pores=pores, top=top)
    working = LithiumElectrode(lithium_thickness=20e-6, layer=layer)
    counter = LithiumElectrode(lithium_thickness=50e-6, interface=Interface(LithiumKinetics(100.0)))
    return Cell(working, Separator(thickness=30e-6, ionic_conductivity=0.24), counter)


def cycles(repeat: int = 5, points: int = 10) -> Protocol:
    """Plate 1 mAh cm-2 and strip 0.8, at 3 mA cm-2: no output time falls on the last of the pore lithium."""
    return Protocol.of(plate(3.0, 1.0, points), strip(3.0, 0.8, points), repeat=repeat)


def best_of(call: Callable[[], Any], runs: int = 7) -> tuple[float, float]:
    """First call (compilation included) and median of the following [s]."""
    start = time.perf_counter()
    jax.block_until_ready(call())
    first = time.perf_counter() - start
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - start)
    return first, statistics.median(times)


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far [MB], compilers included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
