"""Particles that need more shells than they have are told so, and only they."""

import dataclasses
import math
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from scipy.optimize import brentq

from jaxcell import (
    Cell,
    LithiumElectrode,
    Protocol,
    ResolutionWarning,
    at_voltage,
    charge,
    discharge,
    replay,
    simulate,
    with_voltage_window,
    xu2019_half_cell,
)
from jaxcell.model.cathode import particles_of
from jaxcell.resolution import LATEST, surface_error, warn_of_few_shells

SLOW = 1e-16
"""D [m2 s-1] at which 1C fills the surface of 5.3 um particles within the hour, and little else."""


def cell(diffusivity: float | None = None) -> Cell:
    parts = xu2019_half_cell(1.0, single_particle=True)
    own = Cell(LithiumElectrode(50e-6), parts.separator, parts.cathode)
    own = at_voltage(with_voltage_window(own, 3.0, 4.2), 4.2)
    return own if diffusivity is None else sample_cells.replace(own, counter__particle_diffusivity=diffusivity)


def told(own: Cell, protocol: Protocol, shells: int = 16) -> list[str]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        warn_of_few_shells(own, protocol, shells)
    assert all(one.category is ResolutionWarning for one in found)
    return [str(one.message) for one in found]


HOUR = Protocol.of("Discharge at 1C until 3 V", "Rest for 1 h")


@pytest.mark.parametrize("own", [cell(), cell(1e-15), sample_cells.full(salted=True), sample_cells.bare()])
def test_no_false_alarm(own: Cell) -> None:
    ordinary = (discharge(5.0, 0.5, points=3), charge(5.0, 0.2, points=3)) if own.rated_capacity is None else ()
    assert told(own, Protocol.of(*ordinary) if ordinary else HOUR) == []


def test_slow_diffusion_is_told_and_how_many_shells_would_do() -> None:
    (message,) = told(cell(SLOW), HOUR)
    assert message.startswith(
        "16 shells do not resolve how lithium spreads in the cathode's particles at the current of"
    )
    assert "protocol step 0: " in message
    assert message.endswith("shells=32 keep it below 0.005.")
    assert told(cell(SLOW), HOUR, shells=32) == []
    # Slow when cold, too.
    cold = dataclasses.replace(cell(1e-15), temperature=263.15)
    assert told(cold, HOUR) == []
    assert told(sample_cells.replace(cold, counter__diffusivity_activation_energy=5e4), HOUR) != []
    # The strongest step is named; a measured current is looked at as well.
    (message,) = told(cell(SLOW), Protocol.of("Discharge at C/20 for 1 h", "Discharge at 2C until 3 V"))
    assert "protocol step 1: " in message
    assert len(told(cell(SLOW), replay([0.0, 600.0, 1200.0], [-10.0, -10.0, 0.0]))) == 1


def test_simulate_warns_unless_it_replays_or_is_traced() -> None:
    short = Protocol.of(discharge(c_rate=2.0, duration=60.0, points=1))
    with pytest.warns(ResolutionWarning, match="at the current of protocol step 0"):
        solution = simulate(cell(SLOW), short)
    simulate(cell(SLOW), short, plan=solution.plan)
    traced = jax.jit(lambda own: simulate(own, short, throw=False).voltage)(cell(SLOW))
    np.testing.assert_allclose(traced, solution.voltage, rtol=1e-12)


def test_the_error_is_that_of_the_exact_series() -> None:
    """Carslaw and Jaeger's sphere of constant flux; the estimate is at most a fifth too low, and twice too high."""
    roots = [brentq(lambda z: np.sin(z) - z * np.cos(z), n * np.pi, (n + 0.5) * np.pi) for n in range(1, 4001)]
    squares = np.array(roots) ** 2
    cathode = eqx.tree_at(lambda c: c.open_circuit, cell().counter, cell().counter.open_circuit)
    for shells in (16, 32, 64):
        volumes, conductances = (
            np.asarray(getattr(particles_of(cathode, jnp.ones(1), shells, isothermal=True), name))[:, 0]
            for name in ("volumes", "conductances")
        )
        # V dx/ds = K; a flux of 3 at the surface raises the mean by 3 s.
        inner = conductances[:-1]
        matrix = np.diag(inner, 1) + np.diag(inner, -1) - np.diag(np.append(inner, 0.0) + np.append(0.0, inner))
        scale = volumes**-0.5
        rates, modes = np.linalg.eigh(scale[:, None] * matrix * scale[None])
        for s in (1e-4, 1e-3, LATEST):
            grown = np.where(np.abs(rates) < 1e-6, s, np.expm1(rates * s) / np.where(rates == 0.0, 1.0, rates))
            outermost = 3.0 * scale[-1] ** 2 * float(np.sum(modes[-1] ** 2 * grown)) + 3.0 / conductances[-1]
            exact = 3.0 * s + 0.2 - 2.0 * float(np.sum(np.exp(-s * squares) / squares))
            delta = 0.5 * math.sqrt(math.pi / s)
            (estimate,) = surface_error(np.array([delta]), np.array([s]), shells)
            assert 0.8 < estimate / (delta * (outermost - exact)) < 2.0, (shells, s)


@pytest.mark.slow
def test_capacity_is_off_by_twice_the_error() -> None:
    full, run = cell(SLOW), Protocol.of("Discharge at 1C until 3 V")
    with pytest.warns(ResolutionWarning):
        few = simulate(full, run)
    passed = [float(np.nansum(own.charge)) for own in (few, *(simulate(full, run, shells=n) for n in (32, 128)))]
    assert passed[0] / passed[2] - 1.0 == pytest.approx(-0.036, rel=0.1)
    assert abs(passed[1] / passed[2] - 1.0) < 0.01
