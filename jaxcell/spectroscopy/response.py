"""The small-signal response of a chain: (j omega M - J) dY = df/dI dI at a state, by the solver's own elimination."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Complex, Float

from jaxcell.model import ChainModel
from jaxcell.solver.linear import Linearisation, factorise, linearise, multiply, substitute
from jaxcell.solver.newton import rate_by_current
from jaxcell.solver.system import Capacities, State
from jaxcell.spectroscopy.dispersion import as_complex
from jaxcell.units import Entry, Scalar


class Linear(NamedTuple):
    """A chain linearised at a state and a current; once for all frequencies."""

    lin: Linearisation
    push: State
    """df/dI."""
    heard: Float[Array, " s"]
    """d(S ds/dt)/dE: what the states of the whole cell hear of an extra voltage."""


def linear_at(model: ChainModel, state: State, current: Scalar) -> Linear:
    """Derivatives of the laws and what a current does to them."""
    one = jnp.ones_like(current)
    heard = jnp.zeros_like(state.shared)
    if model.shared_rows:
        own, voltage = model.settled(state.shared), model.voltage(state, current)
        heard = jax.jvp(lambda v: own.whole_at(state, current, v), (voltage,), (one,))[1]
    return Linear(linearise(model, state, one, current), rate_by_current(model, state, current), heard)


def missing_voltage(
    linear: Linear, by_shared: Complex[Array, " s"], by_current: Complex[Array, ""]
) -> tuple[Linearisation, State]:
    """Complex matrix and push, where the cell's voltage lacks by_shared . ds + by_current dI."""
    lin, push = as_complex((linear.lin, linear.push))
    if linear.heard.shape[0] == 0:
        return lin, push
    heard = as_complex(linear.heard)
    own = lin.border.own - heard[:, None] * by_shared[None]
    return lin._replace(border=lin.border._replace(own=own)), push._replace(shared=push.shared - heard * by_current)


def respond(model: ChainModel, lin: Linearisation, capacities: Capacities, step: Entry, push: State) -> State:
    """dY with (M/g - J) dY = push, at g = `step`; real or complex throughout.

    Derivatives are solves with the same matrix, or its transpose; the elimination itself is not differentiated.
    """
    lin = lin._replace(step=step)
    factors = factorise(model, *jax.lax.stop_gradient((lin, capacities)))
    flat, unravel = ravel_pytree(push)

    def solve(rhs: Array) -> Array:
        return ravel_pytree(substitute(factors, unravel(rhs)))[0]

    return unravel(
        jax.lax.custom_linear_solve(
            # One array of unknowns: nothing is linear in the empty ones.
            lambda y: ravel_pytree(multiply(model, lin, unravel(y), capacities))[0],
            flat,
            lambda _, rhs: solve(rhs),
            lambda _, rhs: jax.linear_transpose(solve, rhs)(rhs)[0],
        )
    )
