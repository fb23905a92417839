"""How much lithium a cell loses per cycle, and to which channel where the data tell."""

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxcell.inference.autocorrelation import autocorrelation_time, first_order_time
from jaxcell.inference.covariance import Noise, student_95
from jaxcell.inference.ensemble import ensemble
from jaxcell.inference.inventory_problem import SCATTER_DOF, InventoryProblem, linearised
from jaxcell.inference.joint_problem import JointProblem
from jaxcell.inference.report import FitResult
from jaxcell.inventory import CHANNELS
from jaxcell.units import Scalar

TOLD = 0.25
"""A channel is told where the 95 % interval of its share of the lost lithium is at most this wide [1]."""
NOTHING = 0.01
"""A share whose interval begins below this may as well be nothing [1]: beliefs in logarithms never reach zero."""
_NOTHING_TOLD = 1e-3
"""Precision, over that of the cycles and their prior, below which other measurements tell nothing but rounding."""
_Context: TypeAlias = tuple[
    InventoryProblem,
    Scalar,
    Float[Array, " parameters"],
    Float[Array, " parameters"],
    Float[Array, "parameters parameters"],
]
WALKERS, STEPS, BURN_IN, THINNING = 32, 4000, 1000, 25


@dataclass(frozen=True)
class ChannelLoss:
    """What one channel took up to the last fitted cycle.

    - `estimate` and `interval95` [Q]; `share`, `share95` [1] of all lithium lost.
    """

    estimate: float
    interval95: tuple[float, float]
    share: float
    share95: tuple[float, float]

    @property
    def told(self) -> bool:
        """Whether the data tell this channel from the others."""
        return self.share95[1] - self.share95[0] <= TOLD


@dataclass(frozen=True)
class LithiumLoss:
    """Loss of lithium inventory.

    - `per_cycle`, `per_cycle95` [1]: part of the plated lithium that a cycle does not return, mean over the fitted
      cycles but the first.
    - `first_cycle` [1]: the same of the first cycle, or None where that was not fitted.
    - `channels`: the division of all that was lost, for the channels that were fitted.
    """

    per_cycle: float
    per_cycle95: tuple[float, float]
    first_cycle: float | None
    cycles: int
    channels: dict[str, ChannelLoss]
    capacity_unit: str

    @property
    def told_apart(self) -> bool:
        """Whether every channel is told from the others."""
        return all(channel.told for channel in self.channels.values())

    @property
    def sentences(self) -> tuple[str, ...]:
        """The headline, and the division or why there is none."""
        low, high = (100.0 * end for end in self.per_cycle95)
        head = (
            f"Lithium loss per cycle: {100.0 * self.per_cycle:.3g} % of the plated lithium (95 %: {low:.3g} to "
            f"{high:.3g} %), mean of {self.cycles} cycles after the first."
        )
        first = () if self.first_cycle is None else (f"The first cycle lost {100.0 * self.first_cycle:.3g} %.",)
        parts = [channel_words(name, channel) for name, channel in self.channels.items()]
        told = [words for words, channel in zip(parts, self.channels.values(), strict=True) if channel.told]
        if self.told_apart:
            return (head, *first, f"By channel: {'; '.join(parts)}.")
        some = f" Told from the rest: {'; '.join(told)}." if told else ""
        return (head, *first, f"Only the sum is identified, not its division into channels.{some}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "loss_per_cycle": {"estimate": self.per_cycle, "interval95": list(self.per_cycle95), "unit": "1"},
            "first_cycle_loss": self.first_cycle,
            "cycles": self.cycles,
            "channels_told_apart": self.told_apart,
            "channels": {
                name: {
                    "estimate": c.estimate,
                    "interval95": list(c.interval95),
                    "unit": self.capacity_unit,
                    "share": c.share,
                    "share95": list(c.share95),
                    "told": c.told,
                }
                for name, c in self.channels.items()
            },
            "words": list(self.sentences),
        }


@dataclass(frozen=True)
class CycleFit:
    """Cycles with the noise that their fit ended with, and what they and others tell.

    - `problem`; `theta`, `covariance`: at the optimum, of its own parameters; `noise` of its residuals.
    - `slope`, `others`: of minus the log-likelihood of other measurements at theta, its gradient and curvature; zero
      where cycles are fitted alone.
    """

    problem: InventoryProblem
    theta: Float[np.ndarray, " parameters"]
    covariance: Float[np.ndarray, "parameters parameters"]
    noise: Noise
    slope: Float[np.ndarray, " parameters"]
    others: Float[np.ndarray, "parameters parameters"]

    @property
    def wandering(self) -> float:
        """tau >= 1 [cycles]: neighbouring residuals worth one."""
        residuals = np.asarray(self.problem.residuals(jnp.asarray(self.theta)))
        return _wandering(residuals, np.asarray(self.problem.segments))


def lithium_loss(
    problem: InventoryProblem | JointProblem, result: FitResult, *, member: str = "", seed: int = 0
) -> LithiumLoss:
    """The loss per cycle and its division, from a finished fit of the problem; `member` names the cycles among the
    measurements of a joint one.

    The sum needs no model of the channels: it is the mean of 1 - CE over the cycles, with a Student-t interval from
    their scatter about it, so that a trend counts as losses that wander.  The division is that of the posterior's
    draws, so skewed beliefs keep their tails; what other measurements tell of shared parameters enters as a Gaussian.

    Raises ValueError for a member that is not there or has no cycles.
    """
    own = cycle_fit(problem, result, member)
    problem = own.problem
    run = problem.run(jnp.asarray(own.theta))
    fitted = np.asarray(problem.segments) >= 0
    shares = np.where(fitted, 1.0 - np.asarray(problem.measured_efficiency(run)), 0.0)
    later = fitted & (np.arange(fitted.size) > 0)
    stated = float(problem.noise) if problem.data.noise_given else 0.0
    mean, reach = _mean_of_few(shares[later], stated)
    drawn = _amounts(problem, posterior_draws(own, seed=seed)[0])
    lost = np.sum(list(drawn.values()), axis=0)
    fitted_channels = [name for name in CHANNELS if np.ptp(drawn[name]) > 0.0]
    return LithiumLoss(
        per_cycle=mean,
        per_cycle95=(max(mean - reach, 0.0), min(mean + reach, 1.0)),
        first_cycle=float(shares[0]) if fitted[0] else None,
        cycles=int(later.sum()),
        channels={name: _channel(drawn[name], lost) for name in fitted_channels},
        capacity_unit=problem.capacity_unit,
    )


def _mean_of_few(values: Float[np.ndarray, " n"], least: float) -> tuple[float, float]:
    """Mean, and half-width of its 95 % interval, of values that may follow one another; `least` is their noise.

    sd sqrt(tau/n), tau the longer of the integrated and the first-order autocorrelation time, n/tau - 1 degrees of
    freedom but no fewer than 3: the interval of fewer would be longer than what there is to lose.
    """
    n, mean = values.size, float(values.mean())
    rest = values - mean
    tau = _wandering(rest, np.zeros(n, dtype=np.int64))
    sd = np.sqrt(np.sum(rest**2) / max(n - 1.0 - min(tau, 0.5 * n), 1.0))
    return mean, student_95(max(n / tau - 1.0, 3.0)) * max(float(sd), least) * float(np.sqrt(tau / n))


def _wandering(residuals: Float[np.ndarray, " n"], segments: Int[np.ndarray, " n"]) -> float:
    """tau >= 1: the longer of two estimates, since a dozen points hide half of how they wander."""
    return max(autocorrelation_time(residuals, segments), first_order_time(residuals, segments))


def cycle_fit(problem: InventoryProblem | JointProblem, result: FitResult, member: str = "") -> CycleFit:
    """A fit as its cycles see it; raises as `lithium_loss`."""
    joint = problem if isinstance(problem, JointProblem) else None
    cycles = problem if joint is None else joint.member(member)
    if not isinstance(cycles, InventoryProblem) or (joint is None and member):
        raise ValueError(f"member must name cycles of a joint problem, but '{member}' are none.")
    places = np.arange(result.theta.size) if joint is None else np.asarray(joint.places[joint.names.index(member)])
    theta, covariance = np.asarray(result.theta)[places], np.asarray(result.covariance)[np.ix_(places, places)]
    met = result.members[member]
    if met.noise.chi2 > 0 and met.rmse is not None and not cycles.data.noise_given:
        found = met.rmse / np.sqrt(met.noise.chi2 / met.noise.n_points)
        cycles = eqx.tree_at(lambda p: p.noise, cycles, jnp.asarray(found, dtype=jnp.float64))
    none = np.zeros(places.size)
    alone = CycleFit(cycles, theta, covariance, met.noise, none, np.diag(none))
    return alone if joint is None else _beside_others(alone)


def _beside_others(own: CycleFit) -> CycleFit:
    """With what the others told: the precision beyond the cycles' own and the prior's, and, since the sum has its mode
    at theta, minus the slope of the cycles' posterior there."""
    theta = jnp.asarray(own.theta)
    _, jacobian = linearised(own.problem, theta)
    J, prior = np.asarray(jacobian), np.asarray(own.problem.parameters.prior_precision(theta))
    beliefs = np.sqrt(np.outer(prior, prior))
    known = J.T @ J / own.noise.inflation / beliefs + np.eye(len(prior))
    values, vectors = np.linalg.eigh(np.linalg.inv(own.covariance) / beliefs - known)
    kept = values > _NOTHING_TOLD * np.einsum("ik,ij,jk->k", vectors, known, vectors)
    others = (vectors[:, kept] * values[kept]) @ vectors[:, kept].T * beliefs
    slope = np.asarray(jax.grad(_log_posterior, argnums=1)(_context(own), theta))
    seen = vectors[:, kept] @ vectors[:, kept].T
    slope = np.sqrt(prior) * (seen @ (slope / np.sqrt(prior)))
    return replace(own, others=others, slope=slope)


def posterior_draws(
    own: CycleFit, *, seed: int = 0
) -> tuple[Float[np.ndarray, "draws parameters"], Float[np.ndarray, " draws"]]:
    """Draws of theta, and of the noise [1] that goes with each."""
    problem, tau = own.problem, own.wandering
    rng = np.random.default_rng(seed)
    scatter = rng.multivariate_normal(np.zeros(own.theta.size), own.covariance, WALKERS, method="eigh")
    lower, upper = np.asarray(problem.parameters.lower), np.asarray(problem.parameters.upper)
    start = np.clip(own.theta + scatter, lower + 1e-9, upper - 1e-9)
    positions = ensemble(_log_posterior, _context(own), jnp.asarray(start), jnp.asarray(seed), STEPS)
    thetas = np.asarray(positions)[BURN_IN::THINNING].reshape(-1, own.theta.size)
    if problem.data.noise_given:
        return thetas, np.full(len(thetas), float(problem.noise) * np.sqrt(own.noise.scale))
    chi2 = np.asarray(_chi2(problem, jnp.asarray(thetas))) / tau
    before = SCATTER_DOF * float(problem.data.noise / problem.noise) ** 2
    spread = (chi2 + before) / rng.chisquare(problem.data.fitted / tau + SCATTER_DOF, len(thetas))
    return thetas, float(problem.noise) * np.sqrt(spread)


def _context(own: CycleFit) -> _Context:
    tau = jnp.asarray(own.wandering, dtype=jnp.float64)
    return own.problem, tau, jnp.asarray(own.theta), jnp.asarray(own.slope), jnp.asarray(own.others)


def _log_posterior(context: _Context, theta: Float[Array, " parameters"]) -> Scalar:
    problem, tau, best, slope, others = context
    off = theta - best
    return problem.log_posterior(theta, tau) - slope @ off - 0.5 * off @ others @ off


@eqx.filter_jit
def _chi2(problem: InventoryProblem, thetas: Float[Array, "draws parameters"]) -> Float[Array, " draws"]:
    return jnp.sum(jax.vmap(problem.residuals)(thetas) ** 2, axis=1)


@eqx.filter_jit
def _combined(problem: InventoryProblem, thetas: Float[Array, "draws parameters"]) -> dict[str, Float[Array, " draws"]]:
    return jax.vmap(problem.combinations)(thetas)


def _amounts(
    problem: InventoryProblem, thetas: Float[np.ndarray, "draws parameters"]
) -> dict[str, Float[np.ndarray, " draws"]]:
    found = _combined(problem, jnp.asarray(thetas))
    return {name: np.asarray(found[f"{name}_lithium"]) for name in CHANNELS}


def _channel(drawn: Float[np.ndarray, " draws"], lost: Float[np.ndarray, " draws"]) -> ChannelLoss:
    low, middle, high = (float(v) for v in np.quantile(drawn, [0.025, 0.5, 0.975]))
    share = [float(v) for v in np.quantile(drawn / lost, [0.025, 0.5, 0.975])]
    return ChannelLoss(middle, (low, high), share[1], (share[0], share[2]))


def channel_words(name: str, channel: ChannelLoss) -> str:
    """A channel's share of the lost lithium."""
    low, high = (100.0 * end for end in channel.share95)
    if low < 100.0 * NOTHING:
        return f"{name} at most {high:.3g} % of the lost lithium"
    return f"{name} {100.0 * channel.share:.3g} % of the lost lithium ({low:.3g} to {high:.3g} %)"
