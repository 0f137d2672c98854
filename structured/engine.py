"""The seam between constraints and decoders: compilers here, one request's state there.

An :class:`Engine` compiles a :class:`~structured.constraint.Constraint` for a
:class:`Vocabulary`; what it returns is shared by all requests under that constraint, and gives
each of them its own :class:`Matcher`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from structured.audit import Audit
from structured.constraint import Constraint


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A rule that the grammar does not enforce, so that the validator must check it."""

    reason: str
    """What the engine said, or which keyword was left out."""
    path: str = "$"
    """JSON path in the schema, where it is known."""


def relaxations(audit: Audit) -> tuple[Relaxation, ...]:
    """What an audit leaves to the validator."""
    return tuple(
        Relaxation(f"{finding.keyword}: {finding.reason}", finding.path)
        for finding in audit.by("validator")
    )


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """A tokenizer as engines need it. Compared by identity: build it once per model.

    Made by one of the three constructors below.
    """

    size: int
    """Number of tokens, and so of bits in a mask. May exceed what the tokenizer knows, where a
    model's output layer is padded."""
    eos: tuple[int, ...]
    """Ids that end a reply."""
    tokens: Sequence[bytes] | None = None
    """The bytes of each token, by id."""
    special: frozenset[int] = frozenset()
    """Ids of control tokens, which no text may be spelled with."""
    encode: Callable[[str], list[int]] | None = None
    """Text to ids, without special tokens: forced text is spelled as the model would."""
    tokenizer_json: str | None = None
    """The text of a Hugging Face ``tokenizer.json``, in place of the three above."""

    @staticmethod
    def of_tokens(
        tokens: Sequence[bytes],
        *,
        special: frozenset[int],
        eos: tuple[int, ...],
        encode: Callable[[str], list[int]],
    ) -> Vocabulary:
        """From the bytes of each token and a function that tokenizes."""
        return Vocabulary(len(tokens), eos, tokens, special, encode)

    @staticmethod
    def of_tokenizer_json(text: str, *, size: int, eos: tuple[int, ...]) -> Vocabulary:
        """From the text of a Hugging Face ``tokenizer.json``."""
        return Vocabulary(size, eos, tokenizer_json=text)

    @staticmethod
    def of_bytes() -> Vocabulary:
        """One token per byte, and an end token (id 256): enough to check or sample a grammar."""
        return Vocabulary.of_tokens(
            [bytes([i]) for i in range(256)] + [b"<eos>"],
            special=frozenset([256]),
            eos=(256,),
            encode=lambda text: list(text.encode()),
        )


class Matcher(Protocol):
    """How far one reply has come under a grammar. Not thread-safe."""

    def accept(self, tokens: Sequence[int]) -> int:
        """Advance by as many of ``tokens`` as the grammar allows; returns how many that were.

        An end token counts where the text may end and may go on; once ``finished``, none does.
        """
        ...

    def rollback(self, count: int) -> None:
        """Take back the last ``count`` accepted tokens."""
        ...

    def mask(self) -> bytes:
        """Which tokens may come next: one bit per token, little-endian 32-bit words."""
        ...

    def forced(self) -> list[int]:
        """The tokens that must come next, as far as there is no choice."""
        ...

    @property
    def accepting(self) -> bool:
        """Whether the text so far is complete."""
        ...

    @property
    def finished(self) -> bool:
        """Whether nothing but an end token may follow."""
        ...

    def copy(self) -> Matcher:
        """An independent matcher in the same state."""
        ...


class Grammar(Protocol):
    """A constraint compiled for a vocabulary: immutable, shared by requests and threads."""

    @property
    def relaxed(self) -> tuple[Relaxation, ...]:
        """What the grammar leaves to the validator."""
        ...

    def matcher(self) -> Matcher:
        """A matcher at the beginning of a reply."""
        ...


class Engine(Protocol):
    """Compiles constraints."""

    name: str

    def check(self, constraint: Constraint) -> tuple[Relaxation, ...]:
        """What a grammar for ``constraint`` would leave to the validator.

        Raises:
            ConstraintError: No grammar can be made.
        """
        ...

    def audit(self, constraint: Constraint) -> Audit:
        """Every keyword of the constraint's schemas, and who enforces it.

        Raises:
            ConstraintError: No grammar can be made.
        """
        ...

    def compile(self, constraint: Constraint, vocabulary: Vocabulary) -> Grammar:
        """The grammar of ``constraint`` over ``vocabulary`` (cached).

        Raises:
            ConstraintError: No grammar can be made.
        """
        ...
