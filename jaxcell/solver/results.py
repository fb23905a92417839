"""How a run ended, as codes inside compiled programs and as sentences outside."""

from enum import IntEnum


class RESULTS(IntEnum):
    """Outcome of a run; zero is success."""

    successful = 0
    newton_failed = 1
    step_too_small = 2
    step_limit = 3
    voltage_guard = 4
    plan_outdated = 5
    power_limit = 6
    too_hot = 7
    all_skipped = 8
    no_start = 9

    @property
    def sentence(self) -> str:
        """What happened, and what to do about it."""
        return _SENTENCES[self]


_SENTENCES = {
    RESULTS.successful: "The run reached the end of its protocol.",
    RESULTS.newton_failed: (
        "Newton's method did not converge on a planned step grid, or a stop is not met in the step that should end on "
        "it; plan a new grid at the present parameters."
    ),
    RESULTS.step_too_small: (
        "The time step fell below the smallest the clock resolves; "
        "an electrode without double layer ran out of lithium, the state or a parameter is not physical, or the "
        "tolerances are too tight for float64."
    ),
    RESULTS.step_limit: "The run used up its steps; raise max_steps or loosen the tolerances.",
    RESULTS.voltage_guard: (
        "The cell voltage reached the guard: an electrode ran out of lithium (or a cathode or an alloy is full or "
        "empty), a salt is depleted, or the cell resists too much for the current; "
        "everything before that time is kept."
    ),
    RESULTS.plan_outdated: (
        "The step grid does not serve at these values: the run it was made by ended early and this one would not, or a "
        "stop is passed where none was planned; plan a new grid."
    ),
    RESULTS.power_limit: (
        "The cell cannot take or deliver the power that the step asks for: as the current rises the voltage gives way, "
        "and no current gives that power; ask for less, or let a voltage stop end the step before."
    ),
    RESULTS.too_hot: (
        "The cell reached the highest temperature of its heat balance (heat_balance.highest_temperature), beyond which "
        "its laws say nothing; everything before that time is kept."
    ),
    RESULTS.all_skipped: (
        "No step of the protocol took any time: the stop of each was passed as it began, so there is nothing to show; "
        "look at the stops' sides and signs, and at where the cell starts."
    ),
    RESULTS.no_start: (
        "The cell cannot start: its voltage as built, without current, is not a number or lies beyond the guard; "
        "a number of the cell is not physical, an initial stoichiometry outside 0 to 1, say."
    ),
}
