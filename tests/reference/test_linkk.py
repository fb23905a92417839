"""The Kramers-Kronig test against stored output of impedance.py's linKK (make_linkk.py)."""

import json
from pathlib import Path

import numpy as np
import pytest

from jaxcell import kramers_kronig
from jaxcell.impedance_validity import KramersKronig
from jaxcell.io import Spectrum, read_measurement

STORED = json.loads((Path(__file__).parent / "linkk.json").read_text(encoding="utf-8"))


def made(name: str) -> Spectrum:
    m = STORED["made"][name]
    return Spectrum.of(m["frequency"], np.array(m["real"]) + 1j * np.array(m["imaginary"]))


def agree(found: KramersKronig, stored: dict) -> None:
    """linKK solves the complex fit by normal equations, so that it holds half the digits."""
    assert found.elements == stored["elements"]
    assert found.mu == pytest.approx(stored["mu"], abs=1e-7)
    np.testing.assert_allclose(found.residual_real, stored["residual_real"], atol=2e-8, rtol=1e-6)
    np.testing.assert_allclose(found.residual_imag, stored["residual_imag"], atol=2e-8, rtol=1e-6)


@pytest.mark.parametrize("name", STORED["made"])
def test_made_spectra(name: str) -> None:
    """The same mu chooses the same M, and the fits agree; where mu stopped early, the fits at its M do."""
    spectrum, early = made(name), 0
    for stored in STORED["made"][name]["linkk"]:
        options = {"fit": stored["fit"], "capacitance": stored["capacitance"]}
        before = [kramers_kronig(spectrum, **options, elements=m).mu for m in range(1, stored["elements"])]
        assert min(before) >= 0.85
        agree(kramers_kronig(spectrum, **options, elements=stored["elements"]), stored)
        chosen = kramers_kronig(spectrum, **options)
        if chosen.by_mu:
            agree(chosen, stored)
        else:  # linKK then leaves residuals of some 20 % in a spectrum whose noise is 0.2 %
            early += 1
            assert stored["elements"] == 6
            assert max(map(abs, stored["residual_real"])) > 0.2
            assert chosen.elements > 6
            assert chosen.rms < 0.02
    assert early == {"solid": 4, "drifting": 1}[name]


def test_the_drifting_one_is_flagged_and_the_solid_one_is_not() -> None:
    assert kramers_kronig(made("solid")).consistent
    assert kramers_kronig(made("drifting")).flagged.sum() > 5


def test_a_measured_spectrum(data: Path) -> None:
    expected = STORED["measured"]["li_llzo_li"]
    m = read_measurement(data / "li_llzo_li/li_llzo_li.mpt")
    assert m.provenance.sha256 == expected["sha256"]
    s = m.spectra[expected["spectrum"]]
    kept = s.frequency < expected["below"]
    spectrum = Spectrum.of(s.frequency[kept], s.impedance[kept])
    for stored in expected["linkk"]:
        options = {"fit": stored["fit"], "capacitance": stored["capacitance"]}
        agree(kramers_kronig(spectrum, **options, elements=stored["elements"]), stored)
