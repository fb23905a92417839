"""Fits of cycles whose steps end on a voltage: charges at the ends, voltages at shares of each step.

Virtual data with 1 mV of noise: three cycles at different currents, each of which strips a thin foil until 0.2 V.
"""

import functools

import equinox as eqx
import numpy as np
import pytest
from jax import Array

from jaxcell import (
    Cell,
    Interface,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    ProtectionLayer,
    Protocol,
    Separator,
    Settings,
    Until,
    hold,
    plate,
    simulate,
    strip,
)
from jaxcell.inference import (
    FitSettings,
    LogNormal,
    Parameter,
    ParameterSet,
    ProtocolProblem,
    Status,
    StepData,
    fit,
    step_data,
)
from jaxcell.inference.evaluation import value_and_jacobian

TRUTH = {"conductivity": 5e-3, "exchange current": 10.0, "lithium": 1e-6, "depletion": 7.5e-3}
RANGES = {"conductivity": (1e-3, 3e-2), "exchange current": (1.0, 100.0), "lithium": (0.4e-6, 2.5e-6)}
RANGES |= {"depletion": (1e-3, 5e-2)}
PATHS = {
    "conductivity": ("working.layer.ionic_conductivity", "S/m"),
    "exchange current": ("working.interface.kinetics.exchange_current_density", "A/m2"),
    "lithium": ("working.lithium_thickness", "m"),
    "depletion": ("working.interface.nucleation.depletion_capacity", "mol/m2"),
}
VOLTAGE_NOISE = 1e-3
CHARGE_NOISE = 1e-3
"""Relative."""


pytestmark = pytest.mark.runs_much


def cell() -> Cell:
    slow = Interface(LithiumKinetics(10.0), Nucleation(0.0, nucleation_capacity=1.0, depletion_capacity=7.5e-3))
    foil = LithiumElectrode(1e-6, slow, ProtectionLayer(5e-6, 5e-3, top=None))
    return Cell(foil, Separator(30e-6, 0.24), LithiumElectrode(50e-6, Interface(LithiumKinetics(20.0))))


def cycles(points: int) -> Protocol:
    until = Until(voltage_above=0.2)
    return Protocol.of(
        [
            [plate(i, 0.1, points=points), strip(i, until=until, duration=1800.0 / i, points=points)]
            for i in (0.5, 2.0, 1.0)
        ]
    )


def parameters() -> ParameterSet:
    """Bounds ten times as wide as the 95 % range of the priors, from which the starts are drawn."""
    return ParameterSet(
        [
            Parameter(
                name, path, unit, (RANGES[name][0] / 10.0, RANGES[name][1] * 10.0), "log", LogNormal(RANGES[name]),
                initial=TRUTH[name] * (0.4 if k % 2 else 2.0),
            )
            for k, (name, (path, unit)) in enumerate(PATHS.items())
        ]
    )  # fmt: skip


def measured(seed: int = 1) -> list[StepData]:
    """Samples of a fine run, every half per cent of the longest duration."""
    fine = simulate(cell(), cycles(200), settings=Settings(1e-8, 1e-8))
    rng = np.random.default_rng(seed)
    data, began = [], 0.0
    for step in range(6):
        rows = [row for row in fine.taken if int(fine.step[row]) == step]
        time = np.array([began, *np.asarray(fine.time)[rows]])
        voltage = np.asarray(fine.voltage)[[rows[0], *rows]] + VOLTAGE_NOISE * rng.normal(size=len(rows) + 1)
        current = np.asarray(fine.current_density)[[rows[0], *rows]] * (1.0 + CHARGE_NOISE * rng.normal())
        passed = abs(current[0]) * (time[-1] - began)
        shares = np.linspace(0.05, 0.95, 10)
        whole = step_data(
            step, time, current, voltage, shares=shares, voltage_noise=VOLTAGE_NOISE, charge_noise=CHARGE_NOISE * passed
        )
        # Plating lasts as long as the protocol says.
        data.append(whole if step % 2 else eqx.tree_at(_ends, whole, (None, None)))
        began = time[-1]
    return data


def _ends(data: StepData):
    return data.charge, data.charge_noise


@functools.cache
def problem() -> ProtocolProblem:
    return ProtocolProblem(cell(), cycles(1), measured(), parameters())


@eqx.filter_jit
def evaluated(problem: ProtocolProblem, theta: Array) -> tuple[Array, Array]:
    return value_and_jacobian(problem.residuals, theta)


def test_every_start_reaches_the_noise() -> None:
    found = fit(problem(), starts=20, seed=3, settings=FitSettings(ridges=0))
    assert found.noise.n_points == 63
    assert 0.6 < found.noise.chi2 / found.noise.dof < 1.4
    assert len(found.starts) == 20
    for start in found.starts:
        # The same optimum, found by the tests of convergence: neither stalled nor out of steps.
        assert start.loss - found.loss < 1e-3
        assert Status(start.status).converged
    for name, one in found.parameters.items():
        low, high = one.interval95
        assert low < TRUTH[name] < high


def test_jacobian_against_differences_of_runs_that_choose_their_own_steps() -> None:
    theta = parameters().from_physical(TRUTH)
    values, jacobian = evaluated(problem(), theta)
    assert np.all(np.isfinite(values))
    for k in range(theta.size):
        ahead, behind = (evaluated(problem(), theta.at[k].add(h))[0] for h in (1e-3, -1e-3))
        found = np.asarray(ahead - behind) / 2e-3
        # Each run is off by some 1e-5 V in 1e-3 V.
        np.testing.assert_allclose(jacobian[:, k], found, atol=2e-3 * np.max(np.abs(found)))


def test_a_cell_that_passes_over_a_measured_step_has_no_residuals() -> None:
    """Too much resistance: stripping at 2 mA cm-2 is beyond its stop as it begins."""
    values, _ = evaluated(problem(), parameters().from_physical(TRUTH | {"conductivity": 2e-4}))
    assert np.any(np.isnan(values))


def test_the_nearest_samples_are_taken_as_they_are() -> None:
    time = np.array([0.0, 10.0, 20.0, 35.0, 100.0])
    voltage = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    found = step_data(
        2, time, np.full(5, -10.0), voltage, shares=[0.01, 0.21, 0.3, 0.33, 0.99], voltage_noise=1e-3, charge_noise=1.0
    )
    assert float(found.charge) == pytest.approx(1000.0)
    np.testing.assert_allclose(found.shares, [0.2, 0.35])
    np.testing.assert_allclose(found.voltage, [0.3, 0.4])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step": -1}, r"step must be a whole number of at least 0, but is -1"),
        ({"charge": 1.0}, r"charge_noise must be given \[C m-2\] where charge is"),
        ({"duration": -1.0, "duration_noise": 1.0}, r"duration must be a finite number above 0 \[s\], but is -1"),
        ({"shares": [0.5, 1.0], "voltage": [0.1, 0.2]}, r"shares must increase, above 0 and up to 0.99"),
        ({"shares": [0.5], "voltage": []}, r"equally long, but have shapes \(1,\) and \(0,\)"),
        ({"shares": [0.5], "voltage": [np.nan], "voltage_noise": 1.0}, r"voltage must be finite \[V\], but sample 0"),
        ({}, r"must have a duration, a charge, an efficiency or voltages, but step 0 has none"),
    ],
)
def test_refused_data(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StepData(**({"step": 0} | changes))


def test_refused_steps() -> None:
    ends = functools.partial(StepData, charge=1.0, charge_noise=0.1)
    held = Protocol.of(hold(0.1, duration=10.0))
    voltages = StepData(0, shares=[0.5], voltage=[0.1], voltage_noise=1e-3)
    for protocol, data, message in (
        (cycles(1), [], "at least one step"),
        (cycles(1), [ends(6)], "which has 6, but is 6"),
        (cycles(1), [ends(1), ends(1)], "step 1 twice"),
        (held, [voltages], "no voltages where the protocol holds them, but step 0 has"),
    ):
        with pytest.raises(ValueError, match=message):
            ProtocolProblem(cell(), protocol, data, parameters())
