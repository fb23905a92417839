"""Share of the plated lithium that lies below the layer, when most of it is there, and whether the data tell it.

In the linear regime a voltage tells one resistance, of whatever sites the lithium went to: cells of very different
shares have the same voltage.  What tells them apart is the kink where the top site opens, a second nucleation dip or
stripping plateau, or layers of several thicknesses; else the share is what the numbers of the other sites make it.
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxcell.cell import Cell
from jaxcell.inference.combinations import CombinationEstimate
from jaxcell.inference.identifiability import IDENTIFIED
from jaxcell.inference.parameters import ParameterSet
from jaxcell.inference.problem import Physical
from jaxcell.inference.report import FitResult
from jaxcell.model.chain import WORKING
from jaxcell.observables import bottom_fraction
from jaxcell.simulation import Solution

SHARE = "bottom_fraction"
"""Name of the combination."""
CONSTRUCTION, ASSUMED = "by construction", "assumed"
"""Verdicts on the share of a cell without another site, and where no number of another site is fitted."""
DIVIDING = tuple(
    f"working.layer.{name}" for name in ("top.", "pores.", "electronic_conductivity", "electronic_contact_resistance")
)
"""Where the paths of numbers begin that only lithium inside and on top of the layer depends on."""
WOULD_TELL = (
    "a kink of the voltage where the top opens, a second nucleation dip or stripping plateau, or layers of several "
    "thicknesses would"
)


def has_other_sites(cell: Cell) -> bool:
    """Whether the working electrode can take up lithium inside its layer or on top of it."""
    layer = getattr(cell.working, "layer", None)
    return layer is not None and (layer.top is not None or layer.pores is not None)


def dividing(cell: Cell, parameters: ParameterSet) -> tuple[str, ...]:
    """Names of the fitted parameters that belong to the sites inside and on top of the working electrode's layer."""
    if not has_other_sites(cell):
        return ()
    return tuple(p.name for p in parameters.parameters if any(path.startswith(DIVIDING) for path in p.paths))


def bottom_share(solution: Solution) -> Physical:
    """The share [1] when the working electrode had gained most, as a record may end as it began; NaN if the run failed
    or no lithium was ever gained."""
    share, sites = bottom_fraction(solution), solution.model.on(WORKING)
    gained = jnp.sum(jnp.where(sites[None, :], solution.state.node[:, 0, :], 0.0), axis=1)
    fullest = jnp.argmax(jnp.where(jnp.isfinite(share), gained, -jnp.inf))
    return {SHARE: jnp.where(solution.status == 0, share[fullest], jnp.nan)}


@dataclass(frozen=True)
class BottomShare:
    """Share of the lithium gained by the working electrode that lies below its layer, when most was gained [1].

    - `interval95` [1]: None where no number of another site was fitted.
    - `verdict`: "identified", "prior only", "assumed" or "by construction".
    """

    value: float
    interval95: tuple[float, float] | None
    verdict: str

    @property
    def sentence(self) -> str:
        """What the share is worth."""
        whose = "of the lithium gained by the working electrode"
        if self.verdict == CONSTRUCTION:
            return f"All {whose} lies below the layer: this cell has no other site for it."
        size = f"{100.0 * self.value:.3g} %"
        if self.interval95 is not None:
            low, high = (100.0 * end for end in self.interval95)
            size += f" (95 %: {low:.3g} to {high:.3g} %)"
        if self.verdict == IDENTIFIED:
            return f"{size} {whose} lies below the layer."
        why = "no number of the other sites was fitted" if self.verdict == ASSUMED else "prior only"
        return (
            f"{size} {whose} lies below the layer in the model, which is its assumption ({why}): the voltage does not "
            f"tell it; {WOULD_TELL}."
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready but for numbers that are not finite."""
        interval = None if self.interval95 is None else list(self.interval95)
        return {"estimate": self.value, "interval95": interval, "verdict": self.verdict, "words": self.sentence}


def bottom_share_of(cell: Cell, fit: FitResult, solution: Solution) -> BottomShare | None:
    """The share and what it is worth, from a finished fit of `cell` and the simulation at its estimate; None for a
    working electrode without a layer, or a record that never plates it."""
    value = float(bottom_share(solution)[SHARE])
    if getattr(cell.working, "layer", None) is None or not np.isfinite(value):
        return None
    return judged(value, has_other_sites(cell), fit.combinations.get(SHARE))


def judged(value: float, other_sites: bool, found: CombinationEstimate | None) -> BottomShare:
    """The share [1] of a cell with or without other sites, and what the fit says of it, if anything."""
    if not other_sites:
        return BottomShare(value, None, CONSTRUCTION)
    if found is None:
        return BottomShare(value, None, ASSUMED)
    low, high = found.interval95
    return BottomShare(value, (max(low, 0.0), min(high, 1.0)), found.verdict)
