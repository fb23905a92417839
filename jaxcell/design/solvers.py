"""From one start to one optimum, by the method asked for."""

import warnings
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import Bounds, NonlinearConstraint, minimize

from jaxcell.design.augmented import AugmentedLagrangian, augmented_lagrangian
from jaxcell.design.design import Entries, Limit, entries_and_jacobian
from jaxcell.design.programme import Programme

Method: TypeAlias = Literal["slsqp", "trust-constr", "augmented"]
METHODS: tuple[Method, ...] = ("slsqp", "trust-constr", "augmented")


@runtime_checkable
class Steered(Protocol):
    """What a solver asks of a programme: f, its gradient, c and its Jacobian."""

    @property
    def limits(self) -> tuple[Limit, ...]: ...

    def survived(self, z: Any) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]: ...


class Ended(NamedTuple):
    """Where a solver stopped."""

    z: np.ndarray
    success: bool
    message: str


def solve(programme: Programme, z: np.ndarray, method: Method, max_steps: int, tolerance: float) -> Ended:
    """Run a method from z; every evaluation is remembered by the programme."""
    if method == "augmented":
        return _augmented(programme, z)
    return (slsqp if method == "slsqp" else _trust)(programme, z, max_steps, tolerance)


def slsqp(programme: Steered, z: np.ndarray, max_steps: int, tolerance: float) -> Ended:
    """Sequential quadratic programming of scipy."""
    constraints: list[dict[str, Any]] = []
    if programme.limits:
        constraints = [
            {"type": "ineq", "fun": lambda z: programme.survived(z)[2], "jac": lambda z: programme.survived(z)[3]}
        ]
    found = minimize(
        lambda z: programme.survived(z)[0],
        z,
        jac=lambda z: programme.survived(z)[1],
        method="SLSQP",
        bounds=Bounds(0.0, 1.0),
        constraints=constraints,
        options={"maxiter": max_steps, "ftol": tolerance},
    )
    return Ended(np.clip(found.x, 0.0, 1.0), bool(found.success), str(found.message))


def _trust(programme: Programme, z: np.ndarray, max_steps: int, tolerance: float) -> Ended:
    constraints = []
    if programme.limits:
        constraints = [
            NonlinearConstraint(
                lambda z: programme.survived(z)[2],
                0.0,
                np.inf,
                jac=lambda z: programme.survived(z)[3],  # pyright: ignore[reportArgumentType]
            )
        ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="delta_grad == 0.0")  # a linear stretch: nothing to learn from
        found = minimize(
            lambda z: programme.survived(z)[0],
            np.clip(z, 1e-3, 1.0 - 1e-3),
            jac=lambda z: programme.survived(z)[1],
            method="trust-constr",
            bounds=Bounds(0.0, 1.0, keep_feasible=True),  # pyright: ignore[reportArgumentType]
            constraints=constraints,
            options={"maxiter": max_steps, "gtol": tolerance, "xtol": tolerance, "initial_tr_radius": 0.2},
        )
    return Ended(np.clip(found.x, 0.0, 1.0), found.status in (1, 2), str(found.message))


class _Scaled(eqx.Module):
    """The entries as f and c of the unit box."""

    entries: Entries
    lower: Float[Array, " variables"]
    width: Float[Array, " variables"]
    factor: Float[Array, " entries"]
    offset: Float[Array, " entries"]

    def __call__(self, z: Float[Array, " variables"]) -> tuple[Array, Array]:
        values, jacobian = entries_and_jacobian(self.entries, self.lower + z * self.width)
        values, jacobian = values[: self.offset.shape[0]], jacobian[: self.offset.shape[0]]
        return self.factor * (values - self.offset), self.factor[:, None] * jacobian * self.width[None, :]


@eqx.filter_jit
def _run(scaled: _Scaled, z: Float[Array, " variables"], settings: AugmentedLagrangian) -> Any:
    return augmented_lagrangian(scaled, z, settings)


def _augmented(programme: Programme, z: np.ndarray) -> Ended:
    programme.survived(z)  # sets the scales
    signs = np.array([programme.sign, *(-1.0 if limit.upper else 1.0 for limit in programme.limits)])
    assert programme.scales is not None, "set by the first evaluation that worked"
    assert programme.goal == 0, "a front is traced by scipy's methods"
    scaled = _Scaled(
        programme.entries,
        jnp.asarray(programme.lower),
        jnp.asarray(programme.width),
        jnp.asarray(signs / programme.scales[: signs.size]),
        jnp.asarray([0.0, *programme.bounds]),
    )
    settings = AugmentedLagrangian()
    found = _run(scaled, jnp.asarray(z), settings)
    last = np.asarray(found.z)
    moved = float(np.max(np.abs(last - np.asarray(found.history)[-2])))
    programme.point(last)
    return Ended(last, moved < 1e-3, f"The last round of {settings.outer} moved by {moved:.1g} of the bounds' width.")
