"""Laws of a composite cathode against their limits, without a cell."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array
from scipy.interpolate import PchipInterpolator

from jaxcell import (
    LFP,
    NMC532,
    NMC811,
    ConstantPotential,
    IntercalationKinetics,
    OpenCircuitPotential,
    TabulatedDiffusivity,
    TabulatedPotential,
)
from jaxcell.physics.intercalation import intercalation_current, occupancy_factor
from jaxcell.physics.interpolation import monotone_slopes, piecewise_cubic
from jaxcell.physics.open_circuit import nmc532_potential, within_ends
from jaxcell.units import FARADAY, GAS

f = jnp.asarray(FARADAY / (GAS * 298.15))
HALF = jnp.asarray(0.5)
TABLE = ([0.1, 0.25, 0.3, 0.5, 0.8, 0.95], [4.3, 4.05, 4.0, 3.8, 3.7, 3.3])
LAWS = [NMC532(), NMC811(), LFP(), ConstantPotential(0.62), TabulatedPotential(*TABLE)]


def number(value: float) -> Array:
    return jnp.asarray(value, dtype=jnp.float64)


def names(law: OpenCircuitPotential) -> str:
    return type(law).__name__


class TestOpenCircuit:
    def test_published_values(self) -> None:
        # Sums of the printed coefficients, by hand: every polynomial at x = 1/2, the steps of NMC811 far from all.
        assert float(NMC532()(HALF)) == pytest.approx(4.3452 - 0.8259 + 0.405625 - 0.2605375 + 0.2196625 - 0.06926875)
        low = 4.4875 - 0.809 * 0.9 - 0.0428 * np.tanh(18.5138 * 0.3458) - 17.7326 + 17.5842
        assert float(NMC811()(number(0.9))) == pytest.approx(low, abs=1e-6)
        assert float(LFP()(HALF)) == pytest.approx(3.4077 - 0.0101345, abs=1e-6)

    @pytest.mark.parametrize("law", LAWS, ids=names)
    def test_ends_push_back_without_running_away(self, law: OpenCircuitPotential) -> None:
        x = jnp.asarray([-3.0, -0.01, -1e-3, 0.0, 0.5, 1.0, 1.001, 1.01, 4.0])
        value, slope = law(x), jax.vmap(jax.grad(law))(x)
        assert np.all(np.isfinite(value))
        assert np.all(np.diff(value) < 0.0)
        outside = np.array([0, 1, 2, 6, 7, 8])
        assert np.all(np.asarray(slope)[outside] <= -0.99e4)
        assert np.all(np.asarray(slope) <= 0.0)

    def test_ends_are_not_felt_inside(self) -> None:
        x, end = within_ends(jnp.asarray([0.002, 0.1, 0.9, 0.998]))
        np.testing.assert_allclose(end, 0.0, atol=1e-8)
        np.testing.assert_allclose(x, [0.002, 0.1, 0.9, 0.998], rtol=0.0, atol=1e-12)
        assert float(within_ends(number(0.0))[1]) == pytest.approx(np.log(2.0))
        assert float(within_ends(number(1.0))[1]) == pytest.approx(-np.log(2.0))

    @pytest.mark.parametrize("law", LAWS, ids=names)
    @pytest.mark.parametrize("at", [-2e-4, 1e-4, 0.27, 0.71, 0.93, 1.0002])
    def test_slope(self, law: OpenCircuitPotential, at: float) -> None:
        step = 1e-7
        central = float(law(number(at + step)) - law(number(at - step))) / (2.0 * step)
        assert float(jax.grad(law)(number(at))) == pytest.approx(central, rel=1e-5, abs=1e-6)


class TestTable:
    def test_is_the_monotone_cubic_of_the_literature(self) -> None:
        x, y = (np.array(column) for column in TABLE)
        at = np.linspace(0.1, 0.95, 301)
        np.testing.assert_allclose(TabulatedPotential(x, y)(jnp.asarray(at)), PchipInterpolator(x, y)(at), atol=1e-12)
        wild = jnp.array([1.0, 3.0, 2.9, 2.9, 7.0, -2.0])
        curve = piecewise_cubic(jnp.asarray(at), jnp.asarray(x), wild, monotone_slopes(jnp.asarray(x), wild))
        np.testing.assert_allclose(curve, PchipInterpolator(x, wild)(at), atol=1e-11)

    def test_goes_straight_on_beyond_the_table(self) -> None:
        law = TabulatedPotential(*TABLE)
        for end, beyond in ((0.1, 0.04), (0.95, 0.985)):
            slope = float(jax.grad(law)(number(end)))
            straight = float(law(number(end))) + slope * (beyond - end)
            assert float(law(number(beyond))) == pytest.approx(straight, abs=1e-10)
            assert float(jax.grad(law)(number(beyond))) == pytest.approx(slope, abs=1e-6)

    def test_derivatives_reach_the_tables_values(self) -> None:
        x, y = jnp.asarray(TABLE[0]), jnp.asarray(TABLE[1])
        at = jnp.asarray([0.05, 0.17, 0.42, 0.9, 0.97])
        weights = jnp.asarray([1.0, -2.0, 0.5, 3.0, 1.5])

        def total(y: Array) -> Array:
            return jnp.sum(weights * TabulatedPotential(x, y)(at))

        gradient = np.asarray(jax.grad(total)(y))
        for row in range(y.size):
            move = jnp.zeros_like(y).at[row].set(1e-6)
            central = float(total(y + move) - total(y - move)) / 2e-6
            assert gradient[row] == pytest.approx(central, rel=1e-6, abs=1e-7)
        assert np.all(np.abs(gradient) > 1e-3)

    def test_derivative_is_continuous(self) -> None:
        law = TabulatedPotential(*TABLE)
        for knot in TABLE[0]:
            left, right = (float(jax.grad(law)(number(knot + side * 1e-9))) for side in (-1, 1))
            assert left == pytest.approx(right, abs=1e-5)

    def test_diffusivity(self) -> None:
        law = TabulatedDiffusivity([0.2, 0.5, 0.9], [1.0, 0.1, 3.0])
        np.testing.assert_allclose(law(jnp.asarray([-1.0, 0.2, 0.5, 0.9, 2.0])), [1.0, 1.0, 0.1, 3.0, 3.0], rtol=1e-12)
        assert np.all(np.asarray(law(jnp.linspace(-0.5, 1.5, 99))) >= 0.1 * (1 - 1e-12))


class TestIntercalation:
    @staticmethod
    def current(u: Array, x: Array, alpha: float = 0.5) -> Array:
        return intercalation_current(
            u,
            x,
            exchange_current_density=number(3.0),
            potential=nmc532_potential(x),
            transfer_coefficient=number(alpha),
            f=f,
        )

    @pytest.mark.parametrize("alpha", [0.3, 0.5])
    def test_equilibrium_and_slope(self, alpha: float) -> None:
        x = jnp.asarray([0.1, 0.5, 0.9])
        rest = -nmc532_potential(x)
        np.testing.assert_allclose(self.current(rest, x, alpha), 0.0, atol=1e-9)
        slope = jax.vmap(jax.grad(lambda u, x: self.current(u, x, alpha)))(rest, x)
        np.testing.assert_allclose(slope, 3.0 * f * jnp.sqrt(x * (1 - x)) / 0.5, rtol=1e-6)

    def test_direction(self) -> None:
        """Ions at a higher potential than electrons are driven into the host: the discharge of a cathode."""
        rest = -nmc532_potential(HALF)
        assert float(self.current(rest + 0.05, HALF)) == pytest.approx(6.0 * np.sinh(0.5 * float(f) * 0.05), rel=1e-6)
        assert float(self.current(rest - 0.05, HALF)) < 0.0

    def test_occupancy_is_never_zero_and_always_slopes(self) -> None:
        x = jnp.asarray([-0.5, -0.01, 0.0, 1e-3, 0.2, 0.7, 0.999, 1.0, 1.01, 1.5])
        value, slope = occupancy_factor(x), jax.vmap(jax.grad(occupancy_factor))(x)
        assert np.all(np.asarray(value) > 0.0)
        assert np.all(np.isfinite(slope))
        assert np.all(np.asarray(slope)[:5] > 0.0)
        assert np.all(np.asarray(slope)[5:] < 0.0)
        np.testing.assert_allclose(value[4:6], np.sqrt([0.16, 0.21]) / 0.5, rtol=1e-6)

    def test_gradient(self) -> None:
        point = (number(-3.75), number(0.62))
        for argument in (0, 1):
            exact = float(jax.grad(self.current, argnums=argument)(*point))
            ends = []
            for side in (-1e-6, 1e-6):
                moved = list(point)
                moved[argument] = moved[argument] + side
                ends.append(float(self.current(*moved)))
            assert exact == pytest.approx((ends[1] - ends[0]) / 2e-6, rel=1e-6)

    def test_rate_constant_is_the_same_law(self) -> None:
        k, salt, most, x = 5.76e-11 * FARADAY, 1000.0, 48230.0, 0.3
        kinetics = IntercalationKinetics.from_rate_constant(k, salt, most)
        there = float(kinetics.exchange_current_density * occupancy_factor(number(x)))
        assert there == pytest.approx(k * np.sqrt(salt * x * most * (most - x * most)), rel=1e-6)
