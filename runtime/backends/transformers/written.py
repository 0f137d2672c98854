"""A reply's text as its reader gets it: what is new, and never a stop string."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.backends.text import Detokenizer, StopStrings
from runtime.backends.transformers.codec import Codec

_CONTEXT_TOKENS = 6
"""The prompt's last tokens, on which the first generated token's text may depend."""


class Written:
    """The text of one reply, token by token."""

    def __init__(
        self, codec: Codec, before: Sequence[int], *, owed: bytes, stops: Sequence[str]
    ) -> None:
        """Behind the tokens ``before``; ``owed`` is to come again, and is known to the reader."""
        self._codec = codec
        self._owed = len(owed)
        self._hidden = len(owed.decode())
        self._detokenizer = Detokenizer(codec.decode, list(before[-_CONTEXT_TOKENS:]))
        self._stops = StopStrings(stops)
        self.latest = ""
        """What the last token brought, with what is owed and before stop strings are looked for."""

    def counts(self, token: int) -> bool:
        """Whether a token spells more than the rest of what is owed. To be asked once for each."""
        if self._owed <= 0:
            return True
        self._owed -= len(self._codec.pieces[token])
        return self._owed < 0

    def feed(self, token: int) -> tuple[str, bool]:
        """The text that may be shown with one token more, and whether a stop string came."""
        self.latest = self._detokenizer.feed(token)
        return self._stops.feed(self._new(self.latest))

    def rest(self) -> str:
        """The text that was held back, at the end of the reply."""
        text, stopped = self._stops.feed(self._new(self._detokenizer.flush()))
        return text if stopped else text + self._stops.flush()

    def _new(self, text: str) -> str:
        hidden = min(self._hidden, len(text))
        self._hidden -= hidden
        return text[hidden:]
