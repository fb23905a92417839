"""Many starts of Levenberg-Marquardt in one program.

All starts advance together and share one evaluation of the problem per iteration, so the model is traced and compiled
once. An accelerator evaluates every start at once; a CPU does it in blocks, and passes over those whose starts have
ended. A start where the model cannot be run goes half-way to the best of the others until it can. The problem is an
argument of the compiled program, never closed over: another data set of the same shapes runs the same program.
Iterations run in chunks called from Python, which is where progress is shown and an interruption is caught; compiled
code holds no host callback.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxcell.component import whole_number
from jaxcell.solver.kernel import only_cpus

from .evaluation import Evaluation, Weighting, all_finite, blank, evaluate
from .least_squares import Box, LevenbergMarquardt, SolverState, choose, init, judge
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

    - `solver`: of every start.
    - `retreats`: most times that a start whose model fails goes half-way to the best of the others.
    - `chunk`: iterations between two calls of the progress hook.
    """

    solver: LevenbergMarquardt
    retreats: int
    chunk: int

    def __check_init__(self) -> None:
        if self.retreats < 0:
            raise ValueError(f"Argument 'retreats' must not be negative, but is {self.retreats}.")
        if self.chunk < 1:
            raise ValueError(f"Argument 'chunk' must be at least 1, but is {self.chunk}.")

    @property
    def most_iterations(self) -> int:
        """After which every start has ended."""
        return self.retreats + self.solver.max_steps


class Starts(NamedTuple):
    """Every start at one iteration: the solver's state, and how often it has retreated."""

    iteration: Int[Array, ""]
    solver: SolverState
    retreats: Int[Array, " starts"]


class Outcome(NamedTuple):
    """Where every start ended, after how many evaluations; `stopped` is the reason of an early stop, or ""."""

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


def whole_boxes(parameters: ParameterSet, count: int) -> Box:
    """The bounds of all parameters, once for each of `count` starts."""
    return Box(*(jnp.tile(bound[None, :], (count, 1)) for bound in (parameters.lower, parameters.upper)))


@eqx.filter_jit
def prepare(problem: Problem, thetas: Float[Array, "starts parameters"], boxes: Box) -> Starts:
    """State before the first iteration; `boxes` has one row of bounds per start."""
    solver = jax.vmap(lambda theta, box: init(problem, theta, box))(thetas, boxes)
    return Starts(jnp.zeros((), dtype=jnp.int32), solver, jnp.zeros(thetas.shape[0], dtype=jnp.int32))


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
    total = settings.most_iterations
    stopped, done = "", 0
    advance = partial(_advance, problem, boxes=boxes, weighting=weighting, settings=settings)
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
        if not done:
            raise
        stopped = FROM_KEYBOARD
    return Outcome(state.solver.current, state.solver.steps + state.retreats, state.solver.status, stopped)


def evaluate_starts(
    problem: Problem, state: Starts, boxes: Box, weighting: Weighting, settings: MultistartSettings
) -> Evaluation:
    """The evaluation at every start, through the program that `run_starts` compiles."""
    stop = jnp.asarray(1, dtype=jnp.int32)
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
        before = state.solver
        running = before.status == Status.RUNNING
        tried = _evaluated(problem, before.trial, running, weighting)
        judged = jax.vmap(partial(judge, settings.solver))(boxes, before, tried)
        away = running & (before.steps == 0) & ~jax.vmap(all_finite)(tried) & (state.retreats < settings.retreats)
        best = judged.current.theta[jnp.argmin(judged.current.cost)]
        nearer = jax.vmap(lambda box, trial: jnp.clip(0.5 * (trial + best), box.lower, box.upper))(boxes, before.trial)
        solver = jax.vmap(choose)(away, before._replace(trial=nearer), judged)
        return Starts(state.iteration + 1, solver, state.retreats + away.astype(jnp.int32))

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
