"""The exceptions of this package."""


class MeasurementError(ValueError):
    """A measurement could not be read, built or selected; the message is one sentence for the user.

    It names the file as the user gave it, the row (1-based line of the file, or record of a binary
    file), the column, the value, its unit, and what was expected, as far as each of these is known.
    """


class ParameterSetError(ValueError):
    """A parameter set of another program could not be used; the message is one sentence that names the entry."""
