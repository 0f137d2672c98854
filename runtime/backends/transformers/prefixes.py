"""Keys and values of lately read tokens, so that what begins alike need not be read again.

A request that goes on from the middle of an earlier reply, or that shares a system prompt with
one, reads only what is new. What was used last is kept longest, within a bound on memory.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runtime.backends.pieces import Pieces

_WORTH = 8
"""Fewer tokens are not looked for: reading them takes no longer."""

Layers = list[tuple[Any, Any]]
"""Keys and values of each layer, [1, heads, tokens, size]."""


@dataclass
class _Kept:
    tokens: list[int]
    layers: Layers

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(t.numel() * t.element_size() for pair in self.layers for t in pair)

    def cut(self, length: int) -> None:
        self.tokens = self.tokens[:length]
        # Copied: a view would hold on to the memory of the whole.
        self.layers = [(k[:, :, :length].clone(), v[:, :, :length].clone()) for k, v in self.layers]


class Prefixes:
    """What was read lately. Safe to use from any thread."""

    def __init__(self, *, limit_mb: float) -> None:
        """Keep at most ``limit_mb`` megabytes (2^20 bytes); none at 0."""
        self._limit = int(limit_mb * 2**20)
        self._kept: list[_Kept] = []  # what was used last stands last
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes that are held."""
        with self._lock:
            return sum(kept.size for kept in self._kept)

    def keep(self, tokens: Sequence[int], layers: Layers) -> None:
        """Take in what was read. The tensors must not change any more.

        Of what does not fit, the beginning is kept.
        """
        new = _Kept(list(tokens), layers)
        per_token = new.size / max(len(new.tokens), 1)
        fitting = int(self._limit / per_token) if per_token else 0
        if min(fitting, len(new.tokens)) < _WORTH:
            return
        if fitting < len(new.tokens):
            new.cut(fitting)
        with self._lock:
            for kept in self._kept:
                if kept.tokens[: len(new.tokens)] == new.tokens:
                    self._use(kept)
                    return
            self._kept = [k for k in self._kept if new.tokens[: len(k.tokens)] != k.tokens]
            self._kept.append(new)
            held = sum(kept.size for kept in self._kept)
            while held > self._limit:
                held -= self._kept.pop(0).size

    def find(self, tokens: Sequence[int]) -> tuple[int, Layers]:
        """How many of the first ``tokens`` are there, and their keys and values.

        At least one token is left to be read: its logits are needed.
        """
        wanted = list(tokens)[:-1]
        with self._lock:
            best = max(self._kept, key=lambda kept: _shared(kept.tokens, wanted), default=None)
            count = 0 if best is None else _shared(best.tokens, wanted)
            if best is None or count < _WORTH:
                return 0, []
            self._use(best)
            return count, [(k[:, :, :count], v[:, :, :count]) for k, v in best.layers]

    def spelling(self, prompt: Sequence[int], text: bytes, pieces: Pieces) -> list[int]:
        """How an earlier reply to the same prompt spelled its beginning ``text``; [] if none did.

        The last token may spell more than the rest of ``text``.
        """
        with self._lock:
            replies = [
                kept.tokens[len(prompt) :]
                for kept in reversed(self._kept)
                if kept.tokens[: len(prompt)] == list(prompt)
            ]
        for reply in replies:
            spelled = b""
            for count, token in enumerate(reply, 1):
                spelled += pieces[token]
                if not text.startswith(spelled[: len(text)]) or not pieces[token]:
                    break
                if len(spelled) >= len(text):
                    return reply[:count]
        return []

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()

    def _use(self, kept: _Kept) -> None:
        self._kept = [k for k in self._kept if k is not kept] + [kept]


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two lists share at their beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # comparing slices is faster than comparing items
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
