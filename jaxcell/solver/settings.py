"""Accuracy and limits of a run."""

from typing import Any

import equinox as eqx
import numpy as np

from jaxcell.solver.newton import STEEPNESS, NewtonSettings
from jaxcell.solver.tableau import SDIRK3, Tableau

NEWTON_SHARE = 0.03
"""Part of the absolute tolerance that Newton's method may leave."""
SMALLEST_NEWTON = 1e-10
"""Dimensionless increments below this are rounding."""


def _tolerance(value: Any) -> Any:
    return float(value) if isinstance(value, np.floating | np.integer) else value


class Settings(eqx.Module):
    """Accuracy and limits of a run."""

    rtol: float = eqx.field(static=True, converter=_tolerance)
    """Tolerance of each step's local error in the potentials, relative to them."""
    atol: float = eqx.field(static=True, converter=_tolerance)
    """Absolute tolerance of potentials [V]; amounts are held to what shifts a potential by as much near exhaustion,
    atol F/RT of the depletion capacity."""
    max_steps: int | None = eqx.field(static=True, default=None)
    """Most steps of a run; by default 4096 or, if that is more, 32 an interval. What derivatives need is kept for as
    many: a short run whose steps are known to be few has its gradient several times faster with less room."""
    first_fraction: float = eqx.field(static=True, default=1e-3)
    """First step after a jump of the current, as a fraction of its interval; rejected if too long."""
    voltage_guard: float = eqx.field(static=True, default=20.0)
    """|E| [V] at which the run ends with a code."""
    tableau: Tableau = eqx.field(static=True, default=SDIRK3)
    newton: NewtonSettings = eqx.field(static=True, default=NewtonSettings())
    """Tightened where `atol` asks for more; see `stage_newton`."""

    def __check_init__(self) -> None:
        for name in ("rtol", "atol", "max_steps", "first_fraction", "voltage_guard"):
            value = getattr(self, name)
            if name == "max_steps" and value is None:
                continue
            if name == "max_steps" and not isinstance(value, int):
                raise ValueError(f"Settings.max_steps must be a whole number above 0, but is {value!r}.")
            if not (isinstance(value, (int, float)) and value > 0.0):
                raise ValueError(f"Settings.{name} must be a number above 0, but is {value!r}.")

    def most_steps(self, intervals: int, *, stopped: bool) -> int:
        """Steps there is room for in a run of so many intervals; ends on stops take more, each being looked for."""
        each = 64 if stopped else 32
        return max(4096, each * intervals) if self.max_steps is None else self.max_steps

    @property
    def stage_newton(self) -> NewtonSettings:
        """Newton's tolerances with an error well below that of the steps."""
        most = max(SMALLEST_NEWTON, NEWTON_SHARE * STEEPNESS * self.atol)
        own = self.newton
        return own._replace(
            tolerance=min(own.tolerance, most), differentiable_tolerance=min(own.differentiable_tolerance, most)
        )
