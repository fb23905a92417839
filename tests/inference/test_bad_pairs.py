"""Pairs of numbers that a measurement sees only together, each beside a measurement that parts them."""

import jax
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
    Interphase,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    Pores,
    ProtectionLayer,
    Protocol,
    Separator,
    impedance,
    simulate,
)
from jaxcell.inference import FunctionProblem, ParameterSet, SpectrumProblem, spectrum_data
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.dataset import dataset
from jaxcell.ledger import lithium_ledger
from jaxcell.solver.settings import Settings

SIDES = ("working", "counter")
KAPPA, RESISTANCE, BARRIER = 0.24, 1e-3, 0.04


def spectrum(cell, parameters, frequencies):
    """A spectrum of 1 % noise of this cell."""
    exact = np.asarray(impedance(cell, frequencies).impedance)
    return SpectrumProblem(cell, spectrum_data(frequencies, exact, relative_noise=0.01), ParameterSet(parameters))


FAST, SLOW = np.geomspace(1e5, 1.0, 21), np.geomspace(1.0, 1e-2, 21)


def test_exchange_current_and_contact():
    """Charge transfer and the constriction R_c0/chi are one resistance, unless the double layer is seen to charge.

    R_c0 stands for chi, which is a state, not a number of a cell: with full contact at the start, where the spectrum is
    taken, i0 chi and R_c0/chi are i0 and R_c0.
    """
    interface = Interface(LithiumKinetics(20.0), contact_loss=ContactLoss(resistance=RESISTANCE))
    cell = Cell(LithiumElectrode(20e-6, interface), Separator(30e-6, KAPPA), LithiumElectrode(50e-6))
    pair = [
        unknown("i0", "working.interface.kinetics.exchange_current_density", 20.0, "A m-2"),
        unknown("contact", "working.interface.contact_loss.resistance", RESISTANCE, "Ohm m2"),
    ]
    assert told_of(spectrum(cell, pair, SLOW)) == together("i0", "contact")
    assert told_of(spectrum(cell, pair, FAST)) == apart("i0", "contact")


def titrated(values, data):
    """Lithium in the interphase on the filler of a resting cell's layer at some times, of 1 % noise, by titration.

    The data are those of the values themselves, which leaves the derivatives as they are.
    """
    interphase = Interphase(values["sigma"], reaction_resistance=50.0)
    layer = ProtectionLayer(5e-6, 5e-3, top=None, pores=Pores(values["area"], interphase=interphase))
    cell = Cell(LithiumElectrode(20e-6, layer=layer), Separator(30e-6, KAPPA), LithiumElectrode(50e-6))
    rests = jnp.diff(data, prepend=0.0)
    at_rest = Protocol.of_currents(rests, jnp.zeros(rests.shape), jnp.zeros(rests.shape, dtype=bool))
    run = simulate(cell, at_rest, points=1, settings=Settings(1e-6, 1e-6), throw=False)
    taken = jnp.log(lithium_ledger(run).change["working, interphase inside"])
    return (taken - jax.lax.stop_gradient(taken)) / 0.01


def test_ambipolar_conductivity_and_contact_area():
    """Late growth is area times the root of conductivity and time; early growth, limited by the reaction, is area. A
    planar site has the area of the cell; that of filler inside a layer is a number of its own."""
    pair = ParameterSet([unknown("sigma", "sigma", 1.2e-10, "S m-1"), unknown("area", "area", 1e4, "m-1")])
    late, both = np.geomspace(1e6, 1e7, 12), np.geomspace(3.0, 1e7, 12)
    one = jnp.zeros(12, dtype=jnp.int32)
    assert told_of(FunctionProblem(pair, titrated, late, segments=one)) == together("sigma", "area")
    assert told_of(FunctionProblem(pair, titrated, both, segments=one)) == apart("sigma", "area")


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
