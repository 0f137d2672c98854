"""From tokens to the text that a reader sees: whole characters, and never a stop string."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_BROKEN = "\ufffd"
_LONGEST_CHARACTER = 4
"""UTF-8 bytes, and so tokens, that one character may be spread over."""


class Detokenizer:
    """Text token by token.

    A token's text depends on the one before (its leading space, the other bytes of a character),
    so each is decoded together with the last ones, and what these alone come to is cut off. What
    ends inside a character waits for the rest of it.
    """

    def __init__(self, decode: Callable[[list[int]], str], before: Sequence[int] = ()) -> None:
        """``before``: the last few tokens of the prompt."""
        self._decode = decode
        self._new: list[int] = []
        self._tokens: list[int] = []
        self._settle(list(before))

    def _settle(self, context: list[int]) -> None:
        """Everything decoded so far has been given out; ``context`` is what to keep of it."""
        self._tokens = context
        self._new = []
        self._given = len(self._decode(context)) if context else 0
        self._waiting = 0

    def feed(self, token: int) -> str:
        """The text that is certain with one token more."""
        self._tokens.append(token)
        self._new.append(token)
        text = self._decode(self._tokens)[self._given :]
        whole = text.rstrip(_BROKEN)
        if text and len(whole) == len(text):
            self._settle(self._new)
            return text
        if whole:
            self._given += len(whole)
            self._waiting = 0
            return whole
        self._waiting += bool(text)
        return self._first_of_waiting() if self._waiting >= _LONGEST_CHARACTER else ""

    def _first_of_waiting(self) -> str:
        """Give up on the oldest waiting token: no character is so long that it could be of one."""
        known, self._new = len(self._tokens) - len(self._new) + 1, self._new[1:]
        text = self._decode(self._tokens[:known])[self._given :]
        self._tokens, self._given = list(self._new), 0
        self._waiting -= 1
        return text

    def flush(self) -> str:
        """The rest, at the end of the reply."""
        text = self._decode(self._tokens)[self._given :]
        self._settle([])
        return text


class StopStrings:
    """Lets text through up to the first stop string.

    The end of the text so far is held back for as long as it may be the beginning of one.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""

    def feed(self, text: str) -> tuple[str, bool]:
        """The text that may be shown, and whether a stop string came."""
        if not self._stops:
            return text, False
        held = self._held + text
        found = [at for stop in self._stops if (at := held.find(stop)) >= 0]
        if found:
            self._held = ""
            return held[: min(found)], True
        cut = len(held) - max(_overlap(held, stop) for stop in self._stops)
        self._held = held[cut:]
        return held[:cut], False

    def flush(self) -> str:
        """What was held back, at the end of the reply."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of ``text`` begin ``stop``."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
