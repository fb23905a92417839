"""Full cells start where they are told to, and C-rates mean the cathode's capacity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sample_cells import replace

from jaxcell import (
    LFP,
    NMC811,
    AlloyElectrode,
    Cell,
    Collector,
    CompositeCathode,
    ConstantPotential,
    IntercalationKinetics,
    Interface,
    LithiumElectrode,
    Nucleation,
    OpenCircuitPotential,
    Protocol,
    Separator,
    SoftShort,
    TabulatedPotential,
    at_state_of_charge,
    at_voltage,
    capacity_balance,
    charge,
    open_circuit_voltage,
    simulate,
    with_voltage_window,
    xu2019_half_cell,
)
from jaxcell.drive import check_rates, schedule_of
from jaxcell.units import FARADAY


def full(lithium: float | None = 10e-6, law: OpenCircuitPotential | None = None) -> Cell:
    parts = xu2019_half_cell(1.0, single_particle=True)
    cathode = parts.cathode
    if law is not None:
        cathode = CompositeCathode(42e-6, 0.5, 5e-6, 48230.0, 0.1, 1e-14, law, IntercalationKinetics(4.0))
    interface = Interface(nucleation=Nucleation(0.0))
    working = Collector(interface) if lithium is None else LithiumElectrode(lithium, interface)
    return Cell(working, parts.separator, cathode)


@pytest.mark.parametrize("volts", [3.55, 3.8, 4.2])
def test_starts_at_its_voltage(volts: float) -> None:
    cell = at_voltage(full(), volts)
    assert float(open_circuit_voltage(cell)) == pytest.approx(volts, abs=1e-9)
    # At 10 nA cm-2 for a millisecond nothing has moved yet.
    shown = simulate(cell, Protocol.of(charge(1e-5, points=1, duration=1e-3))).voltage[0]
    assert float(shown) == pytest.approx(volts, abs=1e-6)


def test_voltage_of_every_kind_of_cell() -> None:
    lithium, parts = LithiumElectrode(10e-6), xu2019_half_cell(1.0)
    assert float(open_circuit_voltage(Cell.symmetric(lithium, parts.separator))) == 0.0
    # Against In-Li at 0.62 V lithium is the positive electrode of the Battery Data Format, 0.62 V below.
    assert float(open_circuit_voltage(Cell(lithium, parts.separator, AlloyElectrode()))) == pytest.approx(-0.62)
    # Collector 0.5 V above lithium; the cathode at 4.2 V.
    collector = Collector(Interface(), None, -0.5)
    known = float(parts.cathode.open_circuit(parts.cathode.initial_stoichiometry))
    assert float(open_circuit_voltage(Cell(collector, parts.separator, parts.cathode))) == pytest.approx(known - 0.5)
    indium = Cell(AlloyElectrode(), parts.separator, parts.cathode)
    assert float(open_circuit_voltage(at_voltage(indium, 3.2))) == pytest.approx(3.2, abs=1e-9)


def test_derivatives_of_the_start() -> None:
    cell = full()

    def start(volts):
        return at_voltage(cell, volts).counter.initial_stoichiometry

    here = start(3.9)
    expected = 1.0 / jax.grad(cell.counter.open_circuit)(here)
    assert float(jax.grad(start)(jnp.asarray(3.9))) == pytest.approx(float(expected), rel=1e-9)
    step = 1e-4
    assert float(expected) == pytest.approx(float(start(3.9 + step) - start(3.9 - step)) / (2 * step), rel=1e-4)
    # The law's own numbers carry derivatives, too: 1 mV up is 1 mV of voltage.
    shifted = jax.grad(lambda d: at_voltage(full(law=_Shifted(d)), 3.9).counter.initial_stoichiometry)(jnp.asarray(0.0))
    assert float(shifted) == pytest.approx(-float(expected), rel=1e-6)
    assert np.asarray(jax.jit(jax.vmap(start))(jnp.array([3.6, 4.1]))).shape == (2,)


class _Shifted(OpenCircuitPotential):
    by: jax.Array

    def __call__(self, stoichiometry):
        return full().counter.open_circuit(stoichiometry) + self.by


def test_state_of_charge_counts_from_full_to_empty() -> None:
    cell = replace(with_voltage_window(full(), 3.5, 4.2))
    low, high = float(cell.counter.lowest_stoichiometry), float(cell.counter.highest_stoichiometry)
    for soc, x in ((1.0, low), (0.0, high), (0.25, high - 0.25 * (high - low))):
        assert float(at_state_of_charge(cell, soc).counter.initial_stoichiometry) == pytest.approx(x, rel=1e-12)
    assert float(open_circuit_voltage(at_state_of_charge(cell, 1.0))) == pytest.approx(4.2, abs=1e-9)
    assert float(open_circuit_voltage(at_state_of_charge(cell, 0.0))) == pytest.approx(3.5, abs=1e-9)


def test_balance() -> None:
    cell = at_state_of_charge(with_voltage_window(full(10e-6), 3.5, 4.2), 0.0)
    balance = capacity_balance(cell)
    assert float(balance.cathode) * FARADAY == pytest.approx(float(cell.counter.capacity), rel=1e-12)
    # Built discharged: the foil is the excess, and all of the cathode's lithium comes on top.
    assert float(balance.excess) == pytest.approx(10e-6 / 13e-6, rel=1e-9)
    assert float(balance.negative_to_positive) == pytest.approx(1.0 + 10e-6 / 13e-6 / float(balance.cathode), rel=1e-9)
    assert float(capacity_balance(at_state_of_charge(full(None), 0.0)).negative_to_positive) == pytest.approx(1.0)
    # Built charged, the same foil has to fill the cathode, and cannot.
    assert float(capacity_balance(at_state_of_charge(cell, 1.0)).excess) < 0.0


def test_c_rates_are_of_the_cathode() -> None:
    cell = at_state_of_charge(with_voltage_window(full(), 3.5, 4.2), 0.3)
    protocol = Protocol.of(charge(c_rate=0.5, points=1, duration=10.0))
    check_rates(protocol, cell)
    # Charging a full cell plates its anode: I > 0 in the model, too.
    target = schedule_of(protocol, cell).control.target[0]
    assert float(target) == pytest.approx(0.5 * float(cell.counter.capacity) / 3600.0, rel=1e-12)
    given = Cell(cell.working, cell.separator, cell.counter, nominal_capacity=36000.0)
    assert float(schedule_of(protocol, given).control.target[0]) == pytest.approx(5.0, rel=1e-12)


def test_refusals() -> None:
    cell = with_voltage_window(full(), 3.5, 4.2)
    with pytest.raises(ValueError, match=r"^Argument voltage must be at least 3.5 and at most 4.2 \[V\], .* 4.5 V.$"):
        at_voltage(cell, 4.5)
    with pytest.raises(ValueError, match=r"must be a finite number \[V\], but is nan V"):
        at_voltage(cell, float("nan"))
    with pytest.raises(ValueError, match=r"at least 0 and at most 1 \[1\], but is 40"):
        at_state_of_charge(cell, 40)
    with pytest.raises(ValueError, match=r"lower_voltage must be below upper_voltage \(3.5 V\), but is 4.2 V"):
        with_voltage_window(cell, 4.2, 3.5)
    with pytest.raises(ValueError, match=r"at_voltage needs a cell whose counter electrode is a CompositeCathode"):
        at_voltage(Cell.symmetric(LithiumElectrode(1e-5), cell.separator), 3.0)
    flat = at_state_of_charge(replace(full(law=ConstantPotential(3.4)), counter__initial_stoichiometry=0.5), 0.5)
    window = Cell(flat.working, flat.separator, _inner(flat.counter))
    with pytest.raises(ValueError, match=r"does not fall from stoichiometry 0.1 .*; use at_state_of_charge"):
        at_voltage(window, 3.4)


def _inner(cathode: CompositeCathode) -> CompositeCathode:
    import dataclasses

    return dataclasses.replace(cathode, lowest_stoichiometry=0.1, highest_stoichiometry=0.9)


def test_a_bare_collector_counts_as_lithium() -> None:
    """Its potential as built is gone with the first lithium: the window is the one of a foil."""
    bare = full(None)
    built = Cell(Collector(bare.working.interface, initial_potential=-2.5), bare.separator, bare.counter)
    windows = [with_voltage_window(cell, 3.0, 4.2).counter for cell in (full(), bare, built)]
    for own in windows[1:]:
        assert float(own.capacity) == pytest.approx(float(windows[0].capacity), rel=1e-12)
    assert float(at_voltage(built, 3.8).counter.initial_stoichiometry) == pytest.approx(
        float(at_voltage(full(), 3.8).counter.initial_stoichiometry), rel=1e-12
    )


def test_a_start_that_is_refused_is_nan_where_it_is_traced() -> None:
    cell = with_voltage_window(full(), 3.5, 4.2)

    def at(volts):
        return at_voltage(cell, volts).counter.initial_stoichiometry

    def charged(share):
        return at_state_of_charge(cell, share).counter.initial_stoichiometry

    def capacity(lower):
        return with_voltage_window(cell, lower, 4.2).counter.capacity

    for start, inside, beyond in (
        (at, (3.5, 3.8, 4.2), (3.4, 4.3, 6.0)),
        (charged, (0.0, 0.5, 1.0), (-0.01, 1.01)),
        (capacity, (2.5, 3.0, 3.5), (2.0, 4.2, 4.25, 6.0)),
    ):
        for derivative in (start, jax.grad(start)):
            found = jax.jit(jax.vmap(derivative))(jnp.array([*inside, *beyond]))
            assert np.all(np.isfinite(found[: len(inside)]))
            assert np.all(np.isnan(found[len(inside) :]))


def test_a_window_lies_where_the_law_holds() -> None:
    """Not beyond a table; a law may be emptied and filled to its steep ends."""
    table = full(law=TabulatedPotential([0.3, 0.5, 0.9], [4.2, 3.9, 3.5]))
    own = with_voltage_window(table, 3.5, 4.2).counter
    assert float(own.lowest_stoichiometry) == pytest.approx(0.3, abs=1e-9)
    assert float(own.highest_stoichiometry) == pytest.approx(0.9, abs=1e-9)
    for window, argument in (((3.4, 4.2), "lower_voltage"), ((3.5, 4.3), "upper_voltage")):
        with pytest.raises(ValueError, match=rf"{argument} .* from stoichiometry 0.9 to 0.3, beyond which .* law ends"):
            with_voltage_window(table, *window)
    with pytest.raises(ValueError, match=r"Argument voltage must be at least 3.5 and at most 4.2 \[V\]"):
        at_voltage(table, 4.25)
    usual = {LFP(): (2.5, 3.65), NMC811(): (3.0, 4.2)}
    filled = [with_voltage_window(full(law=law), *window).counter for law, window in usual.items()]
    assert all(0.99 < float(own.highest_stoichiometry) < 1.0 for own in filled)


@pytest.mark.parametrize("voltage", ["3.8 V", None, [3.5, 3.6]])
def test_a_voltage_is_one_number(voltage: object) -> None:
    with pytest.raises(ValueError, match="Argument voltage must be one number"):
        at_voltage(full(), voltage)


def test_contact_of_a_single_particle_carries_what_a_short_carries_too() -> None:
    """Electrons of the short and of the reaction cross the collector's contact, ions do not."""
    cell = full()
    short = Separator(cell.separator.thickness, 0.5, short=SoftShort(50.0, 1e-4))
    plain = at_voltage(Cell(cell.working, short, cell.counter), 3.8)
    contact = replace(plain, counter__contact_resistance=5e-3)
    run = Protocol.of(charge(1.0, 0.02, points=1))
    one, other = (simulate(own, run) for own in (plain, contact))
    assert float(other.state.shared[-1, 0]) == pytest.approx(float(one.state.shared[-1, 0]), rel=1e-3)
    assert float(other.voltage[-1] - one.voltage[-1]) == pytest.approx(10.0 * 5e-3, rel=1e-2)


def test_lithium_iron_phosphate_has_a_start_on_its_plateau() -> None:
    assert 0.2 < float(at_voltage(full(law=LFP()), 3.4).counter.initial_stoichiometry) < 0.8
