"""The built-in names of one run."""

from __future__ import annotations

import builtins
import hashlib
import secrets
from collections.abc import Callable
from typing import Any

from sandbox.language.access import Access
from sandbox.language.refusal import DeniedUse
from sandbox.language.safe import EXCEPTIONS
from sandbox.language.text import PLAIN, Prints, asciified, formatted, represented

_AS_THEY_ARE: tuple[str, ...] = (
    *("abs", "all", "any", "bin", "bool", "bytearray", "bytes", "callable", "chr", "classmethod"),
    *("complex", "dict", "divmod", "enumerate", "filter", "float", "frozenset", "hex", "int"),
    *("isinstance", "issubclass", "iter", "len", "list", "map", "max", "min", "next", "object"),
    *("oct", "ord", "pow", "property", "range", "reversed", "round", "set", "slice", "sorted"),
    *("staticmethod", "sum", "tuple", "zip"),
    *("None", "True", "False", "Ellipsis", "NotImplemented"),
)
_NONE_GIVEN = object()


def table(access: Access, prints: Prints) -> dict[str, Any]:
    """Built-in names and their values, but for those that make classes and import modules."""
    names: dict[str, Any] = {name: getattr(builtins, name) for name in _AS_THEY_ARE}
    names.update(EXCEPTIONS)
    names["__debug__"] = True
    number = _numbering()

    def get(value: Any, name: str, default: Any = _NONE_GIVEN, /) -> Any:
        if default is _NONE_GIVEN:
            return access.attribute(value, name)
        try:
            return access.attribute(value, name)
        except AttributeError:
            return default

    def has(value: Any, name: str, /) -> bool:
        try:
            access.attribute(value, name)
        except AttributeError:
            return False
        return True

    def set_(value: Any, name: str, new: Any, /) -> None:
        access.assign(value, name, new)

    def delete(value: Any, name: str, /) -> None:
        access.remove(value, name)

    def variables(value: Any = _NONE_GIVEN, /) -> Any:
        if value is _NONE_GIVEN:
            raise DeniedUse("vars() needs an object", "vars()", "keep the values in a dict")
        return access.attribute(value, "__dict__")

    def directory(value: Any = _NONE_GIVEN, /) -> list[str]:
        if value is _NONE_GIVEN:
            raise DeniedUse("dir() needs an object", "dir()", "keep the names in a list")
        return [n for n in dir(value) if type(n) is str and not n.startswith("_") and has(value, n)]

    def identity(value: Any, /) -> int:
        return number(id(value))

    def hashed(value: Any, /) -> int:
        plain = hash(value)
        return plain if _plain_hash(value) else number(plain)

    def show(*values: Any, **options: Any) -> None:
        prints.print(*values, **options)

    access.hash = hashed
    named: dict[str, Callable[..., Any]] = {
        "getattr": get,
        "hasattr": has,
        "setattr": set_,
        "delattr": delete,
        "vars": variables,
        "dir": directory,
        "id": identity,
        "hash": hashed,
        "repr": lambda value, /: represented(value),
        "ascii": lambda value, /: asciified(value),
        "format": lambda value, spec="", /: formatted(value, -1, spec),
        "print": show,
    }
    for name, function in named.items():
        function.__name__ = function.__qualname__ = name
    names.update(named)
    return names


def _plain_hash(value: Any) -> bool:
    if type(value) is tuple:
        return all(_plain_hash(item) for item in value)
    return type(value) in PLAIN and value is not None


def _numbering() -> Callable[[int], int]:
    """Numbers that tell values apart as well as the originals, and nothing else about them."""
    key = secrets.token_bytes(16)

    def number(value: int) -> int:
        data = value.to_bytes(16, "little", signed=True)
        return int.from_bytes(hashlib.blake2b(data, key=key, digest_size=7).digest(), "little")

    return number
