"""Time per member of a batch of replayed simulations, and of the tridiagonal solve in three forms.

    python benchmarks/batch.py [--sizes 1 16 256 4096]

Runs on whatever device JAX finds. The forms of the solve: LAPACK/cuSPARSE (`library`), Thomas's sweep as `lax.scan`
(`scan`, what the package uses), the same written out (`unrolled`). On CPU a run is one kernel, which knows no library.
"""

import argparse
import json
from pathlib import Path

import cases
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxcell import Settings, simulate
from jaxcell.solver import linear
from jaxcell.solver.kernel import in_one_kernel
from jaxcell.solver.tridiagonal import solve_tridiagonal


def unrolled(lower, diagonal, upper, rhs):
    """Thomas sweep with one statement per unknown."""
    n = diagonal.shape[0]
    pivot, free = [diagonal[0]], [rhs[0]]
    for j in range(1, n):
        factor = lower[j] / pivot[-1]
        pivot.append(diagonal[j] - factor * upper[j - 1])
        free.append(rhs[j] - factor * free[-1])
    x = [free[-1] / pivot[-1]]
    for j in reversed(range(n - 1)):
        x.append((free[j] - upper[j] * x[-1]) / pivot[j])
    return jnp.stack(x[::-1])


def library(lower, diagonal, upper, rhs):
    """LAPACK on CPU, cuSPARSE on a GPU."""
    count = jnp.arange(diagonal.shape[0])
    lower, upper = jnp.where(count == 0, 0.0, lower), jnp.where(count == count[-1], 0.0, upper)
    return jax.lax.linalg.tridiagonal_solve(lower, diagonal, upper, rhs[:, None])[:, 0]


FORMS = {"scan": solve_tridiagonal, "unrolled": unrolled, "library": library}


def time_solves(sizes: list[int], unknowns: int) -> dict[str, dict[str, float]]:
    """Microseconds per system, 100 solves one after the other in one program."""
    result = {}
    for name, form in FORMS.items():
        solve = jax.vmap(form)

        def chain(lower, diagonal, upper, rhs, solve=solve):
            return jax.lax.fori_loop(0, 100, lambda _, x: solve(lower, diagonal, upper, x), rhs)

        call = jax.jit(chain if name == "library" else in_one_kernel(chain))
        result[name] = {}
        for size in sizes:
            rng = np.random.default_rng(0)
            bands = [jnp.asarray(rng.normal(size=(size, unknowns))) for _ in range(3)]
            args = (bands[0], bands[1] + 4.0, bands[2], jnp.ones((size, unknowns)))
            _, median = cases.best_of(lambda a=args, c=call: c(*a), 5)
            result[name][str(size)] = median / 100 / size * 1e6
    return result


def time_members(sizes: list[int], gradient: bool) -> dict[str, dict[str, float]]:
    """Milliseconds per member: replayed cycles of a porous cell, with kappa different in each."""
    cell, protocol = cases.porous_cell(), cases.cycles(1, 5)
    settings = Settings(1e-3, 1e-3)
    plan = simulate(cell, protocol, settings=settings).plan
    result = {}
    for name, form in FORMS.items():
        if name == "library" and jax.devices()[0].platform == "cpu":
            continue
        linear.solve_tridiagonal = form

        def one(kappa):
            own = eqx.tree_at(lambda c: c.working.layer.ionic_conductivity, cell, kappa)
            return jnp.mean(simulate(own, protocol, plan=plan, settings=settings, throw=False).voltage)

        jax.clear_caches()
        batched = jax.jit(jax.vmap(jax.value_and_grad(one) if gradient else one))
        result[name] = {}
        for size in sizes:
            kappa = jnp.geomspace(0.8e-2, 1.25e-2, size)
            _, median = cases.best_of(lambda k=kappa, b=batched: b(k), 3)
            result[name][str(size)] = median / size * 1e3
    linear.solve_tridiagonal = solve_tridiagonal
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Time per member of a batch")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 16, 256, 4096])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    arguments = parser.parse_args()
    device = jax.devices()[0]
    result = {
        "device": f"{device.platform} {device.device_kind}",
        "solve_us_per_system": time_solves(arguments.sizes, 25),
        "replay_ms_per_member": time_members(arguments.sizes, gradient=False),
        "value_and_gradient_ms_per_member": time_members(arguments.sizes, gradient=True),
    }
    text = json.dumps(result, indent=2)
    print(text)
    arguments.out.mkdir(exist_ok=True)
    (arguments.out / f"batch_{device.platform}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
