"""JSON Schema keywords as enforced restrictions on a Python type."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pydantic
from pydantic_core import (
    CoreSchema,
    PydanticKnownError,
    PydanticSerializationError,
    core_schema,
    to_jsonable_python,
)
from pydantic_core import SchemaError as CoreSchemaError

from structured.errors import SchemaError, shorten
from structured.json_schema import subschemas
from structured.output import type_name

UNUSABLE_TYPE = (pydantic.errors.PydanticUserError, CoreSchemaError, TypeError, NameError)
"""What pydantic raises for a type from which it can make no validator or no JSON Schema."""

_NUMBER = ("integer", "number")
_CONSTRAINTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "minimum": ("ge", _NUMBER),
    "maximum": ("le", _NUMBER),
    "exclusiveMinimum": ("gt", _NUMBER),
    "exclusiveMaximum": ("lt", _NUMBER),
    "multipleOf": ("multiple_of", _NUMBER),
    "minLength": ("min_length", ("string",)),
    "maxLength": ("max_length", ("string",)),
    "pattern": ("pattern", ("string",)),
    "minItems": ("min_length", ("array",)),
    "maxItems": ("max_length", ("array",)),
    "minProperties": ("min_length", ("object",)),
    "maxProperties": ("max_length", ("object",)),
}
"""Keyword → pydantic's constraint, and the JSON types that it is about."""

# These restrict values, and the type itself has to say so: kept in the schema only, they would
# be promises that validation does not keep.
_TYPE_SAYS_IT = frozenset(
    [
        "$ref",
        "$dynamicRef",
        "$defs",
        "definitions",
        "properties",
        "required",
        "additionalProperties",
        "patternProperties",
        "propertyNames",
        "unevaluatedProperties",
        "dependentRequired",
        "dependentSchemas",
        "dependencies",
        "items",
        "prefixItems",
        "additionalItems",
        "unevaluatedItems",
        "contains",
        "minContains",
        "maxContains",
        "uniqueItems",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
    ]
)


def restrict(type_: Any, keywords: dict[str, Any]) -> Any:
    """``type_`` under JSON Schema keywords.

    * ``enum`` and ``const`` leave only the values listed, which must be values of the type (or
      the JSON of such values); ``None`` stays possible for an optional type.
    * Bounds, ``multipleOf``, lengths, item and property counts, and ``pattern`` are enforced,
      for an optional type on what is not ``None``.
    * ``type`` must say what the type says already.
    * Keywords that only the type can say (``properties``, ``items``, ``anyOf``, …) are refused.
    * All others (``title``, ``examples``, ``format``, ``x-…``, unknown ones) stand in the schema
      as they are; nothing checks them.

    Raises:
        SchemaError: A keyword that does not fit the type, or whose value makes no sense.
    """
    members = tuple(member for member in get_args(type_) if member is not NoneType)
    union = get_origin(type_) in (Union, UnionType)
    optional = union and len(members) < len(get_args(type_))
    subject = Union[members] if optional else type_  # noqa: UP007
    extras: dict[str, Any] = {}
    values: list[Any] | None = None
    for keyword, value in keywords.items():
        if keyword == "enum":
            values = _listed(value, keyword)
        elif keyword == "const":
            values = [value]
        elif keyword in _CONSTRAINTS:
            subject = _constrain(subject, keyword, value)
        elif keyword == "type":
            _agree(subject, value)
        elif keyword in _TYPE_SAYS_IT:
            raise SchemaError(
                f"the keyword {keyword!r} cannot be enforced beside a type",
                hint="say it with the type: a pydantic class, a TypedDict, a union, …",
            )
        else:
            extras[keyword] = _as_json(keyword, value)
    if values is not None:
        if optional:
            values = [value for value in values if value is not None]
        subject = Annotated[subject, _one_of(subject, values)]
    if optional:
        subject = Union[subject, None]  # noqa: UP007
    return Annotated[subject, _SchemaExtras(extras)] if extras else subject


def value_of(type_: Any, value: Any, keyword: str) -> Any:
    """The value of ``type_`` that ``value`` is, or that it is the JSON of; never coerced.

    Raises:
        SchemaError: It is neither. ``keyword`` says in the message where it comes from.
    """
    try:
        adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(type_)
        try:
            return adapter.validate_python(value, strict=True)
        except pydantic.ValidationError:
            return adapter.validate_json(json.dumps(value), strict=True)
    except (*UNUSABLE_TYPE, ValueError):
        in_list = keyword == "enum" and get_origin(_bare(type_)) in _LISTS
        raise SchemaError(
            f"{shorten(value)} in the keyword {keyword!r} is not a value of {_name(type_)}",
            hint="to restrict what a list holds, write list[Literal[…]]" if in_list else "",
        ) from None


_LISTS = (list, set, frozenset, tuple)


def _bare(type_: Any) -> Any:
    return get_args(type_)[0] if get_origin(type_) is Annotated else type_


def _name(type_: Any) -> str:
    return type_name(_bare(type_))


def _schema(type_: Any) -> dict[str, Any]:
    # pydantic's own generator: ours writes a Decimal as a string, where no bound can stand.
    try:
        return pydantic.TypeAdapter(type_).json_schema()
    except UNUSABLE_TYPE as error:
        raise SchemaError(f"{_name(type_)} has no JSON Schema: {error}") from None


def _listed(value: Any, keyword: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise SchemaError(f"the keyword {keyword!r} takes a list of values, got {shorten(value)}")
    return list(value)


def _as_json(keyword: str, value: Any) -> Any:
    value = _listed(value, keyword) if keyword == "examples" else value
    try:
        return to_jsonable_python(value)
    except PydanticSerializationError:
        raise SchemaError(f"{shorten(value)} in the keyword {keyword!r} is not JSON") from None


def _agree(type_: Any, value: Any) -> None:
    named = set(value if isinstance(value, (list, tuple)) else [value]) - {"null"}
    if named != {_schema(type_).get("type")}:
        raise SchemaError(f"{value!r} in the keyword 'type' is not what {_name(type_)} says")


def _constrain(type_: Any, keyword: str, value: Any) -> Any:
    argument, json_types = _CONSTRAINTS[keyword]
    arguments: dict[str, Any] = {argument: value}
    result = Annotated[type_, pydantic.Field(**arguments)]
    try:
        schema = pydantic.TypeAdapter(result).json_schema()
    except UNUSABLE_TYPE as error:
        raise SchemaError(
            f"the keyword {keyword!r} cannot be {shorten(value)} beside {_name(type_)}: {error}"
        ) from None
    # pydantic accepts any constraint on any type, and then fails on the first value; the
    # keyword stands where it belongs only if the constraint is one that the type has.
    if not any(
        node.get(keyword) == value and node.get("type") in json_types
        for _, node in subschemas(schema)
    ):
        raise SchemaError(
            f"the keyword {keyword!r} is about values of type {' or '.join(json_types)}, "
            f"not about {_name(type_)}",
            hint="beside a union, write it at the member that it is about"
            if get_origin(_bare(type_)) in (Union, UnionType)
            else "",
        )
    return result


def _one_of(type_: Any, values: Sequence[Any]) -> _OneOf:
    if not values:
        raise SchemaError("the keyword 'enum' lists no value")
    allowed = [value_of(type_, value, "enum") for value in values]
    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(type_)
    return _OneOf(
        tuple(allowed), tuple(adapter.dump_python(value, mode="json") for value in allowed)
    )


@dataclass(frozen=True, eq=False)  # eq=False: hashable whatever the values are
class _OneOf:
    """Restricts a type to some of its values.

    Not a ``Literal``, because that compares before the type had its say: ``Literal[7]`` refuses
    the ``"7"`` that ``int`` takes, and JSON has no spelling for ``Literal[date(…)]``.
    """

    allowed: tuple[Any, ...]
    shown: tuple[Any, ...]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: pydantic.GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: pydantic.GetJsonSchemaHandler
    ) -> dict[str, Any]:
        # The values say all that the type's other keywords could; a $ref or a union least of all.
        kept = ("type", "title", "description", "examples")
        found = {keyword: value for keyword, value in handler(schema).items() if keyword in kept}
        return {**found, "enum": list(self.shown)}

    def _check(self, value: Any) -> Any:
        for allowed in self.allowed:
            # True == 1 in Python, but nobody who lists 1 means True.
            if value == allowed and isinstance(value, bool) == isinstance(allowed, bool):
                return value
        *first, last = map(repr, self.shown)
        raise PydanticKnownError(
            "literal_error", {"expected": f"{', '.join(first)} or {last}" if first else last}
        )


@dataclass(frozen=True, eq=False)
class _SchemaExtras:
    """Keywords that stand in the schema and that validation does not know."""

    keywords: dict[str, Any]

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: pydantic.GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), **self.keywords}
