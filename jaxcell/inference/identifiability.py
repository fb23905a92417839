"""What data can and cannot tell: how far they narrow each prior, alone and with the other parameters unknown.

All in units of the prior standard deviations W: F~ = W F W / inflation has eigenvectors v with eigenvalues l;
along v the data leave a fraction 1/sqrt(1 + l) of the prior. For parameter j,

    marginal_j    = posterior sd / prior sd               (nothing else known beyond the priors)
    conditional_j = 1/sqrt(1 + F~_jj)                     (everything else known exactly)

and the verdict follows from those two: see `Thresholds`. The analysis is local; a curved trade-off that the
linear picture misses enters through the posterior sd, to which traced ridges contribute by their reach (see
`ridge`).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

IDENTIFIED = "identified"
PRIOR_ONLY = "prior only"
COMBINATION = "only in combination with "


@dataclass(frozen=True)
class Thresholds:
    """Where the verdicts part.

    - `marginal` [1]: 'identified' when the data leave at most this fraction of the prior sd. 0.25 removes 94
      % of the prior variance: the answer is the data's, not the prior's.
    - `conditional` [1]: otherwise 'only in combination' when they would do so with every other parameter
      known, and 'prior only' when not even then.
    - `partner` [1]: partners are the parameters whose posterior correlation with this one is at least this
      large; the largest is named in any case. Five equal terms of a sum correlate by -0.25.
    - `loading` [1]: parameters named in a direction have at least this fraction of its largest component.
    """

    marginal: float = 0.25
    conditional: float = 0.25
    partner: float = 0.2
    loading: float = 0.3


@dataclass(frozen=True)
class Verdict:
    """What the data say about one parameter.

    - `kind`: 'identified', 'only in combination with X, Y' or 'prior only'.
    - `partners`: the X, Y above; `marginal`, `conditional`: remaining fraction of the prior sd (see the
      module).
    """

    name: str
    kind: str
    partners: tuple[str, ...]
    marginal: float
    conditional: float

    @property
    def identifiable(self) -> bool:
        """Whether the data alone settle this parameter."""
        return self.kind == IDENTIFIED

    @property
    def sentence(self) -> str:
        """The verdict with its evidence."""
        left = f"{100.0 * self.marginal:.3g} % of the prior uncertainty is left"
        if self.identifiable:
            return f"{self.name} is identified: {left}."
        if self.partners:
            known = f"{100.0 * self.conditional:.3g} % would be left if the others were known"
            return f"{self.name} is seen {self.kind}: {left}; {known}."
        known = f"{100.0 * self.conditional:.3g} % with the others known"
        return f"{self.name} rests on the prior only: {left}, and {known}."


@dataclass(frozen=True)
class Direction:
    """An eigenvector of the information in units of the prior sd.

    - `information` l [1]: its eigenvalue; `remaining` = 1/sqrt(1 + l): fraction of the prior left along it.
    - `loadings`, shape (parameters,): unit vector, largest component positive.
    - `words`: which parameters move, and which way, along it.
    """

    information: float
    remaining: float
    loadings: Float[np.ndarray, " parameters"]
    words: str

    @property
    def sentence(self) -> str:
        """How well the data see this direction."""
        if self.remaining < 0.95:
            return f"{self.words}: the data leave {100.0 * self.remaining:.3g} % of the prior."
        return f"{self.words}: the data do not see this."


def directions(
    names: tuple[str, ...],
    information: Float[np.ndarray, "parameters parameters"],
    prior_sd: Float[np.ndarray, " parameters"],
    thresholds: Thresholds,
) -> tuple[Direction, ...]:
    """Eigen-directions, worst seen first; `information` is F / inflation in transformed coordinates."""
    scaled = information * np.outer(prior_sd, prior_sd)
    values, vectors = np.linalg.eigh(0.5 * (scaled + scaled.T))
    found = []
    for value, vector in zip(np.maximum(values, 0.0), vectors.T, strict=True):
        v = vector * np.sign(vector[np.argmax(np.abs(vector))])
        found.append(Direction(float(value), float(1.0 / np.sqrt(1.0 + value)), v, _words(names, v, thresholds)))
    return tuple(found)


def judge_parameters(
    names: tuple[str, ...],
    information: Float[np.ndarray, "parameters parameters"],
    covariance: Float[np.ndarray, "parameters parameters"],
    sd: Float[np.ndarray, " parameters"],
    prior_sd: Float[np.ndarray, " parameters"],
    thresholds: Thresholds,
) -> tuple[Verdict, ...]:
    """One verdict per parameter.

    `information` is F / inflation, `covariance` the linear posterior's, `sd` the posterior standard
    deviations with traced ridges, all in transformed coordinates.
    """
    linear = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(linear, linear)
    marginal = np.minimum(sd / prior_sd, 1.0)
    conditional = 1.0 / np.sqrt(1.0 + np.diag(information) * prior_sd**2)
    found = []
    for j, name in enumerate(names):
        partners: tuple[str, ...] = ()
        if marginal[j] <= thresholds.marginal:
            kind = IDENTIFIED
        elif conditional[j] <= thresholds.conditional and len(names) > 1:
            partners = _partners(names, np.abs(correlation[j]), j, thresholds)
            kind = COMBINATION + ", ".join(partners)
        else:
            kind = PRIOR_ONLY
        found.append(Verdict(name, kind, partners, float(marginal[j]), float(conditional[j])))
    return tuple(found)


def _partners(
    names: tuple[str, ...], strength: Float[np.ndarray, " parameters"], own: int, thresholds: Thresholds
) -> tuple[str, ...]:
    order = [int(k) for k in np.argsort(-strength) if k != own]
    return tuple(names[k] for i, k in enumerate(order) if i == 0 or strength[k] >= thresholds.partner)


def _words(names: tuple[str, ...], vector: Float[np.ndarray, " parameters"], thresholds: Thresholds) -> str:
    large = np.abs(vector) >= thresholds.loading * np.max(np.abs(vector))
    moves = [f"{names[k]} {'up' if vector[k] > 0.0 else 'down'}" for k in np.argsort(-np.abs(vector)) if large[k]]
    return f"{moves[0]} alone" if len(moves) == 1 else " and ".join(moves) + " together"
