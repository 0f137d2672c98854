"""``@tool``: a function that a model may call, and that everybody else still can."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, overload

from structured import ToolSchema

P = ParamSpec("P")
R = TypeVar("R")


class Tool(Generic[P, R]):
    """A function with its contract. Calling it calls the function, with no checks added.

    Attributes:
        schema: The contract; ``schema.call(arguments)`` validates, coerces and calls.
    """

    def __init__(
        self, func: Callable[P, R], schema: ToolSchema[Any], *, is_method: bool = False
    ) -> None:
        functools.update_wrapper(self, func)
        self.func = func
        self.schema = schema
        self._is_method = is_method

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function."""
        return self.func(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """A tool defined in a class body becomes a tool of the instance it is taken from."""
        if instance is None or not self._is_method:
            return self
        schema = self.schema.bound_to(instance)
        return Tool(schema.func, schema)

    def __repr__(self) -> str:
        return f"<tool {self.schema.name}>"

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self.schema.name

    @property
    def parameters(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""
        return self.schema.parameters


@overload
def tool(func: Callable[P, R]) -> Tool[P, R]: ...
@overload
def tool(
    *, name: str | None = None, description: str | None = None
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
def tool(
    func: Callable[P, R] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
) -> Tool[P, R] | Callable[[Callable[P, R]], Tool[P, R]]:
    """Make a function a tool: its annotations and docstring become its contract.

    >>> @tool
    ... def add(a: int, b: int) -> int:
    ...     '''The sum of two numbers.'''
    ...     return a + b
    >>> add.schema.parameters["required"]
    ['a', 'b']
    >>> add(1, 2)
    3

    Use it bare or with ``name`` and ``description``; on plain and ``async`` functions and on
    methods (taken from an instance, they have no ``self``).

    Raises:
        ToolDefinitionError: A parameter without annotation, or of a type with no JSON Schema.
    """

    def wrap(func: Callable[P, R]) -> Tool[P, R]:
        skip = _is_method(func)
        schema = ToolSchema.of(func, name=name, description=description, skip_first=skip)
        return Tool(func, schema, is_method=skip)

    return wrap if func is None else wrap(func)


def _is_method(func: Callable[..., Any]) -> bool:
    """Whether a function stands in a class body and begins with a bare ``self``.

    A static method stands there too, but its first parameter has an annotation, as any tool's.
    """
    scope, _, _ = getattr(func, "__qualname__", "").rpartition(".")
    if not scope or scope.endswith("<locals>"):
        return False
    first = next(iter(inspect.signature(func).parameters.values()), None)
    return first is not None and first.annotation is first.empty
