"""What ``match`` asks: has the value this shape, and what are its parts?"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.language.access import Access

_WHOLE = (bool, bytearray, bytes, dict, float, frozenset, int, list, set, str, tuple)
"""Classes whose only positional pattern stands for the value itself."""


class Matching:
    """The helpers of one run; each gives ``None`` where the shape is another."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def sequence(self, value: Any, count: int, star: int) -> list[Any] | None:
        """Items of a sequence of ``count`` patterns; the one at ``star`` (or -1) takes the rest."""
        if isinstance(value, str | bytes | bytearray) or not isinstance(value, Sequence | deque):
            return None
        items = list(value)
        if star < 0:
            return items if len(items) == count else None
        after = count - 1 - star
        if len(items) < count - 1:
            return None
        end = len(items) - after
        return [*items[:star], items[star:end], *items[end:]]

    def mapping(self, value: Any, keys: tuple[Any, ...], rest: bool) -> list[Any] | None:
        """Values under ``keys``, and with ``rest`` a dict of the others."""
        if not isinstance(value, Mapping):
            return None
        missing = object()
        found: list[Any] = []
        for key in keys:
            item = value.get(key, missing)
            if item is missing:
                return None
            found.append(item)
        if rest:
            found.append({key: item for key, item in value.items() if key not in keys})
        return found

    def cls(self, value: Any, cls: Any, count: int, names: tuple[str, ...]) -> list[Any] | None:
        """Attributes of an instance of ``cls``: ``count`` by position, then ``names``."""
        if not isinstance(cls, type):
            raise TypeError("called match pattern must be a class")
        if not isinstance(value, cls):
            return None
        real = self._access.real(cls)
        if count and issubclass(real, _WHOLE) and not hasattr(real, "__match_args__"):
            if count > 1:
                raise TypeError(
                    f"{cls.__name__}() accepts 1 positional sub-pattern ({count} given)"
                )
            found = [value]
            positional: tuple[Any, ...] = ()
        else:
            found = []
            given = getattr(real, "__match_args__", ())
            if len(given) < count:
                raise TypeError(
                    f"{cls.__name__}() accepts {len(given)} positional sub-patterns ({count} given)"
                )
            positional = tuple(given[:count])
        for name in (*positional, *names):
            try:
                found.append(self._access.attribute(value, name))
            except AttributeError:
                return None
        return found
