"""Draws from a posterior, and what they say beside the priors."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .likelihood import Likelihood
from .nuts import Chains
from .prior_summary import PriorSummary
from .problem import Problem
from .report import FitResult
from .sampling_checks import Check, judge

_BATCH = 64
ChainsOfDraws = Float[np.ndarray, "chains draws"]


@dataclass(frozen=True)
class Marginal:
    """One number of the posterior: `median` and `interval95` (equal tails) in `unit`.

    - `prior`: of a parameter; None for a combination or an unknown of the likelihood.
    - `prior_left` [1]: posterior sd over prior sd in theta; None without a prior.
    """

    name: str
    unit: str
    median: float
    interval95: tuple[float, float]
    prior: PriorSummary | None
    prior_left: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        prior = None if self.prior is None else [self.prior.median, *self.prior.interval95]
        return {
            "median": self.median,
            "interval95": list(self.interval95),
            "unit": self.unit,
            "prior_median_and_interval95": prior,
            "prior_outside_bounds": None if self.prior is None else self.prior.outside,
            "prior_source": None if self.prior is None else self.prior.source,
            "prior_left": self.prior_left,
        }


@dataclass(frozen=True)
class Posterior:
    """Draws from the posterior of a fit.

    - `method`: "nuts" or "laplace" (independent draws of the Gaussian at the optimum, inside the bounds; one chain).
    - `theta`, shape (chains, draws, parameters): in transformed coordinates.
    - `values`, `combinations`, `unknowns`: by name, each of shape (chains, draws): parameters and combinations in their
      units; noise scale s and discrepancy sd in units of the stated noise, and persistence phi [1].
    - `checks`: of every parameter and unknown; empty for "laplace".
    - `chains`: what the sampler kept; None for "laplace". `most_steps` of a draw. `seconds`: wall time,
      compilation included.
    """

    method: str
    result: FitResult = field(repr=False)
    likelihood: Likelihood
    theta: Float[np.ndarray, "chains draws parameters"] = field(repr=False)
    values: dict[str, ChainsOfDraws] = field(repr=False)
    combinations: dict[str, ChainsOfDraws] = field(repr=False)
    unknowns: dict[str, ChainsOfDraws] = field(repr=False)
    checks: dict[str, Check] = field(repr=False)
    chains: Chains | None = field(repr=False)
    most_steps: int
    seconds: float

    @property
    def marginals(self) -> dict[str, Marginal]:
        """Median and 95 % interval of every parameter, beside its prior."""
        sd, prior_sd = self.theta.std(axis=(0, 1), ddof=1), self.result.identifiability.prior_sd
        return {
            name: _marginal(name, one.unit, self.values[name], one.prior, float(sd[k] / prior_sd[k]))
            for k, (name, one) in enumerate(self.result.parameters.items())
        }

    @property
    def combined(self) -> dict[str, Marginal]:
        """The same of the combinations, and of the unknowns of the likelihood."""
        units = self.result.problem.combination_units() | dict.fromkeys(self.unknowns, "1")
        both = self.combinations | self.unknowns
        return {name: _marginal(name, units[name], draws, None, None) for name, draws in both.items()}

    @property
    def covariance(self) -> Float[np.ndarray, "parameters parameters"]:
        """Of the draws, in transformed coordinates."""
        return np.atleast_2d(np.cov(self.theta.reshape(-1, self.theta.shape[-1]).T))

    @property
    def sound(self) -> bool:
        """Whether the chains agree, are long enough, and did not diverge; True for independent draws."""
        return judge(self.checks, self.chains, self.most_steps)[0]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the sampler's own checks say."""
        if self.chains is None:
            ridges = self.result.identifiability.ridges
            bent = [f"{' and '.join(ridge.names)} trade off" for ridge in ridges if len(ridge.names) > 1]
            words = "Independent draws of the Gaussian approximation at the optimum, inside the bounds"
            if not bent:
                return (f"{words}: a curved trade-off is not in it.",)
            return (
                f"{words}: of a curved trade-off they leave what fits, and {'; '.join(bent)}. Sample the posterior "
                "instead, or fit the combination.",
            )
        return judge(self.checks, self.chains, self.most_steps)[1]

    def summary(self) -> str:
        """The posterior beside the priors, as readable text."""
        lines = [*self.sentences]
        for m in self.marginals.values():
            low, high = m.interval95
            assert m.prior is not None, "parameters have priors"
            assert m.prior_left is not None, "parameters have priors"
            lines.append(
                f"  {m.name} = {m.median:.4g} {m.unit} [{low:.4g}, {high:.4g}]; prior {m.prior.median:.4g} "
                f"[{m.prior.interval95[0]:.4g}, {m.prior.interval95[1]:.4g}], {100.0 * m.prior_left:.3g} % left"
                + ", cut by its bounds"
                * m.prior.cut
            )
        for m in self.combined.values():
            lines.append(f"  {m.name} = {m.median:.4g} {m.unit} [{m.interval95[0]:.4g}, {m.interval95[1]:.4g}]")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the draws."""
        return {
            "method": self.method,
            "sound": self.sound,
            "words": list(self.sentences),
            "noise": self.likelihood.noise,
            "student_dof": self.likelihood.student_dof,
            "discrepancy": self.likelihood.discrepancy,
            "draws": int(self.theta.shape[0] * self.theta.shape[1]),
            "seconds": round(self.seconds, 3),
            "parameters": {name: m.to_dict() for name, m in self.marginals.items()},
            "combinations": {name: m.to_dict() for name, m in self.combined.items()},
            "checks": {name: check.to_dict() for name, check in self.checks.items()},
        }


def physical_draws(
    problem: Problem, theta: Float[np.ndarray, "chains draws parameters"]
) -> tuple[dict[str, ChainsOfDraws], dict[str, ChainsOfDraws]]:
    """Values and combinations of all draws, in batches through one compiled program."""
    flat = theta.reshape(-1, theta.shape[-1])
    values = _in_batches(_values, problem, flat)
    combined = _in_batches(_combined, problem, flat) if problem.combination_units() else {}
    shape = theta.shape[:2]
    whole = lambda rows: {name: row.reshape(shape) for name, row in rows.items()}  # noqa: E731
    return whole(values), whole(combined)


def _in_batches(
    function: Callable[[Problem, Array], dict[str, Array]], problem: Problem, flat: np.ndarray
) -> dict[str, np.ndarray]:
    padded = np.concatenate([flat, np.tile(flat[:1], (-len(flat) % _BATCH, 1))])
    parts = [function(problem, jnp.asarray(rows)) for rows in padded.reshape(-1, _BATCH, flat.shape[1])]
    return {name: np.concatenate([np.asarray(part[name]) for part in parts])[: len(flat)] for name in parts[0]}


@eqx.filter_jit
def _values(problem: Problem, thetas: Float[Array, "draws parameters"]) -> dict[str, Float[Array, " draws"]]:
    return jax.vmap(problem.parameters.to_physical)(thetas)


@eqx.filter_jit
def _combined(problem: Problem, thetas: Float[Array, "draws parameters"]) -> dict[str, Float[Array, " draws"]]:
    return jax.vmap(problem.combinations)(thetas)


def _marginal(
    name: str, unit: str, draws: ChainsOfDraws, prior: PriorSummary | None, prior_left: float | None
) -> Marginal:
    low, median, high = (float(v) for v in np.nanquantile(draws, [0.025, 0.5, 0.975]))
    return Marginal(name, unit, median, (low, high), prior, prior_left)
