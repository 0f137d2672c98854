"""Which types of the host the code may meet, and which of their attributes it may read."""

from __future__ import annotations

import builtins
import collections
import enum
import types
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.language.names import SENSITIVE
from sandbox.modules import BASES, METHODS, SAFE_TYPES, WRITABLE, Module

_ODDLY_NAMED = {"BaseExceptionGroup", "ExceptionGroup", "EncodingWarning", "ResourceWarning"}

EXCEPTIONS: dict[str, type[BaseException]] = {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException) and name not in _ODDLY_NAMED
}
"""The built-in exceptions by name."""


_ITERABLES: tuple[Iterable[Any], ...] = ("", b"", [], (), {}, set(), range(0), bytearray())

_BUILTIN: tuple[type, ...] = (
    *(object, str, int, float, bool, complex, bytes, bytearray, list, tuple, dict, set, frozenset),
    *(range, slice, enumerate, filter, map, zip, reversed, property, classmethod, staticmethod),
    *(type(None), type(Ellipsis), type(NotImplemented)),
    *(type({}.keys()), type({}.values()), type({}.items())),
    *(type(iter(each)) for each in _ITERABLES),
    *(type(iter({}.values())), type(iter({}.items())), type(iter(range(2**70)))),
    *(type(reversed([])), type(reversed({})), type(reversed({}.values()))),
    *(type(reversed({}.items())), type(iter(int, 1)), type(iter(collections.UserList()))),
    *(types.MethodType, types.BuiltinMethodType, types.MethodWrapperType),
    *(types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType),
    *(types.MappingProxyType, types.GenericAlias, types.UnionType),
)

_EXACT: dict[type, frozenset[str]] = {
    types.GeneratorType: frozenset({"send", "throw", "close"}),
    types.GenericAlias: frozenset(),
    types.UnionType: frozenset(),
    # Names that a method forwards to its function.
    types.MethodType: frozenset(),
}


def _public(cls: type) -> frozenset[str]:
    return frozenset(n for n in dir(cls) if not n.startswith("_")) - SENSITIVE


def _table() -> Mapping[type, frozenset[str]]:
    table: dict[type, frozenset[str]] = {}
    for cls in (*_BUILTIN, *EXCEPTIONS.values(), *SAFE_TYPES):
        table[cls] = _public(cls)
    for cls, names in METHODS.items():
        table[cls] = frozenset(names)
    table.update(_EXACT)
    del table[Module]
    enums: list[type] = [kind for kind in table if issubclass(kind, enum.Enum)]
    table.update(dict.fromkeys([enum.Enum, *enums], frozenset({"name", "value"})))
    # Read the careful way: text of other values is put in by the interpreter.
    for kind in table:
        if issubclass(kind, BaseException):
            table[kind] -= {"args"}
    return types.MappingProxyType(table)


TABLE: Mapping[type, frozenset[str]] = _table()
"""Public attributes of the instances, and of the class itself, by exact type."""


class ABC:
    """``abc.ABC``: nothing but a name, since every class here obeys ``abstractmethod``."""

    __slots__ = ()


INHERITABLE: frozenset[type] = frozenset(
    {object, str, int, float, complex, bytes, list, tuple, dict, set, frozenset}
    | set(EXCEPTIONS.values())
    | set(BASES)
    | {ABC}
)
"""Classes of the host that a class of the code's may have as its base."""

ITEMS_WRITABLE: frozenset[type] = frozenset({list, dict, bytearray}) | frozenset(WRITABLE)
"""Exact types whose items may be assigned."""

ATTRIBUTES_WRITABLE: frozenset[type] = frozenset(WRITABLE) | frozenset(EXCEPTIONS.values())
"""Exact types whose public attributes may be assigned."""
