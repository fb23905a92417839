"""Verdicts, directions and ridges at one point, for a finished fit and for a measurement not yet made."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .collinearity import CollinearPair, collinear_pairs
from .covariance import posterior_covariance
from .cut_gaussian import CutGaussian, cut_interval
from .evaluation import Evaluation, Weighting, plain_weighting
from .identifiability import IDENTIFIED, Direction, Thresholds, Verdict, directions, judge_parameters
from .least_squares import LevenbergMarquardt
from .member_noise import Told, told
from .multistart import MultistartSettings, evaluate_starts, prepare, whole_boxes
from .problem import Problem
from .ridge import Profiler, Ridge, trace_ridge, trade_offs, trades_off


class FitSettings(eqx.Module):
    """Every choice of a fit.

    - `solver`, `retreats`, `chunk`: see `LevenbergMarquardt` and `MultistartSettings`. The default tolerances
      stop within about 1e-4 standard errors of the optimum.
    - `thresholds`: where the identifiability verdicts part.
    - `ridges`: most weak directions to trace (0 traces none, and curved trade-offs then go unseen).
    """

    solver: LevenbergMarquardt = LevenbergMarquardt(
        gradient_tolerance=1e-8, step_tolerance=1e-10, cost_tolerance=1e-11, max_steps=100
    )
    retreats: int = 20
    chunk: int = 10
    thresholds: Thresholds = Thresholds()
    ridges: int = 3

    @property
    def multistart(self) -> MultistartSettings:
        """The part that drives the starts."""
        return MultistartSettings(self.solver, self.retreats, self.chunk)


@dataclass(frozen=True)
class Identifiability:
    """What the data tell about each parameter at one point.

    - `verdicts`: in the order of theta; `directions`: worst seen first; `ridges`: traced trade-offs.
    - `covariance`: posterior, in transformed coordinates; `prior_sd`: there too, bounds included.
    - `covariance_across`: the covariance without the directions that ridges replace.
    - `told`: what each measurement tells, and how well its noise is known.
    - `cut`: the posterior where it is straight, a Gaussian between the bounds; flat priors are nothing but the bounds
      in it, while `covariance` takes each for a Gaussian as wide.
    """

    verdicts: tuple[Verdict, ...]
    directions: tuple[Direction, ...]
    ridges: tuple[Ridge, ...]
    covariance: Float[np.ndarray, "parameters parameters"]
    covariance_across: Float[np.ndarray, "parameters parameters"]
    prior_sd: Float[np.ndarray, " parameters"]
    told: Told
    cut: CutGaussian

    def quantile(self, direction: Float[np.ndarray, " parameters"]) -> float:
        """Half-width of the 95 % interval of direction . theta in standard errors."""
        return self.told.quantile(direction, self.covariance)

    @property
    def collinear(self) -> tuple[CollinearPair, ...]:
        """Pairs of parameters whose effects on the data are nearly the same, worst first."""
        return collinear_pairs(tuple(v.name for v in self.verdicts), self.told.information)

    @property
    def headline(self) -> str:
        """All verdicts in one line."""
        by_kind: dict[str, list[str]] = {}
        for v in self.verdicts:
            by_kind.setdefault(v.kind, []).append(v.name)
        known = by_kind.pop(IDENTIFIED, [])
        parts = [f"identified: {', '.join(known)}" if known else "nothing is identified"]
        parts += [f"{', '.join(names)}: {kind}" for kind, names in by_kind.items()]
        return f"What the data tell: {'; '.join(parts)}."

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready verdicts by parameter and directions, plain floats."""
        return {
            "parameters": {v.name: verdict_dict(v) for v in self.verdicts},
            "directions": [direction_dict(d, tuple(v.name for v in self.verdicts)) for d in self.directions],
            "ridges": [ridge_dict(r) for r in self.ridges],
            "collinear_pairs": [pair.to_dict() for pair in self.collinear],
        }

    def summary(self) -> str:
        """One sentence per parameter, per direction and per nearly collinear pair."""
        lines = [v.sentence for v in self.verdicts] + [d.sentence for d in self.directions]
        return "\n".join(lines + [pair.sentence for pair in self.collinear])


def analyse(
    problem: Problem,
    at: Evaluation,
    known: Told,
    slope: Float[np.ndarray, " parameters"],
    weighting: Weighting | None,
    points: int,
    settings: FitSettings,
) -> Identifiability:
    """Verdicts at an evaluated point.

    `known`: what the measurements tell; `slope`: of the loss there; `weighting` and `points` of the traced ridges
    (None traces none).
    """
    names, theta = problem.parameters.names, np.asarray(at.theta)
    prior_sd = problem.parameters.prior_sd()
    information = known.information
    precision = problem.parameters.prior_precision(at.theta)
    covariance = np.asarray(posterior_covariance(jnp.asarray(information), precision))
    found = directions(names, information, prior_sd, settings.thresholds)
    ridges: tuple[Ridge, ...] = ()
    if weighting is not None:
        cost = _cost(problem, at, weighting)
        chosen = trade_offs(found, settings.thresholds.marginal)[: settings.ridges]
        along = np.stack([one.loadings * prior_sd for one in chosen]) if chosen else np.zeros((0, theta.size))
        flat = np.asarray(problem.parameters.flat)
        width = np.asarray(problem.parameters.upper - problem.parameters.lower)
        for k, direction in enumerate(chosen):
            quantile = known.quantile(direction.loadings * prior_sd, covariance)
            profiler = Profiler(problem, weighting, settings.multistart, points, 0.5 * quantile**2)
            half_width = np.where(flat, width, 1.5 * quantile * prior_sd)
            if trades_off(profiler, direction, theta, information, prior_sd, half_width):
                aside = np.delete(along, k, axis=0)
                ridges += (trace_ridge(profiler, direction, theta, cost, covariance, half_width, aside),)
    across = _without(covariance, prior_sd, ridges)
    half = 0.5 * np.diff(ridge_extent(theta, ridges), axis=0)[0]
    sd = np.maximum(np.sqrt(np.maximum(np.diag(across), 0.0)), half / known.quantiles(covariance))
    verdicts = judge_parameters(names, information, covariance, sd, prior_sd, settings.thresholds)
    cut = _cut(problem, theta, information, np.asarray(precision), slope)
    return Identifiability(verdicts, found, ridges, covariance, across, prior_sd, known, cut)


def _cut(
    problem: Problem,
    theta: Float[np.ndarray, " parameters"],
    information: Float[np.ndarray, "parameters parameters"],
    precision: Float[np.ndarray, " parameters"],
    slope: Float[np.ndarray, " parameters"],
) -> CutGaussian:
    """About an optimum: the slope is what pushes parameters onto their bounds, rounding elsewhere."""
    lower, upper = np.asarray(problem.parameters.lower), np.asarray(problem.parameters.upper)
    held = (theta <= lower) | (theta >= upper)
    believed = np.where(np.asarray(problem.parameters.flat), 0.0, precision)
    return CutGaussian(theta, information + np.diag(believed), np.where(held, slope, 0.0), lower, upper)


def ridge_extent(
    theta: Float[np.ndarray, " parameters"], ridges: tuple[Ridge, ...]
) -> Float[np.ndarray, "2 parameters"]:
    """Lowest and highest theta over the optimum and all ridges."""
    lows, highs = (
        np.stack([theta, *(r.extent[0] for r in ridges)]),
        np.stack([theta, *(r.extent[1] for r in ridges)]),
    )
    return np.stack([lows.min(axis=0), highs.max(axis=0)])


def interval95(theta: Float[np.ndarray, " parameters"], found: Identifiability) -> Float[np.ndarray, "2 parameters"]:
    """95 % interval in theta, inside the bounds.

    Of parameters that move along a ridge all that lies within its contour, on the ridge and beside it; of all others
    that of the Gaussian between its bounds (see `cut_interval`).
    """
    quantiles = found.told.quantiles(found.covariance)
    half = quantiles * np.sqrt(np.maximum(np.diag(found.covariance_across), 0.0))
    moves = (
        np.any([ridge.reach > half for ridge in found.ridges], axis=0) if found.ridges else np.zeros(theta.size, bool)
    )
    straight = np.stack([theta, theta]) if np.all(moves) else cut_interval(found.cut, quantiles)
    return np.clip(np.where(moves, ridge_extent(theta, found.ridges), straight), found.cut.lower, found.cut.upper)


def _without(
    covariance: Float[np.ndarray, "parameters parameters"],
    prior_sd: Float[np.ndarray, " parameters"],
    ridges: tuple[Ridge, ...],
) -> Float[np.ndarray, "parameters parameters"]:
    """The covariance projected, in units of the prior sd, off the directions that the ridges follow."""
    scale = np.outer(prior_sd, prior_sd)
    keep = np.eye(prior_sd.size) - sum((np.outer(r.loadings, r.loadings) for r in ridges), np.zeros_like(scale))
    return keep @ (covariance / scale) @ keep * scale


def explain(
    problem: Problem,
    theta: Float[Array, " parameters"] | None = None,
    *,
    settings: FitSettings | None = None,
    points: int = 16,
) -> Identifiability:
    """What this measurement could tell if `theta` (default: the start) were the truth, before any fit.

    The Fisher information of the design at the stated, independent noise, against the priors; ridges are
    traced on noise-free data made at `theta`, with the priors centred there. The data in the problem do not
    enter.

    **Raises** `ValueError` when the residuals or their derivatives are not finite at `theta`.
    """
    settings = FitSettings() if settings is None else settings
    theta = problem.parameters.initial if theta is None else theta
    boxes = whole_boxes(problem.parameters, points)
    state = prepare(problem, jnp.tile(theta[None, :], (points, 1)), boxes)
    stated = plain_weighting(problem)
    batch = evaluate_starts(problem, state, boxes, stated, settings.multistart)
    at = Evaluation(*(leaf[0] for leaf in batch))
    if not np.isfinite(at.cost):
        raise ValueError("The residuals are not finite at this theta, so nothing can be said about the measurement.")
    offset = jnp.concatenate([at.residuals, problem.prior_residuals(at.theta)])
    true = np.zeros(theta.shape[0])  # at the truth the loss is flat
    return analyse(problem, at, told(problem, at, stated), true, stated._replace(offset=offset), points, settings)


def _cost(problem: Problem, at: Evaluation, weighting: Weighting) -> float:
    n = at.residuals.shape[0]
    data = weighting.data * (at.residuals - weighting.offset[:n])
    prior = weighting.prior * (problem.prior_residuals(at.theta) - weighting.offset[n:])
    return float(0.5 * (jnp.sum(data**2) + jnp.sum(prior**2)))


def verdict_dict(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain values."""
    return {
        "identifiable": verdict.identifiable,
        "verdict": verdict.kind,
        "prior_left": {"marginal": verdict.marginal, "conditional": verdict.conditional},
    }


def direction_dict(direction: Direction, names: tuple[str, ...]) -> dict[str, Any]:
    """A direction as plain values."""
    return {
        "words": direction.words,
        "prior_left": direction.remaining,
        "loadings": dict(zip(names, direction.loadings.tolist(), strict=True)),
    }


def ridge_dict(ridge: Ridge) -> dict[str, Any]:
    """A ridge as plain lists, in physical values."""
    return {
        "parameters": list(ridge.names),
        "direction": ridge.words,
        "values": {name: values.tolist() for name, values in ridge.values.items()},
        "loss_rise": ridge.rise.tolist(),
    }
