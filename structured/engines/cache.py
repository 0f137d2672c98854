"""Compiled grammars, kept as long as a budget of memory allows, each compiled once."""

from __future__ import annotations

import copy
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition
from typing import Generic, TypeVar
from weakref import ref

from structured.constraint import Constraint
from structured.engine import Vocabulary
from structured.errors import CompilationTooExpensive, ConstraintError

V = TypeVar("V")
_Key = tuple[Constraint, "ref[Vocabulary]"]

BUDGET_MB = 512
"""Memory for the compiled grammars of one engine, unless told otherwise."""
_ERROR_BYTES = 4096
_RETRY_S = 300.0
"""After an overrun: how long until the same constraint is tried again. What overran on a busy
machine may fit on an idle one."""


@dataclass
class _Entry(Generic[V]):
    value: V | ConstraintError
    size: int
    expires: float


class GrammarCache(Generic[V]):
    """Least recently used goes first. Safe to share between threads.

    A vocabulary that nobody else holds takes its grammars with it. Refusals are kept too, so that
    asking again is free.

    Args:
        budget_mb: What the sizes of all entries may add up to. The newest entry is kept
            whatever its size: it is in use.
    """

    def __init__(self, *, budget_mb: float = BUDGET_MB) -> None:
        self._budget = int(budget_mb * 1024 * 1024)
        self._entries: OrderedDict[_Key, _Entry[V]] = OrderedDict()
        self._making: set[_Key] = set()
        self._changed = Condition()
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes that the entries are thought to take."""
        return self._size

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: tuple[Constraint, Vocabulary]) -> bool:
        return (key[0], ref(key[1])) in self._entries

    def get(
        self, constraint: Constraint, vocabulary: Vocabulary, make: Callable[[], tuple[V, int]]
    ) -> V:
        """The value for a key; where there is none, ``make`` returns it and its size in bytes.

        Of several threads that ask at once, one makes it and the others wait.

        Raises:
            ConstraintError: ``make`` raised it, now or lately.
        """
        key: _Key = (constraint, ref(vocabulary, self._forget))
        with self._changed:
            while True:
                entry = self._entries.get(key)
                if entry is not None and entry.expires > time.monotonic():
                    self._entries.move_to_end(key)
                    return _given(entry.value)
                if key not in self._making:
                    break
                self._changed.wait()
            self._making.add(key)
        entry = None
        try:
            entry = _made(make)
        finally:
            with self._changed:
                self._making.discard(key)
                if entry is not None:
                    self._add(key, entry)
                self._changed.notify_all()
        return _given(entry.value)

    def _add(self, key: _Key, entry: _Entry[V]) -> None:
        if (old := self._entries.pop(key, None)) is not None:
            self._size -= old.size
        self._entries[key] = entry
        self._size += entry.size
        while self._size > self._budget and len(self._entries) > 1:
            _, dropped = self._entries.popitem(last=False)
            self._size -= dropped.size

    def _forget(self, vocabulary: ref[Vocabulary]) -> None:
        with self._changed:
            for key in [key for key in self._entries if key[1] is vocabulary or key[1]() is None]:
                self._size -= self._entries.pop(key).size


def _made(make: Callable[[], tuple[V, int]]) -> _Entry[V]:
    try:
        value, size = make()
    except ConstraintError as error:
        if error.__cause__ is not None:
            error.__cause__.with_traceback(None)  # its frames would live as long as the entry
        again = isinstance(error, CompilationTooExpensive)
        expires = time.monotonic() + _RETRY_S if again else math.inf
        return _Entry(error.with_traceback(None), _ERROR_BYTES, expires)
    return _Entry(value, size, math.inf)


def _given(value: V | ConstraintError) -> V:
    if isinstance(value, ConstraintError):
        raise copy.copy(value) from value.__cause__  # its own traceback for every caller
    return value
