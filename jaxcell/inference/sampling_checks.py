"""Whether chains can be trusted: rank-normalised split R-hat, effective sample sizes, divergences, energy.

After Vehtari, Gelman, Simpson, Carpenter and Buerkner (Bayesian Analysis 16, 667, 2021), as computed by ArviZ, and
Betancourt (arXiv 1604.00695) for the energy: the fraction of missing information is sum (E_t - E_t-1)^2 over
sum (E_t - mean E)^2.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from .extras import import_arviz
from .nuts import Chains

MOST_CUT = 0.05
"""Part of the draws that may be cut off by the tree depth."""
R_HAT, ESS_PER_CHAIN, LEAST_BFMI = 1.01, 100.0, 0.3
"""R-hat at most, effective draws a chain at least (both Vehtari et al. 2021), energy fraction at least."""


@dataclass(frozen=True)
class Check:
    """Of one number: R-hat [1], and how many independent draws its middle (bulk) and its 5 and 95 % quantiles (tail)
    are worth. Not a number where the draws do not vary."""

    r_hat: float
    ess_bulk: float
    ess_tail: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"r_hat": self.r_hat, "ess_bulk": self.ess_bulk, "ess_tail": self.ess_tail}


def check(draws: Float[np.ndarray, "chains draws"]) -> Check:
    """The numbers of one quantity; needs ArviZ."""
    az = import_arviz()
    return Check(
        float(np.asarray(az.rhat(draws))),
        float(np.asarray(az.ess(draws, method="bulk"))),
        float(np.asarray(az.ess(draws, method="tail", prob=(0.05, 0.95)))),
    )


def judge(checks: dict[str, Check], chains: Chains | None, most_steps: int) -> tuple[bool, tuple[str, ...]]:
    """Whether all is well, and why or why not, in sentences."""
    if chains is None:
        return True, ()
    verdicts = [
        _agreement(checks, chains),
        _length(checks, chains),
        _divergences(chains),
        _steps(chains, most_steps),
        _energy(chains),
    ]
    return all(good for good, _ in verdicts), tuple(words for _, words in verdicts if words)


def _agreement(checks: dict[str, Check], chains: Chains) -> tuple[bool, str]:
    count = chains.lp.shape[0]
    if count < 2:
        return False, "One chain cannot be compared with another: run at least two, better four."
    bad = {name: one.r_hat for name, one in checks.items() if not one.r_hat <= R_HAT}
    worst = max(one.r_hat for one in checks.values())
    if not bad:
        return True, f"The {count} chains agree: R-hat is at most {worst:.4f}."
    listed = ", ".join(f"{name} {value:.3g}" for name, value in bad.items())
    return (
        False,
        f"The chains do not agree (R-hat above {R_HAT}: {listed}): draw more, or the posterior has several modes.",
    )


def _length(checks: dict[str, Check], chains: Chains) -> tuple[bool, str]:
    least = ESS_PER_CHAIN * chains.lp.shape[0]
    bulk, tail = (min(checks, key=lambda name: getattr(checks[name], kind)) for kind in ("ess_bulk", "ess_tail"))
    few, fewer = checks[bulk].ess_bulk, checks[tail].ess_tail
    words = (
        f"The draws are worth at least {few:.0f} independent ones for medians ({bulk}) and {fewer:.0f} for intervals "
        f"({tail})"
    )
    if few >= least and fewer >= least:
        return True, f"{words}."
    return False, f"{words}, fewer than the {least:.0f} that make them reliable: draw more."


def _divergences(chains: Chains) -> tuple[bool, str]:
    count, total = int(np.sum(np.asarray(chains.diverging))), chains.diverging.size
    if count == 0:
        return True, "No draw diverged."
    return False, (
        f"{count} of {total} draws diverged: the posterior bends or ends more sharply than the steps follow, and its "
        "tails may be cut; raise target_accept, or tighten the bounds."
    )


def _steps(chains: Chains, most: int) -> tuple[bool, str]:
    share = float(np.mean(np.asarray(chains.steps) >= most))
    if share <= MOST_CUT:
        return True, ""
    return False, (
        f"{share:.0%} of the draws were cut off after {most} steps: a long, narrow trade-off that bends, along which "
        "the chains creep; hold a parameter of it fixed, or report the combination that the data tell."
    )


def _energy(chains: Chains) -> tuple[bool, str]:
    energy = np.asarray(chains.energy)
    fraction = np.sum(np.diff(energy, axis=1) ** 2, axis=1) / np.sum(
        (energy - energy.mean(axis=1, keepdims=True)) ** 2, axis=1
    )
    if np.min(fraction) >= LEAST_BFMI:
        return True, ""
    return (
        False,
        f"The tails are explored slowly (energy fraction {np.min(fraction):.2g}, below {LEAST_BFMI}): draw more.",
    )
