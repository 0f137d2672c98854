"""What ``__deepcopy__`` is given: it works as the usual dict does, and shows no addresses.

And the error of copying.
"""

from __future__ import annotations

from typing import Any, final


class Error(Exception):
    """A value cannot be copied."""


@final
class Memo:
    """The copies made so far. The code's own entries are kept apart from ours."""

    __slots__ = ("_entries", "_known", "_open")

    def __init__(self) -> None:
        self._entries: dict[Any, Any] = {}
        self._known: dict[int, tuple[Any, Any]] = {}
        self._open: list[Any] = []

    def __getitem__(self, key: Any) -> Any:
        return self._entries[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._entries[key] = value
        # memo[id(self)] = new: the copy of what is being copied, before its parts are.
        if type(key) is int and self._open:
            note(self, self._open[-1], value)

    def __contains__(self, key: Any) -> bool:
        return key in self._entries

    def get(self, key: Any, default: Any = None) -> Any:
        """The code's own entry."""
        return self._entries.get(key, default)


def note(memo: Memo, value: Any, copy: Any) -> None:
    """Remember the first copy of a value; the value stays alive, as its id must."""
    memo._known.setdefault(id(value), (value, copy))


def noted(memo: Memo, value: Any, default: Any) -> Any:
    """The copy of a value, if there is one."""
    found = memo._known.get(id(value))
    return default if found is None else found[1]


def begin(memo: Memo, value: Any) -> None:
    """A ``__deepcopy__`` of this value is about to run."""
    memo._open.append(value)


def end(memo: Memo) -> None:
    """It has run."""
    memo._open.pop()
