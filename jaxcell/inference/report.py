"""The answer of a fit: immutable, in physical values, with everything needed to doubt it."""

import math
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from .analysis import FitSettings, Identifiability, direction_dict, ridge_dict, verdict_dict
from .combinations import CombinationEstimate
from .covariance import Noise
from .evaluation import Weighting, plain_weighting
from .identifiability import Verdict
from .member_noise import inflated
from .prior_summary import PriorSummary
from .problem import Problem
from .results import Status


@dataclass(frozen=True)
class ParameterEstimate:
    """One fitted parameter.

    - `estimate`, `interval95` in `unit`. The interval covers the linear one and the traced ridges, cut at the
      bounds.
    - `standard_error` [1] in the coordinate named by `transform` (of ln(value) for "log").
    - `on_bound`: "lower", "upper" or None; on a bound the interval is one-sided and the linear theory is
      rough.
    """

    name: str
    unit: str
    estimate: float
    interval95: tuple[float, float]
    standard_error: float
    transform: str
    on_bound: str | None
    prior: PriorSummary
    verdict: Verdict

    @property
    def identifiable(self) -> bool:
        """Whether the data alone settle this parameter."""
        return self.verdict.identifiable


SAME_OPTIMUM = 0.01
"""Two losses this close [1] are the same optimum: likelihoods that differ by one per cent."""
_APART = 5.0
"""Standard errors by which two optima are not one."""


@dataclass(frozen=True)
class StartRecord:
    """Where one start ended: loss [1], status, trial points used, theta."""

    loss: float
    status: Status
    steps: int
    theta: Float[np.ndarray, " parameters"]


@dataclass(frozen=True)
class MemberFit:
    """How one measurement is met.

    - `residuals` (model - data)/stated noise, shape (residuals,), with their `segments` (see `Problem`).
    - `noise` of these residuals; `rmse` in `data_unit`, None where the measurement offers no scale.
    """

    name: str
    residuals: Float[np.ndarray, " residuals"]
    segments: Int[np.ndarray, " residuals"]
    noise: Noise
    rmse: float | None
    data_unit: str

    @property
    def ratio(self) -> float:
        """Root mean square residual over the noise as stated or read off the data [1]."""
        return math.sqrt(self.noise.chi2 / max(self.noise.n_points, 1))

    @property
    def missed(self) -> bool:
        """Whether the model is not one of these data: residuals of twice the noise and more that follow one another, or
        of ten times the noise and more in whatever order."""
        trend = self.noise.autocorrelation_time > FOLLOWING
        return self.ratio > _MISSED or (self.ratio > _MISSED_TREND and trend)

    @property
    def miss(self) -> str:
        """By how much a model misses the data, in words."""
        tau = self.noise.autocorrelation_time
        trend = f" and follow one another over {tau:.0f} points" if tau > FOLLOWING else ""
        return f"{self.name or 'the data'}, whose residuals are {self.ratio:.2g} times the noise{trend}"

    @property
    def sentence(self) -> str:
        """Size and shape of the residuals in words."""
        n, tau = self.noise.n_points, self.noise.autocorrelation_time
        size = "" if self.rmse is None else f"rmse {self.rmse:.3g} {self.data_unit}, "
        head = f"{self.name or 'the data'}: {n} points, {size}{self.ratio:.3g} times the noise"
        if self.ratio > _MISSED:
            head += " (THE MODEL MISSES IT, so that it counts for little: check signs, area and what the cell lacks)"
        if tau > FOLLOWING:
            return f"{head}; residuals follow one another over {tau:.0f} points: they are systematic"
        return f"{head}; larger than noise, without a trend" if self.ratio > LARGE else f"{head}; no more than noise"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the residuals themselves."""
        return {
            "n_points": self.noise.n_points,
            "rmse": self.rmse,
            "rmse_unit": self.data_unit,
            "chi2": self.noise.chi2,
            "dof": self.noise.dof,
            "noise_scale": self.noise.scale,
            "autocorrelation_time": self.noise.autocorrelation_time,
            "effective_parameters": self.noise.effective_parameters,
            "words": self.sentence,
        }


@dataclass(frozen=True)
class FitResult:
    """The best optimum over all starts, with its uncertainty and what it is worth.

    - `theta`, `covariance`, `correlation`: in transformed coordinates, in the order of `parameters`.
    - `members`: how each measurement is met, by name; a problem that is not joined has one, "".
    - `loss` = `Problem.loss` at theta, of several measurements or beside priors with the noise as found; `rmse` in
      `data_unit`, None where the problem offers no scale.
    - `share_at_optimum`: fraction of the starts that ended within 0.01 of the best loss.
    - `stopped`: why the run was cut short, or "".
    - `problem`: what was fitted, as the fit ended with it; `settings`: how.
    """

    theta: Float[np.ndarray, " parameters"]
    parameters: dict[str, ParameterEstimate]
    combinations: dict[str, CombinationEstimate]
    identifiability: Identifiability
    noise: Noise
    loss: float
    rmse: float | None
    data_unit: str
    status: Status
    starts: tuple[StartRecord, ...]
    share_at_optimum: float
    stopped: str
    members: dict[str, MemberFit]
    problem: Problem = field(repr=False)
    settings: FitSettings = field(repr=False)

    @property
    def weighting(self) -> Weighting:
        """Of the likelihood that the intervals describe: each measurement by its noise as found."""
        noises = [one.noise for one in self.members.values()]
        return inflated(self.problem, noises, plain_weighting(self.problem))

    def combinations_of(self, member: str) -> dict[str, CombinationEstimate]:
        """Combinations of one measurement of a joint problem, under their names in its own problem.

        Raises ValueError for a member that does not exist.
        """
        if member not in self.members:
            raise ValueError(f"There is no measurement '{member}'; there are {', '.join(self.members)}.")
        own = f"{member}." if member else ""
        return {name.removeprefix(own): c for name, c in self.combinations.items() if name.startswith(own)}

    @property
    def estimates(self) -> dict[str, float]:
        """Physical values by name."""
        return {name: p.estimate for name, p in self.parameters.items()}

    @property
    def covariance(self) -> Float[np.ndarray, "parameters parameters"]:
        """Posterior covariance in transformed coordinates."""
        return self.identifiability.covariance

    @property
    def standard_errors(self) -> Float[np.ndarray, " parameters"]:
        """Posterior standard deviations in transformed coordinates."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def correlation(self) -> Float[np.ndarray, "parameters parameters"]:
        """Posterior correlation in transformed coordinates."""
        return self.covariance / np.outer(self.standard_errors, self.standard_errors)

    @property
    def converged(self) -> bool:
        """Whether the best start met a tolerance and the run was not cut short."""
        return self.status.converged and not self.stopped

    @property
    def interrupted(self) -> bool:
        """Whether the run was cut short; the result is then the best point so far."""
        return bool(self.stopped)

    @property
    def sentence(self) -> str:
        """How the fit ended, and on which bounds."""
        ended = [f"{p.name} on its {p.on_bound} bound" for p in self.parameters.values() if p.on_bound]
        onto = " and ".join(ended)
        if self.stopped or not self.status.converged:
            early = f"The fit was {self.stopped}; this is the best point so far." if self.stopped else None
            return (early or self.status.sentence) + (f" It ended with {onto}." if ended else "")
        if not ended:
            return " ".join([self.status.sentence, *self.elsewhere])
        others = f"; for the others {self.status.reason}" if len(ended) < len(self.parameters) else ""
        return f"The fit converged with {onto}, beyond which the loss may fall further{others}."

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """Where starts reached the same loss at other values of identified parameters, which are then not the only ones
        that fit: an exchange of two exponentials, say. One sentence, or none."""
        told = [k for k, one in enumerate(self.parameters.values()) if one.identifiable]
        names, apart = list(self.parameters), _APART * self.standard_errors[told]
        others = [
            start
            for start in self.starts
            if start.loss <= self.loss + SAME_OPTIMUM and np.any(np.abs(start.theta - self.theta)[told] > apart)
        ]
        if not others:
            return ()
        values = self.problem.parameters.to_physical(jnp.asarray(others[0].theta))
        there = ", ".join(f"{names[k]} = {float(values[names[k]]):.4g} {self.parameters[names[k]].unit}" for k in told)
        count = f"{len(others)} of {len(self.starts)} starts"
        return (
            f"But {count} reached the same loss elsewhere, such as {there}: intervals are those about one optimum.",
        )

    @property
    def missed(self) -> str:
        """Which measurements the model misses, and what that does to the intervals; "" where it misses none."""
        missed = [one.miss for one in self.members.values() if one.missed]
        if not missed:
            return ""
        return (
            f"The model misses {' and '.join(missed)}: it lacks something that these data show, and no interval "
            "allows for that."
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: keys `identifiability` (one line), `missed` (another, or ""), `parameters`, `combinations`,
        `fit`, `directions`, `ridges`, `collinear_pairs`; non-finite numbers are None."""
        names = tuple(self.parameters)
        return _plain(
            {
                "identifiability": self.identifiability.headline,
                "missed": self.missed,
                "parameters": {name: _parameter_dict(p) for name, p in self.parameters.items()},
                "combinations": {name: _combination_dict(c) for name, c in self.combinations.items()},
                "fit": {
                    "converged": self.converged,
                    "status": self.status.name.lower(),
                    "message": self.sentence,
                    "interrupted": self.interrupted,
                    "loss": self.loss,
                    "rmse": self.rmse,
                    "rmse_unit": self.data_unit,
                    "n_points": self.noise.n_points,
                    "chi2": self.noise.chi2,
                    "dof": self.noise.dof,
                    "noise_scale": self.noise.scale,
                    "autocorrelation_time": self.noise.autocorrelation_time,
                    "starts": [
                        {"loss": s.loss, "status": s.status.name.lower(), "steps": s.steps} for s in self.starts
                    ],
                    "share_at_optimum": self.share_at_optimum,
                    "correlation": {"names": list(names), "matrix": self.correlation.tolist()},
                },
                **self._measurements(),
                "directions": [direction_dict(d, names) for d in self.identifiability.directions],
                "ridges": [ridge_dict(r) for r in self.identifiability.ridges],
                "collinear_pairs": [pair.to_dict() for pair in self.identifiability.collinear],
            }
        )

    def _measurements(self) -> dict[str, Any]:
        """Key `measurements` where there are several."""
        several = len(self.members) > 1
        return {"measurements": {name: one.to_dict() for name, one in self.members.items()}} if several else {}

    def summary(self) -> str:
        """The result as readable text."""
        lines = [self.sentence, self.identifiability.headline, *filter(None, [self.missed])]
        for p in self.parameters.values():
            low, high = p.interval95
            bound = f", on its {p.on_bound} bound" if p.on_bound else ""
            believed = "prior {:.4g} to {:.4g}".format(*p.prior.interval95) + ", cut by its bounds" * p.prior.cut
            lines.append(
                f"  {p.name} = {p.estimate:.4g} {p.unit} [{low:.4g}, {high:.4g}]{bound}: {p.verdict.kind}; {believed}"
            )
        for c in self.combinations.values():
            low, high = c.interval95
            lines.append(f"  {c.name} = {c.estimate:.4g} {c.unit} [{low:.4g}, {high:.4g}]: {c.verdict}")
        error = "" if self.rmse is None else f", rmse {self.rmse:.3g} {self.data_unit}"
        lines.append(
            f"  {self.noise.n_points} points, chi2 {self.noise.chi2:.4g}{error}, noise scale "
            f"{self.noise.scale:.3g}, autocorrelation time {self.noise.autocorrelation_time:.3g} points"
        )
        lines += [f"  {one.sentence}" for one in self.members.values() if len(self.members) > 1]
        lines.append(f"  {self.share_at_optimum:.0%} of {len(self.starts)} starts reached this optimum")
        lines += [f"  {d.sentence}" for d in self.identifiability.directions if d.remaining > _WEAK]
        lines += [f"  {pair.sentence}" for pair in self.identifiability.collinear]
        return "\n".join(lines)


_WEAK = 0.25
FOLLOWING, LARGE = 3.0, 1.2
"""Autocorrelation time, and root mean square over noise, from which residuals are more than noise."""
_MISSED, _MISSED_TREND = 10.0, 2.0
"""Root mean square over noise from which the model is not one of the data: in any order, and where they follow."""


def _parameter_dict(p: ParameterEstimate) -> dict[str, Any]:
    return {
        "estimate": p.estimate,
        "unit": p.unit,
        "interval95": list(p.interval95),
        **verdict_dict(p.verdict),
        "standard_error": p.standard_error,
        "transform": p.transform,
        "on_bound": p.on_bound,
        "bounds": list(p.prior.bounds),
        "prior": p.prior.to_dict(),
    }


def _combination_dict(c: CombinationEstimate) -> dict[str, Any]:
    return {
        "estimate": c.estimate,
        "unit": c.unit,
        "interval95": list(c.interval95),
        "identifiable": c.identifiable,
        "verdict": c.verdict,
        "prior_left": c.remaining,
    }


def _plain(value: Any) -> Any:
    """Dictionaries and lists of plain str, bool, int and finite float; None for anything not finite."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None
