"""Annotations as types: the names in them, looked up where their function was written."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

from structured.errors import shorten

_DEFINE = (
    "the type must exist when the tool is made: define it before the function, and import it "
    "outside of `if TYPE_CHECKING`"
)
_NONE_INSIDE = "write the union inside: Annotated[T | None, …]"


class UnresolvedAnnotation(Exception):
    """An annotation that names something unknown, or that is no type at all."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Scope:
    """Where a function was written: its module, the functions and classes around it.

    Under ``from __future__ import annotations`` an annotation is only text, and a name in it
    may be local to the function around. Python keeps no link to that function's variables, but
    while it runs (a decorator, a ``ToolSchema.of`` in the same function) its frame is on the
    stack: it is recognised by its qualified name and its module. A frame that merely happens to
    be on the stack is never asked.

    Args:
        function: The plain function whose annotations are to be resolved.
        owner: The class it is a method of, if known: its attributes are looked up last.
    """

    def __init__(self, function: Callable[..., Any], owner: type | None = None) -> None:
        self._globals: dict[str, Any] = getattr(function, "__globals__", {})
        self._locals = _enclosing_names(function)
        self._owner = owner

    def resolve(self, annotation: Any) -> Any:
        """The type that an annotation (text, or a type that may hold text) stands for.

        Raises:
            UnresolvedAnnotation: It names something unknown, or is no type at all.
        """

        def holder() -> None: ...

        holder.__annotations__ = {"it": annotation}
        while True:
            try:
                return typing.get_type_hints(holder, self._globals, self._locals, True)["it"]
            except NameError as error:
                name = error.name or ""
                if not name or name in self._locals or not hasattr(self._owner, name):
                    raise UnresolvedAnnotation(f"{name!r} is not defined", _DEFINE) from None
                self._locals[name] = getattr(self._owner, name)
            except Exception as error:  # noqa: BLE001 - an annotation may run any code
                text = annotation if isinstance(annotation, str) else shorten(annotation)
                # Before Python 3.13, Annotated[int, {…}] | None cannot be made.
                hint = _NONE_INSIDE if "unhashable type: 'dict'" in str(error) else ""
                raise UnresolvedAnnotation(f"{text} is not a type: {error}", hint) from None


def _enclosing_names(function: Callable[..., Any]) -> dict[str, Any]:
    if not isinstance(function, FunctionType):
        return {}
    code: CodeType = function.__code__
    steps = code.co_qualname.split(".")[:-1]
    around = {".".join(steps[: end + 1]) for end, step in enumerate(steps) if step != "<locals>"}
    found: list[dict[str, Any]] = []
    frame = inspect.currentframe()
    while frame is not None and around:
        if frame.f_globals is function.__globals__ and frame.f_code.co_qualname in around:
            around.remove(frame.f_code.co_qualname)  # of several calls, the innermost is meant
            found.append(frame.f_locals)
        frame = frame.f_back
    names: dict[str, Any] = {}
    for namespace in reversed(found):  # inner names hide outer ones
        names.update(namespace)
    for parameter in getattr(function, "__type_params__", ()):
        names[parameter.__name__] = parameter
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # assigned later in the enclosing function
            continue
    return names
