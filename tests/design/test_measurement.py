"""Which measurement tells most: where theory says so, and that what is expected is what virtual fits give."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcell import Cell, Film, LithiumElectrode, ProtectionLayer, Separator
from jaxcell.design import (
    chosen_program,
    expected_interval,
    next_measurement,
    optimise,
    program_design,
    virtual_curve,
    virtual_spectrum,
)
from jaxcell.design.current_program import program_quantities
from jaxcell.inference import FitSettings, FunctionProblem, LogNormal, Normal, Parameter, ParameterSet, fit

KAPPA = Parameter("kappa", "working.layer.ionic_conductivity", "S/m", (1e-4, 1e-1), prior=LogNormal((1e-3, 3e-2)))
FILM = Parameter(
    "film", "working.layer.separator_film.resistance", "Ohm m2", (1e-5, 1e-1), prior=LogNormal((1e-4, 1e-2))
)
CURRENT = Parameter(
    "i0", "working.interface.kinetics.exchange_current_density", "A/m2", (0.1, 1e3), prior=LogNormal((1.0, 100.0))
)


def coated(thickness: float = 5e-6) -> Cell:
    """10 Ohm cm2 of film in series with a layer of 10 Ohm cm2 at 5 um; the film relaxes at 800 Hz."""
    layer = ProtectionLayer(thickness, 5e-3, top=None, separator_film=Film(1e-3, 0.2))
    return Cell(LithiumElectrode(20e-6, layer=layer), Separator(30e-6, 0.24), LithiumElectrode(50e-6))


def unknown(cell: Cell) -> ParameterSet:
    return ParameterSet([KAPPA, FILM], cell)


def steady(thickness: float = 5e-6) -> Any:
    """Small, slow currents: one number, the sum of layer and film."""
    cell = coated(thickness)
    time, current = np.arange(0.0, 241.0, 60.0), np.array([0.0, 0.5, 0.5, -0.5, -0.5])
    return virtual_curve(cell, time, current, unknown(cell), noise=5e-6)


def spectrum(low: float, high: float) -> Any:
    cell = coated()
    return virtual_spectrum(cell, np.geomspace(low, high, 15), unknown(cell))


def test_layer_and_film_need_thickness_or_frequency() -> None:
    """model: L/kappa and a film part by a series of thicknesses or above the film's relaxation, by nothing slow."""
    candidates = {
        "again": steady(),
        "thicker": steady(20e-6),
        "slow spectrum": spectrum(0.1, 10.0),
        "fast spectrum": spectrum(10.0, 1e5),
    }
    chosen = next_measurement(candidates, "kappa", already=steady())
    order = [one.name for one in chosen.candidates]
    told = {one.name: one.narrowing for one in chosen.candidates}
    assert set(order[:2]) == {"thicker", "fast spectrum"}
    assert told["again"] == pytest.approx(1.0, abs=1e-3)
    assert told["slow spectrum"] < 2.0
    assert min(told["thicker"], told["fast spectrum"]) > 50.0
    assert order[0] in chosen.sentence
    assert chosen.to_dataframe().index.tolist() == ["before", *order]
    # The same record once more halves the variance of the sum alone: 0.5 ln 2.
    again = next(one for one in chosen.candidates if one.name == "again")
    assert again.information == pytest.approx(0.5 * np.log(2.0), rel=1e-3)


def line(points: list[float], noise: float) -> FunctionProblem:
    """y = a + b x at these x, both unknown."""
    a = Parameter("a", "a", "1", (-50.0, 50.0), "linear", Normal(0.0, 1.0), 0.0)
    b = Parameter("b", "b", "1", (-50.0, 50.0), "linear", Normal(0.0, 1.0), 0.0)
    x = jnp.asarray(points)
    return FunctionProblem(ParameterSet([a, b]), lambda v, x: (v["a"] + v["b"] * x) / noise, x)


def test_criteria_of_a_straight_line() -> None:
    # Both points at x = 0 tell a alone; far apart they tell b.
    candidates = {"near": line([0.0] * 2, 0.01), "far": line([0.0, 10.0], 0.01)}
    assert next_measurement(candidates, "a").best.name == "near"
    assert next_measurement(candidates, "b").best.name == "far"
    assert next_measurement(candidates, "a", criterion="d").best.name == "far"
    far = next_measurement({"far": candidates["far"]}, "b").best
    X = np.array([[1.0, 0.0], [1.0, 10.0]]) / 0.01
    covariance = np.linalg.inv(X.T @ X + np.eye(2))
    # sd is that of the coordinate, value/100 (the width of the bounds).
    assert far.sd * 100.0 == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-8)
    assert far.interval95 == pytest.approx(np.array([-1.96, 1.96]) * np.sqrt(covariance[1, 1]), rel=1e-4)
    assert far.information == pytest.approx(-0.5 * np.linalg.slogdet(covariance)[1], rel=1e-8)


def test_expected_interval_stays_within_the_bounds() -> None:
    length = ParameterSet([Parameter("L", "L", "m", (1e-6, 2e-5), "linear", initial=5e-6)])
    blind = FunctionProblem(length, lambda v, d: (v["L"] - d) / 1e-4 * jnp.ones(3), 5e-6)
    found = next_measurement({"one": blind}, "L")
    # 1.96 sd of what the bounds alone tell reach beyond the lower one.
    assert [one.interval95[0] for one in (found.best, found.before)] == [1e-6, 1e-6]
    assert 1e-5 < found.best.interval95[1] < found.before.interval95[1] < 2e-5


def test_refusals() -> None:
    with pytest.raises(ValueError, match="There is no parameter 'c'; the candidates have a, b"):
        next_measurement({"one": line([0.0], 1.0)}, "c")
    with pytest.raises(ValueError, match="needs at least one candidate"):
        next_measurement({}, "a")
    with pytest.raises(ValueError, match="shares must increase from above 0 to 1"):
        program_design(
            coated(), [KAPPA], "kappa", steps=2, largest_current=1.0, durations=(1.0, 9.0), noise=1e-4, shares=(0.5,)
        )


@pytest.fixture(scope="module")
def best():
    """Two steps within 30 A m-2 and 0.1 V that tell most of the exchange current density."""
    design = program_design(
        coated(),
        [KAPPA, CURRENT],
        "i0",
        steps=2,
        largest_current=30.0,
        durations=(10.0, 600.0),
        noise=1e-4,
        voltages=(-0.1, 0.1),
        total_time=600.0,
        shares=(0.25, 0.5, 0.75, 1.0),
    )
    return optimise(design, starts=2)


def test_best_program_uses_the_rig(best) -> None:
    # i0 shows in curvature alone (model): one current as large as the voltage allows, another to part it from kappa.
    assert best.feasible
    program = chosen_program(best)
    largest = max(abs(float(one)) for one in program.current)
    volts = np.asarray(program.voltage(program.parameters.initial))
    assert np.max(np.abs(volts)) == pytest.approx(0.1, rel=1e-3)
    assert largest > 10.0
    currents = np.linspace(-14.0, 14.0, 5)
    tried = [
        float(program_quantities(eqx_with(program, (a, b)), ("target_sd",))["target_sd"])
        for a in currents
        for b in currents
        if a > b
    ]
    assert best.objective <= min(tried) * (1.0 + 1e-6)


def eqx_with(program: Any, currents: tuple[float, float]) -> Any:
    import equinox as eqx

    return eqx.tree_at(lambda p: p.current, program, tuple(jnp.asarray(float(one)) for one in currents))


@pytest.mark.slow
def test_expected_interval_is_what_virtual_fits_give(best) -> None:
    program, (low, high) = chosen_program(best), expected_interval(best)
    sd, truth = best.objective, 10.0
    found, inside = [], 0
    for seed in range(16):
        one = fit(program.problem(seed), starts=1, settings=FitSettings(ridges=0)).parameters["i0"]
        found.append(np.log(one.estimate / truth))
        inside += one.interval95[0] <= truth <= one.interval95[1]
    assert low < truth < high
    # The scatter of 16 estimates is known to 18 %.
    assert np.std(found) == pytest.approx(sd, rel=0.45)
    assert abs(np.mean(found)) < 3.0 * sd / 4.0
    assert inside >= 13
