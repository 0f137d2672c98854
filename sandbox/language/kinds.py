"""Kinds of things that the guards tell apart, by exact type and never by what they claim to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.language.text import text_from

namespace_of: Callable[[type], Mapping[str, Any]] = type.__dict__["__dict__"].__get__
order_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
class_name_of: Callable[[type], str] = type.__dict__["__name__"].__get__


def is_class(value: Any) -> bool:
    """Whether ``value`` is a class, whatever it claims to be."""
    return issubclass(type(value), type)


def is_named_tuple(cls: type) -> bool:
    """Whether ``cls`` is what ``collections.namedtuple`` makes."""
    space = namespace_of(cls)
    return cls.__bases__ == (tuple,) and "_fields" in space and "_make" in space


class Package:
    """What ``import a.b`` binds: a name that holds façades, and nothing else."""

    __slots__ = ("_parts",)

    def __init__(self, parts: dict[str, Any]) -> None:
        object.__setattr__(self, "_parts", parts)

    def __getattribute__(self, name: str) -> Any:
        parts = object.__getattribute__(self, "_parts")
        if type(name) is str and name in parts:
            return parts[name]
        raise AttributeError(f"the module has no attribute {str.__str__(name)!r}")

    def __repr__(self) -> str:
        return "<package>"


class Root:
    """Base of the code's classes that name no other: their text shows no address."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{class_name_of(type(self))} object>"


class Text(str):
    """Base of the code's classes of text: made of any value, it shows no address."""

    __slots__ = ()

    def __new__(cls, *args: Any, **values: Any) -> Any:
        """Make text of a value."""
        text = text_from(*args, **values)
        # An enum asks its mixed-in class itself for the value.
        return text if cls is Text else str.__new__(cls, text)


class Super:
    """What ``super()`` gives: only the guard can look into it."""

    __slots__ = ("_owner", "_value")

    def __init__(self, owner: type, value: Any) -> None:
        kind = value if is_class(value) else type(value)
        if not is_class(owner) or not (issubclass(kind, owner) or issubclass(type(value), owner)):
            raise TypeError("super(type, obj): obj must be an instance or subtype of type")
        self._owner = owner
        self._value = value

    @staticmethod
    def parts(proxy: Super) -> tuple[type, Any]:
        """The class after which the search begins, and the object."""
        return proxy._owner, proxy._value

    def __repr__(self) -> str:
        return f"<super: {class_name_of(self._owner)}>"
