"""Make the virtual experiments of this folder: python data/make_virtual_experiments.py

Two records of the same symmetric cell, lithium | layer | separator | layer | lithium, whose truth is known. One cannot
tell the layer's conductivity from the interfacial resistance, the other can; README.md says why. And cycles of a thin
foil that loses lithium, until its reservoir is gone.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxcell import (
    Cell,
    DeadLithium,
    Interface,
    Interphase,
    LithiumElectrode,
    LithiumKinetics,
    ProtectionLayer,
    Protocol,
    Separator,
    Settings,
    lithium_ledger,
    lithium_losses,
    replay,
    simulate,
)
from jaxcell.io import write_bdf_csv
from jaxcell.observables import resistances
from jaxcell.units import to_mah_cm2

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


CYCLE_NOISE = {"voltage_v": 1e-3, "relative_duration": 1e-3}
"""Of a sample, and of each step that a voltage ended."""


def thin_cell() -> Cell:
    """A foil of 0.3 um that grows an interphase and leaves dead lithium, against plenty of lithium."""
    losses = {
        "interphase": Interphase(ambipolar_conductivity=1.2e-9, ionic_conductivity=1e-3, initial_thickness=2e-9),
        "dead_lithium": DeadLithium(per_stripped=0.03),
    }
    foil = LithiumElectrode(0.3e-6, Interface(LithiumKinetics(10.0), **losses))
    return Cell(foil, Separator(thickness=30e-6, ionic_conductivity=0.24), LithiumElectrode(50e-6))


def cycles_of_rests(rests: tuple[str, ...], repeat: int, *, minutes: float = 1.0) -> Protocol:
    """0.2 mAh cm-2 plated and stripped again, as far as 0.5 V allows; a rest in between; a row each `minutes`."""
    often = f"({minutes:g} minute period)"
    steps = []
    for rest in rests:
        steps += [f"Plate at 1 mA/cm2 until 0.2 mAh/cm2 {often}", f"Rest for {rest} (30 minute period)"]
        steps += [f"Strip at 1 mA/cm2 until 0.2 mAh/cm2 or 0.5 V {often}"]
    return Protocol.of(steps, repeat=repeat)


def write_cycles(folder: Path, seed: int = 20261125) -> int:
    """The record of the thin foil with its noise, and its truth beside it; returns its number of rows."""
    cell = thin_cell()
    solution = simulate(cell, cycles_of_rests(("10 min", "8 h"), 6), settings=TIGHT)
    taken, rng = solution.taken, np.random.default_rng(seed)
    step = np.asarray(solution.step)[taken]
    duration = np.diff(np.asarray(solution.time)[taken], prepend=0.0)
    # What a voltage ended came a little early or late; what the clock ended did not.
    off = CYCLE_NOISE["relative_duration"] * rng.normal(size=step[-1] + 1)
    lasted = np.bincount(step, duration)
    ended = (np.arange(lasted.size) % 3 == 2) & (lasted < 720.0 * (1.0 - 1e-6))
    time = np.cumsum(duration * np.where(ended, 1.0 + off, 1.0)[step])
    volts = np.asarray(solution.voltage)[taken]
    write_bdf_csv(
        folder / "virtual_cycles.bdf.csv",
        time=np.round(np.concatenate([[0.0], time]), 3),
        voltage=np.round(np.concatenate([[0.0], volts + CYCLE_NOISE["voltage_v"] * rng.normal(size=volts.size)]), 5),
        current=np.concatenate([[0.0], np.asarray(solution.current_density)[taken]]) * AREA,
        cycle=np.concatenate([[1], 1 + step // 3]),
        step=np.concatenate([[0], 1 + step]),
    )
    losses = lithium_losses(lithium_ledger(solution))
    lost = {name: float(to_mah_cm2(row[taken[-1]])) for name, row in losses.items()}
    foil = cell.working
    assert isinstance(foil, LithiumElectrode)
    interface = foil.interface
    assert interface.interphase is not None
    assert interface.dead_lithium is not None
    truth = {
        "made_by": "data/make_virtual_experiments.py",
        "why": (
            "Once the reservoir of 0.06 mAh cm-2 is gone, what a strip returns misses what its cycle lost. Dead "
            "lithium goes with charge, the interphase with time: rests of 10 min and 8 h in turn tell them apart."
        ),
        "noise": CYCLE_NOISE,
        "seed": seed,
        "area_cm2": AREA * 1e4,
        "parameters": {
            "dead_per_stripped": float(interface.dead_lithium.per_stripped),
            "interphase_conductivity_s_cm": float(interface.interphase.ambipolar_conductivity) / 100.0,
            "lithium_thickness_um": float(foil.lithium_thickness) * 1e6,
            "exchange_current_density_ma_cm2": float(interface.kinetics.exchange_current_density) / 10.0,
        },
        "lost_mah_cm2": {"all": sum(lost.values()), **lost},
    }
    (folder / "virtual_cycles.truth.json").write_text(json.dumps(truth, indent=2) + "\n")
    return len(time) + 1


def main(folder: Path = HERE) -> None:
    """Write all experiments."""
    for experiment in (steady(), pulses()):
        write(experiment, folder)
        print(f"{experiment.name}: {len(experiment.time)} rows, noise {experiment.noise * 1e6:g} uV")
    print(f"virtual_cycles: {write_cycles(folder)} rows, noise {CYCLE_NOISE['voltage_v'] * 1e3:g} mV")


if __name__ == "__main__":
    main()
