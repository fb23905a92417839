"""Which two parameters change the data in nearly the same way: the collinearity index of pairs."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float

COLLINEAR = 10.0
"""Indices from here on are named: Brun, Reichert and Kuensch (Water Resour. Res. 37, 1015, 2001) call 10 to 15 poor."""
_NEAREST = 1e-12
"""Least 1 - |cos| told from zero: the information is known to about the square root of round-off."""


@dataclass(frozen=True)
class CollinearPair:
    """Two parameters by their effects s on the standardised data.

    - `index` = 1/sqrt(1 - |cos(s_1, s_2)|) [1]: a change of one parameter is made up for by the other to within
      1/index of its effect.
    - `opposite`: whether both must rise together to leave the data as they are.
    """

    names: tuple[str, str]
    index: float
    opposite: bool

    @property
    def sentence(self) -> str:
        """The pair in words."""
        how = "rising together" if self.opposite else "one rising as the other falls"
        left = 100.0 / self.index
        return (
            f"{self.names[0]} and {self.names[1]} make up for each other to within {left:.2g} % of their effect, {how} "
            f"(collinearity index {self.index:.3g})."
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"names": list(self.names), "index": self.index, "words": self.sentence}


def collinear_pairs(
    names: tuple[str, ...], information: Float[np.ndarray, "parameters parameters"], least: float = COLLINEAR
) -> tuple[CollinearPair, ...]:
    """Pairs with an index of at least `least`, worst first; `information` = J^T J of the data, in theta.

    With both columns of J at unit length, the smallest singular value of the pair is sqrt(1 - |cos|) (Brun et al.
    2001, eq. 8). A parameter that the data do not see at all is in no pair.
    """
    sizes = np.sqrt(np.diag(information))
    seen = [k for k in range(len(names)) if sizes[k] > 0.0]
    found = []
    for i, j in combinations(seen, 2):
        cosine = float(information[i, j] / (sizes[i] * sizes[j]))
        index = 1.0 / np.sqrt(max(1.0 - abs(cosine), _NEAREST))
        if index >= least:
            found.append(CollinearPair((names[i], names[j]), float(index), cosine < 0.0))
    return tuple(sorted(found, key=lambda pair: -pair.index))
