"""Laws of an electrolyte's conductivity and diffusivity: against closed forms, and as a power law that is one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array
from jaxtyping import Float

from jaxcell import (
    BinarySalt,
    Cell,
    ConcentrationLaw,
    Current,
    Interface,
    LiPF6Conductivity,
    LiPF6Diffusivity,
    LithiumElectrode,
    LithiumKinetics,
    ProtectionLayer,
    Protocol,
    Separator,
    Settings,
    Step,
    TabulatedConcentration,
    simulate,
)
from jaxcell.component import quantity
from jaxcell.physics.lipf6 import lipf6_conductivity, lipf6_diffusivity
from jaxcell.units import Quantity

F, R, T = sample_cells.F, sample_cells.R, sample_cells.T
THICKNESS, C0, D0, TRANSFERENCE, KAPPA = 50e-6, 1000.0, 2e-10, 0.4, 0.8
I0, CURRENT = 1e4, 500.0
SETTINGS = Settings(1e-6, 1e-7, newton=sample_cells.SHARP)


class Power(ConcentrationLaw):
    """p ~ c^n, times a number that must not matter."""

    exponent: Quantity = quantity("1")

    def __call__(self, concentration: Float[Array, "..."]) -> Float[Array, "..."]:
        return 17.0 * concentration**self.exponent


def polarised(points: int = 20, **changes) -> tuple[np.ndarray, float]:
    """Concentration from the plated face to the other [mol m-3], and the voltage over both foils, settled."""
    salt = BinarySalt(**({"concentration": C0, "transference_number": TRANSFERENCE, "diffusivity": D0} | changes))
    foil = Interface(LithiumKinetics(I0, concentration_exponent=0.0), double_layer_capacitance=0.0)
    cell = Cell.symmetric(LithiumElectrode(100e-6, foil), Separator(THICKNESS, KAPPA, salt=salt))
    protocol = Protocol.of(Step(Current(-CURRENT), 40 * THICKNESS**2 / D0, points=2))
    solution = simulate(cell, protocol, points=points, settings=SETTINGS)
    concentration = solution.model.salt_concentration(jax.tree.map(lambda rows: rows[-1], solution.state))
    return np.asarray(concentration), -float(solution.voltage[-1])


GRADIENT = (1 - TRANSFERENCE) * CURRENT / (F * D0)
"""dc/dx at c0 once settled [mol m-4]."""


def closed_form(kappa_exponent: float, linear_diffusivity: bool) -> tuple[float, float, float]:
    """c at both faces, and the voltage: 2 RT/F (1 - t+) ln(c_right/c_left) + I times the integral of dx/kappa."""
    if linear_diffusivity:  # D0 c/c0 dc/dx = D0 G: c^2 = c_left^2 + 2 c0 G x, with a mean of c0
        low, high = 0.0, C0
        for _ in range(80):
            left = 0.5 * (low + high)
            top = np.sqrt(left**2 + 2 * C0 * GRADIENT * THICKNESS)
            mean = (top**3 - left**3) / (3 * C0 * GRADIENT * THICKNESS)
            low, high = (left, high) if mean < C0 else (low, left)
        x = (np.arange(20000) + 0.5) / 20000 * THICKNESS
        c = np.sqrt(left**2 + 2 * C0 * GRADIENT * x)
        right = top
    else:
        left, right = C0 - 0.5 * GRADIENT * THICKNESS, C0 + 0.5 * GRADIENT * THICKNESS
        c = np.linspace(left, right, 40001)[1::2]
    ohmic = CURRENT * THICKNESS * float(np.mean((c / C0) ** -kappa_exponent)) / KAPPA
    transfer = 4 * R * T / F * np.arcsinh(CURRENT / (2 * I0))
    return (
        float(left),
        float(right),
        ohmic + 2 * R * T / F * (1 - TRANSFERENCE) * float(np.log(right / left)) + transfer,
    )


@pytest.mark.parametrize("linear", [False, True], ids=["D", "D(c)"])
def test_settled_polarisation(linear: bool) -> None:
    law = {"diffusivity_law": Power(1.0)} if linear else {}
    c, voltage = polarised(conductivity_law=Power(-0.5), **law)
    left, right, expected = closed_form(-0.5, linear)
    assert abs(left - (C0 - 0.5 * GRADIENT * THICKNESS)) > (5.0 if linear else -1.0)  # the law is felt
    # Of second order in the width of 20 volumes.
    np.testing.assert_allclose([c[0], c[21]], [left, right], rtol=1e-3)
    assert voltage == pytest.approx(expected, rel=1e-3)


def test_a_law_that_is_a_power_is_the_exponent() -> None:
    c, voltage = polarised(conductivity_exponent=0.7)
    for exponent in (0.7, 1.5):  # the exponent has no part in it beside a law
        own, other = polarised(conductivity_law=Power(0.7), conductivity_exponent=exponent)
        np.testing.assert_allclose(own, c, rtol=1e-9)
        assert other == pytest.approx(voltage, rel=1e-9)
    constant, same = polarised(conductivity_exponent=0.7, diffusivity_law=Power(0.0))
    np.testing.assert_allclose(constant, c, rtol=1e-9)
    assert same == pytest.approx(voltage, rel=1e-9)


def test_parts_have_laws_of_their_own() -> None:
    """A law in layer or separator changes that part alone: with both, the voltage changes by the sum."""
    own = Interface(LithiumKinetics(I0, concentration_exponent=0.0), double_layer_capacitance=0.0)
    foil = LithiumElectrode(50e-6, own)

    def voltage(layer_exponent: float, separator_exponent: float) -> float:
        one, other = (
            BinarySalt(C0, TRANSFERENCE, D0, conductivity_law=Power(exponent))
            for exponent in (layer_exponent, separator_exponent)
        )
        layer = ProtectionLayer(20e-6, 0.1, electronic_conductivity=1e6, top=None, salt=one)
        cell = Cell(LithiumElectrode(50e-6, own, layer), Separator(30e-6, 0.3, salt=other), foil)
        protocol = Protocol.of(Step(Current(-60.0), 5.0, points=1))
        return float(simulate(cell, protocol, points=6, settings=SETTINGS).voltage[-1])

    plain = voltage(0.0, 0.0)
    in_layer, in_separator, in_both = (voltage(*one) - plain for one in ((2.0, 0.0), (0.0, 2.0), (2.0, 2.0)))
    assert min(abs(in_layer), abs(in_separator)) > 1e-4
    # Concentrations follow conductivity only through where the steps fall.
    assert in_both == pytest.approx(in_layer + in_separator, rel=1e-4)


def test_lipf6() -> None:
    c, warm = jnp.asarray([100.0, 900.0, 2500.0]), jnp.asarray(283.15)
    np.testing.assert_allclose(LiPF6Conductivity(283.15)(c), lipf6_conductivity(c, warm), rtol=1e-14)
    np.testing.assert_allclose(LiPF6Diffusivity(283.15)(c), lipf6_diffusivity(c, warm), rtol=1e-14)
    far = jnp.asarray([0.0, 3000.0, 4700.0, 1e5])
    for law in (LiPF6Conductivity(263.0), LiPF6Diffusivity(263.0)):
        values = np.asarray(law(far))
        assert np.all(values[1:] == values[1])
        assert np.all(np.isfinite(values))
        assert np.all(np.asarray(law(jnp.linspace(1.0, 3000.0, 300))) > 0.0)


def test_table() -> None:
    law = TabulatedConcentration([0.0, 500.0, 1000.0, 2000.0], [0.1, 0.9, 1.1, 0.7])
    values = law(jnp.asarray([-10.0, 0.0, 500.0, 1000.0, 2000.0, 1e4]))
    np.testing.assert_allclose(values, [0.1, 0.1, 0.9, 1.1, 0.7, 0.7], rtol=1e-12)
    c = jnp.linspace(100.0, 3000.0, 59)
    fine = TabulatedConcentration(c, lipf6_conductivity(c, jnp.asarray(T)))
    between = jnp.asarray([125.0, 777.0, 1512.0])
    np.testing.assert_allclose(fine(between), lipf6_conductivity(between, jnp.asarray(T)), rtol=5e-3)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([1.0, 2.0], [1.0, 2.0]), r"TabulatedConcentration.concentration must be a list of at least 3 numbers"),
        (([1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]), r"there are 4 for 3"),
        (([1.0, 3.0, 2.0], [1.0, 2.0, 3.0]), r"above the row before it \[mol m-3\], but row 3 is 2"),
        (([-1.0, 3.0, 4.0], [1.0, 2.0, 3.0]), r"at least 0 \[mol m-3\], but row 1 is -1"),
        (([1.0, 2.0, 3.0], [1.0, 0.0, 3.0]), r"value must be a finite number above 0 .* row 2 is 0"),
        ((["a", "b", "c"], [1.0, 2.0, 3.0]), r"must be a list of numbers"),
    ],
)
def test_refusals(columns, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TabulatedConcentration(*columns)
