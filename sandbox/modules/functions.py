"""``functools``, ``operator``, ``contextlib`` and ``collections.namedtuple``, made to measure."""

from __future__ import annotations

import collections
import functools
import operator
import types
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, final

from sandbox.modules.guards import Guards
from sandbox.modules.texts import mod, scrub
from sandbox.modules.trusted import WRITABLE, is_immutable


def wraps(wrapped: Any, *ignored: Any, **more: Any) -> Callable[[Any], Any]:
    """Decorator: a copy of the function under ``wrapped``'s name and docstring.

    The real one assigns any attribute of anything; a copy leaves the function itself alone.
    """
    if ignored or more:
        raise TypeError("wraps() takes the wrapped function alone")
    names = [getattr(wrapped, key, None) for key in ("__name__", "__qualname__", "__doc__")]

    def rename(wrapper: Any) -> Any:
        if type(wrapper) is not types.FunctionType:
            return wrapper
        copy = types.FunctionType(
            wrapper.__code__,
            wrapper.__globals__,
            wrapper.__name__,
            wrapper.__defaults__,
            wrapper.__closure__,
        )
        copy.__kwdefaults__ = wrapper.__kwdefaults__
        copy.__module__ = wrapper.__module__
        copy.__dict__.update(wrapper.__dict__)
        copy.__doc__ = wrapper.__doc__
        name, qualname, doc = names
        if type(name) is str:
            copy.__name__ = name
        if type(qualname) is str:
            copy.__qualname__ = qualname
        if type(doc) is str:
            copy.__doc__ = doc
        return copy

    return rename


@final
class cached_property:  # noqa: N801 - the name in functools
    """A property that is worked out once for each instance."""

    __slots__ = ("_function", "_name")

    def __init__(self, func: Callable[[Any], Any]) -> None:
        self._function = func
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        try:
            kept = object.__getattribute__(instance, "__dict__")
        except AttributeError:
            raise TypeError("cached_property needs a class without __slots__") from None
        if self._name not in kept:
            kept[self._name] = self._function(instance)
        return kept[self._name]


_CACHE_KEEPS = frozenset({"__doc__", "__module__", "__name__", "__qualname__", "cache_parameters"})


def _cached(function: Any, maxsize: int | None, typed: bool) -> Any:
    wrapper: Any = functools.lru_cache(maxsize, typed)(function)
    # It takes over what stands in the namespace of a class, past every guard.
    names = vars(wrapper)
    for name in list(names):
        if name not in _CACHE_KEEPS:
            del names[name]
        elif name != "cache_parameters" and type(names[name]) is not str:
            names[name] = None
    return wrapper


def lru_cache(maxsize: Any = 128, typed: bool = False) -> Any:
    """Decorator: keep the results of the last calls."""
    if callable(maxsize):
        return _cached(maxsize, 128, bool(typed))
    if maxsize is not None and type(maxsize) is not int:
        raise TypeError("Expected first argument to be an integer, a callable, or None")
    return lambda function: _cached(function, maxsize, bool(typed))


def cache(user_function: Any, /) -> Any:
    """Decorator: keep the result of each call."""
    return _cached(user_function, None, False)


def functools_names(guards: Guards) -> dict[str, Any]:
    """What stands in for parts of ``functools``."""

    def total_ordering(cls: Any) -> Any:
        """Fill in the comparisons that the class lacks."""
        if not (isinstance(cls, type) and guards.is_own(cls)):
            raise TypeError("total_ordering works on a class that this code defines")
        return functools.total_ordering(cls)

    return {
        "cache": cache,
        "cached_property": cached_property,
        "lru_cache": lru_cache,
        "total_ordering": total_ordering,
        "wraps": wraps,
    }


def _same(value: Any) -> Any:
    return value


def operator_names(guards: Guards) -> dict[str, Any]:
    """What stands in for parts of ``operator``: reading and writing go through the guards."""

    def read(value: Any, path: str) -> Any:
        for name in path.split("."):
            value = guards.getattr(value, name)
        return value

    def attrgetter(*names: str) -> Callable[[Any], Any]:
        """A function that reads these attributes; several give a tuple."""
        if not names or any(type(name) is not str for name in names):
            raise TypeError("attrgetter takes names of attributes")
        if len(names) == 1:
            only = names[0]
            return lambda value: read(value, only)
        return lambda value: tuple(read(value, name) for name in names)

    def methodcaller(name: str, /, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        """A function that calls this method with these arguments."""
        if type(name) is not str:
            raise TypeError("methodcaller takes the name of a method")
        return lambda value: guards.getattr(value, name)(*args, **kwargs)

    def writing(name: str) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(operator, name)
        clean = scrub if name == "imod" else _same

        def write(target: Any, *rest: Any) -> Any:
            cls = type(target)
            if not (cls in WRITABLE or is_immutable(cls) or guards.is_own(cls)):
                raise TypeError(f"a {cls.__name__} cannot be changed here")
            return clean(function(target, *rest))

        return write

    changing = (
        "setitem delitem iadd iand iconcat ifloordiv ilshift imatmul imod imul ior ipow irshift "
        "isub itruediv ixor"
    )
    return {
        "attrgetter": attrgetter,
        "methodcaller": methodcaller,
        "mod": mod,
        **{name: writing(name) for name in changing.split()},
    }


_real_namedtuple: Callable[..., type[Any]] = collections.namedtuple


def namedtuple(
    typename: str,
    field_names: str | Iterable[str],
    *,
    rename: bool = False,
    defaults: Iterable[Any] | None = None,
    module: str | None = None,
) -> type[Any]:
    """``collections.namedtuple``; names must be what the compiler would read them as.

    The real one builds source text from the names, which NFKC would then change.
    """
    fields = (
        field_names.replace(",", " ").split()
        if type(field_names) is str
        else [str.__str__(name) for name in field_names]
    )
    title = str.__str__(typename)
    for name in (title, *fields):
        if unicodedata.normalize("NFKC", name) != name:
            raise ValueError(f"write the name {name!r} in its plain form")
    kept = None if defaults is None else tuple(defaults)
    made: type[Any] = _real_namedtuple(
        title, fields, rename=bool(rename), defaults=kept, module="__main__"
    )
    return made
