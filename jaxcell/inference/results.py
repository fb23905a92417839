"""How a least-squares run ended, as a code inside compiled programs and as a sentence outside."""

from enum import IntEnum


class Status(IntEnum):
    """Outcome of one start."""

    RUNNING = 0
    CONVERGED_GRADIENT = 1
    CONVERGED_STEP = 2
    CONVERGED_COST = 3
    STEP_LIMIT = 4
    NON_FINITE_START = 5
    STALLED = 6

    @property
    def converged(self) -> bool:
        """Whether the point is an optimum within the tolerances."""
        return self in (Status.CONVERGED_GRADIENT, Status.CONVERGED_STEP, Status.CONVERGED_COST)

    @property
    def sentence(self) -> str:
        """What happened, and what to do about it."""
        return f"The fit converged: {self.reason}." if self.converged else _SENTENCES[self]

    @property
    def reason(self) -> str:
        """Why a point counts as an optimum, as a clause; of those that converged."""
        return _REASONS[self]


_REASONS = {
    Status.CONVERGED_GRADIENT: "the gradient of the loss is zero within its tolerance",
    Status.CONVERGED_STEP: "the next step is shorter than its tolerance",
    Status.CONVERGED_COST: "the next step lowers the loss by less than its tolerance",
}
_SENTENCES = {
    Status.RUNNING: "The fit was stopped before it converged.",
    Status.STEP_LIMIT: "The fit used up its steps; raise max_steps or start closer.",
    Status.NON_FINITE_START: "The residuals are not finite at the start; choose a start that can be run.",
    Status.STALLED: (
        "No step lowers the loss although the gradient is not zero; the residuals are likely rough or "
        "their derivative is wrong, so tighten the model's tolerances."
    ),
}
