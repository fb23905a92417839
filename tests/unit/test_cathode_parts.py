"""A cathode's parts: what they are worth, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from jaxcell import (
    NMC532,
    AlloyElectrode,
    BinarySalt,
    CathodeTransport,
    CompositeCathode,
    ConstantPotential,
    IntercalationKinetics,
    TabulatedDiffusivity,
    TabulatedPotential,
)
from jaxcell.units import FARADAY

NAN = float("nan")


def cathode(**changes) -> CompositeCathode:
    numbers = {
        "thickness": 42e-6,
        "active_fraction": 0.518,
        "particle_radius": 5.3e-6,
        "maximum_concentration": 48230.0,
        "initial_stoichiometry": 0.096,
        "particle_diffusivity": 1e-14,
        "open_circuit": NMC532(),
        "kinetics": IntercalationKinetics(4.24),
    }
    return CompositeCathode(**(numbers | changes))


def test_derived_numbers() -> None:
    own = cathode(lowest_stoichiometry=0.2, highest_stoichiometry=0.9)
    assert float(own.specific_surface_area) == pytest.approx(3 * 0.518 / 5.3e-6)
    assert float(own.capacity) == pytest.approx(0.7 * FARADAY * 0.518 * 42e-6 * 48230)
    assert float(cathode().capacity) == pytest.approx(FARADAY * 0.518 * 42e-6 * 48230)
    assert float(own.initial_lithium) == pytest.approx(0.096 * 0.518 * 42e-6 * 48230)
    assert float(own.initial_potential) == pytest.approx(-4.2, abs=0.01)
    assert float(AlloyElectrode().initial_potential) == pytest.approx(-0.62)


def test_every_number_is_a_leaf() -> None:
    own = cathode(
        transport=CathodeTransport(0.1, 10.0, BinarySalt()),
        diffusivity_law=TabulatedDiffusivity([0.1, 0.5, 0.9], [1.0, 2.0, 3.0]),
    )
    leaves = jax.tree.leaves(own)
    assert all(leaf.dtype == jnp.float64 for leaf in leaves)
    assert sum(leaf.size for leaf in leaves) == 9 + 4 + 3 + 7 + 6
    gradient = jax.grad(lambda one: one.capacity)(own)
    assert float(gradient.thickness) == pytest.approx(float(own.capacity / own.thickness))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: cathode(active_fraction=1.2), r"CompositeCathode.active_fraction must be .*at most 1 \[1\].* 1.2"),
        (lambda: cathode(particle_radius=0.0), r"particle_radius must be .*above 0"),
        (lambda: cathode(lowest_stoichiometry=0.9, highest_stoichiometry=0.2), r"must be below highest_stoichiometry"),
        (lambda: IntercalationKinetics(0.0), r"exchange_current_density .*above 0 \[A m-2\]"),
        (lambda: CathodeTransport(-1.0, 1.0), r"ionic_conductivity .*\[S m-1\]"),
        (lambda: AlloyElectrode(capacity=-1.0), r"AlloyElectrode.capacity .*\[mol m-2\]"),
        (lambda: ConstantPotential(NAN), r"ConstantPotential.potential .*\[V\]"),
        (lambda: TabulatedPotential([0.1, 0.5], [4.0, 3.0]), r"stoichiometry must be a list of at least 3 numbers"),
        (lambda: TabulatedPotential([0.1, 0.5, 0.9], [4.0, 3.9]), r"potential must be a list of at least 3"),
        (lambda: TabulatedPotential([0.1, 0.5, 0.9], [4.0, 3.9, 3.8, 3.7]), r"there are 4 for 3"),
        (lambda: TabulatedPotential([0.1, 0.9, 0.5], [4.0, 3.9, 3.8]), r"above the row before it .* row 3 is 0.5"),
        (lambda: TabulatedPotential([0.1, 0.1, 0.5], [4.0, 3.9, 3.8]), r"row 2 is 0.1"),
        (lambda: TabulatedPotential([0.1, NAN, 0.5], [4.0, 3.9, 3.8]), r"stoichiometry .* row 2 is nan"),
        (lambda: TabulatedPotential([0.1, 0.5, 1.5], [4.0, 3.9, 3.8]), r"between 0 and 1 \[1\], but row 3 is 1.5"),
        (lambda: TabulatedPotential([0.1, 0.5, 0.9], [4.0, NAN, 3.8]), r"potential must be .*\[V\], but row 2 is nan"),
        (lambda: TabulatedPotential([0.1, 0.5, 0.9], [4000.0, 3900.0, 3800.0]), r"row 1 is 4000; a table in mV must"),
        (lambda: TabulatedPotential([0.1, 0.5, 0.9], [4.0, 39.0, 3.8]), r"between -10 and 10 \[V\], but row 2 is 39.$"),
        (lambda: TabulatedPotential([0.1, 0.5, 0.9], [3.4, 3.9, 4.2]), r"rises from 3.4 V at 0.1 to 4.2 V at 0.9"),
        (lambda: TabulatedPotential(["a", "b", "c"], [4.0, 3.9, 3.8]), r"must be a list of numbers"),
        (lambda: TabulatedDiffusivity([0.1, 0.5, 0.9], [1.0, 0.0, 1.0]), r"factor must be above 0 \[1\], but row 2"),
    ],
)
def test_refusals(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("part", "value"), [("open_circuit", 3.9), ("transport", 0.1), ("diffusivity_law", NMC532()), ("kinetics", None)]
)
def test_wrong_parts(part: str, value) -> None:
    # A wrong type is caught first where types are checked at run time.
    with pytest.raises((ValueError, TypeCheckError), match=part):
        cathode(**{part: value})


def test_a_table_is_built_inside_a_transformation() -> None:
    at = jnp.asarray(0.4)
    slope = jax.jit(
        jax.grad(lambda shift: TabulatedPotential([0.1, 0.5, 0.9], jnp.asarray([4.0, 3.9, 3.8]) + shift)(at))
    )
    np.testing.assert_allclose(slope(0.0), 1.0, rtol=1e-12)
