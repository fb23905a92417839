"""Derivatives of a run on a fixed step grid: one linear system over its stages.

Stage s of step j solves R(Y_js, B_js, g_j, I_js; p) = 0 with B_js = c_s y_(j-1) + sum_i b_si Y_ji, y_j its last stage.
Differentiated at the solution, with A = dR/dY and M the capacities,

    A_js dY_js - (M/g_j) dB_js - P_js dI_js - q_js dh_j = -r_js,      r_js = dR/dp . dp at fixed Y, B, I and h,

which is the implicit-function rule.  Where a voltage or a power is held, dI_js follows from the control's own equation;
where a stop ends the step, its length dh_j follows from the stop's equation at the end: a row and a column more, which
is all that an event is to the derivatives.  The states are known, so r and A of a block of steps are evaluated all at
once; what is left to do in sequence is one substitution a stage (two where the current or the length is unknown):
forward for tangents and, transposed, backward for cotangents.
"""

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int

from jaxcell.solver.control import control_error, excess
from jaxcell.solver.kernel import in_one_kernel
from jaxcell.solver.linear import Factors, factorise, linearise, multiply, substitute
from jaxcell.solver.newton import rate_by_current, residual
from jaxcell.solver.schedule import NO_STOP, Control, Stops
from jaxcell.solver.system import Capacities, ChainSystem, State, inner, per_row, row_of, stack_states
from jaxcell.solver.tableau import Tableau
from jaxcell.units import Scalar


class Grid(NamedTuple):
    """Steps of a run, or of a part of it."""

    duration: Float[Array, " steps"]
    """h [s]."""
    currents: Float[Array, "steps stages"]
    control: Control
    stops: Stops
    which: Int[Array, " steps"]
    """The stop that ends the step, or `NO_STOP`."""
    charge: Float[Array, " steps"]
    """Passed since the protocol's step began [C m-2]."""
    begins: Bool[Array, " steps"]
    """Whether the protocol's step begins here."""
    active: Bool[Array, " steps"]
    """False where the state stays what it was."""


class Scheme(NamedTuple):
    """What is unknown in a step beside its states."""

    tableau: Tableau
    controlled: bool
    """The currents."""
    stopped: bool
    """The length."""


class Unknowns(NamedTuple):
    """Tangents of a step; leading axis where there are several: steps."""

    stages: State
    currents: Any
    """None unless `Scheme.controlled`."""
    duration: Any
    """None unless `Scheme.stopped`."""


class Carried(NamedTuple):
    """Tangents from one step to the next."""

    state: State
    charge: Scalar


class _Known(NamedTuple):
    """Coefficients of a step's equations; None where the scheme has no such unknown."""

    factors: Factors
    capacities: Capacities
    g: Scalar
    active: Array
    currents: Array
    duration: Scalar
    begins: Array
    push: Any
    """P = d(rate)/dI of each stage."""
    response: Any
    """A^-1 P: of the stage to a unit of current."""
    control_row: Any
    """Derivatives of the control's error by state and current."""
    stretch: Any
    """q = -dR/dh."""
    stop_row: Any
    """Derivatives of the stop's excess by state, current and charge at the step's end."""
    ends_on_stop: Any


def step_tangents(
    system: ChainSystem,
    grid: Grid,
    stages: State,
    start: State,
    system_tangent: ChainSystem,
    grid_tangent: Grid,
    carried: Carried,
    scheme: Scheme,
) -> tuple[Unknowns, Carried]:
    """Tangents of these steps, which begin at `start`, and what they hand on.

    Linear in the tangents, and transposable; `None` leaves among them are zero.  `grid_tangent.currents` and, for steps
    that end on a stop, `grid_tangent.duration` count only where they are given, not unknown.
    """
    tableau = scheme.tableau
    bases = jax.vmap(lambda y, rows: _bases(y, rows, tableau))(_starts(start, stages), stages)

    def defects(system: ChainSystem, grid: Grid) -> tuple[State, Array, Array]:
        def of_step(y, base, own: Grid):
            g = tableau.gamma * own.duration
            stage = jax.vmap(lambda a, b, i: residual(system, a, b, g, i))(y, base, own.currents)
            held = jax.vmap(lambda a, i: control_error(system, own.control, a, i))(y, own.currents)
            return stage, held, _stop_error(system, own, _last(y), own.currents[-1], own.charge)

        return jax.vmap(of_step)(stages, bases, grid)

    fixed = grid_tangent
    if scheme.controlled:
        fixed = fixed._replace(currents=None)
    if scheme.stopped:
        fixed = fixed._replace(duration=None)
    forcing = filled(*eqx.filter_jvp(defects, (system, grid), (system_tangent, fixed)))
    known, lin = _coefficients(system, grid, stages, bases, scheme)
    stage_forcing, held, missed = jax.tree.map(lambda r: jnp.where(per_row(grid.active, r), -r, 0.0), forcing)
    given = filled(grid.duration, grid_tangent.duration)
    rhs = Unknowns(
        stage_forcing,
        held if scheme.controlled else None,
        jnp.where(grid.which == NO_STOP, given, missed) if scheme.stopped else None,
    )

    def flat(tree: Unknowns) -> Float[Array, "steps unknowns"]:
        return jax.vmap(lambda one: ravel_pytree(one)[0])(tree)

    unravel = ravel_pytree(jax.tree.map(lambda rows: rows[0], rhs))[1]
    forward = partial(_recurrence, scheme=scheme, unravel=unravel)

    def backward(known: _Known, cotangent: Array) -> Array:
        return jax.linear_transpose(lambda b: forward(known, b), cotangent)(cotangent)[0]

    # One array of unknowns: nothing is linear in the empty ones.
    solution = jax.lax.custom_linear_solve(
        lambda x: flat(_product(system, known, lin, jax.vmap(unravel)(x), scheme)),
        flat(_with_start(rhs, carried, known, scheme)),
        lambda _, b: in_one_kernel(forward)(known, b),
        lambda _, b: in_one_kernel(backward)(known, b),
    )
    found = jax.vmap(unravel)(solution)
    return found, Carried(_last(_last(found.stages)), _charge_at_end(known, found, carried.charge, scheme))


def filled(state, tangent):
    """The tangent of a pytree, with zeros where it is None."""
    return jax.tree.map(lambda t, y: jnp.zeros_like(y) if t is None else t, tangent, state, is_leaf=lambda t: t is None)


def _stop_error(system: ChainSystem, own: Grid, state: State, current: Scalar, charge: Scalar) -> Scalar:
    return excess(own.which, own.stops, system.voltage(state, current), current, charge)


def _coefficients(system: ChainSystem, grid: Grid, stages: State, bases: State, scheme: Scheme):
    gamma = scheme.tableau.gamma

    def of_step(y: State, base: State, own: Grid):
        g = gamma * own.duration
        lin = jax.vmap(lambda a, i: linearise(system, a, g, i))(y, own.currents)
        factors = jax.vmap(lambda one: factorise(system, one))(lin)
        push = response = control_row = stretch = stop_row = ends = None
        if scheme.controlled:
            push = jax.vmap(lambda a, i: rate_by_current(system, a, i))(y, own.currents)
            response = jax.vmap(substitute)(factors, push)
            row = jax.grad(lambda a, i: control_error(system, own.control, a, i), argnums=(0, 1))
            control_row = jax.vmap(row)(y, own.currents)
        if scheme.stopped:
            stretch = jax.vmap(lambda a, b: _stretch(system.capacities, a, b, own.duration, gamma))(y, base)
            stop_row = jax.grad(partial(_stop_error, system, own), argnums=(0, 1, 2))(
                _last(y), own.currents[-1], own.charge
            )
            ends = (own.which != NO_STOP) & own.active
        known = _Known(
            factors, system.capacities, g, own.active, own.currents, own.duration, own.begins, push, response,
            control_row, stretch, stop_row, ends,
        )  # fmt: skip
        return known, lin

    return jax.vmap(of_step)(stages, bases, grid)


def _stretch(capacities: Capacities, state: State, base: State, duration: Scalar, gamma: float) -> State:
    """-dR/dh = M (Y - B)/(gamma h^2)."""
    moved = capacities.times(jax.tree.map(jnp.subtract, state, base))
    return jax.tree.map(lambda m: m / (gamma * duration**2), moved)


def _recurrence(known: _Known, rhs: Array, *, scheme: Scheme, unravel) -> Array:
    """The substitutions of all stages, step after step, from a start of zero."""

    def step(carry: Carried, inputs):
        own, row = inputs
        b: Unknowns = unravel(row)
        found = _solve_step(own, carry, b, scheme)
        held = Unknowns(jax.tree.map(lambda y, r: y[None] + r, carry.state, b.stages), b.currents, b.duration)
        found = jax.tree.map(lambda a, c: jnp.where(own.active, a, c), found, held)
        charge = _charge_after(own, found, carry.charge, scheme)
        return Carried(_last(found.stages), charge), ravel_pytree(found)[0]

    zero = jax.tree.map(lambda leaf: jnp.zeros_like(leaf[0]), unravel(rhs[0]).stages)
    return jax.lax.scan(step, Carried(zero, jnp.asarray(0.0)), (known, rhs))[1]


def _solve_step(own: _Known, carry: Carried, b: Unknowns, scheme: Scheme) -> Unknowns:
    if not scheme.stopped:
        return _solve_stages(own, carry.state, b, None, scheme)

    def timed(carry: Carried, b: Unknowns) -> Unknowns:
        return _solve_stages(own, carry.state, b, b.duration, scheme)

    def until_stop(carry: Carried, b: Unknowns) -> Unknowns:
        # With the length fixed, plus so much of the response to a unit of length that the stop is met.
        fixed = _solve_stages(own, carry.state, b, jnp.zeros_like(own.duration), scheme)
        still = jax.tree.map(jnp.zeros_like, (carry.state, b))
        unit = _solve_stages(own, still[0], still[1], jnp.ones_like(own.duration), scheme)
        missing = b.duration - _stop_value(own, fixed, carry.charge, scheme)
        length = missing / _stop_value(own, unit, jnp.zeros_like(carry.charge), scheme)
        return jax.tree.map(lambda f, u: f + length * u, fixed, unit)

    return jax.lax.cond(own.ends_on_stop, until_stop, timed, carry, b)


def _stop_value(own: _Known, found: Unknowns, charge: Scalar, scheme: Scheme) -> Scalar:
    """The stop's excess to first order."""
    by_state, by_current, by_charge = own.stop_row
    value = inner(by_state, _last(found.stages))
    if scheme.controlled:
        value = value + by_current * found.currents[-1]
    return value + by_charge * _charge_after(own, found, charge, scheme)


def _charge_after(own: _Known, found: Unknowns, charge: Scalar, scheme: Scheme) -> Scalar:
    """d(charge) at the step's end, with charge = sum over steps of h sum_s w_s I_s since the protocol's step began."""

    def mean(currents: Array) -> Scalar:
        # Numbers, not an array: batched, a solve takes the arrays in its code for members of the batch.
        return sum((w * currents[s] for s, w in enumerate(scheme.tableau.a[-1])), start=jnp.zeros_like(charge))

    after = jnp.where(own.begins, 0.0, charge)
    if scheme.controlled:
        after = after + jnp.where(own.active, own.duration, 0.0) * mean(found.currents)
    if scheme.stopped:
        after = after + jnp.where(own.active, found.duration, 0.0) * mean(own.currents)
    return after


def _charge_at_end(known: _Known, found: Unknowns, charge: Scalar, scheme: Scheme) -> Scalar:
    return jax.lax.scan(lambda q, row: (_charge_after(row[0], row[1], q, scheme), None), charge, (known, found))[0]


def _solve_stages(own: _Known, y: State, b: Unknowns, length: Scalar | None, scheme: Scheme) -> Unknowns:
    """The stages of a step for a given change of its length."""
    rows: list[State] = []
    currents: list[Scalar] = []
    for s in range(scheme.tableau.stages):
        matrix, forcing = row_of((own.factors, b.stages), s)
        pushed = jax.tree.map(jnp.add, _over_step(_base(y, rows, scheme.tableau), own.capacities, own.g), forcing)
        if length is not None:
            pushed = jax.tree.map(lambda a, q: a + q * length, pushed, row_of(own.stretch, s))
        new = substitute(matrix, pushed)
        if scheme.controlled:
            response = row_of(own.response, s)
            by_state, by_current = row_of(own.control_row, s)
            current = (b.currents[s] - inner(by_state, new)) / (inner(by_state, response) + by_current)
            new = jax.tree.map(lambda a, p, i=current: a + p * i, new, response)
            currents.append(current)
        rows.append(new)
    return Unknowns(stack_states(rows), jnp.stack(currents) if scheme.controlled else None, length)


def _with_start(rhs: Unknowns, carried: Carried, known: _Known, scheme: Scheme) -> Unknowns:
    """Right-hand sides with what the tangents at the start add to those of the first step."""
    first = row_of(known, 0)
    pulled = _over_step(carried.state, first.capacities, first.g)
    rows = stack_states([jax.tree.map(lambda y, c=c: c * y, pulled) for c in scheme.tableau.base_of_start])
    held = stack_states([carried.state] * scheme.tableau.stages)
    added = jax.tree.map(lambda a, b: jnp.where(first.active, a, b), rows, held)
    stages = jax.tree.map(lambda r, f: r.at[0].add(f), rhs.stages, added)
    duration = rhs.duration
    if scheme.stopped:
        # Charge from before the block counts until the protocol's step ends: here, or in a later step of the block.
        since = jnp.cumsum(known.begins.astype(jnp.int64)) == 0
        known_part = jnp.where(since & known.ends_on_stop, known.stop_row[2], 0.0)
        duration = duration - known_part * carried.charge
    return Unknowns(stages, rhs.currents, duration)


def _product(system: ChainSystem, known: _Known, lin, x: Unknowns, scheme: Scheme) -> Unknowns:
    """The equations' left-hand sides."""
    start = jax.tree.map(lambda rows: jnp.zeros_like(rows[0, 0]), x.stages)

    def step(charge: Scalar, inputs):
        own, lin, y, row = inputs
        bases = _bases(y, row.stages, scheme.tableau)
        pulled = jax.vmap(lambda b: _over_step(b, own.capacities, own.g))(bases)
        left = jax.tree.map(jnp.subtract, jax.vmap(lambda one, d: multiply(system, one, d))(lin, row.stages), pulled)
        currents, duration = row.currents, row.duration
        after = _charge_after(own, row, charge, scheme)
        if scheme.controlled:
            by_state, by_current = own.control_row
            left = jax.tree.map(lambda a, p: a - p * per_row(row.currents, p), left, own.push)
            held = jax.vmap(inner)(by_state, row.stages) + by_current * row.currents
            currents = jnp.where(own.active, held, row.currents)
        if scheme.stopped:
            left = jax.tree.map(lambda a, q: a - q * row.duration, left, own.stretch)
            duration = jnp.where(own.ends_on_stop, _stop_value(own, row, charge, scheme), row.duration)
        held = jax.tree.map(lambda r, old: r - old[None], row.stages, y)
        return after, Unknowns(jax.tree.map(lambda a, b: jnp.where(own.active, a, b), left, held), currents, duration)

    return jax.lax.scan(step, jnp.asarray(0.0), (known, lin, _starts(start, x.stages), x))[1]


def _starts(start: State, stages: State) -> State:
    """y_(j-1) of each step."""
    return jax.tree.map(lambda y, rows: jnp.concatenate([y[None], rows[:-1, -1]]), start, stages)


def _bases(start: State, stages: State, tableau: Tableau) -> State:
    """B of the stages of one step."""
    rows = [row_of(stages, s) for s in range(tableau.stages)]
    return stack_states([_base(start, rows[:s], tableau) for s in range(tableau.stages)])


def _base(start: State, earlier: list[State], tableau: Tableau) -> State:
    """B of the stage that comes after these of its step."""
    base = jax.tree.map(lambda y: tableau.base_of_start[len(earlier)] * y, start)
    for weight, row in zip(tableau.base_of_stages[len(earlier)], earlier, strict=False):
        base = jax.tree.map(lambda b, y, w=weight: b + w * y, base, row)
    return base


def _over_step(state: State, capacities: Capacities, g: Scalar) -> State:
    """(M/g) D."""
    return jax.tree.map(lambda stored: stored / g, capacities.times(state))


def _last(state: State) -> State:
    return row_of(state, -1)
