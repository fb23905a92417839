"""Many starts in one program: a short projected Adam stage to leave poor basins, then Levenberg-Marquardt.

All starts advance together, and both stages share one evaluation of the problem per iteration, so the model is
traced and compiled once. An accelerator evaluates every start at once; a CPU does it in blocks, and passes over those
whose starts have ended. The problem is an argument of the compiled program, never closed over: another data set of
the same shapes runs the same program. Iterations run in chunks called from Python, which is where progress is shown
and an interruption is caught; compiled code holds no host callback.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from jaxcell.component import whole_number
from jaxcell.solver.kernel import only_cpus

from .evaluation import Evaluation, Weighting, blank, evaluate
from .least_squares import Box, LevenbergMarquardt, SolverState, init, judge
from .parameters import ParameterSet
from .problem import Problem
from .results import Status

Progress = Callable[[int, int], Any]
BLOCK = 4
"""Starts that a CPU evaluates together, one block after the other."""
FROM_KEYBOARD = "interrupted from the keyboard"
"""Why a run stopped early."""


class MultistartSettings(eqx.Module):
    """How the starts are advanced.

    - `solver`: the Levenberg-Marquardt stage.
    - `adam_steps`: iterations of the Adam stage (0 leaves it out); its steps fall along a cosine from
      `learning_rate`, a fraction of the width of the bounds.
    - `chunk`: iterations between two calls of the progress hook.
    """

    solver: LevenbergMarquardt
    adam_steps: int
    learning_rate: float
    chunk: int

    def __check_init__(self) -> None:
        if self.adam_steps < 0:
            raise ValueError(f"Argument 'adam_steps' must not be negative, but is {self.adam_steps}.")
        if not 0.0 < self.learning_rate < 1.0:
            raise ValueError(f"Argument 'learning_rate' must lie in (0, 1), but is {self.learning_rate:g}.")
        if self.chunk < 1:
            raise ValueError(f"Argument 'chunk' must be at least 1, but is {self.chunk}.")


class Starts(NamedTuple):
    """Every start at one iteration: Adam's point and memory, its best point, and the solver's state."""

    iteration: Int[Array, ""]
    theta: Float[Array, "starts parameters"]
    memory: Any
    best: Float[Array, "starts parameters"]
    best_cost: Float[Array, " starts"]
    solver: SolverState


class Outcome(NamedTuple):
    """Where every start ended; `stopped` is the reason of an early stop, or ""."""

    evaluation: Evaluation
    steps: Int[Array, " starts"]
    status: Int[Array, " starts"]
    stopped: str


def start_points(parameters: ParameterSet, starts: int, seed: int) -> Float[Array, "starts parameters"]:
    """Starts in theta: the initial point, then a latin hypercube through the priors (bounds included).

    Each prior is cut into starts - 1 slices of equal probability and every slice is used once (McKay, Beckman
    and Conover 1979), in an order drawn from `seed`.

    Raises ValueError for starts or a seed that are no whole numbers of at least 1 and 0.
    """
    starts = whole_number(starts, "starts", least=1)
    rng = np.random.default_rng(whole_number(seed, "seed", least=0))
    count, p = starts - 1, len(parameters.names)
    slices = np.stack([rng.permutation(count) for _ in range(p)])
    drawn = parameters.prior_quantiles((slices + rng.random((p, count))) / max(count, 1)).T
    points = np.concatenate([np.asarray(parameters.initial)[None, :], drawn.reshape(count, p)])
    return jnp.clip(jnp.asarray(points), parameters.lower[None, :], parameters.upper[None, :])


@eqx.filter_jit
def prepare(
    problem: Problem, thetas: Float[Array, "starts parameters"], boxes: Box, settings: MultistartSettings
) -> Starts:
    """State before the first iteration; `boxes` has one row of bounds per start."""
    solver = jax.vmap(lambda theta, box: init(problem, theta, box))(thetas, boxes)
    optimiser = _optimiser(settings)
    with jax.numpy_dtype_promotion("standard"):  # optax mixes its integer count with floats
        memory = optimiser.init(solver.trial)
    infinite = jnp.full((thetas.shape[0],), jnp.inf, dtype=jnp.float64)
    return Starts(jnp.zeros((), dtype=jnp.int32), solver.trial, memory, solver.trial, infinite, solver)


def polish_only(state: Starts, settings: MultistartSettings) -> Starts:
    """The same state with the Adam stage already behind it."""
    return state._replace(iteration=jnp.asarray(settings.adam_steps, dtype=jnp.int32))


def run_starts(
    problem: Problem,
    state: Starts,
    boxes: Box,
    weighting: Weighting,
    settings: MultistartSettings,
    progress: Progress | None = None,
) -> Outcome:
    """Advance every start to its end, chunk by chunk.

    `progress(done, total)` is called after each chunk with iterations; an exception in it, or a keyboard
    interrupt once the first chunk is through, ends the run with the best points so far.
    """
    total = settings.adam_steps + settings.solver.max_steps
    stopped, done = "", int(state.iteration)
    advance = partial(_advance, problem, boxes=boxes, weighting=weighting, settings=settings)
    begun = done
    try:
        while done < total and _unfinished(state):
            stop = min(done + settings.chunk, total)
            state = jax.block_until_ready(advance(state=state, stop=jnp.asarray(stop, dtype=jnp.int32)))
            done = int(state.iteration)
            if progress is not None:
                stopped = _report(progress, total if not _unfinished(state) else done, total)
                if stopped:
                    break
    except KeyboardInterrupt:
        if done == begun:
            raise
        stopped = FROM_KEYBOARD
    if stopped and done <= settings.adam_steps:  # the solver has not yet seen Adam's best points
        state = state._replace(iteration=jnp.asarray(settings.adam_steps, dtype=jnp.int32))
        state = advance(state=state, stop=jnp.asarray(settings.adam_steps + 1, dtype=jnp.int32))
    return Outcome(state.solver.current, state.solver.steps, state.solver.status, stopped)


def evaluate_starts(
    problem: Problem, state: Starts, boxes: Box, weighting: Weighting, settings: MultistartSettings
) -> Evaluation:
    """The evaluation at every start, through the program that `run_starts` compiles."""
    stop = jnp.asarray(settings.adam_steps + 1, dtype=jnp.int32)
    state = polish_only(state, settings)
    state = _advance(problem, state=state, boxes=boxes, weighting=weighting, settings=settings, stop=stop)
    return state.solver.current


def _report(progress: Progress, done: int, total: int) -> str:
    try:
        progress(done, total)
    except KeyboardInterrupt:
        return FROM_KEYBOARD
    except Exception as error:
        return f"stopped by the progress hook ({type(error).__name__}: {error})"
    return ""


def _unfinished(state: Starts) -> bool:
    return bool(np.any(np.asarray(state.solver.status) == Status.RUNNING))


def _optimiser(settings: MultistartSettings) -> optax.GradientTransformation:
    return optax.adam(optax.cosine_decay_schedule(settings.learning_rate, max(settings.adam_steps, 1)))


@eqx.filter_jit
def _advance(
    problem: Problem,
    *,
    state: Starts,
    boxes: Box,
    weighting: Weighting,
    settings: MultistartSettings,
    stop: Int[Array, ""],
) -> Starts:
    """Iterations until `stop` or until no start is running."""

    def iterate(state: Starts) -> Starts:
        adam = state.iteration < settings.adam_steps
        points = jnp.where(adam, state.theta, state.solver.trial)
        tried = _evaluated(problem, points, state.solver.status == Status.RUNNING, weighting)
        after = jax.lax.cond(
            adam,
            lambda: _adam_step(settings, boxes, state, tried),
            lambda: state._replace(solver=jax.vmap(partial(judge, settings.solver))(boxes, state.solver, tried)),
        )
        return after._replace(iteration=state.iteration + 1)

    def more(state: Starts):
        return (state.iteration < stop) & jnp.any(state.solver.status == Status.RUNNING)

    return jax.lax.while_loop(more, iterate, state)


def _evaluated(
    problem: Problem, points: Float[Array, "starts parameters"], running: Bool[Array, " starts"], weighting: Weighting
) -> Evaluation:
    """The problem at every start that is running; blank at those whose whole block on a CPU has ended."""
    together = jax.vmap(lambda theta: evaluate(problem, theta, weighting))
    count = points.shape[0]
    if count <= BLOCK or not only_cpus():
        return together(points)
    order = jnp.argsort(~running, stable=True)
    blocks = jnp.pad(order, (0, -count % BLOCK), mode="edge").reshape(-1, BLOCK)

    def evaluated(own: Int[Array, " block"]) -> Evaluation:
        ended = jax.vmap(lambda theta: blank(problem, theta))
        return jax.lax.cond(jnp.any(running[own]), together, ended, points[own])

    found = jax.lax.map(evaluated, blocks)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[jnp.argsort(order)], found)


def _adam_step(settings: MultistartSettings, boxes: Box, state: Starts, tried: Evaluation) -> Starts:
    """One projected Adam step in units of the box; a start whose model failed moves half-way to the first
    start."""
    better = tried.cost < state.best_cost
    best_cost = jnp.where(better, tried.cost, state.best_cost)
    finite = (jnp.isfinite(tried.cost) & jnp.all(jnp.isfinite(tried.gradient), axis=1))[:, None]
    width = boxes.upper - boxes.lower
    with jax.numpy_dtype_promotion("standard"):
        slope = jnp.where(finite, tried.gradient * width, 0.0)
        raw, memory = _optimiser(settings).update(slope, state.memory)
        update: Array = jnp.asarray(raw)  # optax types its updates as any pytree
        moved = jnp.where(finite, state.theta + width * update, 0.5 * (state.theta + state.solver.trial[:1]))
    theta = jnp.clip(moved, boxes.lower, boxes.upper)
    best = jnp.where(better[:, None], tried.theta, jnp.where(jnp.isfinite(best_cost)[:, None], state.best, theta))
    return state._replace(
        theta=theta,
        memory=memory,
        best=best,
        best_cost=best_cost,
        solver=state.solver._replace(trial=best),
    )
