"""JSON Schemas for models: pydantic's, without noise, and with objects closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import core_schema

JsonSchema = dict[str, Any]

# Where a JSON Schema (any draft from 4 to 2020-12) holds further schemas.
_SCHEMA_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
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


class SchemaGenerator(GenerateJsonSchema):
    """pydantic's generator without titles that only repeat a field's name.

    A default that JSON cannot carry is left out of the schema without a warning: validation
    still applies it, and a schema has no way to show it.
    """

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never: a title made from the field's name tells a model nothing."""
        return False

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Stay silent about defaults that JSON cannot carry."""
        if kind != "non-serializable-default":
            super().emit_warning(kind, detail)

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchema:
        """A decimal as a JSON string of digits: exact, where a JSON number passes through a float.

        Validation takes numbers too; bounds and digit counts are left to it.
        """
        return {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}


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
