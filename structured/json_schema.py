"""JSON Schemas as data: the walks over their parts, and the words of our own in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from structured.spelled_out import DECIMAL as DECIMAL
from structured.spelled_out import SPELLED_OUT as SPELLED_OUT
from structured.spelled_out import as_formatted as as_formatted

JsonSchema = dict[str, Any]

# Where a JSON Schema (any draft from 4 to 2020-12) holds further schemas.
_SCHEMA_MAPS = (
    *("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"),
    "dependencies",
)
_SCHEMA_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SCHEMAS = (
    "items",
    "additionalItems",
    "additionalProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
)


RULES = "x-rules"
"""Keyword: what validation checks beyond the other keywords, as texts that a model can read."""


def subschemas(schema: JsonSchema) -> Iterator[tuple[tuple[str | int, ...], JsonSchema]]:
    """Every object schema in ``schema``, itself first, each with its location.

    Only places that hold schemas are walked: a ``default`` or an ``examples`` entry that
    happens to look like a schema is data.
    """
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), schema)]
    while stack:
        location, node = stack.pop()
        if not isinstance(node, dict):
            continue
        yield location, node
        for key in _SCHEMA_MAPS:
            if isinstance(node.get(key), dict):
                stack += [((*location, key, name), child) for name, child in node[key].items()]
        for key in _SCHEMA_LISTS:
            if isinstance(node.get(key), list):
                stack += [((*location, key, i), child) for i, child in enumerate(node[key])]
        for key in _SCHEMAS:
            child = node.get(key)
            if isinstance(child, list):  # draft 4's tuple form of items
                stack += [((*location, key, i), grandchild) for i, grandchild in enumerate(child)]
            elif child is not None:
                stack.append(((*location, key), child))


def mapped(schema: JsonSchema, change: Callable[[JsonSchema], JsonSchema]) -> JsonSchema:
    """A copy of ``schema`` with ``change`` applied to a shallow copy of each subschema."""
    result = change(dict(schema))
    for key in _SCHEMA_MAPS:
        if isinstance(result.get(key), dict):
            result[key] = {name: _mapped(child, change) for name, child in result[key].items()}
    for key in _SCHEMA_LISTS:
        if isinstance(result.get(key), list):
            result[key] = [_mapped(child, change) for child in result[key]]
    for key in _SCHEMAS:
        child = result.get(key)
        if isinstance(child, list):
            result[key] = [_mapped(grandchild, change) for grandchild in child]
        elif isinstance(child, dict):
            result[key] = _mapped(child, change)
    return result


def _mapped(child: Any, change: Callable[[JsonSchema], JsonSchema]) -> Any:
    return mapped(child, change) if isinstance(child, dict) else child


def closed(schema: JsonSchema) -> JsonSchema:
    """``schema`` with ``additionalProperties: false`` on objects that list their properties.

    pydantic ignores unknown keys by default, so its schemas leave objects open; a model that
    decodes under an open object may write any key it likes. A class that wants extra keys
    says so (``extra="allow"``) and keeps them.
    """

    def close(node: JsonSchema) -> JsonSchema:
        if "properties" in node and "additionalProperties" not in node:
            node["additionalProperties"] = False
        return node

    return mapped(schema, close)


def resolved(root: Any, schema: Any) -> Any:
    """``schema``, or what its ``$ref`` stands for: a place in ``root``; ``None`` for no place."""
    seen = set()
    while isinstance(schema, dict) and "$ref" in schema:
        reference = schema["$ref"]
        if not isinstance(reference, str) or reference in seen:
            return None
        seen.add(reference)
        schema = pointed(root, reference)
    return schema


def pointed(root: Any, reference: str) -> Any:
    """What ``#/…`` points at in ``root``, ``None`` when there is nothing there."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    node = root
    for step in reference.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or step not in node:
            return None
        node = node[step]
    return node


KINDS = ("null", "boolean", "integer", "number", "string", "array", "object")
"""JSON's types; ``integer`` is a part of ``number``."""


def kind_of(value: Any) -> str:
    """The JSON type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"
