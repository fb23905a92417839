"""Derivatives of impedance: both modes against central differences, and of the parts, the state and the frequencies."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sample_cells
from jax import Array

from jaxcell import (
    Cell,
    GrainBoundary,
    LithiumElectrode,
    Protocol,
    Rig,
    Separator,
    Settings,
    SoftShort,
    impedance,
    plate,
    simulate,
)

FREQUENCIES = np.logspace(-2, 5, 4)


def dispersive() -> Cell:
    """Exponents, grain boundaries, a permittivity and a short."""
    own = sample_cells.interface(10.0, double_layer_exponent=0.85, film_exponent=0.9)
    ceramic = Separator(
        1e-4,
        0.05,
        1e-4,
        short=SoftShort(20.0),
        grain_boundary=GrainBoundary(1e-3, 1e-4, 0.8),
        relative_permittivity=50.0,
    )
    layer = sample_cells.layer(pores=sample_cells.pores(double_layer_exponent=0.9))
    return Cell(LithiumElectrode(50e-6, own, layer), ceramic, LithiumElectrode(50e-6, sample_cells.interface(20.0)))


CELLS: dict[str, Callable[[], Cell]] = {
    "dispersion, short": dispersive,
    "salt": sample_cells.salted,
    "single particle": lambda: sample_cells.full(transport=None),
}


def numbers_of(cell: Cell) -> tuple[Callable[[Array], Cell], Array]:
    """The cell as a function of factors on all its numbers other than zero."""
    leaves, structure = jax.tree.flatten(cell)

    def build(factors: Array) -> Cell:
        return jax.tree.unflatten(structure, [leaf * factor for leaf, factor in zip(leaves, factors, strict=True)])

    return build, jnp.ones(len(leaves))


def split(values: Array) -> Array:
    return jnp.concatenate([jnp.real(values), jnp.imag(values)])


@pytest.mark.parametrize("name", CELLS)
def test_both_modes_and_central_differences(name: str) -> None:
    build, ones = numbers_of(CELLS[name]())

    def of(factors: Array) -> Array:
        spectrum = impedance(build(factors), FREQUENCIES, rig=Rig(1e-9, 1e-5), points=3, shells=3)
        # A volt of drift counts as an ohm.
        return jnp.concatenate([*map(split, spectrum.parts.values()), split(spectrum.impedance), spectrum.drift])

    both = jax.jit(lambda factors, direction: jax.jvp(of, (factors,), (direction,)))
    rng, step = np.random.default_rng(2), 2e-6
    direction = jnp.asarray(rng.normal(size=len(ones)))
    found = both(ones, direction)[1]
    central = (both(ones + step * direction, ones)[0] - both(ones - step * direction, ones)[0]) / (2.0 * step)
    np.testing.assert_allclose(found, central, rtol=1e-6, atol=1e-8 * np.max(np.abs(central)))
    weights = jnp.asarray(rng.normal(size=found.shape)) / (1e-3 + jnp.abs(found))
    reverse = jax.jit(jax.grad(lambda factors: jnp.sum(weights * of(factors))))(ones)
    np.testing.assert_allclose(jnp.sum(weights * found), jnp.sum(reverse * direction), rtol=1e-9)


def test_through_the_state_of_a_run() -> None:
    cell, protocol = sample_cells.collector_alone(), Protocol.of(plate(1.0, 0.02, 3))
    settings = Settings(rtol=1e-4, atol=1e-4, newton=sample_cells.SHARP)
    plan = simulate(cell, protocol, settings=settings).plan

    def of(exchange: Array) -> Array:
        varied = sample_cells.replace(cell, working__interface__kinetics__exchange_current_density=exchange)
        solution = simulate(varied, protocol, plan=plan, settings=settings, throw=False)
        rows = [impedance(varied, FREQUENCIES, solution.state_at(row)).impedance for row in (0, None)]
        return split(jnp.concatenate(rows))

    both, exchange, step = jax.jit(lambda x: jax.jvp(of, (x,), (jnp.ones(()),))), jnp.asarray(10.0), 1e-3
    found = both(exchange)[1]
    central = (both(exchange + step)[0] - both(exchange - step)[0]) / (2.0 * step)
    np.testing.assert_allclose(found, central, rtol=1e-6, atol=1e-7 * np.max(np.abs(central)))
    reverse = jax.jit(jax.grad(lambda x: jnp.sum(of(x))))(exchange)
    np.testing.assert_allclose(jnp.sum(found), reverse, rtol=1e-9)


def test_by_frequency_and_twice() -> None:
    cell = sample_cells.bare()
    # ln Z is analytic in ln f: its slope here from the closed form, and second derivatives of one R || C.
    resistance, capacity = sample_cells.THERMAL / 10.0, 0.2

    def of(frequency: Array, scale: Array) -> Array:
        varied = eqx.tree_at(lambda c: c.working.interface.double_layer_capacitance, cell, scale * capacity)
        return jnp.imag(impedance(varied, frequency[None]).parts["working, bottom interface"][0])

    def exact(frequency: Array, scale: Array) -> Array:
        arcs = [(resistance, scale * capacity), (jnp.asarray(5e-4), jnp.asarray(0.01))]
        omega = 2.0 * np.pi * frequency
        return sum((-omega * r**2 * c / (1.0 + (omega * r * c) ** 2) for r, c in arcs), start=jnp.zeros(()))

    at = (jnp.asarray(200.0), jnp.asarray(1.0))
    np.testing.assert_allclose(jax.grad(of, (0, 1))(*at), jax.grad(exact, (0, 1))(*at), rtol=1e-9)
    found, expected = (jax.jacfwd(jax.grad(law, (0, 1)), (0, 1))(*at) for law in (of, exact))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
