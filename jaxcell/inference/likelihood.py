"""How residuals are distributed about the model: what a posterior assumes of the noise, outliers and missing physics.

For standardised residuals r of one measurement, ln L up to a constant is

    Gaussian      -(1/tau) [n ln s + sum r^2/(2 s^2)]
    Student-t     -(1/tau) [n ln s + (nu + 1)/2 sum ln(1 + r^2/(nu s^2))]       (Lange et al., JASA 84, 881, 1989)
    discrepancy   r = d + e, e ~ N(0, s^2), d a first-order autoregression of sd s_d and correlation phi between
                  neighbours: the Gaussian process with kernel s_d^2 phi^|i - j| by number of the point, after Kennedy
                  and O'Hagan (JRSS B 63, 425, 2001); exact, in one pass of a Kalman filter

with s in units of the stated noise, and tau the autocorrelation time that the fit found: n residuals count as n/tau.
"""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

Noise = Literal["sampled", "fitted", "stated"]

LOG_SCALE_SD = 1.0
"""Of ln s, and of ln s_d: 95 % within a factor of 7 of the stated noise (s), and within e^2 of that (s_d)."""
PERSISTENCE = (2.0, 1.5)
"""Mean and sd of logit phi: 95 % of phi between 0.28 and 0.993."""


class Likelihood(eqx.Module):
    """Assumptions about the residuals of every measurement.

    - `noise`: "sampled" (its scale s is unknown, about the stated one), "fitted" (fixed as the fit found it,
      s^2 tau) or "stated".
    - `student_dof` nu [1]: tails of Student's t in place of Gaussian ones, so that outliers count little; None for
      Gaussian. 4 is usual.
    - `discrepancy`: whether missing physics may leave a slow autoregression behind.

    **Raises** `ValueError` for a `student_dof` that is not above 1, or together with a discrepancy; and where either
    goes with noise "fitted", which has taken outliers and discrepancy for noise.
    """

    noise: Noise = eqx.field(static=True, default="sampled")
    student_dof: float | None = eqx.field(static=True, default=None)
    discrepancy: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        if self.noise not in ("sampled", "fitted", "stated"):
            raise ValueError(f"Argument 'noise' must be sampled, fitted or stated, but is '{self.noise}'.")
        if self.student_dof is not None and not self.student_dof > 1.0:
            raise ValueError(f"Argument 'student_dof' must be above 1, but is {self.student_dof:g}.")
        if self.student_dof is not None and self.discrepancy:
            raise ValueError("Arguments 'student_dof' and 'discrepancy' exclude each other; choose one of them.")
        if self.noise == "fitted" and (self.student_dof is not None or self.discrepancy):
            raise ValueError(
                "Argument 'noise' must be sampled or stated with student_dof or discrepancy, but is 'fitted': that "
                "noise holds the outliers and the discrepancy already."
            )

    @property
    def unknowns(self) -> tuple[str, ...]:
        """Names of what is sampled for each measurement, all without bounds."""
        scale = ("log_noise_scale",) if self.noise == "sampled" else ()
        return scale + (("log_discrepancy_sd", "logit_persistence") if self.discrepancy else ())

    def log_prior(self, unknowns: Float[Array, " unknowns"]) -> Float[Array, ""]:
        """Of the unknowns of one measurement: all are normal."""
        total = jnp.zeros((), dtype=jnp.float64)
        for name, value in zip(self.unknowns, unknowns, strict=True):
            mean, sd = PERSISTENCE if name == "logit_persistence" else (0.0, LOG_SCALE_SD)
            total = total - 0.5 * ((value - mean) / sd) ** 2
        return total

    def start(self, scale: float) -> Float[np.ndarray, " unknowns"]:
        """Where the unknowns of a measurement begin; `scale` s of its residuals as the fit found it."""
        known = {
            "log_noise_scale": np.log(scale) - (0.35 if self.discrepancy else 0.0),
            "log_discrepancy_sd": np.log(scale) - 0.35,
            "logit_persistence": PERSISTENCE[0],
        }
        return np.array([known[name] for name in self.unknowns])

    def log_likelihood(
        self,
        residuals: Float[Array, " n"],
        segments: Int[Array, " n"],
        unknowns: Float[Array, " unknowns"],
        inflation: Float[Array, ""],
        tau: Float[Array, ""],
    ) -> Float[Array, ""]:
        """ln L of one measurement; rows with a negative segment do not count."""
        fitted = segments >= 0
        log_s = unknowns[0] if self.noise == "sampled" else jnp.zeros((), dtype=jnp.float64)
        if self.discrepancy:
            return autoregressive(residuals, segments, log_s, unknowns[-2], jax.nn.sigmoid(unknowns[-1]))
        r = jnp.where(fitted, residuals, 0.0) * jnp.exp(-log_s)
        if self.student_dof is not None:
            nu = self.student_dof
            terms = 0.5 * (nu + 1.0) * jnp.log1p(r**2 / nu) + jnp.where(fitted, log_s, 0.0)
            return -jnp.sum(terms) / tau
        weight = {"sampled": tau, "fitted": inflation, "stated": jnp.ones((), dtype=jnp.float64)}[self.noise]
        return -jnp.sum(0.5 * r**2 + jnp.where(fitted, log_s, 0.0)) / weight


def autoregressive(
    residuals: Float[Array, " n"],
    segments: Int[Array, " n"],
    log_noise: Float[Array, ""],
    log_sd: Float[Array, ""],
    phi: Float[Array, ""],
) -> Float[Array, ""]:
    """ln L of white noise plus a stationary first-order autoregression that begins anew in every segment.

    Kalman filter of one state: predict m <- phi m, P <- phi^2 P + s_d^2 (1 - phi^2); with S = P + s^2 add
    -(ln S + (r - m)^2/S)/2; correct by the gain P/S.
    """
    noise, variance = jnp.exp(2.0 * log_noise), jnp.exp(2.0 * log_sd)

    def step(carry, row):
        mean, spread, label, total = carry
        r, segment = row
        fitted = segment >= 0
        fresh = fitted & (segment != label)
        mean = jnp.where(fresh, 0.0, phi * mean)
        spread = jnp.where(fresh, variance, phi**2 * spread + variance * (1.0 - phi**2))
        S = spread + noise
        off, gain = r - mean, spread / S
        total = total - jnp.where(fitted, 0.5 * (jnp.log(S) + off**2 / S), 0.0)
        mean = jnp.where(fitted, mean + gain * off, mean)
        spread = jnp.where(fitted, spread * (1.0 - gain), spread)
        return (mean, spread, jnp.where(fitted, segment, label), total), None

    zero = jnp.zeros((), dtype=jnp.float64)
    begin = (zero, variance, jnp.asarray(-1, dtype=segments.dtype), zero)
    return jax.lax.scan(step, begin, (residuals, segments))[0][3]
