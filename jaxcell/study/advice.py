"""What a measurement on this cell can and cannot tell, in the words of its physics, with its own numbers."""

from typing import Any

import numpy as np

from jaxcell.cell import Cell, Interface
from jaxcell.inference.cell_problem import CellProblem
from jaxcell.io import Measurement
from jaxcell.io.dataset import FittedRows
from jaxcell.study.words import duration

_SETTLED = 3.0
"""Time constants after which a double layer counts as charged."""
_STRAIGHT = 0.05
"""Kinetics that deviate less than this fraction from a resistance count as one."""


def physics_notes(problem: CellProblem, rows: FittedRows, measurement: Measurement, theta: Any) -> list[str]:
    """What this record sees of this cell at `theta`, and which measurement would tell more."""
    cell = problem.cell_at(theta)
    interface = cell.working.interface
    notes = [*_slow_or_fast(cell, interface, rows), *_straight_or_bent(cell, interface, rows)]
    if cell.working.layer is not None and cell.working.layer.top is not None:
        notes.append(
            "Where the lithium goes, below the layer or on top of it, is not seen in the voltage while the response is "
            "straight: look for a kink at the current where the top begins to plate, for two nucleation dips, two "
            "stripping plateaus, or post-mortem data."
        )
    return notes


def remedies(problem: CellProblem, measurement: Measurement, theta: Any) -> list[str]:
    """How to tell apart what this record only sees as a sum."""
    cell = problem.cell_at(theta)
    rc = time_constant(cell, cell.working.interface)
    found = []
    if measurement.spectra:
        n = len(measurement.spectra)
        found.append(
            f"The file holds {n} impedance spectr{'um' if n == 1 else 'a'}, which this version does not fit; fitted "
            "together with these rows they could tell the separator and layers from the interfaces."
        )
    else:
        arc = f", whose arc should lie near {1.0 / (2.0 * np.pi * rc):.0f} Hz" if rc > 0.0 else ""
        found.append(f"Impedance tells an interface, which has a capacitance, from an ohmic conductor{arc}.")
    if rc > 0.0:
        found.append(f"So do current pulses whose voltage is sampled well before {duration(rc)} after the step.")
    varied = "the layer or the separator" if cell.working.layer is not None else "the separator"
    found.append(f"A series of cells that differ in the thickness of {varied} tells L/kappa from the interfaces.")
    i0 = float(interface_i0(cell.working.interface)) / 10.0
    found.append(
        f"Currents at or above i0 (here {i0:.2g} mA/cm2) bend the kinetics and not the ohmic part; temperatures tell "
        "parts with different activation energies."
    )
    return found


def interface_i0(interface: Interface) -> float:
    """Exchange current density [A m-2]."""
    return float(interface.kinetics.exchange_current_density)


def time_constant(cell: Cell, interface: Interface) -> float:
    """R_ct C_dl of an interface [s]."""
    return float(interface.charge_transfer_resistance(cell.temperature) * interface.double_layer_capacitance)


def _slow_or_fast(cell: Cell, interface: Interface, rows: FittedRows) -> list[str]:
    fitted = np.asarray(rows.dataset.segments) >= 0
    soonest = float(np.min(rows.since_step[fitted]))
    rc = time_constant(cell, interface)
    layer = " and the layers" if cell.working.layer is not None else ""
    if rc > 0.0 and soonest > _SETTLED * rc:
        return [
            f"The first fitted row comes {duration(soonest)} after a step of the current, when the double layers have "
            f"long charged (RC about {duration(rc)}): at small currents such a record gives one number, the sum of the "
            f"separator{layer} and the interfaces."
        ]
    return [
        f"Rows from {duration(soonest)} after a step of the current on see the double layers charge (RC about "
        f"{duration(rc)}): what jumps is ohmic (separator{layer}), what follows belongs to the interfaces."
    ]


def _straight_or_bent(cell: Cell, interface: Interface, rows: FittedRows) -> list[str]:
    fitted = np.asarray(rows.dataset.segments) >= 0
    largest = float(np.max(np.abs(np.asarray(rows.dataset.protocol.current_density)[fitted])))
    ratio = largest / interface_i0(interface)
    bent = 1.0 - 2.0 * np.arcsinh(0.5 * ratio) / ratio if ratio > 0.0 else 0.0
    size = f"The largest current, {largest / 10.0:.3g} mA/cm2, is {ratio:.2g} times i0: the kinetics "
    if bent < _STRAIGHT:
        return [
            f"{size}deviate by {100.0 * bent:.1g} % from a straight line, so i0 acts as one more resistance, "
            "RT/(F i0), in series with the rest."
        ]
    return [f"{size}bend by {100.0 * bent:.2g} %, which the ohmic parts do not: this curvature tells i0 from them."]
