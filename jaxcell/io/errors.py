"""The exceptions of this package."""


class MeasurementError(ValueError):
    """A measurement could not be read, built or selected; the message is one sentence for the user.

    It names the file as the user gave it, the row (1-based line of the file, or record of a binary
    file), the column, the value, its unit, and what was expected, as far as each of these is known.
    """


class ArgumentError(MeasurementError):
    """A file asks for something else of a reader's `argument`; `under` says so with another name in its place, such as
    that of an option of the command line."""

    def __init__(self, argument: str, before: str, shown: str, after: str) -> None:
        super().__init__(before + shown + after)
        self.argument, self._before, self._after = argument, before, after

    def under(self, name: str) -> str:
        """The message with that name for the argument."""
        return self._before + name + self._after


class ParameterSetError(ValueError):
    """A parameter set of another program could not be used; the message is one sentence that names the entry."""
