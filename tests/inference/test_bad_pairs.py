"""Pairs of numbers that a measurement sees only together, each beside a measurement that parts them."""

import jax.numpy as jnp
import numpy as np
import pytest
from verdicts import apart, together, told_of, unknown

from jaxcell import (
    NMC532,
    CathodeTransport,
    Cell,
    Collector,
    CompositeCathode,
    ContactLoss,
    IntercalationKinetics,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    Separator,
    impedance,
)
from jaxcell.inference import FunctionProblem, ParameterSet, SpectrumProblem, spectrum_data
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.dataset import dataset
from jaxcell.physics.interphase import interphase_current
from jaxcell.units import FARADAY

SIDES = ("working", "counter")
KAPPA, RESISTANCE, BARRIER = 0.24, 1e-3, 0.04


def spectrum(cell, parameters, frequencies):
    """A spectrum of 1 % noise of this cell."""
    exact = np.asarray(impedance(cell, frequencies).impedance)
    return SpectrumProblem(cell, spectrum_data(frequencies, exact, relative_noise=0.01), ParameterSet(parameters))


FAST, SLOW = np.geomspace(1e5, 1.0, 21), np.geomspace(1.0, 1e-2, 21)


def test_exchange_current_and_contact():
    """Charge transfer and the constriction R_c0/chi are one resistance, unless the double layer is seen to charge."""
    interface = Interface(LithiumKinetics(20.0), contact_loss=ContactLoss(resistance=RESISTANCE))
    cell = Cell(LithiumElectrode(20e-6, interface), Separator(30e-6, KAPPA), LithiumElectrode(50e-6))
    pair = [
        unknown("i0", "working.interface.kinetics.exchange_current_density", 20.0, "A m-2"),
        unknown("contact", "working.interface.contact_loss.resistance", RESISTANCE, "Ohm m2"),
    ]
    assert told_of(spectrum(cell, pair, SLOW)) == together("i0", "contact")
    assert told_of(spectrum(cell, pair, FAST)) == apart("i0", "contact")


def lost(values, data):
    """Lithium that an interphase took [mol per m2 of cell] at some times, on an area per area of cell, over the noise.

    The law is that of `interphase_current` at u = 0, integrated: delta = -d_r + sqrt[(delta0 + d_r)^2 + k_p t].
    """
    sigma, area, volume, drive, reaction, start = values["sigma"], values["area"], 24.4e-6, 1.7, 50.0, 1e-9
    lag, growth = sigma * reaction, 2.0 * volume * sigma * drive / FARADAY
    grown = jnp.sqrt((start + lag) ** 2 + growth * data["time"]) - lag - start
    return area * grown / volume / data["noise"]


def test_ambipolar_conductivity_and_contact_area():
    """Late growth is area times the root of conductivity and time; early growth, limited by the reaction, is area."""
    pair = ParameterSet([unknown("sigma", "sigma", 1.2e-10, "S m-1"), unknown("area", "area", 1.0)])
    late, both = np.geomspace(1e6, 1e7, 12), np.geomspace(3.0, 1e7, 12)
    noise = 0.01 * lost({"sigma": 1.2e-10, "area": 1.0}, {"time": jnp.asarray(both), "noise": 1.0})
    at_late = 0.01 * lost({"sigma": 1.2e-10, "area": 1.0}, {"time": jnp.asarray(late), "noise": 1.0})
    assert told_of(FunctionProblem(pair, lost, {"time": late, "noise": at_late})) == together("sigma", "area")
    assert told_of(FunctionProblem(pair, lost, {"time": both, "noise": noise})) == apart("sigma", "area")


def test_the_law_of_growth_is_the_models():
    """d(delta)/dt of the closed form is V i/F of the model's current."""
    one = {"noise": 1.0, "time": jnp.asarray([100.0, 100.01])}
    grown = np.asarray(lost({"sigma": 1.2e-10, "area": 1.0}, one)) * 24.4e-6
    rate = float(
        interphase_current(
            jnp.asarray(0.0),
            jnp.asarray(1e-9 + np.mean(grown)),
            reduction_potential=jnp.asarray(1.7),
            ambipolar_conductivity=jnp.asarray(1.2e-10),
            reaction_resistance=jnp.asarray(50.0),
            f=jnp.asarray(38.9),
        )
    )
    assert np.diff(grown)[0] / 0.01 == pytest.approx(24.4e-6 * rate / FARADAY, rel=1e-3)


def dip(currents):
    """Nine voltages of 1 mV noise on a collector, from the first tenth of a nucleation capacity; the barrier is up."""
    interface = Interface(LithiumKinetics(200.0), Nucleation(BARRIER, 0.1, 1e-3), contact_resistance=RESISTANCE)
    cell = Cell(
        Collector(interface), Separator(30e-6, KAPPA), LithiumElectrode(50e-6, Interface(LithiumKinetics(200.0)))
    )
    current = -np.concatenate([[0.0], currents])  # a collector is plated by a discharge
    time = np.concatenate([[0.0], np.cumsum(100.0 / np.asarray(currents))])
    pair = [
        unknown("barrier", "working.interface.nucleation.overpotential", BARRIER, "V"),
        unknown("resistance", "working.interface.contact_resistance", RESISTANCE, "Ohm m2"),
    ]
    record = dataset(time, current, np.zeros_like(time), fitted=np.arange(time.size) > 1, noise=1e-3)
    return CellProblem(cell, record, ParameterSet(pair, cell))


def test_nucleation_barrier_and_interfacial_resistance():
    """At one current density the dip is their sum; at two it is a straight line with an intercept."""
    assert told_of(dip([40.0] * 10)) == together("barrier", "resistance")
    assert told_of(dip([10.0] * 5 + [100.0] * 5)) == apart("barrier", "resistance")


def test_exchange_current_and_series_resistance():
    """Both are resistances while I << i0; the charge transfer alone bends: 0.4, 3.8, 20 % at I/i0 = 0.3, 1, 3."""
    bends = Interface(LithiumKinetics(2.0))
    cell = Cell.symmetric(LithiumElectrode(50e-6, bends), Separator(30e-6, KAPPA, 20.0 * RESISTANCE))
    pair = [
        unknown("i0", [f"{side}.interface.kinetics.exchange_current_density" for side in SIDES], 2.0, "A m-2"),
        unknown("series", "separator.series_resistance", 20.0 * RESISTANCE, "Ohm m2"),
    ]

    def record(over_i0, plan=None):
        """0.5 mV of noise over 1 A m-2, about 1 % of the drop, at either size of the current."""
        current = 2.0 * over_i0 * np.concatenate([[0.0], np.repeat([0.5, -0.5, 1.0, -1.0], 4)])
        time = np.arange(current.size) * 30.0
        data = dataset(time, current, np.zeros_like(time), noise=5e-4 * np.max(current))
        return CellProblem(cell, data, ParameterSet(pair, cell), plan=plan)

    large = record(5.0)
    assert told_of(large) == apart("i0", "series")
    assert told_of(record(0.1, large.plan)) == together("i0", "series")


def half_cell(*, i0, diffusivity=1e-14, transport=None):
    cathode = CompositeCathode(
        40e-6, 0.5, 5e-6, 48000.0, 0.5, diffusivity, NMC532(), IntercalationKinetics(i0), transport=transport
    )
    return Cell(LithiumElectrode(50e-6, Interface(LithiumKinetics(200.0))), Separator(30e-6, KAPPA), cathode)


def test_diffusivity_and_particle_radius():
    """Diffusion alone sees R^2/D; a slow reaction of known i0 sees the surface, 3 eps/R of the volume."""
    pair = [
        unknown("diffusivity", "counter.particle_diffusivity", 1e-14, "m2 s-1"),
        unknown("radius", "counter.particle_radius", 5e-6, "m"),
    ]
    band = np.geomspace(1.0, 1e-4, 21)
    assert told_of(spectrum(half_cell(i0=1e4), pair, band)) == together("diffusivity", "radius")
    assert told_of(spectrum(half_cell(i0=0.3), pair, band)) == apart("diffusivity", "radius")


@pytest.mark.parametrize(("kappa", "verdicts"), [(8e-3, together), (0.3, apart)])
def test_cathode_conductivity_and_surface(kappa, verdicts):
    """Where the reaction does not reach through the cathode its resistance is 1/sqrt(kappa a g), the root of a product;
    where it does, it is L/(3 kappa) + 1/(a g L). The radius stands for a = 3 eps/R, since diffusion is fast."""
    pair = [
        unknown("kappa", "counter.transport.ionic_conductivity", kappa, "S m-1"),
        unknown("radius", "counter.particle_radius", 5e-6, "m"),
    ]
    cell = half_cell(i0=10.0, diffusivity=1e-9, transport=CathodeTransport(kappa, 1e3))
    assert told_of(spectrum(cell, pair, np.geomspace(100.0, 1.0, 21))) == verdicts("kappa", "radius")
