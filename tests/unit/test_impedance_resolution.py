"""A cathode's transmission line on volumes against its closed form, and the warning of too few."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells

from jaxcell import ResolutionWarning, impedance
from jaxcell.grid import graded_widths
from jaxcell.spectroscopy.resolution import line_impedance, line_on_volumes

THICK, KAPPA, SIGMA = 80e-6, 0.05, 10.0
ADMITTANCE = 1e6 * (20.0 * 38.9 + 2j * np.pi * np.geomspace(1e-2, 1e6, 25) * 0.2)


def volumes(count: int) -> np.ndarray:
    return np.asarray(graded_widths(jnp.asarray(THICK), count))


def test_line_on_fine_volumes_is_the_closed_form() -> None:
    exact = line_impedance(THICK, KAPPA, SIGMA, ADMITTANCE)
    errors = [
        np.abs(line_on_volumes(volumes(n), KAPPA, SIGMA, ADMITTANCE) / exact - 1.0).max() for n in (200, 400, 800)
    ]
    assert errors[2] < 2e-3
    assert errors[1] / errors[2] > 3.0  # second order


def test_line_in_its_limits() -> None:
    slow, fast = np.array([1e-3 + 0j]), np.array([1e16 + 0j])
    assert line_impedance(THICK, KAPPA, SIGMA, slow)[0] == pytest.approx(1.0 / (1e-3 * THICK), rel=1e-3)
    # Fast: the current divides at both faces, two resistances side by side.
    assert line_impedance(THICK, KAPPA, SIGMA, fast)[0] == pytest.approx(THICK / (KAPPA + SIGMA), rel=0.05)
    one = line_on_volumes(np.array([THICK]), KAPPA, SIGMA, ADMITTANCE)
    np.testing.assert_allclose(one, 1.0 / (ADMITTANCE * THICK) + 0.5 * THICK * (1.0 / KAPPA + 1.0 / SIGMA))


def slow_ions():
    return sample_cells.replace(sample_cells.full(), counter__transport__ionic_conductivity=5e-4)


def test_warning_says_how_many_points_would_do() -> None:
    high = np.geomspace(1e3, 1e6, 9)
    with pytest.warns(ResolutionWarning, match=r"^6 points do not resolve how the current passes") as seen:
        coarse = impedance(slow_ions(), high, points=6)
    enough = int(str(seen[0].message).split("points=")[1].split()[0])
    said = float(str(seen[0].message).split("off by ")[1].split()[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fine = impedance(slow_ions(), high, points=enough)
        jax.jit(lambda f: impedance(slow_ions(), f, points=6).impedance)(jnp.asarray(high))  # traced: nothing is said
        impedance(sample_cells.full(), high[:1], points=20)
    off = np.abs(np.asarray(coarse.impedance - fine.impedance) / np.asarray(fine.impedance))
    assert 100.0 * off.max() == pytest.approx(said, rel=0.1)
