"""What may become a tool, and what a callable of any kind is underneath."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from structured.errors import ToolDefinitionError, shorten

Function = Callable[..., Any]


def checked_callable(thing: Any, skip_first: bool) -> Function:
    """``thing`` if it can be called as a tool; what a ``staticmethod`` object wraps.

    Args:
        thing: A function, a bound method, a callable instance, a ``functools.partial`` of one.
        skip_first: ``thing`` stands in a class body: a ``classmethod`` object is unwrapped too.

    Raises:
        ToolDefinitionError: It is a class, or nothing that can be called.
    """
    if isinstance(thing, staticmethod) or (skip_first and isinstance(thing, classmethod)):
        thing = thing.__func__
    inner = innermost(thing)
    if isinstance(thing, classmethod):
        name = getattr(thing.__func__, "__name__", "?")
        problem = "a classmethod object"
        hint = f"give it as an attribute of its class: Class.{name}"
    elif isinstance(inner, type):
        name = inner.__name__
        problem = f"the class {name}"
        hint = "give a function that makes one; for values of a class use OutputSchema.of"
    elif not callable(thing):
        name, problem, hint = shorten(thing, 40), shorten(thing), "give a function"
    else:
        function: Function = thing
        return function
    raise ToolDefinitionError(f"expected a function as a tool, got {problem}", tool=name, hint=hint)


def partials(function: Any) -> Iterator[functools.partial[Any]]:
    """The ``functools.partial`` objects around a function, outermost first."""
    while isinstance(function, functools.partial):
        yield function
        function = function.func


def innermost(function: Any) -> Any:
    """``function`` without the ``functools.partial`` objects around it."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def plain_function(function: Function) -> Function:
    """The ``def`` underneath: of a partial, a method, a callable instance, a wrapper."""
    inner = inspect.unwrap(innermost(function))
    inner = inspect.unwrap(getattr(inner, "__func__", inner))
    if not hasattr(inner, "__code__"):
        call: Any = type(inner).__call__
        inner = inspect.unwrap(call) if hasattr(call, "__code__") else inner
    plain: Function = inner
    return plain


def tool_name(function: Function, name: str | None) -> str:
    """``name``, or the name of the function underneath (of the class, for an instance).

    Raises:
        ToolDefinitionError: There is none: a lambda, an empty ``name``.
    """
    if name is None:
        inner = innermost(function)
        name = getattr(inner, "__name__", None) or type(inner).__name__
    if not name.strip() or name == "<lambda>":
        raise ToolDefinitionError(
            "a tool's name is empty" if name.isspace() or not name else "a lambda has no name",
            tool=name,
            hint="give name='…', or write a function with def",
        )
    return name


def docstring(function: Function) -> str | None:
    """The text of the function underneath; for an instance, of its ``__call__`` or its class."""
    inner = innermost(function)
    if hasattr(inner, "__name__"):
        return inspect.getdoc(inner)
    return inspect.getdoc(type(inner).__call__) or inspect.getdoc(inner)


def is_async(function: Function) -> bool:
    """Whether calling it makes a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(innermost(function), "__call__", None)  # noqa: B004 - not a test
    )


def is_in_class(function: Function) -> bool:
    """Whether a plain function was written in a class body."""
    parent = getattr(function, "__qualname__", "").rpartition(".")[0]
    return bool(parent) and not parent.endswith("<locals>")


def keyword_names(function: Function) -> frozenset[str]:
    """Every name that the call binds, also those a signature hides (``self``, a partial's)."""
    inner = innermost(function)
    if not hasattr(inner, "__name__"):
        inner = type(inner).__call__
    signature = inspect.signature(getattr(inner, "__func__", inner))
    return frozenset(
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    )
