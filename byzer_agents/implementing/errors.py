"""What can go wrong with a function that a model is to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from runtime import Usage
from structured import ByzerError


@dataclass(frozen=True, slots=True)
class Failure:
    """One check that a candidate did not pass."""

    check: str
    """``reply``, ``language``, ``names``, ``examples``, ``inputs``, ``repeatable``, or
    ``properties``."""
    message: str
    """What happened, as the model is told."""

    def __str__(self) -> str:
        return f"{self.check}: {self.message}"


@dataclass(frozen=True, slots=True)
class ImplAttempt:
    """One reply of the model that was not accepted."""

    source: str
    """The function as it stood in the reply, or the whole reply where there was none."""
    failures: tuple[Failure, ...]
    usage: Usage = field(default_factory=Usage)


class ImplementationFailed(ByzerError):
    """No reply of the model passed the checks.

    Attributes:
        function: Name of the function.
        attempts: Every reply, with the checks that it failed.
    """

    def __init__(self, function: str, attempts: Sequence[ImplAttempt]) -> None:
        shown = "".join(
            f"\n  attempt {i}: {attempt.failures[0]}" for i, attempt in enumerate(attempts, 1)
        )
        super().__init__(
            f"no implementation of {function} passed its checks in {len(attempts)} "
            f"attempt{'s' if len(attempts) > 1 else ''}:{shown}",
            hint="say more in the docstring, give more examples or attempts, use a stronger model, "
            'or set on_failure="predict"',
        )
        self.function = function
        self.attempts = tuple(attempts)
