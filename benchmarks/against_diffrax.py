"""The same plating-and-stripping cycles by jaxcell and by diffrax's stiff solvers, at the same accuracy.

    python benchmarks/against_diffrax.py [--cycles 5]

diffrax gets the same right-hand side (double layers make the model an ODE) and the choice among Kvaerno3 and Kvaerno5,
chord and full Newton. Each side runs through a list of tolerances; its fastest run that stays within the wanted voltage
error of a refined solution counts. Runs alternate, medians are compared.
"""

import argparse
import json
from pathlib import Path

import cases
import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx

from jaxcell import Settings, assemble, simulate
from jaxcell.model import ChainModel
from jaxcell.solver.system import State, rates
from jaxcell.solver.tableau import SDIRK2, SDIRK3

WANTED = 1e-4
"""Largest error of the voltage at the output times [V]."""
TOLERANCES = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6)


def right_hand_side(t, y, args):
    """du/dt and dq/dt of the chain; the cell has no films, so there are no edge states.

    Lithium is scaled as jaxcell's error control scales it, so that one absolute tolerance means the same to both.
    """
    del t
    model, current = args
    field, scaled = y
    none = jnp.zeros((0, field.shape[0]))
    state = State(field, none, scaled * model.node_tolerance, jnp.zeros((0, 0)), none, jnp.zeros(0))
    rate, capacities = rates(model, state, current), model.capacities
    return (rate.field - capacities.node_charge[0] * rate.node[0]) / capacities.field, rate.node / model.node_tolerance


@eqx.filter_jit
def run_diffrax(model: ChainModel, currents, half_cycles, points, solver, tolerance):
    """Voltage at `points` equal intervals of each half-cycle, and steps taken."""
    initial = model.initial_state
    parts = jnp.arange(1, points + 1) / points

    def one(y, half_cycle):
        current, duration = half_cycle
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(right_hand_side),
            solver,
            0.0,
            duration,
            1e-4,
            y,
            args=(model, current),
            saveat=diffrax.SaveAt(ts=duration * parts),
            stepsize_controller=diffrax.PIDController(rtol=0.0, atol=tolerance),
            max_steps=200_000,
            throw=False,
        )
        field, scaled = solution.ys  # pyright: ignore[reportGeneralTypeIssues]
        none = jnp.zeros((points, 0, field.shape[1]))
        states = State(
            field, none, scaled * model.node_tolerance, jnp.zeros((points, 0, 0)), none, jnp.zeros((points, 0))
        )
        voltage = jax.vmap(lambda s: model.voltage(s, current))(states)
        end = jax.tree.map(lambda rows: rows[-1], (field, scaled))
        return end, (voltage, solution.stats["num_steps"])

    _, (voltage, steps) = jax.lax.scan(one, (initial.field, initial.node), (currents, half_cycles))
    return voltage.reshape(-1), jnp.sum(steps)


def solvers(tolerance: float):
    newton = optx.Newton(rtol=1e-3 * tolerance, atol=0.1 * tolerance)
    chord = diffrax.VeryChord(rtol=1e-3 * tolerance, atol=0.1 * tolerance)
    for scheme in (diffrax.Kvaerno3, diffrax.Kvaerno5):
        for name, root in (("chord", chord), ("newton", newton)):
            yield f"{scheme.__name__} {name}", scheme(root_finder=root)


def main() -> None:
    parser = argparse.ArgumentParser(description="jaxcell against diffrax")
    parser.add_argument("--cycles", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "against_diffrax.json")
    arguments = parser.parse_args()
    points = 10
    cell, protocol = cases.porous_cell(), cases.cycles(arguments.cycles, points)
    model = assemble(cell)
    currents = -protocol.current_density[::points]
    half_cycles = points * protocol.duration[::points]
    reference = simulate(cell, protocol, settings=Settings(1e-8, 1e-8, max_steps=200_000)).voltage

    ours, best = None, None
    for scheme, tableau in (("SDIRK2", SDIRK2), ("SDIRK3", SDIRK3)):
        for tolerance in TOLERANCES:
            settings = Settings(tolerance, tolerance, tableau=tableau)
            solution = simulate(cell, protocol, settings=settings, throw=False)
            error = float(jnp.max(jnp.abs(solution.voltage - reference)))
            if not error <= WANTED:
                continue
            _, median = cases.best_of(lambda s=settings: simulate(cell, protocol, settings=s, throw=False).voltage)
            steps = int(solution.trajectory.plan.used)
            print(f"  jaxcell {scheme} tol {tolerance:g}: {median * 1e3:.2f} ms, error {error:.1e} V, {steps} steps")
            if ours is None or median < ours[0]:
                ours, best = (median, tolerance, error, steps, scheme), settings
            break
    assert ours is not None
    assert best is not None

    theirs = None
    for tolerance in TOLERANCES:
        for name, solver in solvers(tolerance):
            call = lambda s=solver, t=tolerance: run_diffrax(model, currents, half_cycles, points, s, t)  # noqa: E731
            voltage, steps = call()
            error = float(jnp.max(jnp.abs(-voltage - reference)))
            if not error <= WANTED:
                print(f"  {name} tol {tolerance:g}: error {error:.1e} V, too large")
                continue
            _, median = cases.best_of(call, 3)
            print(f"  {name} tol {tolerance:g}: {median * 1e3:.1f} ms, error {error:.1e} V, {int(steps)} steps")
            if theirs is None or median < theirs[0]:
                theirs = (median, name, tolerance, error, int(steps))
        if theirs and theirs[2] > tolerance * 5:
            break
    assert theirs is not None

    ratios = []
    solver = dict(solvers(theirs[2]))[theirs[1]]
    for _ in range(5):
        _, a = cases.best_of(lambda: simulate(cell, protocol, settings=best, throw=False).voltage, 3)
        _, b = cases.best_of(lambda: run_diffrax(model, currents, half_cycles, points, solver, theirs[2])[0], 1)
        ratios.append(b / a)
    result = {
        "half_cycles": len(currents),
        "wanted_error_v": WANTED,
        "jaxcell": {
            "ms": ours[0] * 1e3, "solver": ours[4], "tolerance": ours[1], "error_v": ours[2], "steps": ours[3],
        },
        "diffrax": {
            "ms": theirs[0] * 1e3, "solver": theirs[1], "tolerance": theirs[2], "error_v": theirs[3],
            "steps": theirs[4],
        },
        "ratio_median": float(np.median(ratios)),
        "ratios": ratios,
    }  # fmt: skip
    print(f"diffrax {theirs[1]} takes {result['ratio_median']:.0f} times as long (five alternating pairs)")
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
