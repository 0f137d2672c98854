"""``copy`` by exact type: the real one lets a class say how it is rebuilt, down to any call."""

from __future__ import annotations

import collections
import enum
import random
import types
from collections.abc import Callable
from typing import Any

from sandbox.modules.guards import Guards
from sandbox.modules.memo import Error, Memo, begin, end, note, noted
from sandbox.modules.trusted import is_immutable

_MISSING: Any = object()
_SCALARS: tuple[Any, ...] = (int, float, str, bytes)


def _slots(cls: type, guards: Guards) -> list[Any]:
    return [
        member
        for base in cls.__mro__
        if guards.is_own(base)
        for member in type.__dict__["__dict__"].__get__(base).values()
        if type(member) is types.MemberDescriptorType
    ]


def _defined(cls: type, name: str, guards: Guards) -> Callable[..., Any] | None:
    for base in cls.__mro__:
        names = type.__dict__["__dict__"].__get__(base)
        if guards.is_own(base) and type(names.get(name)) is types.FunctionType:
            found: Callable[..., Any] = names[name]
            return found
    return None


def _blank(value: Any, cls: type, each: Callable[[Any], Any]) -> Any:
    """A new object of the class with the contents of its built-in base, without its attributes."""
    if issubclass(cls, dict):
        new: Any = cls.__new__(cls) if cls.__new__ is dict.__new__ else dict.__new__(cls)
        if issubclass(cls, collections.defaultdict):
            collections.defaultdict.__init__(new, value.default_factory)
        elif issubclass(cls, collections.OrderedDict):
            collections.OrderedDict.__init__(new)
            for key, item in dict.items(value):
                collections.OrderedDict.__setitem__(new, each(key), each(item))
            return new
        for key, item in dict.items(value):
            dict.__setitem__(new, each(key), each(item))
        return new
    if issubclass(cls, list):
        new = list.__new__(cls)
        list.extend(new, [each(item) for item in list.__iter__(value)])
        return new
    if issubclass(cls, tuple):
        return tuple.__new__(cls, [each(item) for item in tuple.__iter__(value)])
    if issubclass(cls, set):
        new = set.__new__(cls)
        set.update(new, [each(item) for item in set.__iter__(value)])
        return new
    if issubclass(cls, frozenset):
        return frozenset.__new__(cls, [each(item) for item in frozenset.__iter__(value)])
    if issubclass(cls, collections.deque):
        new = collections.deque.__new__(cls)
        items = [each(item) for item in collections.deque.__iter__(value)]
        collections.deque.__init__(new, items, value.maxlen)
        return new
    if issubclass(cls, BaseException):
        return BaseException.__new__(cls, *[each(item) for item in value.args])
    for base in _SCALARS:
        if issubclass(cls, base):
            return base.__new__(cls, base.__getnewargs__(value)[0])
    if any(not guards_base(base) for base in cls.__mro__):
        raise Error(f"a {cls.__name__} cannot be copied: it builds on a class of a module")
    return object.__new__(cls)


def guards_base(base: type) -> bool:
    """Whether instances can be made from nothing: classes written in Python, without C parts."""
    return base is object or bool(base.__flags__ & (1 << 9))


class Copier:
    """``copy`` and ``deepcopy`` for one run."""

    def __init__(self, guards: Guards) -> None:
        self._guards = guards

    def names(self) -> dict[str, Any]:
        """The module ``copy``."""
        return {"copy": self.copy, "deepcopy": self.deepcopy, "Error": Error}

    def copy(self, value: Any) -> Any:
        """A copy of the value itself; what is inside is shared."""
        return self._copied(value, lambda item: item, "__copy__", None)

    def deepcopy(self, value: Any, memo: Any = None) -> Any:
        """A copy of the value and of everything inside."""
        return self._deep(value, memo if type(memo) is Memo else Memo())

    def _deep(self, value: Any, memo: Memo) -> Any:
        cls = type(value)
        if is_immutable(cls) and cls is not tuple and cls is not frozenset:
            return value
        found = noted(memo, value, _MISSING)
        if found is not _MISSING:
            return found
        if cls is list:
            new: Any = []
            note(memo, value, new)
            for item in value:
                new.append(self._deep(item, memo))
            return new
        if cls is dict:
            new = {}
            note(memo, value, new)
            for key, item in value.items():
                new[self._deep(key, memo)] = self._deep(item, memo)
            return new
        new = self._copied(value, lambda item: self._deep(item, memo), "__deepcopy__", memo)
        note(memo, value, new)
        return new

    def _copied(
        self, value: Any, each: Callable[[Any], Any], method: str, memo: Memo | None
    ) -> Any:
        cls = type(value)
        if cls is tuple or cls is frozenset:
            items = [each(item) for item in value]
            same = all(a is b for a, b in zip(items, value, strict=True))
            return value if same else cls(items)
        if is_immutable(cls) or isinstance(value, (type, enum.Enum)):
            return value
        if cls in _CONTAINERS:
            return _CONTAINERS[cls](value, each)
        if not self._guards.is_own(cls):
            raise Error(f"a {cls.__name__} cannot be copied")
        own = _defined(cls, method, self._guards)
        if own is not None:
            return _by_itself(value, own, memo)
        new = _blank(value, cls, each)
        if memo is not None:
            # An object may hold itself: it is known before its attributes are copied.
            note(memo, value, new)
        try:
            state = object.__getattribute__(value, "__dict__")
        except AttributeError:
            state = None
        if type(state) is dict:
            kept = object.__getattribute__(new, "__dict__")
            for key, item in state.items():
                dict.__setitem__(kept, key, each(item))
        for member in _slots(cls, self._guards):
            try:
                item = member.__get__(value)
            except AttributeError:
                continue
            member.__set__(new, each(item))
        return new


def _by_itself(value: Any, own: Callable[..., Any], memo: Memo | None) -> Any:
    if memo is None:
        return own(value)
    begin(memo, value)
    try:
        return own(value, memo)
    finally:
        end(memo)


def _random(value: random.Random, each: object) -> random.Random:
    new = random.Random()  # noqa: S311
    new.setstate(value.getstate())
    return new


def _default(value: Any, each: Callable[[Any], Any]) -> Any:
    new: Any = collections.defaultdict(value.default_factory)
    new.update((each(key), each(item)) for key, item in value.items())
    return new


def _counter(value: Any, each: Callable[[Any], Any]) -> Any:
    new: Any = collections.Counter()
    dict.update(new, [(each(key), each(item)) for key, item in value.items()])
    return new


_CONTAINERS: dict[type, Callable[[Any, Callable[[Any], Any]], Any]] = {
    list: lambda value, each: [each(item) for item in value],
    dict: lambda value, each: {each(key): each(item) for key, item in value.items()},
    set: lambda value, each: {each(item) for item in value},
    bytearray: lambda value, each: bytearray(value),
    collections.deque: lambda value, each: collections.deque(
        [each(item) for item in value], value.maxlen
    ),
    collections.defaultdict: _default,
    collections.Counter: _counter,
    collections.OrderedDict: lambda value, each: collections.OrderedDict(
        [(each(key), each(item)) for key, item in value.items()]
    ),
    collections.ChainMap: lambda value, each: collections.ChainMap(
        *[each(layer) for layer in value.maps]
    ),
    random.Random: _random,
}
