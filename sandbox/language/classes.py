"""Class statements of the code's, and ``type`` and ``str`` as it sees them."""

from __future__ import annotations

import abc
import builtins
import enum
import types
import typing
from typing import Any

from sandbox.language.access import Access
from sandbox.language.kinds import Root, Text, is_named_tuple
from sandbox.language.names import is_special
from sandbox.language.refusal import DeniedUse
from sandbox.language.safe import INHERITABLE, TABLE
from sandbox.language.text import text_from
from sandbox.modules import hints

_IS_ABSTRACT = "__isabstractmethod__"


_BUILT_ON: dict[Any, Any] = {hints.NamedTupleBase: typing.NamedTuple, str: Text}


class Classes:
    """Makes the classes of one run."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._shadows: dict[type, type] = {}

    def build(self, body: Any, name: str, /, *bases: Any, **keywords: Any) -> Any:
        """What a class statement calls.

        Raises:
            DeniedUse: A base is not one of the code's classes, nor one that may be a base.
        """
        if not self._access.is_own_function(body):
            raise DeniedUse("classes are made by class statements", "class")
        real = [self._access.real(base) for base in _resolved(bases)]
        for base in real:
            self._check_base(base)
        real = [_BUILT_ON.get(base, base) for base in real]
        if not real or real == [object]:
            real = [Root]
        made = builtins.__build_class__(body, name, *real, **keywords)
        if isinstance(made, type):
            self._access.is_own(made)
            self._finish(made)
        return made

    def _check_base(self, base: Any) -> None:
        if isinstance(base, type) and (
            self._access.is_own(base) or base in INHERITABLE or is_named_tuple(base)
        ):
            return
        name = base.__name__ if isinstance(base, type) else type(base).__name__
        if base is type:
            hint = "metaclasses are not available; use a class decorator or __init_subclass__"
        elif isinstance(base, abc.ABCMeta):
            hint = "leave this base out and define the methods that are needed"
        else:
            hint = "keep such a value in an attribute instead of inheriting"
        raise DeniedUse(f"{name} cannot be the base of a class", f"class ...({name})", hint)

    def _finish(self, made: type) -> None:
        space = type.__dict__["__dict__"].__get__(made)
        slots = space.get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else list(slots):
            if is_special(name):
                raise DeniedUse(f"`{name}` cannot be a slot", "__slots__", "use another name")
        for name in space:
            if is_special(name) and isinstance(space[name], types.MemberDescriptorType):
                raise DeniedUse(f"`{name}` cannot be a slot", "__slots__", "use another name")
        if isinstance(made, enum.EnumType) or type(made) is not type:
            return
        abstract = {n for n, v in space.items() if getattr(v, _IS_ABSTRACT, False) is True}
        for base in made.__bases__:
            for name in base.__dict__.get("__abstractmethods__", ()):
                if getattr(getattr(made, name, None), _IS_ABSTRACT, False) is True:
                    abstract.add(name)
        if abstract:
            type.__setattr__(made, "__abstractmethods__", frozenset(abstract))

    # ``type`` and ``str``.

    def type_of(self, value: Any) -> Any:
        """What ``type(value)`` gives the code: a harmless class."""
        cls = type(value)
        access = self._access
        if access.is_own(cls) or cls in TABLE or cls in INHERITABLE:
            return access.seen(cls)
        if isinstance(value, type):
            return access.seen(type)
        if isinstance(value, tuple) and hasattr(cls, "_fields"):
            return cls
        if cls not in self._shadows:
            self._shadows[cls] = type.__new__(type, cls.__name__, (), {})
        return self._shadows[cls]

    def stand_ins(self) -> dict[str, type]:
        """``type`` and ``str`` as the code sees them: classes that answer for the real ones."""
        type_of = self.type_of

        class TypeMeta(type):
            def __call__(cls, *args: Any, **keywords: Any) -> Any:
                if len(args) == 1 and not keywords:
                    return type_of(args[0])
                raise DeniedUse(
                    "type() takes one value here", "type(...)", "write a class statement"
                )

            def __instancecheck__(cls, value: Any) -> bool:
                return isinstance(value, type)

            def __subclasscheck__(cls, other: Any) -> bool:
                return other is cls

            def __getitem__(cls, item: Any) -> Any:
                return types.GenericAlias(cls, item)  # type[int], as a hint

            def __repr__(cls) -> str:
                return "<class 'type'>"

        class TextMeta(type):
            def __call__(cls, *args: Any, **keywords: Any) -> str:
                return text_from(*args, **keywords)

            def __instancecheck__(cls, value: Any) -> bool:
                return isinstance(value, str)

            def __subclasscheck__(cls, other: Any) -> bool:
                return issubclass(str if other is cls else other, str)

            def __repr__(cls) -> str:
                return "<class 'str'>"

        type_seen = TypeMeta("type", (), {"__slots__": ()})
        text_seen = TextMeta("str", (), {"__slots__": ()})
        self._access.stand_in(type_seen, type)
        self._access.stand_in(text_seen, str)
        return {"type": type_seen, "str": text_seen}


def _resolved(bases: tuple[Any, ...]) -> list[Any]:
    """The bases, type expressions replaced by the classes that they stand for."""
    found: list[Any] = []
    for base in bases:
        if type(base) is hints.Hint:
            found.extend(base.__mro_entries__(bases))
        elif type(base) is types.GenericAlias:
            found.append(typing.get_origin(base))
        else:
            found.append(base)
    return found
