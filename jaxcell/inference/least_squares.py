"""Levenberg-Marquardt with box bounds by an active set, made of pure init / propose / judge steps.

Minimises 0.5 |r(theta)|^2 subject to lower <= theta <= upper. Every step solves the damped Gauss-Newton
system of the free parameters, (J^T J + mu D) s = -J^T r, with D the largest diagonal of J^T J met so far
(More 1978, scale invariance) and mu updated from the gain ratio (Nielsen 1999, IMM-REP-1999-05). Parameters
on a bound with the gradient pushing outward are held; parameters that a step would carry outside are put
exactly on the bound and the others solved again. No step moves a parameter by more than a fifth of its range:
from a start far away the linear model would lead onto bounds, and into the basins there. A step that gains
less than three quarters of what was predicted is tried once more with a second-order correction, so that
narrow curved valleys (parameters that trade off) are followed in long strides; the idea is the geodesic
acceleration of Transtrum and Sethna (arXiv 1201.5885), with the curvature taken from the trial itself at no
extra evaluation. A trial point with non-finite rows or Jacobian is refused and the damping raised, so a model
may fail anywhere but at the start. Singular Jacobians are harmless: damping makes the system definite.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .evaluation import Evaluation, Weighting, all_finite, blank, evaluate, plain_weighting
from .problem import Problem
from .results import Status

_FIRST_DAMPING = 1e-3
_DAMPING_RANGE = (1e-14, 1e14)
_ACCEPTED_GAIN = 1e-4
_POOR_GAIN = 0.75
_ROUND_OFF = 1e-12
_BOUND_PASSES = 3
_LARGEST_CORRECTION = 0.75
_LONGEST_STEP = 0.2
"""Of a parameter, in widths of its bounds."""
_NEGLIGIBLE_DECREASE = 5e-5
"""A run that cannot move on is still converged when the optimum is within 0.01 standard errors: 0.5 *
0.01^2."""


class LevenbergMarquardt(eqx.Module):
    """Settings of the solver; every tolerance must be chosen, none has a default.

    - `gradient_tolerance` [1]: done when |J_j^T r| <= tol |J_j| for every free j, that is, when the point is
      within tol conditional standard errors of the optimum along each axis.
    - `step_tolerance` [1]: done when the undamped Gauss-Newton step is shorter than tol (1 + |theta|).
    - `cost_tolerance` [1]: done when the undamped Gauss-Newton step would lower the cost by less than tol *
      cost.
    - `max_steps`: trial points, each one value-and-Jacobian evaluation.
    """

    gradient_tolerance: float
    step_tolerance: float
    cost_tolerance: float
    max_steps: int

    def __check_init__(self) -> None:
        for name in ("gradient_tolerance", "step_tolerance", "cost_tolerance"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"Argument '{name}' must be positive, but is {getattr(self, name):g}.")
        if self.max_steps < 1:
            raise ValueError(f"Argument 'max_steps' must be at least 1, but is {self.max_steps}.")


class Box(NamedTuple):
    """Bounds of theta, each of shape (parameters,); equal bounds hold a parameter fixed."""

    lower: Float[Array, " parameters"]
    upper: Float[Array, " parameters"]


class SolverState(NamedTuple):
    """Best point so far (`current`), the next point to evaluate (`trial`), and the damping.

    `corrected` tells that the trial point is the step to `plain` with its second-order correction; the
    better of the two is judged.
    """

    current: Evaluation
    plain: Evaluation
    trial: Float[Array, " parameters"]
    predicted: Float[Array, ""]
    scale: Float[Array, " parameters"]
    damping: Float[Array, ""]
    growth: Float[Array, ""]
    corrected: Bool[Array, ""]
    steps: Int[Array, ""]
    status: Int[Array, ""]


class LeastSquaresSolution(NamedTuple):
    """Where a run ended: the evaluation there, trial points used, and a `Status` code."""

    evaluation: Evaluation
    steps: Int[Array, ""]
    status: Int[Array, ""]


def least_squares(
    problem: Problem,
    theta: Float[Array, " parameters"],
    solver: LevenbergMarquardt,
    box: Box | None = None,
    weighting: Weighting | None = None,
) -> LeastSquaresSolution:
    """Optimum of `problem` from one start, inside `box` (default: the parameters' bounds); jit and vmap it
    freely."""
    box = Box(problem.parameters.lower, problem.parameters.upper) if box is None else box
    weighting = plain_weighting(problem) if weighting is None else weighting

    def step(state: SolverState) -> SolverState:
        return judge(solver, box, state, evaluate(problem, state.trial, weighting))

    state = jax.lax.while_loop(lambda state: state.status == Status.RUNNING, step, init(problem, theta, box))
    return LeastSquaresSolution(state.current, state.steps, state.status)


def init(problem: Problem, theta: Float[Array, " parameters"], box: Box) -> SolverState:
    """State before the first evaluation, which will be at theta moved into the box."""
    start = jnp.clip(theta, box.lower, box.upper)
    return SolverState(
        current=blank(problem, start),
        plain=blank(problem, start),
        trial=start,
        predicted=jnp.ones((), dtype=jnp.float64),
        scale=jnp.zeros_like(start),
        damping=jnp.asarray(_FIRST_DAMPING, dtype=jnp.float64),
        growth=jnp.asarray(2.0, dtype=jnp.float64),
        corrected=jnp.asarray(False),
        steps=jnp.zeros((), dtype=jnp.int32),
        status=jnp.asarray(int(Status.RUNNING), dtype=jnp.int32),
    )


def judge(solver: LevenbergMarquardt, box: Box, state: SolverState, latest: Evaluation) -> SolverState:
    """Accept or refuse the trial point, test for the end, propose the next one; a finished state stays."""
    first = state.steps == 0
    tried = choose(state.corrected & ~(latest.cost < state.plain.cost), state.plain, latest)
    finite = all_finite(tried)
    gain = jnp.where(first, 1.0, (state.current.cost - tried.cost) / state.predicted)
    accepted = finite & (first | (gain > _ACCEPTED_GAIN))
    correction, worthwhile = _second_order(box, state, tried)
    correct = finite & ~first & ~state.corrected & worthwhile & (gain < _POOR_GAIN)
    accepted = accepted & ~correct

    current = choose(accepted, tried, state.current)
    shrunk = state.damping * jnp.maximum(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3)
    damping = jnp.where(accepted, jnp.where(first, state.damping, shrunk), state.damping * state.growth)
    damping = jnp.maximum(jnp.where(correct, state.damping, damping), _DAMPING_RANGE[0])
    growth = jnp.where(accepted, 2.0, jnp.where(correct, state.growth, 2.0 * state.growth))
    scale = jnp.maximum(state.scale, jnp.diag(current.information))
    steps = state.steps + 1

    step, predicted = _bounded_step(current, _near(box, current.theta), scale, damping)
    status, decrease = _status(solver, box, current, scale)
    ended = jnp.where(decrease <= _NEGLIGIBLE_DECREASE, int(Status.CONVERGED_COST), int(Status.STALLED))
    status = jnp.where((status == Status.RUNNING) & (damping > _DAMPING_RANGE[1]), ended, status)
    status = jnp.where((status == Status.RUNNING) & (steps >= solver.max_steps), int(Status.STEP_LIMIT), status)
    status = jnp.where(first & ~finite, int(Status.NON_FINITE_START), status).astype(jnp.int32)

    trial = jnp.where(correct, state.trial + correction, current.theta + step)
    after = SolverState(
        current=current,
        plain=tried,
        trial=jnp.clip(trial, box.lower, box.upper),
        predicted=jnp.where(correct, state.predicted, predicted),
        scale=scale,
        damping=damping,
        growth=growth,
        corrected=correct,
        steps=steps,
        status=status,
    )
    return choose(state.status == Status.RUNNING, after, state)


def _second_order(
    box: Box, state: SolverState, tried: Evaluation
) -> tuple[Float[Array, " parameters"], Bool[Array, ""]]:
    """Correction that leads a poor step back onto a curved valley, and whether it is small enough to be
    tried.

    The curvature of the rows along the step s, c = r(theta + s) - r - J s, is removed to first order by
    -(J^T J + mu D)^-1 J^T c.
    """
    at, step = state.current, state.trial - state.current.theta
    curvature = tried.rows - at.rows - at.jacobian @ step
    free = _free(at, box) & (state.trial > box.lower) & (state.trial < box.upper)
    bent = at._replace(gradient=at.jacobian.T @ curvature)
    scale = _positive_scale(state.scale)
    correction = _solve_free(bent, free, jnp.zeros_like(step), state.damping * scale)
    small = jnp.sum(scale * correction**2) <= _LARGEST_CORRECTION**2 * jnp.sum(scale * step**2)
    return correction, small & jnp.all(jnp.isfinite(correction))


def choose(condition: Bool[Array, ""], yes, no):
    """Leaf by leaf, `yes` where the condition holds."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def _free(at: Evaluation, box: Box) -> Bool[Array, " parameters"]:
    held = ((at.theta <= box.lower) & (at.gradient >= 0.0)) | ((at.theta >= box.upper) & (at.gradient <= 0.0))
    return ~held & (box.lower < box.upper)


def _solve_free(
    at: Evaluation,
    free: Bool[Array, " parameters"],
    held_step: Float[Array, " parameters"],
    ridge: Float[Array, " parameters"],
) -> Float[Array, " parameters"]:
    """s with (A + diag(ridge)) s = -g on the free rows and s = held_step on the others."""
    A = at.information
    both = free[:, None] & free[None, :]
    system = jnp.where(both, A + jnp.diag(ridge), jnp.eye(A.shape[0], dtype=A.dtype))
    right = jnp.where(free, -at.gradient - A @ jnp.where(free, 0.0, held_step), held_step)
    # Unit diagonal first: Cholesky then fails only for truly dependent columns, whatever their units.
    d = jax.lax.rsqrt(jnp.maximum(jnp.diag(system), jnp.finfo(A.dtype).tiny))
    factor = jnp.linalg.cholesky(system * d[:, None] * d[None, :])
    return jnp.where(free, d * jax.scipy.linalg.cho_solve((factor, True), d * right), held_step)


def _near(box: Box, theta: Float[Array, " parameters"]) -> Box:
    """The part of the box that one step may reach: the linear model of a far start is not believed across the box."""
    reach = _LONGEST_STEP * (box.upper - box.lower)
    return Box(jnp.maximum(box.lower, theta - reach), jnp.minimum(box.upper, theta + reach))


def _positive_scale(scale: Float[Array, " parameters"]) -> Float[Array, " parameters"]:
    """D with dead columns (no sensitivity met so far) given a unit-like entry instead of zero."""
    return jnp.where(scale > 0.0, scale, jnp.maximum(jnp.max(scale), jnp.finfo(scale.dtype).tiny))


def _bounded_step(
    at: Evaluation, box: Box, scale: Float[Array, " parameters"], damping: Float[Array, ""]
) -> tuple[Float[Array, " parameters"], Float[Array, ""]]:
    """Damped step inside the box and the cost decrease the quadratic model predicts for it."""
    ridge = damping * _positive_scale(scale)
    free = _free(at, box)
    step = jnp.zeros_like(at.theta)

    def again(_, carry):
        free, step = carry
        raw = _solve_free(at, free, step, ridge)
        below, above = at.theta + raw < box.lower, at.theta + raw > box.upper
        step = jnp.where(below, box.lower - at.theta, jnp.where(above, box.upper - at.theta, raw))
        return free & ~below & ~above, step

    _, step = jax.lax.fori_loop(0, _BOUND_PASSES, again, (free, step))
    predicted = -(at.gradient @ step + 0.5 * step @ (at.information @ step))
    return step, predicted


def _status(
    solver: LevenbergMarquardt, box: Box, at: Evaluation, scale: Float[Array, " parameters"]
) -> tuple[Int[Array, ""], Float[Array, ""]]:
    """The convergence tests at a point, and the decrease of the cost still to be had."""
    free = _free(at, box)
    tiny = jnp.finfo(at.theta.dtype).tiny
    norms = jnp.sqrt(jnp.maximum(jnp.diag(at.information), tiny))
    slope = jnp.max(jnp.where(free, jnp.abs(at.gradient) / norms, 0.0))
    newton = _solve_free(at, free, jnp.zeros_like(at.theta), _ROUND_OFF * _positive_scale(scale))
    decrease = -0.5 * (at.gradient @ newton)
    short = jnp.sqrt(newton @ newton) <= solver.step_tolerance * (1.0 + jnp.sqrt(at.theta @ at.theta))
    status = jnp.asarray(int(Status.RUNNING), dtype=jnp.int32)
    status = jnp.where(short, int(Status.CONVERGED_STEP), status)
    status = jnp.where(decrease <= solver.cost_tolerance * at.cost, int(Status.CONVERGED_COST), status)
    status = jnp.where(slope <= solver.gradient_tolerance, int(Status.CONVERGED_GRADIENT), status)
    return status.astype(jnp.int32), decrease
