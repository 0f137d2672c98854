"""Guesses at what a reply will say next, out of what was said before.

Answers repeat their questions (names, numbers, whole phrases), and lists repeat themselves. A guess
is read together with the token that is due, for little more than that token alone, and every
token of it that the model would have chosen itself is a step saved. The model decides, so the
reply is the one that it would have been ("prompt lookup decoding", here also by spelling: a name
behind a quote is spelled with other tokens than behind a space).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

_LONGEST, _SHORTEST = 3, 2
"""Tokens in a row that have to have come before."""
_LETTERS = 2
"""Characters that have to have come before, at least, where they are compared instead."""
_AHEAD = 24
"""Characters that are guessed then."""
_STRUCTURE = '",:{}[]\n'
_MOST = 10


class Lookup:
    """One reply's guesses."""

    def __init__(
        self, prompt_text: str, prompt: Sequence[int], encode: Callable[[str], list[int]]
    ) -> None:
        """``encode``: text to tokens."""
        self._text = prompt_text
        self._encode = encode
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        self._word = ""
        self._count = 4
        """Tokens to guess: more after a guess that was right, fewer after one that was not."""
        for token in prompt:
            self.saw(token)

    def saw(self, token: int, text: str = "") -> None:
        """A token has come; ``text`` is what the reader saw of it."""
        at = len(self._tokens)
        for length in range(_SHORTEST, _LONGEST + 1):
            if length <= at:
                self._after[tuple(self._tokens[at - length :])] = at
        self._tokens.append(token)
        for letter in text:
            self._word = "" if letter in _STRUCTURE else self._word + letter

    def guess(self, room: int) -> list[int]:
        """At most ``room`` tokens that may come next."""
        count = min(room, self._count)
        if count < 1:
            return []
        for length in range(_LONGEST, _SHORTEST - 1, -1):
            at = self._after.get(tuple(self._tokens[-length:]))
            if at is not None and len(self._tokens) >= length:
                return self._tokens[at : at + count]
        return self._spelled(count)

    def _spelled(self, count: int) -> list[int]:
        word = self._word[-_AHEAD:]
        if len(word) < _LETTERS or (at := self._text.rfind(word)) < 0:
            return []
        end = at + len(word)
        known = self._encode(word)
        guessed = self._encode(self._text[at : end + _AHEAD])
        return guessed[len(known) :][:count] if guessed[: len(known)] == known else []

    def learn(self, guessed: int, right: int) -> None:
        """How many of the guessed tokens came."""
        if right == guessed:
            self._count = min(self._count * 2, _MOST)
        elif not right:
            self._count = max(self._count // 2, _SHORTEST)


def alike(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two lists share at their beginning."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count
