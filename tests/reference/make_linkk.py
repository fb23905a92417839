"""Reference output of impedance.py's linKK for two made spectra and one measured; writes linkk.json beside this file.

    python3.11 -m venv /tmp/linkk && /tmp/linkk/bin/pip install impedance==1.7.1 pandas altair
    PYTHONPATH=. JAXCELL_DATA=/path/to/measurements /tmp/linkk/bin/python tests/reference/make_linkk.py

Of the measured spectrum (li_llzo_li, see data/README.md) only what linKK derives from it is stored.
"""

import contextlib
import io
import json
import os
from importlib.metadata import version
from pathlib import Path

import impedance.models.circuits.elements as elements
import numpy as np

from jaxcell.io import read_measurement

# Version 1.7.1 prints numpy floats into a text that it evaluates, which numpy 2 spells `np.float64(...)`.
elements.circuit_elements["np"] = np

from impedance.validation import linKK  # noqa: E402

CASES = [("real", True), ("real", False), ("complex", True), ("complex", False), ("imag", True)]


def noisy(f: np.ndarray, z: np.ndarray, noise: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return z + np.abs(z) * noise * (random.normal(size=f.size) + 1j * random.normal(size=f.size))


def linkk(f: np.ndarray, z: np.ndarray, fit: str, capacitance: bool) -> dict:
    with contextlib.redirect_stdout(io.StringIO()):
        count, mu, _, real, imag = linKK(f, z, c=0.85, max_M=50, fit_type=fit, add_cap=capacitance)
    return {
        "fit": fit,
        "capacitance": capacitance,
        "elements": int(count),
        "mu": float(mu),
        "residual_real": np.asarray(real).tolist(),
        "residual_imag": np.asarray(imag).tolist(),
    }


def main() -> None:
    f = np.geomspace(1e6, 0.1, 57)
    s = 2j * np.pi * f
    solid = 300 + 2e-7 * s + 600 / (1 + (s * 2e-5) ** 0.9) + 200 / (1 + (s * 2e-2) ** 0.8)
    drifting = solid + 100 * np.geomspace(1e-3, 1, f.size)  # a resistance that grows during the sweep
    stored = {"impedance.py": version("impedance"), "made": {}, "measured": {}}
    for name, z in {"solid": noisy(f, solid, 2e-3, 0), "drifting": noisy(f, drifting, 1e-3, 1)}.items():
        stored["made"][name] = {
            "frequency": f.tolist(),
            "real": z.real.tolist(),
            "imaginary": z.imag.tolist(),
            "linkk": [linkk(f, z, *case) for case in CASES],
        }
    measured = read_measurement(Path(os.environ["JAXCELL_DATA"]) / "li_llzo_li/li_llzo_li.mpt")
    spectrum = measured.spectra[4]
    # Above 0.2 MHz the artefacts of the cables end the search for M at once.
    kept = spectrum.frequency < 2e5
    stored["measured"]["li_llzo_li"] = {
        "sha256": measured.provenance.sha256,
        "spectrum": 4,
        "below": 2e5,
        "linkk": [linkk(spectrum.frequency[kept], spectrum.impedance[kept], *case) for case in CASES],
    }
    text = json.dumps(stored, indent=None, separators=(",", ":"))
    (Path(__file__).parent / "linkk.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
