"""What each token of a vocabulary spells, and sets of tokens as the bits of a whole number.

Bit ``i`` of such a number stands for token ``i``, as in an engine's masks: sets of a hundred
thousand tokens are united and cut in microseconds, without numpy.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence

_RUN = re.compile("1+")


def bits_of(tokens: Iterable[int]) -> int:
    """The set of these tokens."""
    bits = 0
    for token in tokens:
        bits |= 1 << token
    return bits


def ranges_in(bits: int) -> list[tuple[int, int]]:
    """The tokens of a set, in order, as first and last of each run."""
    return [(run.start(), run.end() - 1) for run in _RUN.finditer(bin(bits)[:1:-1])]


def tokens_in(bits: int) -> list[int]:
    """The tokens of a set, in order."""
    return [token for first, last in ranges_in(bits) for token in range(first, last + 1)]


class Pieces:
    """The bytes of every token. Immutable, shared between threads."""

    def __init__(self, tokens: Sequence[bytes], special: Collection[int]) -> None:
        """``special``: ids of control tokens, which spell no text."""
        self._tokens = [b"" if i in special else piece for i, piece in enumerate(tokens)]
        spelling = sorted((piece, i) for i, piece in enumerate(self._tokens) if piece)
        self._sorted = [piece for piece, _ in spelling]
        self._ids = [i for _, i in spelling]

    def __len__(self) -> int:
        return len(self._tokens)

    def __getitem__(self, token: int) -> bytes:
        """What a token spells; nothing where it is a control token or unknown."""
        return self._tokens[token] if token < len(self._tokens) else b""

    def text(self, tokens: Iterable[int]) -> bytes:
        """What several tokens spell."""
        return b"".join(self[token] for token in tokens)

    def beginning_with(self, text: bytes) -> list[int]:
        """Tokens that spell ``text`` and maybe more."""
        first = bisect_left(self._sorted, text)
        last = bisect_left(self._sorted, text + b"\xff" * 8, first)
        return [
            token
            for piece, token in zip(self._sorted[first:last], self._ids[first:last], strict=True)
            if piece.startswith(text)
        ]

    def within(self, text: bytes) -> list[int]:
        """Tokens that spell ``text`` or a beginning of it."""
        found = []
        for end in range(1, len(text) + 1):
            at = bisect_left(self._sorted, text[:end])
            while at < len(self._sorted) and self._sorted[at] == text[:end]:
                found.append(self._ids[at])
                at += 1
        return found
