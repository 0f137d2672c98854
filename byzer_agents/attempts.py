"""What is left of a call's replies: those that broke the contract, and the one that met it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from runtime import ChatReply, Usage
from structured import ByzerError, ValidationFailed

T = TypeVar("T")

AttemptKind = Literal["first", "rollback", "reask"]
"""How a reply was asked for: ``first``; ``rollback``: from the last good place of the one before
it; ``reask``: whole once more, told what was wrong."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reply that did not meet its contract."""

    text: str
    """All of it, what a rollback kept included."""
    failure: ValidationFailed
    usage: Usage
    """The tokens of this reply; of a rollback, only what was generated anew."""
    kind: AttemptKind = "first"


class OutputInvalid(ByzerError):
    """A model whose replies never met their contract.

    Attributes:
        contract: Name of the type or tools.
        attempts: Every reply, with what was wrong with it and the tokens it cost.
    """

    def __init__(self, contract: str, attempts: Sequence[Attempt], *, hint: str = "") -> None:
        last = attempts[-1]
        super().__init__(
            f"no valid {contract} after {_counted(attempts)}; the last was {last.failure}\n"
            f"  in: {last.text!r}",
            hint=hint,
        )
        self.contract = contract
        self.attempts = tuple(attempts)

    @property
    def usage(self) -> Usage:
        """Tokens of all attempts."""
        return sum((attempt.usage for attempt in self.attempts), Usage())


def _counted(attempts: Sequence[Attempt]) -> str:
    rollbacks = sum(attempt.kind == "rollback" for attempt in attempts)
    whole = len(attempts) - rollbacks
    text = "one attempt" if whole == 1 else f"{whole} attempts"
    if rollbacks:
        text += f" and {rollbacks} repair{'s' if rollbacks > 1 else ''}"
    return text


@dataclass(frozen=True, slots=True)
class TypedReply(Generic[T]):
    """A value, and the reply that it came from."""

    value: T
    reply: ChatReply
    attempts: tuple[Attempt, ...] = ()
    """The replies before it that broke the contract."""
    cut: bool = False
    """The reply ended for lack of tokens; the value is what had come, its last text cut."""
    kind: AttemptKind = "first"
    """How this reply was asked for."""

    @property
    def usage(self) -> Usage:
        """Tokens of this reply and of the attempts before it."""
        return sum((attempt.usage for attempt in self.attempts), self.reply.usage)
