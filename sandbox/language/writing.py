"""Writes of attributes and items: to what is the code's own, and to plain containers."""

from __future__ import annotations

from typing import Any

from sandbox.language.kinds import class_name_of, is_class
from sandbox.language.names import is_special
from sandbox.language.ownership import Ownership
from sandbox.language.refusal import DeniedAttribute, DeniedUse
from sandbox.language.safe import ATTRIBUTES_WRITABLE, ITEMS_WRITABLE


class Writing(Ownership):
    """The guards on writes."""

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
            f"attributes of a {class_name_of(cls)} cannot be assigned",
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
        raise DeniedUse(f"items of a {class_name_of(cls)} cannot be assigned", "assignment")

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
