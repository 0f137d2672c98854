"""The likeliest way on that does not lead to one of several texts.

Forbidding only the last step would have a greedy model write ``"redd"`` where ``"red"`` was
rejected. So all places along the rejected texts are looked at, each with its own alternatives: a
way that leaves at some place is as likely as the tokens up to there, times the one that leaves.
The likeliest of all is taken. One forward pass over the rejected texts tells everything.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from runtime.backends.pieces import Pieces, bits_of
from runtime.backends.trie import Trie
from structured.errors import ConstraintError

if TYPE_CHECKING:
    from runtime.backends.resuming import Resumed

_ENDS = b",]}"
"""What ends a JSON value, beside the end of the reply."""


class Avoided:
    """Texts that must not be written, each of them followed by the end of a value."""

    def __init__(self, texts: Sequence[bytes], pieces: Pieces, end: Collection[int]) -> None:
        """``end``: ids of the tokens that end a reply."""
        self._texts = tuple(texts)
        self._pieces = pieces
        self.ends = 0
        """The tokens that end a value."""
        if texts:
            closing = [token for byte in _ENDS for token in pieces.beginning_with(bytes([byte]))]
            self.ends = bits_of([*closing, *end])

    def open(self, written: bytes) -> bool:
        """Whether one of the texts begins with what was written."""
        return any(text.startswith(written) for text in self._texts)

    def complete(self, written: bytes) -> bool:
        """Whether one of the texts is what was written."""
        return written in self._texts

    def ending(self, written: bytes) -> int:
        """Tokens that complete one of the texts and end the value."""
        bits = 0
        for text in self._texts:
            if not text.startswith(written):
                continue
            rest = text[len(written) :]
            if not rest:
                bits |= self.ends
                continue
            for byte in _ENDS:
                bits |= bits_of(self._pieces.beginning_with(rest + bytes([byte])))
        return bits

    def staying(self, written: bytes) -> int:
        """Tokens that spell one of the texts, or a bit more of it."""
        return bits_of(
            token
            for text in self._texts
            if text.startswith(written)
            for token in self._pieces.within(text[len(written) :])
        )


class Outlook(Protocol):
    """What a model holds likely after each node of a trie. Natural logarithms."""

    def logprob(self, node: int, allowed: int, token: int) -> float:
        """Of one token, among those that are allowed."""
        ...

    def best(self, node: int, allowed: int, candidates: int) -> tuple[int, float] | None:
        """The candidate to take, and its logarithm as above; ``None`` if the model knows none.

        Where tokens are drawn at random: one that was drawn, and the logarithm of all candidates'
        probability plus Gumbel noise, so that the highest value is a draw among the nodes.
        """
        ...


def way_out(start: Resumed, trie: Trie, outlook: Outlook) -> list[int]:
    """The tokens that leave the texts to avoid, on the likeliest way.

    Args:
        start: The reply's state at the trie's root.
        trie: The texts to avoid, as the model would spell them.
        outlook: The model's answers.

    Raises:
        ConstraintError: Nothing else is allowed than what is to be avoided.
    """
    for spelled_otherwise in (False, True):
        best: tuple[float, list[int]] = (float("-inf"), [])
        places = [(0, start, 0.0)]
        while places:
            node, state, so_far = places.pop()
            allowed = state.allowed()
            candidates = allowed & ~state.forbidden() & ~bits_of(trie.children[node])
            if not spelled_otherwise:
                candidates &= ~state.staying()
            if candidates and (found := outlook.best(node, allowed, candidates)):
                token, value = found
                if so_far + value > best[0]:
                    path = [trie.tokens[at] for at in trie.path(node)]
                    best = (so_far + value, [*path, token])
            for token, child in trie.children[node].items():
                if allowed >> token & 1:
                    after = state.copy()
                    after.accept([token])
                    value = so_far + outlook.logprob(node, allowed, token)
                    places.append((child, after, value))
        if best[1]:
            return best[1]
    raise ConstraintError(
        "the constraint allows nothing here but what is to be avoided",
        hint="avoid less, or go on from an earlier place",
    )
