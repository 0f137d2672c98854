"""Reads of special names: ``__name__``, operators by name, and what ``super()`` finds."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from sandbox.language.host import HostAttributes
from sandbox.language.kinds import Root, Super, is_class, is_named_tuple, namespace_of, order_of
from sandbox.language.names import (
    DEFINABLE,
    NAMEDTUPLE_API,
    READABLE,
    SHOWING,
    VALUE_METHODS,
    is_special,
)
from sandbox.language.refusal import DeniedUse
from sandbox.language.safe import INHERITABLE, TABLE
from sandbox.language.text import scrub, scrubbed, text_from

_FUNCTION_NAMES = frozenset({"__name__", "__qualname__", "__doc__", "__module__"})


class SpecialAttributes(HostAttributes):
    """The guards on special names."""

    def special(self, value: Any, name: str) -> Any:
        """``value.name``, where ``name`` has two underscores on both sides."""
        if name == "__class__":
            return self.type_of(value)
        if type(value) is Super:
            return self.of_super(value, name)
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
        raise self.denied(value, name)

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
            names = [n for n in namespace_of(cls) if not is_special(n) and self.may_read(cls, n)]
            return {name: namespace_of(cls)[name] for name in names}
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
        raise self.denied(cls, name)

    def _own_method(self, value: Any, owner: type, name: str) -> Any:
        """A special method that stands in a class of the code's own."""
        written = self.is_own_function(namespace_of(owner)[name])
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
            if issubclass(cls, str):
                args, values = (text_from(*args, **values),), {}
            return cls.__new__(made, *args, **values)

        return new

    def _owner(self, cls: type, name: str) -> type | None:
        return next((base for base in order_of(cls) if name in namespace_of(base)), None)

    def of_super(self, proxy: Super, name: str) -> Any:
        """What ``super().name`` finds."""
        owner, value = Super.parts(proxy)
        start = value if is_class(value) else type(value)
        if not issubclass(start, owner):
            start = type(value)
        order = order_of(start)
        bases = order[order.index(owner) + 1 :] if owner in order else ()
        base = next((b for b in bases if name in namespace_of(b)), None)
        inherited = super(owner, value)
        if base is None:
            return getattr(inherited, name)
        if self.is_own(base) or (base is Root and not is_special(name)):
            if is_special(name) and name not in DEFINABLE:
                raise self.denied(value, name)
            written = self.is_own_function(namespace_of(base)[name])
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
            raise self.denied(value, name)
        if name in ("format", "format_map"):
            return self.of_host(str.__str__(value), base, name)
        names = TABLE.get(base, frozenset())
        if name in names or (name in NAMEDTUPLE_API and is_named_tuple(base)):
            return getattr(inherited, name)
        raise self.denied(value, name)
