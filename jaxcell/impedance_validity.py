"""The linear Kramers-Kronig test: whether an impedance spectrum can be that of a linear, causal, stable cell."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from jaxcell.io import Spectrum

Floats = NDArray[np.float64]
Fit = Literal["complex", "real", "imag"]

FEWEST_POINTS = 7
FEWEST_FOR_ONE_PART = 24
"""Fits of one part alone to fewer points have too few elements to follow a cell."""
NOISY = 0.05
"""Scatter, as a share of |Z|, above which points that agree say nothing."""
_MOST_ELEMENTS = 50
_UNDERFITTED = 10.0
"""Where mu stops early, at an AICc this far above the least one, the latter decides: mu's model has no support."""


class KramersKronigError(ValueError):
    """A spectrum that cannot be tested, or an argument out of range."""


@dataclass(frozen=True, eq=False)
class KramersKronig:
    """Result of `kramers_kronig`; every array (points,), in the order of the spectrum. No point is dropped from it.

    Attributes:
        spectrum: what was tested.
        model: impedance of the measurement model [ohm].
        residual_real: Re(Z - model)/|Z|.
        residual_imag: Im(Z - model)/|Z|.
        score: larger of the two residuals over its own standard deviation.
        flagged: points that disagree with the model of the others.
        elements: number M of RC elements.
        mu: 1 - sum|R_k<0|/sum|R_k>=0|.
        by_mu: whether mu chose M; otherwise the misfit did, or the caller.
        noise: relative noise of Re and Im, from second differences of the residuals.
        limit: score beyond which a point is flagged.
        tolerance: relative residual up to which no point is flagged.
        resistance: series resistance [ohm].
        inductance: series inductance [H].
        elastance: inverse of the series capacitance [1/F], 0 without one.
        time_constants: of the RC elements [s]; shape (elements,).
        resistances: of the RC elements [ohm], of either sign; shape (elements,).
    """

    spectrum: Spectrum
    model: NDArray[np.complex128]
    residual_real: Floats
    residual_imag: Floats
    score: Floats
    flagged: NDArray[np.bool_]
    elements: int
    mu: float
    by_mu: bool
    noise: float
    limit: float
    tolerance: float
    resistance: float
    inductance: float
    elastance: float
    time_constants: Floats
    resistances: Floats

    @property
    def consistent(self) -> bool:
        """Whether no point is flagged."""
        return not self.flagged.any()

    @property
    def rms(self) -> float:
        """Root mean square of the relative residuals of the points that are not flagged."""
        kept = ~self.flagged
        return float(np.sqrt(np.mean(np.concatenate([self.residual_real[kept], self.residual_imag[kept]]) ** 2)))

    def at(self, frequency: ArrayLike) -> NDArray[np.complex128]:
        """Impedance of the measurement model [ohm] at frequencies [Hz]; shape (points,)."""
        s = 2j * np.pi * np.asarray(frequency, dtype=np.float64)
        arcs = (self.resistances / (1 + s[:, None] * self.time_constants)).sum(axis=1)
        return self.resistance + s * self.inductance + self.elastance / s + arcs

    def sentence(self) -> str:
        """The verdict in words."""
        size = len(self.spectrum)
        how = f"{self.elements} RC elements, mu {self.mu:.2f}"
        if self.consistent and self.noise > NOISY:
            return (
                f"undecided: the points scatter by {_percent(self.noise)} of |Z| and could hide any inconsistency "
                f"({how}, residuals up to {_percent(self.largest)})."
            )
        if self.consistent:
            return (
                f"consistent: all {size} points agree within {_percent(self.largest)} of |Z| ({how}, "
                f"noise {_percent(self.noise)})."
            )
        bad = int(self.flagged.sum())
        worst = float(np.maximum(np.abs(self.residual_real), np.abs(self.residual_imag))[self.flagged].max())
        what = "INCONSISTENT AS A WHOLE" if bad > size / 2 else "inconsistent"
        return (
            f"{what}: {bad} of {size} points flagged, {_stretches(self.spectrum.frequency, self.flagged)}, with "
            f"residuals up to {_percent(worst)} of |Z| ({how}, noise {_percent(self.noise)})."
        )

    @property
    def largest(self) -> float:
        """Largest relative residual, flagged or not."""
        return float(np.abs(np.concatenate([self.residual_real, self.residual_imag])).max())


def kramers_kronig(
    spectrum: Spectrum,
    *,
    fit: Fit = "complex",
    capacitance: bool = True,
    mu_limit: float = 0.85,
    elements: int | None = None,
    refit: bool = True,
    false_alarm: float = 0.05,
    tolerance: float = 3e-3,
) -> KramersKronig:
    r"""Test a spectrum by a model that obeys the Kramers-Kronig relations whatever its values.

    $$\hat Z = R_0 + j\omega L + \frac{1}{j\omega C} + \sum_{k=1}^{M} \frac{R_k}{1 + j\omega\tau_k}$$

    with M time constants from 1/omega_max to 1/omega_min, evenly spaced on a logarithmic scale, so that the fit is
    linear; both parts are weighted by 1/|Z|. M is the smallest whose mu = 1 - sum|R_k<0|/sum|R_k>=0| falls below
    `mu_limit` (too many elements fit the noise by values of both signs). A true inductive loop has negative R_k, too,
    and would stop that search early: where the corrected Akaike criterion at this M is more than 10 above its least
    value at a larger one, the latter is taken instead (as it is where mu never falls below its limit), and `by_mu` is
    false.

    Points are flagged by a rule with a stated rate. The noise sigma is 1.4826 times the median of the second
    differences of the residuals along frequency over their standard deviations for unit noise; a drift or a bad
    section is smooth and hardly enters it. A point's score is its larger residual over sigma and its own standard
    deviation, which follows from the fit. Flagged are scores beyond the quantile of Student's t with points/2 degrees
    of freedom, two-sided, at `false_alarm`/(2 points), if the residual also exceeds `tolerance`. The share of
    consistent spectra of 9 to 70 points, with white relative noise, in which any point was flagged was 0 to 0.035
    where 0.05 was asked for, and 0.08 for an infinite Warburg element, which M elements match worst. With `refit`,
    flagged points are left out of the fit, the worst ones first, and all points are judged again by the model of the
    others, since a bad point also bends the model near it; residuals and M are those of the fit to all points.

    The test sees what breaks linearity, causality or stability between frequencies: drift during the sweep, a saturated
    range, a reference electrode's artefact that is not a passive element. A cell that is wrong but steady passes.

    Args:
        spectrum: at least 7 points at different frequencies. Few see little: of 9 points only gross errors stand out.
        fit: which parts are fitted: "complex", or "real" or "imag" alone, which predicts the other and needs 24 points.
        capacitance: whether the model has the series capacitance.
        mu_limit: limit of mu, between 0 and 1.
        elements: number of RC elements; None lets mu choose.
        refit: whether flagged points are left out of the fit; they keep their residuals.
        false_alarm: share of consistent spectra that may have a point flagged, between 0 and 1.
        tolerance: relative residual up to which no point is flagged.

    Raises:
        KramersKronigError: too few frequencies, an impedance of 0, or an argument out of its range.

    Sources: M. Schönleber, D. Klotz, E. Ivers-Tiffée, Electrochim. Acta 131 (2014) 20; measurement models and weights:
    B. A. Boukamp, J. Electrochem. Soc. 142 (1995) 1885; criterion: K. P. Burnham, D. R. Anderson, Model Selection and
    Multimodel Inference (2002), sections 2.4 and 2.6.
    """
    _check(spectrum, fit, mu_limit, elements, false_alarm, tolerance)
    order = np.argsort(spectrum.frequency, kind="stable")
    omega, z = 2 * np.pi * spectrum.frequency[order], spectrum.impedance[order]
    test = _Test(omega, z, fit, capacitance, mu_limit, elements)
    kept = np.ones(len(z), dtype=bool)
    found = judged = test.run(kept)
    while True:
        limit = _limit(false_alarm, int(kept.sum()))
        beyond = judged.flags(limit, tolerance)
        fresh = beyond & kept
        if not refit or not fresh.any():
            break
        fewer = kept & ~(fresh & (judged.score >= 0.5 * judged.score[fresh].max()))
        if fewer.sum() < max(FEWEST_POINTS, len(z) / 2):
            break
        kept = fewer
        judged = test.run(kept)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    c = found.coefficients
    return KramersKronig(
        spectrum=spectrum,
        model=found.model[back],
        residual_real=found.residual[0][back],
        residual_imag=found.residual[1][back],
        score=judged.score[back],
        flagged=beyond[back],
        elements=len(found.tau),
        mu=found.mu,
        by_mu=found.by_mu,
        noise=judged.noise,
        limit=limit,
        tolerance=tolerance,
        resistance=float(c[0]),
        inductance=float(c[1]),
        elastance=float(c[2]) if capacitance else 0.0,
        time_constants=found.tau,
        resistances=c[-len(found.tau) :],
    )


@dataclass(frozen=True)
class _Fitted:
    """One fit, points by rising frequency."""

    tau: Floats
    coefficients: Floats
    mu: float
    by_mu: bool
    model: NDArray[np.complex128]
    residual: Floats  # (2, points)
    score: Floats
    noise: float

    def flags(self, limit: float, tolerance: float) -> NDArray[np.bool_]:
        return (self.score > limit) & (np.abs(self.residual).max(axis=0) > tolerance)


@dataclass(frozen=True)
class _Test:
    omega: Floats
    z: NDArray[np.complex128]
    fit: Fit
    capacitance: bool
    mu_limit: float
    elements: int | None

    def run(self, kept: NDArray[np.bool_]) -> _Fitted:
        """Choose M for the points kept and judge all points by that fit."""
        count, by_mu = self._choose(kept)
        tau, columns = self._columns(count)
        estimator = self._estimator(columns, kept)
        data = np.concatenate([self.z.real, self.z.imag]) / np.tile(np.abs(self.z), 2)
        coefficients = estimator @ data
        residual = data - columns @ coefficients
        spread = np.eye(len(data)) - columns @ estimator  # residuals of white noise
        noise = _noise(residual, spread, kept)
        deviation = np.sqrt((spread**2).sum(axis=1))
        score = np.abs(residual) / (np.maximum(deviation, 1e-6) * max(noise, 1e-15))
        size = len(self.z)
        return _Fitted(
            tau,
            coefficients,
            _mu(coefficients[-count:]),
            by_mu,
            self.z - np.abs(self.z) * (residual[:size] + 1j * residual[size:]),
            residual.reshape(2, size),
            score.reshape(2, size).max(axis=0),
            noise,
        )

    def _choose(self, kept: NDArray[np.bool_]) -> tuple[int, bool]:
        if self.elements is not None:
            return self.elements, False
        rows = self._rows(kept)
        size = int(rows.sum())
        data = (np.concatenate([self.z.real, self.z.imag]) / np.tile(np.abs(self.z), 2))[rows]
        chosen: int | None = None
        criteria: list[float] = []
        for count in range(1, _MOST_ELEMENTS + 1):
            columns = self._columns(count)[1][rows][:, ~self._late(count)]
            freedom = size - columns.shape[1] - 1
            if count > 1 and freedom < 2:
                break
            scale = np.linalg.norm(columns, axis=0)
            coefficients = np.linalg.lstsq(columns / scale, data, rcond=1e-13)[0] / scale
            squares = max(float(((data - columns @ coefficients) ** 2).sum()), 1e-26 * size)
            parameters = columns.shape[1]
            penalty = 2 * parameters + 2 * parameters * (parameters + 1) / max(freedom, 1)
            criteria.append(size * np.log(squares / size) + penalty)
            if chosen is None and _mu(coefficients[-count:]) < self.mu_limit:
                chosen = count
        best = int(np.argmin(criteria)) + 1
        if chosen is None or (best > chosen and criteria[chosen - 1] > criteria[best - 1] + _UNDERFITTED):
            return best, False
        return chosen, True

    def _late(self, count: int) -> NDArray[np.bool_]:
        """Coefficients that the fitted part does not hold: L and 1/C in the real one, R_0 in the imaginary one."""
        first = 3 if self.capacitance else 2
        late = np.zeros(first + count, dtype=bool)
        late[1:first] = self.fit == "real"
        late[0] = self.fit == "imag"
        return late

    def _rows(self, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of the stacked real and imaginary parts are fitted."""
        return np.concatenate([kept & (self.fit != "imag"), kept & (self.fit != "real")])

    def _columns(self, count: int) -> tuple[Floats, Floats]:
        """Time constants, and the parts of the model for unit R_0, L, 1/C and R_k over |Z|; shape (2 points, ...)."""
        tau, unit = _responses(self.omega.tobytes(), count, self.capacitance)
        return tau, unit / np.tile(np.abs(self.z), 2)[:, None]

    def _estimator(self, columns: Floats, kept: NDArray[np.bool_]) -> Floats:
        """The matrix from data to coefficients; late ones are fitted to the other part afterwards."""
        rows = self._rows(kept)
        if self.fit == "complex":
            return _pseudo_inverse(columns, rows)
        late = self._late(columns.shape[1] - (3 if self.capacitance else 2))
        estimator = np.zeros(columns.T.shape)
        estimator[~late] = _pseudo_inverse(columns[:, ~late], rows)
        other = np.concatenate([kept, kept]) & ~rows
        rest = np.eye(len(columns)) - columns @ estimator
        estimator[late] = _pseudo_inverse(columns[:, late], other) @ rest
        return estimator


@lru_cache(maxsize=4 * _MOST_ELEMENTS)
def _responses(frequencies: bytes, count: int, capacitance: bool) -> tuple[Floats, Floats]:
    """Time constants and responses to unit coefficients, kept: sweeps of a file mostly share their frequencies."""
    w = np.frombuffer(frequencies)
    tau: Floats = np.geomspace(1 / w[-1], 1 / w[0], count) if count > 1 else 1 / w[:1]
    s = 1j * w[:, None]
    model = np.concatenate([np.ones_like(s), s, *([1 / s] * capacitance), 1 / (1 + s * tau)], axis=1)
    return tau, np.asarray(np.concatenate([model.real, model.imag]), dtype=np.float64)


def _pseudo_inverse(columns: Floats, rows: NDArray[np.bool_]) -> Floats:
    """Least squares over some rows, with columns scaled to one size."""
    part = np.where(rows[:, None], columns, 0.0)
    size = np.linalg.norm(part, axis=0)
    return np.linalg.pinv(part / size, rcond=1e-13) / size[:, None]


def _mu(resistances: Floats) -> float:
    positive, negative = resistances[resistances >= 0].sum(), -resistances[resistances < 0].sum()
    if positive == 0:
        return -np.inf if negative > 0 else 1.0
    return float(1 - negative / positive)


def _noise(residual: Floats, spread: Floats, kept: NDArray[np.bool_]) -> float:
    """Standard deviation of white noise, from second differences of the residuals of neighbouring points kept."""
    where = np.flatnonzero(kept)
    ratios = []
    for part in (where, where + len(kept)):
        differences = residual[part[:-2]] - 2 * residual[part[1:-1]] + residual[part[2:]]
        unit = spread[part[:-2]] - 2 * spread[part[1:-1]] + spread[part[2:]]
        ratios.append(np.abs(differences) / np.maximum(np.sqrt((unit**2).sum(axis=1)), 1e-6))
    return float(1.4826 * np.median(np.concatenate(ratios)))


def _limit(false_alarm: float, points: int) -> float:
    """Score beyond which a point is flagged: Student's t with as many degrees of freedom as the noise is worth."""
    return -float(stdtrit(max(2.0, 0.5 * points), false_alarm / (4 * points)))


def _check(
    spectrum: Spectrum, fit: str, mu_limit: float, elements: int | None, false_alarm: float, tolerance: float
) -> None:
    if not isinstance(spectrum, Spectrum):
        raise KramersKronigError(f"Argument `spectrum` must be a Spectrum, but is a {type(spectrum).__name__}.")
    different = len(np.unique(spectrum.frequency))
    if fit not in ("complex", "real", "imag"):
        raise KramersKronigError(f"Argument `fit` must be 'complex', 'real' or 'imag', but is {fit!r}.")
    fewest = FEWEST_POINTS if fit == "complex" else FEWEST_FOR_ONE_PART
    if different < fewest:
        raise KramersKronigError(
            f"Argument `spectrum` must have at least {fewest} different frequencies for the fit {fit!r}, "
            f"but has {different}."
        )
    if not (np.abs(spectrum.impedance) > 0).all():
        bad = int(np.flatnonzero(np.abs(spectrum.impedance) == 0)[0])
        raise KramersKronigError(f"Argument `spectrum` must have |Z| above 0 ohm, but point {bad} is 0 ohm.")
    for name, value in (("mu_limit", mu_limit), ("false_alarm", false_alarm)):
        if not 0 < value < 1:
            raise KramersKronigError(f"Argument `{name}` must lie between 0 and 1, but is {value!r}.")
    if not 0 <= tolerance < np.inf:
        raise KramersKronigError(f"Argument `tolerance` must be 0 or more, relative to |Z|, but is {tolerance!r}.")
    most = different - 4
    if elements is not None and not 1 <= elements <= most:
        raise KramersKronigError(
            f"Argument `elements` must lie between 1 and {most} for {different} frequencies, but is {elements!r}."
        )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _stretches(frequency: Floats, flagged: NDArray[np.bool_]) -> str:
    """The flagged frequencies as ranges of neighbours, the first few."""
    order = np.argsort(frequency)[::-1]
    where = np.flatnonzero(flagged[order])
    groups = np.split(where, np.flatnonzero(np.diff(where) > 1) + 1)
    words = []
    for group in groups:
        first, last = frequency[order[group[0]]], frequency[order[group[-1]]]
        words.append(f"{first:.4g} Hz" if len(group) == 1 else f"{first:.4g} to {last:.4g} Hz")
    text = ", ".join(words[:4])
    return text if len(words) <= 4 else f"{text} and {len(words) - 4} more"
