"""What the code gets for a module: a frozen table of names, and nothing behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NoReturn, final

from sandbox.modules.reasons import why_not


@final
class Module:
    """A façade: attributes are looked up in an exact table, and in nothing else.

    A real module hands out its own imports (``json.codecs.builtins`` is the whole interpreter), so
    the code never meets one. The values are functions, constants and classes; of modules there are
    only other façades, for dotted names (``urllib.parse``).
    """

    __slots__ = ("_name", "_table")

    def __init__(self, name: str, table: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_table", MappingProxyType(dict(table)))

    def __getattribute__(self, name: str) -> Any:
        table: Mapping[str, Any] = _table(self)
        # A subclass of str could answer differently at each comparison.
        if type(name) is str and name in table:
            return table[name]
        raise AttributeError(why_not(_name(self), str.__str__(name)))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"module {_name(self)!r} cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"module {_name(self)!r} cannot be changed")

    def __repr__(self) -> str:
        return f"<module {_name(self)!r}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a module cannot be copied")

    def __dir__(self) -> list[str]:
        return sorted(_table(self))


_name = Module._name.__get__  # type: ignore[attr-defined]
_table = Module._table.__get__  # type: ignore[attr-defined]


def name_of(module: Module) -> str:
    """The dotted name under which the module was loaded."""
    return str(_name(module))


def names_in(module: Module) -> Iterator[str]:
    """The names that the module has (what ``import *`` would bind, were it allowed)."""
    return iter(_table(module))
