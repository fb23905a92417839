"""How runs end, in words."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells

from jaxcell import RESULTS, Current, Protocol, Settings, SimulationError, Step, simulate


def test_every_code_has_a_sentence() -> None:
    for code in RESULTS:
        assert code.sentence.endswith(".")
        assert len(code.sentence.split()) > 5
    assert int(RESULTS.successful) == 0


def test_running_out_of_steps() -> None:
    settings = Settings(1e-3, 1.3e-3, max_steps=3)
    with pytest.raises(SimulationError) as error:
        simulate(sample_cells.bare(), Protocol.of(Step(Current(-10.0), 100.0, points=2)), settings=settings)
    message = str(error.value)
    assert message.startswith("The run used up its steps; raise max_steps or loosen the tolerances.")
    assert "of 100 s, with -0." in message
    assert "Array(" not in message
    solution = error.value.solution
    assert solution.result is RESULTS.step_limit
    assert solution.reached == 0
    assert 0.0 < float(solution.trajectory.final_time) < 100.0
    assert np.all(np.isnan(solution.voltage))


def test_without_throw_the_code_is_returned() -> None:
    settings = Settings(1e-3, 1.3e-3, max_steps=3)
    protocol = Protocol.of(Step(Current(-10.0), 100.0, points=2))
    solution = simulate(sample_cells.bare(), protocol, settings=settings, throw=False)
    assert int(solution.status) == RESULTS.step_limit


def test_a_plan_that_newton_cannot_follow_says_so() -> None:
    """The plan of a gentle run, replayed at a current that empties the electrode within its first step."""
    cell = sample_cells.collector_alone(0.0)
    gentle = Protocol.of(Step(Current(-0.1), 1000.0, points=2))
    plan = simulate(cell, gentle).plan
    violent = eqx.tree_at(lambda p: p.value, gentle, jnp.asarray([1e7, 1e7]))
    solution = simulate(cell, violent, plan=plan, throw=False)
    assert solution.result is not RESULTS.successful
    with pytest.raises(SimulationError, match=r"planned step grid"):
        simulate(cell, violent, plan=plan)
