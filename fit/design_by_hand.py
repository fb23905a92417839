"""The optimum of fit/design_mixture.py with nothing but optax.adam: python fit/design_by_hand.py

Objective and limit are one function of theta, `Design.entries()`; between two rounds of Adam the limit's multiplier is
updated (M. J. D. Powell in Optimization, ed. R. Fletcher, Academic Press, 1969).
"""

import jax
import jax.numpy as jnp
import optax
from design_mixture import STIFFNESS, design


def adam_design(problem, rounds=12, steps=400, penalty=10.0):
    """Theta of the largest objective with its one limit held, and the limit's multiplier."""
    variables, entries = problem.variables, problem.entries()
    low, width = variables.lower, variables.upper - variables.lower
    optimiser = optax.adam(optax.cosine_decay_schedule(0.03, steps))

    def lagrangian(z, multiplier):
        objective, value = entries(low + width * z)[:2]
        pushed = jnp.maximum(multiplier + penalty * (1.0 - value / STIFFNESS), 0.0)
        return 0.5 * pushed**2 / penalty - jnp.log(objective), pushed

    def one_round(carry, _):
        def step(state, _):
            gradient = jax.grad(lagrangian, has_aux=True)(state[0], carry[1])[0]
            update, memory = optimiser.update(gradient, state[1])
            return (jnp.clip(state[0] + update, 0.0, 1.0), memory), None

        (z, _), _ = jax.lax.scan(step, (carry[0], optimiser.init(carry[0])), length=steps)
        return (z, lagrangian(z, carry[1])[1]), None

    start = ((variables.initial - low) / width, jnp.asarray(0.0))
    z, multiplier = jax.jit(lambda carry: jax.lax.scan(one_round, carry, length=rounds)[0])(start)
    return low + width * z, multiplier


if __name__ == "__main__":
    mixture = design()
    print(mixture.variables.to_physical(adam_design(mixture)[0]))
