"""The Kramers-Kronig test where the answer is known."""

import numpy as np
import pytest

from jaxcell import kramers_kronig, kramers_kronig_figure
from jaxcell.impedance_validity import KramersKronigError
from jaxcell.io import Spectrum

F = np.geomspace(1e6, 0.1, 57)
S = 2j * np.pi * F
SOLID = 300 + 2e-7 * S + 600 / (1 + (S * 2e-5) ** 0.9) + 200 / (1 + (S * 2e-2) ** 0.8)


def noisy(z: np.ndarray, seed: int, noise: float = 1e-3) -> Spectrum:
    random = np.random.default_rng(seed)
    z = z + np.abs(z) * noise * (random.normal(size=z.size) + 1j * random.normal(size=z.size))
    return Spectrum.of(F[: z.size], z)


def test_a_model_of_its_own_kind_is_found_exactly() -> None:
    """Elements at the time constants of M = 4: every number comes back."""
    tau = np.geomspace(1 / (2 * np.pi * 1e6), 1 / (2 * np.pi * 0.1), 4)
    resistances = np.array([1.0, 20.0, 300.0, 4.0])
    z = 5.0 + 1e-7 * S + 2.0 / S + (resistances / (1 + S[:, None] * tau)).sum(axis=1)
    found = kramers_kronig(Spectrum.of(F, z), elements=4)
    np.testing.assert_allclose(found.time_constants, tau, rtol=1e-12)
    np.testing.assert_allclose(found.resistances, resistances, rtol=1e-8)
    assert found.resistance == pytest.approx(5.0, rel=1e-8)
    assert found.inductance == pytest.approx(1e-7, rel=1e-8)
    assert found.elastance == pytest.approx(2.0, rel=1e-8)
    assert found.mu == 1.0
    np.testing.assert_allclose(found.at(F), z, rtol=1e-9)
    np.testing.assert_allclose(found.model, z, rtol=1e-9)
    assert np.abs(found.residual_real).max() < 1e-10


@pytest.mark.parametrize(
    "z",
    [
        SOLID,
        50 + 1 / (S * 1e-5) ** 0.95 + 1e-7 * S,  # blocking
        10 + 50 / (1 + S * 1e-4) - 15 / (1 + S * 0.1) + 40 / (1 + S * 1e-2),  # an inductive loop, which fools mu
        100 + 0 * S,
        1 / (S * 1e-6),
    ],
    ids=["solid", "blocking", "loop", "resistor", "capacitor"],
)
def test_consistent_spectra_are_flagged_no_more_than_stated(z: np.ndarray) -> None:
    """60 seeds at 5 %, by noise alone: more than 7 has the probability 0.01 if the rate is 5 %."""
    flagged = [kramers_kronig(noisy(z, seed, 3e-3), tolerance=0.0).flagged.any() for seed in range(60)]
    assert sum(flagged) <= 7


def test_the_noise_is_estimated() -> None:
    found = [kramers_kronig(noisy(SOLID, seed, 2e-3)).noise for seed in range(20)]
    assert np.mean(found) == pytest.approx(2e-3, rel=0.1)


@pytest.mark.parametrize("size", [0.02, 0.2])
def test_one_bad_point_is_flagged_alone(size: float) -> None:
    """Also where it is so bad that it bends the model of all others."""
    false = 0
    for seed in range(20):
        z = SOLID.copy()
        k = seed * 2 + 5
        z[k] *= 1 + size * np.exp(1j * seed)
        found = kramers_kronig(noisy(z, seed))
        assert found.flagged[k]
        false += int(found.flagged.sum()) - 1
        assert len(found.spectrum) == F.size
        assert found.spectrum.impedance[k] == noisy(z, seed).impedance[k]
    assert false <= 2


def test_without_refit_a_bad_point_takes_its_neighbours_along() -> None:
    z = SOLID.copy()
    z[25] *= 1.2
    assert kramers_kronig(noisy(z, 0), refit=False).flagged.sum() > 1
    assert kramers_kronig(noisy(z, 0)).flagged.sum() == 1


def test_a_section_and_a_drift_are_flagged() -> None:
    section = SOLID.copy()
    section[20:28] *= 1.03
    assert kramers_kronig(noisy(section, 0)).flagged[19:29].sum() >= 4
    elapsed = np.cumsum(3 / F)
    drift = 300 + 2e-7 * S + (SOLID - 300 - 2e-7 * S) * (1 + 0.3 * elapsed / elapsed[-1])
    found = kramers_kronig(noisy(drift, 0))
    assert found.flagged[-10:].sum() >= 3
    assert not found.flagged[:30].any()
    assert "inconsistent: " in found.sentence()


def test_mu_is_fooled_by_a_loop_and_the_criterion_is_not() -> None:
    z = 10 + 50 / (1 + S * 1e-4) - 15 / (1 + S * 0.1) + 40 / (1 + S * 1e-2)
    found = kramers_kronig(noisy(z, 0))
    assert not found.by_mu
    assert found.rms < 2e-3


def test_order_of_points_and_scale_do_not_matter() -> None:
    s = noisy(SOLID, 3)
    one = kramers_kronig(s)
    shuffled = np.random.default_rng(0).permutation(F.size)
    other = kramers_kronig(Spectrum.of(F[shuffled], 1e3 * s.impedance[shuffled]))
    assert other.elements == one.elements
    np.testing.assert_allclose(other.residual_real, one.residual_real[shuffled], atol=1e-9)
    assert (other.flagged == one.flagged[shuffled]).all()


def test_noise_alone_is_not_called_consistent() -> None:
    rng = np.random.default_rng(0)
    f = np.geomspace(1e5, 0.1, 43)
    said = kramers_kronig(Spectrum.of(f, rng.normal(size=43) + 1j * rng.normal(size=43))).sentence()
    assert said.startswith("undecided: the points scatter by 71 % of |Z|")


def test_the_sentence() -> None:
    assert kramers_kronig(noisy(SOLID, 0)).sentence().startswith("consistent: all 57 points agree within 0.")
    z = SOLID.copy()
    z[25] *= 1.2
    said = kramers_kronig(noisy(z, 0)).sentence()
    assert said.startswith(f"inconsistent: 1 of 57 points flagged, {F[25]:.4g} Hz, with residuals up to 1")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"fit": "both"}, "`fit` must be 'complex', 'real' or 'imag', but is 'both'"),
        ({"mu_limit": 1.0}, "`mu_limit` must lie between 0 and 1, but is 1.0"),
        ({"false_alarm": 0.0}, "`false_alarm` must lie between 0 and 1"),
        ({"elements": 54}, "`elements` must lie between 1 and 53 for 57 frequencies, but is 54"),
        ({"tolerance": -1.0}, "`tolerance` must be 0 or more"),
        ({"tolerance": np.nan}, "`tolerance` must be 0 or more"),
    ],
)
def test_refusals(change: dict, says: str) -> None:
    with pytest.raises(KramersKronigError, match=says):
        kramers_kronig(noisy(SOLID, 0), **change)


def test_refused_spectra() -> None:
    with pytest.raises(KramersKronigError, match="at least 7 different frequencies for the fit 'complex', but has 6"):
        kramers_kronig(Spectrum.of(F[:6], SOLID[:6]))
    with pytest.raises(KramersKronigError, match="at least 24 different frequencies for the fit 'real', but has 23"):
        kramers_kronig(Spectrum.of(F[:23], SOLID[:23]), fit="real")
    with pytest.raises(KramersKronigError, match=r"\|Z\| above 0 ohm, but point 3 is 0 ohm"):
        kramers_kronig(Spectrum.of(F, np.where(np.arange(F.size) == 3, 0.0, SOLID)))
    with pytest.raises(KramersKronigError, match="must be a Spectrum, but is a list"):
        kramers_kronig([1, 2])  # pyright: ignore[reportArgumentType]


def test_the_figure() -> None:
    z = SOLID.copy()
    z[25] *= 1.2
    figure = kramers_kronig_figure(kramers_kronig(noisy(z, 0)), "made", area=1e-4)
    nyquist, residuals = figure.axes
    assert nyquist.get_aspect() == 1.0
    flagged = next(line for line in nyquist.lines if line.get_label() == "flagged")
    assert flagged.get_ydata()[0] == pytest.approx(-1.2 * SOLID[25].imag, rel=0.01)  # 1 cm2: -Im(Z) up, in ohm cm2
    assert nyquist.get_ylabel() == "-Im(Z) / Ω cm$^2$"
    assert residuals.get_xscale() == "log"
    figure.canvas.draw()
