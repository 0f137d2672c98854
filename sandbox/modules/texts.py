"""Functions of modules that make text of any value: without addresses of memory in it."""

from __future__ import annotations

import csv
import difflib
import operator
import re
import string
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_ADDRESS_BYTES = re.compile(rb" at 0x[0-9a-fA-F]+")
_PLAIN = frozenset({str, bytes, int, float, bool, type(None)})


def scrub(value: Any) -> Any:
    """Text, or bytes, without what looks like an address; anything else as it is."""
    if type(value) is str:
        return _ADDRESS.sub("", value) if " at 0x" in value else value
    if type(value) is bytes or type(value) is bytearray:
        return type(value)(_ADDRESS_BYTES.sub(b"", value)) if b" at 0x" in value else value
    return value


def mod(left: Any, right: Any, /) -> Any:
    """``left % right``."""
    return scrub(operator.mod(left, right))


class _Scrubbed:
    """Where a writer of CSV writes."""

    __slots__ = ("_write",)

    def __init__(self, file: Any) -> None:
        self._write: Callable[[str], Any] = file.write

    def write(self, text: str) -> Any:
        return self._write(scrub(text))


def writer(csvfile: Any, /, *args: Any, **options: Any) -> Any:
    """``csv.writer``."""
    return csv.writer(_Scrubbed(csvfile), *args, **options)


_RealDictWriter: Any = csv.DictWriter


class DictWriter(_RealDictWriter):  # type: ignore[misc]
    """``csv.DictWriter``."""

    def __init__(self, f: Any, *args: Any, **options: Any) -> None:
        super().__init__(_Scrubbed(f), *args, **options)


class Template(string.Template):
    """``string.Template``."""

    def substitute(self, mapping: Any = None, /, **names: Any) -> str:
        """Fill in every name."""
        return str(scrub(super().substitute({} if mapping is None else mapping, **names)))

    def safe_substitute(self, mapping: Any = None, /, **names: Any) -> str:
        """Fill in the names that are given."""
        return str(scrub(super().safe_substitute({} if mapping is None else mapping, **names)))


def _texts(function: Callable[..., Iterator[str]]) -> Callable[..., Iterator[str]]:
    def lines(*args: Any, **options: Any) -> Iterator[str]:
        return map(scrub, function(*args, **options))

    return lines


unified_diff = _texts(difflib.unified_diff)
context_diff = _texts(difflib.context_diff)


def _shown(value: Any, several: bool) -> Any:
    if type(value) in _PLAIN:
        return value
    if several and type(value) in (list, tuple):
        return [_shown(item, False) for item in value]
    return scrub(str(value))


def urlencode(query: Any, doseq: bool = False, *args: Any, **options: Any) -> str:
    """``urllib.parse.urlencode``."""
    pairs: Iterable[Any] = query.items() if isinstance(query, Mapping) else query
    plain = [(_shown(key, False), _shown(value, bool(doseq))) for key, value in pairs]
    return urllib.parse.urlencode(plain, doseq, *args, **options)
