"""A full cell fades when its lithium reservoir is gone: the ledger says when, and by how much a cycle.

python fit/full_cell.py [FIGURE.png].  NMC532 (Xu et al. 2019) | sulfide | layer | collector with 10, 5 or 0 um of
lithium, C/3 between 3.0 and 4.2 V.  Assumptions, none of them measured: lithium below the layer dies by 1 % of what is
stripped; where lithium touches the sulfide 3 % dies and an argyrodite interphase grows.  At 1e-5 S/cm, the best of the
published polymers, the layer lets part of the lithium plate on top; less as the interphase grows there.  Half a minute.
"""

import sys

from jaxcell import (
    Cell,
    Collector,
    DeadLithium,
    Interface,
    Interphase,
    LithiumElectrode,
    LithiumKinetics,
    Nucleation,
    ProtectionLayer,
    Protocol,
    Separator,
    Until,
    at_voltage,
    capacity_balance,
    charge,
    cycle_ledger,
    discharge,
    full_cell_figure,
    simulate,
    with_voltage_window,
    xu2019_half_cell,
)

CYCLES = 100
BELOW = Interface(LithiumKinetics(100.0), Nucleation(0.0), dead_lithium=DeadLithium(0.01))
TOP = Interface(LithiumKinetics(10.0), Nucleation(0.04), interphase=Interphase(), dead_lithium=DeadLithium(0.03))
LAYER = ProtectionLayer(5e-6, 1e-3, top=TOP)
CATHODE = xu2019_half_cell(1.0, single_particle=True).cathode
UP = charge(c_rate=1 / 3, until=Until(voltage_above=4.2), duration=4 * 3600.0, points=96)
DOWN = discharge(c_rate=1 / 3, until=Until(voltage_below=3.0), duration=4 * 3600.0, points=96)


def cell(thickness):
    """As it is built: cathode discharged (3.5 V), with so much lithium [m] below the layer."""
    working = LithiumElectrode(thickness, BELOW, LAYER) if thickness else Collector(BELOW, LAYER)
    return at_voltage(with_voltage_window(Cell(working, Separator(30e-6, 0.24), CATHODE), 3.0, 4.2), 3.5)


if __name__ == "__main__":
    solutions, names = [], []
    for um in (10, 5, 0):
        built = cell(1e-6 * um)
        solutions.append(simulate(built, Protocol.of(UP, DOWN, repeat=CYCLES)))
        names.append(f"{um} um of lithium, N/P {capacity_balance(built).negative_to_positive:.2f}")
        cycles = cycle_ledger(solutions[-1])
        gone, kept = cycles.number[cycles.exhausted], cycles.stripped[-1] / cycles.stripped[0]
        print(f"{names[-1]}: reservoir gone in cycle {gone[0] if gone.size else 'none'}, {kept:.1%} of capacity left")
    if len(sys.argv) > 1:
        full_cell_figure(*solutions, names=tuple(names)).savefig(sys.argv[1])
