"""How much lithium the full model lost by the end of a record, and to which channel where the data tell."""

from dataclasses import dataclass
from typing import Any

from jaxcell.inference.cell_problem import CellProblem
from jaxcell.inference.combinations import CombinationEstimate
from jaxcell.inference.identifiability import IDENTIFIED
from jaxcell.inference.lithium_loss import TOLD, ChannelLoss, channel_words
from jaxcell.inference.lost_lithium import LOST, UNIT, lithium_of, share_of
from jaxcell.inference.protocol_problem import ProtocolProblem

FIXED = "fixed by the study"
"""Verdict on what no fitted parameter changes."""
MOVES = 0.01
"""Standard deviation under the priors alone, as a part of the value, below which nothing that is fitted changes it."""
HIDDEN = (
    "The data do not see it: lithium in excess hides its loss until the reservoir is gone. Capacities of steps that "
    "strip an electrode bare would show it."
)


@dataclass(frozen=True)
class CellLithiumLoss:
    """Lithium lost by the end of the record [mAh cm-2], both electrodes together.

    - `total`, `total95`, and `verdict` on it: "identified", "prior only" or "fixed by the study".
    - `channels`: amount and share of each, by its name in the ledger; `verdicts` on them.

    **Intervals** are those of `CombinationEstimate`: amounts are positive and nearly products of powers of the
    parameters, so ln(amount) is close to linear where an amount is not, and an interval of logarithms cannot go below
    zero.  Its standard deviation comes from the posterior covariance through the exact gradient of the simulation;
    along directions that the data leave open it is the reach of the amount over the traced ridge, since there draws
    from the Gaussian would leave the curved trade-off and spoil the sum, which is what the data tell.

    **Verdicts**: an amount is identified when the data leave a quarter of what the priors alone would give.  A channel
    is told when the 95 % interval of its share is at most `TOLD` wide, and it is identified, or fixed, or at most that
    share of the whole.
    """

    total: float
    total95: tuple[float, float]
    verdict: str
    channels: dict[str, ChannelLoss]
    verdicts: dict[str, str]

    def told(self, channel: str) -> bool:
        """Whether the data tell this channel from the others."""
        found = self.channels[channel]
        small = found.share95[1] <= TOLD
        return found.told and (small or self.verdicts[channel] in (IDENTIFIED, FIXED))

    @property
    def told_apart(self) -> bool:
        """Whether the sum and every channel of it are told."""
        return self.verdict != "prior only" and all(self.told(name) for name in self.channels)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The sum, and its division or why there is none."""
        low, high = self.total95
        size = f"{self.total:.3g} mAh cm-2 (95 %: {low:.3g} to {high:.3g})"
        head = f"Lithium lost by the end of the record: {size}"
        if self.verdict == FIXED:
            return (f"Lithium lost by the end of the record: {self.total:.3g} mAh cm-2, fixed by the study.",)
        if self.verdict != IDENTIFIED:
            return (f"{head}, prior only.", HIDDEN)
        if len(self.channels) == 1:
            (name,) = self.channels
            return (f"{head}.", f"All of it is {plain_name(name)}, the only channel of this cell.")
        parts = {name: channel_words(plain_name(name), channel) for name, channel in self.channels.items()}
        if self.told_apart:
            return (f"{head}.", f"By channel: {'; '.join(parts.values())}.")
        told = [words for name, words in parts.items() if self.told(name)]
        some = f" Told from the rest: {'; '.join(told)}." if told else ""
        return (f"{head}.", f"Only the sum is identified, not its division into channels.{some}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready but for numbers that are not finite."""
        return {
            "lost": {"estimate": self.total, "interval95": list(self.total95), "unit": UNIT, "verdict": self.verdict},
            "channels_told_apart": self.told_apart,
            "channels": {
                name: {
                    "estimate": c.estimate,
                    "interval95": list(c.interval95),
                    "unit": UNIT,
                    "verdict": self.verdicts[name],
                    "share": c.share,
                    "share95": list(c.share95),
                    "told": self.told(name),
                }
                for name, c in self.channels.items()
            },
            "words": list(self.sentences),
        }


def cell_lithium_loss(
    problem: CellProblem | ProtocolProblem, combinations: dict[str, CombinationEstimate]
) -> CellLithiumLoss | None:
    """The loss and its division from the combinations of a finished fit (`FitResult.combinations`); None for a cell
    without loss channels."""
    if not problem.channels:
        return None
    total = combinations[LOST]
    found = {name: combinations[lithium_of(name)] for name in problem.channels}
    shares = {name: combinations[share_of(name)] for name in problem.channels}
    return CellLithiumLoss(
        total.estimate,
        total.interval95,
        _verdict(total),
        {name: _channel(found[name], shares[name]) for name in problem.channels},
        {name: _verdict(one) for name, one in found.items()},
    )


def plain_name(channel: str) -> str:
    """ "dead bottom" for "working, dead bottom"; the counter electrode's keep their side."""
    return channel.removeprefix("working, ")


def _verdict(one: CombinationEstimate) -> str:
    return FIXED if one.prior_error < MOVES else one.verdict


def _channel(amount: CombinationEstimate, share: CombinationEstimate) -> ChannelLoss:
    low, high = share.interval95
    return ChannelLoss(amount.estimate, amount.interval95, share.estimate, (max(low, 0.0), min(high, 1.0)))
