"""The sign of an imaginary part, from the data themselves."""

import numpy as np

from jaxcell.io._arrays import FloatArray

DECIDED = 0.5
"""Agreement, from -1 to 1, whose size must be at least this for the data to decide the sign."""


def sign_agreement(frequency: FloatArray, real: FloatArray, imaginary: FloatArray) -> float:
    """How well Im(Z) has the sign that the modulus asks for: 1 as Im(Z), -1 as -Im(Z), near 0 undecided.

    For a causal, stable response the phase follows the slope of the modulus, phi ~ (pi/2) dln|Z|/dln(omega), which does
    not depend on the sign of the imaginary part (H. W. Bode, Network Analysis and Feedback Amplifier Design, 1945), and
    holds for inductive loops as well. Each pair of neighbouring frequencies votes with the sign of phi s and the weight
    min(|s|, 2 |phi|/pi), so that a bad point cannot outvote the others.

    Args:
        frequency: [Hz], in any order; shape (points,).
        real: Re(Z) [ohm]; shape (points,).
        imaginary: taken as Im(Z) [ohm]; shape (points,).
    """
    frequency, first = np.unique(frequency, return_index=True)
    z = real[first] + 1j * imaginary[first]
    good = np.abs(z) > 0
    if good.sum() < 3:
        return 0.0
    steps = np.diff(np.log(frequency[good]))
    slope = np.diff(np.log(np.abs(z[good]))) / steps
    phase = np.angle(z[good])
    middle = 0.5 * (phase[1:] + phase[:-1])
    weight = np.minimum(np.abs(slope), np.abs(middle) * (2 / np.pi))
    return float(np.sign(slope * middle) @ weight / weight.sum()) if weight.any() else 0.0


def contradiction(frequency: FloatArray, real: FloatArray, imaginary: FloatArray) -> str:
    """What to add to a sentence that takes Im(Z) by its name: nothing, or that the data speak against it."""
    against = sign_agreement(frequency, real, imaginary) <= -DECIDED
    return "; BUT the slope of the modulus says otherwise: check it" if against else ""


def settle_sign(
    frequency: FloatArray, real: FloatArray, stored: FloatArray, column: str, *, minus: bool
) -> tuple[FloatArray, str]:
    """Im(Z) from a column, and the sentence that says how its sign was found.

    A name with a minus (`-Im(Z)`) is taken at its word; other names may hold either, and the data decide.

    Args:
        frequency: [Hz]; shape (points,).
        real: Re(Z) [ohm]; shape (points,).
        stored: the column [ohm]; shape (points,).
        column: its name.
        minus: whether the name says that the negative is stored.
    """
    if minus:
        return -stored, f"sign: `{column}` is -Im(Z) by its name{contradiction(frequency, real, -stored)}."
    agreement = sign_agreement(frequency, real, stored)
    if agreement <= -DECIDED:
        return -stored, f"sign: `{column}` holds -Im(Z), as the slope of the modulus shows: it was turned."
    if agreement >= DECIDED:
        return (
            stored,
            f"sign: `{column}` is taken as Im(Z), negative where capacitive; the slope of the modulus agrees.",
        )
    return stored, f"sign: `{column}` is taken as Im(Z), negative where capacitive; the data do not decide it."
