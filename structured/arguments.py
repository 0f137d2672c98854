"""The arguments object of a tool: its schema, its validation, and the call it stands for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

import pydantic
import typing_extensions

from structured.errors import ToolDefinitionError, ValidationFailed, Violation, json_path, shorten
from structured.json_schema import JsonSchema, closed
from structured.keywords import UNUSABLE_TYPE
from structured.output import type_name
from structured.signature import Argument, definition_error
from structured.type_schema import SchemaGenerator
from structured.validation import violations


@dataclass(frozen=True, slots=True)
class BoundArguments:
    """Validated arguments, defaults filled in, ready for ``function(*args, **kwargs)``."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class ArgumentsSchema:
    """The contract of a tool's arguments.

    A ``TypedDict`` does the validation and not a pydantic class: its keys are data, so a
    parameter may be called ``_x``, ``schema``, ``copy`` or ``model_config``.

    Args:
        tool: The tool's name.
        arguments: The properties.
        taken: Names that a key for ``**kwargs`` must not have, because the call uses them.

    Attributes:
        json_schema: The JSON Schema of the arguments object.

    Raises:
        ToolDefinitionError: A property's type has no JSON Schema, or two have the same alias.
    """

    def __init__(self, tool: str, arguments: tuple[Argument, ...], taken: frozenset[str]) -> None:
        self._tool = tool
        self._arguments = arguments
        self._taken = taken
        try:
            self._adapter, schema = _build(tool, arguments)
        except UNUSABLE_TYPE as error:
            raise _explained(tool, arguments, error) from None
        self._properties = tuple(schema["properties"])
        if len(self._properties) < len(arguments):
            raise definition_error(tool, "", "two parameters have the same alias", "rename one")
        self.json_schema: JsonSchema = {
            "type": "object",
            "properties": schema["properties"],
            "required": schema.get("required", []),
            "additionalProperties": False,
        }
        if "$defs" in schema:
            self.json_schema["$defs"] = schema["$defs"]

    def bind(self, arguments: Mapping[str, Any] | str | bytes) -> BoundArguments:
        """Validate an arguments object, as data or as JSON text.

        No text at all is the empty object: providers send that for a call without arguments.

        Raises:
            ValidationFailed: Not JSON, or it breaks the contract.
        """
        try:
            values = self._validated(arguments)
        except pydantic.ValidationError as error:
            raise self._failed(violations(error), arguments) from None
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for argument in self._arguments:
            if argument.name not in values:
                continue
            value = values[argument.name]
            match argument.passing:
                case "keyword":
                    kwargs[argument.name] = value
                case "positional":
                    args.append(value)
                case "*":
                    args.extend(value)
                case "**":
                    if clashes := sorted(value.keys() & self._taken):
                        raise self._failed(self._clashes(argument, clashes, value), arguments)
                    kwargs.update(value)
        return BoundArguments(tuple(args), kwargs)

    def _validated(self, arguments: Mapping[str, Any] | str | bytes) -> dict[str, Any]:
        values: dict[str, Any] | None
        if isinstance(arguments, (str, bytes)):
            values = self._adapter.validate_json(arguments if arguments.strip() else "{}")
            return values or {}
        try:
            values = self._adapter.validate_python(arguments)
        except pydantic.ValidationError:
            values = self._validated_as_json(arguments)
            if values is None:
                raise
        return values or {}

    def _validated_as_json(self, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """The values of JSON that a provider's SDK has parsed.

        A strict type, or a ``Literal`` of Enum members, refuses strings and lists as Python
        values and takes them as what they are, JSON.
        """
        try:
            values: dict[str, Any] = self._adapter.validate_json(json.dumps(arguments))
        except (TypeError, ValueError):  # not JSON, or not valid as JSON either
            return None
        return values

    def _clashes(
        self, argument: Argument, keys: list[str], value: dict[str, Any]
    ) -> list[Violation]:
        place = self._properties[self._arguments.index(argument)]
        return [
            Violation(
                json_path([place, key]),
                f"Key should not be the name of another parameter of {self._tool}",
                shorten(value[key]),
                "taken_name",
            )
            for key in keys
        ]

    def _failed(self, found: Any, arguments: Mapping[str, Any] | str | bytes) -> ValidationFailed:
        return ValidationFailed(self._tool, found, _as_text(arguments))


def _build(tool: str, arguments: tuple[Argument, ...]) -> tuple[pydantic.TypeAdapter[Any], Any]:
    make: Any = typing_extensions.TypedDict
    # A name that no class of the user's has: two types of one name would share $defs uneasily.
    type_ = make(f"{tool}_arguments", {argument.name: argument.field for argument in arguments})
    type_.__pydantic_config__ = pydantic.ConfigDict(extra="forbid")
    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(type_)
    schema = closed(adapter.json_schema(schema_generator=SchemaGenerator, by_alias=True))
    return adapter, schema


def _explained(tool: str, arguments: tuple[Argument, ...], error: Exception) -> ToolDefinitionError:
    """The error for the first parameter that cannot be described on its own."""
    for argument in arguments:
        try:
            _build(tool, (argument,))
        except UNUSABLE_TYPE as own:
            return definition_error(
                tool,
                argument.name,
                f"the type {_name(argument.field)} cannot be described to a model: {_reason(own)}",
                "use built-in types, a pydantic class, a dataclass, a TypedDict or an Enum; bind "
                "other objects with functools.partial or as attributes of a class",
            )
    return definition_error(tool, "", f"its parameters cannot be described: {_reason(error)}", "")


def _reason(error: Exception) -> str:
    return str(getattr(error, "message", error)).partition("\n")[0]


def _name(field: Any) -> str:
    while get_origin(field) in (typing_extensions.NotRequired, Annotated):
        field = get_args(field)[0]
    return type_name(field)


def _as_text(arguments: Mapping[str, Any] | str | bytes) -> str:
    if isinstance(arguments, bytes):
        return arguments.decode("utf-8", "replace")
    if isinstance(arguments, str):
        return arguments
    try:
        return json.dumps(arguments, ensure_ascii=False, default=repr)
    except (TypeError, ValueError):
        return shorten(arguments, 10_000)
