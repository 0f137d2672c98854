"""Reads and writes of attributes: by a class of the code's own, or by an exact table of the host.

Whatever is in neither is refused. A class of the code's carries a mark in its namespace that no
source can spell; classes are never told by their name or by what they claim to be.
"""

from __future__ import annotations

import enum
import string
import types
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.language.names import (
    DEFINABLE,
    ENUM_API,
    NAMEDTUPLE_API,
    OWNED,
    READABLE,
    SENSITIVE,
    SHOWING,
    VALUE_METHODS,
    is_special,
)
from sandbox.language.refusal import DeniedAttribute, DeniedUse
from sandbox.language.safe import (
    ATTRIBUTES_WRITABLE,
    EXCEPTIONS,
    INHERITABLE,
    ITEMS_WRITABLE,
    TABLE,
)
from sandbox.language.text import Formatter, scrub, scrubbed, shown
from sandbox.modules import METHODS, Module

_namespace: Callable[[type], Mapping[str, Any]] = type.__dict__["__dict__"].__get__
_mro: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_class_name: Callable[[type], str] = type.__dict__["__name__"].__get__
_FUNCTION_NAMES = frozenset({"__name__", "__qualname__", "__doc__", "__module__"})
_MISSING = object()


def is_class(value: Any) -> bool:
    """Whether ``value`` is a class, whatever it claims to be."""
    return issubclass(type(value), type)


def is_named_tuple(cls: type) -> bool:
    """Whether ``cls`` is what ``collections.namedtuple`` makes."""
    space = _namespace(cls)
    return cls.__bases__ == (tuple,) and "_fields" in space and "_make" in space


class Access:
    """The guards on attributes of one run.

    Attributes:
        own: Classes known to be the code's.
    """

    def __init__(self, space: dict[str, Any]) -> None:
        """Prepare.

        Args:
            space: The code's global names: a function is its own when it runs in them.
        """
        self.own: set[type] = set()
        self._quick: set[type] = set()
        self._space = space
        self._stand_ins: dict[type, type] = {}
        self._real: dict[type, type] = {}
        self.formatter = Formatter(self.attribute)
        self.hash: Callable[[Any], int] = hash
        self.type_of: Callable[[Any], Any] = type

    # Whose is it?

    def is_own(self, cls: type) -> bool:
        """Whether ``cls`` was defined by the code."""
        if cls in self.own:
            return True
        if OWNED in _namespace(cls):
            self.own.add(cls)
            if self._is_quick(cls):
                self._quick.add(cls)
            return True
        return False

    def _is_quick(self, cls: type) -> bool:
        """Whether each harmless name may be read from instances of ``cls`` without a look."""
        hosts = [base for base in _mro(cls) if OWNED not in _namespace(base) and base is not Root]
        for base in hosts:
            names = {name for name in _namespace(base) if not name.startswith("_")}
            if names - SENSITIVE - TABLE.get(base, frozenset()) - {"args"}:
                return False
        return not any("__getattr__" in _namespace(base) for base in hosts)

    def is_own_function(self, value: Any) -> bool:
        """Whether ``value`` is a function that the code defined."""
        return type(value) is types.FunctionType and value.__globals__ is self._space

    def stand_in(self, stand_in: type, real: type) -> None:
        """Let ``stand_in`` be what the code sees of ``real``."""
        self._stand_ins[real] = stand_in
        self._real[stand_in] = real

    def seen(self, cls: type) -> type:
        """What the code sees of a class."""
        return self._stand_ins.get(cls, cls)

    def real(self, cls: Any) -> Any:
        """The class behind what the code sees."""
        return self._real.get(cls, cls) if is_class(cls) else cls

    # Reading.

    def public_reader(self) -> Callable[[Any, str], Any]:
        """The quick guard, for names that are harmless on every type."""
        own, table, careful, seen = self._quick, TABLE, self.attribute, self._stand_ins

        def public(value: Any, name: str) -> Any:
            cls = type(value)
            if cls in own:
                return getattr(value, name)
            if cls is Module:
                found = getattr(value, name)
                return seen.get(found, found) if isinstance(found, type) else found
            names = table.get(cls)
            if names is not None and name in names:
                return getattr(value, name)
            return careful(value, name)

        return public

    def attribute(self, value: Any, name: str) -> Any:
        """``value.name``.

        Raises:
            DeniedAttribute: It is out of reach.
            AttributeError: It does not exist.
        """
        if type(name) is not str:
            raise DeniedUse("the name of an attribute must be a plain string", "getattr")
        if is_special(name):
            return self._special(value, name)
        cls = type(value)
        if is_class(value):
            return self._of_class(self.real(value), name)
        if cls is Module or cls is Package:
            found = getattr(value, name)
            return self.seen(found) if isinstance(found, type) else found
        if self.is_own(cls) or is_named_tuple(cls):
            return self._of_own(value, cls, name)
        if cls is Super:
            return self._of_super(value, name)
        if cls is types.FunctionType or cls is types.MethodType:
            return self._of_function(value, name)
        return self._of_host(value, cls, name)

    def _of_own(self, value: Any, cls: type, name: str) -> Any:
        if name.startswith("_") and not self._may_read_private(cls, name):
            raise self._denied(value, name)
        for base in _mro(cls):
            if name in _namespace(base):
                if self.is_own(base) or (is_named_tuple(base) and not name.startswith("_")):
                    return getattr(value, name)
                return self._of_host(value, _listed(cls, base, name), name)
        if name.startswith("_") and hasattr(cls, "__getattr__"):
            raise self._denied(value, name)
        return getattr(value, name)

    def _may_read_private(self, cls: type, name: str) -> bool:
        """Enums keep things of the host's under names like ``_new_member_``."""
        host_like = name.endswith("_") and issubclass(cls, enum.Enum)
        return not host_like or name in ENUM_API

    def _of_class(self, cls: type, name: str) -> Any:
        if name.startswith("_") and not self._may_read_private(cls, name):
            raise self._denied(cls, name)
        for base in _mro(cls):
            if name in _namespace(base):
                if self.is_own(base) or (is_named_tuple(base) and not name.startswith("_")):
                    return getattr(cls, name)
                return self._of_host(cls, _listed(cls, base, name), name)
        # What the metaclass has: nothing that the code needs, but members of old enums.
        if self.is_own(cls) and not name.startswith("_") and name != "mro":
            return getattr(cls, name)
        raise self._denied(cls, name)

    def _of_host(self, value: Any, cls: type, name: str) -> Any:
        """An attribute that ``cls``, a class of the host's, defines for ``value``."""
        if issubclass(cls, str) and name in ("format", "format_map"):
            return self._format_method(value, name)
        if issubclass(cls, BaseException) and name == "args" and not is_class(value):
            return tuple([scrub(a) if type(a) is str else a for a in value.args])
        names = TABLE.get(cls)
        if names is not None and name in names:
            return getattr(value, name)
        if cls is string.Template and name in ("substitute", "safe_substitute"):
            method = getattr(value, name)
            return lambda *args, **values: scrub(method(*args, **values))
        if name in NAMEDTUPLE_API and is_named_tuple(cls):
            return getattr(value, name)
        if name in ENUM_API and isinstance(value, enum.Enum):
            return getattr(value, name)
        if names is not None and not name.startswith("_") and not _has(cls, name):
            kept = {} if is_class(value) or cls in METHODS else _instance_names(value)
            if name in kept:
                return kept[name]
            kind = "type object" if is_class(value) else "object"
            raise AttributeError(f"{_class_name(cls)!r} {kind} has no attribute {name!r}")
        raise self._denied(value, name)

    def _of_function(self, value: Any, name: str) -> Any:
        function = value.__func__ if type(value) is types.MethodType else value
        if self.is_own_function(function):
            kept = function.__dict__.get(name, _MISSING)
            if kept is not _MISSING:
                return kept
        raise self._denied(value, name)

    def _format_method(self, value: Any, name: str) -> Callable[..., str]:
        formatter = self.formatter
        if is_class(value):

            def unbound(template: str, /, *args: Any, **values: Any) -> str:
                return _format(formatter, name, template, args, values)

            return unbound

        def bound(*args: Any, **values: Any) -> str:
            return _format(formatter, name, value, args, values)

        return bound

    # Special names.

    def _special(self, value: Any, name: str) -> Any:
        if name == "__class__":
            return self.type_of(value)
        if type(value) is Super:
            return self._of_super(value, name)
        if is_class(value):
            return self._special_of_class(self.real(value), name)
        cls = type(value)
        if name in _FUNCTION_NAMES:
            if (
                isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodType)
                or name == "__doc__"
            ):
                text = getattr(value, name, None)
                return text if isinstance(text, str) else None
            if self._is_wrapper(value):
                return getattr(value, name)
        if name == "__dict__" and self.is_own(cls):
            return object.__getattribute__(value, "__dict__")
        if isinstance(value, BaseException):
            if name in ("__cause__", "__context__"):
                return getattr(value, name)
            if name == "__notes__":
                return list(getattr(value, name))
        owner = self._owner(cls, name)
        if owner is not None and (name in DEFINABLE or name in READABLE):
            if self.is_own(owner) and not (is_named_tuple(owner) and name not in VALUE_METHODS):
                return self._own_method(value, owner, name)
            if name == "__setattr__":
                return lambda key, new: self.assign(value, key, new, True)
            if name == "__delattr__":
                return lambda key: self.remove(value, key, True)
            if name == "__init__" and self.is_own(cls):
                return value.__init__
            if name in VALUE_METHODS and self._is_known(cls):
                return self._method(value, name)
        raise self._denied(value, name)

    def _is_known(self, cls: type) -> bool:
        return cls in TABLE or self.is_own(cls) or is_named_tuple(cls)

    def _is_wrapper(self, value: Any) -> bool:
        """Whether it is ``functools``'s cache around a function."""
        cls = type(value)
        return cls.__module__ == "functools" and cls.__name__ == "_lru_cache_wrapper"

    def _special_of_class(self, cls: type, name: str) -> Any:
        if name in ("__name__", "__qualname__"):
            return type.__dict__[name].__get__(cls)
        if name == "__doc__":
            return cls.__doc__ if self.is_own(cls) else None
        if name == "__module__":
            return "__solution__" if self.is_own(cls) else "builtins"
        if name == "__members__" and self.is_own(cls) and hasattr(cls, "_member_map_"):
            return dict(cls.__members__)  # type: ignore[attr-defined]
        if name == "__dict__" and self.is_own(cls):
            return {k: v for k, v in _namespace(cls).items() if not is_special(k)}
        owner = self._owner(cls, name)
        if owner is not None and (name in DEFINABLE or name in READABLE):
            if self.is_own(owner) and not is_named_tuple(owner):
                return self._own_method(cls, owner, name)
            if name == "__setattr__":
                return lambda value, key, new: self.assign(value, key, new, True)
            if name == "__delattr__":
                return lambda value, key: self.remove(value, key, True)
            if name == "__new__":
                return self._new(cls)
            if name == "__init__" and (cls in INHERITABLE or self.is_own(cls)):
                return cls.__init__  # type: ignore[misc]
            if name in VALUE_METHODS and self._is_known(cls):
                return self._method(cls, name)
        raise self._denied(cls, name)

    def _own_method(self, value: Any, owner: type, name: str) -> Any:
        """A special method that stands in a class of the code's own."""
        written = self.is_own_function(_namespace(owner)[name])
        if not written and (name in SHOWING or name == "__hash__"):
            return self._method(value, name)  # written by dataclass or namedtuple
        return getattr(value, name)

    def _method(self, value: Any, name: str) -> Any:
        """A special method of the host's, its text without addresses."""
        method = getattr(value, name)
        if name in SHOWING:
            return lambda *args: scrub(method(*args))
        if name == "__hash__" and method is not None:
            if is_class(value):
                return self.hash
            return lambda: self.hash((method(), None))  # a tuple that is never hashed plainly
        if name in ("__mod__", "__rmod__", "__imod__"):
            return lambda *args: scrubbed(method(*args))
        return method

    def _new(self, cls: type) -> Callable[..., Any]:
        def new(made: Any, *args: Any, **values: Any) -> Any:
            made = self.real(made)
            if not (is_class(made) and self.is_own(made) and issubclass(made, cls)):
                raise DeniedUse("__new__ makes instances of the code's own classes", "__new__")
            if cls is object or cls is Root:
                return object.__new__(made)
            if issubclass(cls, str) and len(args) == 1 and not values:
                args = (shown(args[0]),)
            return cls.__new__(made, *args, **values)

        return new

    def _owner(self, cls: type, name: str) -> type | None:
        return next((base for base in _mro(cls) if name in _namespace(base)), None)

    def _of_super(self, proxy: Super, name: str) -> Any:
        owner, value = Super.parts(proxy)
        start = value if is_class(value) else type(value)
        if not issubclass(start, owner):
            start = type(value)
        order = _mro(start)
        bases = order[order.index(owner) + 1 :] if owner in order else ()
        base = next((b for b in bases if name in _namespace(b)), None)
        inherited = super(owner, value)
        if base is None:
            return getattr(inherited, name)
        if self.is_own(base) or (base is Root and not is_special(name)):
            if is_special(name) and name not in DEFINABLE:
                raise self._denied(value, name)
            written = self.is_own_function(_namespace(base)[name])
            return (
                self._method(inherited, name)
                if name in SHOWING and not written
                else getattr(inherited, name)
            )
        if name in ("__init__", "__init_subclass__"):
            return getattr(inherited, name)
        if name == "__new__":
            return self._new(base)
        if name == "__setattr__":
            return lambda key, new: self.assign(value, key, new, True)
        if name == "__delattr__":
            return lambda key: self.remove(value, key, True)
        if name in VALUE_METHODS:
            return self._method(inherited, name)
        if is_special(name):
            raise self._denied(value, name)
        if name in ("format", "format_map"):
            return self._of_host(str.__str__(value), base, name)
        names = TABLE.get(base, frozenset())
        if name in names or (name in NAMEDTUPLE_API and is_named_tuple(base)):
            return getattr(inherited, name)
        raise self._denied(value, name)

    def _denied(self, value: Any, name: str) -> DeniedAttribute:
        kind = "class" if is_class(value) else _class_name(type(value))
        known = f"the attribute {name!r} of a {kind} is not available"
        return DeniedAttribute(known, name, "use the value's public methods and the built-ins")

    # Writing.

    def writable(self, value: Any) -> Any:
        """``value``, whose public or private attribute is about to be assigned or deleted."""
        cls = type(value)
        if cls in self.own:
            return value
        if is_class(value):
            if self.is_own(value):
                return value
        elif self.is_own(cls) or cls in ATTRIBUTES_WRITABLE or self.is_own_function(value):
            return value
        raise DeniedUse(
            f"attributes of a {_class_name(cls)} cannot be assigned",
            "assignment",
            "assign to attributes of classes and objects that the code defines",
        )

    def writable_special(self, value: Any) -> Any:
        """``value``, whose ``__name__`` or ``__doc__`` is about to be assigned."""
        if self.is_own_function(value) or (is_class(value) and self.is_own(value)):
            return value
        return self.writable(_Nothing())

    def writable_item(self, value: Any) -> Any:
        """``value``, whose item is about to be assigned or deleted."""
        cls = type(value)
        if cls in ITEMS_WRITABLE or cls in self.own or self.is_own(cls):
            return value
        if not hasattr(cls, "__setitem__"):
            return value  # the interpreter raises as usual
        raise DeniedUse(f"items of a {_class_name(cls)} cannot be assigned", "assignment")

    def _check_name(self, name: Any) -> None:
        if type(name) is not str:
            raise DeniedUse("the name of an attribute must be a plain string", "setattr")
        if is_special(name):
            raise DeniedAttribute(f"the attribute {name!r} cannot be assigned", name)

    def assign(self, value: Any, name: str, new: Any, raw: bool = False) -> None:
        """``setattr(value, name, new)``; ``raw``: past a ``__setattr__`` of the code's own."""
        self._check_name(name)
        value = self.writable(value)
        if raw and not is_class(value) and self.is_own(type(value)):
            object.__setattr__(value, name, new)
        else:
            setattr(value, name, new)

    def remove(self, value: Any, name: str, raw: bool = False) -> None:
        """``delattr(value, name)``; ``raw``: past a ``__delattr__`` of the code's own."""
        self._check_name(name)
        value = self.writable(value)
        if raw and not is_class(value) and self.is_own(type(value)):
            object.__delattr__(value, name)
        else:
            delattr(value, name)


class _Nothing:
    __slots__ = ()


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
        return f"<{_class_name(type(self))} object>"


class Text(str):
    """Base of the code's classes of text: made of any value, it shows no address."""

    __slots__ = ()

    def __new__(cls, *args: Any, **values: Any) -> Any:
        if len(args) == 1 and not values:
            text = shown(args[0])
            # An enum asks its mixed-in class itself for the value.
            return text if cls is Text else str.__new__(cls, text)
        return str.__new__(cls, *args, **values)


class Super:
    """What ``super()`` gives: only the guard can look into it."""

    __slots__ = ("_owner", "_value")

    def __init__(self, owner: type, value: Any) -> None:
        kind = value if is_class(value) else type(value)
        if not is_class(owner) or not (
            issubclass(kind, owner) or issubclass(type(value), owner)
        ):
            raise TypeError("super(type, obj): obj must be an instance or subtype of type")
        self._owner = owner
        self._value = value

    @staticmethod
    def parts(proxy: Super) -> tuple[type, Any]:
        """The class after which the search begins, and the object."""
        return proxy._owner, proxy._value

    def __repr__(self) -> str:
        return f"<super: {_class_name(self._owner)}>"


def _listed(cls: type, owner: type, name: str) -> type:
    """The class whose table speaks for ``owner``'s attribute ``name``: it, or one that hides it."""
    order = _mro(cls)
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
    return any(name in _namespace(base) for base in _mro(cls))


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


__all__ = ["EXCEPTIONS", "Access", "Root", "Super", "is_named_tuple", "shown"]
