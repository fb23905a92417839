"""The small-signal response of a chain: (j omega M - J) dY = df/dI dI at a state, by the solver's own elimination.

With A = j omega M - J, b = df/dI, r = dE/dY and Y = A^-1 b, the impedance is Z = dE/dI + r.Y.  Its derivative needs no
solve for each number: with L = A^-T r, dZ = d(dE/dI) + dr.Y + L.(db - dA Y), a sum over the entries of A, b and r.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Complex, Float

from jaxcell.model import ChainModel
from jaxcell.solver.linear import Linearisation, factorise, linearise, multiply, substitute
from jaxcell.solver.newton import rate_by_current
from jaxcell.solver.system import Capacities, State, inner
from jaxcell.spectroscopy.dispersion import as_complex
from jaxcell.units import Scalar


class Linear(NamedTuple):
    """A chain linearised at a state and a current, once for all frequencies; all of it real."""

    lin: Linearisation
    push: State
    """df/dI."""
    row: State
    """dE/dY."""
    direct: Scalar
    """dE/dI."""
    heard: Float[Array, " s"]
    """d(S ds/dt)/dE: what the states of the whole cell hear of an extra voltage."""
    bulk_by_shared: Float[Array, "2 s"]
    """Derivatives of the voltages over the separator's grains and boundaries by the states of the whole cell."""
    bulk_by_current: Float[Array, "2"]


class AtFrequency(NamedTuple):
    """What depends on the frequency."""

    capacities: Capacities
    step: Complex[Array, ""]
    """1/(j omega)."""
    lacking: Complex[Array, "2"]
    """1 - Z/R of the separator's grains and boundaries."""


def linear_at(
    model: ChainModel, state: State, current: Scalar, bulk: Callable[[Float[Array, " s"], Scalar], Float[Array, "2"]]
) -> Linear:
    """Derivatives of the laws, and of the `bulk` voltages as a function of the states of the whole cell and I."""
    one = jnp.ones_like(current)
    voltage, (row, direct) = jax.value_and_grad(model.voltage, argnums=(0, 1))(state, current)
    heard = jnp.zeros_like(state.shared)
    if model.shared_rows:
        own = model.settled(state.shared)
        heard = jax.jvp(lambda v: own.whole_at(state, current, v), (voltage,), (one,))[1]
    return Linear(
        linearise(model, state, one, current),
        rate_by_current(model, state, current),
        row,
        direct,
        heard,
        *jax.jacfwd(bulk, argnums=(0, 1))(state.shared, current),
    )


def drift(model: ChainModel, linear: Linear, period: Scalar) -> Scalar:
    """Change of E [V] within a period [s] at constant current, by one implicit Euler step."""
    lin = linear.lin._replace(step=period)
    return inner(linear.row, substitute(factorise(model, lin), lin.rate))


def _effective(linear: Linear, at: AtFrequency) -> tuple[Linearisation, State, State, Array]:
    """A's entries, b, r and dE/dI, all complex, where the separator's voltage lacks what its capacitances take."""
    lin = linear.lin._replace(step=at.step)
    push, row = linear.push, linear.row
    by_shared = jnp.sum(at.lacking[:, None] * linear.bulk_by_shared, axis=0)
    by_current = jnp.sum(at.lacking * linear.bulk_by_current)
    if linear.heard.shape[0]:
        own = lin.border.own - linear.heard[:, None] * by_shared[None]
        lin = lin._replace(border=lin.border._replace(own=own))
        push = push._replace(shared=push.shared - linear.heard * by_current)
        row = row._replace(shared=row.shared - by_shared)
    return lin, push, row, linear.direct - by_current


def _solver(model: ChainModel, lin: Linearisation, capacities: Capacities, like: State) -> Callable[..., State]:
    """b -> A^-1 b on flat arrays, differentiated as a linear system."""
    factors, unravel = factorise(model, lin, capacities), ravel_pytree(like)[1]
    factors = jax.lax.stop_gradient(factors)

    def solve(rhs: Array) -> Array:
        return ravel_pytree(substitute(factors, unravel(rhs)))[0]

    def solved(rhs: State) -> State:
        # One array of unknowns: nothing is linear in the empty ones.
        flat = jax.lax.custom_linear_solve(
            lambda y: ravel_pytree(multiply(model, lin, unravel(y), capacities))[0],
            ravel_pytree(rhs)[0],
            lambda _, b: solve(b),
            lambda _, b: jax.linear_transpose(solve, b)(b)[0],
        )
        return unravel(flat)

    return solved


@jax.custom_jvp
def response(model: ChainModel, linear: Linear, at: AtFrequency) -> tuple[Complex[Array, ""], State]:
    """Z [Ohm m2] and dY/dI at a frequency."""
    lin, push, row, direct = _effective(as_complex(linear), at)
    moved = _solver(model, lin, at.capacities, push)(push)
    return direct + inner(row, moved), moved


@response.defjvp
def _response_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    (model, linear, at), (_, linear_tangent, at_tangent) = primals, tangents
    whole = as_complex(linear)
    lin, push, row, direct = _effective(whole, at)
    solved = _solver(model, lin, at.capacities, push)
    moved = solved(push)
    flat_row, unravel = ravel_pytree(row)
    back = jax.linear_transpose(lambda b: ravel_pytree(solved(unravel(b)))[0], flat_row)
    adjoint = unravel(back(flat_row)[0])

    def left(linear: Linear, at: AtFrequency) -> State:
        """b - A Y."""
        lin, push, _, _ = _effective(linear, at)
        return jax.tree.map(jnp.subtract, push, multiply(model, lin, moved, at.capacities))

    def value(linear: Linear, at: AtFrequency) -> Array:
        _, _, row, direct = _effective(linear, at)
        return direct + inner(row, moved) + inner(adjoint, left(linear, at))

    slopes, slopes_at = jax.vjp(value, whole, at)[1](jnp.ones((), dtype=jnp.complex128))
    by, by_at = ravel_pytree(slopes)[0], ravel_pytree(slopes_at)[0]
    change, change_at = ravel_pytree(linear_tangent)[0], ravel_pytree(at_tangent)[0]
    # Real numbers times real ones, twice: half the work of complex ones.
    impedance = jax.lax.complex(jnp.real(by) @ change, jnp.imag(by) @ change) + by_at @ change_at
    forcing = jax.jvp(left, (whole, at), (as_complex(linear_tangent), at_tangent))[1]
    return (direct + inner(row, moved), moved), (impedance, solved(forcing))
