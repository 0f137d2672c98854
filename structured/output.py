"""``OutputSchema[T]``: the contract for a value of type ``T``."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Hashable, Iterator
from functools import lru_cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

import pydantic
from pydantic_core import PydanticOmit, PydanticSerializationError, from_json
from pydantic_core import SchemaError as CoreSchemaError

from structured.constraint import Constraint, JsonConstraint
from structured.describe import describe
from structured.errors import SchemaError, ValidationFailed, Violation, shorten
from structured.input_form import as_written, in_json
from structured.json_schema import JsonSchema, closed
from structured.type_schema import SchemaGenerator
from structured.validation import schema_validator, violations

T = TypeVar("T")


class OutputSchema(Generic[T]):
    """What a model must return to give a value of type ``T``.

    Made by :meth:`of` from anything that pydantic's ``TypeAdapter`` takes, or by
    :meth:`from_json_schema` from a JSON Schema (values are then plain JSON data).

    Attributes:
        name: A short name of the type, for prompts and errors.
        description: The type's docstring or the schema's description, or ``""``.
        json_schema: The JSON Schema that a value meets *before* validation, aliases included.
        form: Whether a reply is JSON, or the text itself (see :mod:`structured.text`).
    """

    form: ClassVar[Literal["json", "text"]] = "json"

    def __init__(
        self,
        *,
        name: str,
        description: str,
        json_schema: JsonSchema,
        adapter: pydantic.TypeAdapter[T],
        check: Callable[[object], tuple[Violation, ...]] | None = None,
    ) -> None:
        self.name = name
        self.description = description
        self.json_schema = json_schema
        self._adapter = adapter
        self._check = check
        self._constraint: Constraint | None = None

    @staticmethod
    def of(type_: type[T] | Any) -> OutputSchema[T]:
        """The contract of a type; the same object again for the same type.

        Raises:
            SchemaError: The type has no JSON Schema (a callable, a class that pydantic does
                not know, …) or refers to a name that is not defined.
        """
        try:
            return cast("OutputSchema[T]", _cached(cast(Hashable, type_)))
        except TypeError as error:
            if "unhashable" not in str(error):
                raise
            return cast("OutputSchema[T]", _build(type_))

    @staticmethod
    def from_json_schema(schema: JsonSchema | str, *, name: str = "") -> OutputSchema[Any]:
        """The contract of a JSON Schema, given as a dict or as its JSON text.

        Values are checked against the schema, in the draft it names (2020-12 by default).

        Raises:
            SchemaError: Not JSON, or not a valid JSON Schema.
        """
        if isinstance(schema, str):
            try:
                schema = json.loads(schema)
            except (ValueError, RecursionError) as error:
                raise SchemaError(f"expected a JSON Schema as JSON text: {error}") from None
        if not isinstance(schema, dict):
            raise SchemaError(f"expected a JSON Schema object, got {shorten(schema)}")
        check = schema_validator(schema)
        return OutputSchema(
            name=name or str(schema.get("title") or "value"),
            description=str(schema.get("description") or ""),
            json_schema=schema,
            adapter=pydantic.TypeAdapter(Any),
            check=check,
        )

    def __repr__(self) -> str:
        return f"OutputSchema[{self.name}]"

    @property
    def constraint(self) -> Constraint:
        """What a decoder must obey so that its text is JSON of this contract."""
        if self._constraint is None:
            # A class lists its fields in the order in which its author wants them written; in a
            # JSON Schema, which is often sorted by name, the order of properties says nothing.
            self._constraint = JsonConstraint(
                schema_text=json.dumps(self.json_schema),
                key_order="schema" if self._check is None else "any",
            )
        return self._constraint

    @property
    def shape(self) -> str:
        """What a reply looks like, for prompts."""
        return describe(self.json_schema)

    def validate_json(self, text: str | bytes, *, context: object = None) -> T:
        """The value that a JSON text stands for.

        ``context`` is what validators see as ``info.context``.

        Raises:
            ValidationFailed: Not JSON, or JSON that breaks the contract.
        """
        try:
            if self._check is None:
                return self._adapter.validate_json(text, context=context)
            value = from_json(text, allow_inf_nan=False)
        except pydantic.ValidationError as error:
            raise ValidationFailed(self.name, violations(error), _as_text(text)) from None
        except ValueError as error:
            found = Violation("$", f"JSON ({error})", shorten(_as_text(text)), "json_invalid")
            raise ValidationFailed(self.name, [found], _as_text(text)) from None
        if broken := self._check(value):
            raise ValidationFailed(self.name, broken, _as_text(text))
        return cast(T, value)

    def validate_python(self, value: object, *, context: object = None) -> T:
        """The value of type ``T`` that a Python object stands for (coerced as pydantic does).

        ``context`` is what validators see as ``info.context``.

        Raises:
            ValidationFailed: The object breaks the contract.
        """
        try:
            result = self._adapter.validate_python(value, context=context)
        except pydantic.ValidationError as error:
            raise ValidationFailed(self.name, violations(error), shorten(value, 10_000)) from None
        if self._check is not None and (found := self._check(value)):
            raise ValidationFailed(self.name, found, shorten(value, 10_000))
        return result

    def validate_partial(self, text: str | bytes, *, context: object = None) -> T:
        """The value that the beginning of a JSON text already stands for.

        The text may end anywhere; unfinished last elements are left out. What is complete
        is validated; ``context`` is what validators see as ``info.context``.

        Raises:
            ValidationFailed: What is there already breaks the contract, or required parts
                have not come yet.
        """
        try:
            return self._adapter.validate_json(
                text, experimental_allow_partial="trailing-strings", context=context
            )
        except pydantic.ValidationError as error:
            raise ValidationFailed(self.name, violations(error), _as_text(text)) from None

    def dump(self, value: T) -> Any:
        """``value`` as JSON-able data, as its class shows itself: by alias, with what it computes.

        Raises:
            SchemaError: The value cannot be written as JSON.
        """
        try:
            return self._adapter.dump_python(value, mode="json", by_alias=True)
        except (PydanticSerializationError, ValueError) as error:
            raise SchemaError(f"cannot write {shorten(value)} as JSON: {error}") from None

    def as_input(self, value: T) -> Any:
        """``value`` as JSON-able data, as a model would have written it.

        That is what :meth:`validate_json` takes: under the names that are read, without what a
        class computes, with what it does not show.

        Raises:
            SchemaError: The value cannot be written as JSON.
        """
        try:
            dumped = self._adapter.dump_python(
                value, mode="json", by_alias=True, round_trip=True, fallback=in_json
            )
            return as_written(value, dumped)
        except (PydanticSerializationError, ValueError) as error:
            raise SchemaError(f"cannot write {shorten(value)} as JSON: {error}") from None

    def dump_json(self, value: T) -> str:
        """``value`` as JSON text, as a model would have written it.

        Raises:
            SchemaError: The value cannot be written as JSON.
        """
        try:
            text = json.dumps(self.as_input(value), ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            raise SchemaError(f"cannot write {shorten(value)} as JSON: {error}") from None
        return text.replace("\x7f", "\\u007f")  # as grammars spell it


def _as_text(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8", "replace")


@lru_cache(maxsize=1024, typed=True)
def _cached(type_: Any) -> OutputSchema[Any]:
    return _build(type_)


def _build(type_: Any) -> OutputSchema[Any]:
    name = type_name(type_)
    if inspect.isroutine(type_):  # pydantic would make a schema of its arguments, and call it
        raise SchemaError(
            f"expected a type, got the function {name}",
            hint="for a function that a model may call use ToolSchema.of(...)",
        )
    if isinstance(type_, str):
        raise SchemaError(
            f"expected a type, got the text {type_!r}",
            hint="for a JSON Schema as text use OutputSchema.from_json_schema(...)",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pydantic.json_schema.PydanticJsonSchemaWarning)
            adapter = pydantic.TypeAdapter(type_)
            schema = adapter.json_schema(schema_generator=SchemaGenerator, by_alias=True)
    except pydantic.errors.PydanticUserError as error:
        raise SchemaError(
            f"{name} has no JSON Schema: {error.message}",
            hint="use a pydantic class, a dataclass, a TypedDict, or built-in types",
        ) from None
    except PydanticOmit:
        raise SchemaError(f"{name} has no JSON Schema: it is left out of schemas") from None
    except (TypeError, NameError, CoreSchemaError) as error:
        raise SchemaError(f"{name} is not a type that can be validated: {error}") from None
    return OutputSchema(
        name=name,
        description=str(schema.get("description", "")),
        json_schema=closed(schema),
        adapter=adapter,
    )


def type_name(type_: Any) -> str:
    """A type as a person would write it: ``list[Person]``, ``Literal['a', 'b']``."""
    origin, arguments = get_origin(type_), get_args(type_)
    if isinstance(type_, type) and origin is None:
        return type_.__name__
    if origin is Annotated:
        return type_name(arguments[0])
    if origin in (Union, UnionType):
        return " | ".join("None" if part is NoneType else type_name(part) for part in arguments)
    text = repr(type_)
    for part in _parts(type_):
        module = getattr(part, "__module__", None)
        if module:
            text = text.replace(f"{module}.", "")
    return text.replace("typing.", "").replace("<locals>.", "")


def _parts(type_: Any) -> Iterator[Any]:
    yield type_
    for argument in get_args(type_):
        yield from _parts(argument)
