"""``typing`` as inert objects: annotations say nothing at run time, and evaluate nothing."""

from __future__ import annotations

import collections
import collections.abc
import re
import types
from collections.abc import Callable
from typing import Any, NoReturn, final


class GenericBase:
    """Stands for ``Generic[T]`` and ``Protocol`` among the bases of a class."""

    __slots__ = ()

    def __class_getitem__(cls, item: object) -> type:
        return cls


class NamedTupleBase:
    """Stands for ``NamedTuple`` among the bases; the language makes the class from its fields."""

    __slots__ = ()


class TypedDictBase:
    """Stands for ``TypedDict`` among the bases; making one gives a dict."""

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make the dict."""
        return dict(*args, **kwargs)

    def __init_subclass__(cls, *, total: bool = True, **facts: object) -> None:
        return None


_BASES: dict[str, type] = {
    "Generic": GenericBase,
    "NamedTuple": NamedTupleBase,
    "Protocol": GenericBase,
    "TypedDict": TypedDictBase,
}
_ORIGINS: dict[str, Any] = {
    "AbstractSet": collections.abc.Set,
    "Callable": collections.abc.Callable,
    "Collection": collections.abc.Collection,
    "ChainMap": collections.ChainMap,
    "Container": collections.abc.Container,
    "Counter": collections.Counter,
    "DefaultDict": collections.defaultdict,
    "Deque": collections.deque,
    "Dict": dict,
    "FrozenSet": frozenset,
    "Generator": collections.abc.Generator,
    "Hashable": collections.abc.Hashable,
    "Iterable": collections.abc.Iterable,
    "Iterator": collections.abc.Iterator,
    "List": list,
    "Mapping": collections.abc.Mapping,
    "Match": re.Match,
    "MutableMapping": collections.abc.MutableMapping,
    "MutableSequence": collections.abc.MutableSequence,
    "MutableSet": collections.abc.MutableSet,
    "OrderedDict": collections.OrderedDict,
    "Pattern": re.Pattern,
    "Reversible": collections.abc.Reversible,
    "Sequence": collections.abc.Sequence,
    "Set": set,
    "Sized": collections.abc.Sized,
    "Text": str,
    "Tuple": tuple,
    "Type": type,
}
_CONSTRUCTORS = frozenset({"Text", "Type"})
"""The classes behind these are never handed out: one makes classes, the other shows addresses."""


@final
class Hint:
    """A type expression: it may be subscripted, joined by ``|`` and compared, and does nothing."""

    __slots__ = ("_args", "_name")

    def __init__(self, name: str, args: tuple[Any, ...] = ()) -> None:
        self._name = name
        self._args = args

    def __getitem__(self, args: Any) -> Hint:
        return Hint(self._name, args if type(args) is tuple else (args,))

    def __or__(self, other: Any) -> Hint:
        return Hint("Union", (self, other))

    def __ror__(self, other: Any) -> Hint:
        return Hint("Union", (other, self))

    def __eq__(self, other: object) -> bool:
        return (
            type(other) is Hint
            and (self._name, len(self._args)) == (other._name, len(other._args))
            and all(a is b or a == b for a, b in zip(self._args, other._args, strict=True))
        )

    def __hash__(self) -> int:
        return hash((self._name, len(self._args)))

    def __repr__(self) -> str:
        inner = ", ".join(
            arg.__name__ if isinstance(arg, type) else repr(arg) for arg in self._args
        )
        return f"typing.{self._name}" + (f"[{inner}]" if self._args else "")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        base = _BASES.get(self._name)
        if base is not None:
            # Once, however often it is named: class C(Protocol, Generic[T]).
            first = next(b for b in bases if type(b) is Hint and _BASES.get(b._name) is base)
            return (base,) if first is self else ()
        origin = _ORIGINS.get(self._name)
        if type(origin) is type and origin not in (type, str, re.Pattern, re.Match):
            return (origin,)
        if isinstance(origin, type):
            return ()
        raise TypeError(f"typing.{self._name} cannot be a base class")

    def __instancecheck__(self, value: Any) -> bool:
        if self._name in ("Union", "Optional"):
            parts = (*self._args, *((None,) if self._name == "Optional" else ()))
            return any(value is None if part is None else isinstance(value, part) for part in parts)
        origin = _ORIGINS.get(self._name)
        if origin is None or self._args:
            raise TypeError(f"{self!r} cannot be used with isinstance(); name a class")
        return isinstance(value, origin)

    def __subclasscheck__(self, cls: type) -> bool:
        origin = _ORIGINS.get(self._name)
        if origin is None or self._args:
            raise TypeError(f"{self!r} cannot be used with issubclass(); name a class")
        return issubclass(cls, origin)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the class that it stands for: ``Deque()`` is ``deque()``."""
        if self._name == "TypedDict" and args:
            return dict
        origin = _ORIGINS.get(self._name)
        if type(origin) is type and self._name not in _CONSTRUCTORS:
            return origin(*args, **kwargs)
        if self._name == "NamedTuple":
            raise TypeError("write `class Name(NamedTuple):` with its fields in the body")
        raise TypeError(f"typing.{self._name} cannot be called")


def _variable(name: str, *bounds: Any, **options: Any) -> Hint:
    return Hint(str.__str__(name))


def new_type(name: str, base: Any) -> Callable[[Any], Any]:
    """``NewType``: a function that gives its argument back."""
    return lambda value: value


def _same(value: Any) -> Any:
    return value


def _assert_never(value: Any) -> NoReturn:
    raise AssertionError(f"expected code to be unreachable, but got: {value!r}")


def get_origin(hint: Any) -> Any:
    """The class behind a type expression, or ``None``."""
    if type(hint) is Hint:
        if not hint._args and hint._name not in _ORIGINS:
            return None
        if hint._name in _CONSTRUCTORS:
            return Hint(hint._name)
        return _ORIGINS.get(hint._name, Hint(hint._name))
    return hint.__origin__ if type(hint) is types.GenericAlias else None


def get_args(hint: Any) -> tuple[Any, ...]:
    """What stands in the brackets of a type expression."""
    if type(hint) is Hint:
        if hint._name == "Optional":
            return (*hint._args, type(None))
        return hint._args
    if type(hint) is types.GenericAlias or type(hint) is types.UnionType:
        found: tuple[Any, ...] = hint.__args__
        return found
    return ()


FUNCTIONS: dict[str, Any] = {
    "NewType": new_type,
    "ParamSpec": _variable,
    "TYPE_CHECKING": False,
    "TypeVar": _variable,
    "TypeVarTuple": _variable,
    "assert_never": _assert_never,
    "assert_type": lambda value, hint: value,
    "cast": lambda hint, value: value,
    "final": _same,
    "get_args": get_args,
    "get_origin": get_origin,
    "no_type_check": _same,
    "overload": _same,
    "override": _same,
    "reveal_type": _same,
}


def typing_names(names: tuple[str, ...]) -> dict[str, Any]:
    """The module ``typing``: functions, and a :class:`Hint` for each other name."""
    return {name: FUNCTIONS[name] if name in FUNCTIONS else Hint(name) for name in names}
