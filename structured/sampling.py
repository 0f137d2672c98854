"""Random texts of a constraint, driven by its grammar: test data, and proof that it works."""

from __future__ import annotations

import random
from functools import lru_cache

from structured.constraint import Constraint
from structured.engine import Engine, Vocabulary
from structured.errors import ConstraintError

_CLOSERS = frozenset(b'"}]')


def sample(
    constraint: Constraint, seed: int, *, max_bytes: int = 4096, engine: Engine | None = None
) -> str:
    """A random text that the constraint's grammar lets through, the same for the same seed.

    Bytes are drawn uniformly from those that may come next, printable ones far more often
    than others; the longer the text, the more it leans to closing what is open.

    Raises:
        ConstraintError: The constraint has no grammar, or no text of at most ``max_bytes``
            bytes was found.
    """
    vocabulary = _bytes()
    end = vocabulary.eos[0]
    matcher = (engine or _default_engine()).compile(constraint, vocabulary).matcher()
    rng = random.Random(seed)  # noqa: S311 - test data, not secrets
    text = bytearray()
    while not matcher.finished:
        if len(text) >= max_bytes:
            raise ConstraintError(
                f"no text of at most {max_bytes} bytes found", hint="raise max_bytes"
            )
        mask = int.from_bytes(matcher.mask(), "little")
        allowed = [token for token in range(end + 1) if mask >> token & 1]
        closeness = 1 + len(text) / 16
        weights = [_weight(token, end, closeness) for token in allowed]
        token = rng.choices(allowed, weights)[0]
        if token == end:
            break
        matcher.accept([token])
        text.append(token)
    return text.decode("utf-8")


def _weight(token: int, end: int, closeness: float) -> float:
    if token == end or token in _CLOSERS:
        return closeness
    if 0x20 <= token < 0x7F:
        return 1.0
    return 0.02


@lru_cache(maxsize=1)
def _bytes() -> Vocabulary:
    return Vocabulary.of_bytes()


def _default_engine() -> Engine:
    from structured.engines import engine

    return engine()
