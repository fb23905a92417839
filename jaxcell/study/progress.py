"""How long work tells where it is."""

from collections.abc import Callable
from typing import Any

Progress = Callable[[str, int, int], Any]
"""Called with a stage in words, what is done and what there is to do; raising ends a fit with the best so far."""


def silent(stage: str, done: int, total: int) -> None:
    """No progress is shown."""
