"""Room in pores is shared by lithium, live and dead, and interphase."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from jaxcell import (
    Cell,
    Collector,
    DeadLithium,
    Interface,
    Interphase,
    LithiumElectrode,
    Nucleation,
    Pores,
    ProtectionLayer,
    Protocol,
    Separator,
    Until,
    assemble,
    plate,
    simulate,
    strip,
)
from jaxcell.physics.pore_filling import pore_filling

V_LI, V_INT = 13.0e-6, 24.4e-6


def cell(**losses: DeadLithium | Interphase) -> Cell:
    layer = ProtectionLayer(5e-6, 5e-3, top=None, pores=Pores(1e7, **losses))
    collector = Collector(Interface(nucleation=Nucleation(0.04)), layer)
    return Cell(collector, Separator(50e-6, 0.24), LithiumElectrode(500e-6))


def test_share_of_the_volume() -> None:
    porosity, width = 0.3, 5e-6
    lithium, interphase = jnp.asarray(0.02), jnp.asarray(0.4e-6)  # mol m-2, m3 m-2
    filled = float(pore_filling(lithium, interphase, jnp.asarray(V_LI / (porosity * width))))
    assert filled == pytest.approx((0.02 * V_LI + 0.4e-6) / (0.3 * 5e-6))


@pytest.mark.parametrize(("name", "volume"), [("dead", V_LI), ("interphase", V_INT)])
def test_what_else_is_there_leaves_less_room(name: str, volume: float) -> None:
    model = assemble(cell(dead_lithium=DeadLithium(), interphase=Interphase(ionic_conductivity=1e6)), 1)
    room = 0.3 * 5e-6

    def plated(share: float) -> float:
        """Rate of what is taken from the ions inside, with a fifth of the pores full of live lithium."""
        none = jnp.zeros(len(model.kinds))
        rows = dict.fromkeys(model.rows, none)
        rows["live"] = rows["live"].at[1].set(0.2 * room / V_LI)
        rows[name] = rows[name].at[1].set(share * room / volume)
        rates: tuple[Array, ...] = model.node((none + 0.02,), tuple(rows.values()), none)
        rate = dict(zip(model.rows, rates, strict=True))
        return float(rate["live"][1] + rate["dead"][1])

    assert plated(0.6) == pytest.approx(plated(0.0) * (0.8 - 0.6) / 0.8, rel=1e-6)


def test_pores_hold_no_more_than_they_have_room_for() -> None:
    protocol = Protocol.of(
        plate(1.0, 0.1, points=1), strip(1.0, 0.1, points=1, until=Until(voltage_above=0.5)), repeat=8
    )
    solution = simulate(cell(dead_lithium=DeadLithium(0.5)), protocol, points=2)
    rows, node = solution.model.rows, np.asarray(solution.state.node)
    metal = node[:, rows.index("live")] + node[:, rows.index("dead")]
    filled = metal * np.asarray(solution.model.nodes.inverse_pore_capacity)
    # Some of it dies in each cycle, enough to fill the pores, beyond which only a rounded corner of 1e-3 lets it grow.
    assert np.max(filled) > 0.9
    assert np.max(filled) < 1.01
