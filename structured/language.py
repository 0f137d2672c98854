"""Whether a text belongs to a constraint, and if not, where it stops belonging."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from structured.constraint import Constraint
from structured.engine import Engine, Vocabulary

_MANY = 12
"""At most so many ranges of characters are listed."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a text leaves its language."""

    at: int
    """The character, counted from 0; the text's length where it ends too early."""
    expected: str
    unfinished: bool = False
    """The text is the beginning of one that belongs."""


def stop_of(constraint: Constraint, text: str) -> Stop | None:
    """Where ``text`` stops matching, ``None`` when it belongs.

    Decided by the grammar itself, in time linear in the text's length whatever the pattern.

    Raises:
        ConstraintError: The constraint has no grammar.
    """
    matcher = default_engine().compile(constraint, _bytes()).matcher()
    encoded = text.encode("utf-8", "surrogatepass")
    good = matcher.accept(list(encoded))
    if good == len(encoded):
        return None if matcher.accepting else Stop(len(text), _next(matcher.mask()), True)
    at = len(encoded[:good].decode("utf-8", "ignore"))
    start = len(text[:at].encode("utf-8", "surrogatepass"))
    matcher.rollback(good - start)  # to where the character that is wrong begins
    return Stop(at, _next(matcher.mask()))


def _next(mask: bytes) -> str:
    """The characters that a mask over bytes allows, in words: ``'0'-'9', 'x' or the end``."""
    bits = int.from_bytes(mask, "little")
    allowed = [byte for byte in range(0x80) if bits >> byte & 1]
    ranges: list[tuple[int, int]] = []
    for byte in allowed:
        if ranges and ranges[-1][1] == byte - 1 and chr(byte).isalnum():
            ranges[-1] = (ranges[-1][0], byte)
        else:
            ranges.append((byte, byte))
    parts = [
        repr(chr(low)) if low == high else f"{chr(low)!r}-{chr(high)!r}" for low, high in ranges
    ]
    if len(parts) > _MANY:
        parts = [*parts[:_MANY], "…"]
    if bits >> 0x80 & (2**0x80 - 1):
        parts.append("a character beyond ASCII")
    if bits >> 256 & 1:
        parts.append("the end")
    return " or ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]])) or "nothing"


def lark_string(text: str) -> str:
    """A text in double quotes, as JSON and Lark escape it."""
    return json.dumps(text, ensure_ascii=False)


def default_engine() -> Engine:
    """The engine that decides here."""
    from structured.engines import engine

    return engine()


@lru_cache(maxsize=1)
def _bytes() -> Vocabulary:
    return Vocabulary.of_bytes()
