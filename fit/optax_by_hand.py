"""The same fit as `jaxcell fit fit/virtual_pulses.toml`, with nothing but optax.adam on the problem's loss.

python fit/optax_by_hand.py: `Problem.loss` is a pure function of theta, so any optimiser will do.
"""

from pathlib import Path

import jax
import optax

from jaxcell.study import load_study
from jaxcell.study.run import prepare


def adam_fit(problem, steps: int = 1000, learning_rate: float = 0.3):
    """Theta and losses of Adam from the problem's initial values, inside the bounds."""
    parameters = problem.parameters
    optimiser = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))

    def step(carry, _):
        theta, memory = carry
        loss, gradient = jax.value_and_grad(problem.loss)(theta)
        update, memory = optimiser.update(gradient, memory)
        theta = optax.projections.projection_box(theta + update, parameters.lower, parameters.upper)
        return (theta, memory), loss

    start = (parameters.initial, optimiser.init(parameters.initial))
    (theta, _), losses = jax.jit(lambda carry: jax.lax.scan(step, carry, length=steps))(start)
    return theta, losses


if __name__ == "__main__":
    _, _, problem = prepare(load_study(Path(__file__).parent / "virtual_pulses.toml"))
    theta, losses = adam_fit(problem)
    print(f"loss {losses[0]:.1f} -> {losses[-1]:.3f}")
    for name, value in problem.parameters.to_physical(theta).items():
        print(f"{name} = {value:.6g} (SI)")
