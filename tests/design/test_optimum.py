"""The optimum of a design against closed forms and a grid; multipliers against moved limits; failures survived."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from design_cases import steady, thickest, thickness, toy, toy_case, toy_variables

from jaxcell import Separator
from jaxcell.design import Design, DesignCase, DesignError, Limit, Objective, optimise
from jaxcell.design.solvers import METHODS
from jaxcell.inference import Parameter, ParameterSet

GAIN = Objective("gain")


def toy_design(*limits: Limit, objective: Objective = GAIN, **changes: Any) -> Design:
    case = toy_case()
    values = {"quantities": toy, "units": {"gain": "J", "sum": "m"}} | changes
    return Design(case, ParameterSet(toy_variables(), case), objective, limits, **values)


@pytest.mark.parametrize("method", METHODS)
def test_constrained_optimum_is_the_closed_form(method: Any) -> None:
    # Nearest point of x + y = 4 to (3, 2): (2.5, 1.5), at -0.5; d gain/d limit = 2 (3 - x) = 1.
    found = optimise(toy_design(Limit("sum", at_most=4.0)), method=method)
    assert found.converged
    assert method != "slsqp" or found.verdict == "Converged; 3 of 3 starts ended here."
    assert found.values == pytest.approx({"x": 2.5, "y": 1.5}, abs=2e-3)
    assert found.objective == pytest.approx(-0.5, rel=5e-3)
    (limit,) = found.limits
    assert limit.active
    assert limit.value == pytest.approx(4.0, rel=1e-4)
    assert limit.multiplier == pytest.approx(1.0, rel=5e-3)


@pytest.mark.parametrize("method", METHODS)
def test_optimum_on_a_bound(method: Any) -> None:
    # The largest x + y of gain >= -1 with y at most 2 would be beyond y's bound of 1.
    case = toy_case()
    x, _ = toy_variables()
    y = Parameter("y", "y", "1", (0.1, 1.0), "linear")
    found = optimise(Design(case, ParameterSet([x, y], case), GAIN, (), quantities=toy), method=method)
    assert found.values == pytest.approx({"x": 3.0, "y": 1.0}, abs=2e-3)
    assert [one.at_bound for one in found.variables] == [None, "high"]
    # d/dy of -(y - 2)^2 is 2 there: what one more of the bound is worth.
    assert found.variables[1].multiplier == pytest.approx(2.0, rel=5e-3)
    assert found.variables[1].slope == pytest.approx(2.0, rel=5e-3)


def test_multiplier_is_what_moving_the_limit_changes() -> None:
    limits = [Limit("sum", at_most=bound) for bound in (3.9, 4.1)]
    low, high = (optimise(toy_design(limit)).objective for limit in limits)
    middle = optimise(toy_design(Limit("sum", at_most=4.0))).limits[0].multiplier
    assert (high - low) / 0.2 == pytest.approx(middle, rel=1e-3)
    # A lower limit on what is minimised: raising it costs.
    least = Objective("sum", maximise=False)
    bounds = [Limit("gain", at_least=bound) for bound in (-2.1, -1.9)]
    low, high = (optimise(toy_design(limit, objective=least)).objective for limit in bounds)
    middle = optimise(toy_design(Limit("gain", at_least=-2.0), objective=least)).limits[0].multiplier
    assert middle > 0.0
    assert (high - low) / 0.2 == pytest.approx(middle, rel=1e-2)


def test_cost_of_a_variable() -> None:
    found = optimise(toy_design(Limit("sum", at_most=4.0)))
    # x + 0.5, y - 0.5: from (2.5, 1.5) to (3, 1), -0.5 to -1.
    assert found.cost_of("x", 0.5) == pytest.approx(-0.5, rel=1e-3)
    # At x = 4.9 the sum is at least 5, whatever y.
    assert np.isnan(found.cost_of("x", 2.4))
    with pytest.raises(ValueError, match=r"There is no variable 'z'; there are x, y\."):
        found.cost_of("z", 0.1)
    with pytest.raises(ValueError, match=r"x must stay within \(0\.1, 5\) 1, but is 12\.5\."):
        found.cost_of("x", 10.0)


def test_layer_as_thick_as_a_current_allows() -> None:
    case, onset = steady(), Limit("top_onset_current", at_least=25.0)
    design = Design(case, ParameterSet([thickness()], case), Objective("layer_thickness"), (onset,))
    found = optimise(design)
    assert found.converged
    assert found.values["thickness"] == pytest.approx(thickest(25.0), rel=1e-5)
    assert found.limits[0].value == pytest.approx(25.0, rel=1e-5)
    moved = (thickest(25.1) - thickest(24.9)) / 0.2
    assert found.limits[0].multiplier == pytest.approx(moved, rel=1e-3)
    assert found.gradient_error < 1e-4


def test_mixture_against_a_grid() -> None:
    # More filler lowers the ionic conductivity: the least resistance that keeps 3 mA cm-2 of onset.
    variables = [thickness(), Parameter("filler", "recipe.filler_fraction", "1", (0.02, 0.4), "linear")]
    case = steady(recipe=True)
    design = Design(
        case, ParameterSet(variables, case), Objective("resistance", False), (Limit("layer_thickness", at_least=3e-6),)
    )
    found = optimise(design)
    grid = [
        float(design.values({"thickness": 3e-6, "filler": filler})["resistance"])
        for filler in np.linspace(0.02, 0.4, 9)
    ]
    assert found.converged
    assert found.objective <= min(grid) * (1.0 + 1e-5)
    assert found.objective == pytest.approx(min(grid), rel=1e-5)


def test_what_cannot_be_held_is_said() -> None:
    found = optimise(toy_design(Limit("sum", at_least=11.0)), starts=2)
    assert not found.feasible
    assert not found.converged
    assert found.verdict == "No design within the bounds was found that holds the limits; sum >= 11 is missed most."


def holes(case: dict, names: tuple[str, ...]) -> dict:
    """As the toy, but a run fails at x > 2.8."""
    found = toy(case, names)
    return {name: jnp.where(case["x"] > 2.8, jnp.nan, value) for name, value in found.items()}


def test_failed_evaluations_are_survived() -> None:
    found = optimise(toy_design(Limit("sum", at_most=4.0), quantities=holes), starts=4)
    assert found.failures > 0
    assert found.values == pytest.approx({"x": 2.5, "y": 1.5}, abs=2e-3)


def test_nothing_but_failures() -> None:
    def never(case: dict, names: tuple[str, ...]) -> dict:
        return {name: value * jnp.nan for name, value in toy(case, names).items()}

    with pytest.raises(DesignError, match="cannot be evaluated at its start"):
        optimise(toy_design(quantities=never))


def test_interruption_keeps_the_best() -> None:
    def stop(done: int, starts: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    found = optimise(toy_design(Limit("sum", at_most=4.0)), progress=stop)
    assert found.interrupted
    assert not found.converged
    assert found.verdict == "Interrupted: the best point so far."
    assert found.values == pytest.approx({"x": 2.5, "y": 1.5}, abs=1e-3)


def test_watched_quantities_are_reported() -> None:
    found = optimise(replace(toy_design(Limit("sum", at_most=4.0)), watched=("load",)))
    assert found.watched == {"load": 0.0}
    assert "load = 0" in found.summary()


def test_refusals() -> None:
    bare, variables = steady().cell, ParameterSet([thickness()], steady())
    with pytest.raises(ValueError, match=r"must be one of resistance, .*, but is 'energy'"):
        Design(steady(), variables, Objective("energy"))
    with pytest.raises(ValueError, match="'specific_energy' needs a DesignCase with steps"):
        Design(steady(), variables, Objective("specific_energy"))
    case = DesignCase(bare, ["Plate at 1 mA/cm2 for 1 h"])
    with pytest.raises(ValueError, match=r"'specific_energy' needs DesignCase\.masses"):
        Design(case, variables, Objective("specific_energy"))
    with pytest.raises(ValueError, match=r"Limit 'sum' must have one of at_most and at_least"):
        Limit("sum")
    with pytest.raises(ValueError, match="starts must be a whole number of at least 1, but is 0"):
        optimise(toy_design(), starts=0)
    plain = type(bare)(bare.counter, Separator(30e-6, 0.24), bare.counter)
    with pytest.raises(ValueError, match="needs a cell whose working electrode has a layer"):
        DesignCase(plain, recipe=steady(recipe=True).recipe)
