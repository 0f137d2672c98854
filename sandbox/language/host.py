"""Reads of what a class of the host's defines: by an exact table."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.language.kinds import class_name_of, is_class, is_named_tuple, namespace_of, order_of
from sandbox.language.names import ENUM_API, NAMEDTUPLE_API
from sandbox.language.safe import TABLE
from sandbox.language.text import Formatter, scrub
from sandbox.language.writing import Writing
from sandbox.modules import METHODS


class HostAttributes(Writing):
    """The guards on attributes of the host's classes."""

    formatter: Formatter

    def may_read(self, cls: type, name: str) -> bool:
        """Whether a private name is not one that enums keep things of the host's under."""
        if not (name.startswith("_") and name.endswith("_") and issubclass(cls, enum.Enum)):
            return True
        return name in ENUM_API

    def of_host(self, value: Any, cls: type, name: str) -> Any:
        """An attribute that ``cls``, a class of the host's, defines for ``value``."""
        if issubclass(cls, str) and name in ("format", "format_map"):
            return self._format_method(value, name)
        if issubclass(cls, BaseException) and name == "args" and not is_class(value):
            return tuple([scrub(a) if type(a) is str else a for a in value.args])
        names = TABLE.get(cls)
        if names is not None and name in names:
            return getattr(value, name)
        if name in NAMEDTUPLE_API and is_named_tuple(cls):
            return getattr(value, name)
        if name in ENUM_API and isinstance(value, enum.Enum):
            return getattr(value, name)
        if names is not None and not name.startswith("_") and not _has(cls, name):
            kept = {} if is_class(value) or cls in METHODS else _instance_names(value)
            if name in kept:
                return kept[name]
            kind = "type object" if is_class(value) else "object"
            raise AttributeError(f"{class_name_of(cls)!r} {kind} has no attribute {name!r}")
        raise self.denied(value, name)

    def _format_method(self, value: Any, name: str) -> Callable[..., str]:
        formatter = self.formatter
        if is_class(value):

            def unbound(template: str, /, *args: Any, **values: Any) -> str:
                return _format(formatter, name, template, args, values)

            return unbound

        def bound(*args: Any, **values: Any) -> str:
            return _format(formatter, name, value, args, values)

        return bound


def listed(cls: type, owner: type, name: str) -> type:
    """The class whose table speaks for ``owner``'s attribute ``name``: it, or one that hides it."""
    order = order_of(cls)
    for base in order[: order.index(owner)]:
        if name in TABLE.get(base, ()):
            return base
    return owner


def _instance_names(value: Any) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found


def _has(cls: type, name: str) -> bool:
    return any(name in namespace_of(base) for base in order_of(cls))


def _format(
    formatter: Formatter, name: str, template: str, args: tuple[Any, ...], values: dict[str, Any]
) -> str:
    if not isinstance(template, str):
        raise TypeError("format needs a string")
    plain = str.__str__(template)
    if name == "format":
        return formatter.format(plain, args, values)
    if len(args) != 1 or values:
        raise TypeError("format_map() takes exactly one argument")
    return formatter.format(plain, (), args[0])
