"""``ToolSchema``: the contract of a function that a model may call."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Generic, TypeVar, get_args, get_origin, overload

from structured.annotations import Interpreted, clean
from structured.arguments import ArgumentsSchema, BoundArguments
from structured.callables import checked_callable, docstring, is_async, keyword_names, tool_name
from structured.docstrings import parse_docstring
from structured.errors import ByzerError, SchemaError, ToolDefinitionError
from structured.json_schema import JsonSchema
from structured.output import OutputSchema
from structured.signature import SignatureReader

R = TypeVar("R")
S = TypeVar("S")


class ToolSchema(Generic[R]):
    """The contract of a function: what a model must write to call it, and what it gives back.

    Made by :meth:`of`. Two are equal when they are of the same function with the same options.
    Picklable when the function is. Not cached: a schema holds its function, so a cache would
    keep every function alive; making one takes about a millisecond.

    Attributes:
        func: The function.
        name: The tool's name.
        description: What the tool does, for a model.
        parameters: JSON Schema of the arguments object. Do not change it.
        returns: The contract of the result; ``None`` when the function declares none, or a type
            that has no JSON Schema.
        is_async: Whether the function is a coroutine function.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        skip_first: bool = False,
    ) -> None:
        skip_first = skip_first and not isinstance(func, staticmethod)
        self._options = (name, description, skip_first)
        self._needs_object = skip_first
        self.func = checked_callable(func, skip_first)
        self.name = tool_name(self.func, name)
        self.is_async = is_async(self.func)
        reader = SignatureReader(self.func, tool=self.name, skip_first=skip_first)
        doc = parse_docstring(docstring(self.func), reader.names())
        arguments = reader.arguments(doc.parameters)
        spreads = any(argument.passing == "**" for argument in arguments)
        taken = keyword_names(self.func) if spreads else frozenset()
        self._arguments = ArgumentsSchema(self.name, arguments, taken)
        self.parameters: JsonSchema = self._arguments.json_schema
        result = reader.result()
        self.returns: OutputSchema[R] | None = _returns(result)
        told = f"Returns: {result.description}" if result and result.description else ""
        self.description = "\n\n".join(filter(None, (doc.description, told)))
        if description is not None:
            self.description = clean(description)

    @overload
    @staticmethod
    def of(
        func: Callable[..., Coroutine[Any, Any, S]],
        *,
        name: str | None = None,
        description: str | None = None,
        skip_first: bool = False,
    ) -> ToolSchema[S]: ...

    @overload
    @staticmethod
    def of(
        func: Callable[..., S],
        *,
        name: str | None = None,
        description: str | None = None,
        skip_first: bool = False,
    ) -> ToolSchema[S]: ...

    @staticmethod
    def of(
        func: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        skip_first: bool = False,
    ) -> ToolSchema[Any]:
        """The contract of a function, a bound method, a callable instance or a partial.

        Every parameter needs a type; ``Annotated[T, "text", {"enum": […]}]`` describes and
        restricts it (see :func:`structured.annotations.interpret`), and the docstring (google,
        numpy or sphinx style) describes what annotations do not. ``*args: T`` is an array,
        ``**kwargs: T`` an object, each a property named like the parameter; the keys of
        ``**kwargs: Unpack[TypedDict]`` are properties themselves.

        Args:
            func: The function.
            name: The tool's name; the function's own by default.
            description: What to tell a model instead of the docstring's text.
            skip_first: ``func`` stands in a class body: leave out its ``self``. The schema can
                validate; :meth:`bound_to` makes one that can call.

        Raises:
            ToolDefinitionError: The function cannot be offered to a model; the error names the
                parameter and says what to write.
        """
        return ToolSchema(func, name=name, description=description, skip_first=skip_first)

    def __repr__(self) -> str:
        return f"ToolSchema({self.name})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ToolSchema):
            return NotImplemented
        return bool(self.func == other.func) and self._options == other._options

    def __hash__(self) -> int:
        return hash(self._options)  # a callable instance may not be hashable

    def __reduce__(self) -> tuple[Any, ...]:
        # Validators do not pickle: the other process builds its own from the function.
        return (_rebuild, (self.func, *self._options))

    def bound_to(self, instance: object) -> ToolSchema[R]:
        """The same contract for the method of one object (made with ``skip_first``).

        Raises:
            ToolDefinitionError: This is not the schema of a method without its object.
        """
        if not self._needs_object:
            raise ToolDefinitionError(
                f"tool {self.name!r} needs no object: it was not made with skip_first=True",
                tool=self.name,
            )
        bound: ToolSchema[R] = object.__new__(ToolSchema)
        bound.__dict__.update(self.__dict__)
        bound.func = self.func.__get__(instance, type(instance))
        bound._needs_object = False
        bound._options = (*self._options[:2], False)
        return bound

    def to_openai(self) -> dict[str, Any]:
        """The tool as OpenAI's chat API takes it; the caller may change it."""
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": copy.deepcopy(self.parameters),
            },
        }

    def validate(self, arguments: Mapping[str, Any] | str | bytes) -> BoundArguments:
        """Arguments checked, coerced as pydantic does by default, and completed by defaults.

        Args:
            arguments: The arguments object, as data (never changed) or as JSON text.

        Raises:
            ValidationFailed: Not JSON, or it breaks the contract: an unknown key, too.
        """
        return self._arguments.bind(arguments)

    def call(self, arguments: Mapping[str, Any] | str | bytes) -> R:
        """Validate and call; a coroutine function runs to its end in an event loop of its own.

        What the function raises comes through unchanged.

        Raises:
            ValidationFailed: The arguments break the contract; the function was not called.
            ByzerError: A coroutine function, while an event loop runs in this thread.
        """
        bound = self._ready(arguments)
        result: Any = self._awaited(bound) if self.is_async else self._plain(bound)
        value: R = self._finished(result) if inspect.isawaitable(result) else result
        return value

    async def acall(self, arguments: Mapping[str, Any] | str | bytes) -> R:
        """Validate and call; a function that is not async runs in a thread, with this context.

        What the function raises comes through unchanged (except ``StopIteration``, which no
        coroutine can raise: Python turns it into ``RuntimeError``).

        Raises:
            ValidationFailed: The arguments break the contract; the function was not called.
        """
        bound = self._ready(arguments)
        if self.is_async:
            return await self._awaited(bound)
        import asyncio

        result: Any = await asyncio.to_thread(self._in_thread, bound)
        value: R = await result if inspect.isawaitable(result) else result
        return value

    def dump_result(self, value: R) -> Any:
        """What the function returned, as JSON-able data, in the form its annotation says.

        Raises:
            SchemaError: The value cannot be written as JSON.
        """
        return (self.returns or OutputSchema.of(Any)).dump(value)

    def _ready(self, arguments: Mapping[str, Any] | str | bytes) -> BoundArguments:
        if self._needs_object:
            raise ToolDefinitionError(
                f"tool {self.name!r} is a method without its object",
                tool=self.name,
                hint="call schema.bound_to(instance) and use what it returns",
            )
        return self.validate(arguments)

    def _plain(self, bound: BoundArguments) -> Any:
        return self.func(*bound.args, **bound.kwargs)

    async def _awaited(self, bound: BoundArguments) -> R:
        value: R = await self.func(*bound.args, **bound.kwargs)
        return value

    def _in_thread(self, bound: BoundArguments) -> Any:
        try:
            return self._plain(bound)
        except StopIteration as error:
            # A future cannot hold one: awaiting it would wait for ever.
            raise RuntimeError(f"tool {self.name!r} raised StopIteration") from error

    def _finished(self, awaitable: Awaitable[R]) -> R:
        import asyncio  # 40 ms that importing a schema should not cost

        if _loop_runs():
            if inspect.iscoroutine(awaitable):
                awaitable.close()
            raise ByzerError(
                f"tool {self.name!r} is async, and an event loop runs in this thread",
                hint="await schema.acall(arguments) instead",
            )
        return asyncio.run(_await(awaitable))


async def _await(awaitable: Awaitable[R]) -> R:
    return await awaitable


def _rebuild(
    func: Callable[..., Any], name: str | None, description: str | None, skip_first: bool
) -> ToolSchema[Any]:
    return ToolSchema(func, name=name, description=description, skip_first=skip_first)


def _loop_runs() -> bool:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _returns(result: Interpreted | None) -> OutputSchema[Any] | None:
    if result is None:
        return None
    type_ = result.type
    if get_origin(type_) in (Awaitable, Coroutine):  # a function that hands on a coroutine
        type_ = get_args(type_)[-1]
    try:
        return OutputSchema.of(type_)
    except SchemaError:
        return None
