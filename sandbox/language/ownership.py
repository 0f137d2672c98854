"""Which classes and functions are the code's own, and what it sees of the host's."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from sandbox.language.kinds import Root, class_name_of, is_class, namespace_of, order_of
from sandbox.language.names import OWNED, SENSITIVE
from sandbox.language.refusal import DeniedAttribute
from sandbox.language.safe import TABLE


class Ownership:
    """The classes of one run.

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
        self.hash: Callable[[Any], int] = hash
        self.type_of: Callable[[Any], Any] = type

    def is_own(self, cls: type) -> bool:
        """Whether ``cls`` was defined by the code."""
        if cls in self.own:
            return True
        if OWNED in namespace_of(cls):
            self.own.add(cls)
            if self._is_quick(cls):
                self._quick.add(cls)
            return True
        return False

    def _is_quick(self, cls: type) -> bool:
        """Whether each harmless name may be read from instances of ``cls`` without a look."""
        hosts = [
            base for base in order_of(cls) if OWNED not in namespace_of(base) and base is not Root
        ]
        for base in hosts:
            names = {name for name in namespace_of(base) if not name.startswith("_")}
            if names - SENSITIVE - TABLE.get(base, frozenset()) - {"args"}:
                return False
        return not any("__getattr__" in namespace_of(base) for base in hosts)

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

    def denied(self, value: Any, name: str) -> DeniedAttribute:
        """The refusal to read ``value.name``."""
        kind = "class" if is_class(value) else class_name_of(type(value))
        known = f"the attribute {name!r} of a {kind} is not available"
        return DeniedAttribute(known, name, "use the value's public methods and the built-ins")
