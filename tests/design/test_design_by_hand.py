"""The design study of fit/: its optimum against a closed form, a grid, and an optimisation by plain optax."""

import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxcell.design import optimise

FIT = Path(__file__).parents[2] / "fit"


@pytest.fixture(scope="module")
def scripts():
    """The two scripts of the study, imported as they import one another."""
    sys.path.insert(0, str(FIT))
    try:
        import design_by_hand
        import design_mixture

        yield design_mixture, design_by_hand
    finally:
        sys.path.remove(str(FIT))


def test_optimum_is_that_of_a_grid_and_of_plain_optax(scripts) -> None:
    mixture, by_hand = scripts
    assert len((FIT / "design_by_hand.py").read_text().splitlines()) <= 40
    problem = mixture.design()
    best = optimise(problem, starts=2)
    assert best.converged
    # d/dphi of (1 + 2.5 phi)(1 - phi)^1.5 is zero at 4/25; there the modulus is 1.4 MPa.
    assert best.values == pytest.approx({"thickness": 5e-6, "filler": 0.16}, rel=1e-3)
    assert best.limits[0].active

    thickness, _, onset, stiffness = mixture.grid(problem, 24)
    allowed = np.where(stiffness >= mixture.STIFFNESS, onset, -np.inf)
    k = np.unravel_index(np.argmax(allowed), allowed.shape)
    assert allowed[k] <= best.objective
    # The best of the grid is at most its spacing, 10 % of thickness, away.
    assert allowed[k] == pytest.approx(best.objective, rel=0.1)
    assert thickness[k] == pytest.approx(best.values["thickness"], rel=0.11)
    # Whatever does better than the optimum on the grid is too soft.
    assert np.all(stiffness[onset > best.objective] < mixture.STIFFNESS)

    with jax.numpy_dtype_promotion("standard"):  # optax multiplies its integer step count with floats
        theta, multiplier = by_hand.adam_design(problem)
    found = problem.variables.to_physical(theta)
    assert {name: float(value) for name, value in found.items()} == pytest.approx(best.values, rel=2e-3)
    # That of ln(objective) by the relative limit, against d(objective)/d(limit).
    per_limit = -float(multiplier) * best.objective / mixture.STIFFNESS
    assert per_limit == pytest.approx(best.limits[0].multiplier, rel=2e-2)
