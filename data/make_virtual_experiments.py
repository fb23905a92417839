"""Make the virtual experiments of this folder: python data/make_virtual_experiments.py

Two records of the same symmetric cell, lithium | layer | separator | layer | lithium, whose truth is known. One cannot
tell the layer's conductivity from the interfacial resistance, the other can; README.md says why.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxcell import (
    Cell,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    ProtectionLayer,
    Separator,
    Settings,
    replay,
    simulate,
)
from jaxcell.io import write_bdf_csv
from jaxcell.observables import resistances

HERE = Path(__file__).parent
AREA = 1e-4
"""Electrode area [m2]."""
TIGHT = Settings(rtol=1e-7, atol=1e-7, max_steps=32768)
"""The truth is computed far more accurately than its noise."""


class Experiment(NamedTuple):
    """A current program and the noise of its voltage samples."""

    name: str
    why: str
    time: np.ndarray
    """[s]"""
    current_density: np.ndarray
    """Since the row before [A m-2]."""
    step: np.ndarray
    noise: float
    """Standard deviation of a sample [V]."""
    seed: int


def true_cell() -> Cell:
    """Two protected lithium foils; lithium is taken to plate below the layer only."""
    interface = Interface(LithiumKinetics(exchange_current_density=20.0), double_layer_capacitance=0.2)
    layer = ProtectionLayer(thickness=5e-6, ionic_conductivity=5e-3, electronic_conductivity=100.0, top=None)
    electrode = LithiumElectrode(lithium_thickness=20e-6, interface=interface, layer=layer)
    return Cell.symmetric(electrode, Separator(thickness=30e-6, ionic_conductivity=0.24))


def steady() -> Experiment:
    """Hours at a twentieth of the exchange current density, a sample every 30 s."""
    sample, half_cycle = 30.0, 3600.0
    per = int(half_cycle / sample)
    signs = np.repeat([1.0, -1.0, 1.0, -1.0], per)
    return Experiment(
        name="virtual_steady",
        why=(
            "Every sample is taken long after the double layers have charged (30 s against 0.26 ms) and the current "
            "is a twentieth of i0, where the kinetics are straight: the voltage is I times one sum of resistances."
        ),
        time=np.concatenate([[0.0], sample * np.arange(1, len(signs) + 1)]),
        current_density=np.concatenate([[0.0], 1.0 * signs]),
        step=np.concatenate([[0], 1 + np.repeat(np.arange(4), per)]),
        noise=50e-6,
        seed=20261123,
    )


def pulses() -> Experiment:
    """Pulses of 20 ms at half, one and a half and five times i0, sampled from 5 us on."""
    samples = np.geomspace(5e-6, 20e-3, 30)
    time, current, step = [0.0], [0.0], [0]
    for density in (10.0, -10.0, 30.0, -30.0, 100.0, -100.0):
        for flowing in (density, 0.0):
            start = time[-1]
            time += list(start + samples)
            current += [flowing] * len(samples)
            step += [step[-1] + 1] * len(samples)
    return Experiment(
        name="virtual_pulses",
        why=(
            "The first samples of each pulse (5 us) come before the double layers have charged (0.26 ms), so the "
            "ohmic part, separator and layer, stands alone; what the voltage gains afterwards is the interface. The "
            "larger pulses exceed i0, where the kinetics bend and the ohmic part does not."
        ),
        time=np.asarray(time),
        current_density=np.asarray(current),
        step=np.asarray(step),
        noise=100e-6,
        seed=20261124,
    )


def voltage_of(experiment: Experiment, cell: Cell) -> np.ndarray:
    """Noise-free terminal voltage [V], zero in the first row."""
    solution = simulate(cell, replay(experiment.time, experiment.current_density), settings=TIGHT)
    return np.concatenate([[0.0], np.asarray(solution.voltage)])


def write(experiment: Experiment, folder: Path) -> None:
    """The record with its noise, and its truth beside it."""
    cell = true_cell()
    noise = np.random.default_rng(experiment.seed).normal(0.0, experiment.noise, experiment.time.shape)
    write_bdf_csv(
        folder / f"{experiment.name}.bdf.csv",
        time=experiment.time,
        voltage=voltage_of(experiment, cell) + noise,
        current=experiment.current_density * AREA,
        step=experiment.step,
        cycle=np.zeros_like(experiment.step),
    )
    interface, layer = cell.working.interface, cell.working.layer
    assert layer is not None
    truth = {
        "made_by": "data/make_virtual_experiments.py",
        "why": experiment.why,
        "noise_v": experiment.noise,
        "seed": experiment.seed,
        "area_cm2": AREA * 1e4,
        "temperature_k": float(cell.temperature),
        "parameters": {
            "layer_conductivity_s_cm": float(layer.ionic_conductivity) / 100.0,
            "exchange_current_density_ma_cm2": float(interface.kinetics.exchange_current_density) / 10.0,
            "double_layer_capacitance_uf_cm2": float(interface.double_layer_capacitance) * 100.0,
        },
        "resistances_ohm_cm2": {name: float(value) * 1e4 for name, value in resistances(cell).items()},
    }
    (folder / f"{experiment.name}.truth.json").write_text(json.dumps(truth, indent=2) + "\n")


def main(folder: Path = HERE) -> None:
    """Write both experiments."""
    for experiment in (steady(), pulses()):
        write(experiment, folder)
        print(f"{experiment.name}: {len(experiment.time)} rows, noise {experiment.noise * 1e6:g} uV")


if __name__ == "__main__":
    main()
