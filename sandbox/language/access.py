"""Reads and writes of attributes: by a class of the code's own, or by an exact table of the host.

Whatever is in neither is refused. A class of the code's carries a mark in its namespace that no
source can spell; classes are never told by their name or by what they claim to be.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from sandbox.language.host import listed
from sandbox.language.kinds import Package, Super, is_class, is_named_tuple, namespace_of, order_of
from sandbox.language.names import is_special
from sandbox.language.refusal import DeniedUse
from sandbox.language.safe import TABLE
from sandbox.language.special import SpecialAttributes
from sandbox.language.text import Formatter
from sandbox.modules import Module

_MISSING = object()


class Access(SpecialAttributes):
    """The guards on attributes of one run."""

    def __init__(self, space: dict[str, Any]) -> None:
        """Prepare.

        Args:
            space: The code's global names: a function is its own when it runs in them.
        """
        super().__init__(space)
        self.formatter = Formatter(self.attribute)

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
            return self.special(value, name)
        cls = type(value)
        if is_class(value):
            return self._of_class(self.real(value), name)
        if cls is Module or cls is Package:
            found = getattr(value, name)
            return self.seen(found) if isinstance(found, type) else found
        if self.is_own(cls) or is_named_tuple(cls):
            return self._of_own(value, cls, name)
        if cls is Super:
            return self.of_super(value, name)
        if cls is types.FunctionType or cls is types.MethodType:
            return self._of_function(value, name)
        return self.of_host(value, cls, name)

    def _of_own(self, value: Any, cls: type, name: str) -> Any:
        if not self.may_read(cls, name):
            raise self.denied(value, name)
        for base in order_of(cls):
            if name in namespace_of(base):
                if self.is_own(base) or (is_named_tuple(base) and not name.startswith("_")):
                    return getattr(value, name)
                return self.of_host(value, listed(cls, base, name), name)
        if name.startswith("_") and hasattr(cls, "__getattr__"):
            raise self.denied(value, name)
        return getattr(value, name)

    def _of_class(self, cls: type, name: str) -> Any:
        if not self.may_read(cls, name):
            raise self.denied(cls, name)
        for base in order_of(cls):
            if name in namespace_of(base):
                if self.is_own(base) or (is_named_tuple(base) and not name.startswith("_")):
                    return getattr(cls, name)
                return self.of_host(cls, listed(cls, base, name), name)
        # What the metaclass has: nothing that the code needs, but members of old enums.
        if self.is_own(cls) and not name.startswith("_") and name != "mro":
            return getattr(cls, name)
        raise self.denied(cls, name)

    def _of_function(self, value: Any, name: str) -> Any:
        function = value.__func__ if type(value) is types.MethodType else value
        if self.is_own_function(function):
            kept = function.__dict__.get(name, _MISSING)
            if kept is not _MISSING:
                return kept
        raise self.denied(value, name)
